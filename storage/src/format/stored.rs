//! Values as the engine keeps them, and the function that merges them there.
//!
//! A stored value counts the fragments merged into it since it was last folded, so that readers notice what
//! is worth folding. The merge cannot fail: what does not decode is kept beside the rest, and reading it says
//! so.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::header::Header;
use crate::merge::merge_row;
use crate::model::Row;

use super::partition::{header, put_header};
use super::row::{put_row, row};
use super::wire::{Reader, put_bytes, put_varint};
use super::{FORMAT_VERSION, FormatError};

/// First byte of a value that holds undecodable fragments beside what could be merged.
const DAMAGED: u8 = 0xFE;

/// What the engine keeps under one key and merges.
pub(crate) trait Stored: Default {
    fn put(&self, out: &mut Vec<u8>);
    fn take(reader: &mut Reader<'_>) -> Result<Self, FormatError>;
    /// Joins a fragment; [`Stored::settle`] comes after the last one.
    fn join(&mut self, other: Self);
    fn settle(&mut self) {}

    /// The stored form, with a count of unfolded fragments.
    fn to_stored(&self, fragments: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&[FORMAT_VERSION, fragments]);
        self.put(&mut out);
        out
    }

    /// The value and its count of unfolded fragments.
    fn from_stored(bytes: &Bytes) -> Result<(Self, u8), FormatError> {
        if bytes.first() == Some(&DAMAGED)
            && let Ok(parts) = damaged_parts(bytes)
        {
            return Err(FormatError::Damaged(parts.len()));
        }
        let mut reader = Reader::versioned(bytes)?;
        let fragments = reader.byte()?;
        let value = Self::take(&mut reader)?;
        reader.finish()?;
        Ok((value, fragments))
    }
}

impl Stored for Row {
    fn put(&self, out: &mut Vec<u8>) {
        put_row(out, self);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        row(reader)
    }

    fn join(&mut self, other: Self) {
        merge_row(self, other);
    }
}

impl Stored for Header {
    fn put(&self, out: &mut Vec<u8>) {
        put_header(out, self);
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        header(reader)
    }

    fn join(&mut self, other: Self) {
        self.gather(other);
    }

    fn settle(&mut self) {
        self.normalise();
    }
}

/// A fragment as a write stores it.
pub(crate) fn fragment<T: Stored>(value: &T) -> Vec<u8> {
    value.to_stored(1)
}

fn damaged_parts(bytes: &Bytes) -> Result<Vec<Bytes>, FormatError> {
    let mut reader = Reader::new(bytes);
    reader.byte()?;
    let count = reader.count(1)?;
    let mut parts = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        parts.push(reader.bytes()?);
    }
    reader.finish()?;
    Ok(parts)
}

#[derive(Default)]
struct Accumulator<T> {
    /// The oldest part, often a large whole: the others are joined among themselves before they reach it.
    first: Option<T>,
    others: Option<T>,
    fragments: u8,
    damaged: BTreeSet<Bytes>,
}

impl<T: Stored> Accumulator<T> {
    fn add(&mut self, bytes: Bytes) {
        match T::from_stored(&bytes) {
            Ok((value, fragments)) => {
                self.fragments = self.fragments.saturating_add(fragments);
                match (&self.first, &mut self.others) {
                    (None, _) => self.first = Some(value),
                    (Some(_), None) => self.others = Some(value),
                    (Some(_), Some(others)) => others.join(value),
                }
            }
            Err(FormatError::Damaged(_)) => {
                for part in damaged_parts(&bytes).unwrap_or_default() {
                    // Only this function makes such a list, and it puts none within another.
                    if part.first() == Some(&DAMAGED) {
                        self.damaged.insert(part);
                    } else {
                        self.add(part);
                    }
                }
            }
            Err(_) => {
                self.damaged.insert(bytes);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if let (Some(first), Some(others)) = (&mut self.first, self.others) {
            first.join(others);
            first.settle();
        }
        let merged = self.first.map(|merged| merged.to_stored(self.fragments));
        if self.damaged.is_empty() {
            return merged.unwrap_or_else(|| T::default().to_stored(0));
        }
        let mut out = vec![DAMAGED];
        put_varint(&mut out, (self.damaged.len() + usize::from(merged.is_some())) as u64);
        for part in merged.iter().map(Vec::as_slice).chain(self.damaged.iter().map(Bytes::as_ref)) {
            put_bytes(&mut out, part);
        }
        out
    }
}

/// Merges stored values, oldest first. Total, and associative over any grouping of them.
pub(crate) fn combine<'a, T: Stored>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut accumulator = Accumulator::<T> { first: None, others: None, fragments: 0, damaged: BTreeSet::new() };
    for part in parts {
        accumulator.add(Bytes::copy_from_slice(part));
    }
    accumulator.finish()
}
