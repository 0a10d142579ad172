//! Format version 1: round trips, hostile bytes, golden files.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;

use bytes::Bytes;
use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use starling_ring::Token;
use starling_storage::format::FormatError;
use starling_storage::model::*;

fn position() -> impl Strategy<Value = Position> {
    (any::<i64>(), vec(any::<u8>(), 0..4), proptest::option::of(vec(any::<u8>(), 0..4)))
        .prop_map(|(token, key, c)| Position { token: Token(token), key: key.into(), clustering: c.map(Bytes::from) })
}

fn command() -> impl Strategy<Value = ReadCommand> {
    let target = prop_oneof![
        (any::<i64>(), vec(any::<u8>(), 0..4))
            .prop_map(|(token, key)| ReadTarget::Partition { token: Token(token), key: key.into() }),
        (any::<i64>(), any::<i64>()).prop_map(|(a, b)| ReadTarget::TokenRange { start: Token(a), end: Token(b) }),
    ];
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<i64>());
    let flags = (any::<bool>(), any::<bool>());
    (target, numbers, flags, proptest::option::of(position()), 0..3u8).prop_map(
        |(target, (gc_grace_s, row_limit, per_partition_limit, size_limit_bytes, now_s), flags, resume, slices)| {
            ReadCommand {
                table: TABLE,
                has_clustering: flags.0,
                gc_grace_s,
                target,
                slices: (0..slices).map(|n| Slice::of_row(clustering(n))).collect(),
                reversed: flags.1,
                row_limit,
                per_partition_limit,
                size_limit_bytes,
                now_s,
                resume,
            }
        },
    )
}

fn result() -> impl Strategy<Value = ReadResult> {
    (vec(partition(), 0..3), proptest::option::of(position()), any::<bool>()).prop_map(
        |(partitions, truncated_at, cut)| {
            let last = partitions.len().checked_sub(1).filter(|_| cut);
            let cuts = last.map(|last| PartitionCut { partition: last as u32, clustering: clustering(1) });
            ReadResult { partitions, cuts: cuts.into_iter().collect(), truncated_at }
        },
    )
}

/// Damages bytes: cuts them short, or changes one.
fn damage(bytes: &Bytes, at: usize, change: u8) -> Bytes {
    let mut damaged = bytes.to_vec();
    if damaged.is_empty() {
        return bytes.clone();
    }
    let at = at % damaged.len();
    if change == 0 {
        damaged.truncate(at)
    } else {
        damaged[at] ^= change
    }
    damaged.into()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_comes_back(mutation in mutation(), command in command(), result in result(), position in position()) {
        prop_assert_eq!(Mutation::decode(&mutation.encode()), Ok(mutation.clone()));
        prop_assert_eq!(Partition::decode(&mutation.partition.encode()), Ok(mutation.partition));
        prop_assert_eq!(ReadCommand::decode(&command.encode()), Ok(command));
        prop_assert_eq!(ReadResult::decode(&result.encode()), Ok(result));
        prop_assert_eq!(Position::decode(&position.encode()), Ok(position));
    }

    /// What decodes encodes to the same bytes: there is one encoding of everything.
    #[test]
    fn hostile_bytes_fail_or_decode_uniquely(
        mutation in mutation(), command in command(), result in result(), at in any::<usize>(), change in any::<u8>(),
    ) {
        let bytes = damage(&mutation.encode(), at, change);
        if let Ok(decoded) = Mutation::decode(&bytes) {
            prop_assert_eq!(Mutation::decode(&decoded.encode()), Ok(decoded));
        }
        let _ = ReadCommand::decode(&damage(&command.encode(), at, change));
        let _ = ReadResult::decode(&damage(&result.encode(), at, change));
    }

    #[test]
    fn noise_does_not_panic(noise in vec(any::<u8>(), 0..64)) {
        let noise = Bytes::from([&[1][..], &noise].concat());
        let _ = Mutation::decode(&noise);
        let _ = Partition::decode(&noise);
        let _ = ReadCommand::decode(&noise);
        let _ = ReadResult::decode(&noise);
        let _ = Position::decode(&noise);
    }
}

