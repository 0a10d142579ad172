//! Dates and timestamps: durations added to them, and rounding down.

use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::value::{Duration, Value};
use starling_node::plan::BoundValue;

use crate::support::Db;

fn db() -> Db {
    let mut db = Db::new(&["CREATE TABLE m (k int, ts timestamp, d date, t time, tu timeuuid, v int, du duration, \
                            PRIMARY KEY (k, ts))"]);
    for (minute, v) in [(5, 1), (17, 2), (59, 3), (65, 4), (130, 5)] {
        db.run(&format!(
            "INSERT INTO m (k, ts, d, t, tu, v) VALUES (1, {}, '2016-09-27', '16:12:31.5', \
             50554d6e-29bb-11e5-b345-feff819cdc9f, {v})",
            1_474_992_000_000_i64 + minute * 60_000
        ));
    }
    db
}

#[test]
fn durations_are_added_and_subtracted() {
    let mut db = db();
    assert_eq!(
        db.rows("SELECT d + 1mo4d, d - 1y, to_unix_timestamp(ts + 1h), to_unix_timestamp(ts - 1d) FROM m LIMIT 1"),
        ["'2016-10-31'|'2015-09-27'|1474995900000|1474905900000"]
    );
    assert_eq!(db.rows("SELECT v FROM m WHERE k = 1 AND ts < '2016-09-27 16:00:00+0000' + 1h1m"), ["1", "2", "3"]);
    assert_eq!(db.rows("SELECT v FROM m WHERE k = 1 AND d > '2016-09-28' - 2d LIMIT 1 ALLOW FILTERING"), ["1"]);
    db.run("UPDATE m SET d = '2020-01-31' + 1mo - 1d, du = 1h WHERE k = 2 AND ts = 0");
    assert_eq!(db.rows("SELECT d, d + du FROM m WHERE k = 2 AND ts = 1"), Vec::<String>::new());
    assert_eq!(
        db.rows("SELECT d, ts + du, v + 1 FROM m WHERE k = 2"),
        ["'2020-02-28'|'1970-01-01 01:00:00.000000+0000'|null"]
    );
    let hour = Value::Duration(Duration { months: 0, days: 0, nanos: 3_600_000_000_000 });
    let hour = BoundValue::Value(hour.encode(&starling_cql_lite::types::CqlType::Duration).unwrap().unwrap());
    let moved = db.select_paged("SELECT ts - ? FROM m WHERE k = 1 LIMIT 1", &[hour], None).unwrap();
    assert_eq!(moved.text(), ["'2016-09-27 15:05:00.000000+0000'"]);
}

#[test]
fn what_cannot_be_computed_is_a_function_failure() {
    let mut db = db();
    for (selector, function, message) in [
        ("v / 0", "_divide", "the operation 'int / int' failed: / by zero"),
        ("v % 0", "_modulo", "the operation 'int % int' failed: / by zero"),
        ("d + 10m", "_add", "the operation 'date + duration' failed: The duration must have a day precision. Was: 10m"),
        (
            "ts - 10us",
            "_substract",
            "the operation 'timestamp - duration' failed: The duration must have a millisecond precision. Was: 10us",
        ),
        ("d + 178956970y", "_add", "the operation 'date + duration' failed: the result is out of range"),
        (
            "cast(v as decimal) + (double)NaN",
            "_add",
            "the operation 'decimal + double' failed: NaN and infinity have no decimal value",
        ),
    ] {
        let error = db.select(&format!("SELECT {selector} FROM m")).err().unwrap();
        assert_eq!(error.to_string(), message);
        let CqlError::FunctionFailure { keyspace, function: found, argument_types, .. } = error else {
            panic!("{selector}: {error:?}")
        };
        assert_eq!((keyspace.as_str(), found.as_str(), argument_types.len()), ("system", function, 2));
    }
    for (cql, message) in [
        ("SELECT d * 1d FROM m", "the '*' operation is not supported between d and 1d"),
        ("SELECT t + 1h FROM m", "the '+' operation is not supported between t and 1h"),
        ("SELECT 1d + d FROM m", "the '+' operation is not supported between 1d and d"),
        (
            "UPDATE m SET v = cast(1 as bigint) + 1 WHERE k = 1 AND ts = 1",
            "Type error: cannot assign result of operation + (type bigint) to v (type int)",
        ),
        ("UPDATE m SET v = (bigint)1 WHERE k = 1 AND ts = 1", "Cannot assign value (bigint)1 to v of type int"),
    ] {
        assert_eq!(db.error(cql), message);
    }
}

