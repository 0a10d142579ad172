//! The tables: static, plain and collection columns, and clustering columns in mixed order.

use std::cmp::Ordering;

/// A clustering key: `c` and `d`.
pub type Key = (i32, i32);

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `c` ascending, `d` descending.
    Ascending,
    /// `c` descending, `d` ascending.
    Descending,
}

/// Statements that make them.
pub const SETUP: [&str; 2] = [
    "CREATE TABLE sim.wide_a (p int, c int, d int, s bigint static, v bigint, b blob, m map<int, int>, \
     t set<int>, PRIMARY KEY (p, c, d)) WITH CLUSTERING ORDER BY (c ASC, d DESC)",
    "CREATE TABLE sim.wide_d (p int, c int, d int, s bigint static, v bigint, b blob, m map<int, int>, \
     t set<int>, PRIMARY KEY (p, c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)",
];

/// Columns that are not part of the key, and what else is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    V,
    B,
    M,
    T,
    S,
    /// `writetime(v)`.
    Written,
}

impl Column {
    pub const ALL: [Column; 6] = [Column::V, Column::B, Column::M, Column::T, Column::S, Column::Written];

    pub fn name(self) -> &'static str {
        match self {
            Column::V => "v",
            Column::M => "m",
            Column::T => "t",
            Column::S => "s",
            Column::B => "b",
            Column::Written => "writetime(v)",
        }
    }
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Table::Ascending => "sim.wide_a",
            Table::Descending => "sim.wide_d",
        }
    }

    /// How rows come without ORDER BY.
    pub fn compare(self, a: Key, b: Key) -> Ordering {
        match self {
            Table::Ascending => a.0.cmp(&b.0).then(b.1.cmp(&a.1)),
            Table::Descending => b.0.cmp(&a.0).then(a.1.cmp(&b.1)),
        }
    }

    /// The ORDER BY that gives the stored order, or the reverse of it.
    pub fn order_by(self, reversed: bool) -> &'static str {
        if (self == Table::Ascending) == reversed { " ORDER BY c DESC, d ASC" } else { " ORDER BY c ASC, d DESC" }
    }
}
