//! Writers that go on whatever happens to the nodes, and remember what they were told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use starling_cql_lite::protocol::CqlError;
use starling_ring::ConsistencyLevel::{self, Quorum};

use crate::client::{Cells, Client, Failure};
use crate::harness::Cluster;
use crate::ledger::{Fate, Ledger, text};

/// Writes of a list that are kept in one partition.
pub const LIST_PART: usize = 1_000;
/// Longer than a node lets a client wait for a write (2 s) or a read (5 s).
const TIMEOUT: Duration = Duration::from_secs(15);
/// Between two requests of a writer: a load under which nodes still come back quickly on two cores.
const PAUSE: Duration = Duration::from_millis(1);
/// A writer reads its register after so many writes.
const WRITES_PER_READ: usize = 8;

/// A request and what it took.
pub struct Timed {
    /// When it was sent.
    pub at: Instant,
    /// How long the answer took.
    pub took: Duration,
}

/// A writer and what came of it.
#[derive(Default)]
pub struct Written {
    /// What it was told of its writes.
    pub ledger: Ledger,
    /// When the acknowledgement of each write came that was acknowledged.
    pub acknowledged: BTreeMap<usize, Instant>,
    /// Requests that were answered.
    pub answered: Vec<Timed>,
    /// Requests that failed, in words.
    pub failures: Vec<(Instant, String)>,
    /// Quorum reads among the requests that contradict what was told before.
    pub wrong: Vec<String>,
}

/// Makes the tables.
pub fn make_tables(cluster: &Cluster, replicas: usize) {
    let mut client = Client::connect(cluster.nodes()[0].address);
    for statement in [
        format!(
            "CREATE KEYSPACE faults WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
        )
        .as_str(),
        "CREATE TABLE faults.registers (k int PRIMARY KEY, n bigint, v text)",
        "CREATE TABLE faults.lists (p int, c bigint, v text, PRIMARY KEY (p, c))",
    ] {
        client.query(statement, Quorum).unwrap();
    }
}

/// Asks the writer's register with this number.
pub fn register_query(writer: usize) -> String {
    format!("SELECT n, v FROM faults.registers WHERE k = {writer}")
}

/// The partition of a list that a write is in.
pub fn list_partition(writer: usize, number: usize) -> usize {
    writer * 1_000_000 + number / LIST_PART
}

/// A bigint cell that holds the number of a write.
pub fn number_of(cell: Option<&Bytes>) -> usize {
    i64::from_be_bytes(cell.unwrap().as_ref().try_into().unwrap()) as usize
}

/// A text cell.
pub fn text_of(cell: Option<&Bytes>) -> String {
    String::from_utf8_lossy(cell.expect("a value")).into_owned()
}

/// What a register's rows say.
pub fn register_of(rows: &Cells) -> Option<(usize, String)> {
    rows.first().map(|row| (number_of(row[0].as_ref()), text_of(row[1].as_ref())))
}

/// What a failure says of a write: only what the coordinator refused before it asked anybody is refused for certain.
fn fate_of(failure: &Failure) -> Fate {
    match failure {
        Failure::Error(CqlError::Unavailable { .. } | CqlError::Overloaded(_) | CqlError::IsBootstrapping(_)) => {
            Fate::Refused
        }
        Failure::Error(_) | Failure::Lost(_) => Fate::Unknown,
    }
}

/// A writer to be.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Which one: nobody else may ever have it.
    pub number: usize,
    /// The level of its requests.
    pub level: ConsistencyLevel,
    /// It holds on to one of them while that one serves, and goes to the next when it is gone.
    pub nodes: Vec<Ipv4Addr>,
}

impl Writer {
    /// Writes until `is_over`.
    pub fn write(&self, is_over: &AtomicBool) -> Written {
        let (writer, level, nodes) = (self.number, self.level, &self.nodes);
        let mut written = Written { ledger: Ledger::of(writer), ..Written::default() };
        let (mut turn, mut connected) = (writer, None);
        while !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(PAUSE);
            let Some(client) = connected.as_mut() else {
                turn += 1;
                connected = Client::open(nodes[turn % nodes.len()], TIMEOUT).ok();
                continue;
            };
            let number = written.ledger.fates.len();
            let mut failures = Vec::new();
            let outcome = timed(client, &statement(writer, number), level, &mut written);
            written.ledger.fates.push(outcome.as_ref().map_or_else(fate_of, |_| Fate::Made));
            if outcome.is_ok() {
                written.acknowledged.insert(number, Instant::now());
            }
            failures.extend(outcome.err());
            if number.is_multiple_of(WRITES_PER_READ) && failures.is_empty() {
                match timed(client, &register_query(writer), level, &mut written) {
                    Ok(rows) => {
                        let held = register_of(&rows);
                        let held = held.as_ref().map(|(number, text)| (*number, text.as_str()));
                        let seen = match level {
                            Quorum => written.ledger.see_register(held),
                            // One replica may be behind, and hold nothing but what was written.
                            _ => held.map_or(Ok(()), |held| written.ledger.check_register(held)),
                        };
                        written.wrong.extend(seen.err());
                    }
                    Err(failure) => failures.push(failure),
                }
            }
            if failures.iter().any(|failure| matches!(failure, Failure::Lost(_))) {
                connected = None;
            }
        }
        written
    }
}

/// The write with this number. Registers are stamped by the writer: an older write whose answer was lost stays older.
fn statement(writer: usize, number: usize) -> String {
    let value = text(writer, number);
    match number % 2 {
        0 => format!(
            "INSERT INTO faults.registers (k, n, v) VALUES ({writer}, {number}, '{value}') USING TIMESTAMP {}",
            number + 1
        ),
        _ => {
            let partition = list_partition(writer, number);
            format!("INSERT INTO faults.lists (p, c, v) VALUES ({partition}, {number}, '{value}')")
        }
    }
}

fn timed(client: &mut Client, cql: &str, level: ConsistencyLevel, written: &mut Written) -> Result<Cells, Failure> {
    let at = Instant::now();
    let outcome = client.query(cql, level);
    match &outcome {
        Ok(_) => written.answered.push(Timed { at, took: at.elapsed() }),
        Err(failure) => written.failures.push((at, format!("{failure:?}"))),
    }
    outcome
}

/// Ends the load however the strikes end.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
