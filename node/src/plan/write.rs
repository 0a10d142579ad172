//! Mutations from bound modifications.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::Token;
use starling_storage::model::{Marker, Mutation, Partition, RangeTombstone, Row};

use super::assignment::Assignment;
use super::cells::{Writer, check_cells};
use super::clustering;
use super::errors::invalid;
use super::list_state::ListStates;
use super::locate::{self, PRODUCT_MAX};
use super::modification::{Action, Modification};
use super::restriction::PartitionRestriction;
use super::values::{BindContext, Environment, micros};
use crate::schema::{ClientTimestamps, TableOptions};
use crate::time::Stamp;

/// Times of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteTimes {
    /// Timestamp in microseconds that the client gave, or the batch.
    pub given: Given,
    /// The write's stamp.
    pub stamp: Stamp,
    /// Seconds since 1970 from which expiry is counted: the clock's, or those that the request brought.
    pub now_s: i64,
    /// Seconds since 1970 by the clock: when a deletion was made. A request cannot make one old enough to be purged.
    pub clock_s: i64,
}

/// A timestamp for statements that have none of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// None.
    Nothing,
    /// By the client, with the request: drivers do so by default. Whether it is honoured is a table's option.
    ByClient(i64),
    /// By the batch's `USING TIMESTAMP`: that always is.
    ByBatch(i64),
}

impl WriteTimes {
    /// The timestamp of a statement that has none of its own, in a table with these options.
    fn default_us(&self, options: &TableOptions) -> i64 {
        match self.given {
            Given::ByBatch(given_us) => given_us,
            Given::ByClient(given_us) if options.client_timestamps() == ClientTimestamps::Honour => given_us,
            Given::ByClient(_) | Given::Nothing => micros(self.stamp),
        }
    }

    pub(crate) fn of(context: &BindContext) -> Self {
        WriteTimes {
            given: context.client_timestamp_us.map_or(Given::Nothing, Given::ByClient),
            stamp: context.stamp,
            now_s: context.now_s,
            clock_s: context.now_us.div_euclid(1_000_000),
        }
    }
}

/// The mutations of one modification, one for each partition; none if all its values are unset. `lists`: what
/// [`super::list_state::ListRead`] found, for modifications that depend on it.
pub(crate) fn mutations(
    modification: &Modification,
    environment: &Environment<'_>,
    times: WriteTimes,
    lists: &ListStates,
) -> Result<Vec<Mutation>, CqlError> {
    let table = &modification.info.table;
    let PartitionRestriction::Keys(choices) = &modification.restrictions.partition else {
        return Err(invalid("A modification must name its partitions"));
    };
    let keys = locate::partition_keys(&modification.info, choices, environment)?;
    let given_us = modification.attributes.timestamp_us(environment)?;
    let timestamp_us = given_us.unwrap_or_else(|| times.default_us(&table.options));
    let name = format_args!("{}.{}", table.keyspace, table.name).to_string();
    let default_ttl_s = table.options.default_ttl_s;
    let expiry = modification.attributes.expiry(environment, default_ttl_s, times.now_s, &name)?;
    let writer = Writer { timestamp_us, now_s: times.clock_s, expiry, stamp: times.stamp };
    let mutation = |key: Bytes, fragment: Partition| Mutation {
        table: table.table,
        issue_stamp: times.stamp,
        partition: Partition { token: Token::from_key(&key), key, ..fragment },
    };
    if modification.reads_lists() {
        let mut mutations = Vec::with_capacity(keys.len());
        let mut cells = 0;
        for key in keys {
            let fragment = rows_after_read(modification, environment, &writer, &key, lists)?;
            cells += cells_in(&fragment);
            check_cells(cells)?;
            if !is_empty(&fragment) {
                mutations.push(mutation(key, fragment));
            }
        }
        return Ok(mutations);
    }
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
    check_cells(cells_in(&fragment).saturating_mul(keys.len()))?;
    Ok(keys.into_iter().map(|key| mutation(key, fragment.clone())).collect())
}

fn cells_of(row: &Row) -> usize {
    row.columns.iter().map(|column| column.cells.len()).sum()
}

/// Cells that a fragment of a partition has.
pub(crate) fn cells_in(fragment: &Partition) -> usize {
    let rows = fragment.rows.iter().map(|(_, row)| row);
    rows.chain(&fragment.static_row).map(cells_of).sum()
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
    let info = &modification.info;
    let mut fragment = blank();
    let unread = &|_: &Assignment| &[][..];
    let statics = writer.columns(info, &modification.statics, environment, unread)?;
    if !statics.is_empty() {
        fragment.static_row = Some(Row { columns: statics, ..Row::default() });
    }
    if modification.is_static_only() {
        return Ok(fragment);
    }
    let marker = (modification.action == Action::Insert)
        .then_some(Marker { timestamp_us: writer.timestamp_us, expiry: writer.expiry });
    let columns = writer.columns(info, &modification.regular, environment, unread)?;
    let prefixes =
        clustering::clustering_prefixes(info, &modification.layout, &modification.restrictions, environment)?;
    if marker.is_some() || !columns.is_empty() {
        let row = Row { marker, deletion: None, columns };
        check_cells(cells_of(&row).saturating_mul(prefixes.len()))?;
        fragment.rows = prefixes.into_iter().map(|key| (Bytes::from(key), row.clone())).collect();
    }
    Ok(fragment)
}

/// Rows of one partition that depend on what their lists hold: each is another.
fn rows_after_read(
    modification: &Modification,
    environment: &Environment<'_>,
    writer: &Writer,
    key: &Bytes,
    lists: &ListStates,
) -> Result<Partition, CqlError> {
    let info = &modification.info;
    let mut fragment = blank();
    let of_statics = |assignment: &Assignment| lists.of(info.table.table, key, None, info.column(assignment.column).id);
    let statics = writer.columns(info, &modification.statics, environment, &of_statics)?;
    if !statics.is_empty() {
        fragment.static_row = Some(Row { columns: statics, ..Row::default() });
    }
    if modification.is_static_only() {
        return Ok(fragment);
    }
    let mut cells = 0;
    for prefix in clustering::clustering_prefixes(info, &modification.layout, &modification.restrictions, environment)?
    {
        let clustering = Bytes::from(prefix);
        let of_row = |assignment: &Assignment| {
            lists.of(info.table.table, key, Some(&clustering), info.column(assignment.column).id)
        };
        let columns = writer.columns(info, &modification.regular, environment, &of_row)?;
        if !columns.is_empty() {
            let row = Row { marker: None, deletion: None, columns };
            cells += cells_of(&row);
            check_cells(cells)?;
            fragment.rows.push((clustering.clone(), row));
        }
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
