//! Gossip: who is alive, and small versioned values that each member publishes of itself. Pure.
//!
//! Every round a member raises its heartbeat and exchanges digests (host, generation, heartbeat, version)
//! with a few others at random; whoever is behind gets what changed. Who the members are is not gossip's to
//! say: that comes from cluster metadata, and what is heard of anyone else is dropped.
//!
//! After van Renesse et al., "Efficient reconciliation and flow control for anti-entropy protocols" (2008),
//! Hayashibara et al., "The phi accrual failure detector" (2004), and the indirect probes of Das et al.,
//! "SWIM" (2002).

mod detector;
mod exchange;
mod gossiper;
mod liveness;
mod message;
mod peer;
mod state;

pub use gossiper::{GossipError, Gossiper};
pub use liveness::LivenessEvent;
pub use message::{Delta, Digest, GossipMessage};
pub use state::{EndpointState, StateKey, VersionedValue};

/// Settings of gossip; the same on all members.
#[derive(Clone, Debug, PartialEq)]
pub struct GossipConfig {
    /// Time between rounds, in milliseconds: how often [`Gossiper::tick`] is called.
    pub interval_ms: u64,
    /// Live members that each round begins an exchange with.
    pub fanout: usize,
    /// Most bytes sent from one tick to the next; a larger message is not accepted either.
    pub max_round_bytes: usize,
    /// Largest value, in bytes (at most a sixteenth of `max_round_bytes` is used).
    pub max_value_bytes: usize,
    /// Most keys that one member may publish.
    pub max_keys: usize,
    /// Suspicion from which a member is probed, then convicted, in powers of ten.
    pub phi_convict_threshold: f64,
    /// Members asked to probe a suspect, besides probing it directly.
    pub probe_helpers: usize,
    /// How long a suspect has to be heard of once probed, in milliseconds.
    pub probe_timeout_ms: u64,
    /// Most probes begun in one round.
    pub max_probes_per_round: usize,
}

impl Default for GossipConfig {
    fn default() -> GossipConfig {
        GossipConfig {
            interval_ms: 1000,
            fanout: 3,
            max_round_bytes: 20_000,
            max_value_bytes: 1024,
            max_keys: 32,
            phi_convict_threshold: 8.0,
            probe_helpers: 3,
            probe_timeout_ms: 1500,
            max_probes_per_round: 8,
        }
    }
}
