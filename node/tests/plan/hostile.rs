//! Short statements that would build, read or write far more than their bytes.

use bytes::Bytes;
use starling_node::plan::BoundValue;

use crate::support::{Db, text};

fn large(count: usize) -> BoundValue {
    let mut list = Vec::with_capacity(4 + 4 * count);
    list.extend_from_slice(&(count as u32).to_be_bytes());
    list.resize(4 + 4 * count, 0);
    BoundValue::Value(Bytes::from(list))
}

fn refused(db: &Db, selection: &str) -> String {
    db.select(&format!("SELECT {selection} FROM h")).map(|_| String::new()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn one_value_named_many_times() {
    let mut db = Db::new(&[
        "CREATE TABLE h (k int PRIMARY KEY, t text, l list<text>, f frozen<list<text>>, ff frozen<list<frozen<list<text>>>>)",
    ]);
    let megabyte = text(&"x".repeat(1 << 20));
    let many = vec![":a"; 20].join(", ");
    let error = db.write(&format!("UPDATE h SET f = [{many}] WHERE k = 1"), &vec![megabyte.clone(); 20]).unwrap_err();
    assert_eq!(error.to_string(), "A value of more than 16777216 bytes would be built");
    db.write("INSERT INTO h (k, t) VALUES (1, ?)", &[megabyte]).unwrap();
    let all = vec!["t"; 20].join(", ");
    for selection in [format!("[{all}]"), format!("[[{all}]]"), format!("to_json([{all}])")] {
        assert_eq!(refused(&db, &selection), "A value of more than 16777216 bytes would be built");
    }
    let copies = vec!["to_json(t)"; 40].join(", ");
    assert_eq!(refused(&db, &copies), "A row of more than 33554432 bytes would be built");
    let document = (0..20).map(|n| format!("t AS t{n}")).collect::<Vec<_>>().join(", ");
    let error = refused(&db, &format!("JSON {document}"));
    assert!(error.starts_with("The value takes more than ") && error.ends_with(" bytes as JSON"), "{error}");
}

#[test]
fn elements_multiplied_by_rows() {
    let mut db = Db::new(&["CREATE TABLE h (k int, c int, l list<blob>, PRIMARY KEY (k, c))"]);
    let rows = (0..100).map(|c| c.to_string()).collect::<Vec<_>>().join(", ");
    let message = "More than 500000 columns and elements would be written at once";
    let elements = large(10_000);
    let of = |db: &mut Db, cql: &str, times: usize| {
        db.write(cql, &vec![elements.clone(); times]).map_err(|error| error.to_string())
    };
    assert_eq!(of(&mut db, &format!("UPDATE h SET l = ? WHERE k = 1 AND c IN ({rows})"), 1), Err(message.into()));
    assert_eq!(of(&mut db, &format!("UPDATE h SET l = ? WHERE k IN ({rows}) AND c = 1"), 1), Err(message.into()));
    let appends = vec!["l = l + ?"; 60].join(", ");
    assert_eq!(of(&mut db, &format!("UPDATE h SET {appends} WHERE k = 1 AND c = 1"), 60), Err(message.into()));
    let update = "UPDATE h SET l = l + ? WHERE k = 1 AND c = 1;";
    let batch = format!("BEGIN UNLOGGED BATCH {} APPLY BATCH", update.repeat(60));
    assert_eq!(of(&mut db, &batch, 60), Err(message.into()));
    assert_eq!(of(&mut db, update.trim_end_matches(';'), 1), Ok(()));
}

#[test]
fn lists_that_a_write_would_have_to_read() {
    let mut db = Db::new(&["CREATE TABLE h (k int, c int, l list<blob>, PRIMARY KEY (k, c))"]);
    let megabyte = BoundValue::Value(Bytes::from(vec![1; 1 << 20]));
    for c in 0..20 {
        db.write(&format!("UPDATE h SET l = [?] WHERE k = 1 AND c = {c}"), std::slice::from_ref(&megabyte)).unwrap();
    }
    let rows = (0..20).map(|c| c.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(
        db.error(&format!("UPDATE h SET l[0] = 0x00 WHERE k = 1 AND c IN ({rows})")),
        "The write depends on lists of more than 16777216 bytes, which would have to be read"
    );
    db.run("UPDATE h SET l[0] = 0x00 WHERE k = 1 AND c IN (3, 4)");
    assert_eq!(db.rows("SELECT l FROM h WHERE k = 1 AND c = 4"), ["[0x00]"]);
}

#[test]
fn a_large_type_named_many_times() {
    let fields = vec!["int"; 2_000].join(", ");
    let mut db = Db::new(&[&format!("CREATE TABLE h (k int PRIMARY KEY, t tuple<{fields}>)")]);
    let many = |what: &str| vec![what; 200].join(", ");
    let message = "The types of the statement take more than 8388608 bytes";
    for statement in [
        format!("SELECT {} FROM h", many("t")),
        format!("SELECT [{}] FROM h", many("t")),
        format!("SELECT to_json({}) FROM h", many("t")),
        format!("SELECT k FROM h WHERE t IN ({}) ALLOW FILTERING", many("?")),
        format!("SELECT k FROM h WHERE t IN ({}) ALLOW FILTERING", many("(?)")),
    ] {
        assert_eq!(db.prepare(&statement).unwrap_err().to_string(), message, "{}", &statement[..40]);
    }
    let prepared = db.prepare("INSERT INTO h JSON ?").unwrap();
    assert!(prepared.size_bytes > 4_000 * 8, "it counts where prepared statements are kept");
    db.run("INSERT INTO h (k, t) VALUES (1, (1, 2))");
    assert_eq!(db.rows("SELECT k FROM h WHERE t = (1, 2) ALLOW FILTERING"), ["1"]);
}

#[test]
fn large_documents() {
    let mut db = Db::new(&["CREATE TABLE h (k int PRIMARY KEY, l list<int>)"]);
    let document = text(&format!("{{\"k\": 1, \"l\": [{}]}}", vec!["1"; 1_100_000].join(",")));
    let error = db.write("INSERT INTO h JSON ?", std::slice::from_ref(&document)).unwrap_err().to_string();
    assert_eq!(error, "A JSON document of 2200016 bytes, at most 2097152 are allowed");
    let error = db.write("UPDATE h SET l = from_json(?) WHERE k = 1", &[document]).unwrap_err().to_string();
    assert_eq!(error, "A JSON document of 2200016 bytes, at most 2097152 are allowed");
}
