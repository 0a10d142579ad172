//! Schema changes of three clients at once while nodes are killed, restarted and frozen: one schema comes of it, and
//! it is what the clients were told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use starling_driver::{QueryOptions, Session, SessionOptions};

use crate::admin::log_of;
use crate::audit::{audit, tables_at};
use crate::harness::{Cluster, HANG_GUARD, wait_until};
use crate::is_full;
use crate::statements::{Fate, Ledger, fate, next, victim};

const CLIENTS: usize = 3;
/// What happens to nodes in turn. Deaths are mostly not noticed before the node is back, sometimes they are.
const BLOWS: [Blow; 7] = [
    Blow { killed: 1, away_ms: 0 },
    Blow { killed: 1, away_ms: 400 },
    Blow { killed: 0, away_ms: 3_000 },
    Blow { killed: 2, away_ms: 2_500 },
    Blow { killed: 1, away_ms: 1_500 },
    Blow { killed: 1, away_ms: 100 },
    Blow { killed: 1, away_ms: 8_000 },
];
/// Longest wait of a client for an answer: longer than a node tries. In milliseconds.
const TIMEOUT_MS: u64 = 30_000;

/// Something that happens to nodes.
#[derive(Clone, Copy)]
struct Blow {
    /// So many nodes are killed at once, two of three being more than the log bears; none: one node freezes.
    killed: usize,
    /// For so long, in milliseconds.
    away_ms: u64,
}

struct Plan {
    statements: usize,
    /// As many blows at least, spread over the statements.
    blows_min: usize,
}

/// How far everybody is.
#[derive(Default)]
struct Progress {
    blows: AtomicUsize,
    clients_done: AtomicUsize,
}

async fn connect(contact_points: Vec<String>) -> Session {
    Session::connect(contact_points, SessionOptions::default()).await.unwrap()
}

async fn prepare(contact_points: Vec<String>, statements: usize) {
    let session = connect(contact_points).await;
    let mut given = vec![
        "CREATE KEYSPACE ddl WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}".to_owned(),
        "CREATE TABLE ddl.common (k int PRIMARY KEY)".to_owned(),
    ];
    let victims = (0..statements.div_ceil(CLIENTS)).filter(|number| number % 10 == 7).map(victim);
    given.extend(victims.map(|name| format!("CREATE TABLE ddl.{name} (k int PRIMARY KEY)")));
    for statement in given {
        session.query(&statement, &[], &QueryOptions::default()).await.unwrap();
    }
}

/// One client's statements, one after the other.
async fn run(client: usize, plan: &Plan, contact_points: Vec<String>, progress: &Progress) -> Ledger {
    let session = connect(contact_points).await;
    let options = QueryOptions::default().timeout_ms(TIMEOUT_MS);
    let mut ledger = Ledger::default();
    let own = (0..plan.statements).skip(client).step_by(CLIENTS).count();
    for number in 0..own {
        // Whoever is ahead of the blows waits for them.
        let blows = plan.blows_min * number / own;
        let started = Instant::now();
        while progress.blows.load(Ordering::Relaxed) < blows {
            assert!(started.elapsed() < HANG_GUARD, "hung waiting for a blow");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let statement = next(client, number, &mut ledger);
        let outcome = session.query(&statement.cql(), &[], &options).await;
        let fate = fate(&outcome);
        let words = outcome.err().map_or_else(String::new, |error| first_words(&error.to_string()));
        *ledger.fates.entry((fate, words)).or_default() += 1;
        statement.note(&mut ledger, fate);
    }
    progress.clients_done.fetch_add(1, Ordering::Relaxed);
    ledger
}

/// Enough of a message to know its kind: names and numbers left out.
fn first_words(message: &str) -> String {
    let words = message.split_whitespace().filter(|word| !word.contains(['_', '.', '\'', '"', '1', '2']));
    words.take(8).collect::<Vec<_>>().join(" ")
}

/// Strikes one node after the other, each until it is back, until the clients are done.
fn strike_in_turn(cluster: &mut Cluster, progress: &Progress) {
    while progress.clients_done.load(Ordering::Relaxed) < CLIENTS {
        let number = progress.blows.load(Ordering::Relaxed);
        let Blow { killed, away_ms } = BLOWS[number % BLOWS.len()];
        std::thread::sleep(Duration::from_millis(300));
        let away = || std::thread::sleep(Duration::from_millis(away_ms));
        let victims: Vec<usize> = (0..killed).map(|further| (number + further) % 3).collect();
        if victims.is_empty() {
            cluster.nodes()[number % 3].pause();
        }
        victims.iter().for_each(|victim| cluster.node(*victim).kill());
        progress.blows.fetch_add(1, Ordering::Relaxed);
        away();
        if victims.is_empty() {
            cluster.nodes()[number % 3].resume();
        }
        victims.iter().for_each(|victim| cluster.node(*victim).begin());
        victims.iter().for_each(|victim| cluster.node(*victim).wait_until_ready());
    }
}

fn on_a_runtime<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}

#[test]
fn concurrent_schema_changes_while_nodes_are_killed_end_in_one_schema() {
    let plan = match is_full() {
        true => Plan { statements: 1_000, blows_min: 24 },
        false => Plan { statements: 150, blows_min: 4 },
    };
    let mut cluster = Cluster::of("log-ddl", 3);
    let contact_points = cluster.contact_points();
    on_a_runtime(prepare(contact_points.clone(), plan.statements));

    let (started, progress) = (Instant::now(), Progress::default());
    let ledgers = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (plan, contact_points, progress) = (&plan, contact_points.clone(), &progress);
                scope.spawn(move || on_a_runtime(run(client, plan, contact_points, progress)))
            })
            .collect();
        strike_in_turn(&mut cluster, &progress);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let ledger = Ledger::merged(ledgers);
    let took = started.elapsed();

    // What was accepted somewhere and not decided is brought to an end by the deciders themselves within seconds.
    let addresses: Vec<_> = cluster.nodes().iter().map(|node| node.address).collect();
    let mut settled = (Instant::now(), String::new());
    wait_until("the log has been at rest for ten seconds, the same on all nodes", || {
        let positions: Vec<String> = addresses.iter().map(|node| log_of(*node)["position"].to_string()).collect();
        let is_one = positions.iter().all(|position| *position == positions[0]);
        if !is_one || positions[0] != settled.1 {
            settled = (Instant::now(), positions[0].clone());
        }
        settled.0.elapsed() > Duration::from_secs(10)
    });
    let tables = tables_at(addresses[0]);
    for address in &addresses[1..] {
        assert_eq!(tables_at(*address), tables, "the schemas of {address} and {}", addresses[0]);
    }
    let (wrong, unknown_made) = audit(&tables, &ledger);
    for ((fate, words), count) in &ledger.fates {
        println!("{count:>5} {fate:?} {words}");
    }
    println!(
        "{} statements of {CLIENTS} clients in {took:.1?}: {} made, {} refused, {} unknown of which {unknown_made} were \
         made; {} blows; one schema on 3 nodes: {} tables, at {}",
        plan.statements,
        ledger.count(Fate::Made),
        ledger.count(Fate::Refused),
        ledger.count(Fate::Unknown),
        progress.blows.load(Ordering::Relaxed),
        tables.len(),
        settled.1,
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(ledger.fates.values().sum::<usize>(), plan.statements);
    assert!(ledger.count(Fate::Made) > plan.statements / 3, "too little was made to tell");
}
