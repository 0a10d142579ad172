//! gocql, the Go driver.

use std::process::Command;

use crate::run::{Client, carry_out};

/// The runner is one program, built at set-up.
const GOCQL: Client =
    Client { name: "gocql", variable: "TEST_CLIENTS_GOCQL", command: |program| Command::new(program) };

#[test]
fn gocql_carries_out_the_script_with_protocol_v4() {
    carry_out(&GOCQL, &[(4, "none"), (4, "lz4"), (4, "snappy")]);
}

#[test]
fn gocql_carries_out_the_script_with_protocol_v5() {
    carry_out(&GOCQL, &[(5, "none"), (5, "lz4")]);
}
