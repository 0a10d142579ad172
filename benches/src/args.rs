//! The command line.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use scylla::statement::Consistency;

/// Arguments of `starling bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// A server to begin with, `HOST` or `HOST:PORT`; may be given several times. The others are found.
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1:9042")]
    pub host: Vec<String>,
    /// What to do.
    #[arg(long, value_enum, default_value = "write")]
    pub workload: Workload,
    /// Shares of the operations of `--workload mixed`.
    #[arg(long, value_name = "KIND=SHARE,...", default_value = "write=50,read=50")]
    pub mix: Mix,
    /// Keys that operations choose from.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub keys: u64,
    /// How keys are chosen.
    #[arg(long, value_enum, default_value = "uniform")]
    pub distribution: Distribution,
    /// Exponent of the zipfian distribution; above 0, below 1.
    #[arg(long, default_value_t = 0.99)]
    pub zipf_exponent: f64,
    /// Size of a value in bytes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=16 << 20))]
    pub value_bytes: u32,
    /// Rows of a partition that slices are read from.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub partition_rows: u32,
    /// Rows of a slice.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub slice_rows: u32,
    /// Replication factor of the keyspace `starling_bench`, where it is not there yet.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub replication_factor: u32,
    /// Consistency level of the operations.
    #[arg(long, value_enum, default_value = "one")]
    pub consistency: Level,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub warmup: u64,
    /// Seconds of measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub duration: u64,
    /// Operations to measure, instead of a duration.
    #[arg(long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    pub operations: Option<u64>,
    /// Operations to start per second, whatever the servers answer (an open loop). Without it the loop is closed.
    #[arg(long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub rate: Option<u64>,
    /// Requests in flight: as many as this in a closed loop, at most this in an open one.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Connections to each server.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub connections: u32,
    /// Threads of the client; half the cores if not given.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Milliseconds that an operation may take.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub timeout_ms: u64,
    /// Seed of the sequence of operations and keys.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The data is there from an earlier run with the same sizes.
    #[arg(long)]
    pub skip_load: bool,
    /// Drop the keyspace `starling_bench` at the end.
    #[arg(long)]
    pub drop_keyspace: bool,
    /// Process of a server on this machine, for its CPU time and memory; may be given several times.
    #[arg(long, value_name = "PID")]
    pub server_pid: Vec<u32>,
    /// Write the figures to a file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Writes of one row.
    Write,
    /// Reads of one row by its key.
    Read,
    /// Reads of consecutive rows of a partition.
    Slice,
    /// A mix of them.
    Mixed,
}

/// How keys are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Distribution {
    /// Each as often as any other.
    Uniform,
    /// A few very often, most seldom.
    Zipfian,
}

/// Consistency levels that operations of this harness can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// ONE.
    One,
    /// TWO.
    Two,
    /// THREE.
    Three,
    /// QUORUM.
    Quorum,
    /// ALL.
    All,
    /// LOCAL_ONE.
    LocalOne,
    /// LOCAL_QUORUM.
    LocalQuorum,
}

impl Level {
    /// As the driver has it.
    pub fn consistency(self) -> Consistency {
        match self {
            Level::One => Consistency::One,
            Level::Two => Consistency::Two,
            Level::Three => Consistency::Three,
            Level::Quorum => Consistency::Quorum,
            Level::All => Consistency::All,
            Level::LocalOne => Consistency::LocalOne,
            Level::LocalQuorum => Consistency::LocalQuorum,
        }
    }
}

/// Shares of the kinds of operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Writes of one row.
    pub write: u32,
    /// Reads of one row.
    pub read: u32,
    /// Slices.
    pub slice: u32,
}

impl Mix {
    /// All shares together.
    pub fn total(self) -> u64 {
        u64::from(self.write) + u64::from(self.read) + u64::from(self.slice)
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        let mut mix = Mix::default();
        for part in text.split(',') {
            let (kind, share) = part.split_once('=').ok_or_else(|| format!("`{part}` is not KIND=SHARE"))?;
            let share = share.parse().map_err(|_| format!("`{share}` is not a share"))?;
            match kind {
                "write" => mix.write = share,
                "read" => mix.read = share,
                "slice" => mix.slice = share,
                _ => return Err(format!("`{kind}` is none of write, read, slice")),
            }
        }
        if mix.total() == 0 { Err("all shares are zero".into()) } else { Ok(mix) }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = [("write", self.write), ("read", self.read), ("slice", self.slice)];
        let shares: Vec<String> =
            shares.iter().filter(|(_, share)| *share > 0).map(|(kind, share)| format!("{kind}={share}")).collect();
        out.write_str(&shares.join(","))
    }
}

impl BenchArgs {
    /// Checks what the parser of the command line cannot.
    pub fn check(&self) -> Result<()> {
        if !(self.zipf_exponent > 0.0 && self.zipf_exponent < 1.0) {
            bail!("--zipf-exponent must be above 0 and below 1");
        }
        if self.slice_rows > self.partition_rows {
            bail!("--slice-rows must not be above --partition-rows");
        }
        if self.threads == Some(0) {
            bail!("--threads must be above 0");
        }
        Ok(())
    }

    /// The shares of the operations.
    pub fn mix(&self) -> Mix {
        match self.workload {
            Workload::Write => Mix { write: 1, ..Mix::default() },
            Workload::Read => Mix { read: 1, ..Mix::default() },
            Workload::Slice => Mix { slice: 1, ..Mix::default() },
            Workload::Mixed => self.mix,
        }
    }

    /// Threads of the client.
    pub fn threads(&self) -> usize {
        let half = || std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        self.threads.unwrap_or_else(half)
    }

    /// How long an operation may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Partitions of the table that slices are read from.
    pub fn partitions(&self) -> u64 {
        self.keys.div_ceil(u64::from(self.partition_rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_and_written() {
        let mix: Mix = "write=20,slice=5".parse().unwrap();
        assert_eq!(mix, Mix { write: 20, read: 0, slice: 5 });
        assert_eq!(mix.to_string(), "write=20,slice=5");
        for wrong in ["", "write", "write=x", "scan=1", "write=0"] {
            assert!(wrong.parse::<Mix>().is_err(), "{wrong}");
        }
    }
}
