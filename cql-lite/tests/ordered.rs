//! The ordered encoding against reference comparisons written the other way round: on decoded values.

#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;

use num_bigint::BigInt;
use proptest::prelude::*;
use starling_cql_lite::ordered::{compare, decode, encode};
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Decimal;

fn ordered(ty: &CqlType, wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(ty, wire, &mut out).unwrap();
    out
}

/// Checks order and round trip of two values whose order is known.
fn check(ty: &CqlType, a: &[u8], b: &[u8], expected: Ordering) -> Result<(), TestCaseError> {
    let (left, right) = (ordered(ty, a), ordered(ty, b));
    prop_assert_eq!(left.cmp(&right), expected, "{} {:?} {:?}", ty, a, b);
    prop_assert_eq!(compare(ty, a, b), expected);
    for (wire, bytes) in [(a, &left), (b, &right)] {
        if let Some(length) = ty.fixed_length() {
            prop_assert_eq!(bytes.len(), length);
        }
        let back = decode(ty, bytes).unwrap();
        prop_assert_eq!(&ordered(ty, &back), bytes);
        prop_assert_eq!(compare(ty, wire, &back), Ordering::Equal);
    }
    Ok(())
}

fn exact(ty: &CqlType, wire: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(decode(ty, &ordered(ty, wire)).unwrap(), wire);
    Ok(())
}

fn uuid_order(a: u128, b: u128) -> Ordering {
    let version = |id: u128| (id >> 76) & 0xF;
    let low = |id: u128| id as u64;
    version(a).cmp(&version(b)).then_with(|| match version(a) {
        1 => time(a).cmp(&time(b)).then(low(a).cmp(&low(b))),
        _ => a.cmp(&b),
    })
}

fn time(id: u128) -> u64 {
    let high = (id >> 64) as u64;
    ((high & 0xFFF) << 48) | (((high >> 16) & 0xFFFF) << 32) | (high >> 32)
}

fn as_version_1(id: u128) -> u128 {
    (id & !(0xF << 76)) | (1 << 76)
}

fn timeuuid_order(a: u128, b: u128) -> Ordering {
    let signed = |id: u128| (id as u64).to_be_bytes().map(|byte| byte as i8);
    time(a).cmp(&time(b)).then_with(|| signed(a).cmp(&signed(b)))
}

/// Java's `Double.compare`.
fn double_order(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(&b),
        (x, y) => x.cmp(&y),
    }
}

fn decimal_wire(unscaled: &BigInt, scale: i32) -> Vec<u8> {
    let mut out = Vec::new();
    Decimal { unscaled: unscaled.clone(), scale }.encode(&mut out);
    out
}

