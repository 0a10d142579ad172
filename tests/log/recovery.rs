//! Most of the nodes that decide are lost for good: the log goes on from one survivor.

use std::net::Ipv4Addr;

use starling_cql_lite::protocol::CqlError;
use starling_ring::ConsistencyLevel;

use crate::admin::{admin_ok, admin_refused, log_of, state_of, wait_until_seen};
use crate::client::{Client, Failure};
use crate::harness::{Cluster, wait_until};
use crate::members::refused;

const ROWS: i32 = 200;

fn count_at(address: Ipv4Addr, level: ConsistencyLevel) -> usize {
    let mut client = Client::connect(address);
    let found = (0..ROWS).filter(|k| {
        let rows = client.query(&format!("SELECT v FROM ks.t WHERE k = {k}"), level).unwrap();
        rows.first().is_some_and(|row| row[0].as_deref() == Some(format!("value {k}").as_bytes()))
    });
    found.count()
}

#[test]
fn one_survivor_of_three_goes_on_and_a_lost_one_is_readmitted() {
    let mut cluster = Cluster::of("log-recovery", 3);
    let addresses: Vec<Ipv4Addr> = cluster.nodes().iter().map(|node| node.address).collect();
    let host_ids: Vec<String> = cluster.nodes().iter().map(|node| node.ready("host_id")).collect();
    let survivor = addresses[0];
    let mut client = Client::connect(survivor);
    for statement in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",
        "CREATE TABLE ks.t (k int PRIMARY KEY, v text)",
    ] {
        client.query(statement, ConsistencyLevel::One).unwrap();
    }
    for k in 0..ROWS {
        let insert = format!("INSERT INTO ks.t (k, v) VALUES ({k}, 'value {k}')");
        client.query(&insert, ConsistencyLevel::All).unwrap();
    }
    assert!(admin_refused(survivor, &["log", "recover"]).contains("that is a majority"));

    cluster.node(1).kill();
    cluster.node(2).kill();
    wait_until_seen(&[survivor], &addresses[1..], false);
    let create = "CREATE TABLE ks.after (k int PRIMARY KEY)";
    let failure = client.query(create, ConsistencyLevel::One).unwrap_err();
    assert!(matches!(failure, Failure::Error(CqlError::Unavailable { .. })), "{failure:?}");
    let table = admin_ok(survivor, &["log"]);
    assert!(table.contains("1 of 3 alive, 2 needed: membership and schema cannot be changed"), "{table}");
    let refusal = admin_refused(survivor, &["log", "readmit", &host_ids[1]]);
    assert!(refusal.contains("nothing has to be readmitted"), "{refusal}");

    let done = admin_ok(survivor, &["log", "recover"]);
    assert!(done.contains("in generation 2") && done.contains(&host_ids[1]) && done.contains(&host_ids[2]), "{done}");
    client.query(create, ConsistencyLevel::One).unwrap();
    let log = log_of(survivor);
    assert_eq!((log["generation"].as_u64(), log["deciders"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!([1, 2].map(|index| state_of(&log, &host_ids[index])), [Some("lost".into()), Some("lost".into())]);
    assert!(admin_ok(survivor, &["status"]).contains(&format!("DX  {}", addresses[1])));
    assert!(admin_refused(survivor, &["log", "recover"]).contains("that is a majority"));

    // A node of the old generation is turned away, and its data stays.
    let said = refused(cluster.node(1));
    assert!(said.contains("was given up") && said.contains("starling admin log readmit"), "{said}");
    assert_eq!(count_at(survivor, ConsistencyLevel::One), ROWS as usize);

    let readmitted = admin_ok(survivor, &["log", "readmit", &host_ids[1]]);
    assert!(readmitted.contains("may come back"), "{readmitted}");
    assert!(admin_refused(survivor, &["log", "readmit", &host_ids[1]]).contains("nothing has to be readmitted"));
    cluster.node(1).start();
    assert_eq!(cluster.node(1).ready("host_id"), host_ids[1]);
    assert_eq!(count_at(addresses[1], ConsistencyLevel::One), ROWS as usize);
    assert_eq!(count_at(addresses[1], ConsistencyLevel::Quorum), ROWS as usize);
    wait_until("both have one log", || {
        let logs = [log_of(survivor), log_of(addresses[1])];
        let same = |key: &str| logs[0][key] == logs[1][key];
        same("position") && same("cluster") && same("deciders") && same("schema_version")
    });
    let mut other = Client::connect(addresses[1]);
    other.query("CREATE TABLE ks.from_it (k int PRIMARY KEY)", ConsistencyLevel::One).unwrap();
    assert_eq!(client.texts("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'ks'").len(), 3);
    // The third was not readmitted.
    let said = refused(cluster.node(2));
    assert!(said.contains("was given up"), "{said}");
}
