//! What stands on a page.

use std::collections::BTreeSet;

use crate::harness::{Cluster, Exposition, http_get, wait_until};
use crate::{at, connect, first, make_table};
use starling_driver::{ConsistencyLevel, Value};

/// Everything that has a bound: what it holds, and the bound as `NAME_limit`.
const BOUNDED: &[&str] = &[
    "changes_waiting",
    "commit_queue_bytes",
    "commit_queue_mutations",
    "engine_block_cache_bytes",
    "fold_queue",
    "internode_handshakes",
    "internode_kept_bytes",
    "native_connections",
    "native_event_listeners",
    "native_large_requests",
    "native_receiving_bytes",
    "native_under_way_bytes",
    "native_unread_bytes",
    "operations_parked",
    "operations_under_way",
    "prepared_statements",
    "prepared_statements_bytes",
    "process_open_fds",
    "read_queue",
    "read_threads_busy",
];
/// Likewise, by peer and lane.
const BOUNDED_BY_PEER: &str = "internode_queue_bytes";

#[test]
fn a_node_that_waits_for_its_cluster_has_a_page() {
    let cluster = Cluster::new("metrics-waiting");
    let mut node = cluster.prepare(&["--seed", "127.0.0.198"]);
    node.begin();
    wait_until("the admin side answers", || http_get(node.address, "/livez").is_some());
    let page = Exposition::of(node.address);
    assert_eq!(page.value("starling_ready"), Some(0.0));
    assert_eq!(page.value("starling_members"), None, "it knows no cluster yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_queue_has_a_bound_and_is_within_it() {
    let mut cluster = Cluster::of("metrics-bounds", 2);
    let session = connect(&cluster).await;
    make_table(&session, "ks", 2).await;
    let insert = session.prepare("INSERT INTO ks.t (k, v) VALUES (?, ?)").await.unwrap();
    for k in 0..100 {
        session.execute(&insert, &[Value::Int(k), Value::Int(k)], &at(ConsistencyLevel::All)).await.unwrap();
    }
    let page = Exposition::of(first(&cluster));
    let limit = |name: &str| page.value(&format!("starling_{name}_limit")).unwrap_or_else(|| panic!("{name}"));
    for name in BOUNDED {
        let value = page.value(&format!("starling_{name}")).unwrap_or_else(|| panic!("{name}"));
        assert!(value >= 0.0 && value <= limit(name), "{name}: {value} of {}", limit(name));
        assert!(limit(name) > 0.0, "{name}");
    }
    assert!(limit(BOUNDED_BY_PEER) > 0.0);
    assert!(page.names().contains(&*format!("starling_{BOUNDED_BY_PEER}")));
    // The list above is all there is.
    let listed: BTreeSet<String> =
        BOUNDED.iter().chain([&BOUNDED_BY_PEER]).map(|name| format!("starling_{name}_limit")).collect();
    let there = page.names().into_iter().filter(|name| name.ends_with("_limit")).map(str::to_owned).collect();
    assert_eq!(listed, there);

    assert!(page.families().keys().all(|name| name.starts_with("starling_")));
    assert_eq!(page.sum("starling_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    for above_zero in [
        "starling_process_resident_memory_bytes",
        "starling_process_cpu_seconds_total",
        "starling_process_open_fds",
        "starling_engine_memtable_bytes",
        "starling_engine_wal_bytes",
        "starling_engine_wal_written_bytes_total",
        "starling_native_received_bytes_total",
        "starling_native_sent_bytes_total",
        "starling_internode_received_bytes_total",
    ] {
        assert!(page.value(above_zero).is_some_and(|value| value > 0.0), "{above_zero}");
    }
    assert_eq!((page.value("starling_members"), page.value("starling_members_alive")), (Some(2.0), Some(2.0)));
    cluster.node(1).kill();
    wait_until("the death is seen", || Exposition::of(first(&cluster)).value("starling_members_alive") == Some(1.0));
}

/// Every metric of a page stands in the manual, and the manual has no others.
#[test]
fn the_manual_has_every_metric() {
    let cluster = Cluster::of("metrics-manual", 1);
    let page = Exposition::of(first(&cluster));
    let manual = include_str!("../../docs/manual/metrics.md");
    let documented: BTreeSet<&str> = manual
        .split('`')
        .filter(|word| word.starts_with("starling_") && !word.contains(['{', ' ', '(', '*']))
        .collect();
    let of_page: BTreeSet<String> = page
        .families()
        .iter()
        .map(|(name, kind)| match kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.clone(),
        })
        .filter(|name| !name.ends_with("_limit"))
        .collect();
    let missing: Vec<&String> = of_page.iter().filter(|name| !documented.contains(name.as_str())).collect();
    let unknown: Vec<&&str> = documented.iter().filter(|name| !of_page.contains(**name)).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in the manual: {missing:?}; only in the manual: {unknown:?}"
    );
}
