//! The Node.js driver, `cassandra-driver` of npm.

use std::ffi::OsStr;
use std::process::Command;

use crate::run::{Client, carry_out};
use crate::script;

const NODEJS: Client = Client { name: "nodejs", variable: "TEST_CLIENTS_NODEJS", command: run_script };

fn run_script(node_modules: &OsStr) -> Command {
    let mut command = Command::new("node");
    command.arg(script::folder().join("node/run_script.js")).env("NODE_PATH", node_modules);
    command
}

/// The driver has no protocol v5 and no compression.
#[test]
fn nodejs_driver_carries_out_the_script() {
    carry_out(&NODEJS, &[(4, "none")]);
}
