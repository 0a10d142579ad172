//! Scans and other long reads have threads of their own: they hold up neither gossip nor short requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use starling_cql_lite::protocol::client::Response;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::{HostId, Token};
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::engine::{Batch, Durability, Engine, EngineError, EngineSize, Snapshot, Space};
use starling_storage::model::{ReadCommand, ReadTarget, TableId, TableRef};
use uuid::Uuid;

use super::fixture::{Client, query, serve, serve_from, until};
use crate::assembly::{NodeConfig, PendingRead};
use crate::message::{OperationId, ReplyTo};
use crate::server::read_pool::default_threads;

/// A guard: scans that wait so long have held everything up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a read longer than brief takes of this engine.
const SLOW_LOOKUP: Duration = Duration::from_micros(2_500);

/// An engine in memory whose snapshots, which scans need and point reads do not, wait while the gate is shut.
struct GatedEngine {
    inner: MemoryEngine,
    is_slow: AtomicBool,
    panics_left: AtomicUsize,
    is_shut: Mutex<bool>,
    opened: Condvar,
    waiting: AtomicUsize,
    lost_patience: AtomicBool,
}

impl GatedEngine {
    fn open() -> Arc<Self> {
        Arc::new(GatedEngine {
            inner: MemoryEngine::new(MemorySettings::default()),
            is_slow: AtomicBool::new(false),
            panics_left: AtomicUsize::new(0),
            is_shut: Mutex::new(false),
            opened: Condvar::new(),
            waiting: AtomicUsize::new(0),
            lost_patience: AtomicBool::new(false),
        })
    }

    fn set_shut(&self, is_shut: bool) {
        *self.is_shut.lock() = is_shut;
        self.opened.notify_all();
    }
}

