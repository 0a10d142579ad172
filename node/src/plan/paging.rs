//! The paging state: where the next page starts, as opaque bytes that the client hands back.
//!
//! Layout (version 1, integers big endian): version u8; table id u32; incarnation u32; target u32;
//! flags u8; with `LIMIT` the rows left u32; rows taken of the current partition u32; token i64; key
//! length u16 and key; with `CLUSTERING` its length u32 and bytes; xxh3 of all that, low 32 bits.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::Token;
use starling_storage::model::{Position, TableRef};

const VERSION: u8 = 1;
const HAS_LIMIT: u8 = 0x01;
const HAS_CLUSTERING: u8 = 0x02;
const HAS_LIVE_ROWS: u8 = 0x04;
const KNOWN_FLAGS: u8 = HAS_LIMIT | HAS_CLUSTERING | HAS_LIVE_ROWS;
const CHECKSUM_BYTES: usize = 4;

/// Where a paged read goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagingState {
    /// The table that was read; a state of another table or incarnation is refused.
    pub table: TableRef,
    /// Which of the read's targets (partitions of an `IN`) is being walked.
    pub target: u32,
    /// Rows that `LIMIT` still allows; `None`: no `LIMIT`.
    pub limit_left: Option<u32>,
    /// Rows already returned of the partition at `position`.
    pub taken_of_partition: u32,
    /// Whether the partition at `position` has shown a live row, so that it is not static columns alone.
    pub partition_has_rows: bool,
    /// The last row that was returned.
    pub position: Position,
}

impl PagingState {
    /// The bytes for the client.
    pub fn encode(&self) -> Bytes {
        let clustering = self.position.clustering.as_deref();
        let mut out = Vec::with_capacity(48 + self.position.key.len() + clustering.map_or(0, <[u8]>::len));
        let mut flags = 0;
        flags |= if self.limit_left.is_some() { HAS_LIMIT } else { 0 };
        flags |= if clustering.is_some() { HAS_CLUSTERING } else { 0 };
        flags |= if self.partition_has_rows { HAS_LIVE_ROWS } else { 0 };
        out.push(VERSION);
        out.extend_from_slice(&self.table.id.0.to_be_bytes());
        out.extend_from_slice(&self.table.incarnation.to_be_bytes());
        out.extend_from_slice(&self.target.to_be_bytes());
        out.push(flags);
        if let Some(left) = self.limit_left {
            out.extend_from_slice(&left.to_be_bytes());
        }
        out.extend_from_slice(&self.taken_of_partition.to_be_bytes());
        out.extend_from_slice(&self.position.token.0.to_be_bytes());
        // Keys are at most 65535 bytes, as every write and read of one checks.
        out.extend_from_slice(&(self.position.key.len() as u16).to_be_bytes());
        out.extend_from_slice(&self.position.key);
        if let Some(clustering) = clustering {
            out.extend_from_slice(&(clustering.len() as u32).to_be_bytes());
            out.extend_from_slice(clustering);
        }
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_be_bytes());
        Bytes::from(out)
    }

    /// Reads a client's bytes, which may be anything.
    ///
    /// # Errors
    /// A protocol error for bytes that [`PagingState::encode`] did not make for this table.
    pub fn decode(bytes: &[u8], table: TableRef) -> Result<PagingState, CqlError> {
        let state = Self::parse(bytes).ok_or_else(invalid_state)?;
        let expected = Token::from_key(&state.position.key);
        if state.table != table || state.position.token != expected {
            return Err(invalid_state());
        }
        Ok(state)
    }

    fn parse(bytes: &[u8]) -> Option<PagingState> {
        let body_length = bytes.len().checked_sub(CHECKSUM_BYTES)?;
        let (body, sum) = bytes.split_at(body_length);
        if checksum(body).to_be_bytes() != *sum {
            return None;
        }
        let mut rest = body;
        if take::<1>(&mut rest)? != [VERSION] {
            return None;
        }
        let id = u32::from_be_bytes(take(&mut rest)?);
        let incarnation = u32::from_be_bytes(take(&mut rest)?);
        let target = u32::from_be_bytes(take(&mut rest)?);
        let [flags] = take(&mut rest)?;
        if flags & !KNOWN_FLAGS != 0 {
            return None;
        }
        let limit_left = match flags & HAS_LIMIT {
            0 => None,
            _ => Some(u32::from_be_bytes(take(&mut rest)?)),
        };
        let taken_of_partition = u32::from_be_bytes(take(&mut rest)?);
        let token = Token(i64::from_be_bytes(take(&mut rest)?));
        let key_length = u16::from_be_bytes(take(&mut rest)?);
        let key = take_slice(&mut rest, usize::from(key_length))?;
        let clustering = match flags & HAS_CLUSTERING {
            0 => None,
            _ => {
                let length = u32::from_be_bytes(take(&mut rest)?);
                Some(Bytes::copy_from_slice(take_slice(&mut rest, length as usize)?))
            }
        };
        if !rest.is_empty() {
            return None;
        }
        Some(PagingState {
            table: TableRef { id: starling_storage::model::TableId(id), incarnation },
            target,
            limit_left,
            taken_of_partition,
            partition_has_rows: flags & HAS_LIVE_ROWS != 0,
            position: Position { token, key: Bytes::copy_from_slice(key), clustering },
        })
    }
}

fn checksum(body: &[u8]) -> u32 {
    xxhash_rust::xxh3::xxh3_64(body) as u32
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

/// What Cassandra answers to bytes that are no paging state of the statement.
pub(crate) fn invalid_state() -> CqlError {
    CqlError::Protocol("Invalid value for the paging state".to_owned())
}
