//! Signs of life, suspicion, probes and convictions on one member, to the second.

use crate::cluster::{Random, host};
use starling_ring::HostId;
use starling_ring::gossip::{
    Delta, Digest, GossipConfig, GossipMessage, Gossiper, LivenessEvent, StateKey, VersionedValue,
};

fn digest(number: usize, heartbeat: u64) -> Digest {
    Digest { host: host(number), generation: 1, heartbeat, version: 0 }
}

fn node(config: GossipConfig, size: usize) -> Gossiper {
    let mut node = Gossiper::new(config, host(0), 1, 0);
    node.set_members(0, &(0..size).map(host).collect::<Vec<_>>());
    node
}

/// `from` mentions how far `number` has come.
fn tell(node: &mut Gossiper, now_ms: u64, from: usize, number: usize, heartbeat: u64) -> Vec<(HostId, GossipMessage)> {
    let out = node.receive(now_ms, host(from), GossipMessage::Syn { digests: vec![digest(number, heartbeat)] });
    out.into_iter().filter(|(_, message)| is_probe(message)).collect()
}

fn is_probe(message: &GossipMessage) -> bool {
    matches!(message, GossipMessage::Ping { .. } | GossipMessage::PingRequest { .. } | GossipMessage::Pong { .. })
}

/// The probes of a round.
fn tick(node: &mut Gossiper, now_ms: u64) -> Vec<(HostId, GossipMessage)> {
    let mut random = Random(now_ms);
    node.tick(now_ms, &mut || random.next()).into_iter().filter(|(_, message)| is_probe(message)).collect()
}

fn ping() -> GossipMessage {
    GossipMessage::Ping { requester: host(0) }
}

/// Of three, 1 beats on; 2 does so up to second 10, and is dead soon after. At second 20.
fn with_a_death(config: GossipConfig) -> Gossiper {
    let mut node = node(config, 3);
    for second in 1..=20 {
        tell(&mut node, second * 1000, 1, 1, second);
        if second <= 10 {
            tell(&mut node, second * 1000, 2, 2, second);
        }
        tick(&mut node, second * 1000);
    }
    assert!(node.is_alive(host(1)) && !node.is_alive(host(2)));
    assert!(node.take_events().contains(&LivenessEvent::Down(host(2))));
    node
}

#[test]
fn the_first_word_of_a_member_proves_life_from_its_own_mouth_alone() {
    let mut node = node(GossipConfig::default(), 3);
    tell(&mut node, 0, 1, 2, 5);
    assert!(!node.is_alive(host(2)) && node.state(host(2)).is_some());
    assert!(!node.is_alive(host(1)), "it has said nothing of itself");
    tell(&mut node, 0, 1, 2, 5);
    assert!(!node.is_alive(host(2)), "no progress");
    tell(&mut node, 0, 1, 2, 6);
    assert!(node.is_alive(host(2)));
    tell(&mut node, 0, 1, 1, 1);
    assert!(node.is_alive(host(1)));
    assert_eq!(node.take_events(), [LivenessEvent::Up(host(2)), LivenessEvent::Up(host(1))]);
}

#[test]
fn values_prove_life_if_their_member_sends_them() {
    for (from, is_proof) in [(1, false), (2, true)] {
        let mut node = node(GossipConfig::default(), 3);
        let values = vec![(StateKey::STATUS, VersionedValue { version: 1, value: vec![1] })];
        let delta = Delta { host: host(2), generation: 1, from_version: 0, values };
        node.receive(0, host(from), GossipMessage::Final { deltas: vec![delta] });
        assert_eq!(node.is_alive(host(2)), is_proof);
        assert_eq!(node.state(host(2)).unwrap().value(StateKey::STATUS), Some(&[1][..]));
    }
}

#[test]
fn what_others_say_of_the_dead_counts_if_they_have_beaten_on() {
    let mut node = with_a_death(GossipConfig::default());
    // Eleven seconds of silence: six heartbeats at least.
    let probes = tell(&mut node, 21_000, 1, 2, 15);
    assert_eq!(probes, [(host(2), ping()), (host(1), GossipMessage::PingRequest { target: host(2) })]);
    assert!(!node.is_alive(host(2)));
    assert_eq!(tell(&mut node, 21_000, 1, 2, 15), [], "old words");
    tell(&mut node, 21_000, 1, 2, 16);
    assert!(node.is_alive(host(2)));
    assert_eq!(node.take_events(), [LivenessEvent::Up(host(2))]);
    assert!(node.phi(21_000, host(2)).unwrap() < 0.2, "its silence is over");
    assert!(tick(&mut node, 22_000).is_empty());
}

