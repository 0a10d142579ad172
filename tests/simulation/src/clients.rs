//! Clients on registers: each does one thing at a time, at QUORUM, through whatever node answers.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_node::assembly::client::{ClientRequest, ClientResponse, Descriptions, Parameters, Session};
use starling_node::plan::{BoundValue, BoundValues};
use starling_ring::ConsistencyLevel;

use crate::ddl::{Element, Step};
use crate::oracle::Outcome;
use crate::random::Random;
use crate::shape::Shape;
use crate::wide::{self, Owner};

/// What a client is doing.
#[derive(Clone, Debug)]
pub enum Doing {
    /// Nothing; it thinks.
    Thinking,
    /// Making keyspace and table.
    Setup { step: usize },
    /// Writing (or deleting) a register.
    Writing { key: i32, timestamp: i64 },
    /// Changing the schema beside it.
    Changing { element: Element, step: Step },
    /// What its owner of partitions has asked for.
    Owning,
    /// Reading a register, which must show at least `floor`.
    Reading { key: i32, floor: i64 },
    /// Writing into the table that is truncated now and then.
    WritingScratch { key: i32, value: i64 },
    /// Truncating it.
    Truncating { number: usize },
    /// Reading of it; the oracle's step when it began.
    ReadingScratch { key: i32, began: u64 },
    /// Adding to a list.
    Adding { key: i32, value: i64 },
    /// Reading a list; the oracle's step when it began.
    ReadingList { key: i32, began: u64 },
    /// Writing the next number into a diary of its own.
    Noting { key: i32, number: i64 },
    /// Reading that diary.
    Recalling { key: i32 },
    /// Asking with a stamp that is minutes ahead of all clocks.
    Misleading,
}

impl Doing {
    /// Whether a node that neither crashes nor pauses answers it within the client's patience.
    pub fn is_quick(&self) -> bool {
        matches!(
            self,
            Doing::Owning
                | Doing::Writing { .. }
                | Doing::Reading { .. }
                | Doing::WritingScratch { .. }
                | Doing::ReadingScratch { .. }
                | Doing::Adding { .. }
                | Doing::ReadingList { .. }
                | Doing::Noting { .. }
                | Doing::Recalling { .. }
                | Doing::Misleading
        )
    }
}

/// A client.
pub struct Client {
    pub session: Session,
    pub doing: Doing,
    /// Number of its present request; answers to earlier ones are ignored.
    pub request: u64,
    /// The node it asked.
    pub node: usize,
    pub think_us: (u64, u64),
    /// If it owns wide partitions, and leaves registers to others.
    pub owner: Option<Owner>,
    /// When its request reached that node, in that life.
    pub arrived: Option<(u64, u32)>,
    /// The latest stamp that it was told.
    pub stamp: u64,
}

impl Client {
    pub fn new(random: &mut Random) -> Self {
        let think = random.between(20_000, 120_000);
        Client {
            session: Session::default(),
            doing: Doing::Thinking,
            request: 0,
            node: 0,
            think_us: (think / 4, think * 2),
            owner: None,
            arrived: None,
            stamp: 0,
        }
    }
}

/// Statements that make the table.
pub fn setup(shape: &Shape, step: usize) -> Option<String> {
    match step {
        // Without faults no replica misses a deletion: then they may be forgotten soon.
        3 | 4 if shape.is_calm => Some(format!("{} AND gc_grace_seconds = 60", wide::SETUP[step - 3])),
        0 => Some(format!("CREATE KEYSPACE sim WITH replication = {}", shape.replication())),
        1 => Some("CREATE TABLE sim.registers (k int PRIMARY KEY, v bigint)".into()),
        2 => Some("CREATE TABLE sim.scratch (k int PRIMARY KEY, v bigint)".into()),
        3 | 4 => Some(wide::SETUP[step - 3].into()),
        5 => Some("CREATE TABLE sim.lists (k int PRIMARY KEY, l list<bigint>)".into()),
        6 => Some("CREATE TABLE sim.diaries (k int PRIMARY KEY, v bigint)".into()),
        _ => None,
    }
}
/// Keys of the table that is truncated.
pub const SCRATCH_KEYS: u64 = 3;
/// Empties it.
pub const TRUNCATE: &str = "TRUNCATE sim.scratch";
const WRITE_SCRATCH: &str = "INSERT INTO sim.scratch (k, v) VALUES (?, ?)";
const READ_SCRATCH: &str = "SELECT v FROM sim.scratch WHERE k = ?";
const APPEND: &str = "UPDATE sim.lists SET l = l + ? WHERE k = ?";
const PREPEND: &str = "UPDATE sim.lists SET l = ? + l WHERE k = ?";
const READ_LIST: &str = "SELECT l FROM sim.lists WHERE k = ?";
const NOTE: &str = "INSERT INTO sim.diaries (k, v) VALUES (?, ?)";
const RECALL: &str = "SELECT v FROM sim.diaries WHERE k = ?";
const WRITE: &str = "INSERT INTO sim.registers (k, v) VALUES (?, ?)";
const DELETE: &str = "DELETE FROM sim.registers WHERE k = ?";
const READ: &str = "SELECT v FROM sim.registers WHERE k = ?";
const SCAN: &str = "SELECT v FROM sim.registers WHERE token(k) = token(?)";

/// A statement without values.
pub fn plain(text: &str) -> ClientRequest {
    query(text, BoundValues::NONE, ConsistencyLevel::Quorum, None)
}

/// Writes `timestamp` into a register, as value and as timestamp.
pub fn write(key: i32, timestamp: i64, level: ConsistencyLevel) -> ClientRequest {
    let values = BoundValues::Positional(vec![int(key), bigint(timestamp)]);
    query(WRITE, values, level, Some(timestamp))
}

