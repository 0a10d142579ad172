use starling_node::plan::BindContext;

use crate::support::{Db, int, list_of_ints};

/// Partitions 1 to 3, each with c1 in 0..3 and c2 in 0..3, v = 100k + 10c1 + c2.
fn grid() -> Db {
    let mut db = Db::new(&["CREATE TABLE g (k int, c1 int, c2 int, s int STATIC, v int, PRIMARY KEY (k, c1, c2)) \
                            WITH CLUSTERING ORDER BY (c1 ASC, c2 DESC)"]);
    for k in 1..=3 {
        for c1 in 0..3 {
            for c2 in 0..3 {
                let v = 100 * k + 10 * c1 + c2;
                db.run(&format!("INSERT INTO g (k, c1, c2, s, v) VALUES ({k}, {c1}, {c2}, {k}, {v})"));
            }
        }
    }
    db
}

fn numbers(rows: Vec<String>) -> Vec<i32> {
    rows.iter().map(|row| row.parse().unwrap()).collect()
}

#[test]
fn slices_and_order() {
    let db = grid();
    let cases: &[(&str, &[i32])] = &[
        ("k = 1", &[102, 101, 100, 112, 111, 110, 122, 121, 120]),
        ("k = 1 ORDER BY c1 DESC", &[120, 121, 122, 110, 111, 112, 100, 101, 102]),
        ("k = 1 ORDER BY c1 DESC, c2 ASC", &[120, 121, 122, 110, 111, 112, 100, 101, 102]),
        ("k = 1 AND c1 = 1", &[112, 111, 110]),
        ("k = 1 AND c1 = 1 ORDER BY c2 ASC", &[110, 111, 112]),
        ("k = 1 AND c1 = 1 AND c2 > 0", &[112, 111]),
        ("k = 1 AND c1 = 1 AND c2 >= 1 AND c2 < 2", &[111]),
        ("k = 1 AND c1 > 1", &[122, 121, 120]),
        ("k = 1 AND c1 >= 1 AND c1 < 2", &[112, 111, 110]),
        ("k = 1 AND c1 > 2", &[]),
        ("k = 1 AND c1 > 1 AND c1 < 1", &[]),
        ("k = 1 AND (c1, c2) > (1, 1)", &[112, 122, 121, 120]),
        ("k = 1 AND (c1, c2) >= (1, 1) AND (c1) < (2)", &[112, 111]),
        ("k = 1 AND (c1, c2) <= (0, 1)", &[101, 100]),
        ("k = 1 AND (c1, c2) = (1, 1)", &[111]),
        ("k = 1 AND (c1, c2) IN ((1, 1), (0, 0), (5, 5), (1, 1))", &[100, 111]),
        ("k = 1 AND c1 IN (2, 0) AND c2 IN (0, 1)", &[101, 100, 121, 120]),
        ("k = 1 AND c1 IN (2, 0) AND c2 < 2 ORDER BY c1 DESC", &[120, 121, 100, 101]),
        ("k = 1 AND c1 IN ()", &[]),
        ("k IN (3, 1, 3) AND c1 = 0 AND c2 = 0", &[100, 300]),
        ("k = 1 LIMIT 2", &[102, 101]),
        ("k IN (1, 2) PER PARTITION LIMIT 2", &[102, 101, 202, 201]),
        ("k IN (1, 2) PER PARTITION LIMIT 2 LIMIT 3", &[102, 101, 202]),
        ("k = 1 AND c1 >= 1 ORDER BY c1 DESC LIMIT 2", &[120, 121]),
        ("k IN (2, 1) AND c1 = 0 ORDER BY c1 ASC, c2 DESC", &[102, 202, 101, 201, 100, 200]),
        ("k IN (2, 1) ORDER BY c1 DESC LIMIT 1", &[120]),
        ("k = 1 AND v > 110 AND v <= 121 ALLOW FILTERING", &[112, 111, 121, 120]),
        ("k = 1 AND c2 = 1 ALLOW FILTERING", &[101, 111, 121]),
        ("k = 1 AND c1 > 0 AND c2 = 1 ALLOW FILTERING", &[111, 121]),
        ("k = 1 AND v IN (100, 122) ALLOW FILTERING", &[100, 122]),
        ("k IN (1, 2, 3) AND c2 = 1 PER PARTITION LIMIT 1 ALLOW FILTERING", &[101, 201, 301]),
    ];
    for (condition, expected) in cases {
        assert_eq!(numbers(db.rows(&format!("SELECT v FROM g WHERE {condition}"))), *expected, "{condition}");
    }
}

