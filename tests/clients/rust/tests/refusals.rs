//! The program without what it needs: it says what that is. (With a test of its own here, cargo builds the program for
//! the tests of the whole workspace, which run it against a cluster.)

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn run(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rust-drivers"));
    for name in ["TEST_SCRIPT", "TEST_KEYSPACE", "TEST_CONTACT_POINTS", "TEST_CLIENT", "TEST_PROTOCOL_VERSION"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn a_missing_variable_is_named() {
    let output = run(&[]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("TEST_SCRIPT is not set"), "{output:?}");
}

#[test]
fn an_unknown_client_is_named() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../script.json");
    let output = run(&[
        ("TEST_SCRIPT", script),
        ("TEST_KEYSPACE", "ks"),
        ("TEST_CONTACT_POINTS", "127.0.0.1"),
        ("TEST_CLIENT", "other"),
        ("TEST_PROTOCOL_VERSION", "4"),
    ]);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("TEST_CLIENT=other"), "{output:?}");
}
