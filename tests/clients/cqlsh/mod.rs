//! cqlsh, Cassandra's own shell, as it comes from PyPI.

mod commands;
mod copy;
mod copy_types;
mod describe;
mod encrypted;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::Cluster;
use crate::process::{self, Ended};
use crate::run::installed;

const QUORUM: &str = "CONSISTENCY QUORUM;";

/// cqlsh and three nodes for it.
struct Shell {
    program: OsString,
    cluster: Cluster,
    runs: u32,
}

impl Shell {
    /// None where cqlsh is not installed: the test is skipped then.
    fn start(name: &str) -> Option<Shell> {
        let program = installed(name, "TEST_CLIENTS_CQLSH")?;
        Some(Shell { program, cluster: Cluster::of(name, 3), runs: 0 })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.cluster.folder().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(&self.cluster.contact_points()[0])
            .args(["--no-color", "--encoding", "utf-8", "--connect-timeout", "30", "--request-timeout", "60"])
            // Its history and settings, and the files it writes.
            .current_dir(self.cluster.folder())
            .env("HOME", self.cluster.folder())
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONWARNINGS", "ignore");
        command
    }

    fn run(&mut self, arguments: &[&str]) -> Ended {
        let mut command = self.command();
        command.args(arguments);
        self.runs += 1;
        process::run(command, self.cluster.folder(), &format!("cqlsh{}", self.runs))
    }

    /// Runs these statements and commands at QUORUM: at ONE, which is the default, a read may miss what was just
    /// written. The output is without the line that says so.
    fn at_quorum(&mut self, text: &str) -> Ended {
        let mut ended = self.run(&["-e", &format!("{QUORUM} {text}")]);
        ended.stdout = ended.stdout.strip_prefix("Consistency level set to QUORUM.\n").unwrap_or_default().to_owned();
        ended
    }

    /// What these statements and commands print; any error fails the test.
    fn ok(&mut self, text: &str) -> String {
        let ended = self.at_quorum(text);
        assert!(ended.success, "{text}\n{}\n{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// The message of statements that fail.
    fn error(&mut self, text: &str) -> String {
        let ended = self.at_quorum(text);
        assert!(!ended.success, "{text}: no error, but\n{}", ended.stdout);
        ended.stderr
    }
}
