//! Fences: a replica serves a request only if it and the coordinator agree on who owns the data.
//!
//! They may stand on different entries of the log and agree all the same: what counts is that neither lacks the last
//! change of the range's replicas.

use starling_ring::{HostId, Token};
use starling_storage::model::{Mutation, ReadCommand, ReadTarget};

use super::View;
use super::view::Ranges;
use crate::cluster::LogPosition;
use crate::message::{Fence, ReplicaAnswer, ReplicaFailure};

/// What a replica answers that does not serve a request.
type Check = Result<(), ReplicaAnswer>;

impl View {
    /// What this node knows of who owns `token` among the ranges of a keyspace.
    pub(super) fn fence(&self, ranges: &Ranges, token: Token) -> Fence {
        Fence { position: self.metadata.position, changed_at: ranges.history.changed_at(token) }
    }

    /// The same for what a read asks for.
    pub(super) fn read_fence(&self, ranges: &Ranges, target: &ReadTarget) -> Fence {
        Fence { position: self.metadata.position, changed_at: changed_at(ranges, target) }
    }

    /// Whether this node may apply a mutation as a replica.
    pub(super) fn check_write(&self, fence: Fence, coordinator: HostId, mutation: &Mutation) -> Check {
        self.check_coordinator(fence, coordinator)?;
        // Of tables that are not known here the store says what to do.
        let Some(ranges) = self.table_ranges(mutation.table.id) else { return Ok(()) };
        let token = mutation.partition.token;
        self.check_changes(fence, ranges.history.changed_at(token))?;
        self.check_owner(ranges, token)
    }

    /// Whether this node may answer a read as a replica.
    pub(super) fn check_read(&self, fence: Fence, coordinator: HostId, command: &ReadCommand) -> Check {
        self.check_coordinator(fence, coordinator)?;
        let Some(ranges) = self.table_ranges(command.table.id) else { return Ok(()) };
        self.check_changes(fence, changed_at(ranges, &command.target))?;
        match &command.target {
            ReadTarget::Partition { token, .. } => self.check_owner(ranges, *token),
            ReadTarget::TokenRange { start, end } => {
                let within = ranges.placement.ranges().filter(|(from, to, _)| *to > *start && *from < *end);
                let is_owner = within.into_iter().all(|(_, _, replicas)| replicas.contains(&self.local_index));
                if is_owner { Ok(()) } else { Err(ReplicaAnswer::Stale(self.metadata.position)) }
            }
        }
    }

    /// A coordinator that is not part of the cluster any more is not served, whatever it knows.
    fn check_coordinator(&self, fence: Fence, coordinator: HostId) -> Check {
        let own = self.metadata.position;
        if fence.position.generation < own.generation || self.metadata.lost.contains(&coordinator) {
            return Err(ReplicaAnswer::Stale(own));
        }
        // This node's entries may not be part of that generation.
        if fence.position.generation > own.generation {
            return Err(ReplicaFailure::Behind.into());
        }
        if self.topology().index_of(coordinator).is_none() {
            let is_new = fence.position > own;
            return Err(if is_new { ReplicaFailure::Behind.into() } else { ReplicaAnswer::Stale(own) });
        }
        Ok(())
    }

    fn check_changes(&self, fence: Fence, changed_at: LogPosition) -> Check {
        if fence.changed_at > self.metadata.position {
            return Err(ReplicaFailure::Behind.into());
        }
        if changed_at > fence.position {
            return Err(ReplicaAnswer::Stale(self.metadata.position));
        }
        Ok(())
    }

    fn check_owner(&self, ranges: &Ranges, token: Token) -> Check {
        if ranges.placement.replicas(token).contains(&self.local_index) {
            return Ok(());
        }
        Err(ReplicaAnswer::Stale(self.metadata.position))
    }
}

