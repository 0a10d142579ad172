//! `starling bench engine`: the writes and reads of a load straight at the store, in this process: what a server pays
//! before it has a socket, a statement or a replica.

mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use starling_storage::committer::CommitterLimits;
use starling_storage::engine::Durability;
use starling_storage::engine::rocks::{RocksEngine, RocksSettings};
use starling_storage::store::{Store, StoreError, StoreSettings};
use starling_storage::threads::{CommitterThreads, Completion, SyncMode};

use crate::keys;
use crate::outcome::histogram;
use crate::processes::{self, Processes};
use rows::Rows;

/// `commitlog_sync_period` of a node.
const SYNC_INTERVAL_MS: u64 = 1_000;
/// Rows of one commit while loading.
const LOAD_BATCH: u64 = 128;
/// Caches of a node with its default settings.
const ROCKS: RocksSettings = RocksSettings {
    block_cache_bytes: 256 << 20,
    write_buffer_bytes: (128 << 20) / 3,
    wal_bytes_max: 256 << 20,
    background_jobs: 2,
    open_files_max: 512,
    successive_merges_max: 0,
};

/// Arguments of `starling bench engine`.
#[derive(Args, Clone, Debug)]
pub struct EngineArgs {
    /// What to do.
    #[arg(long, value_enum, default_value = "write")]
    pub workload: EngineWorkload,
    /// When a write is acknowledged: `commitlog_sync` of a node.
    #[arg(long, value_enum, default_value = "batch")]
    pub durability: CommitlogSync,
    /// Keys that operations choose from, uniformly.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub keys: u64,
    /// Size of a value in bytes.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=16 << 20))]
    pub value_bytes: u32,
    /// Writes in flight.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=16_000))]
    pub in_flight: u32,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub warmup: u64,
    /// Seconds of measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub duration: u64,
    /// Seed of the sequence of keys.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder in which a folder for the data is made, and removed at the end; the system's temporary one if not given.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Write the figures to a file as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineWorkload {
    /// Writes of one row, through the committer threads.
    Write,
    /// Reads of one row by its key, one after the other.
    Read,
}

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CommitlogSync {
    /// After the sync of its batch.
    Batch,
    /// After it is written; the log is synced once a second.
    Periodic,
}

impl CommitlogSync {
    /// Both.
    pub const ALL: [CommitlogSync; 2] = [CommitlogSync::Batch, CommitlogSync::Periodic];

    /// As `commitlog_sync` has it.
    pub fn name(self) -> &'static str {
        match self {
            CommitlogSync::Batch => "batch",
            CommitlogSync::Periodic => "periodic",
        }
    }

    fn mode(self) -> SyncMode {
        match self {
            CommitlogSync::Batch => SyncMode::Batch,
            CommitlogSync::Periodic => SyncMode::Periodic { interval_ms: SYNC_INTERVAL_MS },
        }
    }
}

/// Runs it and prints the figures.
///
/// # Errors
/// If the store cannot be opened, or an operation fails.
pub fn run(args: &EngineArgs) -> Result<()> {
    let parent = args.data_dir.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("starling-bench-engine-").tempdir_in(&parent);
    let folder = folder.with_context(|| format!("no folder can be made in {}", parent.display()))?;
    let figures = measure(args, folder.path())?;
    println!("{}", line(args, &figures));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&figures)?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn measure(args: &EngineArgs, folder: &Path) -> Result<Value> {
    let engine = Arc::new(RocksEngine::open(folder, &ROCKS)?);
    let store = Arc::new(Store::open(engine, StoreSettings::default())?);
    let rows = Rows::new(args.seed, args.keys, args.value_bytes as usize);
    let (warmup, duration) = (Duration::from_secs(args.warmup), Duration::from_secs(args.duration));
    match args.workload {
        EngineWorkload::Write => {
            let committers = CommitterThreads::start(store, CommitterLimits::default(), args.durability.mode())?;
            let mut load = WriteLoad::new(&rows, &committers, args.in_flight);
            load.run(!args.seed, warmup)?;
            observed(duration, || load.run(args.seed, duration))
        }
        EngineWorkload::Read => {
            for start in (0..args.keys).step_by(LOAD_BATCH as usize) {
                let batch: Vec<_> =
                    (start..args.keys.min(start + LOAD_BATCH)).map(|key| rows.mutation(key, 1)).collect();
                store.commit(&batch, Durability::NoSync)?;
            }
            read(&rows, &store, !args.seed, warmup)?;
            observed(duration, || read(&rows, &store, args.seed, duration))
        }
    }
}

/// The figures of `work`: what it did, and what each group of threads used meanwhile.
fn observed(duration: Duration, work: impl FnOnce() -> Result<Histogram<u64>>) -> Result<Value> {
    let pid = std::process::id();
    let process = Processes::new(&[pid])?;
    let (before, threads_before) = (process.sample()?, processes::threads(pid)?);
    let started = Instant::now();
    let latency_us = work()?;
    let elapsed = started.elapsed().max(duration);
    let usage = process.sample()?.since(&before);
    let operations = latency_us.len().max(1) as f64;
    let per_operation = |time: Duration| time.as_micros() as f64 / operations;
    let threads: BTreeMap<String, f64> = processes::threads(pid)?
        .into_iter()
        .map(|(name, time)| {
            let used = time.saturating_sub(threads_before.get(&name).copied().unwrap_or_default());
            (name, per_operation(used))
        })
        .collect();
    // This thread only makes operations and waits for them.
    let of_engine: f64 = threads
        .iter()
        .filter(|(name, _)| ["committer", "rocksdb"].iter().any(|prefix| name.starts_with(prefix)))
        .map(|(_, time)| time)
        .sum();
    let quantile = |quantile| latency_us.value_at_quantile(quantile);
    let total: Duration = usage.0.iter().map(|usage| usage.user + usage.system).sum();
    Ok(json!({
        "operations": latency_us.len(),
        "throughput_per_s": operations / elapsed.as_secs_f64(),
        "latency_us": {"p50": quantile(0.5), "p99": quantile(0.99), "p99.9": quantile(0.999), "max": latency_us.max()},
        "cpu_us_per_operation": per_operation(total),
        "engine_threads_cpu_us_per_operation": of_engine,
        "threads_cpu_us_per_operation": threads,
        "resident_bytes": usage.0.first().map(|usage| usage.resident_bytes),
    }))
}

