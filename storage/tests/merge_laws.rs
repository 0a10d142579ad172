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
