//! Group commit: the bounded queue, and the threads that drain it.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use starling_ring::Token;
use starling_storage::committer::{Committer, CommitterLimits};
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::engine::{Engine, EngineError};
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
        committers.submit(mutation, Box::new(move |outcome| sender.send((index, outcome)).unwrap()));
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
