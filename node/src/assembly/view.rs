//! What requests see: members, placements, schema and liveness as of one moment. Immutable.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ring::placement::Placement;
use starling_ring::topology::{Topology, TopologyError};
use starling_ring::{HostId, Member};
use starling_storage::model::TableId;

use crate::cluster::{Cluster, Metadata};
use crate::schema::{Schema, Table};
use crate::system::with_system;

/// A request holds one view from start to end.
pub struct View {
    /// This node.
    pub local: HostId,
    /// Its place in `topology.members()`.
    pub local_index: u16,
    /// Its datacentre.
    pub local_datacenter: String,
    /// The metadata that all below is made of.
    pub metadata: Arc<Metadata>,
    /// Members and tokens.
    pub topology: Topology,
    /// User keyspaces and the system's.
    pub schema: Arc<Schema>,
    /// Version of the schema, as clients compare it.
    pub schema_version: uuid::Uuid,
    placements: BTreeMap<String, Placement>,
    tables: BTreeMap<TableId, Arc<Table>>,
    alive: Vec<bool>,
}

impl View {
    /// The view of a cluster's present state; `None` before the node is a member.
    pub fn build(cluster: &Cluster, previous: Option<&Arc<View>>) -> Result<Option<View>, TopologyError> {
        let Some(metadata) = cluster.metadata().cloned() else { return Ok(None) };
        let topology = Topology::new(metadata.epoch, metadata.members.clone())?;
        let local = cluster.host_id();
        let Some(local_index) = topology.index_of(local) else { return Ok(None) };
        let same_schema = previous.filter(|p| p.metadata.epoch == metadata.epoch);
        let schema = match same_schema {
            Some(previous) => previous.schema.clone(),
            None => Arc::new(with_system(&metadata.schema)),
        };
        let schema_version = metadata.schema.version();
        let placements =
            schema.keyspaces.values().map(|k| (k.name.clone(), Placement::new(&topology, &k.replication))).collect();
        let tables = schema
            .keyspaces
            .values()
            .flat_map(|k| k.tables.values())
            .map(|t| (t.table.id, t.clone()))
            .collect();
        let alive = topology.members().iter().map(|m| cluster.is_alive(m.host_id)).collect();
        let local_datacenter = topology.members()[usize::from(local_index)].datacenter.clone();
        Ok(Some(View { local, local_index, local_datacenter, metadata, topology, schema, schema_version, placements, tables, alive }))
    }

    /// Where a keyspace's data lives.
    pub fn placement(&self, keyspace: &str) -> Option<&Placement> {
        self.placements.get(keyspace)
    }

    /// A table by its number.
    pub fn table(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// The tables that users made.
    pub fn user_tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.metadata.schema.keyspaces.values().filter(|k| !k.is_virtual).flat_map(|k| k.tables.values())
    }

    /// Whether the member at `index` is seen alive.
    pub fn is_alive(&self, index: u16) -> bool {
        self.alive.get(usize::from(index)).copied().unwrap_or(false)
    }

    /// The member at `index`.
    pub fn member(&self, index: u16) -> &Member {
        &self.topology.members()[usize::from(index)]
    }
}
