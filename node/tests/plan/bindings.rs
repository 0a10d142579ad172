use starling_cql_lite::types::CqlType;
use starling_node::plan::{BoundValue, BoundValues};

use crate::support::{Db, int, text};

fn db() -> Db {
    Db::new(&["CREATE TABLE b (k int, j text, c int, d text, v int, PRIMARY KEY ((k, j), c, d))"])
}

fn variables(cql: &str) -> Vec<(String, CqlType)> {
    let prepared = db().prepare(cql).unwrap();
    assert!(prepared.variables.iter().all(|variable| variable.keyspace == "ks" && variable.table == "b"));
    prepared.variables.into_iter().map(|variable| (variable.name, variable.cql_type)).collect()
}

fn named(name: &str, cql_type: CqlType) -> (String, CqlType) {
    (name.to_owned(), cql_type)
}

#[test]
fn variables_are_named_after_what_they_stand_for() {
    let list = |cql_type| CqlType::List(Box::new(cql_type));
    let tuple = || CqlType::Tuple(vec![CqlType::Int, CqlType::Text]);
    assert_eq!(
        variables("INSERT INTO b (k, j, c, d, v) VALUES (?, ?, ?, ?, :value) USING TIMESTAMP ? AND TTL ?"),
        [
            named("k", CqlType::Int),
            named("j", CqlType::Text),
            named("c", CqlType::Int),
            named("d", CqlType::Text),
            named("value", CqlType::Int),
            named("[timestamp]", CqlType::BigInt),
            named("[ttl]", CqlType::Int),
        ]
    );
    assert_eq!(
        variables("SELECT v FROM b WHERE k IN ? AND j = ? AND (c, d) > ? PER PARTITION LIMIT ? LIMIT ?"),
        [
            named("in(k)", list(CqlType::Int)),
            named("j", CqlType::Text),
            named("(c,d)", tuple()),
            named("[per_partition_limit]", CqlType::Int),
            named("[limit]", CqlType::Int),
        ]
    );
    assert_eq!(variables("SELECT v FROM b WHERE k = 1 AND j = '' AND (c, d) IN ?"), [named("in(c,d)", list(tuple()))]);
    let one = CqlType::Tuple(vec![CqlType::Int]);
    assert_eq!(variables("SELECT v FROM b WHERE k = 1 AND j = '' AND (c) IN ?"), [named("in(c)", list(one.clone()))]);
    assert_eq!(
        variables("SELECT v FROM b WHERE k = 1 AND j = '' AND (c) IN (?, (?))"),
        [named("(c)", one), named("c", CqlType::Int)]
    );
    assert_eq!(variables("SELECT v FROM b WHERE token(k, j) > ?"), [named("partition key token", CqlType::BigInt)]);
}

#[test]
fn partition_key_indices() {
    let indices = |cql: &str| db().prepare(cql).unwrap().partition_key_indices;
    assert_eq!(indices("INSERT INTO b (v, j, d, c, k) VALUES (?, ?, ?, ?, ?)"), [4, 1]);
    assert_eq!(indices("SELECT v FROM b WHERE j = ? AND k = ?"), [1, 0]);
    assert_eq!(indices("UPDATE b SET v = ? WHERE k = ? AND j = ? AND c = 1 AND d = ''"), [1, 2]);
    assert!(indices("SELECT v FROM b WHERE j = 'x' AND k = ?").is_empty());
    assert!(indices("SELECT v FROM b WHERE j = ? AND k IN (?)").is_empty());
    assert!(indices("SELECT v FROM b").is_empty());
}

#[test]
fn values_by_name() {
    let db = db();
    let prepared = db.prepare("SELECT v FROM b WHERE k = :x AND j = :y AND c > :x").unwrap();
    let values = vec![("y".to_owned(), text("a")), ("x".to_owned(), int(1)), ("z".to_owned(), int(1))];
    assert!(prepared.bind(BoundValues::Named(values), &db.context()).is_ok());
    let error = prepared.bind(BoundValues::Named(vec![("x".to_owned(), int(1))]), &db.context()).unwrap_err();
    assert_eq!(error.to_string(), "Missing value for bind variable y");
}

#[test]
fn values_are_checked() {
    let db = db();
    let prepared = db.prepare("SELECT v FROM b WHERE k = ? AND j = ?").unwrap();
    let error = |values: Vec<BoundValue>| {
        let bound = prepared.bind(BoundValues::Positional(values), &db.context());
        bound.map(|_| ()).unwrap_err().to_string()
    };
    assert!(error(vec![int(1)]).starts_with("Invalid amount of bind variables"));
    assert_eq!(error(vec![BoundValue::Null, text("a")]), "Invalid null value in condition for column k");
    assert_eq!(error(vec![int(1), BoundValue::Unset]), "Invalid unset value for column j");
    let three_bytes = BoundValue::Value(bytes::Bytes::from_static(&[1, 2, 3]));
    assert!(!error(vec![three_bytes, text("a")]).is_empty());
    let not_utf8 = BoundValue::Value(bytes::Bytes::from_static(&[0xFF]));
    assert!(!error(vec![int(1), not_utf8]).is_empty());
    let long = text(&"x".repeat(70_000));
    assert!(error(vec![int(1), long]).contains("is longer than maximum of 65535"));
}

#[test]
fn hostile_lists_and_tuples_are_refused() {
    let db = db();
    let check = |cql: &str, wire: &[u8]| {
        let prepared = db.prepare(cql).unwrap();
        let value = BoundValue::Value(bytes::Bytes::copy_from_slice(wire));
        assert!(prepared.bind(BoundValues::Positional(vec![value]), &db.context()).is_err(), "{cql} {wire:?}");
    };
    for wire in
        [&[0, 0, 0, 1][..], &[0x7F, 0xFF, 0xFF, 0xFF], &[0, 0, 0, 1, 0x7F, 0, 0, 0], &[0, 0, 0, 1, 0, 0, 0, 1, 5]]
    {
        check("SELECT v FROM b WHERE j = 'a' AND k IN ?", wire);
        check("SELECT v FROM b WHERE k = 1 AND j = 'a' AND (c, d) > ?", wire);
        check("SELECT v FROM b WHERE k = 1 AND j = 'a' AND (c, d) IN ?", wire);
    }
}

#[test]
fn products_of_ins_are_bounded() {
    let mut db = Db::new(&["CREATE TABLE p (a int, b int, c int, PRIMARY KEY ((a, b), c))"]);
    let many = (0..101).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let error = db.error(&format!("SELECT c FROM p WHERE a IN ({many}) AND b IN ({many})"));
    assert!(error.contains("10201 partition keys"), "{error}");
    let error = db.error(&format!("DELETE FROM p WHERE a IN ({many}) AND b = 1 AND c IN ({many})"));
    assert!(error.contains("more than 10000 rows"), "{error}");
}
