//! What one member publishes of itself.

use serde::{Deserialize, Serialize};

use super::GossipConfig;
use super::message::{Delta, Digest};
use crate::HostId;

/// Names a published value. Keys that this version does not know are carried on all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StateKey(pub u8);

impl StateKey {
    /// The newest epoch of cluster metadata that the member has adopted.
    pub const METADATA_EPOCH: StateKey = StateKey(0);
    /// What the member is doing (joining, normal, leaving, ...).
    pub const STATUS: StateKey = StateKey(1);
    /// Bytes that it stores.
    pub const LOAD: StateKey = StateKey(2);
    /// The version of its program.
    pub const RELEASE_VERSION: StateKey = StateKey(3);
}

/// A published value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionedValue {
    /// Higher than that of every value its member published before (within a generation).
    pub version: u64,
    /// Opaque to gossip.
    pub value: Vec<u8>,
}

/// All that is known of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointState {
    /// Raised each time the member starts; 0: nothing heard yet.
    pub generation: u64,
    /// Raised each round.
    pub heartbeat: u64,
    /// The newest version that is known: all values up to it are here.
    pub version: u64,
    /// By key, ascending.
    values: Vec<(StateKey, VersionedValue)>,
}

impl EndpointState {
    /// A member that has started anew and published nothing yet.
    pub(super) fn started(generation: u64) -> EndpointState {
        EndpointState { generation, ..EndpointState::default() }
    }

    /// A published value.
    pub fn value(&self, key: StateKey) -> Option<&[u8]> {
        let found = self.values.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.values.get(found).map(|(_, versioned)| versioned.value.as_slice())
    }

    /// All published values by key.
    pub fn values(&self) -> impl Iterator<Item = (StateKey, &VersionedValue)> {
        self.values.iter().map(|(key, versioned)| (*key, versioned))
    }

    /// Sets a value with a version above all others; `false` if there is no room for one more key.
    pub(super) fn set(&mut self, key: StateKey, versioned: VersionedValue, max_keys: usize) -> bool {
        let version = versioned.version;
        match self.values.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(found) => self.values[found].1 = versioned,
            Err(_) if self.values.len() >= max_keys => return false,
            Err(place) => self.values.insert(place, (key, versioned)),
        }
        self.version = version;
        true
    }

    pub(super) fn digest(&self, host: HostId) -> Digest {
        Digest { host, generation: self.generation, heartbeat: self.heartbeat, version: self.version }
    }

    /// What is newer than `from_version`, oldest first, as much as fits in `room_bytes`.
    pub(super) fn delta(&self, host: HostId, from_version: u64, room_bytes: usize) -> Option<Delta> {
        let newer = self.values.iter().filter(|(_, versioned)| versioned.version > from_version);
        let mut newer: Vec<&(StateKey, VersionedValue)> = newer.collect();
        newer.sort_by_key(|(_, versioned)| versioned.version);
        let mut delta = Delta { host, generation: self.generation, from_version, values: Vec::new() };
        let mut size_bytes = delta.size_bytes();
        for each in newer {
            size_bytes += Delta::value_size_bytes(&each.1);
            if size_bytes > room_bytes {
                break;
            }
            delta.values.push(each.clone());
        }
        (!delta.values.is_empty()).then_some(delta)
    }

    /// Whether a delta received keeps the rules and the bounds.
    pub(super) fn is_sound(delta: &Delta, config: &GossipConfig) -> bool {
        let mut last = delta.from_version;
        delta.values.len() <= config.max_keys
            && delta.values.iter().all(|(_, versioned)| {
                let is_ascending = versioned.version > last && versioned.version < u64::MAX;
                last = versioned.version;
                is_ascending && versioned.value.len() <= config.max_value_bytes
            })
    }
}
