use crate::support::{Db, START_S};

fn db() -> Db {
    let mut db = Db::new(&["CREATE TABLE f (k int PRIMARY KEY, ti tinyint, i int, b bigint, f float, d double, \
                            vi varint, de decimal, t text, tu timeuuid, ts timestamp, da date, bl blob)"]);
    db.run(
        "INSERT INTO f (k, ti, i, b, f, d, vi, de, t, tu, ts, da, bl) VALUES (1, 7, -5, 9000000000, 1.5, 2.25, \
         123456789012345678901234567890, 10.50, 'text', 50554d6e-29bb-11e5-b345-feff819cdc9f, 1436875200000, \
         '2015-07-14', 0x00000001)",
    );
    db
}

#[test]
fn scalar_functions_and_their_titles() {
    let db = db();
    let cases = [
        ("abs(i)", "system.abs(i)", "5"),
        ("round(f)", "system.round(f)", "2.0"),
        ("cast(i as text)", "cast(i as text)", "'-5'"),
        ("cast(de as int)", "cast(de as int)", "10"),
        ("cast(t as text)", "cast(t as text)", "'text'"),
        ("ti + 121", "ti + 121", "128"),
        ("2 * ti", "2 * ti", "14"),
        ("f + 1", "f + 1", "2.5"),
        ("f + 1.5", "f + 1.5", "3.0"),
        ("to_json(f + 0.1)", "system.to_json(f + 0.1)", "'1.6'"),
        ("d + 0.10000000000000000000001", "d + 0.10000000000000000000001", "2.35000000000000000000001"),
        ("100 + 50", "100 + 50", "150"),
        ("i + 3000000000", "i + 3000000000", "2999999995"),
        ("cast(1e10 * d as int)", "cast(1e10 * d as int)", "2147483647"),
        ("cast(-1e10 * d as smallint)", "cast(-1e10 * d as smallint)", "0"),
        ("cast(300.5 * (d - 1.25) as tinyint)", "cast(300.5 * d - 1.25 as tinyint)", "44"),
        ("exp(cast(100 as int))", "system.exp(cast(100 as int))", "2147483647"),
        ("log(cast(0 as bigint))", "system.log(cast(0 as bigint))", "-9223372036854775808"),
        ("cast(i as ascii)", "cast(i as ascii)", "'-5'"),
        ("cast(d as text)", "cast(d as text)", "'2.25'"),
        ("cast(d * 1e9 as text)", "cast(d * 1e9 as text)", "'2.25E9'"),
        ("cast(f / 10000 as text)", "cast(f / 10000 as text)", "'1.5E-4'"),
        ("cast(cast(10000000 as float) as text)", "cast(cast(10000000 as float) as text)", "'1.0E7'"),
        ("cast(d / 0 as text)", "cast(d / 0 as text)", "'Infinity'"),
        ("cast(d * 0 as text)", "cast(d * 0 as text)", "'0.0'"),
        ("cast(ts as text)", "cast(ts as text)", "'2015-07-14T12:00:00.000Z'"),
        ("cast(da as text)", "cast(da as text)", "'2015-07-14'"),
        ("cast(de as text)", "cast(de as text)", "'10.50'"),
        ("blob_as_int(bl)", "system.blob_as_int(bl)", "1"),
        ("blobAsInt(bl)", "system.blobasint(bl)", "1"),
        ("int_as_blob(i)", "system.int_as_blob(i)", "0xfffffffb"),
        ("to_unix_timestamp(ts)", "system.to_unix_timestamp(ts)", "1436875200000"),
        ("to_unix_timestamp(da)", "system.to_unix_timestamp(da)", "1436832000000"),
        ("to_date(tu)", "system.to_date(tu)", "'2015-07-14'"),
        ("to_unix_timestamp(to_timestamp(tu))", "system.to_unix_timestamp(system.to_timestamp(tu))", "1436832018805"),
        ("toJson(t)", "system.tojson(t)", "'\"text\"'"),
        ("to_json(i)", "system.to_json(i)", "'-5'"),
        ("to_json(ts)", "system.to_json(ts)", "'\"2015-07-14 12:00:00.000Z\"'"),
        ("i + 1", "i + 1", "-4"),
        ("i * b", "i * b", "-45000000000"),
        ("b / i", "b / i", "-1800000000"),
        ("i % 3", "i % 3", "-2"),
        ("f + d", "f + d", "3.75"),
        ("de / 4", "de / 4", "2.625"),
        ("vi + 1", "vi + 1", "123456789012345678901234567891"),
        ("-i", "-i", "5"),
        ("(int)3", "(int)3", "3"),
    ];
    for (selector, title, value) in cases {
        let rows =
            db.select(&format!("SELECT {selector} FROM f WHERE k = 1")).unwrap_or_else(|e| panic!("{selector}: {e}"));
        assert_eq!(rows.text(), [value], "{selector}");
        assert_eq!(rows.names(), [title], "{selector}");
    }
}

