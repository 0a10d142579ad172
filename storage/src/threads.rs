//! The committer threads: one per shard, one batch per turn, synced before it is acknowledged or at an interval.
//!
//! The only threads and the only clock of this crate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::committer::{Committer, CommitterLimits, Pending};
use crate::engine::Durability;
use crate::model::Mutation;
use crate::store::{Store, StoreError};

/// Keys folded after a batch, at most: writes wait for no more than this.
const FOLDS_PER_TURN: usize = 16;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// After the sync of its batch.
    Batch,
    /// After it is written; the log is synced at this interval in milliseconds, which bounds what a power cut can
    /// take.
    Periodic {
        /// The interval.
        interval_ms: u64,
    },
}

/// Learns the outcome of one mutation.
pub trait Completion: Send + 'static {
    /// Called once, on the committer's thread: it must not block.
    fn complete(self, outcome: Result<(), StoreError>);
}

impl<F: FnOnce(Result<(), StoreError>) + Send + 'static> Completion for F {
    fn complete(self, outcome: Result<(), StoreError>) {
        self(outcome);
    }
}

/// What committers tell of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitFigures {
    /// Mutations queued or being written.
    pub queued: usize,
    /// As many may be; each shard has an equal part.
    pub queued_limit: usize,
    /// Bytes queued or being written.
    pub queued_bytes: usize,
    /// As many may be.
    pub queued_limit_bytes: usize,
    /// Batches written, each with one sync where writes are synced.
    pub batches: u64,
    /// Mutations in them.
    pub mutations: u64,
    /// Mutations that found the queue full.
    pub refused: u64,
}

struct Shard<C> {
    state: Mutex<State<C>>,
    batches: AtomicU64,
    mutations: AtomicU64,
    refused: AtomicU64,
    wake: Condvar,
}

struct State<C> {
    committer: Committer<C>,
    /// Reads have left keys to fold, or somebody asked for a turn.
    is_nudged: bool,
    is_closing: bool,
}

/// The committers of a store. Dropping it commits what is queued and ends the threads.
pub struct CommitterThreads<C: Completion> {
    store: Arc<Store>,
    limits: CommitterLimits,
    shards: Vec<Arc<Shard<C>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<C: Completion> CommitterThreads<C> {
    /// Starts a committer for each shard of the store.
    pub fn start(store: Arc<Store>, limits: CommitterLimits, mode: SyncMode) -> std::io::Result<Self> {
        let mut committers = CommitterThreads { store, limits, shards: Vec::new(), threads: Vec::new() };
        for number in 0..committers.store.shards() {
            let state = State { committer: Committer::new(limits), is_nudged: false, is_closing: false };
            let zero = || AtomicU64::new(0);
            let (state, wake) = (Mutex::new(state), Condvar::new());
            let shard = Arc::new(Shard { state, batches: zero(), mutations: zero(), refused: zero(), wake });
            let (store, ours) = (committers.store.clone(), shard.clone());
            let thread = std::thread::Builder::new().name(format!("committer-{number}"));
            committers.shards.push(shard);
            committers.threads.push(thread.spawn(move || run(&store, number, &ours, mode))?);
        }
        Ok(committers)
    }

    /// Queues a mutation with its shard's committer. What is not taken comes back with the reason; it is not
    /// completed, for the caller may hold what a completion needs.
    pub fn submit(&self, mutation: Mutation, ticket: C) -> Result<(), (C, StoreError)> {
        let Some(shard) = self.shards.get(self.store.shard_of(mutation.partition.token)) else {
            return Err((ticket, StoreError::Closed));
        };
        let mut state = shard.state.lock();
        if state.is_closing {
            return Err((ticket, StoreError::Closed));
        }
        let was_empty = state.committer.waiting() == 0;
        let taken = state.committer.enqueue(mutation, ticket);
        if was_empty {
            shard.wake.notify_one();
        }
        drop(state);
        taken.map_err(|ticket| {
            shard.refused.fetch_add(1, Ordering::Relaxed);
            (ticket, StoreError::Overloaded)
        })
    }

    /// Whether every shard's committer is at work; one that has ended takes no writes any more.
    pub fn is_running(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Lets idle committers fold what reads have noticed. Cheap; for a timer of about a second.
    pub fn nudge(&self) {
        for shard in &self.shards {
            shard.state.lock().is_nudged = true;
            shard.wake.notify_one();
        }
    }

    /// What is queued and what was done, in all shards.
    pub fn figures(&self) -> CommitFigures {
        let shards = self.shards.len();
        let mut figures = CommitFigures {
            queued_limit: shards * self.limits.count_max,
            queued_limit_bytes: shards * self.limits.bytes_max,
            ..CommitFigures::default()
        };
        for shard in &self.shards {
            let state = shard.state.lock();
            figures.queued += state.committer.count();
            figures.queued_bytes += state.committer.bytes();
            drop(state);
            figures.batches += shard.batches.load(Ordering::Relaxed);
            figures.mutations += shard.mutations.load(Ordering::Relaxed);
            figures.refused += shard.refused.load(Ordering::Relaxed);
        }
        figures
    }
}

impl<C: Completion> Drop for CommitterThreads<C> {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.state.lock().is_closing = true;
            shard.wake.notify_one();
        }
        let own = std::thread::current().id();
        // Whoever drops it may be a completion that was its last owner: that thread ends by itself.
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != own) {
            // A committer that panicked has acknowledged nothing since.
            let _ = thread.join();
        }
    }
}

