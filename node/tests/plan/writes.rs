use starling_cql_lite::ast::BatchKind;
use starling_node::plan::{BindContext, BoundValue, BoundValues, Operation, bind_batch};
use starling_storage::model::CellContent;

use crate::support::{Db, START_S, int, text};

fn wide() -> Db {
    Db::new(&["CREATE TABLE w (k int, c1 int, c2 text, s text STATIC, v int, PRIMARY KEY (k, c1, c2)) \
               WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC)"])
}

fn simple() -> Db {
    Db::new(&["CREATE TABLE t (k int PRIMARY KEY, v text, n int)"])
}

#[test]
fn insert_update_delete_of_single_rows() {
    let mut db = simple();
    db.run("INSERT INTO t (k, v, n) VALUES (1, 'a', 10)");
    db.run("INSERT INTO t (k) VALUES (2)");
    db.run("UPDATE t SET v = 'c' WHERE k = 3");
    assert_eq!(db.rows("SELECT k, v, n FROM t WHERE k IN (1, 2, 3)"), ["1|'a'|10", "2|null|null", "3|'c'|null"]);
    // A row made by UPDATE alone is gone with its last value; an inserted one is not.
    db.run("UPDATE t SET v = null WHERE k = 3");
    db.run("DELETE v, n FROM t WHERE k = 1");
    assert_eq!(db.rows("SELECT k, v, n FROM t WHERE k IN (1, 2, 3)"), ["1|null|null", "2|null|null"]);
    db.run("DELETE FROM t WHERE k IN (1, 2)");
    assert!(db.rows("SELECT * FROM t").is_empty());
}

#[test]
fn deletes_of_rows_ranges_and_partitions() {
    let mut db = wide();
    for c1 in 0..4 {
        for c2 in ["a", "b", "c"] {
            db.run(&format!("INSERT INTO w (k, c1, c2, v) VALUES (1, {c1}, '{c2}', {c1})"));
        }
    }
    db.run("INSERT INTO w (k, s) VALUES (1, 'static')");
    db.run("DELETE FROM w WHERE k = 1 AND c1 = 0 AND c2 = 'b'");
    assert_eq!(db.rows("SELECT c2 FROM w WHERE k = 1 AND c1 = 0"), ["'a'", "'c'"]);
    db.run("DELETE FROM w WHERE k = 1 AND c1 = 1");
    assert!(db.rows("SELECT c2 FROM w WHERE k = 1 AND c1 = 1").is_empty());
    db.run("DELETE FROM w WHERE k = 1 AND c1 = 2 AND c2 >= 'b'");
    assert_eq!(db.rows("SELECT c2 FROM w WHERE k = 1 AND c1 = 2"), ["'a'"]);
    db.run("DELETE FROM w WHERE k = 1 AND c1 > 2");
    assert_eq!(db.rows("SELECT c1, c2, s FROM w WHERE k = 1"), ["2|'a'|'static'", "0|'a'|'static'", "0|'c'|'static'"]);
    db.run("DELETE FROM w WHERE k = 1 AND c1 IN (0, 2) AND c2 IN ('a')");
    assert_eq!(db.rows("SELECT c1, c2 FROM w WHERE k = 1"), ["0|'c'"]);
    db.run("DELETE s FROM w WHERE k = 1");
    assert_eq!(db.rows("SELECT c1, s FROM w WHERE k = 1"), ["0|null"]);
    db.run("DELETE FROM w WHERE k = 1");
    assert!(db.rows("SELECT * FROM w WHERE k = 1").is_empty());
}

#[test]
fn multi_column_deletes() {
    let mut db = wide();
    for (c1, c2) in [(1, "a"), (1, "b"), (2, "a"), (2, "b")] {
        db.run(&format!("INSERT INTO w (k, c1, c2) VALUES (1, {c1}, '{c2}')"));
    }
    db.run("DELETE FROM w WHERE k = 1 AND (c1, c2) > (1, 'a') AND (c1, c2) <= (2, 'a')");
    assert_eq!(db.rows("SELECT c1, c2 FROM w WHERE k = 1"), ["2|'b'", "1|'a'"]);
}

