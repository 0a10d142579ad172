//! Generators of random fragments from small domains, so that collisions are frequent, and a naive model.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use starling_ring::Token;
use starling_storage::key::{KeyComponent, bound_after, bound_before, compose};
use starling_storage::live::{live_rows, live_static_row};
use starling_storage::merge::compare_cells;
use starling_storage::model::*;

pub const TABLE: TableRef = TableRef { id: TableId(1024), incarnation: 1 };
/// Values and tombstones are made around this second.
pub const NOW_S: i64 = 1_000;

pub fn clustering(number: u8) -> Bytes {
    compose(&[KeyComponent { bytes: &[number], fixed_length: Some(1), reversed: false }]).into()
}

pub fn deletion() -> impl Strategy<Value = Deletion> {
    (0..8i64, 0..3i64, 0..2u64).prop_map(|(timestamp_us, s, issue_stamp)| Deletion {
        timestamp_us,
        local_deletion_time_s: NOW_S - 1 + s,
        issue_stamp,
    })
}

pub fn expiry() -> impl Strategy<Value = Option<Expiry>> {
    option::of((1..3u32, -2..3i64).prop_map(|(ttl_s, s)| Expiry { ttl_s, expires_at_s: NOW_S + s }))
}

pub fn content() -> impl Strategy<Value = CellContent> {
    let value = vec(0..3u8, 0..2).prop_map(Bytes::from);
    prop_oneof![
        3 => (value.clone(), expiry()).prop_map(|(value, expiry)| CellContent::Live { value, expiry }),
        1 => (0..3i64, 0..2u64).prop_map(|(s, issue_stamp)| CellContent::Tombstone {
            local_deletion_time_s: NOW_S - 1 + s,
            issue_stamp
        }),
    ]
}

fn cell(path: Option<Bytes>) -> impl Strategy<Value = Cell> {
    (0..8i64, content()).prop_map(move |(timestamp_us, content)| Cell { path: path.clone(), timestamp_us, content })
}

/// Column 3 is a collection, the others are plain.
fn column(id: u32) -> BoxedStrategy<ColumnData> {
    let column = ColumnId(id);
    if id != 3 {
        let data = |cell| ColumnData { column: ColumnId(0), deletion: None, cells: vec![cell] };
        return cell(None).prop_map(move |cell| ColumnData { column, ..data(cell) }).boxed();
    }
    let cells = btree_map(0..3u8, (0..8i64, content()), 0..3);
    (option::of(deletion()), cells)
        .prop_filter("says something", |(deletion, cells)| deletion.is_some() || !cells.is_empty())
        .prop_map(move |(deletion, cells)| {
            let cell =
                |(path, (timestamp_us, content))| Cell { path: Some(Bytes::from(vec![path])), timestamp_us, content };
            ColumnData { column, deletion, cells: cells.into_iter().map(cell).collect() }
        })
        .boxed()
}

pub fn row(deletable: bool) -> impl Strategy<Value = Row> {
    let marker = option::of((0..8i64, expiry()).prop_map(|(timestamp_us, expiry)| Marker { timestamp_us, expiry }));
    let deletion = option::weighted(0.3, deletion());
    let columns = (option::of(column(1)), option::of(column(2)), option::of(column(3)));
    (marker, deletion, columns).prop_map(move |(marker, deletion, (a, b, c))| Row {
        marker: marker.filter(|_| deletable),
        deletion,
        columns: [a, b, c].into_iter().flatten().collect(),
    })
}

pub fn range() -> impl Strategy<Value = RangeTombstone> {
    (0..7u8, 0..7u8, any::<bool>(), any::<bool>(), deletion()).prop_map(|(a, b, after, through, deletion)| {
        let bound = |number: u8, after: bool| {
            let key = clustering(number);
            if after { bound_after(&key) } else { bound_before(&key) }
        };
        let (after, through) = if a == b { (false, true) } else { (after, through) };
        RangeTombstone { start: bound(a.min(b), after), end: bound(a.max(b), through), deletion }
    })
}

pub fn partition_of(number: u8) -> (Token, Bytes) {
    (Token(i64::from(number / 2) - 1), Bytes::from(vec![0, number]))
}

pub fn partition() -> impl Strategy<Value = Partition> {
    let rows = btree_map((0..7u8).prop_map(clustering), row(true), 0..3);
    let ranges = prop_oneof![2 => Just(vec![]), 1 => vec(range(), 0..3)];
    (0..3u8, option::weighted(0.1, deletion()), ranges, option::weighted(0.2, row(false)), rows).prop_map(
        |(number, deletion, range_tombstones, static_row, rows)| {
            let (token, key) = partition_of(number);
            Partition { token, key, deletion, range_tombstones, static_row, rows: rows.into_iter().collect() }
        },
    )
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    partition().prop_map(|partition| Mutation { table: TABLE, issue_stamp: 0, partition })
}

/// Gives every part of a mutation one timestamp.
pub fn stamp(mutation: &mut Mutation, timestamp_us: i64) {
    let partition = &mut mutation.partition;
    let stamp_row = |row: &mut Row| {
        row.marker.iter_mut().for_each(|marker| marker.timestamp_us = timestamp_us);
        row.deletion.iter_mut().for_each(|deletion| deletion.timestamp_us = timestamp_us);
        for column in &mut row.columns {
            column.deletion.iter_mut().for_each(|deletion| deletion.timestamp_us = timestamp_us);
            column.cells.iter_mut().for_each(|cell| cell.timestamp_us = timestamp_us);
        }
    };
    partition.deletion.iter_mut().for_each(|deletion| deletion.timestamp_us = timestamp_us);
    partition.range_tombstones.iter_mut().for_each(|range| range.deletion.timestamp_us = timestamp_us);
    partition.static_row.iter_mut().for_each(stamp_row);
    partition.rows.iter_mut().for_each(|(_, row)| stamp_row(row));
}

