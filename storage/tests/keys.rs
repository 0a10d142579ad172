//! Keys: their byte order is the clustering order, and they come back as they went in.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::cmp::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;
use starling_ring::Token;
use starling_storage::key::*;
use starling_storage::model::{Slice, TableId, TableRef};

const SPECS: [ComponentSpec; 4] = [
    ComponentSpec { fixed_length: None, reversed: false },
    ComponentSpec { fixed_length: Some(2), reversed: true },
    ComponentSpec { fixed_length: None, reversed: true },
    ComponentSpec { fixed_length: Some(1), reversed: false },
];

/// Bytes that are awkward for escapes are frequent.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0x00), Just(0x01), Just(0x02), Just(0xFE), Just(0xFF), any::<u8>()]
}

fn components() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let fixed = |length: usize| prop_oneof![1 => Just(vec![]), 4 => vec(byte(), length)];
    (vec(byte(), 0..4), fixed(2), vec(byte(), 0..4), fixed(1)).prop_map(|(a, b, c, d)| vec![a, b, c, d])
}

fn composed(components: &[Vec<u8>]) -> Vec<u8> {
    let zipped = components.iter().zip(SPECS);
    let components: Vec<KeyComponent<'_>> =
        zipped.map(|(bytes, s)| KeyComponent { bytes, fixed_length: s.fixed_length, reversed: s.reversed }).collect();
    compose(&components)
}

fn ordered(a: &[Vec<u8>], b: &[Vec<u8>]) -> Ordering {
    let each = a.iter().zip(b).zip(SPECS).map(|((a, b), s)| if s.reversed { b.cmp(a) } else { a.cmp(b) });
    each.fold(Ordering::Equal, Ordering::then)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn byte_order_is_clustering_order(a in components(), b in components()) {
        prop_assert_eq!(composed(&a).cmp(&composed(&b)), ordered(&a, &b));
    }

    #[test]
    fn decompose_undoes_compose(a in components(), count in 0..=4usize) {
        let key = composed(&a[..count]);
        prop_assert_eq!(decompose(&SPECS[..count], &key), Ok(a[..count].to_vec()));
        for end in 0..key.len() {
            prop_assert!(decompose(&SPECS[..count], &key[..end]).is_err());
        }
    }

    #[test]
    fn bounds_enclose_exactly_the_extensions(a in components(), b in components(), count in 0..=4usize) {
        let (prefix, key) = (composed(&a[..count]), composed(&b));
        let is_extension = ordered(&a[..count], &b[..count]) == Ordering::Equal;
        prop_assert_eq!(key.starts_with(&prefix), is_extension);
        prop_assert_eq!(Slice::of_prefix(&prefix).contains(&key), is_extension);
        prop_assert!(bound_after(&prefix) > key || !is_extension);
        prop_assert_eq!(Slice::of_row(composed(&a).into()).contains(&key), a == b);
    }

    #[test]
    fn decompose_of_anything_does_not_panic(bytes in vec(byte(), 0..24)) {
        let _ = decompose(&SPECS, &bytes);
        let _ = parse_engine_key(&bytes);
    }

    #[test]
    fn engine_keys_are_in_order_of_token_then_key(
        a in (any::<i64>(), vec(byte(), 0..4), components()),
        b in (any::<i64>(), vec(byte(), 0..4), components()),
        bounds in (any::<i64>(), any::<i64>()),
    ) {
        let table = TableRef { id: TableId(7), incarnation: 3 };
        let key = |(token, key, c): &(i64, Vec<u8>, Vec<Vec<u8>>)| row_key(table, Token(*token), key, &composed(c));
        let expected = (a.0, &a.1).cmp(&(b.0, &b.1)).then(ordered(&a.2, &b.2));
        prop_assert_eq!(key(&a).cmp(&key(&b)), expected);
        let parsed = parse_engine_key(&key(&a)).unwrap();
        prop_assert_eq!((parsed.table, parsed.token, parsed.key.to_vec()), (table, Token(a.0), a.1.clone()));
        prop_assert_eq!(&key(&a)[parsed.prefix_length..], composed(&a.2));
        let prefix = partition_prefix(table, Token(a.0), &a.1);
        let is_within = (prefix.clone()..partition_end(&prefix)).contains(&key(&b));
        prop_assert_eq!(is_within, (a.0, &a.1) == (b.0, &b.1));
        let (start, end) = token_range(table, Token(bounds.0), Token(bounds.1));
        prop_assert_eq!(start <= key(&a) && key(&a) < end, bounds.0 < a.0 && a.0 <= bounds.1);
    }
}

#[test]
fn token_ranges_include_both_ends_of_the_ring() {
    let table = TableRef { id: TableId(7), incarnation: u32::MAX };
    let (start, end) = token_range(table, Token::MIN, Token::MAX);
    for token in [i64::MIN, -1, 0, i64::MAX] {
        let key = row_key(table, Token(token), &[0xFF; 8], &[0xFF]);
        assert!(start <= key && key < end);
    }
    let (start, end) = token_range(table, Token::MAX, Token::MAX);
    assert!(start >= end);
}
