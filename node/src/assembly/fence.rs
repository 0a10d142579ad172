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
    /// What this node knows of who owns `token`.
    pub(super) fn fence(&self, keyspace: &str, token: Token) -> Fence {
        let changed_at = self.ranges(keyspace).map_or(LogPosition::ZERO, |ranges| ranges.history.changed_at(token));
        Fence { position: self.metadata.position, changed_at }
    }

    /// The same for what a read asks for.
    pub(super) fn read_fence(&self, keyspace: &str, target: &ReadTarget) -> Fence {
        let changed_at = self.ranges(keyspace).map_or(LogPosition::ZERO, |ranges| changed_at(ranges, target));
        Fence { position: self.metadata.position, changed_at }
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
