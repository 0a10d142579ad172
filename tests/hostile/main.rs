//! Hostile clients: whatever 400 of them send and leave unread, the node's memory stays bounded, it goes on answering
//! everybody else, and nothing in it panics.

#![allow(clippy::unwrap_used)]

mod attacks;
mod client;
#[path = "../harness/mod.rs"]
mod harness;
mod idle;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use attacks::{KINDS, Noise, Target, attack};
use client::{Client, query};
use harness::{Cluster, HANG_GUARD};
use starling_cql_lite::protocol::client::Response;
use starling_driver::{QueryOptions, Session, SessionOptions, Value};
use tokio::runtime::Runtime;

/// Connections held open.
const ATTACKERS: usize = 400;
/// What they may cost.
const EXTRA_BYTES_MAX: u64 = 256_000_000;
/// How long they try; `HOSTILE_SECONDS` changes it, and `HOSTILE_KIND` makes all of them try the same.
const SECONDS: u64 = 20;

/// A number from the environment.
fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Resident memory of a process.
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

async fn prepare_tables(session: &Session) {
    for statement in [
        "CREATE KEYSPACE hostile WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE hostile.t (k int PRIMARY KEY, v blob)",
    ] {
        session.query(statement, &[], &QueryOptions::default()).await.unwrap();
    }
    let value = Value::Blob(vec![1; 500 << 10].into());
    session
        .query("INSERT INTO hostile.t (k, v) VALUES (?, ?)", &[Value::Int(1), value], &QueryOptions::default())
        .await
        .unwrap();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// One round of an ordinary client, with rows that do not fit into one packet. It reads more than it writes: what it
/// writes stays in memory for a while, and that is not what is measured.
async fn ordinary_round(session: &Session, number: i32) {
    let key = Value::Int(1_000 + number / 10 % 100);
    let value = Value::Blob(vec![(number / 10) as u8; 8 << 10].into());
    // A client that waits this long hangs.
    let options = QueryOptions::default().timeout_ms(HANG_GUARD.as_millis() as u64);
    let insert = "INSERT INTO hostile.t (k, v) VALUES (?, ?)";
    if number % 10 == 0 {
        session.query(insert, &[key.clone(), value.clone()], &options).await.unwrap();
    }
    let read = session.query("SELECT v FROM hostile.t WHERE k = ?", &[key], &options).await.unwrap();
    assert_eq!(read.rows()[0].values()[0], value);
}

#[test]
fn four_hundred_hostile_connections_cost_bounded_memory_and_nobody_elses_answers() {
    let mut cluster = Cluster::of("hostile", 1);
    let contact_points = cluster.contact_points();
    let node = cluster.node(0);
    let pid = node.pid().unwrap();
    let target = Target { cql: node.ready("cql"), admin: node.ready("admin"), internode: node.ready("internode") };
    // On a runtime of their own, so that it is only the node that they share with others.
    let (ordinary, hostile) = (runtime(), runtime());
    let session = ordinary.block_on(Session::connect(contact_points, SessionOptions::default())).unwrap();
    ordinary.block_on(prepare_tables(&session));
    for number in 0..500 {
        ordinary.block_on(ordinary_round(&session, number));
    }
    let idle_bytes = resident_bytes(pid);

    let (attacks_begun, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let only = number_from("HOSTILE_KIND");
    let attackers: Vec<_> = (0..ATTACKERS)
        .map(|number| {
            let (target, begun) = (target.clone(), attacks_begun.clone());
            hostile.spawn(async move {
                let mut noise = Noise(0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1));
                loop {
                    begun.fetch_add(1, Ordering::Relaxed);
                    // However it ends: the next one follows.
                    let _ = attack(only.map_or(number % KINDS, |kind| kind as usize), &target, &mut noise).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
        })
        .collect();
    let most_bytes = ordinary.spawn({
        let is_over = is_over.clone();
        async move {
            let mut most_bytes = 0;
            while !is_over.load(Ordering::Relaxed) {
                most_bytes = resident_bytes(pid).max(most_bytes);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            most_bytes
        }
    });
    let seconds = number_from("HOSTILE_SECONDS").unwrap_or(SECONDS);
    let (started, mut rounds, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while started.elapsed() < Duration::from_secs(seconds) {
        let round_started = Instant::now();
        ordinary.block_on(ordinary_round(&session, rounds));
        longest = longest.max(round_started.elapsed());
        rounds += 1;
    }
    is_over.store(true, Ordering::Relaxed);
    let extra_bytes = ordinary.block_on(most_bytes).unwrap().saturating_sub(idle_bytes);
    for attacker in &attackers {
        assert!(!attacker.is_finished(), "an attacker gave up");
    }
    hostile.shutdown_background();
    let begun = attacks_begun.load(Ordering::Relaxed);
    eprintln!(
        "idle {} MB, {} MB more at most; {begun} attacks; {rounds} ordinary rounds, the longest {longest:?}",
        idle_bytes / 1_000_000,
        extra_bytes / 1_000_000,
    );
    assert!(extra_bytes <= EXTRA_BYTES_MAX, "{extra_bytes} bytes");
    assert!(rounds > 10, "{rounds} rounds in {seconds} s");
    ordinary.block_on(ordinary_round(&session, 0));
    let node = cluster.node(0);
    assert_eq!(node.exit_status(), None);
    let log = std::fs::read_to_string(&node.stderr_path).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert!(node.stop().success());
}

#[tokio::test]
async fn statements_nested_deeply_are_refused() {
    let cluster = Cluster::of("nested", 1);
    let target = cluster.nodes()[0].ready("cql");
    let mut client = Client::started(&target, 4, "").await.unwrap();
    for text in attacks::nested() {
        client.send(&query(4, &text)).await.unwrap();
        let answer = client.answer().await.unwrap();
        assert!(matches!(answer, Response::Error(_)), "{}: {answer:?}", &text[..60]);
    }
    client.send(&query(4, "SELECT * FROM system.local")).await.unwrap();
    assert!(matches!(client.answer().await.unwrap(), Response::Rows(_)));
}
