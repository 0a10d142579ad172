//! Where a read stops: its limits of rows and bytes, and of what is in no answer.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::*;
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::engine::{Durability, Engine};
use starling_storage::key::{KeyComponent, bound_after, compose};
use starling_storage::model::*;
use starling_storage::store::*;

fn store_of(partitions: Vec<Partition>) -> Store {
    let engine: Arc<dyn Engine> =
        Arc::new(MemoryEngine::new(MemorySettings { seed: 1, flush_one_in: 0, compact_one_in: 0 }));
    let store = Store::open(engine, StoreSettings::default()).unwrap();
    let mutation = |partition| Mutation { table: TABLE, issue_stamp: 0, partition };
    store.commit(&partitions.into_iter().map(mutation).collect::<Vec<_>>(), Durability::NoSync).unwrap();
    store
}

fn marked() -> Row {
    Row { marker: Some(Marker { timestamp_us: 5, expiry: None }), ..Row::default() }
}

fn with_static() -> Row {
    let content = CellContent::Live { value: Bytes::from_static(b"s"), expiry: None };
    let cells = vec![Cell { path: None, timestamp_us: 5, content }];
    Row { columns: vec![ColumnData { column: ColumnId(9), deletion: None, cells }], ..Row::default() }
}

/// A partition with or without a static row, and so many rows.
fn partition(number: u8, has_static: bool, rows: u8) -> Partition {
    let (token, key) = partition_of(number);
    let rows = (1..=rows).map(|number| (clustering(number), marked())).collect();
    let static_row = has_static.then(with_static);
    Partition { token, key, deletion: None, range_tombstones: vec![], static_row, rows }
}

/// Partitions by number with how many rows they have, and where the read stopped.
type Found = (Vec<(u8, usize)>, Option<(u8, Option<Bytes>)>);

fn read(store: &Store, command: &ReadCommand) -> Found {
    let found = store.read(command).unwrap();
    let partitions = found.partitions.iter().map(|p| (p.key[1], p.rows.len())).collect();
    (partitions, found.truncated_at.map(|at| (at.key[1], at.clustering)))
}

fn limited(row_limit: u32) -> ReadCommand {
    ReadCommand { row_limit, ..read_all() }
}

fn resumed(row_limit: u32, number: u8, clustering: Option<Bytes>) -> ReadCommand {
    let (token, key) = partition_of(number);
    ReadCommand { resume: Some(Position { token, key, clustering }), ..limited(row_limit) }
}

#[test]
fn a_static_row_without_rows_is_one_row_of_the_answer() {
    let store = store_of(vec![partition(0, true, 0), partition(1, true, 0), partition(2, false, 2)]);
    assert_eq!(read(&store, &limited(1)), (vec![(0, 0)], Some((0, None))));
    assert_eq!(read(&store, &limited(2)), (vec![(0, 0), (1, 0)], Some((1, None))));
    assert_eq!(read(&store, &limited(3)), (vec![(0, 0), (1, 0), (2, 1)], Some((2, Some(clustering(1))))));
    // With rows it is none of its own.
    let store = store_of(vec![partition(0, true, 1), partition(1, true, 2)]);
    assert_eq!(read(&store, &limited(1)), (vec![(0, 1)], Some((0, Some(clustering(1))))));
    assert_eq!(read(&store, &limited(2)), (vec![(0, 1), (1, 1)], Some((1, Some(clustering(1))))));
    // Nor where rows are asked for by their keys.
    let store = store_of(vec![partition(0, true, 0), partition(1, false, 2)]);
    let one = ReadCommand { slices: vec![Slice::of_row(clustering(2))], ..limited(1) };
    assert_eq!(read(&store, &one), (vec![(0, 0), (1, 1)], Some((1, Some(clustering(2))))));
}

#[test]
fn a_static_row_is_counted_on_its_first_page_alone() {
    // 0 and 1 have one token.
    assert_eq!(partition_of(0).0, partition_of(1).0);
    let store = store_of(vec![partition(0, true, 1), partition(1, true, 0), partition(2, false, 2)]);
    assert_eq!(read(&store, &resumed(1, 0, Some(clustering(1)))), (vec![(0, 0), (1, 0)], Some((1, None))));
    assert_eq!(read(&store, &resumed(1, 1, None)), (vec![(2, 1)], Some((2, Some(clustering(1))))));
}

#[test]
fn each_partition_gives_as_many_rows_as_it_may() {
    let store = store_of(vec![partition(0, false, 3), partition(1, true, 1), partition(2, false, 5)]);
    let command = ReadCommand { per_partition_limit: 2, ..read_all() };
    assert_eq!(read(&store, &command), (vec![(0, 2), (1, 1), (2, 2)], None));
    let cuts = store.read(&command).unwrap().cuts;
    let cut = |partition| PartitionCut { partition, clustering: clustering(2) };
    assert_eq!(cuts, [cut(0), cut(2)], "where it left them");
    let last = ReadCommand { reversed: true, ..command };
    let cuts = store.read(&last).unwrap().cuts;
    assert_eq!(cuts.iter().map(|cut| cut.clustering.clone()).collect::<Vec<_>>(), [clustering(2), clustering(4)]);
}

#[test]
fn partitions_of_a_static_row_alone_have_a_size_too() {
    let store = store_of((0..4).map(|number| partition(number, true, 0)).collect());
    let partition_bytes = 32 + partition_of(0).1.len() + (16 + 8 + 1);
    for count in 1..=3u8 {
        let size_limit_bytes = partition_bytes as u32 * u32::from(count);
        let (partitions, stopped) = read(&store, &ReadCommand { size_limit_bytes, ..read_all() });
        assert_eq!((partitions.len(), stopped), (usize::from(count), Some((count - 1, None))));
    }
}

