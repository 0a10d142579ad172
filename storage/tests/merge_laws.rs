//! The laws of the merge, of range tombstones and of the canonical form.

mod common;

use bytes::Bytes;
use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use starling_storage::canonical::{canonical, digest, partition_is_empty};
use starling_storage::merge::{compare_cells, merge_partition, merge_row};
use starling_storage::model::*;
use starling_storage::ranges;

fn same_partition() -> impl Strategy<Value = Partition> {
    partition().prop_map(|mut partition| {
        (partition.token, partition.key) = partition_of(0);
        ranges::normalise(&mut partition.range_tombstones);
        partition
    })
}

fn joined(a: &Partition, b: &Partition) -> Partition {
    let mut joined = a.clone();
    merge_partition(&mut joined, b.clone());
    joined
}

fn cell() -> impl Strategy<Value = Cell> {
    (0..3i64, content()).prop_map(|(timestamp_us, content)| Cell { path: None, timestamp_us, content })
}

/// What was deleted or expired goes from the second on that lies `gc_grace_seconds` and one more back.
#[test]
fn what_is_as_old_as_the_grace_stays() {
    let deleted = |local_deletion_time_s| Deletion { timestamp_us: 5, local_deletion_time_s, issue_stamp: 0 };
    let expired = |expires_at_s| Some(Expiry { ttl_s: 1, expires_at_s });
    let column = |number, content| {
        let cell = Cell { path: None, timestamp_us: 9, content };
        ColumnData { column: ColumnId(number), deletion: None, cells: vec![cell] }
    };
    let aged = |second: i64| {
        let tombstone = CellContent::Tombstone { local_deletion_time_s: second, issue_stamp: 0 };
        let live = CellContent::Live { value: Bytes::new(), expiry: expired(second) };
        let row = Row {
            marker: Some(Marker { timestamp_us: 9, expiry: expired(second) }),
            deletion: Some(deleted(second)),
            columns: vec![column(1, tombstone), column(2, live)],
        };
        let (token, key) = partition_of(0);
        let (start, end) = (clustering(1), clustering(3));
        let range = RangeTombstone { start, end, deletion: Deletion { timestamp_us: 4, ..deleted(second) } };
        let whole = Some(Deletion { timestamp_us: 3, ..deleted(second) });
        let rows = vec![(clustering(2), row)];
        Partition { token, key, deletion: whole, range_tombstones: vec![range], static_row: None, rows }
    };
    let oldest = aged(NOW_S - 100);
    assert_eq!(canonical(oldest.clone(), NOW_S, 100), oldest);
    assert!(partition_is_empty(&canonical(oldest, NOW_S + 1, 100)));
}

fn deleted_range(start: u8, end: u8, timestamp_us: i64) -> RangeTombstone {
    let deletion = Deletion { timestamp_us, local_deletion_time_s: NOW_S, issue_stamp: 0 };
    RangeTombstone { start: clustering(start), end: clustering(end), deletion }
}

fn with_ranges(whole: Option<Deletion>, range_tombstones: Vec<RangeTombstone>) -> Partition {
    let (token, key) = partition_of(0);
    Partition { token, key, deletion: whole, range_tombstones, static_row: None, rows: Vec::new() }
}

#[test]
fn ranges_that_touch_are_joined_and_empty_ones_vanish() {
    let normal = |mut list: Vec<RangeTombstone>| {
        ranges::normalise(&mut list);
        list
    };
    assert_eq!(normal(vec![deleted_range(1, 3, 5), deleted_range(3, 4, 5)]), [deleted_range(1, 4, 5)]);
    let unlike = vec![deleted_range(1, 3, 5), deleted_range(3, 4, 6)];
    assert_eq!(normal(unlike.clone()), unlike);
    assert_eq!(normal(vec![deleted_range(2, 2, 5)]), []);
    assert_eq!(normal(vec![deleted_range(1, 2, 5), deleted_range(4, 3, 5)]), [deleted_range(1, 2, 5)]);
    // A merge normalises what came in, whichever side it came from.
    let (loose, nothing) = (with_ranges(None, unlike.into_iter().rev().collect()), with_ranges(None, vec![]));
    let expected = [deleted_range(1, 3, 5), deleted_range(3, 4, 6)];
    assert_eq!(joined(&loose, &nothing).range_tombstones, expected);
    assert_eq!(joined(&nothing, &loose).range_tombstones, expected);
}

#[test]
fn ranges_that_the_partitions_deletion_shadows_are_not_canonical() {
    let whole = Deletion { timestamp_us: 5, local_deletion_time_s: NOW_S, issue_stamp: 0 };
    let list = vec![deleted_range(1, 2, 4), deleted_range(2, 3, 5), deleted_range(4, 5, 6)];
    let reduced = canonical(with_ranges(Some(whole), list), NOW_S, 100);
    assert_eq!((reduced.deletion, reduced.range_tombstones), (Some(whole), vec![deleted_range(4, 5, 6)]));
}

#[test]
fn counters_are_ordered_by_what_they_hold() {
    let counter = |shards: &'static [u8]| {
        let content = CellContent::Counter { shards: Bytes::from_static(shards) };
        Cell { path: None, timestamp_us: 5, content }
    };
    assert!(compare_cells(&counter(b"a"), &counter(b"b")).is_lt());
    assert!(compare_cells(&counter(b"b"), &counter(b"a")).is_gt());
    assert!(compare_cells(&counter(b"a"), &counter(b"a")).is_eq());
}

