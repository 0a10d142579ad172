//! Read commands and their answers.

use bytes::Bytes;
use starling_ring::Token;

use crate::model::{PartitionCut, Position, ReadCommand, ReadResult, ReadTarget, Slice};

use super::partition::{partition, put_partition, put_table, table};
use super::wire::{Reader, put_bytes, put_signed, put_varint};
use super::{FORMAT_VERSION, FormatError};

const READ_CLUSTERING: u8 = 0x01;
const READ_REVERSED: u8 = 0x02;
const READ_RESUME: u8 = 0x04;
const READ_TOKEN_RANGE: u8 = 0x08;

const RESULT_TRUNCATED: u8 = 0x01;
const POSITION_CLUSTERING: u8 = 0x01;

fn put_position(out: &mut Vec<u8>, position: &Position) {
    out.extend_from_slice(&position.token.0.to_be_bytes());
    put_bytes(out, &position.key);
    match &position.clustering {
        None => out.push(0),
        Some(clustering) => {
            out.push(POSITION_CLUSTERING);
            put_bytes(out, clustering);
        }
    }
}

fn position(reader: &mut Reader<'_>) -> Result<Position, FormatError> {
    let (token, key) = (Token(reader.token()?), reader.bytes()?);
    let clustering = if reader.flags(POSITION_CLUSTERING)? != 0 { Some(reader.bytes()?) } else { None };
    Ok(Position { token, key, clustering })
}

fn put_target(out: &mut Vec<u8>, target: &ReadTarget) {
    match target {
        ReadTarget::Partition { token, key } => {
            out.extend_from_slice(&token.0.to_be_bytes());
            put_bytes(out, key);
        }
        ReadTarget::TokenRange { start, end } => {
            out.extend_from_slice(&start.0.to_be_bytes());
            out.extend_from_slice(&end.0.to_be_bytes());
        }
    }
}

fn put_slices(out: &mut Vec<u8>, slices: &[Slice]) {
    put_varint(out, slices.len() as u64);
    for slice in slices {
        put_bytes(out, &slice.start);
        put_bytes(out, &slice.end);
    }
}

fn slices(reader: &mut Reader<'_>) -> Result<Vec<Slice>, FormatError> {
    let count = reader.count(2)?;
    let mut slices: Vec<Slice> = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let slice = Slice { start: reader.bytes()?, end: reader.bytes()? };
        if slices.last().is_some_and(|before| before.end > slice.start) {
            return Err(FormatError::Malformed("slices not ascending"));
        }
        slices.push(slice);
    }
    Ok(slices)
}

impl Position {
    /// Encodes it in format version 1.
    pub fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT_VERSION];
        put_position(&mut out, self);
        out.into()
    }

    /// Decodes what [`Position::encode`] made.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::versioned(bytes)?;
        let position = position(&mut reader)?;
        reader.finish()?;
        Ok(position)
    }
}

impl ReadCommand {
    /// Encodes it in format version 1.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(96);
        out.push(FORMAT_VERSION);
        put_table(&mut out, self.table);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(
            flag(self.has_clustering, READ_CLUSTERING)
                | flag(self.reversed, READ_REVERSED)
                | flag(self.resume.is_some(), READ_RESUME)
                | flag(matches!(self.target, ReadTarget::TokenRange { .. }), READ_TOKEN_RANGE),
        );
        put_target(&mut out, &self.target);
        put_slices(&mut out, &self.slices);
        for number in [self.gc_grace_s, self.row_limit, self.per_partition_limit, self.size_limit_bytes] {
            put_varint(&mut out, u64::from(number));
        }
        put_signed(&mut out, self.now_s);
        if let Some(resume) = &self.resume {
            put_position(&mut out, resume);
        }
        out.into()
    }

    /// Decodes what [`ReadCommand::encode`] made.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::versioned(bytes)?;
        let table = table(&mut reader)?;
        let flags = reader.flags(READ_CLUSTERING | READ_REVERSED | READ_RESUME | READ_TOKEN_RANGE)?;
        let first = Token(reader.token()?);
        let target = if flags & READ_TOKEN_RANGE != 0 {
            ReadTarget::TokenRange { start: first, end: Token(reader.token()?) }
        } else {
            ReadTarget::Partition { token: first, key: reader.bytes()? }
        };
        let slices = slices(&mut reader)?;
        let gc_grace_s = reader.varint_u32()?;
        let row_limit = reader.varint_u32()?;
        let per_partition_limit = reader.varint_u32()?;
        let size_limit_bytes = reader.varint_u32()?;
        let now_s = reader.signed()?;
        let resume = if flags & READ_RESUME != 0 { Some(position(&mut reader)?) } else { None };
        reader.finish()?;
        Ok(ReadCommand {
            table,
            has_clustering: flags & READ_CLUSTERING != 0,
            gc_grace_s,
            target,
            slices,
            reversed: flags & READ_REVERSED != 0,
            row_limit,
            per_partition_limit,
            size_limit_bytes,
            now_s,
            resume,
        })
    }
}

impl ReadResult {
    /// Encodes it in format version 1. The digest of an answer is taken over these bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(256);
        out.push(FORMAT_VERSION);
        put_varint(&mut out, self.partitions.len() as u64);
        for partition in &self.partitions {
            put_partition(&mut out, partition);
        }
        put_varint(&mut out, self.cuts.len() as u64);
        for cut in &self.cuts {
            put_varint(&mut out, u64::from(cut.partition));
            put_bytes(&mut out, &cut.clustering);
        }
        out.push(if self.truncated_at.is_some() { RESULT_TRUNCATED } else { 0 });
        if let Some(truncated_at) = &self.truncated_at {
            put_position(&mut out, truncated_at);
        }
        out.into()
    }

    /// Decodes what [`ReadResult::encode`] made; values share the memory of `bytes`.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::versioned(bytes)?;
        let count = reader.count(12)?;
        let mut partitions = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            partitions.push(partition(&mut reader)?);
        }
        let count = reader.count(2)?;
        let mut cuts: Vec<PartitionCut> = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            let cut = PartitionCut { partition: reader.varint_u32()?, clustering: reader.bytes()? };
            if cuts.last().is_some_and(|before| before.partition >= cut.partition)
                || cut.partition as usize >= partitions.len()
            {
                return Err(FormatError::Malformed("cut of a partition"));
            }
            cuts.push(cut);
        }
        let truncated_at = if reader.flags(RESULT_TRUNCATED)? != 0 { Some(position(&mut reader)?) } else { None };
        reader.finish()?;
        Ok(ReadResult { partitions, cuts, truncated_at })
    }
}
