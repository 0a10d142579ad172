//! Format version 1 of rows, headers, mutations, reads and answers, as docs/FORMATS.md describes it.
//!
//! Decoding checks every length before use and slices the source instead of copying values. Bytes from
//! another node or a disk can make it fail, never panic, and never reserve more than they could fill.

mod partition;
mod read;
mod row;
mod stored;
pub(crate) mod wire;

pub(crate) use stored::{Stored, combine, fragment};

use thiserror::Error;

/// The version that this code writes; the first byte of everything encoded.
pub const FORMAT_VERSION: u8 = 1;

/// Bytes that are not what the format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// They end too early.
    #[error("encoded data ends too early")]
    Truncated,
    /// They were written by another version.
    #[error("encoded data has format version {0}, this is version {FORMAT_VERSION}")]
    Version(u8),
    /// Something in them is out of order or out of range.
    #[error("encoded data is malformed: {0}")]
    Malformed(&'static str),
    /// Parts that could not be decoded when fragments were merged; they are kept beside the rest.
    #[error("stored data holds {0} undecodable fragments")]
    Damaged(usize),
}
