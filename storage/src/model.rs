//! The data model: partitions, rows, cells and deletions, as mutations and read answers carry them.
//!
//! One type, [`Partition`], serves a mutation, a replica's read answer and a repair: each is a set of
//! fragments that merge. Column values are opaque CQL wire bytes; clustering keys and bounds are composed
//! byte strings whose byte order is the clustering order (see `key`).

use bytes::Bytes;
use starling_ring::Token;

/// Number of a table, unique for the life of the cluster; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u32);

/// A table together with the incarnation that TRUNCATE and DROP raise; older incarnations are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableRef {
    /// The table.
    pub id: TableId,
    /// Raised by TRUNCATE; part of every key, so older data is out of sight at once.
    pub incarnation: u32,
}

/// Number of a column within its table; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId(pub u32);

/// A deletion of a row, a range, a partition or a whole collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deletion {
    /// Write timestamp in microseconds: shadows what is not newer.
    pub timestamp_us: i64,
    /// Server time in seconds since 1970 when it was made; `gc_grace_seconds` counts from here.
    pub local_deletion_time_s: i64,
    /// Issue stamp of the mutation that carried it (0: none yet).
    pub issue_stamp: u64,
}

/// When a cell or a row marker goes away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expiry {
    /// The TTL that was written, in seconds, at least 1.
    pub ttl_s: u32,
    /// Seconds since 1970 from which it counts as a tombstone.
    pub expires_at_s: i64,
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CellContent {
    /// A value in CQL wire form, with an optional expiry.
    Live {
        /// CQL wire bytes (may be empty).
        value: Bytes,
        /// Present for a cell written with a TTL.
        expiry: Option<Expiry>,
    },
    /// A cell tombstone.
    Tombstone {
        /// Seconds since 1970 when it was made.
        local_deletion_time_s: i64,
        /// Issue stamp of the mutation that carried it (0: none yet).
        issue_stamp: u64,
    },
    /// Room for counters (format version 1 reserves the tag): shard list, opaque here.
    Counter {
        /// Encoded counter shards.
        shards: Bytes,
    },
}

/// One cell: a timestamp and a content. `path` is set for elements of collections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Key or position within a collection; `None` for a plain column.
    pub path: Option<Bytes>,
    /// Write timestamp in microseconds.
    pub timestamp_us: i64,
    /// Value, tombstone or counter.
    pub content: CellContent,
}

/// All that is known of one column of one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnData {
    /// The column.
    pub column: ColumnId,
    /// Deletion of a whole collection; `None` for plain columns.
    pub deletion: Option<Deletion>,
    /// Cells in order of path; exactly one without a path for a plain column.
    pub cells: Vec<Cell>,
}

/// The marker that INSERT writes: the row exists even if all its columns are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    /// Write timestamp in microseconds.
    pub timestamp_us: i64,
    /// Present for INSERT ... USING TTL.
    pub expiry: Option<Expiry>,
}

/// A fragment of one row, or a whole row: the two merge alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Row {
    /// Row marker.
    pub marker: Option<Marker>,
    /// Row deletion.
    pub deletion: Option<Deletion>,
    /// Columns in ascending order of id, each at most once.
    pub columns: Vec<ColumnData>,
}

/// A deletion of all rows whose composed clustering key is in `start..end` (byte order).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeTombstone {
    /// First position covered (a bound made by `key::bound_before` or `key::bound_after`).
    pub start: Bytes,
    /// First position no longer covered.
    pub end: Bytes,
    /// The deletion.
    pub deletion: Deletion,
}

/// A fragment of one partition, or all that a read found of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Murmur3 token of `key`.
    pub token: Token,
    /// Partition key in CQL's wire form (the bytes that the token is computed from).
    pub key: Bytes,
    /// Partition deletion (tables with clustering columns; others use the row's).
    pub deletion: Option<Deletion>,
    /// Range tombstones; order and overlap as written, normalised by `canonical`.
    pub range_tombstones: Vec<RangeTombstone>,
    /// Static columns.
    pub static_row: Option<Row>,
    /// Rows by composed clustering key, ascending, each at most once. A table without clustering
    /// columns has at most one row, under the empty key.
    pub rows: Vec<(Bytes, Row)>,
}

/// The unit of replication: idempotent, commutative, and the only way into a replica's data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mutation {
    /// Where it goes; an older incarnation is refused.
    pub table: TableRef,
    /// Hybrid clock of the coordinator that issued it (0: none yet).
    pub issue_stamp: u64,
    /// What it merges into that partition.
    pub partition: Partition,
}

/// Half-open interval `start..end` of composed clustering positions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First position included.
    pub start: Bytes,
    /// First position no longer included.
    pub end: Bytes,
}

/// A place in a table, in storage order. Reads resume strictly after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Token of the partition.
    pub token: Token,
    /// Partition key.
    pub key: Bytes,
    /// Last clustering key seen; `None`: the whole partition is done.
    pub clustering: Option<Bytes>,
}

/// What a read walks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadTarget {
    /// One partition.
    Partition {
        /// Its token.
        token: Token,
        /// Its key.
        key: Bytes,
    },
    /// All partitions with `start < token <= end`, in order of token, then key. Never wraps:
    /// the coordinator splits a wrapping range. `start == Token::MIN` includes every token from the lowest.
    TokenRange {
        /// Exclusive.
        start: Token,
        /// Inclusive.
        end: Token,
    },
}

/// A read of one replica. It carries its own `now`, so all replicas judge expiry alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadCommand {
    /// The table; an older incarnation is refused.
    pub table: TableRef,
    /// Whether the table has clustering columns (else no header lookup is made).
    pub has_clustering: bool,
    /// Tombstones and expired cells older than this many seconds before `now_s` are not part of the answer.
    pub gc_grace_s: u32,
    /// What to walk.
    pub target: ReadTarget,
    /// Clustering slices, ascending and disjoint; empty: the whole partition. A row whose complete key is known is
    /// looked up without iterating if it is given by `Slice::of_row`.
    pub slices: Vec<Slice>,
    /// Rows of a partition in descending clustering order (slices still ascending).
    pub reversed: bool,
    /// Stop after this many live rows in all (at least 1).
    pub row_limit: u32,
    /// At most this many live rows of each partition (at least 1), counted from `resume` on in the partition that
    /// the read resumes in.
    pub per_partition_limit: u32,
    /// Stop soon after the answer has grown past this many bytes.
    pub size_limit_bytes: u32,
    /// Seconds since 1970 against which expiry is judged.
    pub now_s: i64,
    /// Start strictly after this position (in the direction of the read).
    pub resume: Option<Position>,
}

impl ReadCommand {
    /// Whether it walks a range of tokens.
    pub fn is_scan(&self) -> bool {
        matches!(self.target, ReadTarget::TokenRange { .. })
    }
}

/// Where `per_partition_limit` ended the walk of one partition of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionCut {
    /// Index into the answer's partitions.
    pub partition: u32,
    /// Last clustering key walked; nothing is known of that partition beyond it.
    pub clustering: Bytes,
}

/// A replica's answer: fragments, tombstones included, in canonical form, in the order of the read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReadResult {
    /// Partitions found, in order; with `reversed` the rows inside each are still ascending.
    pub partitions: Vec<Partition>,
    /// The partitions that were left at their `per_partition_limit` while the read went on, ascending.
    pub cuts: Vec<PartitionCut>,
    /// Set when a limit stopped the read: everything up to and including this position is in the
    /// answer, nothing is known of what lies beyond. `None`: the target was walked to its end.
    pub truncated_at: Option<Position>,
}
