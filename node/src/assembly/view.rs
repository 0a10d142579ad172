//! What requests see: members, placements, schema and liveness as of one moment. Immutable.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ring::HostId;
use starling_ring::placement::{Placement, ReplicationStrategy};
use starling_ring::topology::{Topology, TopologyError};
use starling_storage::model::TableId;

use crate::cluster::{Cluster, Metadata};
use crate::schema::{Schema, Table};
use crate::system::with_system;

/// What follows from one epoch of the metadata; shared by all views of that epoch.
struct Layout {
    topology: Topology,
    schema: Arc<Schema>,
    schema_version: uuid::Uuid,
    placements: BTreeMap<String, Placement>,
    tables: BTreeMap<TableId, Arc<Table>>,
}

/// A request holds one view from start to end.
pub struct View {
    /// This node.
    pub local: HostId,
    /// Its place in the topology's members.
    pub local_index: u16,
    /// Its datacentre.
    pub local_datacenter: String,
    /// The metadata that all below is made of.
    pub metadata: Arc<Metadata>,
    layout: Arc<Layout>,
    alive: Vec<bool>,
}

impl Layout {
    fn new(metadata: &Metadata) -> Result<Self, TopologyError> {
        let topology = Topology::new(metadata.epoch, metadata.members.clone())?;
        let schema = Arc::new(with_system(&metadata.schema));
        let placement = |strategy: &ReplicationStrategy| Placement::new(&topology, strategy);
        let placements = schema.keyspaces.values().map(|k| (k.name.clone(), placement(&k.replication))).collect();
        let tables =
            schema.keyspaces.values().flat_map(|k| k.tables.values()).map(|t| (t.table.id, t.clone())).collect();
        Ok(Layout { schema_version: metadata.schema.version(), topology, schema, placements, tables })
    }
}

impl View {
    /// The view of a cluster's present state; `None` before the node is a member. What follows from the
    /// metadata alone is taken over from a previous view of the same epoch.
    pub fn build(cluster: &Cluster, previous: Option<&Arc<View>>) -> Result<Option<View>, TopologyError> {
        let Some(metadata) = cluster.metadata().cloned() else {
            return Ok(None);
        };
        let layout = match previous.filter(|p| p.metadata.epoch == metadata.epoch) {
            Some(previous) => previous.layout.clone(),
            None => Arc::new(Layout::new(&metadata)?),
        };
        let local = cluster.host_id();
        let topology = &layout.topology;
        let Some((local_index, member)) = topology.index_of(local).and_then(|i| Some((i, topology.member(i)?))) else {
            return Ok(None);
        };
        let local_datacenter = member.datacenter.clone();
        let alive = topology.members().iter().map(|m| cluster.is_alive(m.host_id)).collect();
        Ok(Some(View { local, local_index, local_datacenter, metadata, layout, alive }))
    }

    /// Members and tokens.
    pub fn topology(&self) -> &Topology {
        &self.layout.topology
    }

    /// User keyspaces and the system's.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.layout.schema
    }

    /// Version of the schema, as clients compare it.
    pub fn schema_version(&self) -> uuid::Uuid {
        self.layout.schema_version
    }

    /// Where a keyspace's data lives.
    pub fn placement(&self, keyspace: &str) -> Option<&Placement> {
        self.layout.placements.get(keyspace)
    }

    /// A table by its number.
    pub fn table(&self, id: TableId) -> Option<&Arc<Table>> {
        self.layout.tables.get(&id)
    }

    /// The tables that users made.
    pub fn user_tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.metadata.schema.keyspaces.values().filter(|k| !k.is_virtual).flat_map(|k| k.tables.values())
    }

    /// Whether the member at `index` is seen alive.
    pub fn is_alive(&self, index: u16) -> bool {
        self.alive.get(usize::from(index)).copied().unwrap_or(false)
    }
}
