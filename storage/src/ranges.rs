//! Range tombstones as a function from positions to deletions: sorted, disjoint pieces, equal neighbours joined.
//!
//! That form is unique, so replicas that received overlapping ranges in any order hold the same bytes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::merge::compare_deletions;
use crate::model::{Deletion, RangeTombstone, Slice};

/// Brings range tombstones into their unique form: where several overlap the greatest deletion holds.
pub fn normalise(tombstones: &mut Vec<RangeTombstone>) {
    if is_normal(tombstones) {
        return;
    }
    let mut starts: BTreeMap<Bytes, Vec<Deletion>> = BTreeMap::new();
    let mut ends: BTreeMap<Bytes, Vec<Deletion>> = BTreeMap::new();
    for tombstone in tombstones.drain(..).filter(|t| t.start < t.end) {
        starts.entry(tombstone.start.clone()).or_default().push(tombstone.deletion);
        // Every end is a boundary too, even where nothing starts.
        starts.entry(tombstone.end.clone()).or_default();
        ends.entry(tombstone.end).or_default().push(tombstone.deletion);
    }
    let mut active: BTreeMap<(i64, i64, u64), usize> = BTreeMap::new();
    let rank = |d: &Deletion| (d.timestamp_us, d.local_deletion_time_s, d.issue_stamp);
    let mut open: Option<(Bytes, Deletion)> = None;
    for (boundary, starting) in starts {
        for ended in ends.get(&boundary).into_iter().flatten() {
            if let Some(count) = active.get_mut(&rank(ended)) {
                *count -= 1;
                if *count == 0 {
                    active.remove(&rank(ended));
                }
            }
        }
        for started in &starting {
            *active.entry(rank(started)).or_default() += 1;
        }
        let greatest = active.last_key_value().map(|(&(timestamp_us, local_deletion_time_s, issue_stamp), _)| {
            Deletion { timestamp_us, local_deletion_time_s, issue_stamp }
        });
        if open.as_ref().map(|(_, deletion)| *deletion) == greatest {
            continue;
        }
        if let Some((start, deletion)) = open.take() {
            tombstones.push(RangeTombstone { start, end: boundary.clone(), deletion });
        }
        open = greatest.map(|deletion| (boundary, deletion));
    }
}

fn is_normal(tombstones: &[RangeTombstone]) -> bool {
    tombstones.iter().all(|t| t.start < t.end)
        && tombstones.windows(2).all(|pair| match pair[0].end.cmp(&pair[1].start) {
            Ordering::Less => true,
            Ordering::Equal => pair[0].deletion != pair[1].deletion,
            Ordering::Greater => false,
        })
}

/// The deletion that covers `key`, of normalised range tombstones.
pub fn covering(tombstones: &[RangeTombstone], key: &[u8]) -> Option<Deletion> {
    let after = tombstones.partition_point(|t| t.start.as_ref() <= key);
    let candidate = tombstones.get(after.checked_sub(1)?)?;
    (key < candidate.end.as_ref()).then_some(candidate.deletion)
}

/// Drops pieces that a deletion of the whole partition shadows; the pieces stay normalised.
pub fn drop_shadowed(tombstones: &mut Vec<RangeTombstone>, partition: Option<Deletion>) {
    if let Some(partition) = partition {
        tombstones.retain(|t| t.deletion.timestamp_us > partition.timestamp_us);
    }
}

/// The parts of normalised range tombstones that lie within ascending, disjoint slices.
pub fn within(tombstones: &[RangeTombstone], slices: &[Slice]) -> Vec<RangeTombstone> {
    let mut parts = Vec::new();
    for slice in slices {
        let first = tombstones.partition_point(|t| t.end <= slice.start);
        for tombstone in tombstones.iter().skip(first).take_while(|t| t.start < slice.end) {
            parts.push(RangeTombstone {
                start: tombstone.start.clone().max(slice.start.clone()),
                end: tombstone.end.clone().min(slice.end.clone()),
                deletion: tombstone.deletion,
            });
        }
    }
    // Slices that touch cut one tombstone in two: joined again, for the form is unique.
    normalise(&mut parts);
    parts
}

/// The greater of two deletions.
pub fn greater(a: Option<Deletion>, b: Option<Deletion>) -> Option<Deletion> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if compare_deletions(&a, &b) == Ordering::Less { b } else { a }),
        (a, b) => a.or(b),
    }
}