#[test]
fn static_columns() {
    let mut db = wide();
    db.run("UPDATE w SET s = 'x' WHERE k = 1");
    assert_eq!(db.rows("SELECT * FROM w"), ["1|null|null|'x'|null"]);
    db.run("INSERT INTO w (k, c1, c2, s) VALUES (1, 5, 'r', 'y')");
    assert_eq!(db.rows("SELECT * FROM w"), ["1|5|'r'|'y'|null"]);
    db.run("UPDATE w SET s = 'z', v = 3 WHERE k = 1 AND c1 = 5 AND c2 = 'r'");
    assert_eq!(db.rows("SELECT * FROM w"), ["1|5|'r'|'z'|3"]);
    assert_eq!(db.rows("SELECT DISTINCT k, s FROM w"), ["1|'z'"]);
    db.run("DELETE FROM w WHERE k = 1 AND c1 = 5 AND c2 = 'r'");
    assert_eq!(db.rows("SELECT s FROM w WHERE k = 1"), ["'z'"]);
    assert!(db.rows("SELECT k FROM w WHERE k = 1 AND c1 = 5").is_empty());
}

#[test]
fn timestamps_decide() {
    let mut db = simple();
    db.run("INSERT INTO t (k, v) VALUES (1, 'new') USING TIMESTAMP 100");
    db.run("UPDATE t USING TIMESTAMP 99 SET v = 'old' WHERE k = 1");
    assert_eq!(db.rows("SELECT v, writetime(v) FROM t WHERE k = 1"), ["'new'|100"]);
    db.run("DELETE FROM t USING TIMESTAMP 99 WHERE k = 1");
    assert_eq!(db.rows("SELECT v FROM t WHERE k = 1"), ["'new'"]);
    db.run("DELETE FROM t USING TIMESTAMP 100 WHERE k = 1");
    assert!(db.rows("SELECT v FROM t WHERE k = 1").is_empty());
}

#[test]
fn ttl_runs_out() {
    let mut db = simple();
    db.run("INSERT INTO t (k, v, n) VALUES (1, 'a', 1) USING TTL 100");
    db.run("UPDATE t USING TTL 0 SET n = 2 WHERE k = 1");
    db.now_s = START_S + 40;
    assert_eq!(db.rows("SELECT v, ttl(v), n, ttl(n) FROM t WHERE k = 1"), ["'a'|60|2|null"]);
    db.now_s = START_S + 100;
    assert_eq!(db.rows("SELECT v, ttl(v), n FROM t WHERE k = 1"), ["null|null|2"]);
    db.run("DELETE n FROM t WHERE k = 1");
    assert!(db.rows("SELECT * FROM t WHERE k = 1").is_empty());
}

#[test]
fn default_ttl_of_a_table() {
    let mut db = Db::new(&["CREATE TABLE d (k int PRIMARY KEY, v int) WITH default_time_to_live = 10"]);
    db.run("INSERT INTO d (k, v) VALUES (1, 1)");
    db.run("INSERT INTO d (k, v) VALUES (2, 2) USING TTL 0");
    db.write("INSERT INTO d (k, v) VALUES (3, 3) USING TTL ?", &[BoundValue::Unset]).unwrap();
    db.write("INSERT INTO d (k, v) VALUES (4, 4) USING TTL ?", &[BoundValue::Null]).unwrap();
    assert_eq!(db.rows("SELECT k, ttl(v) FROM d WHERE k IN (1, 2, 3, 4)"), ["1|10", "2|null", "3|10", "4|null"]);
}

#[test]
fn ttl_limits() {
    let mut db = simple();
    assert_eq!(
        db.error("INSERT INTO t (k) VALUES (1) USING TTL 630720001"),
        "ttl is too large. requested (630720001) maximum (630720000)"
    );
    assert_eq!(
        db.error("INSERT INTO t (k) VALUES (1) USING TTL -1"),
        "A TTL must be greater or equal to 0, but was -1"
    );
    db.now_s = i64::from(u32::MAX) - 1_000;
    db.run("INSERT INTO t (k) VALUES (1) USING TTL 999");
    let refused = db.error("INSERT INTO t (k) VALUES (1) USING TTL 1000");
    assert!(refused.contains("exceeds maximum supported expiration date"), "{refused}");
    db.now_s = i64::MAX - 5;
    let refused = db.error("INSERT INTO t (k) VALUES (1) USING TTL 10");
    assert!(refused.contains("exceeds maximum supported expiration date"), "{refused}");
}

