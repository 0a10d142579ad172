//! Keys: composed clustering keys, their bounds, and the engine's keys.
//!
//! The byte order of a composed key is the clustering order. Each component is a lead byte and then its
//! ordered bytes; a reversed component is inverted bit by bit, lead byte included. Lead bytes lie strictly
//! between 0x00 and 0xFF, so a prefix of components is a byte prefix of all its extensions and bounds fit
//! around them. Engine keys put table, incarnation, token and partition key in front: a token range of a
//! table is one contiguous scan.

use bytes::Bytes;
use starling_ring::Token;
use thiserror::Error;

use crate::model::{Slice, TableId, TableRef};

/// Lead byte of a component that is there.
const LEAD_PRESENT: u8 = 0x40;
/// Lead byte of the empty value of a fixed-length type; it sorts before every other value.
const LEAD_EMPTY: u8 = 0x20;
/// What follows 0x00 in a variable-length component when the 0x00 is data.
const ESCAPED_ZERO: u8 = 0xFF;
/// What follows 0x00 when the component ends there.
const TERMINATOR: u8 = 0x01;
/// Length of table id, incarnation and token in an engine key.
const ENGINE_PREFIX_LENGTH: usize = 16;

/// One component of a key, its bytes already order-preserving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyComponent<'a> {
    /// Order-preserving bytes. For a fixed-length type either that length or empty.
    pub bytes: &'a [u8],
    /// The length of every non-empty value of the type; `None` for variable-length types.
    pub fixed_length: Option<usize>,
    /// Whether the column is in descending order.
    pub reversed: bool,
}

/// How a component was composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentSpec {
    /// The length of every non-empty value of the type; `None` for variable-length types.
    pub fixed_length: Option<usize>,
    /// Whether the column is in descending order.
    pub reversed: bool,
}

/// A key that is not one that `compose` or the engine key functions make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It ends in the middle of a component.
    #[error("key ends within a component")]
    Truncated,
    /// A component starts with a byte that no component starts with.
    #[error("key component starts with byte {0:#04x}")]
    Lead(u8),
    /// A zero byte is followed by neither an escape nor a terminator.
    #[error("key component has a bad escape")]
    Escape,
    /// Bytes are left after the last component.
    #[error("key has bytes after its last component")]
    Trailing,
}

/// Composes a clustering key, or a prefix of one.
///
/// A value of a fixed-length type has that length or none; the caller has validated it.
pub fn compose(components: &[KeyComponent<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(components.iter().map(|c| c.bytes.len() + 4).sum());
    for component in components {
        let mask = if component.reversed { 0xFF } else { 0x00 };
        match component.fixed_length {
            Some(length) if length > 0 && component.bytes.is_empty() => out.push(LEAD_EMPTY ^ mask),
            Some(length) => {
                debug_assert_eq!(component.bytes.len(), length, "value of a fixed-length type");
                out.push(LEAD_PRESENT ^ mask);
                out.extend(component.bytes.iter().map(|byte| byte ^ mask));
            }
            None => {
                out.push(LEAD_PRESENT ^ mask);
                escape(component.bytes, mask, &mut out);
            }
        }
    }
    out
}

/// Takes a composed key apart into the ordered bytes of its components.
pub fn decompose(specs: &[ComponentSpec], bytes: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let mut components = Vec::with_capacity(specs.len());
    let mut rest = bytes;
    for spec in specs {
        let mask = if spec.reversed { 0xFF } else { 0x00 };
        let (&lead, tail) = rest.split_first().ok_or(KeyError::Truncated)?;
        rest = tail;
        match (lead ^ mask, spec.fixed_length) {
            (LEAD_EMPTY, Some(length)) if length > 0 => components.push(Vec::new()),
            (LEAD_PRESENT, Some(length)) => {
                let (value, tail) = rest.split_at_checked(length).ok_or(KeyError::Truncated)?;
                components.push(value.iter().map(|byte| byte ^ mask).collect());
                rest = tail;
            }
            (LEAD_PRESENT, None) => {
                let (value, length) = unescape(rest, mask)?;
                components.push(value);
                rest = rest.get(length..).ok_or(KeyError::Truncated)?;
            }
            (lead, _) => return Err(KeyError::Lead(lead)),
        }
    }
    if rest.is_empty() { Ok(components) } else { Err(KeyError::Trailing) }
}

/// The first position that is not before the rows whose key is, or starts with, `prefix`: the prefix itself.
/// As a start it includes them, as an end it excludes them.
pub fn bound_before(prefix: &[u8]) -> Bytes {
    Bytes::copy_from_slice(prefix)
}

/// The first position after all rows whose key is, or starts with, `prefix`.
/// As a start it excludes them, as an end it includes them.
pub fn bound_after(prefix: &[u8]) -> Bytes {
    let mut bound = Vec::with_capacity(prefix.len() + 1);
    bound.extend_from_slice(prefix);
    bound.push(0xFF);
    bound.into()
}

/// The position right after the row with the complete clustering key `key`.
pub fn successor(key: &[u8]) -> Bytes {
    let mut bound = Vec::with_capacity(key.len() + 1);
    bound.extend_from_slice(key);
    bound.push(0x00);
    bound.into()
}

impl Slice {
    /// The slice that holds the one row with the complete clustering key `key`. The store recognises it and
    /// looks the row up instead of iterating.
    pub fn of_row(key: Bytes) -> Slice {
        let end = successor(&key);
        Slice { start: key, end }
    }

    /// The slice of all rows whose clustering key starts with `prefix`.
    pub fn of_prefix(prefix: &[u8]) -> Slice {
        Slice { start: bound_before(prefix), end: bound_after(prefix) }
    }

    /// The row's key, if the slice can only hold one (see [`Slice::of_row`]).
    pub fn single_row(&self) -> Option<&Bytes> {
        let (&last, rest) = self.end.split_last()?;
        (last == 0x00 && rest == self.start.as_ref()).then_some(&self.start)
    }

    /// Whether the slice holds the position `key`.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_ref() <= key && key < self.end.as_ref()
    }
}