fn big() -> impl Strategy<Value = BigInt> {
    prop_oneof![
        any::<i64>().prop_map(BigInt::from),
        (-300..300_i64).prop_map(BigInt::from),
        prop::collection::vec(any::<u8>(), 1..150).prop_map(|bytes| BigInt::from_signed_bytes_be(&bytes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn integers(a: i64, b: i64, c: u32, d: u32) {
        for ty in [CqlType::BigInt, CqlType::Timestamp] {
            check(&ty, &a.to_be_bytes(), &b.to_be_bytes(), a.cmp(&b))?;
            exact(&ty, &a.to_be_bytes())?;
        }
        let (ai, bi) = (a as i32, b as i32);
        check(&CqlType::Int, &ai.to_be_bytes(), &bi.to_be_bytes(), ai.cmp(&bi))?;
        let (ai, bi) = (a as i16, b as i16);
        check(&CqlType::SmallInt, &ai.to_be_bytes(), &bi.to_be_bytes(), ai.cmp(&bi))?;
        let (ai, bi) = (a as i8, b as i8);
        check(&CqlType::TinyInt, &ai.to_be_bytes(), &bi.to_be_bytes(), ai.cmp(&bi))?;
        check(&CqlType::Date, &c.to_be_bytes(), &d.to_be_bytes(), c.cmp(&d))?;
        exact(&CqlType::Date, &c.to_be_bytes())?;
    }

    #[test]
    fn floats(a: u64, b: u64, which in 0..8_usize) {
        let edges = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -1.0];
        for (x, y) in [(f64::from_bits(a), f64::from_bits(b)), (f64::from_bits(a), edges[which]), (edges[which], edges[a as usize % 8])] {
            check(&CqlType::Double, &x.to_be_bytes(), &y.to_be_bytes(), double_order(x, y))?;
            let (xf, yf) = (x as f32, y as f32);
            check(&CqlType::Float, &xf.to_be_bytes(), &yf.to_be_bytes(), double_order(f64::from(xf), f64::from(yf)))?;
            if !x.is_nan() {
                exact(&CqlType::Double, &x.to_be_bytes())?;
            }
        }
    }

    #[test]
    fn uuids(a: u128, b: u128, version_1: bool, near: bool) {
        let b = if near { (a & !0xFFFF_FFFF) | (b & 0xFFFF_FFFF) } else { b };
        let (a, b) = if version_1 { (as_version_1(a), as_version_1(b)) } else { (a, b) };
        check(&CqlType::Uuid, &a.to_be_bytes(), &b.to_be_bytes(), uuid_order(a, b))?;
        exact(&CqlType::Uuid, &a.to_be_bytes())?;
        let (a, b) = (as_version_1(a), as_version_1(b));
        check(&CqlType::TimeUuid, &a.to_be_bytes(), &b.to_be_bytes(), timeuuid_order(a, b))?;
        exact(&CqlType::TimeUuid, &a.to_be_bytes())?;
    }

    #[test]
    fn varints(a in big(), b in big()) {
        let (x, y) = (a.to_signed_bytes_be(), b.to_signed_bytes_be());
        check(&CqlType::Varint, &x, &y, a.cmp(&b))?;
        exact(&CqlType::Varint, &x)?;
        // Needless leading bytes change nothing.
        let pad = if x[0] & 0x80 == 0 { 0 } else { 0xFF };
        check(&CqlType::Varint, &[&[pad, pad], &x[..]].concat(), &x, Ordering::Equal)?;
    }

    #[test]
    fn decimals(a in big(), b in big(), scale_a in -20..20_i32, scale_b in -20..20_i32, zeros in 0..5_u32) {
        let ten = |n: i32| BigInt::from(10).pow(n as u32);
        let expected = (&a * ten(20 - scale_a)).cmp(&(&b * ten(20 - scale_b)));
        let (x, y) = (decimal_wire(&a, scale_a), decimal_wire(&b, scale_b));
        check(&CqlType::Decimal, &x, &y, expected)?;
        let same = decimal_wire(&(&a * ten(zeros as i32)), scale_a + zeros as i32);
        check(&CqlType::Decimal, &x, &same, Ordering::Equal)?;
    }

    #[test]
    fn bytes_and_hostile_input(a in prop::collection::vec(any::<u8>(), 0..20), b in prop::collection::vec(any::<u8>(), 0..20)) {
        check(&CqlType::Blob, &a, &b, a.cmp(&b))?;
        exact(&CqlType::Blob, &a)?;
        for name in ["int", "boolean", "time", "inet", "varint", "decimal", "uuid", "timeuuid", "float", "list<int>", "duration",
            "map<text, varint>", "tuple<int, decimal>", "vector<int, 2>"] {
            let ty = CqlType::parse(name).unwrap();
            let _ = decode(&ty, &a);
            let _ = encode(&ty, &a, &mut Vec::new());
            // A total order on anything.
            prop_assert_eq!(compare(&ty, &a, &b), compare(&ty, &b, &a).reverse());
            prop_assert_eq!(compare(&ty, &a, &a), Ordering::Equal);
        }
    }
}

#[test]
fn decimals_have_one_form_as_keys() {
    let cases = [
        ("1.50", "1.5"),
        ("100", "100"),
        ("0.000", "0"),
        ("-7.0", "-7"),
        ("1e3", "1000"),
        ("1e40", "1E+40"),
        ("-0.010", "-0.01"),
    ];
    for (text, shown) in cases {
        let mut wire = Vec::new();
        text.parse::<Decimal>().unwrap().encode(&mut wire);
        let back = decode(&CqlType::Decimal, &ordered(&CqlType::Decimal, &wire)).unwrap();
        assert_eq!(Decimal::decode(&back).unwrap().to_string(), shown);
    }
    for scale in [i32::MIN, i32::MAX] {
        let wire = decimal_wire(&BigInt::from(-500), scale);
        let bytes = ordered(&CqlType::Decimal, &wire);
        let back = decode(&CqlType::Decimal, &bytes).unwrap();
        assert_eq!(ordered(&CqlType::Decimal, &back), bytes);
    }
}

#[test]
fn empty_values_and_types_without_order() {
    for name in ["int", "boolean", "uuid", "double"] {
        assert!(encode(&CqlType::parse(name).unwrap(), &[], &mut Vec::new()).is_err());
    }
    for name in ["varint", "decimal", "text", "inet"] {
        let ty = CqlType::parse(name).unwrap();
        assert!(ordered(&ty, &[]).is_empty() && decode(&ty, &[]).unwrap().is_empty());
    }
    for name in ["duration", "counter"] {
        assert!(encode(&CqlType::parse(name).unwrap(), &[0; 8], &mut Vec::new()).is_err());
    }
}

#[test]
fn collections_compare_element_by_element() {
    let list = CqlType::parse("list<int>").unwrap();
    let wire = |items: &[i32]| {
        let items: Vec<[u8; 4]> = items.iter().map(|i| i.to_be_bytes()).collect();
        starling_cql_lite::collection::encode_list(&items).unwrap()
    };
    assert_eq!(compare(&list, &wire(&[5]), &wire(&[1, 2])), Ordering::Greater);
    assert_eq!(compare(&list, &wire(&[-1]), &wire(&[0])), Ordering::Less);
    assert_eq!(compare(&list, &wire(&[1]), &wire(&[1, 2])), Ordering::Less);
}

fn composite_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "list<int>",
        "list<text>",
        "set<varint>",
        "map<text, int>",
        "map<int, frozen<list<blob>>>",
        "tuple<int, text, blob>",
        "tuple<frozen<list<text>>, bigint>",
        "vector<float, 2>",
        "vector<text, 2>",
        "list<vector<float, 2>>",
        "set<frozen<tuple<int, text>>>",
        "tuple<tuple<int, int>, int>",
    ])
}

