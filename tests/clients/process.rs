//! A client's process: its output in files, and an end to it if it hangs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long one run of a client may take before it counts as hung: a guard, not a measure.
const HANG_GUARD: Duration = Duration::from_secs(300);

/// What is left of a process.
pub struct Ended {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the command to its end; `name` names its files in `folder`. Panics where it hangs.
pub fn run(mut command: Command, folder: &Path, name: &str) -> Ended {
    let (out, err) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {command:?}: {error}"));
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > HANG_GUARD {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{name} hung\n{}\n{}", read(&out), read(&err));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Ended { success: status.success(), stdout: read(&out), stderr: read(&err) }
}
