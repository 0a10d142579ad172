//! What goes out, message by message: exchanges, what fits into them, and what is ignored.

use crate::cluster::{Random, host};
use starling_ring::HostId;
use starling_ring::gossip::{
    Delta, Digest, GossipConfig, GossipMessage, Gossiper, LivenessEvent, StateKey, VersionedValue,
};

/// Bytes of a message besides its digests and deltas, and of a digest of small numbers.
const OVERHEAD_BYTES: usize = 11;
const DIGEST_BYTES: usize = 20;

fn digest(number: usize, heartbeat: u64, version: u64) -> Digest {
    Digest { host: host(number), generation: 1, heartbeat, version }
}

fn syn(digests: &[Digest]) -> GossipMessage {
    GossipMessage::Syn { digests: digests.to_vec() }
}

fn delta(number: usize, from_version: u64, values: &[(StateKey, u64, &[u8])]) -> Delta {
    let value = |&(key, version, value): &(StateKey, u64, &[u8])| {
        let value = value.to_vec();
        (key, VersionedValue { version, value })
    };
    Delta { host: host(number), generation: 1, from_version, values: values.iter().map(value).collect() }
}

fn tick(node: &mut Gossiper, now_ms: u64) -> Vec<(HostId, GossipMessage)> {
    let mut random = Random(now_ms);
    node.tick(now_ms, &mut || random.next())
}

/// Member 0 of `size`, who has heard the others' fifth heartbeat from themselves.
fn acquainted(config: GossipConfig, size: usize) -> Gossiper {
    let mut node = Gossiper::new(config, host(0), 1, 0);
    node.set_members(0, &(0..size).map(host).collect::<Vec<_>>());
    for number in 1..size {
        node.receive(0, host(number), GossipMessage::Pong { requester: host(0), digest: digest(number, 5, 0) });
    }
    assert!((0..size).all(|number| node.is_alive(host(number))));
    node
}

fn numbers(digests: &[Digest]) -> Vec<usize> {
    digests.iter().map(|each| each.host.0.as_u128() as usize - 1).collect()
}

fn syn_numbers(message: &GossipMessage) -> Vec<usize> {
    let GossipMessage::Syn { digests } = message else { panic!("{message:?} is no syn") };
    numbers(digests)
}

#[test]
fn an_exchange_goes_word_by_word_and_ends() {
    let members = [host(0), host(1)];
    let mut nodes = [0, 1].map(|number| {
        let mut node = Gossiper::new(GossipConfig::default(), host(number), 1, 0);
        node.set_members(0, &members);
        node.set_local(StateKey::STATUS, vec![number as u8]).unwrap();
        node
    });
    let (zero, one) = (delta(0, 0, &[(StateKey::STATUS, 1, &[0])]), delta(1, 0, &[(StateKey::STATUS, 1, &[1])]));
    assert_eq!(tick(&mut nodes[0], 0), [(host(1), syn(&[digest(0, 1, 1)]))]);
    let ack = GossipMessage::Ack { digests: vec![digest(0, 1, 0), digest(1, 0, 1)], deltas: vec![] };
    assert_eq!(nodes[1].receive(0, host(0), syn(&[digest(0, 1, 1)])), [(host(0), ack.clone())]);
    let ack2 = GossipMessage::Ack2 { digests: vec![digest(1, 0, 0)], deltas: vec![zero] };
    // The heartbeat of 0 says nothing of 1, who is not known yet; asked for is what there is from its beginning.
    let answer = nodes[0].receive(0, host(1), ack);
    assert_eq!(answer.len(), 1);
    let GossipMessage::Ack2 { digests, deltas } = &answer[0].1 else { panic!("{answer:?}") };
    let GossipMessage::Ack2 { digests: expected_digests, deltas: expected_deltas } = &ack2 else { unreachable!() };
    assert_eq!((numbers(digests), digests[0].version), (numbers(expected_digests), 0));
    assert_eq!(deltas, expected_deltas);
    let last = GossipMessage::Final { deltas: vec![one] };
    assert_eq!(nodes[1].receive(0, host(0), answer[0].1.clone()), [(host(0), last.clone())]);
    assert_eq!(nodes[0].receive(0, host(1), last), []);
    for (node, other) in [(0, 1), (1, 0)] {
        assert_eq!(nodes[node].state(host(other)).unwrap().value(StateKey::STATUS), Some(&[other as u8][..]));
        let event = LivenessEvent::StateChanged { host: host(other), key: StateKey::STATUS };
        assert!(nodes[node].take_events().contains(&event));
    }
    // Both know all: an answer, and no word more.
    let greeting = tick(&mut nodes[0], 1000).remove(0).1;
    let answer = nodes[1].receive(1000, host(0), greeting);
    assert!(matches!(&answer[..], [(_, GossipMessage::Ack { deltas, .. })] if deltas.is_empty()), "{answer:?}");
    assert_eq!(nodes[0].receive(1000, host(1), answer[0].1.clone()), []);
    let nothing = GossipMessage::Ack2 { digests: vec![], deltas: vec![] };
    assert_eq!(nodes[1].receive(1000, host(0), nothing), []);
}

