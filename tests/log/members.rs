//! Members that go, and come back: what they are told.

use std::fs;

use starling_ring::ConsistencyLevel;

use crate::admin::{admin_ok, admin_refused, log_of, state_of, wait_until_seen};
use crate::client::Client;
use crate::harness::{Cluster, Node, wait_until};

/// Starts a node that must be refused; answers what it logged in this run.
pub fn refused(node: &mut Node) -> String {
    node.refused()
}

fn wipe(node: &Node) {
    fs::remove_dir_all(&node.data_dir).unwrap();
}

#[test]
fn a_member_that_was_removed_is_told_so_and_may_come_as_a_new_one() {
    let mut cluster = Cluster::of("log-removed", 3);
    let (first, third) = (cluster.nodes()[0].address, cluster.nodes()[2].address);
    let host_ids: Vec<String> = cluster.nodes().iter().map(|node| node.ready("host_id")).collect();
    cluster.node(2).kill();
    wait_until_seen(&[first], &[third], false);
    let done = admin_ok(first, &["remove", &host_ids[2]]);
    assert!(done.contains("has left the cluster"), "{done}");
    assert_eq!(state_of(&log_of(first), &host_ids[2]).as_deref(), Some("left"));
    assert!(!admin_ok(first, &["status"]).contains(&host_ids[2]));
    assert!(admin_refused(first, &["removenode", &host_ids[2]]).contains("no member any more"));

    let said = refused(cluster.node(2));
    assert!(said.contains("has left the cluster") && said.contains("empty its data directory"), "{said}");
    wipe(&cluster.nodes()[2]);
    cluster.node(2).start();
    assert_ne!(cluster.node(2).ready("host_id"), host_ids[2]);

    // One that is alive is told at once, and ends.
    admin_ok(first, &["remove", &host_ids[1]]);
    let ended = cluster.node(1).wait();
    assert_eq!(ended.code(), Some(1), "{ended}");
    assert!(cluster.nodes()[1].log_tail().contains("this node has left the cluster"));
}

#[test]
fn members_do_not_move_once_there_are_tables() {
    let mut cluster = Cluster::of("log-tables", 2);
    let (first, second) = (cluster.nodes()[0].address, cluster.nodes()[1].address);
    let host_id = cluster.node(1).ready("host_id");
    let mut client = Client::connect(first);
    for statement in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.t (k int PRIMARY KEY)",
    ] {
        client.query(statement, ConsistencyLevel::One).unwrap();
    }
    let refusal = admin_refused(first, &["remove", &host_id]);
    assert!(refusal.contains("nodes join and leave before the first CREATE TABLE"), "{refusal}");
    let said = refused(&mut cluster.prepare(&[]));
    assert!(said.contains("nodes join and leave before the first CREATE TABLE"), "{said}");
    // Both are as they were.
    assert_eq!(state_of(&log_of(first), &host_id).as_deref(), Some("normal"));
    client.query("DROP TABLE ks.t", ConsistencyLevel::One).unwrap();
    admin_ok(first, &["remove", &host_id]);
    assert_eq!(cluster.node(1).wait().code(), Some(1));
    let table = admin_ok(first, &["log"]);
    assert!(table.contains(&second.to_string()) && table.contains("left"), "{table}");
}

#[test]
fn a_dead_member_is_replaced_by_a_node_that_says_so() {
    let mut cluster = Cluster::of("log-replaced", 3);
    let (first, third) = (cluster.nodes()[0].address, cluster.nodes()[2].address);
    let old = cluster.node(2).ready("host_id");
    let said = refused(&mut cluster.prepare(&["--replace-address", &third.to_string()]));
    assert!(said.contains("is alive: only a dead member can be replaced"), "{said}");

    cluster.node(2).kill();
    wait_until_seen(&[first], &[third], false);
    let kept = cluster.folder().join("kept");
    fs::rename(&cluster.nodes()[2].data_dir, &kept).unwrap();
    let said = refused(cluster.node(2));
    assert!(said.contains("bring its data directory back, use another address, or start it with"), "{said}");
    wipe(&cluster.nodes()[2]);
    cluster.node(2).add_arguments(&["--replace-address", &third.to_string()]);
    cluster.node(2).start();
    let new = cluster.node(2).ready("host_id");
    let log = log_of(first);
    assert_eq!((state_of(&log, &old), state_of(&log, &new)), (Some("replaced".into()), Some("normal".into())));
    wait_until("the new one is up", || admin_ok(first, &["status"]).contains(&format!("UN  {third}")));
    // The flag may stay where it is.
    cluster.node(2).kill_and_restart();
    assert_eq!(cluster.node(2).ready("host_id"), new);

    // The old one, found again.
    cluster.node(2).kill();
    wipe(&cluster.nodes()[2]);
    fs::rename(&kept, &cluster.nodes()[2].data_dir).unwrap();
    let said = refused(cluster.node(2));
    assert!(said.contains("was replaced by another one"), "{said}");
}
