//! Who owns a key, who is alive, how many answers suffice. Pure: no clock, no randomness, no IO.

pub mod allocation;
pub mod consistency;
pub mod gossip;
pub mod host;
pub mod placement;
pub mod proximity;
pub mod requirement;
pub mod tally;
pub mod token;
pub mod topology;
mod walk;

pub use allocation::allocate_tokens;
pub use consistency::ConsistencyLevel;
pub use host::{HostId, Member};
pub use placement::{Placement, ReplicationStrategy};
pub use proximity::{ReadCandidates, read_candidates};
pub use requirement::{Requirement, RequirementError, Unavailable};
pub use tally::Tally;
pub use token::Token;
pub use topology::{Topology, TopologyError};
