//! The queries of clients, planned and run as a node runs them.

use bytes::Bytes;
use starling_cql_lite::collection::encode_list;
use starling_cql_lite::parser::parse_statement;
use starling_node::plan::{BindContext, BoundValue, BoundValues, Operation, Page, ReadProgress, prepare};
use starling_node::system::rows;
use starling_storage::store::read_partitions;

use super::fixture::Fixture;

fn run(fixture: &Fixture, query: &str, values: Vec<BoundValue>, page_size: Option<u32>, state: Option<Bytes>) -> Page {
    let parsed = parse_statement(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let prepared = prepare(&fixture.schema, None, parsed).unwrap_or_else(|error| panic!("{query}: {error}"));
    let context = BindContext {
        now_us: 1_700_000_000_000_000,
        now_s: 1_700_000_000,
        client_timestamp_us: None,
        stamp: 1_700_000_000_000_000,
        entropy: 7,
        page_size,
        paging_state: state,
    };
    let operation = prepared.bind(BoundValues::Positional(values), &context).unwrap();
    let Operation::Read(read) = operation else { panic!("{query}") };
    assert!(read.is_virtual());
    let partitions = rows(read.table(), &fixture.view());
    let mut progress = ReadProgress::new(*read);
    while let Some(command) = progress.next_command() {
        progress.feed(read_partitions(&command, &partitions), None).unwrap();
    }
    progress.finish().unwrap()
}

fn select(fixture: &Fixture, query: &str) -> Page {
    run(fixture, query, Vec::new(), None, None)
}

#[test]
fn every_query_of_clients_is_answered() {
    let fixture = Fixture::new();
    for query in CLIENT_QUERIES {
        let page = select(&fixture, query);
        let all = page.rows().filter(|row| row.iter().any(Option::is_some)).count();
        assert_eq!(all, page.row_count(), "{query}");
    }
}

#[test]
fn answers_hold_what_was_asked_for() {
    let fixture = Fixture::new();
    let count = |query: &str| select(&fixture, query).row_count();
    assert_eq!(count("SELECT * FROM system.local WHERE key = 'local'"), 1);
    assert_eq!(count("SELECT * FROM system.local WHERE key = 'other'"), 0);
    assert_eq!(count("SELECT * FROM system.peers"), 2);
    assert_eq!(count("SELECT * FROM system.peers_v2"), 2);
    assert_eq!(count("SELECT * FROM system.peers_v2 WHERE peer = '127.0.0.2' AND peer_port = 7000"), 1);
    assert_eq!(count("SELECT * FROM system_schema.keyspaces WHERE keyspace_name = 'ks'"), 1);
    assert_eq!(count("SELECT * FROM system_schema.tables WHERE keyspace_name = 'ks' AND table_name = 'T1'"), 1);
    assert_eq!(count("SELECT * FROM system_schema.tables WHERE keyspace_name = 'ks' AND table_name = 't1'"), 0);
    assert_eq!(count("SELECT * FROM system_schema.columns WHERE keyspace_name = 'ks' AND table_name = 'T1'"), 5);
    assert_eq!(count("SELECT * FROM system_schema.views"), 0);
    assert_eq!(count("SELECT * FROM system_virtual_schema.keyspaces"), 2);
    assert_eq!(count("SELECT * FROM system_views.settings WHERE name = 'cluster_name'"), 1);
    assert_eq!(count("SELECT * FROM system_views.settings WHERE value = 'flock'"), 1);
    // Collections come as one value, whatever their type says of cells.
    let tokens = select(&fixture, "SELECT tokens FROM system.local");
    let expected = encode_list(&["-1", "1"]).unwrap();
    assert_eq!(tokens.cells, [Some(expected)]);
    // One driver parses JSON, and connects to no server that has none.
    let json =
        select(&fixture, "SELECT keyspace_name, toJson(replication) AS replication FROM system_schema.keyspaces");
    let of_system = json.rows().find(|row| row[0].as_deref() == Some(b"system")).unwrap();
    let wanted = br#"{"class": "org.apache.cassandra.locator.LocalStrategy"}"#;
    assert_eq!(of_system[1].as_deref(), Some(&wanted[..]));
    let wanted = encode_list(&["ks", "system"]).unwrap();
    let page = run(
        &fixture,
        "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name IN ?",
        vec![BoundValue::Value(wanted)],
        None,
        None,
    );
    assert_eq!(page.row_count(), 2);
}

#[test]
fn system_tables_can_be_paged() {
    let fixture = Fixture::new();
    let query = "SELECT keyspace_name, table_name, column_name FROM system_schema.columns";
    let whole = select(&fixture, query);
    for page_size in [1, 7, 100] {
        let mut cells = Vec::new();
        let mut state = None;
        loop {
            let page = run(&fixture, query, Vec::new(), Some(page_size), state);
            assert!(page.row_count() <= page_size as usize);
            cells.extend(page.cells);
            state = page.paging_state;
            if state.is_none() {
                break;
            }
        }
        assert_eq!(cells, whole.cells);
    }
}

/// What the Python and Java drivers, gocql, Node.js and cqlsh send.
const CLIENT_QUERIES: &[&str] = &[
    "SELECT * FROM system.peers",
    "SELECT host_id, peer, data_center, rack, rpc_address, release_version, schema_version FROM system.peers",
    "SELECT peer, host_id, rpc_address, schema_version FROM system.peers",
    "SELECT host_id, rpc_address, data_center, rack, tokens FROM system.peers",
    "SELECT host_id, rpc_address, data_center, rack, tokens FROM system.local",
    "SELECT * FROM system.local WHERE key='local'",
    "SELECT host_id, cluster_name, data_center, rack, partitioner, release_version, schema_version FROM system.local WHERE key='local'",
    "SELECT rpc_address FROM system.local WHERE key='local'",
    "SELECT schema_version FROM system.local WHERE key='local'",
    "SELECT cluster_name FROM system.local",
    "SELECT broadcast_address, listen_address FROM system.local",
    "SELECT * FROM system.peers_v2",
    "SELECT host_id, peer, peer_port, data_center, rack, native_address, native_port, release_version, schema_version FROM system.peers_v2",
    "SELECT host_id, peer, peer_port, native_address, native_port, schema_version FROM system.peers_v2",
    "SELECT range_start, range_end, partitions_count, mean_partition_size FROM system.size_estimates WHERE keyspace_name = 'a' AND table_name = 'b'",
    "SELECT * FROM system_schema.keyspaces",
    "SELECT * FROM system_schema.keyspaces WHERE keyspace_name = 'ks'",
    "SELECT * FROM system_schema.tables",
    "SELECT * FROM system_schema.tables WHERE keyspace_name = 'ks' AND table_name = 't'",
    "SELECT * FROM system_schema.columns WHERE keyspace_name = 'ks' AND table_name = 't'",
    "SELECT * FROM system_schema.indexes WHERE keyspace_name = 'ks' AND table_name = 't'",
    "SELECT * FROM system_schema.triggers WHERE keyspace_name = 'ks' AND table_name = 't'",
    "SELECT * FROM system_schema.views WHERE keyspace_name = 'ks' AND view_name = 't'",
    "SELECT * FROM system_schema.types WHERE keyspace_name = 'ks' AND type_name = 't'",
    "SELECT * FROM system_schema.functions WHERE keyspace_name = 'ks' AND function_name = 't'",
    "SELECT * FROM system_schema.aggregates WHERE keyspace_name = 'ks' AND aggregate_name = 't'",
    "SELECT * FROM system_schema.dropped_columns",
    "SELECT * FROM system_schema.column_masks",
    "SELECT keyspace_name, type_name, field_names, field_types FROM system_schema.types",
    "SELECT keyspace_name, view_name, base_table_name FROM system_schema.views",
    "SELECT keyspace_name, table_name, column_name, kind, position, type FROM system_schema.columns",
    "SELECT * from system_virtual_schema.keyspaces",
    "SELECT * from system_virtual_schema.tables",
    "SELECT * from system_virtual_schema.columns",
    "SELECT * FROM system_virtual_schema.columns WHERE keyspace_name = 'ks' AND table_name = 't'",
    "SELECT request, duration, started_at, coordinator, parameters, client FROM system_traces.sessions WHERE session_id = 11111111-1111-1111-1111-111111111111",
    "SELECT activity, source, source_elapsed, event_id, thread FROM system_traces.events WHERE session_id = 11111111-1111-1111-1111-111111111111",
];
