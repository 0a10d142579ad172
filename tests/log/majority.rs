//! Most of the nodes that decide are dead: the schema cannot change, and data goes on wherever its replicas are alive.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use starling_cql_lite::protocol::CqlError;
use starling_driver::{Session, SessionOptions};
use starling_ring::{ConsistencyLevel, Token};

use crate::admin::{admin_ok, log_of, wait_until_seen};
use crate::client::{Cells, Client, Failure};
use crate::harness::Cluster;

/// Connections that write and read all the time.
const CLIENTS: usize = 4;
/// Keys in use.
const KEYS: usize = 64;

/// Keys of a keyspace whose replicas are chosen by `suits`.
async fn keys(cluster: &Cluster, keyspace: &str, suits: impl Fn(&[Ipv4Addr]) -> bool) -> Vec<i32> {
    let session = Session::connect(cluster.contact_points(), SessionOptions::default()).await.unwrap();
    let map = session.cluster();
    let address = |index: &u16| map.members()[usize::from(*index)].listen_address.to_string().parse().unwrap();
    let found = (0..100_000i32).filter(|key| {
        let replicas = map.replicas(keyspace, Token::from_key(&key.to_be_bytes()));
        suits(&replicas.iter().map(address).collect::<Vec<Ipv4Addr>>())
    });
    let found: Vec<i32> = found.take(KEYS).collect();
    assert_eq!(found.len(), KEYS, "keys of {keyspace}");
    found
}

/// What is written and read at one node, and at which level.
struct Load {
    table: &'static str,
    keys: Vec<i32>,
    level: ConsistencyLevel,
    /// Whoever is read has the last acknowledged write.
    reads_own_writes: bool,
}

impl Load {
    /// Whether a read after the write of `value` may answer so.
    fn is_answered_by(&self, client: usize, value: &str, rows: &Cells) -> bool {
        let found = rows.first().and_then(|row| row[0].as_deref());
        if found == Some(value.as_bytes()) {
            return true;
        }
        // ONE of several replicas wrote, and another one may have been read: something older, of this client.
        !self.reads_own_writes && found.is_none_or(|found| found.starts_with(format!("{client}.").as_bytes()))
    }
}

/// Writes and reads what it wrote until told to stop; answers how often, and every error with its time.
fn run(load: &Load, client: usize, at: Ipv4Addr, stop: &AtomicBool, done: &AtomicU64) -> Vec<String> {
    let started = Instant::now();
    let mut connection = Client::connect(at);
    let mut errors = Vec::new();
    let own: Vec<i32> = load.keys.iter().copied().skip(client).step_by(CLIENTS).collect();
    for (number, key) in own.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) || errors.len() >= 10 {
            break;
        }
        let (table, value) = (load.table, format!("{client}.{number}"));
        let write = format!("INSERT INTO {table} (k, v) VALUES ({key}, '{value}')");
        let written = connection.query(&write, load.level).map(|_| ());
        let read = connection.query(&format!("SELECT v FROM {table} WHERE k = {key}"), load.level);
        let outcome = match (written, read) {
            (Ok(()), Ok(rows)) if load.is_answered_by(client, &value, &rows) => Ok(()),
            (Ok(()), Ok(rows)) => Err(format!("read {rows:?}, not {value}")),
            (Err(error), _) => Err(format!("write: {error:?}")),
            (_, Err(error)) => Err(format!("read: {error:?}")),
        };
        match outcome {
            Ok(()) => _ = done.fetch_add(1, Ordering::Relaxed),
            Err(error) => errors.push(format!("after {:?}, {} of {table}: {error}", started.elapsed(), key)),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    errors
}

