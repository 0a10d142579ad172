//! The system keyspaces: tables that clients read and that each node makes up from what it knows. Pure.
//!
//! Their columns are those of Apache Cassandra 5.0, because drivers and cqlsh look for them by name.

mod definition;
mod keyspaces;
mod local;
mod partitions;
mod peers;
mod schema_rows;
mod traces;
mod views;
mod virtual_schema_rows;
mod wire;

use std::collections::BTreeMap;

use starling_ring::{HostId, Member};
use starling_storage::model::Partition;
use uuid::Uuid;

use crate::schema::{Schema, Table};
use partitions::PartitionsBuilder;

pub use keyspaces::{is_system_keyspace, with_system};
pub use traces::TraceSession;

/// The version that clients see. From 5.0.0 on they use server-side DESCRIBE and the modern schema tables.
pub const RELEASE_VERSION: &str = "5.0.0-starling";
/// Version of the CQL language.
pub const CQL_VERSION: &str = "3.4.7";
/// Highest version of the native protocol.
pub const NATIVE_PROTOCOL_VERSION: &str = "5";
/// The partitioner by the name that clients know.
pub const PARTITIONER: &str = "org.apache.cassandra.dht.Murmur3Partitioner";
/// The snitch by the name that clients know: datacentre and rack are settings of each node.
pub const SNITCH: &str = "org.apache.cassandra.locator.GossipingPropertyFileSnitch";

/// Names and values; no value: not set.
pub type Listing = Vec<(&'static str, Option<String>)>;

/// What a node knows when it answers a query on a system table.
#[derive(Clone, Copy, Debug)]
pub struct ClusterView<'a> {
    /// Name of the cluster.
    pub cluster_name: &'a str,
    /// This node.
    pub local: HostId,
    /// All members, this node among them.
    pub members: &'a [Member],
    /// The schema with the system keyspaces, see [`with_system`].
    pub schema: &'a Schema,
    /// Version of the schema here.
    pub schema_version: Uuid,
    /// Versions of those members that have not got so far.
    pub lagging: &'a BTreeMap<HostId, Uuid>,
    /// Generation of this node's gossip state: seconds since 1970 at its start.
    pub gossip_generation: u32,
    /// Settings of this node.
    pub settings: &'a Listing,
    /// Requests that this node was asked to trace; only for queries on `system_traces`.
    pub traces: &'a [TraceSession],
}

impl ClusterView<'_> {
    fn schema_version_of(&self, host: HostId) -> Uuid {
        self.lagging.get(&host).copied().unwrap_or(self.schema_version)
    }
}

/// The contents of a system table, in order of token and key. Tables that only exist because clients expect them
/// are empty, and so is any table of a user keyspace.
pub fn rows(table: &Table, view: &ClusterView<'_>) -> Vec<Partition> {
    let mut builder = PartitionsBuilder::new(table);
    match (table.keyspace.as_str(), table.name.as_str()) {
        ("system", "local") => local::local(view, &mut builder),
        ("system", "peers") => peers::peers(view, &mut builder),
        ("system", "peers_v2") => peers::peers_v2(view, &mut builder),
        ("system_schema", "keyspaces") => schema_rows::keyspaces(view.schema, &mut builder),
        ("system_schema", "tables") => schema_rows::tables(view.schema, &mut builder),
        ("system_schema", "columns") => schema_rows::columns(view.schema, &mut builder),
        ("system_traces", "sessions") => traces::sessions(view, &mut builder),
        ("system_traces", "events") => traces::events(view, &mut builder),
        ("system_virtual_schema", "keyspaces") => virtual_schema_rows::keyspaces(view.schema, &mut builder),
        ("system_virtual_schema", "tables") => virtual_schema_rows::tables(view.schema, &mut builder),
        ("system_virtual_schema", "columns") => virtual_schema_rows::columns(view.schema, &mut builder),
        ("system_views", "settings") => views::settings(view, &mut builder),
        _ => {}
    }
    builder.finish()
}
