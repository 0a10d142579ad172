//! kill -9 of nodes under load: what was acknowledged is there.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::audit::{audit, count};
use crate::client::Client;
use crate::draw::Draw;
use crate::harness::{Cluster, wait_until};
use crate::ledger::{Fate, Ledger};
use crate::load::{Over, make_tables, write};
use crate::rounds;

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
    let nodes: Vec<_> = cluster.nodes().iter().map(|node| node.address).collect();

    let (started, is_over) = (Instant::now(), AtomicBool::new(false));
    let written: Vec<_> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (nodes, is_over) = (&nodes, &is_over);
                scope.spawn(move || write(writer, nodes, is_over))
            })
            .collect();
        let over = Over(&is_over);
        (0..rounds).for_each(|round| strike(&mut cluster, round, &mut draw));
        drop(over);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let took = started.elapsed();

    let mut asked = Client::connect(nodes[0]);
    wait_until("all three answer", || {
        asked.query("SELECT n FROM faults.registers WHERE k = 0", starling_ring::ConsistencyLevel::All).is_ok()
    });
    let answered: usize = written.iter().map(|one| one.answered.len()).sum();
    let mut wrong: Vec<String> = written.iter().flat_map(|one| one.wrong.clone()).collect();
    let mut ledgers: Vec<Ledger> = written.into_iter().map(|one| one.ledger).collect();
    wrong.extend(audit(&nodes, &mut ledgers));
    let of = |fate| count(&ledgers, fate);
    println!(
        "kill -9: {rounds} rounds in {took:.1?}, {} writes: {} acknowledged, {} refused, {} unknown; {} quorum reads \
         meanwhile; {} lost or wrong",
        ledgers.iter().map(|ledger| ledger.fates.len()).sum::<usize>(),
        of(Fate::Made),
        of(Fate::Refused),
        of(Fate::Unknown),
        answered - of(Fate::Made),
        wrong.len(),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(of(Fate::Made) > 20 * rounds, "too little was acknowledged to tell");
}
