//! Masking functions and strings put together.

use crate::support::Db;

fn db() -> Db {
    let mut db = Db::new(&[
        "CREATE TABLE p (k int PRIMARY KEY, name text, code ascii, n int, de decimal, bo boolean, \
                            b blob, d date, ts timestamp, t time, u uuid, tu timeuuid, i inet, du duration, vi varint)",
    ]);
    db.run("INSERT INTO p (k, name, code, n, bo) VALUES (1, 'Aliçe', 'abc', 123, true)");
    db
}

#[test]
fn masks_show_parts_of_values() {
    let db = db();
    for (call, value) in [
        ("mask_null(name)", "null"),
        ("mask_default(name)", "'****'"),
        ("mask_default(n)", "0"),
        ("mask_replace(name, 'REDACTED')", "'REDACTED'"),
        ("mask_replace(n, -1)", "-1"),
        ("mask_inner(name, 1, 2)", "'A**çe'"),
        ("mask_inner(name, 1, null)", "'A****'"),
        ("mask_inner(name, null, 2)", "'***çe'"),
        ("mask_inner(name, 2, 1, '#')", "'Al##e'"),
        ("mask_inner(name, 3, 3)", "'Aliçe'"),
        ("mask_outer(name, 1, 2)", "'*li**'"),
        ("mask_outer(name, 1, null)", "'*liçe'"),
        ("mask_outer(name, null, 2)", "'Ali**'"),
        ("mask_outer(name, 2, 1, 'é')", "'ééiçé'"),
        ("mask_outer(code, 100, 2147483647)", "'***'"),
        ("mask_inner((text)null, 1, 1)", "null"),
        ("name + '-' + code", "'Aliçe-abc'"),
        ("code + 'x'", "'abcx'"),
    ] {
        let rows = db.select(&format!("SELECT {call} FROM p")).unwrap_or_else(|error| panic!("{call}: {error}"));
        assert_eq!(rows.text(), [value], "{call}");
    }
    assert_eq!(
        db.rows(
            "SELECT mask_default(de), mask_default(bo), mask_default(b), mask_default(d), mask_default(t), \
                 mask_default(u), mask_default(tu), mask_default(i), mask_default(vi), mask_default(du) FROM p"
        ),
        ["0|false|0x|'1970-01-01'|'00:00:00.000000000'|00000000-0000-0000-0000-000000000000|\
          00000000-0000-1000-0000-000000000000|'0.0.0.0'|0|0s"]
    );
    assert_eq!(db.select("SELECT mask_inner(name, 1, 1) FROM p").unwrap().names(), ["system.mask_inner(name, 1, 1)"]);
}

#[test]
fn masks_in_writes_and_refused_masks() {
    let mut db = db();
    db.run("UPDATE p SET name = mask_outer('secret', 1, 1), code = 'a' + 'b' WHERE k = 2");
    assert_eq!(db.rows("SELECT name, code FROM p WHERE k = 2"), ["'*ecre*'|'ab'"]);
    for (call, message) in [
        (
            "mask_inner(n, 1, 1)",
            "Function mask_inner requires an argument of type [text|varchar|ascii], but found argument of type int",
        ),
        ("name - code", "the '-' operation is not supported between name and code"),
    ] {
        assert_eq!(db.error(&format!("SELECT {call} FROM p")), message);
    }
    for (call, message) in [
        ("mask_inner(name, -1, 1)", "Masking function mask_inner doesn't accept negative prefix lengths; found -1"),
        ("mask_inner(name, 1, -2)", "Masking function mask_inner doesn't accept negative suffix lengths; found -2"),
        (
            "mask_outer(name, 1, 1, 'xy')",
            "The padding argument for function mask_outer should be single-character, but 'xy' has 2 characters.",
        ),
    ] {
        assert_eq!(db.select(&format!("SELECT {call} FROM p")).err().unwrap().to_string(), message);
    }
    assert!(db.error("SELECT mask_inner(name, 1) FROM p").contains("3 required but 2 provided"));
}
