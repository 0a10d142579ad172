//! Two clusters of one name that meet: they refuse each other by their ids.

use std::fs;

use starling_ring::ConsistencyLevel;

use crate::admin::log_of;
use crate::client::Client;
use crate::harness::{Cluster, wait_until};

#[test]
fn a_node_of_one_cluster_at_an_address_of_another() {
    let mut theirs = Cluster::of("log-meeting", 2);
    let (first, taken) = (theirs.nodes()[0].address, theirs.nodes()[1].address);
    // The other cluster begins elsewhere; the same authority signs for both.
    let mut stranger = theirs.prepare(&["--seed", "127.0.0.196"]);
    let elsewhere = stranger.address.to_string();
    stranger.add_arguments(&["--seed", &elsewhere]);
    stranger.start();
    let ids = [log_of(first), log_of(stranger.address)].map(|log| log["cluster"]["id"].as_str().unwrap().to_owned());
    assert_ne!(ids[0], ids[1]);
    let host_id = stranger.ready("host_id");

    assert!(stranger.stop().success());
    theirs.node(1).kill();
    let taken_text = taken.to_string();
    stranger.add_arguments(&["--seed", &taken_text]);
    stranger.address = taken;
    stranger.start();
    assert_eq!(stranger.ready("host_id"), host_id);
    let met = |path: &std::path::Path| {
        let log = fs::read_to_string(path).unwrap_or_default();
        ids.iter().all(|id| log.contains(id.as_str())) && log.contains("these are two clusters")
    };
    wait_until("both have logged that they met", || met(&theirs.nodes()[0].stderr_path) && met(&stranger.stderr_path));

    // Each goes on by itself, and knows nobody of the other.
    for (address, count, id) in [(first, 2, &ids[0]), (taken, 1, &ids[1])] {
        let log = log_of(address);
        assert_eq!((log["nodes"].as_array().unwrap().len(), &log["cluster"]["id"]), (count, &id.as_str().into()));
        let mut client = Client::connect(address);
        let peers = client.query("SELECT peer FROM system.peers_v2", ConsistencyLevel::One).unwrap();
        assert_eq!(peers.len(), count - 1);
    }
    assert!(stranger.stop().success());
    theirs.node(1).start();
    wait_until("the own node is seen again", || {
        log_of(first)["nodes"].as_array().unwrap().iter().all(|node| node["up"] == true)
    });
}
