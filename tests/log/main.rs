//! The log of membership and schema in real processes: concurrent schema changes while nodes are killed, a lost
//! majority and the recovery from it, seeds without their disk, members that go and come.
//!
//! With STARLING_FULL_TESTS set, the long forms run: a thousand statements, and five rounds of each lost disk.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "what a run came to is part of its result")]

#[path = "../harness/mod.rs"]
mod harness;

mod admin;
mod audit;
mod client;
mod ddl;
mod founding;
mod majority;
mod members;
mod recovery;
mod statements;
mod two_clusters;

/// Whether the long forms are asked for.
fn is_full() -> bool {
    std::env::var_os("STARLING_FULL_TESTS").is_some()
}