#[test]
fn unset_leaves_alone_and_null_deletes() {
    let mut db = simple();
    db.run("INSERT INTO t (k, v, n) VALUES (1, 'a', 1)");
    db.write("INSERT INTO t (k, v, n) VALUES (?, ?, ?)", &[int(1), BoundValue::Unset, BoundValue::Null]).unwrap();
    assert_eq!(db.rows("SELECT * FROM t"), ["1|null|'a'"]);
    let unset = db.write("INSERT INTO t (k) VALUES (?)", &[BoundValue::Unset]).unwrap_err().to_string();
    assert_eq!(unset, "Invalid unset value for column k");
    // An update of nothing writes nothing.
    db.write("UPDATE t SET v = ? WHERE k = 9", &[BoundValue::Unset]).unwrap();
    assert_eq!(db.rows("SELECT k FROM t"), ["1"]);
}

#[test]
fn batches() {
    let mut db = wide();
    db.run("BEGIN BATCH APPLY BATCH");
    db.run(
        "BEGIN BATCH USING TIMESTAMP 5 INSERT INTO w (k, c1, c2, v) VALUES (1, 1, 'a', 1); \
            UPDATE w SET s = 'x' WHERE k = 1; DELETE v FROM w WHERE k = 1 AND c1 = 2 AND c2 = 'b' APPLY BATCH",
    );
    assert_eq!(db.rows("SELECT c1, c2, s, v, writetime(v) FROM w WHERE k = 1"), ["1|'a'|'x'|1|5"]);
    let logged = "BEGIN BATCH INSERT INTO w (k, c1, c2) VALUES (1, 1, 'a'); \
                  INSERT INTO w (k, c1, c2) VALUES (2, 1, 'a') APPLY BATCH";
    assert!(db.error(logged).starts_with("Logged batches over more than one partition are not supported"));
    db.run(&logged.replace("BEGIN BATCH", "BEGIN UNLOGGED BATCH"));
    assert_eq!(db.rows("SELECT k FROM w WHERE k IN (1, 2) AND c1 = 1"), ["1", "2"]);
    assert!(db.error("BEGIN COUNTER BATCH APPLY BATCH").starts_with("COUNTER BATCH is not supported"));
}

#[test]
fn a_batch_message_merges_by_partition() {
    let mut db = simple();
    let insert = db.prepare("INSERT INTO t (k, v) VALUES (?, ?)").unwrap();
    let delete = db.prepare("DELETE n FROM t WHERE k = ?").unwrap();
    let context = db.context();
    let statements =
        vec![(&insert, vec![int(1), text("a")]), (&delete, vec![int(1)]), (&insert, vec![int(2), text("b")])];
    let write = bind_batch(BatchKind::Unlogged, statements.clone(), &context).unwrap();
    let Operation::Write(inner) = &write else { panic!("not a write") };
    assert_eq!(inner.mutations.len(), 2);
    assert!(bind_batch(BatchKind::Logged, statements, &context).is_err());
    db.commit(&write);
    assert_eq!(db.rows("SELECT k, v FROM t WHERE k IN (1, 2)"), ["1|'a'", "2|'b'"]);
    db.run("INSERT INTO t (k, v) VALUES (7, 'x')");
    let select = db.prepare("SELECT * FROM t").unwrap();
    assert!(bind_batch(BatchKind::Unlogged, vec![(&select, vec![])], &context).is_err());
}

