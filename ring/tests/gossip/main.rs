//! Small clusters: deaths, returns, pauses, partitions, restarts, removals, and hostile messages.

#[path = "../cluster/mod.rs"]
mod cluster;
mod liveness;
mod messages;

use cluster::{Cluster, Random, host};
use proptest::prelude::*;
use starling_ring::HostId;
use starling_ring::gossip::{
    Delta, Digest, GossipConfig, GossipError, GossipMessage, Gossiper, LivenessEvent, StateKey, VersionedValue,
};
use uuid::Uuid;

fn settled(size: usize, seed: u64) -> Cluster {
    let mut cluster = Cluster::new(size, seed);
    cluster.rounds(30);
    assert!(cluster.everyone_is_alive());
    assert_eq!(cluster.convictions(), []);
    cluster
}

#[test]
fn strangers_know_each_other_in_three_rounds() {
    for seed in 0..50 {
        let mut cluster = Cluster::new(5, seed);
        assert!(cluster.rounds_until(3, Cluster::everyone_is_alive).is_some(), "seed {seed}");
    }
}

#[test]
fn a_death_is_noticed_by_all_within_ten_seconds_and_a_return_within_two() {
    for size in 2..=5 {
        for seed in 0..50 {
            let mut cluster = settled(size, seed);
            cluster.loss_percent = 5;
            cluster.is_stopped[1] = true;
            let rounds = cluster.rounds_until(9, |cluster| cluster.is_dead_to_all(1));
            assert!(rounds.is_some_and(|rounds| rounds >= 4), "{rounds:?} of size {size}, seed {seed}");
            cluster.rounds(20);
            assert!(cluster.is_dead_to_all(1));
            // It is back as the same process, or started anew.
            cluster.loss_percent = 0;
            cluster.is_stopped[1] = false;
            if seed % 2 == 0 {
                let hosts: Vec<HostId> = (0..size).map(host).collect();
                let generation = 1_700_000_000_001;
                cluster.nodes[1] = Gossiper::new(GossipConfig::default(), host(1), generation, cluster.now_ms);
                cluster.nodes[1].set_members(cluster.now_ms, &hosts);
            }
            let rounds = cluster.rounds_until(2, Cluster::everyone_is_alive);
            assert!(rounds.is_some(), "size {size}, seed {seed}");
        }
    }
}

#[test]
fn a_pause_of_three_seconds_convicts_nobody() {
    for seed in 0..100 {
        let mut cluster = settled(4, seed);
        cluster.loss_percent = 5;
        cluster.is_stopped[2] = true;
        cluster.rounds(3);
        cluster.is_stopped[2] = false;
        cluster.rounds(10);
        assert_eq!(cluster.convictions(), [], "seed {seed}");
    }
}

#[test]
fn ones_own_pause_is_not_held_against_others() {
    let mut cluster = settled(3, 1);
    cluster.is_stopped[0] = true;
    cluster.rounds(60);
    cluster.is_stopped[0] = false;
    cluster.nodes[0].take_events();
    let mut random = Random(1);
    cluster.nodes[0].tick(cluster.now_ms, &mut || random.next());
    assert!(cluster.nodes[0].is_alive(host(1)));
    cluster.rounds(5);
    assert!(cluster.everyone_is_alive());
    assert!(!cluster.nodes[0].take_events().iter().any(|event| matches!(event, LivenessEvent::Down(_))));
}

#[test]
fn a_suspect_that_others_reach_is_not_convicted() {
    // The helper's word keeps it alive, although it cannot be reached directly.
    let hosts = [host(0), host(1), host(2)];
    let mut node = Gossiper::new(GossipConfig::default(), host(0), 1, 0);
    node.set_members(0, &hosts);
    let digest = |number, heartbeat| Digest { host: host(number), generation: 1, heartbeat, version: 0 };
    let mut random = Random(3);
    let (mut probed_at, mut silent_from) = (None, 0);
    for second in 1..40u64 {
        let now_ms = second * 1000;
        let messages = node.tick(now_ms, &mut || random.next());
        if messages.iter().any(|(to, message)| *to == host(1) && matches!(message, GossipMessage::Ping { .. })) {
            assert!(messages.contains(&(host(2), GossipMessage::PingRequest { target: host(1) })));
            probed_at = Some(second);
            break;
        }
        node.receive(now_ms, host(2), GossipMessage::Syn { digests: vec![digest(2, second)] });
        if second <= 20 {
            node.receive(now_ms, host(1), GossipMessage::Syn { digests: vec![digest(1, second)] });
            silent_from = second;
        }
    }
    let probed_at = probed_at.unwrap();
    assert!((4..=6).contains(&(probed_at - silent_from)));
    let pong = GossipMessage::Pong { requester: host(0), digest: digest(1, 99) };
    node.receive(probed_at * 1000 + 500, host(2), pong);
    for second in probed_at + 1..probed_at + 4 {
        node.tick(second * 1000, &mut || random.next());
        assert!(node.is_alive(host(1)));
    }
}

