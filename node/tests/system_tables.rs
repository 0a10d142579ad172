//! The system tables, as the queries of drivers and cqlsh see them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use starling_cql_lite::ast::Statement;
use starling_cql_lite::ordered;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;
use starling_node::schema::{ChangeContext, ColumnKind, Schema, Table, apply};
use starling_node::system::{ClusterView, is_system_keyspace, rows, with_system};
use starling_ring::{HostId, Member, Token};
use starling_storage::key::{ComponentSpec, decompose};
use starling_storage::model::{CellContent, Partition};
use uuid::Uuid;

type NamedRow = BTreeMap<String, Value>;

struct Fixture {
    members: Vec<Member>,
    schema: Schema,
    version: Uuid,
}

impl Fixture {
    fn new() -> Self {
        let mut user = Schema::empty();
        let datacenters = BTreeMap::from([("dc1".to_owned(), 3)]);
        for (number, cql) in [
            "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}",
            "CREATE TABLE ks.\"T1\" (a int, b text, c timeuuid, v blob, s int static, PRIMARY KEY ((a, b), c)) \
             WITH CLUSTERING ORDER BY (c DESC) AND comment = 'note' AND compaction = {'class': 'LeveledCompactionStrategy'}",
        ]
        .iter()
        .enumerate()
        {
            let context =
                ChangeContext { new_uuid: Uuid::from_u128(number as u128), datacenters: &datacenters };
            user = apply(&user, None, &parse_statement(cql).unwrap().statement, &context).unwrap().schema;
        }
        let members = (1..=3).map(member).collect();
        Fixture {
            members,
            version: user.version(),
            schema: with_system(&user),
        }
    }

    fn view(&self) -> ClusterView<'_> {
        ClusterView {
            cluster_name: "flock",
            local: self.members[0].host_id,
            members: &self.members,
            schema: &self.schema,
            schema_version: self.version,
            gossip_generation: 1_700_000_000,
        }
    }

    fn table(&self, keyspace: &str, name: &str) -> &Table {
        self.schema
            .table(keyspace, name)
            .unwrap_or_else(|| panic!("{keyspace}.{name}"))
    }

    fn partitions(&self, keyspace: &str, name: &str) -> Vec<Partition> {
        rows(self.table(keyspace, name), &self.view())
    }

    /// All rows with their values decoded.
    fn read(&self, keyspace: &str, name: &str) -> Vec<NamedRow> {
        let table = self.table(keyspace, name);
        let partitions = self.partitions(keyspace, name);
        partitions
            .iter()
            .flat_map(|partition| decode_partition(table, partition))
            .collect()
    }
}

fn member(number: u8) -> Member {
    Member {
        host_id: HostId(Uuid::from_u128(u128::from(number))),
        listen_address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, number)),
        storage_port: 7000,
        rpc_address: IpAddr::V4(Ipv4Addr::new(127, 0, 1, number)),
        native_transport_port: 9042,
        datacenter: "dc1".to_owned(),
        rack: "r1".to_owned(),
        tokens: vec![Token(-i64::from(number)), Token(i64::from(number))],
    }
}

fn decode(ty: &CqlType, wire: &[u8]) -> Value {
    ty.validate(wire).unwrap_or_else(|error| panic!("{ty}: {error}"));
    Value::decode(ty, Some(wire)).unwrap()
}

