//! Three processes at replication factor 3: what was acknowledged at QUORUM is there, whichever single node dies.

#![allow(clippy::unwrap_used)]

mod harness;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use harness::{Cluster, wait_until_async};
use starling_driver::{
    ConsistencyLevel, CqlError, DriverError, PreparedStatement, QueryOptions, Session, SessionOptions, Value,
};
use tokio::task::JoinSet;

const ROWS: u64 = 6_000;
const PARTITIONS: u64 = 300;
const WRITERS: u64 = 32;

/// The row with this number: its partition, its clustering key and its value, all following from the number.
fn row(number: u64) -> (i32, i64, String) {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((number % PARTITIONS) as i32, number as i64, format!("value {mixed:016x}"))
}

fn values(number: u64) -> Vec<Value> {
    let (partition, clustering, value) = row(number);
    vec![Value::Int(partition), Value::BigInt(clustering), Value::Text(value)]
}

fn at(level: ConsistencyLevel) -> QueryOptions {
    QueryOptions::default().consistency(level)
}

async fn connect(cluster: &Cluster) -> Session {
    Session::connect(cluster.contact_points(), SessionOptions::default()).await.unwrap()
}

async fn make_table(session: &Session) -> PreparedStatement {
    for statement in [
        "CREATE KEYSPACE IF NOT EXISTS audit WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 3}",
        "CREATE TABLE IF NOT EXISTS audit.rows (p int, c bigint, v text, PRIMARY KEY (p, c))",
    ] {
        session.query(statement, &[], &QueryOptions::default()).await.unwrap();
    }
    session.prepare("INSERT INTO audit.rows (p, c, v) VALUES (?, ?, ?)").await.unwrap()
}

