//! What comes with an execution: the values of the bind markers, the time, randomness and paging.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;

use super::errors::invalid;
use super::variables::Variable;
use crate::time::Stamp;

/// The value of one bind marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundValue {
    /// CQL null.
    Null,
    /// "Not set": leaves a column alone.
    Unset,
    /// CQL wire bytes.
    Value(Bytes),
}

/// The values of all bind markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundValues {
    /// In order of the markers.
    Positional(Vec<BoundValue>),
    /// By name of the marker, or of what it stands for.
    Named(Vec<(String, BoundValue)>),
}

impl BoundValues {
    /// No values.
    pub const NONE: BoundValues = BoundValues::Positional(Vec::new());

    /// The values in order of the markers.
    pub(crate) fn resolve(self, variables: &[Variable]) -> Result<Vec<BoundValue>, CqlError> {
        match self {
            BoundValues::Positional(values) if values.len() == variables.len() => Ok(values),
            BoundValues::Positional(values) => Err(invalid(format!(
                "Invalid amount of bind variables: there were {} markers(?) in CQL but {} bound variables",
                variables.len(),
                values.len()
            ))),
            BoundValues::Named(values) => variables.iter().map(|variable| by_name(&values, variable)).collect(),
        }
    }
}

fn by_name(values: &[(String, BoundValue)], variable: &Variable) -> Result<BoundValue, CqlError> {
    values
        .iter()
        .find(|(name, _)| *name == variable.name)
        .map(|(_, value)| value.clone())
        .ok_or_else(|| invalid(format!("Missing value for bind variable {}", variable.name)))
}

/// Time, randomness and paging of one execution.
#[derive(Clone, Debug)]
pub struct BindContext {
    /// The server's time in microseconds since 1970: what `now()` and its like tell.
    pub now_us: i64,
    /// Seconds since 1970 against which expiry is judged and from which it is counted.
    pub now_s: i64,
    /// The client's timestamp in microseconds for writes without `USING TIMESTAMP`.
    pub client_timestamp_us: Option<i64>,
    /// The stamp of a write: microseconds since 1970 by the hybrid clock, given once only. The timestamp of what has no
    /// other, and where elements added to a list go. 0 for what does not write.
    pub stamp: Stamp,
    /// Random bits, different for every execution: what `uuid()` and `now()` draw from.
    pub entropy: u128,
    /// Rows of a page; `None` or 0: the client does not page.
    pub page_size: Option<u32>,
    /// The paging state of the page before; `None`: from the start.
    pub paging_state: Option<Bytes>,
}

/// What terms are evaluated against.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    /// Values of the markers.
    pub values: &'a [BoundValue],
    /// See [`BindContext::now_us`].
    pub now_us: i64,
    /// See [`BindContext::stamp`].
    pub position_us: i64,
    /// See [`BindContext::entropy`].
    pub entropy: &'a Entropy,
}

/// A stamp as a timestamp.
pub(crate) fn micros(stamp: Stamp) -> i64 {
    i64::try_from(stamp).unwrap_or(i64::MAX)
}

impl BindContext {
    /// What terms are evaluated against with these values.
    pub(crate) fn environment<'a>(&self, values: &'a [BoundValue], entropy: &'a Entropy) -> Environment<'a> {
        Environment { values, now_us: self.now_us, position_us: micros(self.stamp), entropy }
    }
}

/// A stream of different random numbers grown from one seed.
#[derive(Debug, Default)]
pub(crate) struct Entropy {
    seed: u128,
    drawn: std::cell::Cell<u64>,
    counted: std::cell::Cell<u32>,
}

impl Entropy {
    /// A stream from a seed.
    pub fn new(seed: u128) -> Entropy {
        Entropy { seed, ..Entropy::default() }
    }

    /// Counts up from 0.
    pub fn sequence(&self) -> u32 {
        let count = self.counted.get();
        self.counted.set(count.wrapping_add(1));
        count
    }

    /// Bits that are the same as long as this stream lives.
    pub fn tag(&self) -> u32 {
        self.seed as u32
    }

    /// The next number.
    pub fn draw(&self) -> u128 {
        let count = self.drawn.get();
        self.drawn.set(count.wrapping_add(1));
        xxhash_rust::xxh3::xxh3_128_with_seed(&self.seed.to_le_bytes(), count)
    }
}

/// The value of a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TermValue {
    /// CQL null.
    Null,
    /// A marker that was not set.
    Unset,
    /// CQL wire bytes, checked against the type.
    Value(Bytes),
}
