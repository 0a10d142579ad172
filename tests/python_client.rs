//! The Python client of Cassandra's ecosystem, unmodified, against a cluster of three processes. Skipped by name where
//! set-up could not install it.

#![allow(clippy::unwrap_used)]

mod harness;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use harness::Cluster;

fn run(name: &str, script: &str) {
    let Some(python) = std::env::var_os("TEST_CLIENTS_PYTHON") else {
        // Past the test runner's capture: a skipped test has to be seen.
        let why = "TEST_CLIENTS_PYTHON names no Python with the client (`make test` sets it)";
        std::io::stderr().write_all(format!("skipped: {name}: {why}\n").as_bytes()).unwrap();
        return;
    };
    let cluster = Cluster::of(name, 3);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let output = Command::new(python)
        .args(["-B", "-W", "ignore", "-m", "unittest", "-v", script])
        .current_dir(folder)
        .env("TEST_CONTACT_POINTS", cluster.contact_points().join(","))
        .output()
        .unwrap();
    assert!(output.status.success(), "{script} failed\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn python_client_connects_and_reads_the_schema() {
    run("python-connect", "test_connect");
}

#[test]
fn python_client_types_there_and_back() {
    run("python-types", "test_types");
}

#[test]
fn python_client_statements() {
    run("python-statements", "test_statements");
}