#[test]
fn scans() {
    let db = grid();
    let mut all = numbers(db.rows("SELECT v FROM g"));
    assert_eq!(all.len(), 27);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 27);
    assert_eq!(db.rows("SELECT v FROM g LIMIT 5").len(), 5);
    assert_eq!(db.rows("SELECT v FROM g PER PARTITION LIMIT 2").len(), 6);
    assert_eq!(db.rows("SELECT k FROM g PER PARTITION LIMIT 2 LIMIT 5").len(), 5);
    assert_eq!(db.rows("SELECT DISTINCT k, s FROM g").len(), 3);
    assert_eq!(db.rows("SELECT DISTINCT k FROM g LIMIT 2").len(), 2);
    assert_eq!(db.rows("SELECT DISTINCT s FROM g WHERE k IN (1, 3)"), ["1", "3"]);
    let mut ones = numbers(db.rows("SELECT v FROM g WHERE c1 = 1 AND c2 = 1 ALLOW FILTERING"));
    ones.sort_unstable();
    assert_eq!(ones, [111, 211, 311]);
    assert_eq!(numbers(db.rows("SELECT v FROM g WHERE s = 2 AND c1 = 0 AND c2 = 2 ALLOW FILTERING")), [202]);
    assert_eq!(numbers(db.rows("SELECT v FROM g WHERE k > 2 AND c1 = 0 AND c2 = 2 ALLOW FILTERING")), [302]);
}

#[test]
fn tokens_cut_the_ring() {
    let db = grid();
    let rows = db.select("SELECT token(k), k FROM g PER PARTITION LIMIT 1").unwrap();
    assert_eq!(rows.names(), ["system.token(k)", "k"]);
    let pairs: Vec<(i64, String)> = rows
        .text()
        .iter()
        .map(|row| row.split_once('|').unwrap())
        .map(|(token, k)| (token.parse().unwrap(), k.to_owned()))
        .collect();
    assert!(pairs.is_sorted());
    let middle = pairs[1].0;
    let count = |condition: String| db.rows(&format!("SELECT DISTINCT k FROM g WHERE {condition}")).len();
    assert_eq!(count(format!("token(k) > {middle}")), 1);
    assert_eq!(count(format!("token(k) >= {middle}")), 2);
    assert_eq!(count(format!("token(k) < {middle}")), 1);
    assert_eq!(count(format!("token(k) <= {middle}")), 2);
    assert_eq!(count(format!("token(k) = {middle}")), 1);
    assert_eq!(count(format!("token(k) > {middle} AND token(k) <= {middle}")), 0);
    assert_eq!(count(format!("token(k) = token({})", pairs[0].1)), 1);
    assert_eq!(count(format!("token(k) > {} AND token(k) <= {}", i64::MIN, i64::MAX)), 3);
    assert_eq!(count(format!("token(k) > {middle} AND token(k) <= {}", i64::MIN)), 1);
}

