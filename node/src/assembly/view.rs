//! What requests see: members, placements, schema and liveness as of one moment. Immutable.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_ring::HostId;
use starling_ring::placement::Placement;
use starling_ring::topology::{Topology, TopologyError};
use starling_storage::model::TableId;

use crate::cluster::ownership::RangeHistory;
use crate::cluster::{Cluster, Metadata};
use crate::schema::{Keyspace, Schema, Table};
use crate::system::with_system;

/// What follows from one epoch of the metadata; shared by all views of that epoch.
struct Layout {
    topology: Topology,
    schema: Arc<Schema>,
    schema_version: uuid::Uuid,
    ranges: BTreeMap<String, Arc<Ranges>>,
    /// The same by table.
    table_ranges: BTreeMap<TableId, Arc<Ranges>>,
    tables: BTreeMap<TableId, Arc<Table>>,
}

/// Who owns a keyspace's ranges, and since when.
pub(super) struct Ranges {
    pub placement: Placement,
    pub history: RangeHistory,
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
        let topology = Topology::new(metadata.epoch(), metadata.members.clone())?;
        let schema = Arc::new(with_system(&metadata.schema));
        let ranges_of = |keyspace: &Keyspace| Ranges {
            placement: Placement::new(&topology, &keyspace.replication),
            history: metadata.ownership.get(&keyspace.name).cloned().unwrap_or_default(),
        };
        let ranges: BTreeMap<String, Arc<Ranges>> =
            schema.keyspaces.values().map(|k| (k.name.clone(), Arc::new(ranges_of(k)))).collect();
        let of_table = |table: &Arc<Table>| Some((table.table.id, ranges.get(&table.keyspace)?.clone()));
        let table_ranges = schema.keyspaces.values().flat_map(|k| k.tables.values()).filter_map(of_table).collect();
        let tables =
            schema.keyspaces.values().flat_map(|k| k.tables.values()).map(|t| (t.table.id, t.clone())).collect();
        Ok(Layout { schema_version: metadata.schema_version(), topology, schema, ranges, table_ranges, tables })
    }
}

impl View {
    /// The view of a cluster's present state; `None` before the node is a member. What follows from the
    /// metadata alone is taken over from a previous view of the same epoch.
    pub fn build(cluster: &Cluster, previous: Option<&Arc<View>>) -> Result<Option<View>, TopologyError> {
        let Some(metadata) = cluster.metadata().cloned() else {
            return Ok(None);
        };
        let layout = match previous.filter(|p| p.metadata.position == metadata.position) {
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
        self.ranges(keyspace).map(|ranges| &ranges.placement)
    }

    pub(super) fn ranges(&self, keyspace: &str) -> Option<&Ranges> {
        self.layout.ranges.get(keyspace).map(Arc::as_ref)
    }

    pub(super) fn table_ranges(&self, table: TableId) -> Option<&Ranges> {
        self.layout.table_ranges.get(&table).map(Arc::as_ref)
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
