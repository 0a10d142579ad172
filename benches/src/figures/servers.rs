//! Processes to measure.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::engine::CommitlogSync;

const CQL_PORT: u16 = 9042;
/// How long a server may take to be ready: a guard, not a measure.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// This program, with no settings from the environment.
pub fn program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "starling".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STARLING_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A server process; dropping it ends it.
pub struct Server {
    /// Where it listens.
    pub address: IpAddr,
    child: Child,
}

impl Server {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn start(mut command: Command, address: IpAddr, log: &Path) -> Result<Server> {
        let log_file = std::fs::File::create(log).with_context(|| format!("{} cannot be made", log.display()))?;
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let server = Server { address, child };
        let (sender, receiver) = mpsc::channel();
        // Reads on to the end, so that the server can print what it likes.
        std::thread::Builder::new().name("server-output".into()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.starts_with("ready ") {
                    let _ = sender.send(());
                }
            }
        })?;
        match receiver.recv_timeout(READY_TIMEOUT) {
            Ok(()) => Ok(server),
            Err(_) => bail!(
                "the server on {address} did not get ready; its log says:\n{}",
                std::fs::read_to_string(log).unwrap_or_default()
            ),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data goes with the folder: there is nothing to drain.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where servers are to live.
pub struct Setup {
    first: u32,
    folder: PathBuf,
}

impl Setup {
    /// Addresses from this one on, data in this folder.
    pub fn new(first: Ipv4Addr, folder: &Path) -> Result<Setup> {
        ensure!(first.is_loopback() && first.octets()[3] <= 250, "{first} is no loopback address with room for others");
        Ok(Setup { first: first.to_bits(), folder: folder.to_owned() })
    }

    fn address(&self, index: usize) -> IpAddr {
        Ipv4Addr::from_bits(self.first + index as u32).into()
    }

    /// So many new nodes, each ready before the next is started.
    pub fn nodes(&self, count: usize, sync: CommitlogSync) -> Result<Vec<Server>> {
        let mut servers: Vec<Server> = Vec::new();
        for index in 0..count {
            let address = self.address(index);
            let name = format!("{count}-{}-{index}", sync.name());
            let mut command = program();
            command
                .args(["node", "--listen", &address.to_string(), "--seed", &self.address(0).to_string()])
                .args(["--cluster-name", &format!("figures-{count}-{}", sync.name())])
                .arg("--data-dir")
                .arg(self.folder.join(&name))
                .env("STARLING_DEV_CA", self.folder.join("authority"))
                .env("STARLING_COMMITLOG_SYNC", sync.name());
            servers.push(Server::start(command, address, &self.folder.join(format!("{name}.log")))?);
        }
        Ok(servers)
    }

    /// An echo server.
    pub fn echo(&self, value_bytes: u32) -> Result<Server> {
        let address = self.address(3);
        let mut command = program();
        command
            .args(["bench", "echo-server", "--listen", &format!("{address}:{CQL_PORT}")])
            .args(["--value-bytes", &value_bytes.to_string()]);
        Server::start(command, address, &self.folder.join("echo.log"))
    }
}
