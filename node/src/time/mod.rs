//! Time in a cluster: the hybrid clock that stamps what is issued, and what is known of the others' wall clocks. Pure.

mod hybrid_clock;
mod peer_clocks;

pub use hybrid_clock::{ClockError, ClockSettings, HybridClock, Stamp};
pub use peer_clocks::{PeerClocks, Verdict};