#[test]
fn a_restart_and_its_own_word_bring_a_member_back_at_once() {
    let mut node = with_a_death(GossipConfig::default());
    let mut restarted = node.clone();
    tell(&mut node, 21_000, 2, 2, 11);
    assert!(node.is_alive(host(2)));
    let digests = vec![Digest { generation: 2, ..digest(2, 0) }];
    restarted.receive(21_000, host(1), GossipMessage::Syn { digests });
    assert!(restarted.is_alive(host(2)));
    // Its return is news for others: it comes before those whose turn it is.
    for node in [&mut node, &mut restarted] {
        let mut random = Random(1);
        let messages = node.tick(21_500, &mut || random.next());
        let GossipMessage::Syn { digests } = &messages[0].1 else { panic!("{messages:?}") };
        assert_eq!(digests[..2].iter().map(|each| each.host).collect::<Vec<_>>(), [host(0), host(2)]);
    }
}

#[test]
fn no_more_of_the_dead_are_asked_in_a_round_than_may_be() {
    let config = GossipConfig { max_probes_per_round: 1, ..GossipConfig::default() };
    let mut node = node(config, 4);
    for second in 1..=30 {
        tell(&mut node, second * 1000, 1, 1, second);
        if second <= 5 {
            tell(&mut node, second * 1000, 2, 2, second);
            tell(&mut node, second * 1000, 3, 3, second);
        }
        let probes = tick(&mut node, second * 1000);
        assert!(probes.iter().filter(|(_, message)| *message == ping()).count() <= 2, "one new, one once more");
    }
    assert!(!node.is_alive(host(2)) && !node.is_alive(host(3)));
    let digests = vec![digest(2, 6), digest(3, 6)];
    let out = node.receive(30_500, host(1), GossipMessage::Syn { digests: digests.clone() });
    assert_eq!(out.iter().filter(|(_, message)| *message == ping()).count(), 1);
    tick(&mut node, 31_000);
    let out = node.receive(31_500, host(1), GossipMessage::Syn { digests: vec![digest(2, 7), digest(3, 7)] });
    assert_eq!(out.iter().filter(|(_, message)| *message == ping()).count(), 1, "a new round");
}

#[test]
fn a_suspect_is_probed_each_round_until_its_time_is_up() {
    let config = GossipConfig { probe_timeout_ms: 2000, probe_helpers: 2, ..GossipConfig::default() };
    let mut node = node(config, 6);
    let mut probed_at = Vec::new();
    for second in 1..=20 {
        // 2 falls silent after ten seconds, 3 has never been heard.
        for number in [1, 2, 4, 5] {
            if number != 2 || second <= 10 {
                tell(&mut node, second * 1000, number, number, second);
            }
        }
        let probes = tick(&mut node, second * 1000);
        if probes.is_empty() {
            continue;
        }
        probed_at.push(second);
        assert!(node.is_alive(host(2)), "no verdict yet");
        assert_eq!(probes[0], (host(2), ping()));
        let helpers: Vec<HostId> = probes[1..].iter().map(|(to, _)| *to).collect();
        assert_eq!(helpers.len(), 2);
        assert!(helpers.iter().all(|helper| [host(1), host(4), host(5)].contains(helper)), "{helpers:?}");
        assert!(probes[1..].iter().all(|(_, message)| *message == GossipMessage::PingRequest { target: host(2) }));
        assert_eq!(node.take_events().iter().filter(|event| **event == LivenessEvent::Down(host(2))).count(), 0);
    }
    // Six seconds of silence make phi 8; the verdict falls after two more.
    assert_eq!(probed_at, [16, 17]);
    assert!(node.take_events().contains(&LivenessEvent::Down(host(2))));
    assert!(!node.is_alive(host(2)) && !node.is_alive(host(3)));
}

