//! CPU time and memory of server processes on this machine, from /proc.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Clock ticks per second of /proc/PID/stat: 100 to user space on every Linux, whatever the kernel's own rate.
const TICKS_PER_SECOND: u64 = 100;

/// The processes to look at.
pub struct Processes(Vec<u32>);

/// What one process has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Its number.
    pub pid: u32,
    /// Time in its own code.
    pub user: Duration,
    /// Time in the kernel on its behalf.
    pub system: Duration,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// The most that resident memory has been, in bytes.
    pub resident_peak_bytes: u64,
}

/// The usage of all processes, at a moment or in a span.
pub struct Sample(pub Vec<Usage>);

impl Processes {
    /// The processes with these numbers, which must exist.
    pub fn new(pids: &[u32]) -> Result<Processes> {
        let processes = Processes(pids.to_vec());
        processes.sample()?;
        Ok(processes)
    }

    /// Their usage up to now.
    pub fn sample(&self) -> Result<Sample> {
        self.0.iter().map(|pid| usage(*pid)).collect::<Result<_>>().map(Sample)
    }
}

impl Sample {
    /// The CPU time since an earlier sample of the same processes; memory as it is now.
    pub fn since(&self, before: &Sample) -> Sample {
        let difference = |(now, before): (&Usage, &Usage)| Usage {
            user: now.user.saturating_sub(before.user),
            system: now.system.saturating_sub(before.system),
            ..*now
        };
        Sample(self.0.iter().zip(&before.0).map(difference).collect())
    }
}

fn usage(pid: u32) -> Result<Usage> {
    let read = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        fs::read_to_string(&path).with_context(|| format!("server process {pid}: {path} cannot be read"))
    };
    let (user, system) = cpu_times(&read("stat")?).with_context(|| format!("/proc/{pid}/stat is not understood"))?;
    let status = read("status")?;
    Ok(Usage {
        pid,
        user,
        system,
        resident_bytes: field_bytes(&status, "VmRSS:").unwrap_or(0),
        resident_peak_bytes: field_bytes(&status, "VmHWM:").unwrap_or(0),
    })
}

/// CPU time of a process's threads, those of one name (but for a number at its end) together.
///
/// # Errors
/// If the process is gone.
pub fn threads(pid: u32) -> Result<BTreeMap<String, Duration>> {
    let folder = format!("/proc/{pid}/task");
    let mut times = BTreeMap::new();
    for thread in fs::read_dir(&folder).with_context(|| format!("{folder} cannot be read"))? {
        let path = thread?.path();
        // A thread may have ended since.
        let (Ok(name), Ok(stat)) = (fs::read_to_string(path.join("comm")), fs::read_to_string(path.join("stat")))
        else {
            continue;
        };
        let Some((user, system)) = cpu_times(&stat) else { continue };
        let name = name.trim().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
        *times.entry(name).or_default() += user + system;
    }
    Ok(times)
}

/// utime and stime: fields 14 and 15, counted behind the command's name, which may hold anything.
fn cpu_times(stat: &str) -> Option<(Duration, Duration)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks.saturating_mul(1_000 / TICKS_PER_SECOND)))
    };
    Some((next()?, next()?))
}

fn field_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_and_status_are_read() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 9 0 0 0 250 31 0 0 20 0 5 0 99 1 2 3";
        assert_eq!(cpu_times(stat), Some((Duration::from_millis(2_500), Duration::from_millis(310))));
        assert_eq!(cpu_times("42 (a) S 1"), None);
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(field_bytes(status, "VmRSS:"), Some(1 << 20));
        assert_eq!(field_bytes(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let processes = Processes::new(&[std::process::id()]).unwrap();
        let sample = processes.sample().unwrap();
        assert!(sample.0[0].resident_bytes > 0);
        assert_eq!(sample.since(&sample).0[0].user, Duration::ZERO);
        assert!(Processes::new(&[u32::MAX]).is_err());
        assert!(!threads(std::process::id()).unwrap().is_empty());
        assert!(threads(u32::MAX).is_err());
    }
}