#[test]
fn floors_of_every_kind_of_time() {
    let mut db = db();
    assert_eq!(
        db.rows("SELECT floor(ts, 1h), floor(d, 1mo), floor(d, 7d, '2016-09-26'), floor(t, 5m), floor(tu, 1d) FROM m LIMIT 1"),
        ["'2016-09-27 16:00:00.000000+0000'|'2016-09-01'|'2016-09-26'|'16:10:00.000000000'|'2015-07-14 00:00:00.000000+0000'"]
    );
    assert_eq!(
        db.rows("SELECT floor(ts, 2h, '2016-09-27 15:00:00+0000'), floor(ts, du) FROM m LIMIT 1"),
        ["'2016-09-27 15:00:00.000000+0000'|null"]
    );
    for (call, message) in [
        ("floor(ts, -1h)", "Negative durations are not supported by the floor function"),
        ("floor(ts, 1h, '2017-01-01')", "The floor function starting time is greater than the provided time"),
        ("floor(d, 1h)", "The floor on date values cannot be computed for the 1h duration as precision is below 1 day"),
        ("floor(ts, 1us)", "The floor cannot be computed for the 1us duration as precision is below 1 millisecond"),
        ("floor(t, 2d)", "For time values, the floor can only be computed for durations smaller that a day"),
    ] {
        assert_eq!(db.select(&format!("SELECT {call} FROM m")).err().unwrap().to_string(), message);
    }
    assert!(db.error("SELECT floor(t, 1h, t) FROM m").contains("2 required but 3 provided"));
    assert!(db.error("SELECT floor(v, 1h) FROM m").starts_with("Ambiguous call to function floor"));
    assert!(db.error("SELECT floor(ts) FROM m").contains("2 required but 1 provided"));
}

#[test]
fn groups_of_time_ranges() {
    let mut db = db();
    db.run("INSERT INTO m (k, ts, v) VALUES (2, 1474992000000, 10)");
    assert_eq!(
        db.rows("SELECT k, floor(ts, 1h) AS hour, count(v), max(v) FROM m WHERE k = 1 GROUP BY k, floor(ts, 1h)"),
        [
            "1|'2016-09-27 16:00:00.000000+0000'|3|3",
            "1|'2016-09-27 17:00:00.000000+0000'|1|4",
            "1|'2016-09-27 18:00:00.000000+0000'|1|5"
        ]
    );
    assert_eq!(
        db.rows("SELECT k, sum(v) FROM m GROUP BY k, floor(ts, 2h)").len(),
        3,
        "groups end with their partition"
    );
    assert_eq!(
        db.rows("SELECT sum(v) FROM m WHERE k = 1 GROUP BY k, floor(ts, 1h) ORDER BY ts DESC LIMIT 2"),
        ["5", "4"]
    );
    assert_eq!(db.rows("SELECT v FROM m WHERE k = 1 GROUP BY k, to_date(ts)"), ["1"]);
    for (clause, message) in [
        ("floor(ts, 1h), ts", "Functions are only supported on the last element of the GROUP BY clause"),
        ("floor(ts, 1h), ts", "Functions are only supported on the last element of the GROUP BY clause"),
        ("k, floor(d, 1mo)", "Group by functions are only supported on clustering columns, got d"),
        ("k, max(ts)", "Aggregate functions are not supported within the GROUP BY clause, got: system.max"),
        ("k, now()", "GROUP BY functions must have one clustering column name as parameter"),
        ("k, floor(ts, du)", "GROUP BY functions accept only one clustering column as parameter, got: ts,du"),
        ("k, to_json(ts)", "Only monotonic functions are supported in the GROUP BY clause. Got: system.to_json"),
        ("k, ts + 1d", "Only monotonic functions are supported in the GROUP BY clause. Got: +"),
        ("k, 1", "GROUP BY functions must have one clustering column name as parameter"),
        ("k, v", "Group by is currently only supported on the columns of the PRIMARY KEY, got v"),
    ] {
        assert_eq!(db.error(&format!("SELECT k FROM m WHERE k = 1 GROUP BY {clause}")), message);
    }
}
