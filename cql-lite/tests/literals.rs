//! Literals to values, and values to text.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use starling_cql_lite::literal::{LiteralKind as Kind, literal_to_wire};
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::{Duration, Value};

fn ty(text: &str) -> CqlType {
    CqlType::parse(text).unwrap()
}

fn value(kind: Kind, text: &str, name: &str) -> Value {
    let wire = literal_to_wire(kind, text, &ty(name)).unwrap_or_else(|e| panic!("{text} as {name}: {e}"));
    Value::decode(&ty(name), Some(&wire)).unwrap()
}

fn error(kind: Kind, text: &str, name: &str) -> String {
    literal_to_wire(kind, text, &ty(name)).expect_err(text).message_for("c")
}

#[test]
fn literals_as_values() {
    let cases = [
        (Kind::Integer, "-128", "tinyint", Value::TinyInt(-128)),
        (Kind::Integer, "42", "smallint", Value::SmallInt(42)),
        (Kind::Integer, "-2147483648", "int", Value::Int(i32::MIN)),
        (Kind::Integer, "9223372036854775807", "bigint", Value::BigInt(i64::MAX)),
        (Kind::Integer, "5", "counter", Value::Counter(5)),
        (Kind::Integer, "5", "float", Value::Float(5.0)),
        (Kind::Integer, "5", "double", Value::Double(5.0)),
        (Kind::Float, "1e400", "double", Value::Double(f64::INFINITY)),
        (Kind::Float, "-infinity", "float", Value::Float(f32::NEG_INFINITY)),
        (Kind::Boolean, "TRUE", "boolean", Value::Boolean(true)),
        (Kind::String, "a'b", "text", Value::Text("a'b".into())),
        (Kind::String, "", "ascii", Value::Text(String::new())),
        (Kind::Hex, "0xCAfe", "blob", Value::Blob(vec![0xCA, 0xFE].into())),
        (Kind::Hex, "0x", "blob", Value::Blob(Vec::new().into())),
        (Kind::String, "127.0.0.1", "inet", Value::Inet([127, 0, 0, 1].into())),
        (Kind::Integer, "-1", "timestamp", Value::Timestamp(-1)),
        (Kind::Integer, "2147483648", "date", Value::Date(1 << 31)),
        (Kind::String, "1970-01-02", "date", Value::Date((1 << 31) + 1)),
        (Kind::String, "-5877641-06-23", "date", Value::Date(0)),
        (Kind::String, "08:12:54.123", "time", Value::Time(29_574_123_000_000)),
        (Kind::Integer, "86399999999999", "time", Value::Time(86_399_999_999_999)),
        (
            Kind::Duration,
            "1h30m",
            "duration",
            Value::Duration(Duration { months: 0, days: 0, nanos: 5_400_000_000_000 }),
        ),
        (Kind::String, "", "timestamp", Value::Empty),
    ];
    for (kind, text, name, expected) in cases {
        assert_eq!(value(kind, text, name), expected, "{text} as {name}");
    }
    assert!(matches!(value(Kind::Float, "NaN", "double"), Value::Double(x) if x.is_nan()));
    assert_eq!(
        value(Kind::Integer, "123456789012345678901234567890", "varint").to_literal(),
        "123456789012345678901234567890"
    );
    assert_eq!(value(Kind::Float, "1.50", "decimal").to_literal(), "1.50");
    assert_eq!(value(Kind::String, "2001:DB8::1", "inet").to_literal(), "'2001:db8::1'");
}

#[test]
fn timestamps_in_every_documented_form() {
    let millis = [
        ("2011-02-03 04:05+0000", 1_296_705_900_000),
        ("2011-02-03 04:05:00+0000", 1_296_705_900_000),
        ("2011-02-03 04:05:00.000+0000", 1_296_705_900_000),
        ("2011-02-03T04:05+0000", 1_296_705_900_000),
        ("2011-02-03T04:05:00+0000", 1_296_705_900_000),
        ("2011-02-03T04:05:00.123456789+0000", 1_296_705_900_123),
        ("2011-02-03T04:05:00.1Z", 1_296_705_900_100),
        ("2011-02-03 04:05", 1_296_705_900_000),
        ("2011-02-03 04:05:00 GMT", 1_296_705_900_000),
        ("2011-02-03 04:05:00 +0000", 1_296_705_900_000),
        ("2011-02-03 06:05+02", 1_296_705_900_000),
        ("2011-02-03 06:35+02:30", 1_296_705_900_000),
        ("2011-02-02 20:05-0800", 1_296_705_900_000),
        ("2011-02-02 20:05:00 PST", 1_296_705_900_000),
        ("2011-02-03", 1_296_691_200_000),
        ("2011-02-03+0000", 1_296_691_200_000),
        ("2011-02-03Z", 1_296_691_200_000),
        ("1969-12-31 23:59:59.999Z", -1),
    ];
    for (text, expected) in millis {
        assert_eq!(value(Kind::String, text, "timestamp"), Value::Timestamp(expected), "{text}");
    }
    for text in [
        "2011-02-30",
        "2011-13-01",
        "2011-02-03 24:00",
        "2011-02-03 04:60",
        "2011-02-03 04",
        "x",
        "2011-02-03 04:05+0",
        "2011-02-03T04:05:00.Z",
        "2011-02-03 04:05 XYZ",
        "now",
        "2011-2",
        "2011-02-03 04:05:00+00000",
    ] {
        assert_eq!(error(Kind::String, text, "timestamp"), format!("Unable to parse a date/time from '{text}'"));
    }
}