/// Writes until every row is acknowledged: a row whose outcome is unknown is written again, with the same value.
/// Returns the writes that had to be repeated; `acknowledged` counts meanwhile.
async fn load(session: &Session, insert: &PreparedStatement, acknowledged: &Arc<AtomicU64>) -> u64 {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (session, insert, acknowledged) = (session.clone(), insert.clone(), acknowledged.clone());
        writers.spawn(async move {
            let mut repeated = 0;
            for number in (writer..ROWS).step_by(WRITERS as usize) {
                while let Err(error) = session.execute(&insert, &values(number), &at(ConsistencyLevel::Quorum)).await {
                    let may_pass = match &error {
                        DriverError::Server(error) => {
                            matches!(error, CqlError::WriteTimeout { .. } | CqlError::Unavailable { .. })
                        }
                        DriverError::OutcomeUnknown { .. } | DriverError::Timeout { .. } => true,
                        _ => false,
                    };
                    assert!(may_pass && repeated < 100_000, "row {number}: {error}");
                    repeated += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            repeated
        });
    }
    writers.join_all().await.into_iter().sum()
}

/// Reads everything at QUORUM, by partition and by a paged scan of the table, and compares it with what was written.
async fn audit(session: &Session, count: u64) {
    let wanted: BTreeMap<i64, (i32, String)> =
        (0..count).map(row).map(|(partition, clustering, value)| (clustering, (partition, value))).collect();
    let select = session.prepare("SELECT p, c, v FROM audit.rows WHERE p = ?").await.unwrap();
    let mut found = BTreeMap::new();
    for partition in 0..PARTITIONS as i32 {
        let options = at(ConsistencyLevel::Quorum);
        let result = session.execute(&select, &[Value::Int(partition)], &options).await.unwrap();
        for row in result.rows() {
            let (p, c): (i32, i64) = (row.get("p").unwrap(), row.get("c").unwrap());
            assert!(found.insert(c, (p, row.get("v").unwrap())).is_none(), "row {c} was read twice");
        }
    }
    assert_eq!(found.len(), wanted.len(), "rows read by partition");
    assert!(found == wanted, "a row read by partition differs from what was written");

    let scan = at(ConsistencyLevel::Quorum).page_size(777);
    let mut pages = session.query_pages("SELECT p, c, v FROM audit.rows", &[], &scan);
    let mut scanned = BTreeMap::new();
    while let Some(row) = pages.next_row().await.unwrap() {
        let (p, c): (i32, i64) = (row.get("p").unwrap(), row.get("c").unwrap());
        assert!(scanned.insert(c, (p, row.get("v").unwrap())).is_none(), "row {c} was scanned twice");
    }
    assert_eq!(scanned.len(), wanted.len(), "rows read by a scan");
    assert!(scanned == wanted, "a row read by a scan differs from what was written");
}

/// Whether ALL is refused because only two replicas are alive.
async fn all_is_unavailable(session: &Session) -> bool {
    let result = session.query("SELECT v FROM audit.rows WHERE p = 0", &[], &at(ConsistencyLevel::All)).await;
    match result {
        Err(DriverError::Server(CqlError::Unavailable { consistency, required, alive, .. })) => {
            assert_eq!((consistency, required, alive), (ConsistencyLevel::All, 3, 2));
            true
        }
        // Until the death is noticed the missing answer is waited for.
        Err(DriverError::Server(CqlError::ReadTimeout { .. } | CqlError::ReadFailure { .. })) => false,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_quorum_acknowledged_survives_the_death_of_any_node() {
    let mut cluster = Cluster::of("three-nodes", 3);
    let session = connect(&cluster).await;
    let insert = make_table(&session).await;

    // Load; kill a node when a third is acknowledged, bring it back when the load is done.
    let acknowledged = Arc::new(AtomicU64::new(0));
    let loading = {
        let (session, insert, acknowledged) = (session.clone(), insert.clone(), acknowledged.clone());
        tokio::spawn(async move { load(&session, &insert, &acknowledged).await })
    };
    wait_until_async("a third is acknowledged", async || acknowledged.load(Ordering::Relaxed) >= ROWS / 3).await;
    cluster.node(2).kill();
    let repeated = loading.await.unwrap();
    println!("{ROWS} rows acknowledged, {repeated} writes repeated");

    wait_until_async("the death is noticed", async || all_is_unavailable(&session).await).await;
    audit(&session, ROWS).await;

    // With the node back, ALL is answered again.
    cluster.node(2).start();
    wait_until_async("all three answer", async || {
        session.query("SELECT v FROM audit.rows WHERE p = 0", &[], &at(ConsistencyLevel::All)).await.is_ok()
    })
    .await;
    audit(&session, ROWS).await;

    // Another node dies: of the two that are left, one missed most of the load.
    cluster.node(0).kill();
    audit(&session, ROWS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_all_nodes_were_killed() {
    let mut cluster = Cluster::of("killed-all", 3);
    let session = connect(&cluster).await;
    let insert = make_table(&session).await;
    load(&session, &insert, &Arc::default()).await;
    let host_ids: Vec<String> = cluster.nodes().iter().map(|node| node.ready("host_id")).collect();
    for index in 0..3 {
        cluster.node(index).kill();
    }
    // A node without a majority may not be ready by itself: all are started before any is waited for.
    for index in 0..3 {
        cluster.node(index).begin();
    }
    for index in 0..3 {
        cluster.node(index).wait_until_ready();
    }
    let again: Vec<String> = cluster.nodes().iter().map(|node| node.ready("host_id")).collect();
    assert_eq!(host_ids, again, "a node keeps its identity");
    let session = connect(&cluster).await;
    wait_until_async("all three answer", async || {
        session.query("SELECT v FROM audit.rows WHERE p = 0", &[], &at(ConsistencyLevel::All)).await.is_ok()
    })
    .await;
    audit(&session, ROWS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_node_does_not_stop_a_quorum() {
    let mut cluster = Cluster::of("frozen", 3);
    let session = connect(&cluster).await;
    let insert = make_table(&session).await;
    cluster.node(1).pause();
    load(&session, &insert, &Arc::default()).await;
    cluster.node(1).resume();
    audit(&session, ROWS).await;
}

#[test]
fn a_node_stops_when_asked() {
    let mut cluster = Cluster::of("stops", 1);
    let status = cluster.node(0).stop();
    assert!(status.success(), "{status}\n{}", cluster.node(0).log_tail());
    cluster.node(0).start();
}