/// Kills nodes while the loads run at `survivor`, and goes on until DDL is refused there.
fn kill_under_load(cluster: &mut Cluster, survivor: Ipv4Addr, victims: &[usize], loads: &[Load]) {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let dead: Vec<Ipv4Addr> = victims.iter().map(|index| cluster.nodes()[*index].address).collect();
    let errors: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = loads
            .iter()
            .flat_map(|load| (0..CLIENTS).map(move |client| (load, client)))
            .map(|(load, client)| {
                scope.spawn({
                    let (stop, done) = (&stop, &done);
                    move || run(load, client, survivor, stop, done)
                })
            })
            .collect();
        let pause = || std::thread::sleep(Duration::from_millis(500));
        pause();
        for victim in victims {
            cluster.node(*victim).kill();
        }
        let killed = Instant::now();
        wait_until_seen(&[survivor], &dead, false);
        println!("{} deaths were known after {:?}", dead.len(), killed.elapsed());
        ddl_is_unavailable(survivor);
        pause();
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    println!("{} writes and reads, {} errors", done.load(Ordering::Relaxed), errors.len());
    assert!(errors.is_empty() && done.load(Ordering::Relaxed) > 0, "{errors:#?}");
    let table = admin_ok(survivor, &["log"]);
    assert!(table.contains("membership and schema cannot be changed"), "{table}");
}

/// It is refused at once, and names who is missing.
fn ddl_is_unavailable(survivor: Ipv4Addr) {
    let mut client = Client::connect(survivor);
    let before = log_of(survivor)["position"].clone();
    for statement in
        ["CREATE TABLE one.refused (k int PRIMARY KEY)", "ALTER TABLE one.t ADD w int", "DROP KEYSPACE one"]
    {
        let asked = Instant::now();
        match client.query(statement, ConsistencyLevel::One) {
            Err(Failure::Error(CqlError::Unavailable { required, alive, message, .. })) => {
                println!("{statement}: unavailable after {:?}: {message}", asked.elapsed());
                assert!(alive < required && message.contains("nothing was changed"), "{message}");
            }
            other => panic!("{statement}: {other:?}"),
        }
    }
    assert_eq!(log_of(survivor)["position"], before);
}

fn make_tables(at: Ipv4Addr, keyspaces: &[(&str, usize)]) {
    let mut client = Client::connect(at);
    for (name, replicas) in keyspaces {
        for statement in [
            format!(
                "CREATE KEYSPACE {name} WITH replication = \
                 {{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
            ),
            format!("CREATE TABLE {name}.t (k int PRIMARY KEY, v text)"),
        ] {
            client.query(&statement, ConsistencyLevel::One).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_die_and_one_goes_on() {
    let mut cluster = Cluster::of("log-two-of-three", 3);
    let survivor = cluster.nodes()[0].address;
    make_tables(survivor, &[("one", 1), ("three", 3)]);
    let own = keys(&cluster, "one", |replicas| replicas == [survivor]).await;
    let loads = [
        Load {
            table: "three.t",
            keys: (0..KEYS as i32).collect(),
            level: ConsistencyLevel::One,
            reads_own_writes: false,
        },
        Load { table: "one.t", keys: own, level: ConsistencyLevel::One, reads_own_writes: true },
    ];
    tokio::task::block_in_place(|| {
        kill_under_load(&mut cluster, survivor, &[1, 2], &loads);
        // With a majority back the schema can change again, and what was refused is nowhere.
        cluster.node(1).start();
        let mut client = Client::connect(cluster.nodes()[1].address);
        client.query("CREATE TABLE one.made (k int PRIMARY KEY)", ConsistencyLevel::One).unwrap();
        for node in &cluster.nodes()[..2] {
            let mut client = Client::connect(node.address);
            let tables = client.texts("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'one'");
            assert_eq!(tables, [["made"], ["t"]]);
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_of_five_die_and_quorums_that_are_alive_go_on() {
    let mut cluster = Cluster::of("log-three-of-five", 5);
    let (survivor, other) = (cluster.nodes()[0].address, cluster.nodes()[1].address);
    make_tables(survivor, &[("one", 3)]);
    assert_eq!(log_of(survivor)["deciders"].as_array().unwrap().len(), 5);
    let alive = keys(&cluster, "one", |replicas| [survivor, other].iter().all(|node| replicas.contains(node))).await;
    let loads = [Load { table: "one.t", keys: alive, level: ConsistencyLevel::Quorum, reads_own_writes: true }];
    tokio::task::block_in_place(|| kill_under_load(&mut cluster, survivor, &[2, 3, 4], &loads));
}
