//! A client's process: its output in files, and an end to it if it hangs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long one run of a client may take before it counts as hung: a guard, not a measure.
const HANG_GUARD: Duration = Duration::from_secs(300);

/// A process that runs. It is killed when this is dropped.
pub struct Running {
    child: Child,
    name: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What is left of a process.
pub struct Ended {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Starts the command; `name` names its files in `folder`.
pub fn start(mut command: Command, folder: &Path, name: &str) -> Running {
    let (stdout, stderr) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
    let child = command
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {command:?}: {error}"));
    Running { child, name: name.to_owned(), stdout, stderr }
}

/// Runs the command to its end. Panics where it hangs.
pub fn run(command: Command, folder: &Path, name: &str) -> Ended {
    let mut running = start(command, folder, name);
    let mut status: Option<ExitStatus> = None;
    running.wait_until("it has ended", |running| {
        status = running.child.try_wait().unwrap();
        status.is_some()
    });
    Ended {
        success: status.is_some_and(|status| status.success()),
        stdout: read(&running.stdout),
        stderr: read(&running.stderr),
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

impl Running {
    /// Waits until the process has printed this line, which it does in any case unless it fails.
    pub fn wait_until_printed(&mut self, line: &str) {
        self.wait_until(&format!("it prints `{line}`"), |running| {
            let printed = read(&running.stdout);
            let ended = running.child.try_wait().unwrap();
            let found = printed.lines().any(|one| one == line);
            assert!(found || ended.is_none(), "{} ended\n{printed}\n{}", running.name, read(&running.stderr));
            found
        });
    }

    fn wait_until(&mut self, what: &str, mut answer: impl FnMut(&mut Running) -> bool) {
        let started = Instant::now();
        while !answer(self) {
            let (name, out, err) = (&self.name, &self.stdout, &self.stderr);
            assert!(started.elapsed() < HANG_GUARD, "{name} hung before {what}\n{}\n{}", read(out), read(err));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself: nothing to do then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
