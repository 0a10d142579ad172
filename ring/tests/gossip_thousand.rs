//! A thousand members: how fast news spreads, what it costs, and that loss convicts nobody.
//!
//! `GOSSIP_SEEDS` says how many seeds are run.

mod cluster;

use cluster::{Cluster, host};
use starling_ring::gossip::{Gossiper, StateKey};

const MEMBERS: usize = 1000;

fn seeds() -> u64 {
    // A debug build is some ten times slower.
    let by_default = if cfg!(debug_assertions) { 1 } else { 100 };
    std::env::var("GOSSIP_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(by_default)
}

#[test]
fn an_epoch_reaches_a_thousand_in_ten_rounds_within_twenty_kilobytes() {
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
        let value = seed.to_be_bytes().to_vec();
        cluster.nodes[who].set_local(StateKey::METADATA_EPOCH, value.clone()).unwrap();
        let rounds = cluster.rounds_until(10, |cluster| cluster.everyone_has(who, StateKey::METADATA_EPOCH, &value));
        let rounds = rounds.unwrap_or_else(|| panic!("seed {seed}: not everybody has it after 10 rounds"));
        assert_eq!(cluster.convictions(), [], "seed {seed}");
        rounds_run += rounds;
        slowest = slowest.max(rounds);
    }
    let average = cluster.total_sent_bytes / (MEMBERS * (cluster.now_ms / 1000) as usize);
    println!("{rounds_run} rounds, slowest {slowest}, most bytes {}, average {average}", cluster.most_sent_bytes);
    assert!(cluster.most_sent_bytes <= 20_000);
}

/// The newest epoch that a node has heard of from anybody, itself included.
fn newest_epoch(node: &Gossiper) -> u64 {
    let known = (0..MEMBERS).filter_map(|i| node.state(host(i))?.value(StateKey::METADATA_EPOCH)?.try_into().ok());
    known.map(u64::from_be_bytes).max().unwrap_or(0)
}

/// As in a cluster: who has heard of an epoch fetches it, and then publishes it too. A thousand values change at once.
#[test]
fn an_epoch_that_all_adopt_reaches_a_thousand_in_ten_rounds() {
    let mut cluster = Cluster::new(MEMBERS, 5);
    cluster.loss_percent = 5;
    assert!(cluster.rounds_until(60, Cluster::everyone_is_alive).is_some());
    let mut slowest = 0;
    for epoch in 1..=seeds().div_ceil(20) {
        cluster.reseed(epoch);
        let who = (cluster.random.next() % MEMBERS as u64) as usize;
        cluster.nodes[who].set_local(StateKey::METADATA_EPOCH, epoch.to_be_bytes().to_vec()).unwrap();
        let mut adopted = vec![false; MEMBERS];
        adopted[who] = true;
        let mut rounds = 0;
        while adopted.contains(&false) {
            assert!(rounds < 10, "epoch {epoch}: not everybody has it after 10 rounds");
            cluster.round();
            rounds += 1;
            for (node, adopted) in cluster.nodes.iter_mut().zip(&mut adopted) {
                if !*adopted && newest_epoch(node) == epoch {
                    *adopted = true;
                    node.set_local(StateKey::METADATA_EPOCH, epoch.to_be_bytes().to_vec()).unwrap();
                }
            }
        }
        assert_eq!(cluster.convictions(), [], "epoch {epoch}");
        slowest = slowest.max(rounds);
    }
    println!("adopted by all after at most {slowest} rounds, most bytes {}", cluster.most_sent_bytes);
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
