//! The Java driver.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::run::{Client, carry_out};

const JAVA: Client = Client { name: "java", variable: "TEST_CLIENTS_JAVA", command: run_script };

/// The runner is compiled at set-up. The options make a virtual machine start quickly that runs for seconds only.
fn run_script(folder: &OsStr) -> Command {
    let folder = Path::new(folder);
    let classes = format!("{}:{}", folder.join("classes").display(), folder.join("lib/*").display());
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]).args([
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
        &classes,
        "RunScript",
    ]);
    command
}

#[test]
fn java_driver_carries_out_the_script() {
    carry_out(&JAVA, &[(4, "none"), (4, "lz4"), (4, "snappy"), (5, "none"), (5, "lz4")]);
}
