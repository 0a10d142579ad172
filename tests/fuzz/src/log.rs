//! Messages about membership and schema from a hostile member, from a node on its way in, and from strangers: whatever is
//! received, the log's state machine goes on, ends itself with a reason, or ignores it.
//!
//! Messages stand one behind the other, each after two bytes for its length and one for its sender.

use std::net::IpAddr;

use starling_node::cluster::{Cluster, ClusterAction, ClusterConfig, Identity, Metadata, StoredLog, journal};
use starling_node::message::{PeerMessage, wire};
use starling_ring::{Member, Token};
use uuid::Uuid;

use crate::gossip::host;

/// Actions that one message may lead to: a message to each node and some records, many times over.
const ACTIONS_MAX: usize = 4_096;

pub(crate) fn member(number: u128) -> Member {
    let address = IpAddr::from([10, 0, 0, number as u8]);
    Member {
        datacenter: "dc1".to_owned(),
        rack: "rack1".to_owned(),
        tokens: vec![Token(number as i64)],
        ..Member::at(host(number), address)
    }
}

/// The log of three members, of which the first is under test.
pub(crate) fn metadata() -> Metadata {
    let mut metadata = Metadata::found(Uuid::from_u128(3), "Starling".to_owned(), member(0));
    metadata.members = (0..3).map(member).collect();
    metadata.deciders = (0..3).map(host).collect();
    metadata
}

fn started() -> Cluster {
    let identity = Identity {
        member: member(0),
        generation: 1,
        cluster_name: "Starling".to_owned(),
        num_tokens: 1,
        seeds: Vec::new(),
        cluster_id_if_founding: Uuid::nil(),
        replaces: None,
    };
    let records = journal::Journal::default().restart(&metadata()).unwrap_or_default();
    let stored = StoredLog::load(records.into_iter().filter_map(|(key, value)| Some((key, value?))));
    Cluster::new(ClusterConfig::default(), identity, stored.unwrap_or_default(), 0)
}

pub(crate) fn run(bytes: &[u8]) {
    let mut cluster = started();
    let mut written = Vec::new();
    let (mut now_ms, mut seed, mut rest) = (0, 1_u64, bytes);
    while let Some(([high, low, from], after)) = rest.split_first_chunk::<3>().map(|(head, after)| (*head, after)) {
        let (message, after) = after.split_at(usize::from(u16::from_be_bytes([high, low])).min(after.len()));
        rest = after;
        now_ms += u64::from(from >> 3) * 100;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed
        };
        if let Ok(message) = wire::decode::<PeerMessage>(message) {
            cluster.receive(now_ms, host(u128::from(from & 7)), message, &mut random);
        }
        cluster.tick(now_ms, &mut random);
        let actions = cluster.take_actions();
        assert!(actions.len() <= ACTIONS_MAX, "{} actions", actions.len());
        for action in actions {
            if let ClusterAction::Persist(records) = action {
                written.extend(records);
            }
        }
    }
    // What was written can be read again.
    let mut disk = std::collections::BTreeMap::new();
    let first = journal::Journal::default().restart(&metadata()).unwrap_or_default();
    for (key, value) in first.into_iter().chain(written) {
        match value {
            Some(value) => disk.insert(key, value),
            None => disk.remove(&key),
        };
    }
    if let Err(damaged) = StoredLog::load(disk) {
        panic!("its own log is refused: {damaged}");
    }
}
