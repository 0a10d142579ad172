//! Counters go up by exactly what a client did.

use starling_driver::{Batch, BatchKind, ConsistencyLevel, CqlError, DriverError, QueryOptions, Value};

use crate::harness::{Cluster, wait_until_async};
use crate::{Pages, at, connect, make_table};

const REQUESTS: &str = "starling_requests_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted_by_operation_level_and_outcome() {
    let cluster = Cluster::of("metrics-counters", 1);
    let session = connect(&cluster).await;
    make_table(&session, "ks", 1).await;
    let before = Pages::of(&cluster);
    let insert = session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.unwrap();
    let select = session.prepare("SELECT v FROM ks.t WHERE k = ?").await.unwrap();
    for k in 0..37 {
        let values = [Value::Int(k), Value::Int(k)];
        session.execute(&insert, &values, &at(ConsistencyLevel::Quorum)).await.unwrap();
        session.execute(&select, &values[..1], &at(ConsistencyLevel::One)).await.unwrap();
    }
    for _ in 0..5 {
        session.query("SELECT * FROM ks.t", &[], &at(ConsistencyLevel::All)).await.unwrap();
        session.query("SELECT v FROM ks.t WHERE k IN (1, 2)", &[], &at(ConsistencyLevel::Two)).await.unwrap_err();
        session.query("SELECT nothing FROM ks.t", &[], &QueryOptions::default()).await.unwrap_err();
    }
    let mut batch = Batch::new(BatchKind::Unlogged);
    batch
        .push_prepared(&insert, &[Value::Int(1), Value::Int(2)])
        .push_prepared(&insert, &[Value::Int(2), Value::Int(3)]);
    session.batch(&batch, &at(ConsistencyLevel::LocalOne)).await.unwrap();
    session.query("TRUNCATE ks.t", &[], &QueryOptions::default()).await.unwrap();
    session.query("DROP TABLE ks.t", &[], &QueryOptions::default()).await.unwrap();

    let after = Pages::of(&cluster);
    let count = |operation: &str, consistency: &str, outcome: &str| {
        let labels = [("operation", operation), ("consistency", consistency), ("outcome", outcome)];
        after.since(&before, REQUESTS, &labels)
    };
    for (operation, consistency, outcome, wanted) in [
        ("write", "QUORUM", "success", 37.0),
        ("read", "ONE", "success", 37.0),
        ("scan", "ALL", "success", 5.0),
        ("read", "TWO", "unavailable", 5.0),
        ("unknown", "none", "invalid", 5.0),
        ("batch", "LOCAL_ONE", "success", 1.0),
        ("prepare", "none", "success", 2.0),
        ("truncate", "none", "success", 1.0),
        ("schema", "none", "success", 1.0),
    ] {
        assert_eq!(count(operation, consistency, outcome), wanted, "{operation} {consistency} {outcome}");
    }
    // Nothing was counted that was not asked, but for what the driver itself asks of the system tables.
    let all = after.since(&before, REQUESTS, &[]) - after.since(&before, REQUESTS, &[("operation", "system")]);
    assert_eq!(all, 94.0);
    for (operation, wanted) in [("write", 37.0), ("read", 42.0), ("scan", 5.0), ("batch", 1.0)] {
        let labels = [("operation", operation)];
        let durations = "starling_request_duration_seconds";
        assert_eq!(after.since(&before, &format!("{durations}_count"), &labels), wanted, "{operation}");
        let sum_s = after.since(&before, &format!("{durations}_sum"), &labels);
        assert!(sum_s > 0.0, "{operation}: {sum_s}");
    }
    assert_eq!(after.since(&before, "starling_committed_mutations_total", &[]), 39.0);
    assert_eq!(after.since(&before, "starling_requests_several_total", &[("operation", "scan")]), 5.0);
    assert_eq!(after.since(&before, "starling_requests_several_total", &[("operation", "read")]), 5.0);
    assert_eq!(after.since(&before, "starling_requests_several_total", &[("operation", "batch")]), 1.0);
    assert_eq!(after.sum("starling_operations_under_way", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_between_nodes_are_counted_by_kind_and_deaths_show() {
    let mut cluster = Cluster::of("metrics-kinds", 3);
    let session = connect(&cluster).await;
    make_table(&session, "ks", 3).await;
    let insert = session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.unwrap();
    let before = Pages::of(&cluster);
    for k in 0..50 {
        session.execute(&insert, &[Value::Int(k), Value::Int(k)], &at(ConsistencyLevel::All)).await.unwrap();
    }
    let after = Pages::of(&cluster);
    let messages = |direction: &str, kind: &str| {
        after.since(&before, &format!("starling_internode_messages_{direction}_total"), &[("kind", kind)])
    };
    for kind in ["mutate", "answer"] {
        assert_eq!(messages("offered", kind), 100.0, "{kind}");
        assert_eq!(messages("received", kind), 100.0, "{kind}");
    }
    assert_eq!(after.since(&before, "starling_committed_mutations_total", &[]), 150.0);
    assert!(after.0.iter().all(|page| page.sum("starling_internode_links", &[]) >= 2.0));
    assert!(after.0.iter().all(|page| page.sum("starling_internode_round_trip_seconds", &[]) > 0.0));

    cluster.node(2).kill();
    let survivors = |cluster: &Cluster| {
        let pages = cluster.nodes()[..2].iter().map(|node| crate::Exposition::of(node.address)).collect();
        Pages(pages)
    };
    let labels = [("operation", "write"), ("consistency", "ALL"), ("outcome", "unavailable")];
    wait_until_async("the death is noticed", async || {
        let result = session.query("INSERT INTO ks.t (k, v) VALUES (1, 1)", &[], &at(ConsistencyLevel::All)).await;
        matches!(result, Err(DriverError::Server(CqlError::Unavailable { .. })))
    })
    .await;
    assert!(survivors(&cluster).sum(REQUESTS, &labels) >= 1.0);
}
