//! INSERT JSON, SELECT JSON, from_json and to_json.

use starling_node::plan::BoundValue;

use crate::support::{Db, int, text};

fn db() -> Db {
    Db::new(&[
        "CREATE TABLE j (k int, \"C\" text, s set<int>, m map<text, frozen<list<int>>>, t tuple<int, text>, d date, \
               b blob, x boolean, n decimal, u uuid, f float, ts timestamp, v vector<float, 2>, l list<text>, \
               PRIMARY KEY (k, \"C\"))",
    ])
}

#[test]
fn documents_go_in_and_come_out() {
    let mut db = db();
    db.run(
        r#"INSERT INTO j JSON '{"K": "1", "\"C\"": "it''s", "s": [3, 1], "m": {"a": [1, 2]}, "t": [5, null],
            "d": "2024-02-29", "b": "0xcafe", "x": true, "n": "1.50", "u": "01234567-89ab-cdef-0123-456789abcdef",
            "f": 2, "ts": "2015-05-03 13:30:54.234Z", "v": [1, 0.5], "l": ["x"]}'"#,
    );
    assert_eq!(
        db.rows("SELECT k, \"C\", s, m, t, d, b, x, n, f, v, l FROM j"),
        ["1|'it''s'|{1, 3}|{'a': [1, 2]}|(5, null)|'2024-02-29'|0xcafe|true|1.50|2.0|[1.0, 0.5]|['x']"]
    );
    let rows = db.select("SELECT JSON k, \"C\", s, m, t, x AS \"Yes\", n, count(l) AS c, ts FROM j").unwrap();
    assert_eq!(rows.names(), ["[json]"]);
    assert_eq!(
        rows.rows[0][0].as_deref().map(String::from_utf8_lossy).unwrap(),
        "{\"k\": 1, \"\\\"C\\\"\": \"it's\", \"s\": [1, 3], \"m\": {\"a\": [1, 2]}, \"t\": [5, null], \
         \"\\\"Yes\\\"\": true, \"n\": 1.50, \"c\": 1, \"ts\": \"2015-05-03 13:30:54.234Z\"}"
    );
    assert_eq!(db.rows("SELECT JSON DISTINCT k FROM j"), ["'{\"k\": 1}'"]);
}

#[test]
fn columns_that_are_not_named_are_null_or_left_alone() {
    let mut db = db();
    let document = |value: &str| text(&format!("{{\"k\": 1, \"\\\"C\\\"\": \"c\", {value}}}"));
    db.write("INSERT INTO j JSON ?", &[document("\"s\": [1], \"x\": false")]).unwrap();
    db.write("INSERT INTO j JSON ? DEFAULT UNSET", &[document("\"l\": [\"a\"]")]).unwrap();
    assert_eq!(db.rows("SELECT s, x, l FROM j"), ["{1}|false|['a']"]);
    db.write("INSERT INTO j JSON ? DEFAULT NULL", &[document("\"x\": null")]).unwrap();
    assert_eq!(db.rows("SELECT s, x, l FROM j"), ["null|null|null"]);
    let prepared = db.prepare("INSERT INTO j JSON ?").unwrap();
    assert_eq!(prepared.variables[0].name, "[json]");
    assert!(prepared.partition_key_indices.is_empty(), "no marker is the key");
    assert_eq!(
        db.write("INSERT INTO j JSON ?", &[BoundValue::Null]).unwrap_err().to_string(),
        "Got null for INSERT JSON values"
    );
}

#[test]
fn batches_take_documents() {
    let mut db = db();
    let of = |key: i32| text(&format!("{{\"k\": {key}, \"\\\"C\\\"\": \"c\", \"x\": true}}"));
    db.write(
        "BEGIN UNLOGGED BATCH INSERT INTO j JSON ?; UPDATE j SET f = 1 WHERE k = ? AND \"C\" = 'c'; INSERT INTO j JSON ? \
         DEFAULT UNSET; APPLY BATCH",
        &[of(1), int(2), of(2)],
    )
    .unwrap();
    assert_eq!(db.rows("SELECT k, x, f FROM j WHERE k IN (1, 2)"), ["1|true|null", "2|true|1.0"]);
}

#[test]
fn from_json_and_to_json() {
    let mut db = db();
    db.run(
        "INSERT INTO j (k, \"C\", s, m, f) VALUES (from_json('7'), fromJson('\"c\"'), from_json('[2, 1]'), \
            from_json('{\"z\": []}'), from_json(null))",
    );
    assert_eq!(db.rows("SELECT k, \"C\", s, m, f FROM j"), ["7|'c'|{1, 2}|{'z': []}|null"]);
    assert_eq!(db.rows("SELECT to_json(s), toJson(m), to_json(f) FROM j"), ["'[1, 2]'|'{\"z\": []}'|'null'"]);
    assert_eq!(db.rows("SELECT k FROM j WHERE k = from_json('7')"), ["7"]);
}

#[test]
fn what_json_does_not_fit_is_named() {
    let mut db = db();
    for (document, message) in [
        ("[]", "Could not decode JSON string as a map: "),
        ("{\"k\": 1", "Could not decode JSON string as a map: "),
        ("{\"k\": 1, \"zz\": 1, \"C\": 2}", "JSON values map contains unrecognized column: "),
        ("{\"k\": \"x\"}", "Error decoding JSON value for k: Unable to make int from 'x'"),
        ("{\"k\": 1.5}", "Error decoding JSON value for k: Expected an int value, but got a Double: 1.5"),
        (
            "{\"k\": 1, \"s\": {}}",
            "Error decoding JSON value for s: Expected a list (representing a set), but got a LinkedHashMap: {}",
        ),
        ("{\"k\": 1, \"s\": [null]}", "Error decoding JSON value for s: Invalid null element in set"),
        ("{\"k\": 1, \"m\": {\"a\": null}}", "Error decoding JSON value for m: Invalid null value in map"),
        (
            "{\"k\": 1, \"t\": [1, \"a\", 2]}",
            "Error decoding JSON value for t: Tuple contains extra items (expected 2): [1,\"a\",2]",
        ),
        ("{\"k\": 1, \"l\": \"a\"}", "Error decoding JSON value for l: Could not decode JSON string 'a': "),
        ("{\"k\": 1, \"l\": 5}", "Error decoding JSON value for l: Expected a list, but got a Integer: 5"),
        ("{\"k\": 1, \"x\": 5}", "Error decoding JSON value for x: Expected a boolean value, but got a Integer: 5"),
        ("{\"k\": 1, \"b\": \"ff\"}", "Error decoding JSON value for b: Value 'ff' is not a valid blob representation"),
        ("{\"x\": true}", "Invalid null value in condition for column k"),
    ] {
        let error = db.error(&format!("INSERT INTO j JSON '{document}'"));
        assert!(error.starts_with(message), "{document}: {error}");
    }
}
