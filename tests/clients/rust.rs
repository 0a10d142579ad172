//! The Rust drivers: `scylla` and `cdrs-tokio`. Their runner is a program of this workspace, which `cargo test
//! --workspace` builds before it runs anything.

use std::process::Command;

use crate::run::{Client, carry_out};

const SCYLLA: Client =
    Client { name: "scylla", variable: "TEST_CLIENTS_RUST", command: |program| Command::new(program) };
const CDRS: Client =
    Client { name: "cdrs-tokio", variable: "TEST_CLIENTS_RUST", command: |program| Command::new(program) };

#[test]
fn scylla_carries_out_the_script() {
    carry_out(&SCYLLA, &[(4, "lz4"), (4, "none")]);
}

#[test]
fn cdrs_tokio_carries_out_the_script() {
    carry_out(&CDRS, &[(4, "none"), (4, "lz4"), (4, "snappy"), (5, "none"), (5, "lz4")]);
}
