//! One of three nodes frozen under load: what the other two coordinate at QUORUM goes on.

use std::time::{Duration, Instant};

use starling_ring::ConsistencyLevel::All;

use crate::audit::{Questions, audit, count};
use crate::client::Client;
use crate::harness::{Cluster, wait_until};
use crate::ledger::{Fate, Ledger};
use crate::load::{Written, make_tables};
use crate::rounds;
use crate::struck::{at_quorum, under_load_of};

const WRITERS: usize = 6;
/// Before, during and after the freeze. The death is noticed within it: both what is asked of a node that only seems
/// alive and of one that is down belong to the figure.
const PHASE: Duration = Duration::from_secs(4);
/// Counted on its own: a request that takes so long has waited for the frozen node.
const SLOW: Duration = Duration::from_millis(500);

/// How long the requests between the two took. One that was under way when the freeze began belongs to the freeze.
fn between(written: &[Written], from: Instant, to: Instant, is_freeze: bool) -> Vec<Duration> {
    let within = written.iter().flat_map(|one| &one.answered).filter(|timed| match is_freeze {
        true => timed.at < to && timed.at + timed.took >= from,
        false => timed.at >= from && timed.at + timed.took < to,
    });
    within.map(|timed| timed.took).collect()
}

/// The median and the 99th percentile.
fn percentiles(took: &[Duration]) -> String {
    let mut took = took.to_vec();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    let slow = took.iter().filter(|took| **took > SLOW).count();
    format!(
        "{} requests, p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms, {slow} over {SLOW:?}",
        took.len(),
        at(50),
        at(99),
        at(100)
    )
}

#[test]
fn a_frozen_node_costs_the_others_not_one_request() {
    let mut cluster = Cluster::of("faults-freeze", 3);
    make_tables(&cluster, 3);
    let nodes: Vec<_> = cluster.nodes().iter().map(|node| node.address).collect();
    let mut freezes = Vec::new();
    let written = under_load_of(&at_quorum(&nodes[..2], 0..WRITERS), || {
        for _ in 0..rounds(1, 10) {
            let before = Instant::now();
            std::thread::sleep(PHASE);
            cluster.node(2).pause();
            let frozen = Instant::now();
            std::thread::sleep(PHASE);
            freezes.push((before, frozen, Instant::now()));
            cluster.node(2).resume();
        }
        std::thread::sleep(PHASE / 2);
    });

    let (mut without, mut with) = (Vec::new(), Vec::new());
    for (before, frozen, resumed) in freezes {
        let phases = [between(&written, before, frozen, false), between(&written, frozen, resumed, true)];
        println!("freeze: without: {}", percentiles(&phases[0]));
        println!("freeze: with one of three frozen: {}", percentiles(&phases[1]));
        without.extend_from_slice(&phases[0]);
        with.extend_from_slice(&phases[1]);
    }
    println!("freeze: all without: {}; all with: {}", percentiles(&without), percentiles(&with));
    let mut asked = Client::connect(nodes[0]);
    wait_until("all three answer", || asked.query("SELECT n FROM faults.registers WHERE k = 0", All).is_ok());
    let failures: Vec<_> = written.iter().flat_map(|one| one.failures.clone()).collect();
    let mut wrong: Vec<String> = written.iter().flat_map(|one| one.wrong.clone()).collect();
    let mut ledgers: Vec<Ledger> = written.into_iter().map(|one| one.ledger).collect();
    wrong.extend(audit(&Questions::at_quorum(&nodes, true), &mut ledgers));
    println!("freeze: {} writes acknowledged, {} errors", count(&ledgers, Fate::Made), failures.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(failures.is_empty(), "{failures:?}");
}
