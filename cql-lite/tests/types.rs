//! Types as text, class names and protocol options; which bytes are values.

#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use proptest::prelude::*;
use starling_cql_lite::protocol::wire::Reader;
use starling_cql_lite::types::{CqlType, TypeParseError};
use starling_cql_lite::value::Value;

const NATIVES: [&str; 20] = [
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varint",
];

fn ty(text: &str) -> CqlType {
    CqlType::parse(text).unwrap()
}

fn any_type() -> impl Strategy<Value = CqlType> {
    let leaf = prop::sample::select(NATIVES.to_vec()).prop_map(ty);
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| CqlType::List(Box::new(e))),
            inner.clone().prop_map(|e| CqlType::Set(Box::new(e))),
            (inner.clone(), inner.clone()).prop_map(|(k, v)| CqlType::Map(Box::new(k), Box::new(v))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(CqlType::Tuple),
            (inner, 1_u16..5).prop_map(|(e, n)| CqlType::Vector(Box::new(e), n)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn text_class_name_and_option_read_back(ty in any_type()) {
        prop_assert_eq!(CqlType::parse(&ty.to_string()).unwrap(), ty.clone());
        prop_assert_eq!(CqlType::parse(&format!("'{}'", ty.class_name())).unwrap(), ty.clone());
        for version in [4, 5] {
            let mut out = BytesMut::new();
            ty.encode_option(version, &mut out);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(CqlType::decode_option(&mut reader).unwrap(), ty.clone());
            prop_assert!(reader.rest().is_empty());
        }
    }

    #[test]
    fn hostile_bytes_and_text_never_panic(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..40), text in ".{0,40}") {
        let _ = CqlType::parse(&text);
        let _ = CqlType::decode_option(&mut Reader::new(&bytes));
        // Decoding a value checks as much as `validate`.
        prop_assert_eq!(ty.validate(&bytes).is_ok(), Value::decode(&ty, Some(&bytes)).is_ok());
    }

    #[test]
    fn what_decodes_encodes_to_an_equal_value(ty in any_type(), bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(value) = Value::decode(&ty, Some(&bytes)) {
            // A set or map from outside may be out of order: encoding sorts it, so compare the second time.
            let wire = value.encode(&ty).unwrap().unwrap();
            let value = Value::decode(&ty, Some(&wire)).unwrap();
            prop_assert_eq!(value.encode(&ty).unwrap().unwrap(), wire);
        }
    }
}

#[test]
fn display_is_cql() {
    let cases = [
        ("VARCHAR", "text"),
        (" Map< text ,list<INT>>", "map<text, list<int>>"),
        ("frozen<frozen<set<uuid>>>", "frozen<set<uuid>>"),
        ("tuple<int,text>", "tuple<int, text>"),
        ("vector<float,3>", "vector<float, 3>"),
        ("'com.example.Type'", "'com.example.Type'"),
        ("'org.apache.cassandra.db.marshal.Int32Type'", "int"),
    ];
    for (text, shown) in cases {
        assert_eq!(ty(text).to_string(), shown, "{text}");
    }
    let udt = CqlType::Udt { keyspace: "k".into(), name: "Address".into(), fields: vec![("a".into(), CqlType::Int)] };
    assert_eq!(udt.clone().freeze().to_string(), "frozen<\"Address\">");
    assert_eq!(ty(&format!("'{}'", udt.class_name())), udt);
}

#[test]
fn texts_that_are_no_types() {
    assert_eq!(CqlType::parse("address"), Err(TypeParseError::Unknown("address".into())));
    for text in [
        "",
        "list",
        "list<",
        "list<int",
        "list<int>>",
        "map<int>",
        "vector<int, 0>",
        "vector<int, x>",
        "int int",
        "'x",
        "list<>",
    ] {
        assert!(CqlType::parse(text).is_err(), "{text}");
    }
    let deep = format!("{}int{}", "list<".repeat(10_000), ">".repeat(10_000));
    assert!(CqlType::parse(&deep).is_err());
    let wire = [0_u8, 0x20].repeat(10_000);
    assert!(CqlType::decode_option(&mut Reader::new(&wire)).is_err());
}

#[test]
fn options_as_cassandra_sends_them() {
    let wire = |text: &str| {
        let mut out = BytesMut::new();
        ty(text).encode_option(4, &mut out);
        out.to_vec()
    };
    assert_eq!(wire("text"), [0, 0x0D]);
    assert_eq!(wire("frozen<map<int, text>>"), [0, 0x21, 0, 9, 0, 0x0D]);
    assert_eq!(wire("tuple<int, text>"), [0, 0x31, 0, 2, 0, 9, 0, 0x0D]);
    let duration = wire("duration");
    assert_eq!(duration[..2], [0, 0]);
    assert!(duration.ends_with(b"org.apache.cassandra.db.marshal.DurationType"));
    let vector = wire("vector<float, 3>");
    assert!(vector.ends_with(b"VectorType(org.apache.cassandra.db.marshal.FloatType , 3)"));
}

