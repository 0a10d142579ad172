//! What of a row is alive at a second, and for how long.

use bytes::Bytes;
use starling_ring::Token;
use starling_storage::live::{LiveCell, live_rows, live_static_row};
use starling_storage::model::*;

const NOW_S: i64 = 1_000;
const PLAIN: ColumnId = ColumnId(1);
const EXPIRING: ColumnId = ColumnId(2);
const COLLECTION: ColumnId = ColumnId(4);
const DELETED: ColumnId = ColumnId(7);

fn live(path: Option<&'static [u8]>, value: &'static [u8], expires_at_s: Option<i64>) -> Cell {
    let expiry = expires_at_s.map(|expires_at_s| Expiry { ttl_s: 60, expires_at_s });
    let content = CellContent::Live { value: Bytes::from_static(value), expiry };
    Cell { path: path.map(Bytes::from_static), timestamp_us: 5, content }
}

fn dead(path: Option<&'static [u8]>) -> Cell {
    let content = CellContent::Tombstone { local_deletion_time_s: NOW_S, issue_stamp: 0 };
    Cell { path: path.map(Bytes::from_static), timestamp_us: 5, content }
}

fn row(columns: Vec<(ColumnId, Vec<Cell>)>) -> Row {
    let column = |(column, cells)| ColumnData { column, deletion: None, cells };
    Row { columns: columns.into_iter().map(column).collect(), ..Row::default() }
}

fn partition(static_row: Option<Row>, rows: Vec<Row>) -> Partition {
    let rows = rows.into_iter().zip(0u8..).map(|(row, number)| (Bytes::from(vec![number]), row)).collect();
    Partition { token: Token(1), key: Bytes::new(), deletion: None, range_tombstones: vec![], static_row, rows }
}

fn full() -> Row {
    row(vec![
        (PLAIN, vec![live(None, b"plain", None)]),
        (EXPIRING, vec![live(None, b"soon", Some(NOW_S + 10))]),
        (COLLECTION, vec![live(Some(b"a"), b"1", None), dead(Some(b"b")), live(Some(b"c"), b"3", None)]),
        (DELETED, vec![dead(None)]),
    ])
}

fn values<'a>(cells: impl Iterator<Item = LiveCell<'a>>) -> Vec<&'a [u8]> {
    cells.map(|cell| cell.value.as_ref()).collect()
}

#[test]
fn cells_are_found_by_their_column() {
    let partition = partition(None, vec![full()]);
    let row = live_rows(&partition, NOW_S).next().expect("alive");
    let plain = row.cell(PLAIN).expect("alive");
    assert_eq!((plain.column, plain.path, plain.value.as_ref()), (PLAIN, None, &b"plain"[..]));
    assert_eq!((plain.timestamp_us, plain.ttl_s), (5, None));
    assert_eq!(row.cell(DELETED), None);
    assert_eq!(row.cell(ColumnId(3)), None);
    assert_eq!(values(row.cells_of(COLLECTION)), [b"1", b"3"]);
    assert_eq!(row.cells_of(COLLECTION).next().and_then(|cell| cell.path), Some(&Bytes::from_static(b"a")));
    assert_eq!(values(row.cells_of(DELETED)), [b""; 0]);
    assert_eq!(values(row.cells()), [&b"plain"[..], b"soon", b"1", b"3"]);
}

#[test]
fn an_expiring_cell_lives_until_its_second_comes() {
    let partition = partition(None, vec![full()]);
    let ttl_s = |now_s| live_rows(&partition, now_s).next().and_then(|row| row.cell(EXPIRING)).map(|cell| cell.ttl_s);
    assert_eq!(ttl_s(NOW_S), Some(Some(10)));
    assert_eq!(ttl_s(NOW_S + 9), Some(Some(1)));
    assert_eq!(ttl_s(NOW_S + 10), None);
}

#[test]
fn a_row_lives_by_its_marker_or_any_cell() {
    let marked = |expires_at_s| {
        let expiry = Some(Expiry { ttl_s: 60, expires_at_s });
        Row { marker: Some(Marker { timestamp_us: 5, expiry }), ..Row::default() }
    };
    let counter = CellContent::Counter { shards: Bytes::from_static(b"c") };
    let rows = vec![
        marked(NOW_S + 1),
        marked(NOW_S),
        row(vec![(PLAIN, vec![live(None, b"", Some(NOW_S + 1))])]),
        row(vec![(PLAIN, vec![live(None, b"", Some(NOW_S))])]),
        row(vec![(PLAIN, vec![dead(None)])]),
        row(vec![(PLAIN, vec![Cell { path: None, timestamp_us: 5, content: counter }])]),
    ];
    let partition = partition(None, rows);
    let found: Vec<u8> = live_rows(&partition, NOW_S).map(|row| row.clustering[0]).collect();
    assert_eq!(found, [0, 2, 5]);
}

#[test]
fn a_static_row_lives_by_its_cells_alone() {
    let marker = Some(Marker { timestamp_us: 5, expiry: None });
    let of = |row: Row| live_static_row(&partition(Some(Row { marker, ..row }), vec![]), NOW_S).is_some();
    assert!(of(full()));
    assert!(!of(row(vec![(PLAIN, vec![dead(None)])])));
    assert!(!of(Row::default()));
    assert!(live_static_row(&partition(None, vec![full()]), NOW_S).is_none());
}