fn decode_partition(table: &Table, partition: &Partition) -> Vec<NamedRow> {
    assert_eq!(partition.token, Token::from_key(&partition.key));
    let [key] = table.partition_key() else {
        panic!("system tables have one partition key column")
    };
    let specs: Vec<ComponentSpec> = table
        .clustering()
        .iter()
        .map(|column| ComponentSpec {
            fixed_length: column.cql_type.fixed_length(),
            reversed: matches!(column.kind, ColumnKind::Clustering { reversed: true, .. }),
        })
        .collect();
    assert!(partition.rows.is_sorted_by(|a, b| a.0 < b.0));
    let row = |(clustering, row): &(Bytes, starling_storage::model::Row)| {
        let mut named = NamedRow::from([(key.name.clone(), decode(&key.cql_type, &partition.key))]);
        for (column, bytes) in table.clustering().iter().zip(decompose(&specs, clustering).unwrap()) {
            let wire = ordered::decode(&column.cql_type, &bytes).unwrap();
            named.insert(column.name.clone(), decode(&column.cql_type, &wire));
        }
        assert!(row.marker.is_some());
        assert!(row.columns.is_sorted_by(|a, b| a.column < b.column));
        for data in &row.columns {
            let column = table.column_by_id(data.column).unwrap();
            let [cell] = data.cells.as_slice() else {
                panic!("{}: not one cell", column.name)
            };
            let CellContent::Live { value, expiry: None } = &cell.content else {
                panic!("{}", column.name)
            };
            named.insert(column.name.clone(), decode(&column.cql_type, value));
        }
        named
    };
    partition.rows.iter().map(row).collect()
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn names(rows: &[NamedRow], column: &str) -> Vec<String> {
    let mut names: Vec<String> = rows
        .iter()
        .map(|row| match &row[column] {
            Value::Text(name) => name.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    names.sort();
    names
}

#[test]
fn the_local_node_and_its_peers() {
    let fixture = Fixture::new();
    let local = fixture.read("system", "local");
    let [local] = local.as_slice() else { panic!("{local:?}") };
    assert_eq!(local["key"], text("local"));
    assert_eq!(local["cluster_name"], text("flock"));
    assert_eq!(
        local["partitioner"],
        text("org.apache.cassandra.dht.Murmur3Partitioner")
    );
    assert_eq!(local["release_version"], text("5.0.0-starling"));
    assert_eq!(local["cql_version"], text("3.4.7"));
    assert_eq!(local["native_protocol_version"], text("4"));
    assert_eq!(local["host_id"], Value::Uuid(Uuid::from_u128(1)));
    assert_eq!(local["schema_version"], Value::Uuid(fixture.version));
    assert_eq!(
        local["rpc_address"],
        Value::Inet(IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1)))
    );
    assert_eq!(local["rpc_port"], Value::Int(9042));
    for name in [
        "data_center",
        "rack",
        "tokens",
        "broadcast_address",
        "listen_address",
        "bootstrapped",
    ] {
        assert!(local.contains_key(name), "{name}");
    }
    for table in ["peers", "peers_v2"] {
        let peers = fixture.read("system", table);
        assert_eq!(peers.len(), 2, "{table}");
        for peer in peers {
            assert_ne!(peer["host_id"], Value::Uuid(Uuid::from_u128(1)));
            assert_eq!(peer["schema_version"], Value::Uuid(fixture.version));
            for name in ["peer", "data_center", "rack", "tokens", "release_version"] {
                assert!(peer.contains_key(name), "{table}: {name}");
            }
        }
    }
    let mut alone = fixture.view();
    alone.members = &fixture.members[..1];
    assert!(rows(fixture.table("system", "peers_v2"), &alone).is_empty());
    alone.members = &[];
    assert!(rows(fixture.table("system", "local"), &alone).is_empty());
}

#[test]
fn nodes_that_share_an_address_differ_by_port() {
    let mut fixture = Fixture::new();
    for (member, port) in fixture.members.iter_mut().zip(7000..) {
        member.listen_address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        member.storage_port = port;
    }
    assert_eq!(fixture.read("system", "peers_v2").len(), 2);
    assert_eq!(fixture.read("system", "peers").len(), 1);
}

#[test]
fn the_schema_describes_user_tables() {
    let fixture = Fixture::new();
    let keyspaces = fixture.read("system_schema", "keyspaces");
    assert_eq!(
        names(&keyspaces, "keyspace_name"),
        ["ks", "system", "system_auth", "system_schema", "system_traces"]
    );
    let tables = fixture.read("system_schema", "tables");
    let table = tables.iter().find(|row| row["table_name"] == text("T1")).unwrap();
    assert_eq!(table["id"], Value::Uuid(Uuid::from_u128(1)));
    assert_eq!(table["comment"], text("note"));
    assert_eq!(table["gc_grace_seconds"], Value::Int(864_000));
    assert_eq!(table["bloom_filter_fp_chance"], Value::Double(0.01));
    assert_eq!(table["speculative_retry"], text("99p"));
    assert!(!table.contains_key("memtable"));
    let columns = fixture.read("system_schema", "columns");
    let shown: Vec<[&Value; 5]> = columns
        .iter()
        .filter(|row| row["keyspace_name"] == text("ks"))
        .map(|row| ["column_name", "kind", "position", "clustering_order", "type"].map(|name| &row[name]))
        .collect();
    let none = text("none");
    let expected = [
        ("a", "partition_key", 0, none.clone(), "int"),
        ("b", "partition_key", 1, none.clone(), "text"),
        ("c", "clustering", 0, text("desc"), "timeuuid"),
        ("s", "static", -1, none.clone(), "int"),
        ("v", "regular", -1, none, "blob"),
    ]
    .map(|(name, kind, position, order, ty)| [text(name), text(kind), Value::Int(position), order, text(ty)]);
    assert_eq!(shown, expected.each_ref().map(|row| row.each_ref()));
}

#[test]
fn every_system_table_is_listed_once_and_can_be_read() {
    let fixture = Fixture::new();
    let mut listed = Vec::new();
    for (keyspace, prefix) in [("system_schema", ""), ("system_virtual_schema", "")] {
        for row in fixture.read(keyspace, "tables") {
            listed.push(format!("{prefix}{:?}.{:?}", row["keyspace_name"], row["table_name"]));
        }
    }
    let mut expected: Vec<String> = fixture
        .schema
        .tables()
        .map(|table| format!("{:?}.{:?}", text(&table.keyspace), text(&table.name)))
        .collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    for table in fixture
        .schema
        .tables()
        .filter(|table| is_system_keyspace(&table.keyspace))
    {
        fixture.read(&table.keyspace, &table.name);
        let partitions = fixture.partitions(&table.keyspace, &table.name);
        assert!(
            partitions.is_sorted_by(|a, b| (a.token, &a.key) < (b.token, &b.key)),
            "{}",
            table.name
        );
    }
    let virtual_keyspaces = fixture.read("system_virtual_schema", "keyspaces");
    assert_eq!(names(&virtual_keyspaces, "keyspace_name"), ["system_virtual_schema"]);
    assert!(!fixture.read("system_virtual_schema", "columns").is_empty());
}

/// What the Python and Java drivers, gocql, Node.js and cqlsh ask for by name.
#[test]
fn tables_and_columns_that_clients_ask_for_exist() {
    let fixture = Fixture::new();
    for query in CLIENT_QUERIES {
        let Statement::Select(_) = parse_statement(query)
            .unwrap_or_else(|error| panic!("{query}: {error}"))
            .statement
        else {
            panic!("{query}")
        };
        let after_from = query.to_lowercase().split(" from ").nth(1).unwrap().to_owned();
        let name = after_from.split_whitespace().next().unwrap();
        let (keyspace, table) = name.split_once('.').unwrap();
        let table = fixture.table(keyspace, table);
        let columns = query[7..].to_lowercase().split(" from ").next().unwrap().to_owned();
        let conditions = after_from.split(" where ").nth(1).unwrap_or("").to_owned();
        let compared = conditions.split(" and ").map(|c| c.split(['=', ' ']).next().unwrap());
        let asked: Vec<&str> = columns.split(',').map(str::trim).chain(compared).collect();
        for column in asked.into_iter().filter(|column| !column.is_empty() && *column != "*") {
            assert!(table.column(column).is_some(), "{query}: {column}");
        }
    }
}

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