/// A value of a type from random bytes, small so that values often begin alike.
fn composite_value(ty: &CqlType, bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    use starling_cql_lite::collection::{encode_list, encode_map, encode_set, encode_tuple, encode_vector};
    let mut next = || bytes.next().unwrap_or(0);
    let count = usize::from(next() % 3);
    match ty.unfrozen() {
        CqlType::List(e) => {
            encode_list(&(0..count).map(|_| composite_value(e, bytes)).collect::<Vec<_>>()).unwrap().to_vec()
        }
        CqlType::Set(e) => encode_set(e, (0..count).map(|_| composite_value(e, bytes)).collect()).unwrap().to_vec(),
        CqlType::Map(k, v) => {
            let entries = (0..count).map(|_| (composite_value(k, bytes), composite_value(v, bytes))).collect();
            encode_map(k, entries).unwrap().to_vec()
        }
        CqlType::Tuple(types) => {
            let given = bytes.next().unwrap_or(0);
            let field =
                |(at, ty): (usize, &CqlType), bytes: &mut _| (given >> at & 1 == 0).then(|| composite_value(ty, bytes));
            let fields: Vec<Option<Vec<u8>>> = types.iter().enumerate().map(|each| field(each, bytes)).collect();
            encode_tuple(&fields).unwrap().to_vec()
        }
        CqlType::Vector(e, n) => {
            encode_vector(e, &(0..*n).map(|_| composite_value(e, bytes)).collect::<Vec<_>>()).unwrap().to_vec()
        }
        CqlType::Text => "a\0b".as_bytes()[..count].to_vec(),
        CqlType::Blob => [0, 255, 0][..count].to_vec(),
        CqlType::Varint => BigInt::from(i64::from(bytes.next().unwrap_or(0) as i8) * 300).to_signed_bytes_be(),
        CqlType::Float => f32::from(bytes.next().unwrap_or(0) as i8).to_be_bytes().to_vec(),
        CqlType::BigInt => i64::from(bytes.next().unwrap_or(0) as i8).to_be_bytes().to_vec(),
        // Sometimes the empty value.
        _ if count == 0 => Vec::new(),
        _ => i32::from(bytes.next().unwrap_or(0) as i8).to_be_bytes().to_vec(),
    }
}

