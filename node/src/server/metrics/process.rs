//! The process: memory, CPU time, descriptors. Read from `/proc`; where there is none, these are left out.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use super::page::Page;

/// Linux counts a process's CPU time in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// What of a process does not change.
pub(super) struct Process {
    start_time_s: f64,
}

impl Process {
    pub(super) fn started_now() -> Self {
        Process { start_time_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()) }
    }
}

pub(super) fn write(page: &mut Page<'_>, process: &Process) -> fmt::Result {
    page.info("build", "The program.", &[("version", env!("CARGO_PKG_VERSION"))])?;
    page.gauge("process_start_time_seconds", "When the node was started, since 1970.", process.start_time_s)?;
    if let Some(bytes) = read("/proc/self/status").as_deref().and_then(resident_bytes) {
        page.gauge("process_resident_memory_bytes", "Memory that the process occupies.", bytes)?;
    }
    if let Some((cpu_s, threads)) = read("/proc/self/stat").as_deref().and_then(cpu_seconds_and_threads) {
        page.counter("process_cpu_seconds", "CPU time of all threads.", cpu_s)?;
        page.gauge("process_threads", "Threads.", threads)?;
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder that is being read.
        page.gauge("process_open_fds", "Open file descriptors.", descriptors.count().saturating_sub(1) as u64)?;
    }
    if let Some(limit) = read("/proc/self/limits").as_deref().and_then(descriptor_limit) {
        page.limit("process_open_fds", limit)?;
    }
    Ok(())
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// User and system time in seconds, and the number of threads. The name, in brackets, may hold anything.
fn cpu_seconds_and_threads(stat: &str) -> Option<(f64, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let (user, system): (u64, u64) = (fields.nth(11)?.parse().ok()?, fields.next()?.parse().ok()?);
    let threads = fields.nth(4)?.parse().ok()?;
    Some(((user + system) as f64 / TICKS_PER_SECOND, threads))
}

fn descriptor_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_understood() {
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    1284 kB\nRssAnon: 3 kB\n"), Some(1284 * 1024));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 99 0 1 0 250 150 0 0 20 0 21 0 3000 1 2";
        assert_eq!(cpu_seconds_and_threads(stat), Some((4.0, 21)));
        let limits =
            "Limit  Soft  Hard  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(descriptor_limit(limits), Some(1024));
    }

    #[test]
    fn nonsense_is_left_out() {
        assert_eq!(resident_bytes("VmRSS: many"), None);
        assert_eq!(cpu_seconds_and_threads("7 (a) S 1"), None);
        assert_eq!(descriptor_limit("Max open files unlimited"), None);
    }
}
