//! Mutations from bound modifications.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::Token;
use starling_storage::model::{
    Cell, CellContent, ColumnData, Deletion, Expiry, Marker, Mutation, Partition, RangeTombstone, Row,
};

use super::clustering;
use super::errors::invalid;
use super::locate::{self, PRODUCT_MAX};
use super::modification::{Action, Modification};
use super::restriction::PartitionRestriction;
use super::term::Term;
use super::values::{BindContext, Environment, TermValue};

/// Times of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteTimes {
    /// Timestamp in microseconds where the statement has none of its own.
    pub default_timestamp_us: i64,
    /// Seconds since 1970 from which expiry is counted: the clock's, or those that the request brought.
    pub now_s: i64,
    /// Seconds since 1970 by the clock: when a deletion was made. A request cannot make one old enough to be purged.
    pub clock_s: i64,
}

impl WriteTimes {
    pub(crate) fn of(context: &BindContext) -> Self {
        WriteTimes {
            default_timestamp_us: context.default_timestamp_us,
            now_s: context.now_s,
            clock_s: context.now_us.div_euclid(1_000_000),
        }
    }
}

/// The mutations of one modification, one for each partition; none if all its values are unset.
pub(crate) fn mutations(
    modification: &Modification,
    environment: &Environment<'_>,
    times: WriteTimes,
) -> Result<Vec<Mutation>, CqlError> {
    let table = &modification.info.table;
    let PartitionRestriction::Keys(choices) = &modification.restrictions.partition else {
        return Err(invalid("A modification must name its partitions"));
    };
    let keys = locate::partition_keys(&modification.info, choices, environment)?;
    let timestamp_us = modification.attributes.timestamp_us(environment, times.default_timestamp_us)?;
    let name = format_args!("{}.{}", table.keyspace, table.name).to_string();
    let default_ttl_s = table.options.default_ttl_s;
    let expiry = modification.attributes.expiry(environment, default_ttl_s, times.now_s, &name)?;
    let writer = Writer { timestamp_us, now_s: times.clock_s, expiry };
    let fragment = match modification.action {
        Action::Delete => deletion(modification, environment, &writer)?,
        Action::Insert | Action::Set => rows(modification, environment, &writer)?,
    };
    let size = fragment.rows.len() + fragment.range_tombstones.len();
    if size.saturating_mul(keys.len()) > PRODUCT_MAX {
        return Err(invalid(format!("The IN restrictions name more than {PRODUCT_MAX} rows")));
    }
    if is_empty(&fragment) {
        return Ok(Vec::new());
    }
    Ok(keys
        .into_iter()
        .map(|key| Mutation {
            table: table.table,
            issue_stamp: 0,
            partition: Partition { token: Token::from_key(&key), key, ..fragment.clone() },
        })
        .collect())
}

/// A fragment without token and key, which are set for each partition.
fn blank() -> Partition {
    Partition {
        token: Token(0),
        key: Bytes::new(),
        deletion: None,
        range_tombstones: Vec::new(),
        static_row: None,
        rows: Vec::new(),
    }
}

fn is_empty(fragment: &Partition) -> bool {
    fragment.deletion.is_none()
        && fragment.range_tombstones.is_empty()
        && fragment.static_row.is_none()
        && fragment.rows.is_empty()
}

fn rows(modification: &Modification, environment: &Environment<'_>, writer: &Writer) -> Result<Partition, CqlError> {
    let mut fragment = blank();
    let statics = writer.columns(modification, &modification.statics, environment)?;
    if !statics.is_empty() {
        fragment.static_row = Some(Row { columns: statics, ..Row::default() });
    }
    if modification.is_static_only() {
        return Ok(fragment);
    }
    let marker = (modification.action == Action::Insert)
        .then_some(Marker { timestamp_us: writer.timestamp_us, expiry: writer.expiry });
    let columns = writer.columns(modification, &modification.regular, environment)?;
    let prefixes = clustering::clustering_prefixes(
        &modification.info,
        &modification.layout,
        &modification.restrictions,
        environment,
    )?;
    if marker.is_some() || !columns.is_empty() {
        let row = Row { marker, deletion: None, columns };
        fragment.rows = prefixes.into_iter().map(|key| (Bytes::from(key), row.clone())).collect();
    }
    Ok(fragment)
}

fn deletion(
    modification: &Modification,
    environment: &Environment<'_>,
    writer: &Writer,
) -> Result<Partition, CqlError> {
    let mut fragment = blank();
    let deletion = writer.deletion();
    let restrictions = &modification.restrictions;
    let depth = restrictions.clustering_depth;
    let all = modification.layout.len();
    if depth == all && restrictions.range.is_none() {
        // A table without clustering columns has one row, under the empty key.
        let keys =
            clustering::clustering_prefixes(&modification.info, &modification.layout, restrictions, environment)?;
        let row = Row { deletion: Some(deletion), ..Row::default() };
        fragment.rows = keys.into_iter().map(|key| (Bytes::from(key), row.clone())).collect();
        return Ok(fragment);
    }
    match clustering::clustering_slices(&modification.info, &modification.layout, restrictions, environment)? {
        None => fragment.deletion = Some(deletion),
        Some(slices) => {
            fragment.range_tombstones = slices
                .into_iter()
                .map(|slice| RangeTombstone { start: slice.start, end: slice.end, deletion })
                .collect();
        }
    }
    Ok(fragment)
}

struct Writer {
    timestamp_us: i64,
    now_s: i64,
    expiry: Option<Expiry>,
}

impl Writer {
    fn deletion(&self) -> Deletion {
        Deletion { timestamp_us: self.timestamp_us, local_deletion_time_s: self.now_s, issue_stamp: 0 }
    }

    fn columns(
        &self,
        modification: &Modification,
        assignments: &[(usize, Term)],
        environment: &Environment<'_>,
    ) -> Result<Vec<ColumnData>, CqlError> {
        let mut columns = Vec::with_capacity(assignments.len());
        for (index, term) in assignments {
            let content = match term.evaluate(environment)? {
                TermValue::Unset => continue,
                TermValue::Null => CellContent::Tombstone { local_deletion_time_s: self.now_s, issue_stamp: 0 },
                TermValue::Value(value) => CellContent::Live { value, expiry: self.expiry },
            };
            columns.push(ColumnData {
                column: modification.info.column(*index).id,
                deletion: None,
                cells: vec![Cell { path: None, timestamp_us: self.timestamp_us, content }],
            });
        }
        Ok(columns)
    }
}
