//! Group commit: the bounded queue, and the threads that drain it.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use starling_ring::Token;
use starling_storage::committer::{Committer, CommitterLimits};
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::engine::{Batch, Durability, Engine, EngineError, EngineSize, Snapshot, Space};
use starling_storage::model::*;
use starling_storage::store::{Refusal, Store, StoreError, StoreSettings};
use starling_storage::threads::{CommitterThreads, SyncMode};

const TABLE: TableRef = TableRef { id: TableId(1024), incarnation: 3 };

fn mutation(number: i64, size_bytes: usize) -> Mutation {
    let content = CellContent::Live { value: Bytes::from(vec![7; size_bytes]), expiry: None };
    let cells = vec![Cell { path: None, timestamp_us: 1, content }];
    let columns = vec![ColumnData { column: ColumnId(1), deletion: None, cells }];
    let rows = vec![(Bytes::new(), Row { marker: None, deletion: None, columns })];
    let (token, key) = (Token(number), Bytes::copy_from_slice(&number.to_be_bytes()));
    let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
    Mutation { table: TABLE, issue_stamp: 0, partition }
}

fn limits() -> CommitterLimits {
    CommitterLimits { count_max: 5, bytes_max: 10_000, batch_count_max: 2, batch_bytes_max: 5_000 }
}

#[test]
fn batches_are_taken_in_order_within_their_limits() {
    let mut committer = Committer::new(limits());
    for number in 0..5 {
        assert_eq!(committer.enqueue(mutation(number, 10), number), Ok(()));
    }
    assert_eq!(committer.enqueue(mutation(5, 10), 5), Err(5), "the count is bounded");
    let mut batch = Vec::new();
    committer.take_batch(&mut batch);
    assert_eq!(batch.iter().map(|pending| pending.ticket).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(committer.enqueue(mutation(5, 10), 5), Err(5), "what is being written counts");
    committer.complete(&batch);
    assert_eq!(committer.enqueue(mutation(5, 10), 5), Ok(()));
    assert_eq!(committer.waiting(), 4);
}

#[test]
fn bytes_are_bounded_but_a_large_mutation_passes_alone() {
    let mut committer = Committer::new(limits());
    assert_eq!(committer.enqueue(mutation(0, 50_000), 0), Ok(()));
    assert_eq!(committer.enqueue(mutation(1, 10), 1), Err(1));
    let mut batch = Vec::new();
    committer.take_batch(&mut batch);
    assert_eq!(batch.len(), 1);
    committer.complete(&batch);
    assert_eq!(committer.bytes(), 0);
    for number in 0..2 {
        assert_eq!(committer.enqueue(mutation(number, 3_000), number), Ok(()));
    }
    batch.clear();
    committer.take_batch(&mut batch);
    assert_eq!(batch.len(), 1, "a batch's bytes are bounded");
}

type Outcomes = Vec<Result<(), StoreError>>;
type Ticket = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

fn submit_all(committers: &CommitterThreads<Ticket>, mutations: Vec<Mutation>) -> Outcomes {
    let (sender, receiver) = channel();
    let count = mutations.len();
    for (index, mutation) in mutations.into_iter().enumerate() {
        let sender = sender.clone();
        let ticket: Ticket = Box::new(move |outcome| sender.send((index, outcome)).unwrap());
        if let Err((ticket, error)) = committers.submit(mutation, ticket) {
            ticket(Err(error));
        }
    }
    let mut outcomes: Vec<_> = receiver.iter().take(count).collect();
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn start(mode: SyncMode) -> (Arc<MemoryEngine>, Arc<Store>, CommitterThreads<Ticket>) {
    let engine = Arc::new(MemoryEngine::new(MemorySettings::default()));
    let settings = StoreSettings { shards: 3, ..StoreSettings::default() };
    let store = Arc::new(Store::open(engine.clone(), settings).unwrap());
    let committers = CommitterThreads::start(store.clone(), CommitterLimits::default(), mode).unwrap();
    (engine, store, committers)
}

fn count(store: &Store) -> usize {
    let command = ReadCommand {
        table: TABLE,
        has_clustering: false,
        gc_grace_s: 0,
        target: ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX },
        slices: vec![],
        reversed: false,
        row_limit: u32::MAX,
        per_partition_limit: u32::MAX,
        size_limit_bytes: u32::MAX,
        now_s: 0,
        resume: None,
    };
    store.read(&command).unwrap().partitions.len()
}

#[test]
fn acknowledged_writes_survive_a_power_cut_in_batch_mode() {
    let (engine, store, committers) = start(SyncMode::Batch);
    let outcomes = submit_all(&committers, (0..200).map(|number| mutation(number, 10)).collect());
    assert!(outcomes.iter().all(Result::is_ok));
    engine.crash();
    assert_eq!(count(&store), 200);
}

#[test]
fn periodic_mode_syncs_at_the_end() {
    let (engine, store, committers) = start(SyncMode::Periodic { interval_ms: 3_600_000 });
    let outcomes = submit_all(&committers, (0..50).map(|number| mutation(number, 10)).collect());
    assert!(outcomes.iter().all(Result::is_ok));
    drop(committers);
    engine.crash();
    assert_eq!(count(&store), 50);
}

#[test]
fn refusals_and_failures_reach_the_tickets_they_belong_to() {
    let (engine, store, committers) = start(SyncMode::Batch);
    store.set_tables(&[TABLE], 2000);
    let old = |number| Mutation { table: TableRef { incarnation: 2, ..TABLE }, ..mutation(number, 1) };
    let mutations = (0..60).map(|number| if number % 7 == 0 { old(number) } else { mutation(number, 1) });
    for (index, outcome) in submit_all(&committers, mutations.collect()).into_iter().enumerate() {
        let expected = if index % 7 == 0 { Err(Refusal::Gone.into()) } else { Ok(()) };
        assert_eq!(outcome, expected);
    }
    engine.fail_next(EngineError::Full("no room".into()));
    let outcomes = submit_all(&committers, (0..30).map(|number| mutation(number, 1)).collect());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Engine(_)))));
    assert!(engine.failure().is_some());
}