#[test]
fn durations_in_every_form() {
    let cases = [
        ("1y2mo3w4d5h6m7s8ms9us10ns", (14, 25, 18_367_008_009_010)),
        ("-1Y2MO", (-14, 0, 0)),
        ("5µs", (0, 0, 5000)),
        ("P1Y2M3DT4H5M6S", (14, 3, 14_706_000_000_000)),
        ("-P1D", (0, -1, 0)),
        ("PT1M", (0, 0, 60_000_000_000)),
        ("P3W", (0, 21, 0)),
        ("P0001-02-03T04:05:06", (14, 3, 14_706_000_000_000)),
        ("0s", (0, 0, 0)),
    ];
    for (text, (months, days, nanos)) in cases {
        assert_eq!(
            value(Kind::Duration, text, "duration"),
            Value::Duration(Duration { months, days, nanos }),
            "{text}"
        );
    }
    assert_eq!(error(Kind::Duration, "1d1h1d", "duration"), "Invalid duration. The hours should be after days");
    assert_eq!(error(Kind::Duration, "1h1h", "duration"), "Invalid duration. The hours are specified multiple times");
    assert!(
        error(Kind::Duration, "2147483648d", "duration")
            .starts_with("Invalid duration. The total number of days must be less or equal to 2147483647")
    );
    for text in ["", "-", "1", "1x", "P", "PT", "P1H", "P1M1Y", "P1W1D", "P0001-2-03T04:05:06", "h1"] {
        assert_eq!(error(Kind::Duration, text, "duration"), format!("Unable to convert '{text}' to a duration"));
    }
}

/// Kind, text, type, message.
const REFUSED: [(Kind, &str, &str, &str); 15] = [
    (Kind::Integer, "5", "text", "Invalid INTEGER constant (5) for \"c\" of type text"),
    (Kind::String, "a", "int", "Invalid STRING constant (a) for \"c\" of type int"),
    (Kind::Float, "1.5", "bigint", "Invalid FLOAT constant (1.5) for \"c\" of type bigint"),
    (Kind::Boolean, "true", "list<int>", "Invalid BOOLEAN constant (true) for \"c\" of type list<int>"),
    (Kind::Integer, "2147483648", "int", "Unable to make int from '2147483648'"),
    (Kind::Integer, "128", "tinyint", "Unable to make byte from '128'"),
    (Kind::Integer, "9223372036854775808", "bigint", "Unable to make long from '9223372036854775808'"),
    (Kind::String, "1.2.3", "inet", "Unable to make inet address from '1.2.3'"),
    (Kind::Hex, "0xabc", "blob", "cannot parse 'abc' as hex bytes"),
    (Kind::String, "ä", "ascii", "Invalid ASCII character in string literal: ä"),
    (Kind::String, "25:00:00", "time", "(TimeType) Unable to coerce '25:00:00' to a formatted time (long)"),
    (Kind::Integer, "86400000000000", "time", "Unable to make long (for time) from: '86400000000000'"),
    (Kind::String, "10:00", "time", "(TimeType) Unable to coerce '10:00' to a formatted time (long)"),
    (Kind::String, "2020-1", "date", "Unable to coerce '2020-1' to a formatted date (long)"),
    (Kind::Uuid, "00000000-0000-4000-8000-000000000000", "timeuuid", "TimeUUID supports only version 1 UUIDs"),
];

#[test]
fn errors_read_as_cassandra_words_them() {
    for (kind, text, name, message) in REFUSED {
        assert_eq!(error(kind, text, name), message);
    }
    assert!(error(Kind::String, "5881580-07-12", "date").contains("greater than max supported date 5881580-07-11"));
}

