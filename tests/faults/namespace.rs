//! Tests that need mounts or networks: they run themselves again as root of namespaces of their own, which take these
//! along when they end. Where the system does not allow that they are skipped by name.

use std::io::Write;
use std::process::Command;

/// Says to the test that it is within its namespaces.
const WITHIN: &str = "STARLING_FAULT_NAMESPACE";

/// Says that a test cannot run here.
pub fn skip(name: &str, reason: &str) {
    // Past the capture of the test runner: who reads the run has to see it.
    std::io::stderr().write_all(format!("skipped: {name}: {reason}\n").as_bytes()).unwrap();
}

/// Runs `body` within a user and a mount namespace, in a process of its own, if the shell command `probe` succeeds
/// there. `name` is the test's own, with its modules.
pub fn within(name: &str, probe: &str, body: impl FnOnce()) {
    within_kind(name, "mount", probe, "true", body);
}

/// The same with a network of its own that has only a loopback, where more of them can be made.
pub fn within_network(name: &str, body: impl FnOnce()) {
    let loopback = "ip link set lo up";
    within_kind(name, "net", &format!("{loopback} && nsenter --net=/proc/self/ns/net true"), loopback, body);
}

fn within_kind(name: &str, kind: &str, probe: &str, prepare: &str, body: impl FnOnce()) {
    if std::env::var_os(WITHIN).is_some() {
        return body();
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", &format!("--{kind}"), "sh", "-c"]);
        command
    };
    let reason = match unshare().arg(probe).output() {
        Ok(tried) if tried.status.success() => None,
        Ok(tried) => Some(String::from_utf8_lossy(&tried.stderr).trim().replace('\n', "; ")),
        Err(error) => Some(format!("unshare: {error}")),
    };
    if let Some(reason) = reason {
        return skip(name, &format!("no {kind} in a namespace of its own: {reason}"));
    }
    let within = unshare()
        .args([&format!("{prepare} && exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(WITHIN, "1")
        .output()
        .unwrap();
    // Indented: the summary of a run counts results at the beginning of a line, and this one is not its own.
    let printed = String::from_utf8_lossy(&within.stdout);
    for line in printed.lines() {
        println!("    {line}");
    }
    let said = String::from_utf8_lossy(&within.stderr);
    assert!(within.status.success(), "within the namespace: {}\n{said}", within.status);
    assert!(printed.contains("1 passed"), "{name} is not the test's name: {printed}");
}
