//! Whether requests arrive at a replica of their partition, by the nodes' own counters.

use starling_driver::{Batch, BatchKind, ConsistencyLevel, Value};

use crate::harness::Cluster;
use crate::{Pages, at, connect, make_table};

const LOCAL: &str = "starling_requests_local_total";
const REMOTE: &str = "starling_requests_remote_total";
const SEVERAL: &str = "starling_requests_several_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_requests_of_the_driver_arrive_at_a_replica_and_others_may_not() {
    let cluster = Cluster::of("metrics-arrivals", 3);
    let session = connect(&cluster).await;
    make_table(&session, "ks", 1).await;
    let insert = session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.unwrap();
    let select = session.prepare("SELECT v FROM ks.t WHERE k = ?").await.unwrap();
    let level = at(ConsistencyLevel::One);

    let before = Pages::of(&cluster);
    for k in 0..200 {
        session.execute(&insert, &[Value::Int(k), Value::Int(k)], &level).await.unwrap();
        session.execute(&select, &[Value::Int(k)], &level).await.unwrap();
    }
    let mut batch = Batch::new(BatchKind::Unlogged);
    for v in 0..3 {
        batch.push_prepared(&insert, &[Value::Int(7), Value::Int(v)]);
    }
    session.batch(&batch, &level).await.unwrap();
    let after = Pages::of(&cluster);
    for (operation, wanted) in [("write", 200.0), ("read", 200.0), ("batch", 1.0)] {
        let labels = [("operation", operation), ("prepared", "true")];
        assert_eq!(after.since(&before, LOCAL, &labels), wanted, "{operation}");
    }
    assert_eq!(after.since(&before, LOCAL, &[]), 401.0);
    assert_eq!((after.since(&before, REMOTE, &[]), after.since(&before, SEVERAL, &[])), (0.0, 0.0));
    assert!(after.0.iter().all(|page| page.sum(LOCAL, &[]) > 0.0), "every node has a part of the ring");

    // The driver cannot tell the partition of these, and asks one node after the other.
    let before = Pages::of(&cluster);
    let blind = session.prepare("INSERT INTO ks.t (k, v) VALUES (7, ?)").await.unwrap();
    for v in 0..60 {
        session.execute(&blind, &[Value::Int(v)], &level).await.unwrap();
        session.query("SELECT v FROM ks.t WHERE k = 7", &[], &level).await.unwrap();
    }
    let after = Pages::of(&cluster);
    for (operation, prepared) in [("write", "true"), ("read", "false")] {
        let labels = [("operation", operation), ("prepared", prepared)];
        let (local, remote) = (after.since(&before, LOCAL, &labels), after.since(&before, REMOTE, &labels));
        assert_eq!(local + remote, 60.0, "{operation}");
        assert!(local > 0.0 && remote > 0.0, "{operation}: {local} at the replica, {remote} elsewhere");
    }
}