#[test]
fn an_ack_is_answered_if_it_asks_or_if_it_tells() {
    let mut node = acquainted(GossipConfig::default(), 3);
    node.set_local(StateKey::STATUS, vec![7]).unwrap();
    let asks = GossipMessage::Ack { digests: vec![digest(0, 0, 0)], deltas: vec![] };
    let told = GossipMessage::Ack2 { digests: vec![], deltas: vec![delta(0, 0, &[(StateKey::STATUS, 1, &[7])])] };
    assert_eq!(node.receive(0, host(1), asks), [(host(1), told)]);
    let tells = GossipMessage::Ack { digests: vec![digest(2, 5, 3)], deltas: vec![] };
    let asked = GossipMessage::Ack2 { digests: vec![digest(2, 5, 0)], deltas: vec![] };
    assert_eq!(node.receive(0, host(1), tells), [(host(1), asked)]);
    let neither = GossipMessage::Ack { digests: vec![digest(2, 5, 0)], deltas: vec![] };
    assert_eq!(node.receive(0, host(1), neither), []);
}

#[test]
fn strangers_and_its_own_echo_are_not_heard() {
    let mut node = acquainted(GossipConfig::default(), 3);
    let news = syn(&[digest(1, 9, 0)]);
    assert_eq!(node.receive(0, host(7), news.clone()), []);
    assert_eq!(node.receive(0, host(0), news), []);
    assert_eq!(node.state(host(1)).unwrap().heartbeat, 5);
    assert_eq!(node.phi(0, host(0)), None);
    assert!(node.phi(0, host(1)).is_some() && node.phi(0, host(7)).is_none());
}

#[test]
fn a_value_set_again_is_no_news() {
    let mut node = Gossiper::new(GossipConfig::default(), host(0), 1, 0);
    for (value, version) in [(1, 1), (1, 1), (2, 2), (1, 3)] {
        node.set_local(StateKey::LOAD, vec![value]).unwrap();
        let state = node.state(host(0)).unwrap();
        assert_eq!((state.version, state.values().count()), (version, 1));
    }
}

/// A node of ten with room for so many digests and bytes in a syn, of whom 3 and then 4 have published something.
fn with_news(digests: usize, spare_bytes: usize, fanout: usize) -> Gossiper {
    let max_round_bytes = 2 * fanout * (OVERHEAD_BYTES + DIGEST_BYTES * digests + spare_bytes);
    let mut node = acquainted(GossipConfig { fanout, max_round_bytes, ..GossipConfig::default() }, 10);
    for number in [3, 4] {
        let deltas = vec![delta(number, 0, &[(StateKey::STATUS, 1, b"x")])];
        assert_eq!(node.receive(0, host(number), GossipMessage::Final { deltas }), []);
    }
    node
}

#[test]
fn a_syn_names_its_sender_what_is_new_and_the_next_in_turn() {
    let mut node = with_news(4, 0, 1);
    // Four and the binary logarithm of ten rounds is the latest news named first, in half of the room.
    let expected: [&[usize]; 9] = [
        &[0, 4, 1, 2],
        &[0, 4, 3, 5],
        &[0, 4, 6, 7],
        &[0, 4, 8, 9],
        &[0, 4, 1, 2],
        &[0, 4, 3, 5],
        &[0, 4, 6, 7],
        &[0, 8, 9, 1],
        &[0, 2, 3, 4],
    ];
    for (round, expected) in (1..).zip(expected) {
        let messages = tick(&mut node, round * 1000 / 2);
        assert_eq!(messages.len(), 1, "round {round}");
        assert_eq!(syn_numbers(&messages[0].1), expected, "round {round}");
    }
}

#[test]
fn news_outlive_a_change_of_members() {
    let mut node = with_news(4, 0, 1);
    let all: Vec<HostId> = (0..10).filter(|number| *number != 2).map(host).collect();
    node.set_members(0, &all);
    assert_eq!(syn_numbers(&tick(&mut node, 500)[0].1), [0, 4, 1, 3]);
    // News of before keep their order.
    let mut node = with_news(6, 0, 1);
    node.set_members(0, &all);
    assert_eq!(syn_numbers(&tick(&mut node, 500)[0].1)[..3], [0, 4, 3]);
}

