//! Runs a client's runner over the script, in each way that the client can speak the protocol.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::Command;

use crate::arrivals::{Arrivals, ROUTING};
use crate::harness::Cluster;
use crate::process;
use crate::report::complaints;
use crate::script::{self, Script};

/// A client and how its runner is started.
pub struct Client {
    /// Its name in the script's table of what is skipped.
    pub name: &'static str,
    /// The variable that `make test` sets where the client is installed.
    pub variable: &'static str,
    /// The runner's command, given the variable's value.
    pub command: fn(&OsStr) -> Command,
}

/// How the client is told to speak: protocol version, compression.
pub type Way = (u8, &'static str);

/// The value of the variable; without it the test `name` is skipped, and says so past the test runner's capture.
pub fn installed(name: &str, variable: &str) -> Option<OsString> {
    let value = std::env::var_os(variable);
    if value.is_none() {
        let why = format!("{variable} names nothing: the client is not installed (`make test` installs it)");
        std::io::stderr().write_all(format!("skipped: {name}: {why}\n").as_bytes()).unwrap();
    }
    value
}

/// The script, in every way, one after the other on one cluster.
pub fn carry_out(client: &Client, ways: &[Way]) {
    let Some(value) = installed(client.name, client.variable) else {
        return;
    };
    let cluster = Cluster::of(client.name, 3);
    for way in ways {
        once(client, (client.command)(&value), &cluster, *way);
        let before = Arrivals::of(&cluster);
        steps(client, (client.command)(&value), &cluster, *way, ROUTING);
        before.check(&Arrivals::of(&cluster), client, *way);
    }
}

/// The script in this way, by this command.
pub fn once(client: &Client, command: Command, cluster: &Cluster, way: Way) {
    steps(client, command, cluster, way, "");
}

/// The steps whose id begins with `only`.
fn steps(client: &Client, mut command: Command, cluster: &Cluster, way: Way, only: &str) {
    let (version, compression) = way;
    let keyspace = format!("v{version}_{compression}");
    command
        .env("TEST_CONTACT_POINTS", cluster.contact_points().join(","))
        .env("TEST_SCRIPT", script::path())
        .env("TEST_CLIENT", client.name)
        .env("TEST_KEYSPACE", &keyspace)
        .env("TEST_PROTOCOL_VERSION", version.to_string())
        .env("TEST_COMPRESSION", compression)
        .env("TEST_ONLY", only);
    let name = format!("{keyspace}_{}", only.trim_end_matches('/'));
    let ended = process::run(command, cluster.folder(), &name);
    let complaints = complaints(&Script::read().expected(client.name, only), &ended.stdout);
    assert!(
        ended.success && complaints.is_empty(),
        "{} with protocol v{version} and compression {compression}:\n{}\n--- its standard error:\n{}",
        client.name,
        complaints.join("\n"),
        ended.stderr
    );
}