/// An answer says what is deleted where it has looked, and nowhere else: replicas that stop at one place agree.
#[test]
fn range_deletions_are_cut_to_what_was_walked() {
    let deletion = Deletion { timestamp_us: 1, local_deletion_time_s: NOW_S, issue_stamp: 0 };
    let range = |start: Bytes, end: Bytes| RangeTombstone { start, end, deletion };
    let whole = range(clustering(1), clustering(9));
    let deleted = Partition { range_tombstones: vec![whole.clone()], ..partition(0, false, 5) };
    let store = store_of(vec![deleted]);
    let ranges = |command: ReadCommand| store.read(&command).unwrap().partitions.remove(0).range_tombstones;
    assert_eq!(ranges(read_all()), std::slice::from_ref(&whole));
    let sliced = ReadCommand { slices: vec![Slice { start: clustering(2), end: clustering(4) }], ..read_all() };
    assert_eq!(ranges(sliced), [range(clustering(2), clustering(4))]);
    // The second row is walked, and so is the place of its key.
    let behind: Bytes = bound_after(&clustering(2));
    let first_two = ranges(limited(2));
    assert_eq!(first_two.len(), 1);
    assert_eq!(first_two[0].start, clustering(1));
    assert!(first_two[0].end > clustering(2) && first_two[0].end <= behind, "{first_two:?}");
    let last_two = ReadCommand { reversed: true, ..limited(2) };
    assert_eq!(ranges(last_two), [range(clustering(4), clustering(9))]);
    let next = ranges(resumed(2, 0, Some(clustering(2))));
    assert_eq!(next[0].start, first_two[0].end, "pages meet");
    let (partition_ends, stops) = (ReadCommand { per_partition_limit: 2, ..read_all() }, limited(2));
    assert_eq!(ranges(partition_ends), ranges(stops));
}

/// After 20,000 rows and partitions that are in no answer a read stops and says where: it holds nobody up for long.
#[test]
fn a_read_stops_after_many_that_are_dead() {
    let (token, key) = partition_of(0);
    let long_gone = Deletion { timestamp_us: 9, local_deletion_time_s: 1, issue_stamp: 0 };
    let numbered = |number: u16| -> Bytes {
        let bytes = number.to_be_bytes();
        compose(&[KeyComponent { bytes: &bytes, fixed_length: Some(2), reversed: false }]).into()
    };
    let dead = |count: u16| {
        let row = Row { deletion: Some(long_gone), ..Row::default() };
        let rows = (1..=count).map(|number| (numbered(number), row.clone())).collect();
        Partition { rows, ..Partition { token, key: key.clone(), ..partition(0, false, 0) } }
    };
    let command = ReadCommand { gc_grace_s: 10, ..read_all() };
    let live = || partition(2, false, 1);
    let store = |count| store_of(vec![dead(count), live()]);
    assert_eq!(read(&store(20_001), &command), (vec![], Some((0, Some(numbered(20_000))))));
    // The partition itself is the last of them.
    assert_eq!(read(&store(19_999), &command), (vec![], Some((0, None))));
    assert_eq!(read(&store(19_998), &command), (vec![(2, 1)], None));
}

/// What each part adds to an answer: replicas that agree stop at the same place, whatever version they run.
#[test]
fn an_answer_stops_at_its_size() {
    let (token, key) = partition_of(0);
    let cell =
        |path: Option<&'static [u8]>, content| Cell { path: path.map(Bytes::from_static), timestamp_us: 5, content };
    let live = |value: &'static [u8]| CellContent::Live { value: Bytes::from_static(value), expiry: None };
    let column = |number, cell| ColumnData { column: ColumnId(number), deletion: None, cells: vec![cell] };
    let tombstone = CellContent::Tombstone { local_deletion_time_s: NOW_S, issue_stamp: 0 };
    let row = Row {
        columns: vec![
            column(1, cell(None, live(b"value"))),
            column(2, cell(None, CellContent::Counter { shards: Bytes::from_static(b"shards") })),
            column(3, cell(Some(b"ab"), live(b"four"))),
            column(4, cell(None, tombstone)),
        ],
        ..Row::default()
    };
    // 8 for each cell besides its path and content, 8 for a tombstone; 16 for a row besides its key and cells.
    let row_bytes = 16 + clustering(1).len() + (8 + 5) + (8 + 6) + (8 + 2 + 4) + (8 + 8);
    let fixed = Row { columns: vec![column(9, cell(None, live(b"fix")))], ..Row::default() };
    let partition_bytes = 32 + key.len() + (16 + 8 + 3);
    let rows: Vec<(Bytes, Row)> = (1..=5).map(|number| (clustering(number), row.clone())).collect();
    let static_row = Some(fixed);
    let partition = Partition { token, key: key.clone(), deletion: None, range_tombstones: vec![], static_row, rows };
    let store = store_of(vec![partition]);
    let read = |size_limit_bytes: usize, reversed| {
        let command = ReadCommand { size_limit_bytes: size_limit_bytes as u32, reversed, ..read_all() };
        let found = store.read(&command).unwrap();
        (found.partitions[0].rows.len(), found.truncated_at.map(|at| (at.key, at.clustering)))
    };
    for count in 1..=4u8 {
        let whole = partition_bytes + usize::from(count) * row_bytes;
        for reversed in [false, true] {
            let last = |count: u8| Some((key.clone(), Some(clustering(if reversed { 6 - count } else { count }))));
            assert_eq!(read(whole, reversed), (usize::from(count), last(count)));
            assert_eq!(read(whole + 1, reversed), (usize::from(count) + 1, last(count + 1)));
        }
    }
}