#[test]
fn both_sides_of_a_partition_find_each_other_again() {
    for seed in 0..20 {
        let mut cluster = settled(6, seed);
        cluster.group = vec![0, 0, 0, 0, 1, 1];
        cluster.rounds(20);
        assert!(cluster.nodes[..4].iter().all(|node| !node.is_alive(host(4)) && node.is_alive(host(3))));
        assert!(cluster.nodes[4..].iter().all(|node| !node.is_alive(host(0)) && node.is_alive(host(5))));
        cluster.group = vec![0; 6];
        assert!(cluster.rounds_until(2, Cluster::everyone_is_alive).is_some(), "seed {seed}");
    }
}

#[test]
fn values_spread_and_a_restart_replaces_them() {
    let mut cluster = settled(5, 7);
    cluster.nodes[3].set_local(StateKey::STATUS, b"NORMAL".to_vec()).unwrap();
    cluster.nodes[3].set_local(StateKey(200), b"from the future".to_vec()).unwrap();
    let rounds = cluster.rounds_until(3, |cluster| cluster.everyone_has(3, StateKey(200), b"from the future"));
    assert!(rounds.is_some());
    let event = LivenessEvent::StateChanged { host: host(3), key: StateKey::STATUS };
    assert!(cluster.nodes[0].take_events().contains(&event));
    // A restart with a generation that is not higher than the last: it is raised.
    let hosts: Vec<HostId> = (0..5).map(host).collect();
    cluster.nodes[3] = Gossiper::new(GossipConfig::default(), host(3), 5, cluster.now_ms);
    cluster.nodes[3].set_members(cluster.now_ms, &hosts);
    cluster.nodes[3].set_local(StateKey::STATUS, b"JOINING".to_vec()).unwrap();
    let rounds = cluster.rounds_until(4, |cluster| cluster.everyone_has(3, StateKey::STATUS, b"JOINING"));
    assert!(rounds.is_some());
    assert!(cluster.running().all(|node| node.state(host(3)).unwrap().value(StateKey(200)).is_none()));
    assert!(cluster.nodes[3].generation() > 1_700_000_000_000);
}

#[test]
fn gossip_of_a_removed_member_is_ignored() {
    let mut cluster = settled(4, 9);
    let old = cluster.nodes[1].clone();
    cluster.is_stopped[3] = true;
    let left: Vec<HostId> = (0..3).map(host).collect();
    for node in &mut cluster.nodes[..3] {
        node.set_members(cluster.now_ms, &left);
        assert!(node.state(host(3)).is_none() && !node.is_alive(host(3)));
    }
    // Neither the removed one itself nor one that has not heard of the removal brings it back.
    cluster.is_stopped[3] = false;
    cluster.nodes[1] = old;
    cluster.rounds(10);
    for node in [&cluster.nodes[0], &cluster.nodes[2]] {
        assert!(node.state(host(3)).is_none() && !node.is_alive(host(3)));
        assert_eq!(node.members().count(), 3);
    }
}

#[test]
fn values_are_bounded_where_they_are_set() {
    let config = GossipConfig { max_keys: 2, max_value_bytes: 10, ..GossipConfig::default() };
    let mut node = Gossiper::new(config, host(0), 1, 0);
    let too_large = GossipError::ValueTooLarge { size_bytes: 11, max_bytes: 10 };
    assert_eq!(node.set_local(StateKey(1), vec![0; 11]), Err(too_large));
    assert_eq!(node.set_local(StateKey(1), vec![0; 10]), Ok(()));
    assert_eq!(node.set_local(StateKey(2), vec![]), Ok(()));
    assert_eq!(node.set_local(StateKey(3), vec![]), Err(GossipError::TooManyKeys(2)));
    assert_eq!(node.set_local(StateKey(1), vec![1]), Ok(()));
}

