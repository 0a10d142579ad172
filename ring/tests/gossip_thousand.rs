//! A thousand members: how fast news spreads, what it costs, and that loss convicts nobody.
//!
//! `GOSSIP_SEEDS` says how many seeds are run.

mod cluster;

use cluster::Cluster;
use starling_ring::gossip::StateKey;

const MEMBERS: usize = 1000;

fn seeds() -> u64 {
    // A debug build is some ten times slower.
    let by_default = if cfg!(debug_assertions) { 1 } else { 100 };
    std::env::var("GOSSIP_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(by_default)
}

#[test]
fn news_reaches_a_thousand_in_twelve_rounds_within_twenty_kilobytes() {
    let mut cluster = Cluster::new(MEMBERS, 0);
    cluster.loss_percent = 5;
    for node in &mut cluster.nodes {
        node.set_local(StateKey::STATUS, b"NORMAL".to_vec()).unwrap();
    }
    let start = cluster.rounds_until(40, |cluster| {
        cluster.everyone_is_alive() && (0..MEMBERS).all(|i| cluster.everyone_has(i, StateKey::STATUS, b"NORMAL"))
    });
    println!("a thousand strangers know each other after {start:?} rounds");
    assert!(start.is_some());
    let (mut rounds_run, mut slowest) = (0, 0);
    for seed in 1..=seeds() {
        cluster.reseed(seed);
        let who = (cluster.random.next() % MEMBERS as u64) as usize;
        let value = format!("epoch {seed}").into_bytes();
        cluster.nodes[who].set_local(StateKey::METADATA_EPOCH, value.clone()).unwrap();
        let rounds = cluster.rounds_until(12, |cluster| cluster.everyone_has(who, StateKey::METADATA_EPOCH, &value));
        let rounds = rounds.unwrap_or_else(|| panic!("seed {seed}: not everybody has it after 12 rounds"));
        assert_eq!(cluster.convictions(), [], "seed {seed}");
        rounds_run += rounds;
        slowest = slowest.max(rounds);
    }
    let average = cluster.total_sent_bytes / (MEMBERS * (cluster.now_ms / 1000) as usize);
    println!("{rounds_run} rounds, slowest {slowest}, most bytes {}, average {average}", cluster.most_sent_bytes);
    assert!(cluster.most_sent_bytes <= 20_000);
}

#[test]
fn a_death_among_a_thousand_is_noticed_by_all_and_convicts_nobody_else() {
    // A debug build makes do with fewer.
    let members = if cfg!(debug_assertions) { 100 } else { MEMBERS };
    let mut cluster = Cluster::new(members, 11);
    cluster.loss_percent = 5;
    assert!(cluster.rounds_until(60, Cluster::everyone_is_alive).is_some());
    cluster.rounds(10);
    cluster.is_stopped[7] = true;
    let rounds = cluster.rounds_until(90, |cluster| cluster.is_dead_to_all(7));
    println!("a death among {members} is known to all after {rounds:?} rounds");
    assert!(rounds.is_some());
    assert!(cluster.convictions().iter().all(|&convicted| convicted == cluster::host(7)));
    cluster.is_stopped[7] = false;
    assert!(cluster.rounds_until(15, Cluster::everyone_is_alive).is_some());
}