#[test]
fn answers_that_differ_have_digests_that_differ() {
    let (token, key) = partition_of(0);
    let of = |timestamp_us| {
        let whole = Deletion { timestamp_us, local_deletion_time_s: NOW_S, issue_stamp: 0 };
        let (key, rows) = (key.clone(), Vec::new());
        let one = Partition { token, key, deletion: Some(whole), range_tombstones: vec![], static_row: None, rows };
        digest(&ReadResult { partitions: vec![one], ..Default::default() })
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partitions_merge_lawfully(a in same_partition(), b in same_partition(), c in same_partition()) {
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&a, &a), a.clone());
        prop_assert_eq!(joined(&joined(&a, &b), &b), joined(&a, &b));
    }

    #[test]
    fn rows_merge_lawfully(a in row(true), b in row(true), c in row(true)) {
        let joined = |a: &Row, b: &Row| { let mut row = a.clone(); merge_row(&mut row, b.clone()); row };
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
        prop_assert_eq!(joined(&a, &a), a);
    }

    #[test]
    fn cells_are_totally_ordered(a in cell(), b in cell(), c in cell()) {
        prop_assert_eq!(compare_cells(&a, &b), compare_cells(&b, &a).reverse());
        prop_assert_eq!(compare_cells(&a, &b).is_eq(), a == b);
        if compare_cells(&a, &b).is_le() && compare_cells(&b, &c).is_le() {
            prop_assert!(compare_cells(&a, &c).is_le());
        }
    }

    #[test]
    fn range_tombstones_normalise_to_the_greatest_deletion_at_each_position(list in vec(range(), 0..8)) {
        let mut normal = list.clone();
        ranges::normalise(&mut normal);
        for pair in normal.windows(2) {
            prop_assert!(pair[0].end < pair[1].start || (pair[0].end == pair[1].start && pair[0].deletion != pair[1].deletion));
        }
        let rank = |d: Deletion| (d.timestamp_us, d.local_deletion_time_s, d.issue_stamp);
        for number in 0..8u8 {
            let key = clustering(number);
            for position in [key.clone(), [&key[..], &[0]].concat().into(), [&key[..], &[0xFF]].concat().into()] {
                let position: Bytes = position;
                let covering = list.iter().filter(|t| t.start <= position && position < t.end).map(|t| rank(t.deletion)).max();
                prop_assert_eq!(ranges::covering(&normal, &position).map(rank), covering);
            }
        }
        let mut reversed: Vec<_> = list.into_iter().rev().collect();
        ranges::normalise(&mut reversed);
        prop_assert_eq!(reversed, normal);
    }

    #[test]
    fn range_tombstones_within_slices_cover_what_lies_in_them(list in vec(range(), 0..6), bounds in vec(0..9u8, 4)) {
        let mut normal = list;
        ranges::normalise(&mut normal);
        let mut bounds = bounds;
        bounds.sort_unstable();
        let slice = |a: u8, b: u8| Slice { start: clustering(a), end: clustering(b) };
        let slices = vec![slice(bounds[0], bounds[1]), slice(bounds[1], bounds[2])];
        let within = ranges::within(&normal, &slices);
        for number in 0..9u8 {
            let key = clustering(number);
            let inside = slices.iter().any(|slice| slice.contains(&key));
            let expected = ranges::covering(&normal, &key).filter(|_| inside);
            prop_assert_eq!(ranges::covering(&within, &key), expected);
        }
    }

    #[test]
    fn canonical_form_agrees_with_the_model(mutations in vec(mutation(), 0..8)) {
        let mut mutations = mutations;
        for mutation in &mut mutations {
            (mutation.partition.token, mutation.partition.key) = partition_of(0);
        }
        let Some((first, rest)) = mutations.split_first() else { return Ok(()) };
        let merged = rest.iter().fold(first.partition.clone(), |merged, m| joined(&merged, &m.partition));
        for gc_grace_s in [0, 1, 100] {
            let canonical = canonical(merged.clone(), NOW_S, gc_grace_s);
            let mut live = ModelRows::new();
            add_live(&mut live, &ReadResult { partitions: vec![canonical], ..Default::default() }, NOW_S);
            prop_assert_eq!(live, model(&mutations, NOW_S));
        }
    }

    /// Replicas that reduced what they hold at different moments agree.
    #[test]
    fn canonical_form_does_not_depend_on_earlier_reductions(a in same_partition(), b in same_partition()) {
        let whole = canonical(joined(&a, &b), NOW_S, 100);
        let reduced = joined(&canonical(a, NOW_S, 100), &canonical(b, NOW_S, 100));
        let reduced = canonical(reduced, NOW_S, 100);
        prop_assert_eq!(&whole, &reduced);
        prop_assert_eq!(&canonical(whole.clone(), NOW_S, 100), &whole);
        let of = |partition: Partition| digest(&ReadResult { partitions: vec![partition], ..Default::default() });
        prop_assert_eq!(of(whole), of(reduced));
    }

    #[test]
    fn what_is_old_and_dead_leaves_no_trace(a in same_partition()) {
        let mut later = canonical(a, NOW_S + 100, 10);
        later.rows.retain(|(_, row)| !starling_storage::live::is_live(row, NOW_S + 100));
        later.static_row = None;
        prop_assert!(partition_is_empty(&later));
    }
}