#[test]
fn now_and_uuid_are_fresh() {
    let db = db();
    let rows =
        db.select("SELECT now(), now() AS other, uuid(), to_unix_timestamp(now()), toDate(now()) FROM f").unwrap();
    assert_eq!(
        rows.names(),
        [
            "system.now()",
            "other",
            "system.uuid()",
            "system.to_unix_timestamp(system.now())",
            "system.todate(system.now())"
        ]
    );
    let row = &rows.rows[0];
    assert_ne!(row[0], row[1]);
    assert_eq!(row[0].as_ref().unwrap()[6] >> 4, 1);
    assert_eq!(row[2].as_ref().unwrap()[6] >> 4, 4);
    let ms = i64::from_be_bytes(row[3].as_deref().unwrap().try_into().unwrap());
    assert_eq!(ms, START_S * 1000);
    let again = db.select("SELECT current_timestamp(), current_date(), current_time() FROM f").unwrap();
    assert_eq!(again.rows[0][0].as_deref(), Some(&(START_S * 1000).to_be_bytes()[..]));
}

#[test]
fn functions_in_writes_and_conditions() {
    let mut db = db();
    db.run("INSERT INTO f (k, tu, ts, i) VALUES (2, now(), to_timestamp(now()), 1 + 2 * 3)");
    db.run("UPDATE f SET b = -(4), t = cast(12 AS text), bl = text_as_blob('a') WHERE k = 2");
    assert_eq!(
        db.rows("SELECT to_unix_timestamp(tu), to_unix_timestamp(ts), i, b, t, bl FROM f WHERE k = 2"),
        [format!("{0}|{0}|7|-4|'12'|0x61", START_S * 1000)]
    );
    let found = db.rows(
        "SELECT k FROM f WHERE tu > minTimeuuid('2015-07-13') AND tu < maxTimeuuid('2015-07-15') ALLOW FILTERING",
    );
    assert_eq!(found, ["1"]);
}

#[test]
fn aggregates_of_each_numeric_type() {
    let mut db = db();
    db.run("INSERT INTO f (k, ti, i, b, f, d, vi, de) VALUES (2, 121, 6, 1, 0.5, 0.25, 10, 0.25)");
    assert_eq!(
        db.rows("SELECT sum(ti), sum(i), sum(b), sum(f), sum(d), sum(de), max(vi), avg(i), avg(d), avg(de) FROM f"),
        ["-128|1|9000000001|2.0|2.5|10.75|123456789012345678901234567890|0|1.25|5.375"]
    );
    assert_eq!(db.rows("SELECT count(t), count(*), count(1), min(t), max(k) + 1 FROM f"), ["1|2|2|'text'|3"]);
}

#[test]
fn statements_without_end_are_refused() {
    let mut db = db();
    let many = vec!["i"; 10_001].join(", ");
    assert_eq!(db.error(&format!("SELECT {many} FROM f")), "More than 10000 columns in a selection clause");
    let digits = "9".repeat(100_001);
    for cql in [format!("UPDATE f SET vi = {digits} WHERE k = 1"), format!("UPDATE f SET de = 0.{digits} WHERE k = 1")]
    {
        assert_eq!(db.error(&cql), "A number of more than 100000 characters");
    }
}

#[test]
fn refused_calls() {
    let mut db = db();
    for (cql, part) in [
        ("SELECT sum(t) FROM f", "sum"),
        ("SELECT max(min(i)) FROM f", "aggregate functions cannot be used as arguments of aggregate functions"),
        ("SELECT now(1) FROM f", "Invalid number of arguments in call to function system.now"),
        ("SELECT to_date(i) FROM f", "Type error"),
        ("SELECT i + t FROM f", "the '+' operation is not supported between i and t"),
        ("SELECT cast(bl as int) FROM f", "blob cannot be cast to int"),
        ("INSERT INTO f (k, i) VALUES (1, now())", "Type error: cannot assign result of"),
        ("INSERT INTO f (k, i) VALUES (1, 1 / 0)", "/ by zero"),
        ("SELECT ? FROM f", "Cannot infer type"),
        (
            "SELECT ? + 50 FROM f",
            "Ambiguous '+' operation with args ? and 50: use type hint to disambiguate, example '(int) ?'",
        ),
        (
            "SELECT int_as_blob('a') FROM f",
            "Type error: 'a' cannot be passed as argument 0 of function system.int_as_blob of type int",
        ),
        (
            "UPDATE f SET bl = text_as_blob(1) WHERE k = 1",
            "Type error: 1 cannot be passed as argument 0 of function system.text_as_blob of type text",
        ),
        ("INSERT INTO f (k, i) VALUES (1, cast(? AS int))", "Ambiguous call to function system.cast_as_int"),
        (
            "INSERT INTO f (k, t) VALUES (1, cast(1 AS int))",
            "cannot assign result of function system.cast_as_int (type int)",
        ),
    ] {
        let error = db.error(cql);
        assert!(error.contains(part), "{cql}: {error}");
    }
    assert!(db.select("SELECT i / 0 FROM f").err().unwrap().to_string().contains("/ by zero"));
    assert!(db.select("SELECT blob_as_bigint(bl) FROM f").is_err());
    db.run(&format!("INSERT INTO f (k, vi, de) VALUES (9, 1{}, 1e-2000000)", "0".repeat(10_000)));
    for selector in ["vi * vi", "sum(vi)", "de + 1", "cast(de as int)", "cast(vi as text)", "to_json(vi)"] {
        let error = db.select(&format!("SELECT {selector} FROM f WHERE k = 9")).err().unwrap().to_string();
        assert!(error.contains("too large to compute with"), "{selector}: {error}");
    }
}