fn line(args: &EngineArgs, figures: &Value) -> String {
    let number = |name: &str| figures[name].as_f64().unwrap_or(0.0);
    let latency_ms = |name: &str| figures["latency_us"][name].as_f64().unwrap_or(0.0) / 1e3;
    format!(
        "{:?} {}: {:.0}/s  p50 {:.3} ms  p99 {:.3} ms  CPU {:.2} us/op, of it committer and RocksDB {:.2}",
        args.workload,
        args.durability.name(),
        number("throughput_per_s"),
        latency_ms("p50"),
        latency_ms("p99"),
        number("cpu_us_per_operation"),
        number("engine_threads_cpu_us_per_operation")
    )
}

/// Tells the thread that submits that its write is done.
struct Ticket {
    started: Instant,
    done: SyncSender<(Instant, Result<(), StoreError>)>,
}

impl Completion for Ticket {
    fn complete(self, outcome: Result<(), StoreError>) {
        // There is room for as many as are in flight; at the end nobody listens any more.
        let _ = self.done.try_send((self.started, outcome));
    }
}

struct WriteLoad<'a> {
    rows: &'a Rows,
    committers: &'a CommitterThreads<Ticket>,
    in_flight: u32,
    /// Rises from one write to the next, as a server's timestamps do.
    timestamp_us: i64,
}

impl<'a> WriteLoad<'a> {
    fn new(rows: &'a Rows, committers: &'a CommitterThreads<Ticket>, in_flight: u32) -> Self {
        WriteLoad { rows, committers, in_flight, timestamp_us: 0 }
    }

    /// Writes for so long; the latencies of the writes that ended.
    fn run(&mut self, seed: u64, duration: Duration) -> Result<Histogram<u64>> {
        let mut latency_us = histogram();
        let (done, ended) = mpsc::sync_channel(self.in_flight as usize);
        let start = Instant::now();
        let mut in_flight = 0;
        let mut index = 0;
        loop {
            let is_over = start.elapsed() >= duration;
            if is_over && in_flight == 0 {
                return Ok(latency_us);
            }
            while !is_over && in_flight < self.in_flight {
                self.submit(keys::random(seed, index), &done)?;
                in_flight += 1;
                index += 1;
            }
            in_flight -= take(&ended, &mut latency_us)?;
        }
    }

    fn submit(&mut self, random: u64, done: &SyncSender<(Instant, Result<(), StoreError>)>) -> Result<()> {
        self.timestamp_us += 1;
        let mutation = self.rows.mutation(self.rows.key(random), self.timestamp_us);
        let ticket = Ticket { started: Instant::now(), done: done.clone() };
        match self.committers.submit(mutation, ticket) {
            Ok(()) => Ok(()),
            Err((_, error)) => bail!("a write is refused: {error}"),
        }
    }
}

/// Waits for a write to end and takes all that have; how many.
fn take(ended: &Receiver<(Instant, Result<(), StoreError>)>, latency_us: &mut Histogram<u64>) -> Result<u32> {
    let mut count = 0;
    let mut next = Some(ended.recv()?);
    while let Some((started, outcome)) = next {
        outcome?;
        latency_us.saturating_record(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        count += 1;
        next = ended.try_recv().ok();
    }
    Ok(count)
}

/// Reads for so long, one row after the other.
fn read(rows: &Rows, store: &Store, seed: u64, duration: Duration) -> Result<Histogram<u64>> {
    let mut latency_us = histogram();
    let start = Instant::now();
    let mut before = start;
    let mut index = 0;
    while before - start < duration {
        let key = rows.key(keys::random(seed, index));
        if store.read(&rows.read(key))?.partitions.is_empty() {
            bail!("key {key} is not found");
        }
        let now = Instant::now();
        latency_us.saturating_record(u64::try_from((now - before).as_micros()).unwrap_or(u64::MAX));
        before = now;
        index += 1;
    }
    Ok(latency_us)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(RocksEngine::open(folder.path(), &RocksSettings::default()).unwrap());
        let store = Arc::new(Store::open(engine, StoreSettings::default()).unwrap());
        let rows = Rows::new(1, 1, 200);
        assert!(read(&rows, &store, 1, Duration::from_millis(1)).is_err(), "nothing is there yet");
        let committers = CommitterThreads::start(store.clone(), CommitterLimits::default(), SyncMode::Batch).unwrap();
        let mut load = WriteLoad::new(&rows, &committers, 16);
        // At least the first writes, however slow the machine.
        assert!(load.run(1, Duration::from_millis(50)).unwrap().len() >= 16);
        assert!(!read(&rows, &store, 1, Duration::from_millis(1)).unwrap().is_empty());
    }
}
