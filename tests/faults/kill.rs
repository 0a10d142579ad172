//! kill -9 of nodes under load: what was acknowledged is there.

use std::time::{Duration, Instant};

use crate::draw::Draw;
use crate::harness::Cluster;
use crate::ledger::Fate;
use crate::load::make_tables;
use crate::rounds;
use crate::struck::{Audited, addresses, under_load};

const WRITERS: usize = 6;
/// Every so many rounds all three nodes die at once.
const ALL_AT_ONCE_EVERY: usize = 5;

/// Kills one node, or all, and starts it again after a while.
fn strike(cluster: &mut Cluster, round: usize, draw: &mut Draw) {
    std::thread::sleep(Duration::from_millis(200 + draw.below(600)));
    let victims = match round % ALL_AT_ONCE_EVERY == ALL_AT_ONCE_EVERY - 1 {
        true => vec![0, 1, 2],
        false => vec![draw.below(3) as usize],
    };
    victims.iter().for_each(|victim| cluster.node(*victim).kill());
    std::thread::sleep(Duration::from_millis(draw.below(700)));
    // A node without a majority may not be ready by itself: all are started before any is waited for.
    victims.iter().for_each(|victim| cluster.node(*victim).begin());
    victims.iter().for_each(|victim| cluster.node(*victim).wait_until_ready());
}

#[test]
fn no_acknowledged_write_is_lost_when_nodes_are_killed() {
    let (rounds, mut draw) = (rounds(10, 500), Draw::new());
    let mut cluster = Cluster::of("faults-kill", 3);
    for index in 0..3 {
        cluster.node(index).set_environment("STARLING_COMMITLOG_SYNC", "batch");
        assert!(cluster.node(index).stop().success());
    }
    (0..3).for_each(|index| cluster.node(index).begin());
    (0..3).for_each(|index| cluster.node(index).wait_until_ready());
    make_tables(&cluster, 3);
    let started = Instant::now();
    let written = under_load(&mut cluster, 0..WRITERS, |cluster| {
        (0..rounds).for_each(|round| strike(cluster, round, &mut draw));
    });
    let took = started.elapsed();
    let audited = Audited::of(&addresses(&cluster), written);
    println!("kill -9: {rounds} rounds in {took:.1?}, {}", audited.summary());
    assert!(audited.wrong.is_empty(), "{:#?}", audited.wrong);
    assert!(audited.count(Fate::Made) > 20 * rounds, "too little was acknowledged to tell");
}