fn escape(bytes: &[u8], mask: u8, out: &mut Vec<u8>) {
    for &byte in bytes {
        out.push(byte ^ mask);
        if byte == 0x00 {
            out.push(ESCAPED_ZERO ^ mask);
        }
    }
    out.extend_from_slice(&[mask, TERMINATOR ^ mask]);
}

/// The value and how many bytes it took, terminator included.
fn unescape(bytes: &[u8], mask: u8) -> Result<(Vec<u8>, usize), KeyError> {
    let mut value = Vec::new();
    let mut at = 0;
    loop {
        let byte = bytes.get(at).ok_or(KeyError::Truncated)? ^ mask;
        at += 1;
        if byte != 0x00 {
            value.push(byte);
            continue;
        }
        let next = bytes.get(at).ok_or(KeyError::Truncated)? ^ mask;
        at += 1;
        match next {
            ESCAPED_ZERO => value.push(0x00),
            TERMINATOR => return Ok((value, at)),
            _ => return Err(KeyError::Escape),
        }
    }
}

/// An engine key taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineKey {
    /// Table and incarnation.
    pub table: TableRef,
    /// Token of the partition.
    pub token: Token,
    /// Partition key.
    pub key: Bytes,
    /// Length of the part that all keys of the partition share; the clustering key follows.
    pub prefix_length: usize,
}

fn token_prefix(table: TableRef, token: Token) -> [u8; ENGINE_PREFIX_LENGTH] {
    let mut prefix = [0; ENGINE_PREFIX_LENGTH];
    prefix[..4].copy_from_slice(&table.id.0.to_be_bytes());
    prefix[4..8].copy_from_slice(&table.incarnation.to_be_bytes());
    prefix[8..].copy_from_slice(&((token.0 as u64) ^ (1 << 63)).to_be_bytes());
    prefix
}

/// The engine key of a partition's header, and the prefix of its rows' keys.
pub fn partition_prefix(table: TableRef, token: Token, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENGINE_PREFIX_LENGTH + key.len() + 2 + 32);
    out.extend_from_slice(&token_prefix(table, token));
    escape(key, 0x00, &mut out);
    out
}

/// The engine key of a row.
pub fn row_key(table: TableRef, token: Token, key: &[u8], clustering: &[u8]) -> Vec<u8> {
    let mut out = partition_prefix(table, token, key);
    out.extend_from_slice(clustering);
    out
}

/// The first engine key after all keys of the partition with this prefix.
pub fn partition_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    // The last byte is the terminator; an escaped zero in a longer partition key sorts after it.
    if let Some(last) = end.last_mut() {
        *last = TERMINATOR + 1;
    }
    end
}

/// The engine keys `start..end` of the tokens `start < token <= end`; `Token::MIN` includes the lowest.
pub fn token_range(table: TableRef, start: Token, end: Token) -> (Vec<u8>, Vec<u8>) {
    let table_end = incarnation_end(table);
    let first = match start.0.checked_add(1) {
        Some(_) if start == Token::MIN => token_prefix(table, start).to_vec(),
        Some(next) => token_prefix(table, Token(next)).to_vec(),
        None => table_end.clone(),
    };
    let last = end.0.checked_add(1).map_or(table_end, |next| token_prefix(table, Token(next)).to_vec());
    (first, last)
}

/// The first engine key after all keys of a table's incarnation.
pub(crate) fn incarnation_end(table: TableRef) -> Vec<u8> {
    let number = (u64::from(table.id.0) << 32) | u64::from(table.incarnation);
    // Table u32::MAX in its last incarnation is never handed out.
    number.checked_add(1).map_or_else(|| vec![0xFF; ENGINE_PREFIX_LENGTH + 1], |next| next.to_be_bytes().to_vec())
}

/// The engine keys `start..end` of all incarnations of a table below `incarnation`.
pub fn older_incarnations(id: TableId, incarnation: u32) -> (Vec<u8>, Vec<u8>) {
    let bound = |incarnation: u32| {
        let mut bound = id.0.to_be_bytes().to_vec();
        bound.extend_from_slice(&incarnation.to_be_bytes());
        bound
    };
    (bound(0), bound(incarnation))
}

/// The engine keys `start..end` of a table in all its incarnations.
pub fn whole_table(id: TableId) -> (Vec<u8>, Vec<u8>) {
    let end = incarnation_end(TableRef { id, incarnation: u32::MAX });
    (id.0.to_be_bytes().to_vec(), end)
}

/// Takes an engine key apart.
pub fn parse_engine_key(bytes: &[u8]) -> Result<EngineKey, KeyError> {
    let (fixed, rest) = bytes.split_at_checked(ENGINE_PREFIX_LENGTH).ok_or(KeyError::Truncated)?;
    let number = |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let token = ((u64::from(number(8)) << 32) | u64::from(number(12))) ^ (1 << 63);
    let (key, length) = unescape(rest, 0x00)?;
    Ok(EngineKey {
        table: TableRef { id: TableId(number(0)), incarnation: number(4) },
        token: Token(token as i64),
        key: key.into(),
        prefix_length: ENGINE_PREFIX_LENGTH + length,
    })
}
