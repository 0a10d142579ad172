//! Gossip from a hostile member: whatever is received, memory and answers stay bounded, and the machine goes on.
//!
//! Messages stand one behind the other, each after two bytes for its length and one for its sender.

use starling_node::message::wire;
use starling_ring::HostId;
use starling_ring::gossip::{GossipConfig, GossipMessage, Gossiper};
use uuid::Uuid;

const MEMBERS: u128 = 5;

pub(crate) fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number % (MEMBERS + 2)))
}

pub(crate) fn run(bytes: &[u8]) {
    let config = GossipConfig::default();
    let most_bytes = config.max_round_bytes;
    let most_values = config.max_keys;
    let mut gossiper = Gossiper::new(config, host(0), 1, 0);
    let members: Vec<HostId> = (0..MEMBERS).map(host).collect();
    gossiper.set_members(0, &members);
    let (mut now_ms, mut seed, mut rest) = (0, 1_u64, bytes);
    while let Some(([high, low, from], after)) = rest.split_first_chunk::<3>().map(|(head, after)| (*head, after)) {
        let (message, after) = after.split_at(usize::from(u16::from_be_bytes([high, low])).min(after.len()));
        rest = after;
        now_ms += u64::from(from >> 3) * 100;
        if let Ok(message) = wire::decode::<GossipMessage>(message) {
            for (_, answer) in gossiper.receive(now_ms, host(u128::from(from & 7)), message) {
                assert!(answer.size_bytes() <= most_bytes, "an answer of {} bytes", answer.size_bytes());
            }
        }
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed
        };
        for (to, message) in gossiper.tick(now_ms, &mut random) {
            assert!(members.contains(&to), "only members are told");
            assert!(message.size_bytes() <= most_bytes);
        }
        let _ = gossiper.take_events();
        assert_eq!(gossiper.members().count(), members.len(), "nobody becomes a member by gossip");
        for member in &members {
            let values = gossiper.state(*member).map_or(0, |state| state.values().count());
            assert!(values <= most_values, "{values} values of one member");
        }
        assert!(gossiper.is_alive(host(0)), "nobody is dead to itself");
    }
}