#[test]
fn syns_share_half_of_the_rounds_bytes() {
    let mut node = with_news(4, 19, 3);
    let messages = tick(&mut node, 500);
    assert_eq!(messages.len(), 3);
    let named: Vec<Vec<usize>> = messages.iter().map(|(_, message)| syn_numbers(message)).collect();
    assert_eq!(named, [[0, 4, 1, 2], [0, 4, 3, 5], [0, 4, 6, 7]]);
    let mut to: Vec<HostId> = messages.into_iter().map(|(to, _)| to).collect();
    to.sort_unstable();
    to.dedup();
    assert_eq!(to.len(), 3, "each to another");
}

/// An answer has room for this many bytes, if little was sent in the round before.
fn with_answer_room(bytes: usize) -> Gossiper {
    let max_round_bytes = 4 * (OVERHEAD_BYTES + bytes);
    let mut node = acquainted(GossipConfig { max_round_bytes, ..GossipConfig::default() }, 10);
    for number in [3, 4, 5] {
        let deltas = vec![delta(number, 0, &[(StateKey::STATUS, 1, b"x")])];
        assert_eq!(node.receive(0, host(number), GossipMessage::Final { deltas }), []);
    }
    node
}

fn ack_numbers(out: &[(HostId, GossipMessage)]) -> Vec<usize> {
    match out {
        [(_, GossipMessage::Ack { digests, deltas })] if deltas.is_empty() => numbers(digests),
        _ => panic!("{out:?}"),
    }
}

#[test]
fn an_answer_asks_then_names_itself_what_is_new_and_what_is_fresher() {
    let old = [digest(1, 6, 0), digest(6, 1, 0), digest(7, 1, 0), digest(8, 1, 0)];
    let mut node = with_answer_room(91);
    assert_eq!(ack_numbers(&node.receive(0, host(1), syn(&old))), [0, 5, 4, 6]);
    // What it asks for takes its bytes from the rest.
    let mut node = with_answer_room(91);
    let asked = [&old[..], &[digest(2, 5, 3)]].concat();
    assert_eq!(ack_numbers(&node.receive(0, host(1), syn(&asked))), [2, 0, 5, 6]);
    let mut node = with_answer_room(45);
    let all_ahead: Vec<Digest> = (1..10).map(|number| digest(number, 5, 3)).collect();
    assert_eq!(ack_numbers(&node.receive(0, host(1), syn(&all_ahead))), [1, 2]);
}

#[test]
fn the_answers_of_a_round_share_what_probes_leave() {
    let old = [digest(1, 6, 0), digest(6, 1, 0), digest(7, 1, 0), digest(8, 1, 0)];
    let mut node = with_answer_room(91);
    let mut answer = || node.receive(0, host(1), syn(&old)).first().map(|(_, message)| message.size_bytes());
    let sizes: Vec<Option<usize>> = (0..9).map(|_| answer()).collect();
    // Nine tenths of 408 bytes; the last tenth lets some bare answers through.
    let (whole, bare) = (Some(91), Some(OVERHEAD_BYTES));
    assert_eq!(sizes, [whole, whole, whole, whole, bare, bare, bare, bare, None]);
    tick(&mut node, 500);
    assert!(!node.receive(500, host(1), syn(&old)).is_empty(), "a new round");
}

#[test]
fn deltas_take_half_of_an_answer() {
    // A head of 24 bytes, and 33 for each value: two fit in half of 180 to the byte.
    let value = [7; 30];
    let values: Vec<(StateKey, u64, &[u8])> = (1..=4).map(|key| (StateKey(key), u64::from(key), &value[..])).collect();
    let max_round_bytes = 4 * (OVERHEAD_BYTES + 180);
    let mut node = acquainted(GossipConfig { max_round_bytes, ..GossipConfig::default() }, 10);
    for number in [3, 4] {
        node.receive(0, host(number), GossipMessage::Final { deltas: vec![delta(number, 0, &values)] });
    }
    let out = node.receive(0, host(1), syn(&[digest(3, 5, 0), digest(4, 5, 3)]));
    let [(_, GossipMessage::Ack { deltas, .. })] = &out[..] else { panic!("{out:?}") };
    assert_eq!(deltas, &[delta(3, 0, &values[..2])]);
    // From where the other is, if it is the same life; else from the beginning.
    let out = node.receive(0, host(1), syn(&[digest(3, 5, 3)]));
    let [(_, GossipMessage::Ack { deltas, .. })] = &out[..] else { panic!("{out:?}") };
    assert_eq!(deltas, &[delta(3, 3, &values[3..])]);
    let out = node.receive(0, host(1), syn(&[Digest { generation: 0, ..digest(3, 5, 3) }]));
    let [(_, GossipMessage::Ack { deltas, .. })] = &out[..] else { panic!("{out:?}") };
    assert_eq!(deltas, &[delta(3, 0, &values[..2])]);
}