#[test]
fn aggregates() {
    let db = grid();
    let rows = db.select("SELECT count(*), min(v), max(v), sum(v), avg(c2) FROM g WHERE k = 1").unwrap();
    assert_eq!(rows.names(), ["count", "system.min(v)", "system.max(v)", "system.sum(v)", "system.avg(c2)"]);
    assert_eq!(rows.text(), ["9|100|122|999|1"]);
    assert_eq!(db.rows("SELECT count(*), max(v) FROM g WHERE k = 9"), ["0|null"]);
    assert_eq!(db.rows("SELECT count(*) AS n FROM g"), ["27"]);
    assert_eq!(db.rows("SELECT count(v) FROM g WHERE v > 200 ALLOW FILTERING"), ["17"]);
    assert_eq!(db.rows("SELECT k, count(*) FROM g WHERE k IN (1, 2) GROUP BY k"), ["1|9", "2|9"]);
    assert_eq!(
        db.rows("SELECT k, c1, sum(v) FROM g WHERE k IN (1, 2) GROUP BY k, c1 LIMIT 4"),
        ["1|0|303", "1|1|333", "1|2|363", "2|0|603"]
    );
    assert_eq!(
        db.rows("SELECT k, c1, v FROM g WHERE k IN (1, 3) GROUP BY k, c1 PER PARTITION LIMIT 1"),
        ["1|0|102", "3|0|302"]
    );
    assert_eq!(
        db.rows("SELECT c1, max(v) FROM g WHERE k = 1 GROUP BY c1 ORDER BY c1 DESC"),
        ["2|122", "1|112", "0|102"]
    );
    assert!(db.rows("SELECT k, count(*) FROM g WHERE k = 9 GROUP BY k").is_empty());
}

#[test]
fn static_only_partitions_beside_dead_rows() {
    let mut db = Db::new(&["CREATE TABLE s (k int, c int, s int STATIC, v int, PRIMARY KEY (k, c))"]);
    for k in 0..4 {
        db.run(&format!("INSERT INTO s (k, s) VALUES ({k}, {k})"));
        for c in 0..3 {
            db.run(&format!("INSERT INTO s (k, c) VALUES ({k}, {c})"));
            if k % 2 == 0 {
                db.run(&format!("DELETE FROM s WHERE k = {k} AND c = {c}"));
            }
        }
    }
    assert_eq!(
        db.rows("SELECT k, c, s FROM s WHERE k IN (0, 1, 2)"),
        ["0|null|0", "1|0|1", "1|1|1", "1|2|1", "2|null|2"]
    );
    assert_eq!(db.rows("SELECT k FROM s").len(), 8);
    assert_eq!(db.rows("SELECT DISTINCT k, s FROM s").len(), 4);
    assert_eq!(db.rows("SELECT count(*) FROM s WHERE k = 0"), ["1"]);
}

#[test]
fn clustering_types_and_descending_text() {
    let mut db = Db::new(&["CREATE TABLE x (k text, a text, b varint, d decimal, PRIMARY KEY (k, a, b, d)) \
                            WITH CLUSTERING ORDER BY (a DESC, b ASC, d DESC)"]);
    for a in ["", "a", "ab", "b"] {
        for b in ["-300", "-1", "0", "99999999999999999999"] {
            db.run(&format!("INSERT INTO x (k, a, b, d) VALUES ('k', '{a}', {b}, 1.5)"));
        }
    }
    let rows = db.rows("SELECT a, b FROM x WHERE k = 'k' AND a < 'ab' AND a >= ''");
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[0], "'a'|-300");
    assert_eq!(rows[4], "''|-300");
    assert_eq!(db.rows("SELECT d FROM x WHERE k = 'k' AND a = 'ab' AND b > 0"), ["1.5"]);
}

#[test]
fn pages_say_when_they_are_last() {
    let db = grid();
    let pages = |cql: &str, size: u32| db.select_paged(cql, &[], Some(size)).unwrap().pages;
    assert_eq!(pages("SELECT v FROM g WHERE k = 1", 100), 1);
    assert_eq!(pages("SELECT v FROM g WHERE k = 1 AND c1 = 1 AND c2 = 1", 1), 1);
    assert_eq!(pages("SELECT v FROM g WHERE k = 1 LIMIT 4", 2), 2);
    assert_eq!(pages("SELECT count(*) FROM g", 2), 1);
}

