//! A node loses its whole disk under load: it is refused when it comes back without, and the others go on.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use starling_ring::ConsistencyLevel::All;

use crate::audit::Questions;
use crate::client::Client;
use crate::draw::Draw;
use crate::harness::{Cluster, wait_until};
use crate::ledger::Fate;
use crate::load::{make_tables, register_query};
use crate::rounds;
use crate::struck::{Audited, addresses, at_quorum, under_load_of};

const WRITERS: usize = 6;

/// Takes the disk of a node away and starts it with an empty one. It asks for ten seconds before it believes that it is
/// refused.
fn wipe(cluster: &mut Cluster, victim: usize, draw: &mut Draw) {
    std::thread::sleep(Duration::from_millis(200 + draw.below(600)));
    let kept = cluster.folder().join("kept");
    let address = cluster.nodes()[victim].address;
    let node = cluster.node(victim);
    let host_id = node.ready("host_id");
    node.kill();
    fs::rename(&node.data_dir, kept).unwrap();
    std::thread::sleep(Duration::from_millis(draw.below(700)));
    let said = node.refused();
    let sentence = format!("{address} belongs to member {host_id} of this cluster: a node with an empty disk cannot");
    assert!(said.contains(&sentence), "{said}");
    assert!(Client::open(address, Duration::from_secs(1)).is_err(), "nobody serves clients at {address}");
}

/// Brings the disk back, as the manual says.
fn bring_back(cluster: &mut Cluster, victim: usize) {
    let kept = cluster.folder().join("kept");
    let node = cluster.node(victim);
    let host_id = node.ready("host_id");
    fs::remove_dir_all(&node.data_dir).unwrap();
    fs::rename(kept, &node.data_dir).unwrap();
    node.start();
    assert_eq!(node.ready("host_id"), host_id);
}

#[test]
fn a_wiped_node_is_refused_and_the_others_lose_nothing() {
    let (rounds, mut draw) = (rounds(1, 20), Draw::new());
    let mut cluster = Cluster::of("faults-wipe", 3);
    make_tables(&cluster, 3);
    let all = addresses(&cluster);
    for round in 0..rounds {
        // Not the seed of all: what it does without its disk depends on who calls it (tests/log/founding.rs).
        let victim = 1 + draw.below(2) as usize;
        let others: Vec<Ipv4Addr> = all.iter().copied().filter(|one| *one != all[victim]).collect();
        let writers = at_quorum(&others, round * WRITERS..(round + 1) * WRITERS);
        let written = under_load_of(&writers, || wipe(&mut cluster, victim, &mut draw));
        let failures: Vec<_> = written.iter().flat_map(|one| one.failures.clone()).collect();
        // The disk stays away: what was acknowledged must be there without it.
        let audited = Audited::by(&Questions::at_quorum(&others, false), written);
        println!("wipe: {}, {} errors", audited.summary(), failures.len());
        assert!(audited.wrong.is_empty(), "{:#?}", audited.wrong);
        assert!(failures.is_empty(), "the others go on without an error: {failures:?}");
        assert!(audited.count(Fate::Made) > 200, "too little was acknowledged to tell");
        bring_back(&mut cluster, victim);
    }
    // With its disk it is the member that it was.
    let mut client = Client::connect(all[0]);
    wait_until("all three answer", || client.query(&register_query(0), All).is_ok());
}