#[test]
fn probes_are_answered_and_passed_on_once() {
    let mut node = node(GossipConfig::default(), 4);
    let receive = |node: &mut Gossiper, from, message| node.receive(0, host(from), message);
    // Asked by 1 for 2: a new heartbeat, to 1.
    let pong = |heartbeat| GossipMessage::Pong { requester: host(2), digest: digest(0, heartbeat) };
    let asked = || GossipMessage::Ping { requester: host(2) };
    assert_eq!(receive(&mut node, 1, asked()), [(host(1), pong(1))]);
    assert_eq!(receive(&mut node, 1, asked()), [(host(1), pong(2))]);
    assert_eq!(receive(&mut node, 1, GossipMessage::Ping { requester: host(9) }), []);
    // Asked to ask.
    let ask = |number| GossipMessage::PingRequest { target: host(number) };
    assert_eq!(receive(&mut node, 1, ask(2)), [(host(2), GossipMessage::Ping { requester: host(1) })]);
    assert_eq!(receive(&mut node, 1, ask(0)), []);
    assert_eq!(receive(&mut node, 1, ask(9)), []);
    // A pong for another, from whoever was asked: passed on. From elsewhere, or for nobody: heard alone.
    let pong = |requester, number| GossipMessage::Pong { requester: host(requester), digest: digest(number, 1) };
    assert_eq!(receive(&mut node, 2, pong(3, 2)), [(host(3), pong(3, 2))]);
    assert!(node.is_alive(host(2)));
    assert_eq!(receive(&mut node, 2, pong(3, 1)), []);
    assert!(node.is_alive(host(1)), "a pong is a witness");
    assert_eq!(receive(&mut node, 3, pong(9, 3)), []);
    assert_eq!(receive(&mut node, 3, pong(0, 3)), []);
    assert_eq!(receive(&mut node, 3, pong(1, 9)), []);
    let late = Digest { generation: u64::MAX, ..digest(3, 9) };
    receive(&mut node, 3, GossipMessage::Pong { requester: host(0), digest: late });
    assert_eq!(node.state(host(3)).unwrap().generation, 1);
    let own = Digest { generation: 1, ..digest(0, 50) };
    receive(&mut node, 3, GossipMessage::Pong { requester: host(0), digest: own });
    assert_eq!(node.state(host(0)).unwrap().heartbeat, 2, "nobody tells it about itself");
}

#[test]
fn rounds_turn_to_the_living_and_to_one_that_is_not() {
    let config = GossipConfig { fanout: 2, ..GossipConfig::default() };
    let targets = |alive: &[usize], seed| {
        let mut node = node(config.clone(), 7);
        for &number in alive {
            tell(&mut node, 0, number, number, 1);
        }
        let mut random = Random(seed);
        let messages = node.tick(500, &mut || random.next());
        messages.iter().map(|(to, _)| to.0.as_u128() as usize - 1).collect::<Vec<usize>>()
    };
    let mut pairs = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let found = targets(&[1, 2, 3], seed);
        assert!(found.len() == 3 && found[..2].iter().all(|number| (1..=3).contains(number)), "{found:?}");
        assert!((4..=6).contains(&found[2]));
        pairs.insert((found[0], found[1]));
        let found = targets(&[1], seed);
        assert!(found.len() == 2 && found[0] == 1 && (2..=6).contains(&found[1]), "{found:?}");
        let found = targets(&[], seed);
        assert!(found.len() == 2 && found[0] != found[1] && !found.contains(&0), "{found:?}");
        assert_eq!(targets(&[1, 2, 3, 4, 5, 6], seed).len(), 2);
    }
    assert_eq!(pairs.len(), 6, "every pair of the living, in either order");
}

#[test]
fn time_in_which_it_stood_still_itself_is_no_silence() {
    // A gap of two intervals is silence; of more, all but one interval is the process's own pause.
    let phi_after = |gap_ms| {
        let mut node = node(GossipConfig::default(), 2);
        tell(&mut node, 0, 1, 1, 1);
        tick(&mut node, gap_ms);
        node.phi(gap_ms, host(1)).unwrap()
    };
    // With two members the interval is taken to be 1,250: a deviation of 1,125.
    assert!((phi_after(1250) - 0.301).abs() < 0.002);
    assert!((phi_after(2000) - phi_after(1000)) > 0.2);
    assert!((phi_after(2001) - phi_after(1000)).abs() < 0.001);
    assert!((phi_after(60_000) - phi_after(1000)).abs() < 0.001);
    let mut node = node(GossipConfig::default(), 2);
    tell(&mut node, 0, 1, 1, 1);
    tick(&mut node, 5_000);
    tick(&mut node, 10_000);
    assert!((node.phi(10_000, host(1)).unwrap() - phi_after(2000)).abs() < 0.001, "pauses add up");
    assert!((node.phi(9_000, host(1)).unwrap() - phi_after(2000)).abs() < 0.001, "time does not go back");
}

#[test]
fn in_larger_clusters_the_first_heartbeats_are_waited_for_longer() {
    let phi_at = |size, silence_ms: u64| {
        let mut node = node(GossipConfig::default(), size);
        // Newcomers begin when they are made known, whenever that is.
        node.set_members(100_000, &[host(0)]);
        node.set_members(100_000, &(0..size).map(host).collect::<Vec<_>>());
        node.phi(100_000 + silence_ms, host(1)).unwrap()
    };
    // Of 16: 2,000 with a deviation of 2,250. Of 2: 1,250 and 1,125.
    assert!((phi_at(16, 4250) - 0.7996).abs() < 0.002, "{}", phi_at(16, 4250));
    assert!((phi_at(2, 2375) - 0.7996).abs() < 0.002, "{}", phi_at(2, 2375));
}
