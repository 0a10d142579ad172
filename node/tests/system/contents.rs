//! What the system tables hold.

use std::net::{IpAddr, Ipv4Addr};

use starling_cql_lite::value::Value;
use starling_node::system::{is_system_keyspace, rows};
use uuid::Uuid;

use super::fixture::{Fixture, names, text};

#[test]
fn the_local_node_and_its_peers() {
    let fixture = Fixture::new();
    let local = fixture.read("system", "local");
    let [local] = local.as_slice() else { panic!("{local:?}") };
    assert_eq!(local["key"], text("local"));
    assert_eq!(local["cluster_name"], text("flock"));
    assert_eq!(local["partitioner"], text("org.apache.cassandra.dht.Murmur3Partitioner"));
    assert_eq!(local["release_version"], text("5.0.0-starling"));
    assert_eq!(local["cql_version"], text("3.4.7"));
    assert_eq!(local["native_protocol_version"], text("5"));
    assert_eq!(local["host_id"], Value::Uuid(Uuid::from_u128(1)));
    assert_eq!(local["schema_version"], Value::Uuid(fixture.version));
    assert_eq!(local["rpc_address"], Value::Inet(IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1))));
    assert_eq!(local["rpc_port"], Value::Int(9042));
    for name in ["data_center", "rack", "tokens", "broadcast_address", "listen_address", "bootstrapped"] {
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
    assert_eq!(names(&keyspaces, "keyspace_name"), ["ks", "system", "system_auth", "system_schema", "system_traces"]);
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
    let mut expected: Vec<String> =
        fixture.schema.tables().map(|table| format!("{:?}.{:?}", text(&table.keyspace), text(&table.name))).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    for table in fixture.schema.tables().filter(|table| is_system_keyspace(&table.keyspace)) {
        fixture.read(&table.keyspace, &table.name);
        let partitions = fixture.partitions(&table.keyspace, &table.name);
        assert!(partitions.is_sorted_by(|a, b| (a.token, &a.key) < (b.token, &b.key)), "{}", table.name);
    }
    let virtual_keyspaces = fixture.read("system_virtual_schema", "keyspaces");
    assert_eq!(names(&virtual_keyspaces, "keyspace_name"), ["system_views", "system_virtual_schema"]);
    let settings = fixture.read("system_views", "settings");
    assert_eq!(names(&settings, "name"), ["cluster_name", "seeds"]);
    let named = |name: &str| settings.iter().find(|row| row["name"] == text(name)).and_then(|row| row.get("value"));
    assert_eq!(named("cluster_name"), Some(&text("flock")));
    assert!(named("seeds").is_none_or(|value| *value == Value::Null));
    assert!(!fixture.read("system_virtual_schema", "columns").is_empty());
}
