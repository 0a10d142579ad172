//! Comparing two values in CQL's order, collections element by element.

use std::cmp::Ordering;

use super::encode;
use crate::collection::{Elements, tuple_fields, vector_elements};
use crate::types::CqlType;

/// CQL's order of two values in wire form. Total on any bytes: values that cannot be read are compared as
/// bytes.
pub fn compare(ty: &CqlType, a: &[u8], b: &[u8]) -> Ordering {
    let ty = ty.unfrozen();
    match ty {
        CqlType::Text | CqlType::Ascii | CqlType::Blob | CqlType::Inet => a.cmp(b),
        CqlType::List(element) | CqlType::Set(element) => compare_elements(a, b, 1, |_, x, y| compare(element, x, y)),
        CqlType::Map(key, value) => {
            compare_elements(a, b, 2, |i, x, y| compare(if i % 2 == 0 { key } else { value }, x, y))
        }
        CqlType::Tuple(types) => compare_fields(types, a, b),
        CqlType::Udt { fields, .. } => {
            let types: Vec<CqlType> = fields.iter().map(|(_, ty)| ty.clone()).collect();
            compare_fields(&types, a, b)
        }
        CqlType::Vector(element, dimension) => {
            match (vector_elements(element, *dimension, a), vector_elements(element, *dimension, b)) {
                (Ok(left), Ok(right)) => {
                    let orders = left.iter().zip(&right).map(|(x, y)| compare(element, x, y));
                    orders.fold(Ordering::Equal, Ordering::then)
                }
                (left, right) => left.is_ok().cmp(&right.is_ok()).then_with(|| a.cmp(b)),
            }
        }
        scalar => compare_scalars(scalar, a, b),
    }
}

fn compare_scalars(ty: &CqlType, a: &[u8], b: &[u8]) -> Ordering {
    // The empty value comes first, as in Cassandra.
    if a.is_empty() || b.is_empty() {
        return a.len().cmp(&b.len());
    }
    if matches!(ty, CqlType::Counter) {
        return compare_scalars(&CqlType::BigInt, a, b);
    }
    let (mut left, mut right) = (Vec::with_capacity(16), Vec::with_capacity(16));
    match (encode(ty, a, &mut left), encode(ty, b, &mut right)) {
        (Ok(()), Ok(())) => left.cmp(&right),
        (left, right) => left.is_ok().cmp(&right.is_ok()).then_with(|| a.cmp(b)),
    }
}

fn compare_elements(
    a: &[u8],
    b: &[u8],
    per_entry: usize,
    mut compare: impl FnMut(usize, &[u8], &[u8]) -> Ordering,
) -> Ordering {
    let (Some(left), Some(right)) = (all_elements(a, per_entry), all_elements(b, per_entry)) else {
        let readable = |wire| all_elements(wire, per_entry).is_some();
        return readable(a).cmp(&readable(b)).then_with(|| a.cmp(b));
    };
    for (i, (x, y)) in left.iter().zip(&right).enumerate() {
        let order = compare(i, x, y);
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

fn all_elements(wire: &[u8], per_entry: usize) -> Option<Vec<&[u8]>> {
    let mut elements = Elements::new(wire, per_entry).ok()?;
    let mut all = Vec::with_capacity(elements.remaining());
    while let Some(item) = elements.next_element().ok()? {
        all.push(item);
    }
    elements.finish().ok()?;
    Some(all)
}

/// The empty value comes first, and null fields before others; those left out are null.
fn compare_fields(types: &[CqlType], a: &[u8], b: &[u8]) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return b.is_empty().cmp(&a.is_empty());
    }
    let (Ok(left), Ok(right)) = (tuple_fields(a, types.len()), tuple_fields(b, types.len())) else {
        let readable = |wire| tuple_fields(wire, types.len()).is_ok();
        return readable(a).cmp(&readable(b)).then_with(|| a.cmp(b));
    };
    for (at, ty) in types.iter().enumerate().take(left.len().max(right.len())) {
        let order = match (left.get(at).copied().flatten(), right.get(at).copied().flatten()) {
            (Some(x), Some(y)) => compare(ty, x, y),
            (x, y) => x.is_some().cmp(&y.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