#[test]
fn deltas_are_taken_in_where_they_follow_on() {
    let mut node = acquainted(GossipConfig { max_keys: 2, max_value_bytes: 3, ..GossipConfig::default() }, 3);
    let (status, load) = (StateKey::STATUS, StateKey::LOAD);
    let mut tell = |delta: Delta| {
        node.receive(0, host(2), GossipMessage::Final { deltas: vec![delta] });
        let state = node.state(host(1)).unwrap();
        (state.generation, state.version, state.values().count())
    };
    assert_eq!(tell(delta(1, 1, &[(status, 2, b"a")])), (1, 0, 0), "what comes before is missing");
    assert_eq!(tell(delta(1, 0, &[(status, 1, b"a")])), (1, 1, 1));
    assert_eq!(tell(delta(1, 0, &[(status, 1, b"b"), (load, 2, b"c")])), (1, 2, 2));
    assert_eq!(tell(delta(1, 2, &[(status, 4, b"c"), (load, 3, b"c")])), (1, 2, 2), "out of order");
    assert_eq!(tell(delta(1, 2, &[(status, 2, b"c")])), (1, 2, 2), "not after where it begins");
    assert_eq!(tell(delta(1, 2, &[(status, 3, b"c"), (load, 3, b"c")])), (1, 2, 2), "one version twice");
    assert_eq!(tell(delta(1, 2, &[(status, 3, b"long")])), (1, 2, 2), "too large");
    assert_eq!(tell(delta(1, 2, &[(status, u64::MAX, b"c")])), (1, 2, 2), "nothing could follow");
    assert_eq!(tell(delta(1, 2, &[(StateKey(9), 3, b"c")])), (1, 2, 2), "too many keys");
    assert_eq!(tell(delta(1, 2, &[(load, 3, b"end")])), (1, 3, 2));
    let newer = Delta { generation: 2, ..delta(1, 0, &[(status, 1, b"n")]) };
    assert_eq!(tell(Delta { generation: u64::MAX, ..newer.clone() }), (1, 3, 2), "no life could follow");
    assert_eq!(tell(newer.clone()), (2, 1, 1));
    assert_eq!(tell(delta(1, 0, &[(load, 9, b"o")])), (2, 1, 1), "of an earlier life");
    let (own, ours) = (node.state(host(0)).unwrap().version, node.state(host(1)).unwrap());
    assert_eq!((ours.value(status), ours.value(load)), (Some(&b"n"[..]), None));
    node.receive(0, host(2), GossipMessage::Final { deltas: vec![delta(0, 0, &[(status, 9, b"n")])] });
    assert_eq!(node.state(host(0)).unwrap().version, own, "nobody tells it about itself");
}

#[test]
fn values_heard_before_are_no_news() {
    let mut node = with_news(4, 0, 1);
    node.take_events();
    let deltas = vec![delta(3, 0, &[(StateKey::STATUS, 1, b"y")])];
    node.receive(0, host(1), GossipMessage::Final { deltas });
    assert_eq!(node.state(host(3)).unwrap().value(StateKey::STATUS), Some(&b"x"[..]), "passed over");
    assert_eq!(node.take_events(), []);
    assert_eq!(syn_numbers(&tick(&mut node, 500)[0].1), [0, 4, 1, 2], "4 is still the latest news");
}

#[test]
fn numbers_count_as_the_bytes_they_are_encoded_in() {
    let encoded = |value: &Digest| bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap().len();
    for heartbeat in [0, 250, 251, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, u64::MAX] {
        let digest = digest(1, heartbeat, 1);
        assert_eq!(syn(&[digest]).size_bytes(), OVERHEAD_BYTES + encoded(&digest), "{heartbeat}");
    }
}

#[test]
fn whoever_is_known_further_than_it_is_begins_a_new_life() {
    let generation_after = |digest: Digest| {
        let mut node = acquainted(GossipConfig::default(), 2);
        node.set_local(StateKey::STATUS, vec![1]).unwrap();
        tick(&mut node, 0);
        node.receive(0, host(1), syn(&[digest]));
        node.generation()
    };
    assert_eq!(generation_after(digest(0, 1, 1)), 1);
    assert_eq!(generation_after(digest(0, 0, 0)), 1);
    assert_eq!(generation_after(digest(0, 2, 0)), 2, "a later heartbeat");
    assert_eq!(generation_after(digest(0, 0, 2)), 2, "a later version");
    assert_eq!(generation_after(Digest { generation: 7, ..digest(0, 0, 0) }), 8);
    assert_eq!(generation_after(Digest { generation: 0, ..digest(0, 9, 9) }), 1, "an earlier life");
    assert_eq!(generation_after(Digest { generation: u64::MAX, ..digest(0, 9, 9) }), 1, "nobody lives so late");
}
