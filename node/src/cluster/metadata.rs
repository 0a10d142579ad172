//! Cluster metadata: who the members are and what the schema is, as of one entry of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use starling_ring::{HostId, Member};
use uuid::Uuid;

use super::LogPosition;
use super::ownership::RangeHistory;
use crate::schema::Schema;

/// Former members that are remembered by name, the latest last. Others are refused as unknown.
pub const FORMER_MAX: usize = 1_000;

/// Membership, ownership and schema as of one entry. Immutable: each entry makes the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Identity of the cluster, made when it was founded.
    pub cluster_id: Uuid,
    /// Name that nodes must be configured with.
    pub cluster_name: String,
    /// The last entry that it contains.
    pub position: LogPosition,
    /// Who decides the next entry.
    pub deciders: Vec<HostId>,
    /// Members in order of host id: they own ranges.
    pub members: Vec<Member>,
    /// Nodes on their way in: they own nothing yet.
    pub joining: Vec<Joiner>,
    /// Members on their way out.
    pub leaving: BTreeSet<HostId>,
    /// Members given up at a recovery: owners still, but refused.
    pub lost: BTreeSet<HostId>,
    /// Nodes that were members.
    pub former: Vec<Former>,
    /// The last entry of each earlier generation that is part of this log.
    pub lineage: Vec<LogPosition>,
    /// Keyspaces and tables of users.
    pub schema: Schema,
    /// The last entry that changed what clients see of the schema.
    pub schema_position: LogPosition,
    /// Since when each range has had its replicas, by keyspace.
    pub ownership: BTreeMap<String, RangeHistory>,
}

/// A node on its way in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Joiner {
    /// The node with the tokens that it will have.
    pub member: Member,
    /// The member whose place and tokens it takes.
    pub replaces: Option<HostId>,
    /// When it was let in.
    pub since: LogPosition,
}

/// A node that was a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Former {
    /// The node.
    pub host_id: HostId,
    /// Where it was.
    pub listen_address: IpAddr,
    /// The port there.
    pub storage_port: u16,
    /// Who has replaced it; `None`: it has left.
    pub replaced_by: Option<HostId>,
    /// By which entry.
    pub since: LogPosition,
}

/// A node's standing in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On its way in.
    Joining,
    /// A member.
    Normal,
    /// On its way out.
    Leaving,
    /// Given up at a recovery.
    Lost,
    /// Was a member and has left.
    Left,
    /// Was a member and has been replaced.
    Replaced,
    /// Never heard of (or long forgotten).
    Unknown,
}

impl Standing {
    /// As `starling admin` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Joining => "joining",
            Standing::Normal => "normal",
            Standing::Leaving => "leaving",
            Standing::Lost => "lost",
            Standing::Left => "left",
            Standing::Replaced => "replaced",
            Standing::Unknown => "unknown",
        }
    }

    /// Whether it takes part in the cluster.
    pub fn is_admitted(self) -> bool {
        matches!(self, Standing::Joining | Standing::Normal | Standing::Leaving)
    }
}

impl Metadata {
    /// The first snapshot of a new cluster: the founder decides alone.
    pub fn found(cluster_id: Uuid, cluster_name: String, founder: Member) -> Self {
        Metadata {
            cluster_id,
            cluster_name,
            position: LogPosition::FIRST,
            deciders: vec![founder.host_id],
            members: vec![founder],
            joining: Vec::new(),
            leaving: BTreeSet::new(),
            lost: BTreeSet::new(),
            former: Vec::new(),
            lineage: Vec::new(),
            schema: Schema::default(),
            schema_position: LogPosition::FIRST,
            ownership: BTreeMap::new(),
        }
    }

    /// Number of its last entry.
    pub fn epoch(&self) -> u64 {
        self.position.epoch
    }

    /// The member with this identity.
    pub fn member(&self, host_id: HostId) -> Option<&Member> {
        let at = self.members.binary_search_by_key(&host_id, |member| member.host_id).ok()?;
        self.members.get(at)
    }

    /// The node on its way in with this identity.
    pub fn joiner(&self, host_id: HostId) -> Option<&Joiner> {
        self.joining.iter().find(|joiner| joiner.member.host_id == host_id)
    }

    /// A member or a node on its way in.
    pub fn node(&self, host_id: HostId) -> Option<&Member> {
        self.member(host_id).or_else(|| self.joiner(host_id).map(|joiner| &joiner.member))
    }

    /// All that take part: members but those given up, and nodes on their way in.
    pub fn admitted(&self) -> impl Iterator<Item = &Member> {
        let members = self.members.iter().filter(|member| !self.lost.contains(&member.host_id));
        members.chain(self.joining.iter().map(|joiner| &joiner.member))
    }

    /// Members that may decide.
    pub fn eligible(&self) -> Vec<&Member> {
        let stays = |host: &HostId| !self.lost.contains(host) && !self.leaving.contains(host);
        self.members.iter().filter(|member| stays(&member.host_id)).collect()
    }

    /// A node's standing.
    pub fn standing(&self, host_id: HostId) -> Standing {
        if self.lost.contains(&host_id) {
            return Standing::Lost;
        }
        if self.member(host_id).is_some() {
            return if self.leaving.contains(&host_id) { Standing::Leaving } else { Standing::Normal };
        }
        if self.joiner(host_id).is_some() {
            return Standing::Joining;
        }
        match self.former.iter().rev().find(|former| former.host_id == host_id) {
            Some(former) if former.replaced_by.is_some() => Standing::Replaced,
            Some(_) => Standing::Left,
            None => Standing::Unknown,
        }
    }

    /// Whether the log of a node that stands at `position` is the beginning of this one.
    pub fn continues(&self, position: LogPosition) -> bool {
        if position.generation == self.position.generation {
            return position.epoch <= self.position.epoch;
        }
        self.lineage.iter().any(|last| last.generation == position.generation && position.epoch <= last.epoch)
    }

    /// Version of the schema as clients compare it: the same on all nodes that stand on the same entry, another one
    /// after each that changes what they see.
    pub fn schema_version(&self) -> Uuid {
        schema_version(self.cluster_id, self.schema_position)
    }

    /// Whether users have made tables: then the cluster may hold data that a joiner would need.
    pub fn has_user_tables(&self) -> bool {
        self.schema.keyspaces.values().any(|k| !k.is_virtual && !k.tables.is_empty())
    }
}

/// The version of the schema that an entry made.
pub fn schema_version(cluster_id: Uuid, position: LogPosition) -> Uuid {
    let bytes = [&cluster_id.as_bytes()[..], &position.to_bytes()[..]].concat();
    let hash = xxhash_rust::xxh3::xxh3_128(&bytes);
    uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid()
}