#[test]
fn huge_counts_and_other_versions_are_refused() {
    let huge = Bytes::from_static(&[1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
    assert_eq!(ReadResult::decode(&huge), Err(FormatError::Truncated));
    assert_eq!(ReadResult::decode(&Bytes::from_static(&[2, 0, 0, 0])), Err(FormatError::Version(2)));
    assert_eq!(ReadResult::decode(&Bytes::new()), Err(FormatError::Truncated));
}

/// A mutation with one of everything.
fn full_mutation() -> Mutation {
    let deletion = |timestamp_us| Deletion { timestamp_us, local_deletion_time_s: 1_700_000_000, issue_stamp: 42 };
    let expiry = Some(Expiry { ttl_s: 3600, expires_at_s: 1_700_003_600 });
    let live = |value: &'static [u8], expiry| CellContent::Live { value: Bytes::from_static(value), expiry };
    let cell = |path: Option<&'static [u8]>, timestamp_us, content| Cell {
        path: path.map(Bytes::from_static),
        timestamp_us,
        content,
    };
    let plain = |column, cell| ColumnData { column: ColumnId(column), deletion: None, cells: vec![cell] };
    let base = 1_700_000_000_000_000;
    let tombstone = CellContent::Tombstone { local_deletion_time_s: 1_700_000_001, issue_stamp: 43 };
    let collection = ColumnData {
        column: ColumnId(300),
        deletion: Some(deletion(base - 1)),
        cells: vec![
            cell(Some(b"a"), base, live(b"1", None)),
            cell(Some(b"b"), base + 5, live(b"", expiry)),
            cell(Some(b"c"), base, tombstone.clone()),
        ],
    };
    let row = Row {
        marker: Some(Marker { timestamp_us: base, expiry }),
        deletion: Some(deletion(base - 10)),
        columns: vec![
            plain(1, cell(None, base, live(b"value", None))),
            plain(2, cell(None, base - 7, tombstone)),
            plain(3, cell(None, base, CellContent::Counter { shards: Bytes::from_static(&[1, 2, 3]) })),
            collection,
        ],
    };
    let static_row = Row { marker: None, deletion: None, columns: vec![plain(9, cell(None, base, live(b"s", None)))] };
    let partition = Partition {
        token: Token(-3_485_513_579_396_041_028),
        key: Bytes::from_static(b"key"),
        deletion: Some(deletion(base - 100)),
        range_tombstones: vec![RangeTombstone { start: clustering(1), end: clustering(4), deletion: deletion(base) }],
        static_row: Some(static_row),
        rows: vec![(clustering(2), row), (clustering(5), Row::default())],
    };
    Mutation { table: TABLE, issue_stamp: 7, partition }
}

/// Compares with a golden file; with STARLING_BLESS set writes it instead.
fn check_golden(name: &str, bytes: &Bytes) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("STARLING_BLESS").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    assert_eq!(golden, bytes.as_ref(), "{name}: the format changed; old data would not be read");
}

#[test]
fn golden_files_are_still_what_is_written() {
    let mutation = full_mutation();
    check_golden("mutation.v1", &mutation.encode());
    check_golden("partition.v1", &mutation.partition.encode());
    let position = Position { token: Token(5), key: Bytes::from_static(b"k"), clustering: Some(clustering(3)) };
    let result = ReadResult {
        partitions: vec![mutation.partition],
        cuts: vec![PartitionCut { partition: 0, clustering: clustering(5) }],
        truncated_at: Some(position.clone()),
    };
    check_golden("read_result.v1", &result.encode());
    let command = ReadCommand {
        slices: vec![Slice::of_row(clustering(1)), Slice::of_prefix(&clustering(2))],
        reversed: true,
        row_limit: 100,
        now_s: 1_700_000_000,
        resume: Some(position),
        ..read_all()
    };
    check_golden("read_command_range.v1", &command.encode());
    let target = ReadTarget::Partition { token: Token(5), key: Bytes::from_static(b"k") };
    let command = ReadCommand { target, slices: vec![], reversed: false, resume: None, ..command };
    check_golden("read_command_partition.v1", &command.encode());
}
