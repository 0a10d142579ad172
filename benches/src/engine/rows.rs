//! The rows of a load as the store has them: one blob under a bigint.

use bytes::Bytes;
use starling_ring::Token;
use starling_storage::model::{
    Cell, CellContent, ColumnData, ColumnId, Marker, Mutation, Partition, ReadCommand, ReadTarget, Row, TableId,
    TableRef,
};

use crate::keys;

const TABLE: TableRef = TableRef { id: TableId(1), incarnation: 0 };
const COLUMN: ColumnId = ColumnId(1);
/// Cassandra's `gc_grace_seconds`.
const GC_GRACE_S: u32 = 864_000;
/// Any time will do: nothing expires here.
const NOW_S: i64 = 1_700_000_000;

/// Values are windows into this many random bytes.
const POOL_BYTES: usize = 64 << 10;

/// Makes mutations and reads.
pub struct Rows {
    keys: u64,
    value_bytes: usize,
    pool: Bytes,
}

impl Rows {
    /// Rows of this many keys.
    pub fn new(seed: u64, keys: u64, value_bytes: usize) -> Rows {
        let words = (POOL_BYTES + value_bytes).div_ceil(8) as u64;
        let pool = (0..words).flat_map(|word| keys::random(seed, word).to_le_bytes()).collect();
        Rows { keys, value_bytes, pool }
    }

    /// The key of a random number.
    pub fn key(&self, random: u64) -> u64 {
        keys::below(random, self.keys)
    }

    fn partition_key(key: u64) -> (Token, Bytes) {
        let key = Bytes::copy_from_slice(&key.to_be_bytes());
        (Token::from_key(&key), key)
    }

    /// The write of a row.
    pub fn mutation(&self, key: u64, timestamp_us: i64) -> Mutation {
        let offset = keys::below(keys::random(key, 0), POOL_BYTES as u64) as usize;
        // Copied, as from a request.
        let value = Bytes::copy_from_slice(self.pool.get(offset..offset + self.value_bytes).unwrap_or_default());
        let (token, key) = Rows::partition_key(key);
        let cell = Cell { path: None, timestamp_us, content: CellContent::Live { value, expiry: None } };
        let columns = vec![ColumnData { column: COLUMN, deletion: None, cells: vec![cell] }];
        let row = Row { marker: Some(Marker { timestamp_us, expiry: None }), deletion: None, columns };
        let rows = vec![(Bytes::new(), row)];
        let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
        Mutation { table: TABLE, issue_stamp: 0, partition }
    }

    /// The read of a row.
    pub fn read(&self, key: u64) -> ReadCommand {
        let (token, key) = Rows::partition_key(key);
        ReadCommand {
            table: TABLE,
            has_clustering: false,
            gc_grace_s: GC_GRACE_S,
            target: ReadTarget::Partition { token, key },
            slices: vec![],
            reversed: false,
            row_limit: 1,
            per_partition_limit: 1,
            size_limit_bytes: 1 << 20,
            now_s: NOW_S,
            resume: None,
        }
    }
}