/// Writes `timestamp` into the table that is truncated.
pub fn write_scratch(key: i32, timestamp: i64) -> ClientRequest {
    let values = BoundValues::Positional(vec![int(key), bigint(timestamp)]);
    query(WRITE_SCRATCH, values, ConsistencyLevel::Quorum, Some(timestamp))
}

/// Reads of it.
pub fn read_scratch(key: i32) -> ClientRequest {
    query(READ_SCRATCH, BoundValues::Positional(vec![int(key)]), ConsistencyLevel::Quorum, None)
}

/// Adds an element at one end of a list.
pub fn add(key: i32, value: i64, at_front: bool) -> ClientRequest {
    let list = [&1i32.to_be_bytes()[..], &8i32.to_be_bytes(), &value.to_be_bytes()].concat();
    let values = BoundValues::Positional(vec![BoundValue::Value(list.into()), int(key)]);
    query(if at_front { PREPEND } else { APPEND }, values, ConsistencyLevel::Quorum, None)
}

/// Reads a list.
pub fn read_list(key: i32, level: ConsistencyLevel) -> ClientRequest {
    query(READ_LIST, BoundValues::Positional(vec![int(key)]), level, None)
}

/// Writes a number into a diary; the server stamps it, later than the stamp that the client brings.
pub fn note(key: i32, number: i64, stamp: Option<u64>) -> ClientRequest {
    let values = BoundValues::Positional(vec![int(key), bigint(number)]);
    with_stamp(query(NOTE, values, ConsistencyLevel::Quorum, None), stamp)
}

/// Reads a diary.
pub fn recall(key: i32, stamp: Option<u64>) -> ClientRequest {
    with_stamp(query(RECALL, BoundValues::Positional(vec![int(key)]), ConsistencyLevel::Quorum, None), stamp)
}

fn with_stamp(mut request: ClientRequest, stamp: Option<u64>) -> ClientRequest {
    if let ClientRequest::Query { parameters, .. } = &mut request {
        parameters.stamp = stamp;
    }
    request
}

/// Deletes a register.
pub fn delete(key: i32, timestamp: i64, level: ConsistencyLevel) -> ClientRequest {
    let values = BoundValues::Positional(vec![int(key)]);
    query(DELETE, values, level, Some(timestamp))
}

/// Reads a register.
pub fn read(key: i32, level: ConsistencyLevel) -> ClientRequest {
    query(READ, BoundValues::Positional(vec![int(key)]), level, None)
}

/// Reads a register by a scan of the token range that holds it alone.
pub fn scan(key: i32, level: ConsistencyLevel) -> ClientRequest {
    query(SCAN, BoundValues::Positional(vec![int(key)]), level, None)
}

fn int(value: i32) -> BoundValue {
    BoundValue::Value(Bytes::copy_from_slice(&value.to_be_bytes()))
}

fn bigint(value: i64) -> BoundValue {
    BoundValue::Value(Bytes::copy_from_slice(&value.to_be_bytes()))
}

fn query(text: &str, values: BoundValues, level: ConsistencyLevel, timestamp_us: Option<i64>) -> ClientRequest {
    let parameters = Parameters {
        consistency: level,
        values,
        page_size: Some(100),
        paging_state: None,
        timestamp_us,
        descriptions: Descriptions::Omitted,
        keyspace: None,
        now_s: None,
        stamp: None,
    };
    ClientRequest::Query { text: text.to_owned(), parameters }
}

/// What an answer says of a write.
pub fn write_outcome(response: &ClientResponse) -> Outcome {
    match response {
        ClientResponse::Error(CqlError::WriteTimeout { .. } | CqlError::WriteFailure { .. } | CqlError::Server(_)) => {
            Outcome::Unknown
        }
        ClientResponse::Error(_) => Outcome::Refused,
        _ => Outcome::Acknowledged,
    }
}

/// The register's value in an answer: `Err` if it is none.
pub fn read_value(response: &ClientResponse) -> Result<Option<i64>, String> {
    match response {
        ClientResponse::Rows { page, .. } => match page.cells.first() {
            None => Ok(None),
            Some(Some(bytes)) => match <[u8; 8]>::try_from(&bytes[..]) {
                Ok(bytes) => Ok(Some(i64::from_be_bytes(bytes))),
                Err(_) => Err("a value that is no bigint".into()),
            },
            Some(None) => Ok(None),
        },
        ClientResponse::Error(error) => Err(error.to_string()),
        _ => Err("not rows".into()),
    }
}

/// The elements of a list in an answer: `Err` if it is none.
pub fn list_read(response: &ClientResponse) -> Result<Vec<i64>, String> {
    let ClientResponse::Rows { page, .. } = response else { return Err("not rows".into()) };
    let Some(Some(bytes)) = page.cells.first() else { return Ok(Vec::new()) };
    let wrong = || format!("{bytes:?}, which is no list of bigints");
    let (count, elements) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
    let is_element = |element: &[u8]| element.len() == 12 && element.starts_with(&8i32.to_be_bytes());
    let is_whole = elements.len() == 12 * i32::from_be_bytes(*count) as usize && elements.chunks(12).all(is_element);
    let bigint = |element: &[u8]| element.last_chunk::<8>().copied().map(i64::from_be_bytes);
    if is_whole { elements.chunks(12).map(bigint).collect::<Option<_>>().ok_or_else(wrong) } else { Err(wrong()) }
}

/// An answer for people.
pub fn in_words(response: &ClientResponse) -> String {
    match response {
        ClientResponse::Error(error) => error.to_string(),
        ClientResponse::Rows { .. } => format!("{:?}", read_value(response)),
        _ => "done".into(),
    }
}