pub fn read_all() -> ReadCommand {
    ReadCommand {
        table: TABLE,
        has_clustering: true,
        gc_grace_s: 1_000_000,
        target: ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX },
        slices: vec![],
        reversed: false,
        row_limit: u32::MAX,
        per_partition_limit: u32::MAX,
        size_limit_bytes: u32::MAX,
        now_s: NOW_S,
        resume: None,
    }
}

/// Column and path, value, timestamp.
pub type ModelRow = Vec<((ColumnId, Option<Bytes>), (Bytes, i64))>;
/// By partition, static rows under `None`.
pub type ModelRows = BTreeMap<(Token, Bytes), BTreeMap<Option<Bytes>, ModelRow>>;

fn shadow(deletion: Option<Deletion>) -> i64 {
    deletion.map_or(i64::MIN, |deletion| deletion.timestamp_us)
}

fn unexpired(expiry: &Option<Expiry>, now_s: i64) -> bool {
    expiry.is_none_or(|expiry| expiry.expires_at_s > now_s)
}

/// The live cells of one row by brute force; `None` if it does not exist.
fn model_row(fragments: &[&Row], covering: i64, now_s: i64) -> Option<ModelRow> {
    let covering = fragments.iter().map(|row| shadow(row.deletion)).fold(covering, i64::max);
    let mut cells: BTreeMap<(ColumnId, Option<Bytes>), Vec<&Cell>> = BTreeMap::new();
    let mut collections: BTreeMap<ColumnId, i64> = BTreeMap::new();
    for column in fragments.iter().flat_map(|row| &row.columns) {
        let collection = collections.entry(column.column).or_insert(i64::MIN);
        *collection = shadow(column.deletion).max(*collection);
        for cell in &column.cells {
            cells.entry((column.column, cell.path.clone())).or_default().push(cell);
        }
    }
    let mut live = ModelRow::new();
    for ((column, path), cells) in cells {
        let winner = cells.into_iter().max_by(|a, b| compare_cells(a, b)).expect("not empty");
        let shadow = covering.max(collections[&column]);
        if let CellContent::Live { value, expiry } = &winner.content
            && winner.timestamp_us > shadow
            && unexpired(expiry, now_s)
        {
            live.push(((column, path), (value.clone(), winner.timestamp_us)));
        }
    }
    let markers = fragments.iter().filter_map(|row| row.marker);
    let marker =
        markers.max_by_key(|m| (m.timestamp_us, m.expiry.map(|e| (e.expires_at_s, std::cmp::Reverse(e.ttl_s)))));
    let marked = marker.is_some_and(|m| m.timestamp_us > covering && unexpired(&m.expiry, now_s));
    (marked || !live.is_empty()).then_some(live)
}

/// What is alive after these mutations, by brute force.
pub fn model(mutations: &[Mutation], now_s: i64) -> ModelRows {
    let mut rows = ModelRows::new();
    for number in 0..3 {
        let id = partition_of(number);
        let fragments: Vec<&Partition> =
            mutations.iter().map(|m| &m.partition).filter(|p| (p.token, p.key.clone()) == id).collect();
        let whole = fragments.iter().map(|p| shadow(p.deletion)).max().unwrap_or(i64::MIN);
        let mut found = BTreeMap::new();
        let statics: Vec<&Row> = fragments.iter().filter_map(|p| p.static_row.as_ref()).collect();
        if let Some(row) = model_row(&statics, whole, now_s) {
            found.insert(None, row);
        }
        for number in 0..7 {
            let key = clustering(number);
            let ranges = fragments.iter().flat_map(|p| &p.range_tombstones);
            let covering = ranges.filter(|t| t.start <= key && key < t.end).map(|t| t.deletion.timestamp_us);
            let covering = covering.fold(whole, i64::max);
            let rows: Vec<&Row> =
                fragments.iter().flat_map(|p| &p.rows).filter(|(k, _)| *k == key).map(|(_, row)| row).collect();
            if let Some(row) = model_row(&rows, covering, now_s) {
                found.insert(Some(key), row);
            }
        }
        if !found.is_empty() {
            rows.insert(id, found);
        }
    }
    rows
}

/// Adds what is alive in an answer to what earlier pages had.
pub fn add_live(rows: &mut ModelRows, result: &ReadResult, now_s: i64) {
    for partition in &result.partitions {
        let live = |row: starling_storage::live::LiveRow<'_>| -> ModelRow {
            row.cells().map(|c| ((c.column, c.path.cloned()), (c.value.clone(), c.timestamp_us))).collect()
        };
        let mut found: BTreeMap<Option<Bytes>, ModelRow> =
            live_rows(partition, now_s).map(|r| (Some(Bytes::copy_from_slice(r.clustering)), live(r))).collect();
        if let Some(row) = live_static_row(partition, now_s) {
            found.insert(None, live(row));
        }
        if !found.is_empty() {
            rows.entry((partition.token, partition.key.clone())).or_default().extend(found);
        }
    }
}
