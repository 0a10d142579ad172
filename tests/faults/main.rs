//! Faults struck at real processes under load: nodes killed, frozen, wiped, with damaged files, on a full disk. Clients
//! write throughout, and what they were told is held against what is read afterwards.
//!
//! With STARLING_FULL_TESTS set, the long forms run. STARLING_FAULT_ROUNDS and STARLING_FAULT_SEED set the rounds and
//! the seed of what is drawn by themselves. See docs/TESTING.md.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "what a run came to is part of its result")]

#[path = "../log/client.rs"]
#[allow(dead_code, reason = "this test uses a part of it")]
mod client;
#[path = "../harness/mod.rs"]
mod harness;

mod audit;
mod door;
mod draw;
mod flip;
mod forgetful;
mod freeze;
mod full_disk;
mod kill;
mod ledger;
mod links;
mod load;
mod mount;
mod namespace;
mod power_cut;
mod relay;
mod rows;
mod space;
mod struck;
mod wipe;

/// How often to strike: as the environment says, or else more often in the long form.
fn rounds(short: usize, full: usize) -> usize {
    match std::env::var("STARLING_FAULT_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("STARLING_FAULT_ROUNDS is a number"),
        Err(_) if std::env::var_os("STARLING_FULL_TESTS").is_some() => full,
        Err(_) => short,
    }
}
