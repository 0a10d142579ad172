//! One `starling node` process.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::{program, wait_until};

/// Signals that tests send to their own nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Ask it to stop.
    Term,
    /// Freeze it.
    Stop,
    /// Let it go on.
    Cont,
}

/// A node: its place, and its process while it runs.
pub struct Node {
    /// The address it listens on with every port.
    pub address: Ipv4Addr,
    /// Its data.
    pub data_dir: PathBuf,
    /// What it prints, all its runs one after the other.
    pub stdout_path: PathBuf,
    /// What it logs, all its runs one after the other.
    pub stderr_path: PathBuf,
    authority: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    launcher: Vec<String>,
    /// Bytes on stdout from earlier runs.
    printed_before: usize,
    child: Option<Child>,
    ready_line: Option<String>,
}

impl Node {
    pub(super) fn new(address: Ipv4Addr, folder: &Path, arguments: Vec<String>) -> Node {
        Node {
            address,
            data_dir: folder.join(format!("data-{address}")),
            stdout_path: folder.join(format!("{address}.out")),
            stderr_path: folder.join(format!("{address}.err")),
            authority: folder.join("dev-ca"),
            arguments,
            environment: Vec::new(),
            launcher: Vec::new(),
            printed_before: 0,
            child: None,
            ready_line: None,
        }
    }

    /// Sets an environment variable for the runs that follow.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Has the runs that follow started by a command, which is followed by the program and its arguments and has to
    /// become it.
    pub fn set_launcher(&mut self, launcher: &[&str]) {
        self.launcher = launcher.iter().map(|part| (*part).to_owned()).collect();
    }

    /// Adds arguments for the runs that follow; a flag that is given twice is replaced.
    pub fn add_arguments(&mut self, more: &[&str]) {
        let flags = more.iter().filter(|argument| argument.starts_with("--"));
        for flag in flags {
            if let Some(at) = self.arguments.iter().position(|argument| argument == flag) {
                self.arguments.drain(at..(at + 2).min(self.arguments.len()));
            }
        }
        self.arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    }

    /// Starts the process and waits for its `ready` line.
    pub fn start(&mut self) {
        self.begin();
        self.wait_until_ready();
    }

    /// Waits for the `ready` line of this run.
    pub fn wait_until_ready(&mut self) {
        if let Some(status) = self.ready_or_ended() {
            panic!("{} ended with {status} before it was ready", self.address);
        }
    }

    /// Waits for the `ready` line of this run, or for its end: then it returns how it ended.
    pub fn ready_or_ended(&mut self) -> Option<ExitStatus> {
        let address = self.address;
        let (mut ready, mut ended) = (None, None);
        wait_until(&format!("{address} is ready"), || {
            ended = self.exit_status();
            let printed = fs::read_to_string(&self.stdout_path).unwrap_or_default();
            // Only what this run printed, and only whole lines.
            let new = printed.get(self.printed_before..).unwrap_or_default();
            let whole = new.rsplit_once('\n').map_or("", |(whole, _)| whole);
            ready = whole.lines().find(|line| line.starts_with("ready ")).map(str::to_owned);
            ended.is_some() || ready.is_some()
        });
        if ended.is_some() {
            self.child = None;
        }
        self.ready_line = ready;
        ended
    }

    /// Starts the process without waiting for it.
    pub fn begin(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.address);
        let append = |path: &Path| OpenOptions::new().create(true).append(true).open(path).unwrap();
        let (stdout, stderr) = (append(&self.stdout_path), append(&self.stderr_path));
        self.printed_before = stdout.metadata().unwrap().len() as usize;
        let mut line = self.launcher.iter().map(OsString::from).chain([program().into_os_string()]);
        let mut command = Command::new(line.next().unwrap());
        command.args(line);
        // Settings come from the test alone.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STARLING_")) {
            command.env_remove(name);
        }
        let child = command
            .arg("node")
            .args(["--listen", &self.address.to_string()])
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(&self.arguments)
            .env("STARLING_DEV_CA", &self.authority)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// The exit status if the process has ended by itself.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().unwrap())
    }

    /// Waits until the process has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until(&format!("{} has ended", self.address), || {
            status = self.exit_status();
            status.is_some()
        });
        self.child = None;
        status.unwrap()
    }

    /// Starts a node that must be refused; answers what it logged in this run.
    pub fn refused(&mut self) -> String {
        let before = fs::metadata(&self.stderr_path).map_or(0, |file| file.len() as usize);
        self.begin();
        let ended = self.wait();
        let log = fs::read_to_string(&self.stderr_path).unwrap();
        let said = log[before..].to_owned();
        assert_eq!(ended.code(), Some(1), "{ended}\n{said}");
        said
    }

    /// kill -9. Returns when the process is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks the process to stop and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::Term);
        self.wait()
    }

    /// kill -9, and start again on the same data.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Freezes the process.
    pub fn pause(&self) {
        self.signal(Signal::Stop);
    }

    /// Lets a frozen process go on.
    pub fn resume(&self) {
        self.signal(Signal::Cont);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().expect("a running node");
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
        };
        // The shell's own kill: there is no other that needs neither a package nor unsafe code.
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
        assert!(status.success(), "kill -{name} {pid}");
    }

    /// The process number while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The ready line.
    pub fn ready_line(&self) -> &str {
        self.ready_line.as_deref().expect("a node that was ready")
    }

    /// A field of the ready line: `host_id`, `cql`, `internode`, `admin`.
    pub fn ready(&self, field: &str) -> String {
        let line = self.ready_line.as_deref().expect("a node that was ready");
        let value = line.split(' ').find_map(|part| part.strip_prefix(field)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {field} in `{line}`")).to_owned()
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = fs::read(&self.stderr_path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the log of {} ends with\n{}", self.address, self.log_tail());
        }
        if let Some(mut child) = self.child.take() {
            // A frozen process dies of this too. It may have ended by itself: nothing to do then.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
