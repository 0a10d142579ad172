//! Runs a phase: many operations at once, closed or open loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::args::BenchArgs;
use crate::outcome::{Outcome, Tally};
use crate::pace::{self, Pace};
use crate::progress::Progress;
use crate::target::{Found, Operation, Target};

const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How long a phase goes on and how it is paced.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pace: Pace,
    in_flight: usize,
    operations: Option<u64>,
    duration: Option<Duration>,
}

impl Phase {
    /// Writes so many rows, as fast as it goes.
    pub fn loading(args: &BenchArgs, rows: u64) -> Phase {
        let in_flight = args.in_flight.max(64) as usize;
        Phase { pace: Pace::Closed, in_flight, operations: Some(rows), duration: None }
    }

    /// The warm-up, if there is to be one.
    pub fn warming(args: &BenchArgs) -> Option<Phase> {
        let duration = Duration::from_secs(args.warmup);
        (args.warmup > 0).then(|| Phase::paced(args, None, Some(duration)))
    }

    /// What is measured.
    pub fn measured(args: &BenchArgs) -> Phase {
        let duration = args.operations.is_none().then(|| Duration::from_secs(args.duration));
        Phase::paced(args, args.operations, duration)
    }

    fn paced(args: &BenchArgs, operations: Option<u64>, duration: Option<Duration>) -> Phase {
        let pace = args.rate.map_or(Pace::Closed, |per_second| Pace::Open { per_second });
        // An open loop knows how many operations it will start.
        let planned = duration.zip(args.rate).map(|(duration, rate)| rate.saturating_mul(duration.as_secs()));
        Phase { pace, in_flight: args.in_flight as usize, operations: operations.or(planned), duration }
    }
}

/// What the workers of a phase share.
struct Shared {
    phase: Phase,
    start: Instant,
    next: AtomicU64,
    /// Permits to start operations of an open loop.
    gate: Arc<Semaphore>,
    /// One for each thread, so that they seldom meet.
    tallies: Vec<Mutex<Tally>>,
}

impl Shared {
    fn new(phase: &Phase) -> Shared {
        let threads = tokio::runtime::Handle::current().metrics().num_workers();
        Shared {
            phase: *phase,
            start: Instant::now(),
            next: AtomicU64::new(0),
            gate: Arc::new(Semaphore::new(0)),
            tallies: (0..threads.max(1)).map(|_| Mutex::default()).collect(),
        }
    }

    /// The number of the next operation and the instant that its latency counts from.
    async fn next(&self) -> Option<(u64, Instant)> {
        if matches!(self.phase.pace, Pace::Open { .. }) {
            self.gate.acquire().await.ok()?.forget();
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let elapsed = self.start.elapsed();
        let is_over = self.phase.operations.is_some_and(|operations| index >= operations)
            || self.phase.pace.is_hopeless(index, elapsed);
        if is_over {
            return None;
        }
        match self.phase.pace.offset(index) {
            Some(offset) => Some((index, self.start + offset)),
            None if self.phase.duration.is_some_and(|duration| elapsed >= duration) => None,
            None => Some((index, self.start + elapsed)),
        }
    }

    async fn work<F: Fn(&Target, u64) -> Operation>(&self, target: &Target, choose: F, worker: usize) {
        while let Some((index, intended)) = self.next().await {
            let operation = choose(target, index);
            let result = target.execute(operation).await;
            let latency = intended.elapsed();
            let mut tally = self.tallies[worker % self.tallies.len()].lock();
            match result {
                Ok(found) => {
                    tally.success(operation.kind(), latency);
                    tally.missing += u64::from(found == Found::TooLittle);
                }
                Err(message) => tally.failure(message),
            }
        }
    }

    fn drain(&self) -> Tally {
        let mut counted = Tally::default();
        for tally in &self.tallies {
            counted.take(&mut tally.lock());
        }
        counted
    }
}

/// Runs a phase to its end; `choose` says what to do at each number.
///
/// # Errors
/// If the thread of an open loop cannot be started, or a worker ends before its time.
pub async fn run<F>(target: &Arc<Target>, phase: &Phase, choose: F, name: &'static str) -> Result<Outcome>
where
    F: Fn(&Target, u64) -> Operation + Copy + Send + Sync + 'static,
{
    let shared = Arc::new(Shared::new(phase));
    if let (Pace::Open { .. }, Some(total)) = (phase.pace, phase.operations) {
        pace::dispatch(phase.pace, shared.start, total, phase.in_flight, shared.gate.clone())?;
    }
    let mut workers = JoinSet::new();
    for worker in 0..phase.in_flight {
        let (shared, target) = (shared.clone(), target.clone());
        workers.spawn(async move { shared.work(&target, choose, worker).await });
    }
    let mut total = Tally::default();
    let mut progress = Progress::new(name, phase.operations);
    let mut interval = tokio::time::interval_at((shared.start + PROGRESS_INTERVAL).into(), PROGRESS_INTERVAL);
    let mut shown = shared.start;
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(ended) => ended?,
                None => break,
            },
            _ = interval.tick() => {
                let mut counted = shared.drain();
                progress.show(shared.start.elapsed(), shown.elapsed(), &counted);
                shown = Instant::now();
                total.take(&mut counted);
            }
        }
    }
    let elapsed = shared.start.elapsed();
    total.take(&mut shared.drain());
    progress.end();
    let planned = phase.operations.unwrap_or(0);
    let given_up = planned.saturating_sub(total.successes() + total.failures());
    Ok(Outcome { tally: total, elapsed, given_up })
}