#[test]
fn composite_partition_keys_route_as_drivers_do() {
    let mut db = Db::new(&["CREATE TABLE p (a int, b text, v int, PRIMARY KEY ((a, b)))"]);
    db.run("INSERT INTO p (a, b, v) VALUES (1, 'x', 7)");
    let prepared = db.prepare("SELECT v FROM p WHERE a = ? AND b = ?").unwrap();
    assert_eq!(prepared.partition_key_indices, [0, 1]);
    assert_eq!(db.rows("SELECT * FROM p WHERE a IN (0, 1) AND b IN ('x', 'y')"), ["1|'x'|7"]);
    let operation = db
        .prepare("DELETE FROM p WHERE a = 1 AND b = 'x'")
        .unwrap()
        .bind(starling_node::plan::BoundValues::NONE, &db.context())
        .unwrap();
    let Operation::Write(write) = operation else { panic!("not a write") };
    let key = &write.mutations[0].mutation.partition.key;
    assert_eq!(&key[..], [0, 4, 0, 0, 0, 1, 0, 0, 1, b'x', 0]);
    assert_eq!(write.mutations[0].mutation.partition.token, starling_ring::Token::from_key(key));
}

#[test]
fn batches_over_very_many_partitions_are_refused() {
    let mut db = simple();
    let update = |from: u32| {
        let keys: Vec<String> = (from..from + 6_000).map(|key| key.to_string()).collect();
        format!("UPDATE t SET v = 'x' WHERE k IN ({})", keys.join(", "))
    };
    let batch = |second: u32| format!("BEGIN UNLOGGED BATCH {}; {}; APPLY BATCH", update(0), update(second));
    db.run(&batch(4_000));
    assert_eq!(db.error(&batch(4_001)), "Batch too large: it writes to more than 10000 partitions");
}

/// Timestamps and stamps of the cells and deletions that a statement comes to, with a client's timestamp of 5.
fn stamped(db: &Db, cql: &str) -> Vec<(i64, u64)> {
    let context = BindContext { client_timestamp_us: Some(5), stamp: 1_000, ..db.context() };
    let bound = db.prepare(cql).unwrap().bind(BoundValues::NONE, &context).unwrap();
    let Operation::Write(write) = bound else { panic!("{cql}") };
    let mut found = Vec::new();
    for mutation in write.mutations.into_iter().map(|part| part.mutation) {
        assert_eq!(mutation.issue_stamp, 1_000);
        for (_, row) in mutation.partition.rows {
            found.extend(row.marker.map(|marker| (marker.timestamp_us, 0)));
            found.extend(row.deletion.map(|deletion| (deletion.timestamp_us, deletion.issue_stamp)));
            let cells = row.columns.into_iter().flat_map(|column| column.cells);
            found.extend(cells.map(|cell| match cell.content {
                CellContent::Tombstone { issue_stamp, .. } => (cell.timestamp_us, issue_stamp),
                _ => (cell.timestamp_us, 0),
            }));
        }
    }
    found
}

/// `USING TIMESTAMP` counts everywhere, the client's own only where the table honours it. Deletions carry the stamp.
#[test]
fn whose_timestamp_is_written() {
    let db = Db::new(&[
        "CREATE TABLE honours (k int PRIMARY KEY, v int)",
        "CREATE TABLE own (k int PRIMARY KEY, v int) WITH client_timestamps = 'server'",
    ]);
    let into = |table: &str, using: &str| format!("INSERT INTO {table} (k, v) VALUES (1, 2){using}");
    assert_eq!(stamped(&db, &into("honours", "")), [(5, 0), (5, 0)]);
    assert_eq!(stamped(&db, &into("own", "")), [(1_000, 0), (1_000, 0)]);
    assert_eq!(stamped(&db, &into("own", " USING TIMESTAMP 7")), [(7, 0), (7, 0)]);
    let batch =
        |using: &str| format!("BEGIN UNLOGGED BATCH {using} {}; {} APPLY BATCH", into("own", ""), into("honours", ""));
    let mut mixed = stamped(&db, &batch(""));
    mixed.sort_unstable();
    assert_eq!(mixed, [(5, 0), (5, 0), (1_000, 0), (1_000, 0)]);
    assert_eq!(stamped(&db, &batch("USING TIMESTAMP 9")), [(9, 0); 4]);
    assert_eq!(stamped(&db, "DELETE v FROM own WHERE k = 1"), [(1_000, 1_000)]);
    assert_eq!(stamped(&db, "UPDATE honours SET v = null WHERE k = 1"), [(5, 1_000)]);
}