proptest! {
    #[test]
    fn composites_keep_their_order_and_come_back(
        name in composite_type(),
        a in prop::collection::vec(0..4_u8, 0..30),
        b in prop::collection::vec(0..4_u8, 0..30),
    ) {
        let ty = CqlType::parse(name).unwrap();
        let a = composite_value(&ty, &mut a.into_iter());
        let b = composite_value(&ty, &mut b.into_iter());
        check(&ty, &a, &b, compare(&ty, &a, &b))?;
        // Tuples lose the nulls at their end, which say nothing.
        if !name.contains("tuple") {
            exact(&ty, &a)?;
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(name in composite_type(), bytes in prop::collection::vec(0..5_u8, 0..30)) {
        let ty = CqlType::parse(name).unwrap();
        let _ = decode(&ty, &bytes);
        let _ = encode(&ty, &bytes, &mut Vec::new());
    }
}

#[test]
fn fields_left_out_are_null_and_take_no_room() {
    use starling_cql_lite::collection::{encode_list, encode_tuple, sort_parts};
    let many = format!("tuple<{}>", vec!["int"; 1_000].join(", "));
    let tuple = CqlType::parse(&many).unwrap();
    let wire = |fields: &[Option<i32>]| {
        let fields: Vec<_> = fields.iter().map(|field| field.map(i32::to_be_bytes)).collect();
        encode_tuple(&fields).unwrap()
    };
    assert_eq!(compare(&tuple, &wire(&[Some(1)]), &wire(&[Some(1), None])), Ordering::Equal);
    assert_eq!(compare(&tuple, &wire(&[Some(1)]), &wire(&[Some(1), None, Some(0)])), Ordering::Less);
    assert_eq!(compare(&tuple, &[], &wire(&[None])), Ordering::Less);
    assert_eq!(ordered(&tuple, &wire(&[Some(1)])), ordered(&tuple, &wire(&[Some(1), None])));
    let list = CqlType::parse(&format!("list<{many}>")).unwrap();
    let value = encode_list(&vec![wire(&[None]); 1_000]).unwrap();
    assert!(ordered(&list, &value).len() < value.len());
    assert!(sort_parts(&list, &value).unwrap().len() <= value.len());
}

/// docs/FORMATS.md: stored paths and clustering keys have this form.
#[test]
fn bytes_of_composites_stay_as_they_are() {
    use starling_cql_lite::value::Value;
    let text = |text: &str| Value::from(text);
    let cases = [
        ("list<text>", Value::List(vec![text("a"), text("b\0"), text("")]), "03 61 00 00 03 62 00 ff 00 00 02 00"),
        ("set<int>", Value::Set(vec![Value::Int(1), Value::Int(-1)]), "03 7f ff ff ff 03 80 00 00 01 00"),
        ("map<int, text>", Value::Map(vec![(Value::Int(1), text("x"))]), "03 80 00 00 01 03 78 00 00 00"),
        (
            "list<list<int>>",
            Value::List(vec![Value::List(vec![Value::Int(0)])]),
            "03 03 80 00 ff 00 ff 00 ff 00 ff 00 00 00",
        ),
        ("tuple<int, text>", Value::Tuple(vec![Value::Int(5), text("x")]), "03 80 00 00 05 03 78 00 00"),
        ("tuple<int, text>", Value::Tuple(vec![Value::Null, text("x")]), "01 03 78 00 00"),
        ("tuple<int, text>", Value::Tuple(vec![Value::Int(5), Value::Null]), "03 80 00 00 05 00"),
        ("vector<int, 2>", Value::Vector(vec![Value::Int(5), Value::Int(6)]), "03 80 00 00 05 03 80 00 00 06"),
    ];
    for (name, value, bytes) in cases {
        let ty = CqlType::parse(name).unwrap();
        let wire = value.encode(&ty).unwrap().unwrap();
        let shown: Vec<String> = ordered(&ty, &wire).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown.join(" "), bytes, "{name} {value:?}");
    }
}