fn arbitrary_host() -> impl Strategy<Value = HostId> {
    (0u128..6).prop_map(|number| HostId(Uuid::from_u128(number)))
}

fn arbitrary_number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..4, any::<u64>(), Just(u64::MAX), Just(u64::MAX - 1)]
}

fn arbitrary_digest() -> impl Strategy<Value = Digest> {
    (arbitrary_host(), arbitrary_number(), arbitrary_number(), arbitrary_number())
        .prop_map(|(host, generation, heartbeat, version)| Digest { host, generation, heartbeat, version })
}

fn arbitrary_delta() -> impl Strategy<Value = Delta> {
    let versioned = (arbitrary_number(), prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(version, value)| VersionedValue { version, value });
    let values = prop::collection::vec((any::<u8>().prop_map(StateKey), versioned), 0..20);
    (arbitrary_host(), arbitrary_number(), arbitrary_number(), values)
        .prop_map(|(host, generation, from_version, values)| Delta { host, generation, from_version, values })
}

fn arbitrary_message() -> impl Strategy<Value = GossipMessage> {
    let digests = || prop::collection::vec(arbitrary_digest(), 0..30);
    let deltas = || prop::collection::vec(arbitrary_delta(), 0..10);
    prop_oneof![
        digests().prop_map(|digests| GossipMessage::Syn { digests }),
        (digests(), deltas()).prop_map(|(digests, deltas)| GossipMessage::Ack { digests, deltas }),
        (digests(), deltas()).prop_map(|(digests, deltas)| GossipMessage::Ack2 { digests, deltas }),
        deltas().prop_map(|deltas| GossipMessage::Final { deltas }),
        arbitrary_host().prop_map(|requester| GossipMessage::Ping { requester }),
        arbitrary_host().prop_map(|target| GossipMessage::PingRequest { target }),
        (arbitrary_host(), arbitrary_digest())
            .prop_map(|(requester, digest)| GossipMessage::Pong { requester, digest }),
    ]
}

proptest! {
    #[test]
    fn the_size_bound_holds(message in arbitrary_message()) {
        let encoded = bincode::serde::encode_to_vec(&message, bincode::config::standard()).unwrap();
        prop_assert!(encoded.len() <= message.size_bytes());
        prop_assert!(message.size_bytes() <= encoded.len() + 11 + 4 * 10);
    }

    #[test]
    fn hostile_messages_stay_within_bounds(
        messages in prop::collection::vec((any::<u64>(), arbitrary_host(), arbitrary_message()), 1..60),
    ) {
        let config = GossipConfig { max_keys: 4, max_value_bytes: 20, ..GossipConfig::default() };
        let mut node = Gossiper::new(config, host(0), 1, 0);
        node.set_members(0, &[host(0), host(1), host(2), host(3)]);
        let mut random = Random(1);
        let mut sent_bytes = 0;
        for (time_ms, from, message) in messages {
            if time_ms % 3 == 0 {
                sent_bytes = node.tick(time_ms, &mut || random.next()).iter().map(|(_, m)| m.size_bytes()).sum();
            }
            sent_bytes += node.receive(time_ms, from, message).iter().map(|(_, m)| m.size_bytes()).sum::<usize>();
            prop_assert!(sent_bytes <= 20_000);
        }
        prop_assert_eq!(node.members().count(), 4);
        prop_assert!(node.is_alive(host(0)));
        for state in (0..4).filter_map(|i| node.state(host(i))) {
            prop_assert!(state.values().count() <= 4);
            prop_assert!(state.values().all(|(_, versioned)| versioned.value.len() <= 20));
            prop_assert!(state.generation < u64::MAX);
        }
    }
}

#[test]
fn oversized_messages_are_ignored() {
    let mut node = Gossiper::new(GossipConfig::default(), host(0), 1, 0);
    node.set_members(0, &[host(1)]);
    let digest = Digest { host: host(1), generation: 1, heartbeat: 1, version: 0 };
    let digests = vec![digest; 2000];
    assert!(node.receive(1, host(1), GossipMessage::Syn { digests }).is_empty());
    assert!(node.state(host(1)).is_none());
}