#[test]
fn validation_follows_cassandra() {
    let valid: [(&str, &[u8]); 22] = [
        ("int", &[0, 0, 0, 1]),
        ("int", &[]),
        ("bigint", &[0; 8]),
        ("tinyint", &[5]),
        ("boolean", &[]),
        ("boolean", &[7]),
        ("ascii", b"abc"),
        ("text", "ä".as_bytes()),
        ("inet", &[127, 0, 0, 1]),
        ("inet", &[0; 16]),
        ("inet", &[]),
        ("uuid", &[0; 16]),
        ("timeuuid", &[0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("date", &[0; 4]),
        ("time", &[0; 8]),
        ("decimal", &[0, 0, 0, 1]),
        ("varint", &[]),
        ("duration", &[2, 4, 6]),
        ("list<int>", &[0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9]),
        ("tuple<int, int>", &[0xFF, 0xFF, 0xFF, 0xFF]),
        ("tuple<int>", &[]),
        ("vector<int, 2>", &[0; 8]),
    ];
    for (name, wire) in valid {
        assert_eq!(ty(name).validate(wire), Ok(()), "{name} {wire:?}");
    }
}

#[test]
fn refusals_read_as_cassandra_words_them() {
    let invalid: [(&str, &[u8], &str); 19] = [
        ("int", &[0; 3], "Expected 4 or 0 byte int (3)"),
        ("bigint", &[0; 4], "Expected 8 or 0 byte long (4)"),
        ("smallint", &[], "Expected 2 bytes for a smallint (0)"),
        ("tinyint", &[0; 2], "Expected 1 byte for a tinyint (2)"),
        ("boolean", &[0; 2], "Expected 1 or 0 byte value (2)"),
        ("ascii", &[0xC3], "Invalid byte for ascii: -61"),
        ("text", &[0xC3], "String didn't validate."),
        ("inet", &[0; 5], "Expected 4 or 16 byte inetaddress; got 5"),
        ("uuid", &[0; 15], "UUID should be 16 or 0 bytes (15)"),
        ("timeuuid", &[0; 16], "Invalid version for TimeUUID type."),
        ("date", &[], "Expected 4 byte long for date (0)"),
        ("time", &[0xFF; 8], "Input long out of bounds: -1"),
        ("decimal", &[0; 3], "Expected 0 or at least 4 bytes (3)"),
        ("duration", &[2, 3, 2], "The duration months, days and nanoseconds must be all of the same sign (1, -2, 1)"),
        ("list<int>", &[0, 0, 0, 1], "Not enough bytes to read a collection's elements"),
        ("list<int>", &[0x7F, 0xFF, 0xFF, 0xFF], "Not enough bytes to read a collection's elements"),
        ("list<int>", &[0xFF; 4], "The number of a collection's elements is negative"),
        ("list<int>", &[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], "null is not supported inside collections"),
        ("vector<int, 2>", &[0; 9], "Unexpected extraneous bytes after a vector value"),
    ];
    for (name, wire, message) in invalid {
        assert_eq!(ty(name).validate(wire).unwrap_err().to_string(), message, "{name}");
    }
}

#[test]
fn fixed_lengths_are_those_of_the_ordered_encoding() {
    for name in NATIVES {
        let expected = match name {
            "boolean" | "tinyint" => Some(1),
            "smallint" => Some(2),
            "int" | "float" | "date" => Some(4),
            "bigint" | "double" | "timestamp" | "time" => Some(8),
            "uuid" | "timeuuid" => Some(16),
            _ => None,
        };
        assert_eq!(ty(name).fixed_length(), expected, "{name}");
    }
    assert!(
        !ty("duration").is_comparable() && !ty("list<duration>").is_comparable() && ty("tuple<int>").is_comparable()
    );
}

/// Four bytes of wire would else become thousands of values.
#[test]
fn missing_fields_of_many_tuples_are_refused() {
    let many = ty(&format!("list<tuple<{}>>", vec!["int"; 1_000].join(", ")));
    let empty_tuples = |count: usize| starling_cql_lite::collection::encode_list(&vec![[0_u8; 0]; count]).unwrap();
    let few = Value::decode(&many, Some(&empty_tuples(60))).unwrap();
    assert!(matches!(few, Value::List(tuples) if tuples.len() == 60));
    assert!(many.validate(&empty_tuples(70)).is_ok());
    let error = Value::decode(&many, Some(&empty_tuples(70))).unwrap_err();
    assert_eq!(error.to_string(), "More than 65536 fields are missing from the tuples of one value");
    assert_eq!(many.part_count(), 1_002);
}

#[test]
fn lists_that_a_server_shows_may_hold_nulls() {
    let list = ty("list<int>");
    let wire = [&[0, 0, 0, 2][..], &[255; 4], &[0, 0, 0, 4, 0, 0, 0, 7]].concat();
    let shown = Value::decode_shown(&list, Some(&wire)).unwrap();
    assert_eq!(shown, Value::List(vec![Value::Null, Value::Int(7)]));
    assert_eq!((shown.to_literal().as_str(), shown.to_display().as_str()), ("[null, 7]", "[null, 7]"));
    assert!(Value::decode(&list, Some(&wire)).is_err(), "none that is stored does");
}
