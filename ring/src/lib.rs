//! Who owns a key, who is alive, how many answers suffice. Pure: no clock, no randomness, no IO.

pub mod consistency;
pub mod host;
pub mod token;

pub use consistency::ConsistencyLevel;
pub use host::{HostId, Member};
pub use token::Token;
