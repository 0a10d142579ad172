//! The ready line; the file, the environment over it, flags over both.

use std::fs;

use crate::admin_side::status;
use crate::harness::Cluster;

#[test]
fn the_ready_line_says_who_and_where() {
    let mut cluster = Cluster::of("ready-line", 1);
    let node = cluster.node(0);
    let (host_id, address) = (node.ready("host_id"), node.address);
    assert!(uuid::Uuid::parse_str(&host_id).is_ok(), "{host_id}");
    let wanted = format!("ready host_id={host_id} cql={address}:9042 internode={address}:7000 admin={address}:9180");
    assert_eq!(node.ready_line(), wanted);
    assert_eq!(fs::read_to_string(&node.stdout_path).unwrap(), wanted.clone() + "\n", "nothing else is printed");
    node.kill_and_restart();
    assert_eq!(node.ready_line(), wanted, "a node keeps its identity");
}

#[test]
fn the_environment_stands_over_the_file_and_flags_over_both() {
    let cluster = Cluster::new("settings");
    let file = cluster.folder().join("starling.yaml");
    fs::write(&file, "num_tokens: 4\ndatacenter: file-dc\nrack: file-rack\n").unwrap();
    let mut node = cluster.prepare(&["--config", file.to_str().unwrap(), "--dc", "flag-dc"]);
    node.set_environment("STARLING_RACK", "env-rack");
    node.set_environment("STARLING_DATACENTER", "env-dc");
    node.start();
    let member = &status(&node)["nodes"][0];
    assert_eq!(member["tokens"], 4);
    assert_eq!(member["rack"], "env-rack");
    assert_eq!(member["datacenter"], "flag-dc");
}

#[test]
fn mistakes_end_the_start_and_are_named() {
    let cluster = Cluster::new("mistakes");
    for (text, named) in [
        ("cluster_nam: x\n", "cluster_nam"),
        ("num_tokens: many\n", "num_tokens"),
        ("num_tokens: 0\n", "num_tokens"),
        ("read_request_timeout: 5\n", "read_request_timeout"),
        ("- a\n- list\n", "expected mapping"),
    ] {
        let file = cluster.folder().join("starling.yaml");
        fs::write(&file, text).unwrap();
        let mut node = cluster.prepare(&["--config", file.to_str().unwrap()]);
        // All these nodes share an address, and so a log.
        fs::write(&node.stderr_path, "").unwrap();
        node.begin();
        assert_eq!(node.wait().code(), Some(1), "{text}");
        let log = node.log_tail();
        assert!(log.contains(named), "{text}: {log}");
        assert!(!node.data_dir.exists(), "a node that cannot start touches nothing");
    }
    let mut node = cluster.prepare(&["--config", "/nowhere/starling.yaml"]);
    node.begin();
    assert_eq!(node.wait().code(), Some(1));
    assert!(node.log_tail().contains("/nowhere/starling.yaml"), "{}", node.log_tail());
    let mut node = cluster.prepare(&[]);
    node.set_environment("STARLING_NUM_TOKEN", "4");
    node.begin();
    assert_eq!(node.wait().code(), Some(1));
    assert!(node.log_tail().contains("num_token"), "{}", node.log_tail());
}