impl Engine for GatedEngine {
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), EngineError> {
        self.inner.write(batch, durability)
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        if self.is_slow.load(Ordering::Relaxed) {
            std::thread::sleep(SLOW_LOOKUP);
        }
        self.inner.get(space, key)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        let planted = self.panics_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(planted.is_err(), "planted");
        let mut is_shut = self.is_shut.lock();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let waited = self.opened.wait_while_for(&mut is_shut, |is_shut| *is_shut, PATIENCE);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.lost_patience.fetch_or(waited.timed_out(), Ordering::Relaxed);
        drop(is_shut);
        self.inner.snapshot()
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.inner.sync()
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.inner.flush()
    }

    fn compact(&self) -> Result<(), EngineError> {
        self.inner.compact()
    }

    fn size(&self) -> EngineSize {
        self.inner.size()
    }

    fn failure(&self) -> Option<EngineError> {
        self.inner.failure()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_and_point_reads_go_on_while_scans_read() {
    let engine = GatedEngine::open();
    // The scans may take as long as the guard.
    let config = NodeConfig { range_timeout_ms: 600_000, ..NodeConfig::default() };
    let served = serve_from(config, engine.clone()).await;
    let mut reader = served.client().await;
    reader.query("INSERT INTO ks.t (k, v) VALUES (1, 0x01)").await;
    engine.set_shut(true);
    // More of them than the runtime has threads, and than the pool has.
    let mut scanners = Vec::new();
    for _ in 0..default_threads() + 2 {
        let mut scanner = served.client().await;
        scanner.send(&query("SELECT k FROM ks.t")).await;
        scanners.push(scanner);
    }
    until("scans read", || engine.waiting.load(Ordering::Relaxed) == default_threads()).await;
    let rounds = served.server.node.gossip_rounds();
    until("gossip goes on", || served.server.node.gossip_rounds() >= rounds + 2).await;
    assert!(matches!(reader.query("SELECT v FROM ks.t WHERE k = 1").await, Response::Rows(_)));
    assert_eq!(engine.waiting.load(Ordering::Relaxed), default_threads(), "the scans read all the while");
    engine.set_shut(false);
    for mut scanner in scanners {
        let answer = scanner.frame().await.1.response;
        assert!(matches!(answer, Response::Rows(_)), "{answer:?}");
    }
    assert!(!engine.lost_patience.load(Ordering::Relaxed), "scans held the runtime up");
}

async fn rows(client: &mut Client, text: &str) -> usize {
    match client.query(text).await {
        Response::Rows(rows) => rows.rows.len(),
        other => panic!("{text}: {other:?}"),
    }
}

#[tokio::test]
async fn only_long_reads_change_threads() {
    let engine = GatedEngine::open();
    let served = serve_from(NodeConfig::default(), engine.clone()).await;
    let put_off = || served.server.world.readers.read().done;
    let mut client = served.client().await;
    client.query("CREATE TABLE ks.wide (k int, c int, PRIMARY KEY (k, c))").await;
    for c in 0..400 {
        client.query(&format!("INSERT INTO ks.wide (k, c) VALUES (1, {c})")).await;
    }
    assert_eq!(rows(&mut client, "SELECT c FROM ks.wide WHERE k = 1 AND c = 7").await, 1);
    assert_eq!(rows(&mut client, "SELECT c FROM ks.wide WHERE k = 1 AND c < 250").await, 250);
    assert_eq!(rows(&mut client, "SELECT c FROM ks.wide WHERE k = 1 LIMIT 200").await, 200);
    assert_eq!(rows(&mut client, "SELECT c FROM ks.wide WHERE k IN (1, 2, 3) AND c < 9").await, 9);
    assert_eq!(put_off(), 0);
    assert_eq!(rows(&mut client, "SELECT c FROM ks.wide WHERE k = 1").await, 400);
    assert_eq!(rows(&mut client, "SELECT c FROM ks.wide WHERE k = 1 ORDER BY c DESC LIMIT 300").await, 300);
    until("two long slices", || put_off() == 2).await;
    // Many partitions: what is left once that has taken long.
    for k in 1..4 {
        client.query(&format!("INSERT INTO ks.t (k, v) VALUES ({k}, 0x01)")).await;
    }
    engine.is_slow.store(true, Ordering::Relaxed);
    assert_eq!(rows(&mut client, "SELECT v FROM ks.t WHERE k IN (1, 2, 3)").await, 3);
    until("the second and the third", || put_off() >= 3).await;
}

#[tokio::test]
async fn a_long_read_that_panics_is_answered_and_takes_no_other_with_it() {
    let engine = GatedEngine::open();
    let served = serve_from(NodeConfig { range_timeout_ms: 500, ..NodeConfig::default() }, engine.clone()).await;
    let mut client = served.client().await;
    for _ in 0..default_threads() + 1 {
        engine.panics_left.store(1, Ordering::Relaxed);
        let answer = client.ask(&query("SELECT k FROM ks.t")).await;
        assert!(matches!(answer, Response::Error(CqlError::ReadTimeout { .. })), "{answer:?}");
    }
    for _ in 0..40 {
        // A busy machine may need longer than the timeout.
        if let Response::Rows(rows) = client.ask(&query("SELECT k FROM ks.t")).await {
            return assert!(rows.rows.is_empty());
        }
    }
    panic!("the threads have ended");
}

#[tokio::test]
async fn a_read_that_nobody_waits_for_any_more_is_dropped() {
    let served = serve(NodeConfig { range_timeout_ms: 0, read_timeout_ms: 0, ..NodeConfig::default() }).await;
    let node = &served.server.node;
    for (number, coordinator) in [node.host_id(), HostId(Uuid::from_u128(9))].into_iter().enumerate() {
        let reply_to = ReplyTo { operation: OperationId(1), leg: 0 };
        let command = Arc::new(scan());
        node.on_pending_read(PendingRead { coordinator, reply_to, command, digest_only: false, came_us: 0 });
        assert_eq!(node.figures.late_reads.load(Ordering::Relaxed), number as u64 + 1);
    }
}

fn scan() -> ReadCommand {
    ReadCommand {
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
    }
}
