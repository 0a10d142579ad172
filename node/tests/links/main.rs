//! Links between nodes over real sockets: who is let in, what arrives, and what happens when a peer goes away.

#![allow(clippy::unwrap_used)]

mod authority;
mod clusters;
mod crashing;
mod endpoint;
mod exchange;
mod reach;
mod reconnect;
mod refusal;
mod stranger;
