//! Cluster metadata: who the members are and what the schema is, as one numbered snapshot.

use serde::{Deserialize, Serialize};
use starling_ring::{HostId, Member};
use uuid::Uuid;

use crate::schema::Schema;

/// Membership, ownership and schema as of one epoch. Immutable: a change makes the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Identity of the cluster, made when it was founded.
    pub cluster_id: Uuid,
    /// Name that nodes must be configured with.
    pub cluster_name: String,
    /// Number of this snapshot, from 1.
    pub epoch: u64,
    /// Members in order of host id.
    pub members: Vec<Member>,
    /// Keyspaces and tables of users.
    pub schema: Schema,
}

impl Metadata {
    /// The first snapshot of a new cluster.
    pub fn found(cluster_id: Uuid, cluster_name: String, founder: Member) -> Self {
        Metadata { cluster_id, cluster_name, epoch: 1, members: vec![founder], schema: Schema::default() }
    }

    /// The member with this identity.
    pub fn member(&self, host_id: HostId) -> Option<&Member> {
        self.members.iter().find(|m| m.host_id == host_id)
    }

    /// The next snapshot, with `member` added or put in place of its former record.
    pub fn with_member(&self, member: Member) -> Self {
        let mut next = self.clone();
        next.epoch += 1;
        next.members.retain(|m| m.host_id != member.host_id);
        next.members.push(member);
        next.members.sort_by_key(|m| m.host_id);
        next
    }

    /// The next snapshot, with another schema.
    pub fn with_schema(&self, schema: Schema) -> Self {
        Metadata { epoch: self.epoch + 1, schema, ..self.clone() }
    }

    /// Whether users have made tables: then the cluster may hold data that a joiner would need.
    pub fn has_user_tables(&self) -> bool {
        self.schema.keyspaces.values().any(|k| !k.is_virtual && !k.tables.is_empty())
    }
}
