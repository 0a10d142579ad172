//! How far an answer reaches: positions in the order of a read, and cutting partitions off behind them.

use std::cmp::Ordering;

use bytes::Bytes;
use starling_storage::key;
use starling_storage::model::{Partition, Position};

/// Order of positions as a read meets them. A finished partition comes after all its rows.
pub(crate) fn compare(a: &Position, b: &Position, reversed: bool) -> Ordering {
    (a.token, &a.key).cmp(&(b.token, &b.key)).then_with(|| match (&a.clustering, &b.clustering) {
        (Some(a), Some(b)) => compare_clustering(a, b, reversed),
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    })
}

/// Order of clustering keys as a read meets them.
pub(crate) fn compare_clustering(a: &Bytes, b: &Bytes, reversed: bool) -> Ordering {
    if reversed { b.cmp(a) } else { a.cmp(b) }
}

/// The earlier of two positions; `None` is the end of the target.
pub(crate) fn earlier(a: Option<Position>, b: Option<Position>, reversed: bool) -> Option<Position> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if compare(&b, &a, reversed) == Ordering::Less { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Drops the rows and the parts of range tombstones that a read meets after `last`.
pub(crate) fn cut_off(partition: &mut Partition, last: &Bytes, reversed: bool) {
    partition.rows.retain(|(clustering, _)| compare_clustering(clustering, last, reversed) != Ordering::Greater);
    let after = key::successor(last);
    for tombstone in &mut partition.range_tombstones {
        if reversed && tombstone.start < *last {
            tombstone.start = last.clone();
        } else if !reversed && tombstone.end > after {
            tombstone.end = after.clone();
        }
    }
    partition.range_tombstones.retain(|tombstone| tombstone.start < tombstone.end);
}

/// Drops from ascending partitions all that a read meets after `bound`.
pub(crate) fn cut_off_all(partitions: &mut Vec<Partition>, bound: &Position, reversed: bool) {
    partitions.retain(|partition| (partition.token, &partition.key) <= (bound.token, &bound.key));
    if let (Some(partition), Some(last)) = (partitions.last_mut(), &bound.clustering)
        && partition.token == bound.token
        && partition.key == bound.key
    {
        cut_off(partition, last, reversed);
    }
}
