//! The only seed of all nodes loses its disk and is started again: it must not found a second cluster.

use std::fs;
use std::time::Duration;

use crate::admin::log_of;
use crate::harness::{Cluster, http};
use crate::is_full;
use crate::members::refused;

/// After so long it is started again, in milliseconds.
const AFTER_MS: [u64; 3] = [0, 1_000, 10_000];

#[test]
fn a_sole_seed_without_its_disk_refuses_and_founds_nothing() {
    let mut cluster = Cluster::of("log-seed", 3);
    let second = cluster.nodes()[1].address;
    let cluster_id = log_of(second)["cluster"]["id"].clone();
    let host_id = cluster.node(0).ready("host_id");
    let (rounds, delays) = if is_full() { (5, &AFTER_MS[..]) } else { (1, &AFTER_MS[..2]) };
    let kept = cluster.folder().join("kept");
    let data_dir = cluster.nodes()[0].data_dir.clone();
    for after_ms in delays {
        for round in 1..=rounds {
            let node = cluster.node(0);
            node.kill();
            fs::rename(&data_dir, &kept).unwrap();
            std::thread::sleep(Duration::from_millis(*after_ms));
            let started = std::time::Instant::now();
            let said = refused(node);
            println!("started {after_ms} ms after its death, round {round}: ended after {:?}", started.elapsed());
            assert!(said.contains("bring the data directory back"), "{said}");
            assert!(said.contains(cluster_id.as_str().unwrap()), "{said}");
            // Nor has it written down that it had founded one: started again with what it left, it says the same.
            let said = refused(cluster.node(0));
            assert!(said.contains("bring the data directory back"), "{said}");
            for other in &cluster.nodes()[1..] {
                assert_eq!(log_of(other.address)["cluster"]["id"], cluster_id);
            }
            fs::remove_dir_all(&data_dir).unwrap();
            fs::rename(&kept, &data_dir).unwrap();
            cluster.node(0).start();
            assert_eq!(cluster.node(0).ready("host_id"), host_id);
        }
    }
    let ready = cluster.nodes().iter().filter(|node| http(node.address, "GET", "/readyz", "").unwrap().0 == 200);
    assert_eq!(ready.count(), 3);
}
