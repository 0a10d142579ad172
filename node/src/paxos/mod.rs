//! Single-decree Paxos: several nodes agree on one value, whoever of them fails on the way, as long as a majority is
//! there. Pure: messages come in as calls, and what to send goes out as values.
//!
//! Lamport, "Paxos Made Simple" (2001). An acceptor's state has to be durable before its answer is sent; a proposer
//! keeps nothing, for its ballots carry the number of its node's start.

mod acceptor;
mod ballot;
mod proposer;

pub use acceptor::{Acceptance, Answer};
pub use ballot::Ballot;
pub use proposer::{Proposer, Step};
