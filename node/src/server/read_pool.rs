//! Long reads of this node as a replica, on threads of their own: scans, long slices, and what is left of reads of many
//! partitions. The runtime's threads carry gossip, links and short requests, which must not wait for them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::assembly::PendingRead;
use crate::message::ReplicaFailure;

/// Reads that may wait. One more is refused: the coordinator counts this replica as failed, asks another if there is one,
/// and answers READ_FAILURE if not. Each takes some hundred bytes, and its answer about 1 MiB at most once it is its turn.
/// 64 to 65,536.
pub const WAITING_MAX: usize = 4_096;

/// The queue, and who works it off.
pub struct ReadPool {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<PendingRead>,
    is_closed: bool,
    running: usize,
    threads: usize,
    done: u64,
    refused: u64,
}

/// The pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPoolReading {
    /// Reads that wait for their turn.
    pub waiting: usize,
    /// Reads at work.
    pub running: usize,
    /// Threads.
    pub threads: usize,
    /// Reads that have had their turn.
    pub done: u64,
    /// Reads refused because too many waited.
    pub refused: u64,
}

/// Half the cores, so that the other half is left to short requests; at least two, for one may wait for the disk.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| (cores.get() / 2).max(2))
}

impl ReadPool {
    /// Starts the threads; each calls `read` with one read after the other, in turn. Nothing is held for a read while
    /// it waits.
    pub fn start(threads: usize, read: impl Fn(PendingRead) + Send + Clone + 'static) -> std::io::Result<Self> {
        let pool = ReadPool { queue: Arc::default(), threads: Mutex::default() };
        for number in 0..threads {
            let (queue, read) = (pool.queue.clone(), read.clone());
            let thread = std::thread::Builder::new().name(format!("reader-{number}"));
            pool.threads.lock().push(thread.spawn(move || queue.work_off(&read))?);
        }
        pool.queue.state.lock().threads = threads;
        Ok(pool)
    }

    /// Queues a read.
    pub fn submit(&self, read: PendingRead) -> Result<(), ReplicaFailure> {
        let mut state = self.queue.state.lock();
        if state.is_closed || state.waiting.len() >= WAITING_MAX {
            state.refused += 1;
            return Err(ReplicaFailure::Overloaded);
        }
        state.waiting.push_back(read);
        drop(state);
        self.queue.wake.notify_one();
        Ok(())
    }

    /// It as it is now.
    pub fn read(&self) -> ReadPoolReading {
        let state = self.queue.state.lock();
        ReadPoolReading {
            waiting: state.waiting.len(),
            running: state.running,
            threads: state.threads,
            done: state.done,
            refused: state.refused,
        }
    }

    /// Drops what waits and waits for what is at work.
    pub fn close(&self) {
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A read that panicked was caught.
            let _ = thread.join();
        }
    }
}

impl Drop for ReadPool {
    /// Without waiting: the last owner may be one of the threads.
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Queue {
    fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.waiting.clear();
        drop(state);
        self.wake.notify_all();
    }

    fn work_off(&self, read: &impl Fn(PendingRead)) {
        while let Some(next) = self.next() {
            // The panic hook reports it. Whoever asked gets an error at its timeout, and the others have their turn.
            let _ = catch_unwind(AssertUnwindSafe(|| read(next)));
            let mut state = self.state.lock();
            state.running -= 1;
            state.done += 1;
        }
    }

    fn next(&self) -> Option<PendingRead> {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(next) = state.waiting.pop_front() {
                state.running += 1;
                return Some(next);
            }
            self.wake.wait(&mut state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use starling_ring::{HostId, Token};
    use starling_storage::model::{ReadCommand, ReadTarget, TableId, TableRef};
    use uuid::Uuid;

    use super::*;
    use crate::message::{OperationId, ReplyTo};

    fn read(number: u64) -> PendingRead {
        let command = ReadCommand {
            table: TableRef { id: TableId(1), incarnation: 0 },
            has_clustering: false,
            gc_grace_s: 0,
            now_s: 0,
            target: ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX },
            slices: Vec::new(),
            reversed: false,
            row_limit: 1,
            per_partition_limit: 1,
            size_limit_bytes: 1,
            resume: None,
        };
        PendingRead {
            coordinator: HostId(Uuid::nil()),
            reply_to: ReplyTo { operation: OperationId(number), leg: 0 },
            command: Arc::new(command),
            digest_only: false,
            came_us: 0,
        }
    }

    #[test]
    fn reads_have_their_turn_and_too_many_are_refused() {
        let (tell, told) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let pool = ReadPool::start(1, move |read| {
            if read.reply_to.operation.0 == 0 {
                let _ = gate.lock().recv();
            }
            assert_ne!(read.reply_to.operation.0, 1, "planted");
            let _ = tell.send(read.reply_to.operation.0);
        })
        .expect("a thread");
        pool.submit(read(0)).expect("room");
        while pool.read().running == 0 {
            std::thread::yield_now();
        }
        for number in 1..=WAITING_MAX as u64 {
            pool.submit(read(number)).expect("room");
        }
        assert_eq!(pool.submit(read(u64::MAX)), Err(ReplicaFailure::Overloaded));
        assert_eq!((pool.read().waiting, pool.read().refused), (WAITING_MAX, 1));
        drop(open);
        // The one that panics takes no other with it.
        let wanted: Vec<u64> = std::iter::once(0).chain(2..=WAITING_MAX as u64).collect();
        assert_eq!(told.iter().take(wanted.len()).collect::<Vec<u64>>(), wanted);
        pool.close();
        assert!(pool.submit(read(0)).is_err());
    }

    #[test]
    fn a_pool_that_is_closing_can_be_looked_at() {
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let pool = ReadPool::start(1, move |_| assert!(gate.lock().recv().is_err())).expect("threads");
        pool.submit(read(0)).expect("room");
        while pool.read().running == 0 {
            std::thread::yield_now();
        }
        pool.submit(read(1)).expect("room");
        std::thread::scope(|scope| {
            let closing = scope.spawn(|| pool.close());
            // What waits is dropped.
            while pool.read().waiting > 0 {
                std::thread::yield_now();
            }
            assert!(!closing.is_finished(), "it waits for what is at work");
            assert_eq!(pool.read().running, 1);
            drop(open);
        });
        assert_eq!(pool.read().running, 0);
    }
}