#[test]
fn markers_for_lists_and_limits() {
    let db = grid();
    let rows = db
        .select_paged("SELECT v FROM g WHERE k IN ? AND c1 = ? LIMIT ?", &[list_of_ints(&[2, 1]), int(0), int(4)], None)
        .unwrap();
    assert_eq!(rows.text(), ["102", "101", "100", "202"]);
    assert!(db.select_paged("SELECT v FROM g LIMIT ?", &[int(0)], None).is_err());
}

#[test]
fn damaged_paging_states_are_refused() {
    let db = grid();
    let prepared = db.prepare("SELECT v FROM g WHERE k = 1").unwrap();
    let none = || starling_node::plan::BoundValues::NONE;
    let context = BindContext { page_size: Some(2), ..db.context() };
    let starling_node::plan::Operation::Read(read) = prepared.bind(none(), &context).unwrap() else { panic!() };
    let state = db.page(*read).unwrap().paging_state.unwrap();
    for at in 0..state.len() {
        let mut damaged = state.to_vec();
        damaged[at] ^= 1;
        let context = BindContext { paging_state: Some(damaged.into()), ..context.clone() };
        assert!(prepared.bind(none(), &context).is_err(), "byte {at}");
        let context = BindContext { paging_state: Some(state.slice(..at)), ..context.clone() };
        assert!(prepared.bind(none(), &context).is_err(), "cut at {at}");
    }
    // A state of another query.
    let other = db.prepare("SELECT v FROM g WHERE k = 2").unwrap();
    let context = BindContext { paging_state: Some(state.clone()), ..context };
    assert!(other.bind(none(), &context).is_err());
    let limited = db.prepare("SELECT v FROM g WHERE k = 1 LIMIT 5").unwrap();
    assert!(limited.bind(none(), &context).is_err());
}

#[test]
fn durations_are_equal_or_not() {
    let mut db = Db::new(&["CREATE TABLE d (k int PRIMARY KEY, d duration)"]);
    for (k, d) in [(1, "1h"), (2, "60m"), (3, "1d"), (4, "null")] {
        db.run(&format!("INSERT INTO d (k, d) VALUES ({k}, {d})"));
    }
    assert_eq!(numbers(db.rows("SELECT k FROM d WHERE d = 3600s AND k IN (1, 2, 3, 4) ALLOW FILTERING")), [1, 2]);
    assert_eq!(numbers(db.rows("SELECT k FROM d WHERE d IN (1d, 2d) ALLOW FILTERING")), [3]);
    assert_eq!(
        db.error("SELECT k FROM d WHERE d > 1h ALLOW FILTERING"),
        "Slice restrictions are not supported on duration columns"
    );
}

#[test]
fn aggregates_of_distinct_count_partitions() {
    let mut db = Db::new(&["CREATE TABLE t (k int, c int, s int static, PRIMARY KEY (k, c))"]);
    for k in 0..4 {
        for c in 0..k {
            db.run(&format!("INSERT INTO t (k, c, s) VALUES ({k}, {c}, {k})"));
        }
    }
    db.run("INSERT INTO t (k, s) VALUES (9, 9)");
    assert_eq!(db.rows("SELECT DISTINCT count(k), sum(s) FROM t"), ["4|15"]);
    assert_eq!(db.rows("SELECT DISTINCT count(k), sum(s) FROM t WHERE k IN (2, 3)"), ["2|5"]);
    assert_eq!(db.rows("SELECT DISTINCT count(k) FROM t WHERE s > 1 ALLOW FILTERING"), ["3"]);
    let mut groups = db.rows("SELECT DISTINCT k, count(k) FROM t GROUP BY k");
    groups.sort();
    assert_eq!(groups, ["1|1", "2|1", "3|1", "9|1"]);
    assert_eq!(db.rows("SELECT DISTINCT k, count(k) FROM t GROUP BY k LIMIT 2").len(), 2);
}
