//! Nodes that may not join: they end with a message that says what to do.

use std::fs;

use crate::data::{connect, make_table};
use crate::harness::{Cluster, Node};

/// Starts a node that must be refused; answers what it logged.
fn refused(node: &mut Node) -> String {
    node.begin();
    let ended = node.wait();
    assert_eq!(ended.code(), Some(1), "{ended}\n{}", node.log_tail());
    assert_eq!(fs::read_to_string(&node.stdout_path).unwrap().matches("ready ").count(), 0);
    node.log_tail()
}

#[test]
fn a_node_of_another_cluster_name() {
    let cluster = Cluster::of("first-name", 1);
    let log = refused(&mut cluster.prepare(&["--cluster-name", "second-name"]));
    assert!(log.contains("named \"first-name\", not \"second-name\""), "{log}");
}

#[test]
fn a_member_that_was_given_another_cluster_name() {
    let mut cluster = Cluster::of("kept-name", 1);
    assert!(cluster.node(0).stop().success());
    cluster.node(0).set_environment("STARLING_CLUSTER_NAME", "ignored: the flag stands over it");
    cluster.node(0).start();
    assert!(cluster.node(0).stop().success());
    fs::write(cluster.node(0).stdout_path.clone(), "").unwrap();
    cluster.node(0).add_arguments(&["--cluster-name", "other-name"]);
    let log = refused(cluster.node(0));
    assert!(log.contains("other-name") && log.contains("kept-name"), "{log}");
}

#[test]
fn a_node_without_its_data_under_its_old_address() {
    let mut cluster = Cluster::of("wiped", 3);
    cluster.node(2).kill();
    let data_dir = cluster.node(2).data_dir.clone();
    let kept = cluster.folder().join("kept");
    fs::rename(&data_dir, &kept).unwrap();
    fs::write(cluster.node(2).stdout_path.clone(), "").unwrap();
    let log = refused(cluster.node(2));
    assert!(log.contains("bring its data directory back, use another address"), "{log}");
    // Doing as it says helps.
    fs::remove_dir_all(&data_dir).unwrap();
    fs::rename(&kept, &data_dir).unwrap();
    cluster.node(2).start();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_after_the_first_table() {
    let cluster = Cluster::of("late", 1);
    make_table(&connect(&cluster).await, 1).await;
    let log = refused(&mut cluster.prepare(&[]));
    assert!(log.contains("nodes join and leave before the first CREATE TABLE"), "{log}");
}

#[test]
fn an_address_that_is_in_use() {
    let mut cluster = Cluster::of("in-use", 1);
    let address = cluster.node(0).address;
    let other = cluster.folder().join("other");
    let output = std::process::Command::new(crate::harness::program())
        .args(["node", "--listen", &address.to_string(), "--data-dir", other.to_str().unwrap()])
        .env("STARLING_DEV_CA", cluster.folder().join("dev-ca"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(&format!("UDP {address}:7000")), "{error}");
}
