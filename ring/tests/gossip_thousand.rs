//! A thousand members: how fast news spreads, what it costs, and that loss convicts nobody.
//!
//! `STARLING_GOSSIP_SEEDS` says how many seeds are run.

mod cluster;

use cluster::Cluster;
use starling_ring::gossip::StateKey;

const MEMBERS: usize = 1000;

fn seeds() -> u64 {
    // A debug build is some ten times slower.
    let by_default = if cfg!(debug_assertions) { 2 } else { 100 };
    std::env::var("STARLING_GOSSIP_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(by_default)
}

#[test]
fn news_reaches_a_thousand_in_twelve_rounds_within_twenty_kilobytes() {
    let mut cluster = Cluster::new(MEMBERS, 0);
    cluster.loss_percent = 5;
    for node in &mut cluster.nodes {
        node.set_local(StateKey::STATUS, b"NORMAL".to_vec())
            .unwrap();
    }
    let start = cluster.rounds_until(40, |cluster| {
        cluster.everyone_is_alive()
            && (0..MEMBERS).all(|i| cluster.everyone_has(i, StateKey::STATUS, b"NORMAL"))
    });
    println!("a thousand strangers know each other after {start:?} rounds");
    println!(
        "{} convicted, average {}",
        cluster.convictions().len(),
        cluster.total_sent_bytes / (MEMBERS * (cluster.now_ms / 1000) as usize)
    );
    assert!(start.is_some());
    let (mut rounds_run, mut slowest) = (0, 0);
    for seed in 1..=seeds() {
        cluster.reseed(seed);
        let who = (cluster.random.next() % MEMBERS as u64) as usize;
        let value = format!("epoch {seed}").into_bytes();
        cluster.nodes[who]
            .set_local(StateKey::METADATA_EPOCH, value.clone())
            .unwrap();
        let rounds = cluster.rounds_until(12, |cluster| {
            cluster.everyone_has(who, StateKey::METADATA_EPOCH, &value)
        });
        let rounds =
            rounds.unwrap_or_else(|| panic!("seed {seed}: not everybody has it after 12 rounds"));
        let convicted = cluster.convictions().len();
        if convicted > 0 {
            println!("seed {seed}: {convicted} convicted after {rounds}");
        }
        rounds_run += rounds;
        slowest = slowest.max(rounds);
    }
    let average = cluster.total_sent_bytes / (MEMBERS * (cluster.now_ms / 1000) as usize);
    println!(
        "{rounds_run} rounds, slowest {slowest}, most bytes {}, average {average}",
        cluster.most_sent_bytes
    );
    assert!(cluster.most_sent_bytes <= 20_000);
}