#[test]
fn values_as_shells_show_them() {
    let list = Value::List(vec![Value::Text("a'b".into()), Value::Boolean(true)]);
    let cases = [
        (Value::Null, "null", "null"),
        (Value::Text("it's\n".into()), "it's\\n", "'it''s\n'"),
        (Value::Boolean(true), "True", "true"),
        (Value::Float(0.1), "0.1", "0.1"),
        (Value::Float(2.345_678), "2.34568", "2.345678"),
        (Value::Double(1.0), "1", "1.0"),
        (Value::Double(1e20), "1e+20", "1e20"),
        (Value::Double(1.5e-9), "1.5e-09", "1.5e-9"),
        (Value::Double(123_456.789), "123456.789", "123456.789"),
        (Value::Double(f64::NEG_INFINITY), "-Infinity", "-Infinity"),
        (Value::Blob(vec![0, 255].into()), "0x00ff", "0x00ff"),
        (Value::Timestamp(1_430_659_854_234), "2015-05-03 13:30:54.234000+0000", "'2015-05-03 13:30:54.234000+0000'"),
        (Value::Date(1 << 31), "1970-01-01", "'1970-01-01'"),
        (Value::Time(1), "00:00:00.000000001", "'00:00:00.000000001'"),
        (Value::Inet([127, 0, 0, 1].into()), "127.0.0.1", "'127.0.0.1'"),
        (list, "['a''b', True]", "['a''b', true]"),
        (Value::Map(vec![(Value::Int(1), Value::Null)]), "{1: null}", "{1: null}"),
        (Value::Udt(vec![("A".into(), Value::Int(1))]), "{\"A\": 1}", "{\"A\": 1}"),
        (Value::Duration(Duration { months: -14, days: -3, nanos: -1 }), "-1y2mo3d1ns", "-1y2mo3d1ns"),
    ];
    for (value, shown, literal) in cases {
        assert_eq!(value.to_display(), shown);
        assert_eq!(value.to_literal(), literal);
    }
}

#[test]
fn values_go_only_with_their_types() {
    assert_eq!(Value::Int(5).encode(&CqlType::BigInt).unwrap().unwrap()[..], 5_i64.to_be_bytes());
    assert!(Value::BigInt(1 << 40).encode(&CqlType::Int).is_err());
    assert!(Value::Text("ä".into()).encode(&CqlType::Ascii).is_err());
    assert!(Value::Unset.encode(&CqlType::Int).is_err());
    assert!(Value::List(vec![Value::Null]).encode(&ty("list<int>")).is_err());
    assert_eq!(Value::Null.encode(&CqlType::Int), Ok(None));
    let set = Value::Set(vec![Value::Int(3), Value::Int(-1), Value::Int(3)]).encode(&ty("set<int>")).unwrap();
    assert_eq!(
        Value::decode(&ty("set<int>"), set.as_deref()).unwrap(),
        Value::Set(vec![Value::Int(-1), Value::Int(3)])
    );
    let map = Value::Map(vec![
        (Value::Int(2), Value::Int(1)),
        (Value::Int(1), Value::Int(1)),
        (Value::Int(2), Value::Int(9)),
    ]);
    let wire = map.encode(&ty("map<int, int>")).unwrap();
    let sorted = Value::Map(vec![(Value::Int(1), Value::Int(1)), (Value::Int(2), Value::Int(9))]);
    assert_eq!(Value::decode(&ty("map<int, int>"), wire.as_deref()).unwrap(), sorted);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,30}", kind in 0..7_usize, which in 0..20_usize) {
        let kinds = [Kind::String, Kind::Integer, Kind::Float, Kind::Boolean, Kind::Uuid, Kind::Hex, Kind::Duration];
        let names = ["ascii", "bigint", "blob", "boolean", "counter", "date", "decimal", "double", "duration", "float",
            "inet", "int", "smallint", "text", "time", "timestamp", "timeuuid", "tinyint", "uuid", "varint"];
        let _ = literal_to_wire(kinds[kind], &text, &ty(names[which]));
    }

    #[test]
    fn dates_times_and_durations_read_back(millis in -62_135_596_800_000_i64..253_402_300_800_000, days: u32, nanos in 0..86_400_000_000_000_i64, months: i32, d: i32) {
        let timestamp = Value::Timestamp(millis);
        prop_assert_eq!(value(Kind::String, &timestamp.to_display(), "timestamp"), timestamp);
        let date = Value::Date(days);
        prop_assert_eq!(value(Kind::String, &date.to_display(), "date"), date);
        let time = Value::Time(nanos);
        prop_assert_eq!(value(Kind::String, &time.to_display(), "time"), time);
        let same_sign = (months >= 0) == (d >= 0) && months != i32::MIN && d != i32::MIN;
        if same_sign {
            let duration = Value::Duration(Duration { months, days: d, nanos: if months < 0 { -nanos } else { nanos } });
            prop_assert_eq!(value(Kind::Duration, &duration.to_literal(), "duration"), duration);
        }
    }
}

#[test]
fn numbers_have_the_least_type_that_says_all_of_them() {
    for (kind, text, wanted) in [
        (Kind::Integer, "2147483647", "int"),
        (Kind::Integer, "2147483648", "bigint"),
        (Kind::Integer, "9223372036854775808", "varint"),
        (Kind::Float, "1.50", "double"),
        (Kind::Float, "-0.1", "double"),
        (Kind::Float, "1e10", "double"),
        (Kind::Float, "0.0", "double"),
        (Kind::Float, "0e99999999999", "decimal"),
        (Kind::Float, "NaN", "double"),
        (Kind::Float, "-Infinity", "double"),
        (Kind::Float, "1e308", "double"),
        (Kind::Float, "1e309", "decimal"),
        (Kind::Float, "1e-400", "decimal"),
        (Kind::Float, "0.10000000000000000000001", "decimal"),
    ] {
        assert_eq!(kind.preferred_type(text).to_string(), wanted, "{text}");
    }
}