/// Closes a shard whose committer ends, should it panic: what waits is told, and nothing is taken any more.
struct Ending<'a, C: Completion>(&'a Shard<C>);

impl<C: Completion> Drop for Ending<'_, C> {
    fn drop(&mut self) {
        let mut waiting = Vec::new();
        loop {
            {
                let mut state = self.0.state.lock();
                state.is_closing = true;
                state.committer.take_batch(&mut waiting);
                state.committer.complete(&waiting);
            }
            if waiting.is_empty() {
                return;
            }
            waiting.drain(..).for_each(|pending| tell(pending.ticket, Err(StoreError::Closed)));
        }
    }
}

/// Tells an outcome. A completion that panics (the panic hook reports it) does not take the committer with it:
/// others wait for theirs.
fn tell<C: Completion>(ticket: C, outcome: Result<(), StoreError>) {
    let _ = catch_unwind(AssertUnwindSafe(|| ticket.complete(outcome)));
}

fn run<C: Completion>(store: &Store, number: usize, shard: &Shard<C>, mode: SyncMode) {
    let _ending = Ending(shard);
    let interval = match mode {
        SyncMode::Batch => None,
        SyncMode::Periodic { interval_ms } => Some(Duration::from_millis(interval_ms)),
    };
    let mut batch: Vec<Pending<C>> = Vec::new();
    let mut unsynced_since: Option<Instant> = None;
    loop {
        let is_closing = wait(shard, interval, unsynced_since, &mut batch);
        if !batch.is_empty() {
            let durability = if interval.is_none() { Durability::Sync } else { Durability::NoSync };
            commit(store, shard, &mut batch, durability);
            if interval.is_some() {
                unsynced_since.get_or_insert_with(Instant::now);
            }
        }
        if let (Some(interval), Some(since)) = (interval, unsynced_since)
            && (is_closing || since.elapsed() >= interval)
        {
            // A failed sync stops the engine: the next write says so.
            let _ = store.sync();
            unsynced_since = None;
        }
        // A failed fold leaves the fragments as they were; a failed engine shows at the next write.
        let _ = store.fold_pending(number, FOLDS_PER_TURN);
        if is_closing && batch.is_empty() && shard.state.lock().committer.waiting() == 0 {
            return;
        }
    }
}

/// Waits for something to do and takes the next batch; whether the committer is closing.
fn wait<C>(
    shard: &Shard<C>,
    interval: Option<Duration>,
    unsynced_since: Option<Instant>,
    batch: &mut Vec<Pending<C>>,
) -> bool {
    let mut state = shard.state.lock();
    while state.committer.waiting() == 0 && !state.is_closing && !state.is_nudged {
        match (interval, unsynced_since) {
            (Some(interval), Some(since)) => {
                if shard.wake.wait_until(&mut state, since + interval).timed_out() {
                    break;
                }
            }
            _ => shard.wake.wait(&mut state),
        }
    }
    state.is_nudged = false;
    state.committer.take_batch(batch);
    state.is_closing
}

fn commit<C: Completion>(store: &Store, shard: &Shard<C>, batch: &mut Vec<Pending<C>>, durability: Durability) {
    let outcome = store.commit_each(batch.iter().map(|pending| &pending.mutation), durability);
    shard.state.lock().committer.complete(batch);
    shard.batches.fetch_add(1, Ordering::Relaxed);
    shard.mutations.fetch_add(batch.len() as u64, Ordering::Relaxed);
    match outcome {
        Ok(committed) => {
            let mut refused = committed.refused.into_iter().peekable();
            for (index, pending) in batch.drain(..).enumerate() {
                let outcome = match refused.next_if(|(refused, _)| *refused == index) {
                    Some((_, refusal)) => Err(refusal.into()),
                    None => Ok(()),
                };
                tell(pending.ticket, outcome);
            }
        }
        Err(error) => {
            for pending in batch.drain(..) {
                tell(pending.ticket, Err(error.clone()));
            }
        }
    }
}