fn changed_at(ranges: &Ranges, target: &ReadTarget) -> LogPosition {
    match target {
        ReadTarget::Partition { token, .. } => ranges.history.changed_at(*token),
        ReadTarget::TokenRange { start, end } => ranges.history.changed_within(*start, *end),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use starling_cql_lite::parser::parse_statement;
    use starling_ring::Member;
    use starling_storage::model::{Partition, TableRef};
    use uuid::Uuid;

    use super::*;
    use crate::cluster::{
        Change, Cluster, ClusterConfig, Entry, EntryId, Generation, Identity, Metadata, StoredLog, journal,
    };
    use crate::schema::{ChangeContext, SchemaDelta, apply};

    fn member(number: u8) -> Member {
        let address = std::net::IpAddr::from([10, 0, 0, number]);
        Member {
            datacenter: "dc1".into(),
            rack: "r1".into(),
            tokens: vec![Token(i64::from(number) * 1_000)],
            ..Member::at(HostId(Uuid::from_u128(u128::from(number))), address)
        }
    }

    fn after(metadata: &Metadata, change: Change) -> Metadata {
        let id = EntryId { proposer: member(1).host_id, life: 1, number: 1 };
        let position = metadata.position.next();
        let deciders = metadata.deciders.clone();
        let entry = Entry { position, id, proposed_at_ms: 0, summary: String::new(), change, deciders };
        metadata.apply(&entry).expect("it fits")
    }

    fn after_statement(metadata: &Metadata, text: &str) -> Metadata {
        let statement = parse_statement(text).expect("CQL").statement;
        let datacenters = BTreeMap::from([("dc1".to_owned(), 3)]);
        let context = ChangeContext { new_uuid: Uuid::from_u128(9), datacenters: &datacenters };
        let schema = apply(&metadata.schema, None, &statement, &context).expect("valid").schema;
        after(metadata, Change::Schema(SchemaDelta::between(&metadata.schema, &schema)))
    }

    /// Members 1 to 3 and a table of one replica: a token up to 1,000 is member 1's, up to 2,000 member 2's, and so on.
    fn cluster() -> Metadata {
        let mut metadata = Metadata::found(Uuid::from_u128(7), "c".into(), member(1));
        for number in [2, 3] {
            metadata = after(&metadata, Change::Joining { member: member(number), replaces: None });
            metadata = after(&metadata, Change::Joined(member(number).host_id));
        }
        let keyspace = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
        after_statement(&after_statement(&metadata, keyspace), "CREATE TABLE k.t (a int PRIMARY KEY)")
    }

    fn view_of(local: u8, metadata: &Metadata) -> View {
        let records = journal::Journal::default().restart(metadata).expect("small");
        let stored = records.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let identity = Identity {
            member: member(local),
            generation: 1,
            cluster_name: "c".into(),
            num_tokens: 1,
            seeds: Vec::new(),
            cluster_id_if_founding: Uuid::nil(),
            replaces: None,
        };
        let stored = StoredLog::load(stored).expect("what was written");
        let cluster = Cluster::new(ClusterConfig::default(), identity, stored, 0);
        View::build(&cluster, None).expect("a topology").expect("a member")
    }

    fn fence_of(view: &View) -> Fence {
        view.fence(view.ranges("k").expect("it is there"), Token(1_500))
    }

    fn write(metadata: &Metadata, token: i64) -> Mutation {
        let table: TableRef = metadata.schema.keyspaces["k"].tables["t"].table;
        let partition = Partition {
            token: Token(token),
            key: Bytes::from_static(b"key"),
            deletion: None,
            range_tombstones: Vec::new(),
            static_row: None,
            rows: Vec::new(),
        };
        Mutation { table, issue_stamp: 0, partition }
    }

    #[test]
    fn what_neither_lacks_is_served_by_its_owner() {
        let metadata = cluster();
        let (second, third) = (view_of(2, &metadata), view_of(3, &metadata));
        let fence = fence_of(&view_of(1, &metadata));
        let coordinator = member(1).host_id;
        assert_eq!(second.check_write(fence, coordinator, &write(&metadata, 1_500)), Ok(()));
        let refused = third.check_write(fence, coordinator, &write(&metadata, 1_500));
        assert_eq!(refused, Err(ReplicaAnswer::Stale(metadata.position)));
    }

    /// Entries that have nothing to do with the range are no obstacle, whoever lacks them.
    #[test]
    fn other_entries_hold_up_nothing() {
        let metadata = cluster();
        let later = after_statement(&metadata, "CREATE TABLE k.u (a int PRIMARY KEY)");
        let write = write(&metadata, 1_500);
        for (here, there) in [(&metadata, &later), (&later, &metadata)] {
            let fence = fence_of(&view_of(1, here));
            assert_eq!(view_of(2, there).check_write(fence, member(1).host_id, &write), Ok(()));
        }
    }

    #[test]
    fn whoever_lacks_the_last_change_is_told() {
        let metadata = cluster();
        let two = "ALTER KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}";
        let later = after_statement(&metadata, two);
        let write = write(&metadata, 1_500);
        let coordinator = member(1).host_id;
        let stale = fence_of(&view_of(1, &metadata));
        let refused = view_of(2, &later).check_write(stale, coordinator, &write);
        assert_eq!(refused, Err(ReplicaAnswer::Stale(later.position)));
        let newer = fence_of(&view_of(1, &later));
        let behind = view_of(2, &metadata).check_write(newer, coordinator, &write);
        assert_eq!(behind, Err(ReplicaFailure::Behind.into()));
        assert_eq!(view_of(3, &later).check_write(newer, coordinator, &write), Ok(()), "it owns it now");
    }

    #[test]
    fn strangers_and_earlier_generations_are_not_served() {
        let metadata = cluster();
        let view = view_of(2, &metadata);
        let fence = fence_of(&view);
        let write = write(&metadata, 1_500);
        let stale = Err(ReplicaAnswer::Stale(metadata.position));
        assert_eq!(view.check_write(fence, member(9).host_id, &write), stale);
        let newer = Fence { position: fence.position.next(), ..fence };
        assert_eq!(view.check_write(newer, member(9).host_id, &write), Err(ReplicaFailure::Behind.into()));
        let generation = Generation::FIRST.next(5).expect("a second one");
        let position = LogPosition { generation, epoch: metadata.position.epoch + 1 };
        let id = EntryId { proposer: member(2).host_id, life: 1, number: 0 };
        let change = Change::Recovered { lost: vec![member(1).host_id] };
        let deciders = vec![member(2).host_id];
        let entry = Entry { position, id, proposed_at_ms: 0, summary: String::new(), change, deciders };
        let recovered = metadata.apply(&entry).expect("it fits");
        let view = view_of(2, &recovered);
        let stale = Err(ReplicaAnswer::Stale(recovered.position));
        assert_eq!(view.check_write(fence, member(3).host_id, &write), stale, "it has not heard of the new generation");
        let renewed = Fence { position, ..fence };
        assert_eq!(view.check_write(renewed, member(3).host_id, &write), Ok(()));
        assert_eq!(view.check_write(renewed, member(1).host_id, &write), stale, "it was given up");
        let earlier = view_of(3, &metadata);
        assert_eq!(earlier.check_write(renewed, member(2).host_id, &write), Err(ReplicaFailure::Behind.into()));
    }

    #[test]
    fn a_scan_needs_all_of_its_range() {
        let metadata = cluster();
        let view = view_of(2, &metadata);
        let read = |start, end| {
            let target = ReadTarget::TokenRange { start: Token(start), end: Token(end) };
            let table = metadata.schema.keyspaces["k"].tables["t"].table;
            let fence = view.read_fence(view.ranges("k").expect("it is there"), &target);
            let command = ReadCommand {
                table,
                has_clustering: false,
                gc_grace_s: 0,
                target,
                slices: Vec::new(),
                reversed: false,
                row_limit: 1,
                per_partition_limit: 1,
                size_limit_bytes: 1,
                now_s: 0,
                resume: None,
            };
            view.check_read(fence, member(1).host_id, &command)
        };
        assert_eq!(read(1_000, 2_000), Ok(()));
        assert_eq!(read(1_200, 1_300), Ok(()));
        assert!(read(900, 2_000).is_err() && read(1_500, 2_001).is_err());
    }
}
