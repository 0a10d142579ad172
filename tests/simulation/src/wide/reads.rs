//! Draws statements that read one partition.

use super::place::{Extent, Place};
use super::table::{Column, Table};
use crate::random::Random;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Rows with these columns.
    Rows {
        columns: Vec<Column>,
        place: Place,
        reversed: bool,
        limit: Option<usize>,
        /// Only rows whose `v` is at least this.
        least: Option<i64>,
    },
    /// `SELECT DISTINCT` of the static column.
    Distinct,
    /// `count(*)`.
    Count { place: Place },
    /// `c` and `count(*)`, grouped by `c`.
    Groups { place: Place },
}

/// A query with its text and how it is paged.
#[derive(Clone, Debug)]
pub struct Read {
    pub query: Query,
    pub text: String,
    pub page_size: Option<u32>,
}

impl Read {
    /// All of a partition, in one page or in several.
    pub fn all(table: Table, partition: i32, reversed: bool, page_size: Option<u32>) -> Read {
        let columns = Column::ALL.to_vec();
        let names = names(&columns);
        let query = Query::Rows { columns, place: Place::All, reversed, limit: None, least: None };
        let order_by = if reversed { table.order_by(true) } else { "" };
        let text = format!("SELECT c, d{names} FROM {} WHERE p = {partition}{order_by}", table.name());
        Read { query, text, page_size }
    }

    /// Any.
    pub fn drawn(table: Table, partition: i32, extent: Extent, next_value: i64, random: &mut Random) -> Read {
        let page_size = match random.below(3) {
            0 => None,
            1 => Some(random.between(1, 4) as u32),
            _ => Some(random.between(1, 100) as u32),
        };
        let name = table.name();
        match random.below(16) {
            0..=4 => return Self::all(table, partition, random.one_in(2), page_size),
            5 => {
                let text = format!("SELECT DISTINCT p, s FROM {name} WHERE p = {partition}");
                return Read { query: Query::Distinct, text, page_size };
            }
            6 => {
                let place = if random.one_in(2) { Place::All } else { extent.place(random) };
                let text = format!("SELECT count(*) FROM {name} WHERE p = {partition}{place}");
                return Read { query: Query::Count { place }, text, page_size };
            }
            7 => {
                let place = if random.one_in(2) { Place::All } else { extent.place(random) };
                let text = format!("SELECT c, count(*) FROM {name} WHERE p = {partition}{place} GROUP BY c");
                return Read { query: Query::Groups { place }, text, page_size };
            }
            _ => {}
        }
        Self::of_rows(table, partition, extent, (next_value, page_size), random)
    }

    fn of_rows(
        table: Table,
        partition: i32,
        extent: Extent,
        (next_value, page_size): (i64, Option<u32>),
        random: &mut Random,
    ) -> Read {
        let name = table.name();
        let columns = if random.one_in(2) {
            Column::ALL.to_vec()
        } else {
            Column::ALL.into_iter().filter(|_| random.one_in(2)).collect()
        };
        let is_scan = random.one_in(6);
        let place = if is_scan || random.one_in(3) { Place::All } else { extent.place(random) };
        let reversed = !is_scan && random.one_in(2);
        let least = random.one_in(8).then(|| next_value - random.below(60) as i64);
        let order_by = if reversed || (!is_scan && random.one_in(4)) { table.order_by(reversed) } else { "" };
        let mut limits = String::new();
        let mut limit = None;
        for name in ["PER PARTITION LIMIT", "LIMIT"] {
            if random.one_in(4) {
                let rows = random.between(1, 8) as usize;
                limits.push_str(&format!(" {name} {rows}"));
                limit = Some(limit.map_or(rows, |other: usize| other.min(rows)));
            }
        }
        let names = names(&columns);
        let key = if is_scan { format!("token(p) = token({partition})") } else { format!("p = {partition}") };
        let (condition, filtering) =
            least.map_or_else(Default::default, |least| (format!(" AND v >= {least}"), " ALLOW FILTERING"));
        let text = format!("SELECT c, d{names} FROM {name} WHERE {key}{place}{condition}{order_by}{limits}{filtering}");
        Read { query: Query::Rows { columns, place, reversed, limit, least }, text, page_size }
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| format!(", {}", column.name())).collect()
}
