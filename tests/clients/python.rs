//! The Python drivers: Apache's `cassandra-driver` and its relative `scylla-driver`.

use std::ffi::OsStr;
use std::process::Command;

use crate::encrypted::EncryptedCluster;
use crate::harness::Cluster;
use crate::run::{Client, carry_out, installed, once};
use crate::{process, script};

const CASSANDRA: Client =
    Client { name: "cassandra-driver", variable: "TEST_CLIENTS_PYTHON", command: |python| run_script(python) };
const SCYLLA: Client =
    Client { name: "scylla-driver", variable: "TEST_CLIENTS_SCYLLA_PYTHON", command: |python| run_script(python) };

fn in_folder(python: &OsStr) -> Command {
    let mut command = Command::new(python);
    command.args(["-B", "-W", "ignore"]).current_dir(script::folder().join("python"));
    command
}

fn run_script(python: &OsStr) -> Command {
    let mut command = in_folder(python);
    command.arg("run_script.py");
    command
}

#[test]
fn python_cassandra_driver_carries_out_the_script() {
    carry_out(&CASSANDRA, &[(4, "none"), (4, "lz4")]);
}

#[test]
fn python_cassandra_driver_carries_out_the_script_by_protocol_v5() {
    carry_out(&CASSANDRA, &[(5, "none"), (5, "lz4")]);
}

#[test]
fn python_scylla_driver_carries_out_the_script() {
    carry_out(&SCYLLA, &[(4, "snappy"), (5, "lz4")]);
}

#[test]
fn python_cassandra_driver_carries_out_the_script_over_tls() {
    let Some(python) = installed("python-tls", CASSANDRA.variable) else {
        return;
    };
    let encrypted = EncryptedCluster::start("python-tls");
    let mut command = run_script(&python);
    command
        .env("TEST_TLS_AUTHORITY", &encrypted.authority)
        .env("TEST_TLS_CERTIFICATE", &encrypted.certificate)
        .env("TEST_TLS_PRIVATE_KEY", &encrypted.private_key);
    once(&CASSANDRA, command, &encrypted.cluster, (5, "lz4"));
}

/// What is particular to the Python driver, or goes beyond the script.
#[test]
fn python_cassandra_driver_beyond_the_script() {
    let name = "python-beyond";
    let Some(python) = installed(name, CASSANDRA.variable) else {
        return;
    };
    let cluster = Cluster::of(name, 3);
    let mut command = in_folder(&python);
    command
        .args(["-m", "unittest", "-v", "test_connect", "test_statements", "test_types"])
        .env("TEST_CONTACT_POINTS", cluster.contact_points().join(","));
    let ended = process::run(command, cluster.folder(), name);
    assert!(ended.success, "{}", ended.stderr);
}

/// The control connection is to the first node; it says what becomes of the third.
#[test]
fn python_cassandra_driver_hears_of_nodes_that_go_and_come() {
    let name = "python-events";
    let Some(python) = installed(name, CASSANDRA.variable) else {
        return;
    };
    let mut cluster = Cluster::of(name, 3);
    let mut command = in_folder(&python);
    command.arg("watch_nodes.py").env("TEST_CONTACT_POINTS", cluster.contact_points().join(","));
    let mut watcher = process::start(command, cluster.folder(), name);
    watcher.wait_until_printed("watching");
    let address = cluster.nodes()[2].address;
    cluster.node(2).kill();
    watcher.wait_until_printed(&format!("DOWN {address}"));
    cluster.node(2).start();
    watcher.wait_until_printed(&format!("UP {address}"));
}