/// What a full or closing committer refuses comes back untold: the caller may hold what the completion needs.
#[test]
fn a_refused_ticket_comes_back_untold() {
    let (_, store, committers) = start(SyncMode::Batch);
    drop(committers);
    let limits = CommitterLimits { count_max: 1, ..CommitterLimits::default() };
    let (entered, enter) = channel();
    let (release, released) = channel::<()>();
    let committers = CommitterThreads::start(store, limits, SyncMode::Batch).unwrap();
    let ticket = move |entered: std::sync::mpsc::Sender<()>, released: std::sync::mpsc::Receiver<()>| -> Ticket {
        Box::new(move |_| {
            entered.send(()).unwrap();
            released.recv().unwrap();
        })
    };
    // While its ticket is told, the committer takes nothing: of two more, of the same shard, one finds no room.
    assert!(committers.submit(mutation(3, 1), ticket(entered, released)).is_ok());
    enter.recv().unwrap();
    assert!(committers.submit(mutation(6, 1), Box::new(|_| ())).is_ok());
    let refused = committers.submit(mutation(9, 1), Box::new(|_| panic!("told on the caller's stack")));
    assert!(matches!(refused, Err((_, StoreError::Overloaded))));
    release.send(()).unwrap();
}

/// A completion that panics harms no other: the rest of its batch is told, and the committer goes on.
#[test]
fn a_completion_that_panics_leaves_the_committer_running() {
    let (_, store, committers) = start(SyncMode::Batch);
    assert!(committers.submit(mutation(3, 1), Box::new(|_| panic!("meant to panic"))).is_ok());
    let outcomes = submit_all(&committers, (0..30).map(|number| mutation(number, 1)).collect());
    assert!(outcomes.iter().all(Result::is_ok));
    assert!(committers.is_running());
    drop(committers);
    assert_eq!(count(&store), 30);
}

/// A committer that panics itself tells those who wait, and takes nothing more.
#[test]
fn a_committer_that_ends_leaves_nobody_waiting() {
    let engine = Arc::new(PanickingEngine(MemoryEngine::new(MemorySettings::default())));
    let store = Arc::new(Store::open(engine, StoreSettings::default()).unwrap());
    let limits = CommitterLimits { batch_count_max: 1, ..CommitterLimits::default() };
    let committers: CommitterThreads<Ticket> = CommitterThreads::start(store, limits, SyncMode::Batch).unwrap();
    let (sender, receiver) = channel();
    for number in 0..20 {
        let sender = sender.clone();
        let ticket: Ticket = Box::new(move |outcome| sender.send(outcome).unwrap());
        if let Err((ticket, error)) = committers.submit(mutation(number, 1), ticket) {
            ticket(Err(error));
        }
    }
    drop(sender);
    // Every ticket is told or dropped, so this ends; none is told that it was applied.
    let outcomes: Outcomes = receiver.iter().collect();
    assert_eq!(outcomes, vec![Err(StoreError::Closed); 19]);
    let last = committers.submit(mutation(0, 1), Box::new(|_| ()));
    assert!(matches!(last, Err((_, StoreError::Closed))));
}

/// Panics in every write.
struct PanickingEngine(MemoryEngine);

impl Engine for PanickingEngine {
    fn write(&self, _: Batch, _: Durability) -> Result<(), EngineError> {
        panic!("meant to panic")
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.0.get(space, key)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        self.0.snapshot()
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.0.sync()
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.0.flush()
    }

    fn compact(&self) -> Result<(), EngineError> {
        self.0.compact()
    }

    fn size(&self) -> EngineSize {
        self.0.size()
    }

    fn failure(&self) -> Option<EngineError> {
        self.0.failure()
    }
}

#[test]
fn a_completion_may_be_the_last_owner() {
    let engine = Arc::new(MemoryEngine::new(MemorySettings::default()));
    let store = Arc::new(Store::open(engine, StoreSettings::default()).unwrap());
    let committers = Arc::new(CommitterThreads::<Ticket>::start(store, limits(), SyncMode::Batch).unwrap());
    let (owner, (released, release), (ended, end)) = (committers.clone(), channel(), channel());
    let ticket: Ticket = Box::new(move |outcome| {
        release.recv().unwrap();
        drop(owner);
        ended.send(outcome).unwrap();
    });
    assert!(committers.submit(mutation(1, 10), ticket).is_ok());
    drop(committers);
    released.send(()).unwrap();
    // A panic of the dropping thread sends nothing.
    assert_eq!(end.recv(), Ok(Ok(())));
}
