//! Sets of clustering positions: sorted, disjoint slices, from comparisons of one column or of tuples.

use bytes::Bytes;
use starling_storage::key;
use starling_storage::model::Slice;

/// A composed component of a clustering key and whether its column is in descending order.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    /// The component, composed (inverted already if reversed).
    pub composed: Vec<u8>,
    /// CLUSTERING ORDER BY ... DESC.
    pub reversed: bool,
}

/// Which side of a tuple a comparison keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Greater in CQL's order.
    Above,
    /// Less in CQL's order.
    Below,
}

/// The position after everything that starts with `prefix`; `complete`: it is a whole clustering key.
fn after(prefix: &[u8], complete: bool) -> Bytes {
    if complete { key::successor(prefix) } else { key::bound_after(prefix) }
}

/// All keys that start with `prefix`; `complete`: the prefix is a whole clustering key.
pub(crate) fn point(prefix: &[u8], complete: bool) -> Slice {
    if complete { Slice::of_row(Bytes::copy_from_slice(prefix)) } else { Slice::of_prefix(prefix) }
}

/// The keys below `prefix` whose next columns compare to `tuple` as asked, in CQL's order of tuples.
/// `complete`: prefix and tuple together make a whole clustering key.
pub(crate) fn comparison(
    prefix: &[u8],
    tuple: &[Component],
    side: Side,
    inclusive: bool,
    complete: bool,
) -> Vec<Slice> {
    let mut slices = Vec::with_capacity(tuple.len() + 1);
    let mut equal = prefix.to_vec();
    for (index, component) in tuple.iter().enumerate() {
        let parent = equal.clone();
        equal.extend_from_slice(&component.composed);
        let is_whole = complete && index + 1 == tuple.len();
        // In storage order the greater side comes last, unless the column is reversed.
        if (side == Side::Above) != component.reversed {
            slices.push(Slice { start: after(&equal, is_whole), end: key::bound_after(&parent) });
        } else {
            slices.push(Slice { start: key::bound_before(&parent), end: key::bound_before(&equal) });
        }
    }
    if inclusive {
        slices.push(point(&equal, complete));
    }
    normalize(slices)
}

/// Sorts, drops what is empty, and joins what touches or overlaps.
pub(crate) fn normalize(mut slices: Vec<Slice>) -> Vec<Slice> {
    slices.retain(|slice| slice.start < slice.end);
    slices.sort_unstable_by(|a, b| a.start.cmp(&b.start));
    let mut joined: Vec<Slice> = Vec::with_capacity(slices.len());
    for slice in slices {
        match joined.last_mut() {
            Some(last) if slice.start <= last.end => {
                if slice.end > last.end {
                    last.end = slice.end;
                }
            }
            _ => joined.push(slice),
        }
    }
    joined
}

/// What two normalised sets have in common.
pub(crate) fn intersect(left: &[Slice], right: &[Slice]) -> Vec<Slice> {
    let mut common = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        let start = a.start.clone().max(b.start.clone());
        let end = a.end.clone().min(b.end.clone());
        if start < end {
            common.push(Slice { start, end });
        }
        if a.end < b.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}
