use starling_cql_lite::protocol::error::CqlError;

use crate::support::Db;

fn db() -> Db {
    Db::new(&[
        "CREATE TABLE t (k int PRIMARY KEY, v text)",
        "CREATE TABLE w (k int, j int, c1 int, c2 int, c3 int, s int STATIC, v int, PRIMARY KEY ((k, j), c1, c2, c3))",
    ])
}

const FILTERING: &str = "Cannot execute this query as it might involve data filtering and thus may have \
    unpredictable performance. If you want to execute this query despite the performance unpredictability, use ALLOW \
    FILTERING";

#[test]
fn names() {
    let mut db = db();
    for (cql, expected) in [
        ("SELECT * FROM nope", "table nope does not exist"),
        ("SELECT * FROM nope.t", "keyspace nope does not exist"),
        ("SELECT x FROM t", "Undefined column name x in table ks.t"),
        ("SELECT v FROM t WHERE x = 1", "Undefined column name x in table ks.t"),
        ("INSERT INTO t (k, x) VALUES (1, 2)", "Undefined column name x in table ks.t"),
        ("UPDATE t SET x = 1 WHERE k = 1", "Undefined column name x in table ks.t"),
        ("DELETE x FROM t WHERE k = 1", "Undefined column name x in table ks.t"),
        ("SELECT v FROM t WHERE k = 1 ORDER BY x", "Undefined column name x in table ks.t"),
        ("SELECT f(v) FROM t", "Unknown function 'f'"),
        ("USE nope", "Keyspace 'nope' does not exist"),
        ("TRUNCATE nope", "table nope does not exist"),
    ] {
        assert_eq!(db.error(cql), expected, "{cql}");
    }
    let parsed = starling_cql_lite::parser::parse_statement("SELECT * FROM t").unwrap();
    let error = starling_node::plan::prepare(&db.schema, None, parsed).unwrap_err().to_string();
    assert!(error.starts_with("No keyspace has been specified"), "{error}");
}

#[test]
fn where_clauses_of_selects() {
    let mut db = db();
    for (condition, expected) in [
        ("k = 1", FILTERING),
        ("k = 1 AND j > 1", FILTERING),
        ("v = 1", FILTERING),
        ("c1 = 1", FILTERING),
        ("token(k, j) > 1 AND c1 = 1", FILTERING),
        ("k = 1 AND j = 1 AND v = 1", FILTERING),
        (
            "k = 1 AND j = 1 AND c2 = 1",
            "PRIMARY KEY column \"c2\" cannot be restricted as preceding column \"c1\" is not restricted",
        ),
        (
            "k = 1 AND j = 1 AND c1 = 1 AND c3 = 1",
            "PRIMARY KEY column \"c3\" cannot be restricted as preceding column \"c2\" is not restricted",
        ),
        (
            "k = 1 AND j = 1 AND c1 > 1 AND c2 = 1",
            "Clustering column \"c2\" cannot be restricted (preceding column \"c1\" is restricted by a non-EQ relation)",
        ),
        ("k = 1 AND k = 2 AND j = 1", "k cannot be restricted by more than one relation if it includes an Equal"),
        ("k = 1 AND k IN (2) AND j = 1", "k cannot be restricted by more than one relation if it includes an Equal"),
        ("k IN (2) AND k = 1 AND j = 1", "k cannot be restricted by more than one relation if it includes a IN"),
        (
            "k = 1 AND j = 1 AND c1 > 1 AND c1 = 2",
            "Column \"c1\" cannot be restricted by both an equality and an inequality relation",
        ),
        (
            "k = 1 AND j = 1 AND (c1, c2) > (1, 1) AND (c2) < (5)",
            "Column \"c2\" cannot be restricted by two inequalities not starting with the same column",
        ),
        (
            "k = 1 AND j = 1 AND (c1, c2) = (1, 1) AND c1 = 1",
            "c1 cannot be restricted by more than one relation if it includes an Equal",
        ),
        (
            "k = 1 AND j = 1 AND (c2, c1) > (?, 1)",
            "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: (c2, c1) > (?, 1)",
        ),
        ("k = 1 AND j = 1 AND (c1, c2) > (1, 2, :x)", "Expected 2 elements in value tuple, but got 3: (1, 2, :x)"),
        ("k != -1", "Unsupported \"!=\" relation: k != -1"),
        ("v = ? ALLOW FILTERING", "Unsupported null value for column v"),
        ("v > null ALLOW FILTERING", "Unsupported null value for column v"),
        ("v = null", FILTERING),
        ("k IN ? AND j = 1", "Invalid null value for column k"),
        ("k = 1 AND j = 1 AND (c1, c2) IN ?", "Invalid null value for IN restriction"),
        ("token(k, j) > ?", "Invalid null token value"),
        ("k = 1 AND j = 1 AND c1 > 1 AND c1 >= 2", "More than one restriction was found for the start bound on c1"),
        ("k = 1 AND j = 1 AND c1 < 1 AND c1 <= 2", "More than one restriction was found for the end bound on c1"),
        (
            "k = 1 AND j = 1 AND (c2, c1) > (1, 2)",
            "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: (c2, c1) > (1, 2)",
        ),
        (
            "k = 1 AND j = 1 AND (c1, v) > (1, 2)",
            "Multi-column relations can only be applied to clustering columns but was applied to: v",
        ),
        ("k = 1 AND j = 1 AND (c1, c2) > (1)", "Expected 2 elements in value tuple, but got 1: (1)"),
        ("token(j, k) > 1", "The token function arguments must be in the partition key order: k, j"),
        ("token(k) > 1", "The token() function must be applied to all partition key components or none of them"),
        ("k = null AND j = 1", "Invalid null value in condition for column k"),
        ("k = ? AND j = 1", "Invalid null value in condition for column k"),
        ("k = 'a' AND j = 1", "Invalid STRING constant (a) for \"k\" of type int"),
        ("k = 1.5 AND j = 1", "Invalid FLOAT constant (1.5) for \"k\" of type int"),
        ("k = 1 AND j = 1 LIMIT 0", "LIMIT must be strictly positive"),
        ("k = 1 AND j = 1 PER PARTITION LIMIT 0", "PER PARTITION LIMIT must be strictly positive"),
        ("k = 1 AND j = 1 LIMIT ?", "Invalid null value of limit"),
    ] {
        assert_eq!(db.error(&format!("SELECT v FROM w WHERE {condition}")), expected, "{condition}");
    }
}

#[test]
fn selections_and_orders() {
    let mut db = db();
    for (cql, expected) in [
        (
            "SELECT * FROM w ORDER BY c1",
            "ORDER BY is only supported when the partition key is restricted by an EQ or an IN.",
        ),
        ("SELECT * FROM w WHERE k = 1 AND j = 1 ORDER BY c1 ASC, c2 DESC", "Unsupported order by relation"),
        (
            "SELECT * FROM w WHERE k = 1 AND j = 1 ORDER BY c2",
            "Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY",
        ),
        (
            "SELECT * FROM w WHERE k = 1 AND j = 1 ORDER BY v",
            "Order by is currently only supported on the clustered columns of the PRIMARY KEY, got v",
        ),
        (
            "SELECT DISTINCT v FROM w",
            "SELECT DISTINCT queries must only request partition key columns and/or static columns (not v)",
        ),
        (
            "SELECT DISTINCT * FROM w",
            "SELECT DISTINCT queries must only request partition key columns and/or static columns (not c1)",
        ),
        (
            "SELECT DISTINCT k, j FROM w WHERE v = 1",
            "SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.",
        ),
        ("SELECT DISTINCT k FROM w", "SELECT DISTINCT queries must request all the partition key columns (missing j)"),
        ("SELECT k, count(*) FROM w GROUP BY k", "Group by is not supported on only a part of the partition key"),
        (
            "SELECT count(*) FROM w GROUP BY k, j, c2",
            "Group by currently only support groups of columns following their declared order in the PRIMARY KEY",
        ),
        (
            "SELECT count(*) FROM w GROUP BY v",
            "Group by is currently only supported on the columns of the PRIMARY KEY, got v",
        ),
        ("SELECT writetime(k) FROM w", "Cannot use selection function writetime on PRIMARY KEY part k"),
        ("SELECT ttl(c1) FROM w", "Cannot use selection function ttl on PRIMARY KEY part c1"),
        (
            "SELECT s FROM w WHERE k = 1 AND j = 1 AND c1 = 1",
            "Cannot restrict clustering columns when selecting only static columns",
        ),
    ] {
        assert_eq!(db.error(cql), expected, "{cql}");
    }
    let paged = db.select_paged("SELECT v FROM w WHERE k IN (1, 2) AND j = 1 ORDER BY c1", &[], Some(10));
    assert!(paged.err().unwrap().to_string().starts_with("Cannot page queries with both ORDER BY"));
}

#[test]
fn warnings_of_aggregates() {
    let db = db();
    let warnings = |cql: &str| db.prepare(cql).unwrap().warnings();
    assert_eq!(warnings("SELECT count(*) FROM t"), ["Aggregation query used without partition key"]);
    assert_eq!(
        warnings("SELECT max(v) FROM t WHERE k IN (1, 2)"),
        ["Aggregation query used on multiple partition keys (IN restriction)"]
    );
    assert!(warnings("SELECT count(*) FROM t WHERE k = 1").is_empty());
    assert!(warnings("SELECT * FROM t").is_empty());
}

#[test]
fn modifications() {
    let mut db = db();
    for (cql, expected) in [
        ("INSERT INTO t (v) VALUES ('a')", "Some partition key parts are missing: k"),
        ("INSERT INTO w (k, v) VALUES (1, 1)", "Some partition key parts are missing: j"),
        ("INSERT INTO w (k, j, c1, v) VALUES (1, 1, 1, 1)", "Some clustering keys are missing: c2, c3"),
        ("INSERT INTO w (k, j) VALUES (1, 1)", "Some clustering keys are missing: c1, c2, c3"),
        ("INSERT INTO t (k, v) VALUES (1)", "Unmatched column names/values"),
        ("INSERT INTO t (k, k) VALUES (1, 2)", "The column names contains duplicates"),
        ("INSERT INTO t (k, v) VALUES (null, 'a')", "Invalid null value in condition for column k"),
        ("INSERT INTO t (k, v) VALUES (1, 2)", "Invalid INTEGER constant (2) for \"v\" of type text"),
        ("UPDATE t SET k = 2 WHERE k = 1", "PRIMARY KEY part k found in SET part"),
        ("UPDATE t SET v = 'a' WHERE v = 'b'", "Some partition key parts are missing: k"),
        ("UPDATE t SET v = 'a' WHERE k = 1 AND v = 'b'", "Non PRIMARY KEY columns found in where clause: v "),
        (
            "UPDATE t SET v = 'a' WHERE k > 1",
            "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for \
             UPDATE statements",
        ),
        (
            "UPDATE t SET v = 'a' WHERE token(k) = 1",
            "The token function cannot be used in WHERE clauses for UPDATE statements",
        ),
        ("UPDATE w SET v = 1 WHERE k = 1 AND j = 1", "Some clustering keys are missing: c1, c2, c3"),
        ("UPDATE w SET v = 1 WHERE k = 1 AND j = 1 AND c1 = 1 AND c2 = 1", "Some clustering keys are missing: c3"),
        (
            "UPDATE w SET v = 1 WHERE k = 1 AND j = 1 AND c1 > 1",
            "Slice restrictions are not supported on the clustering columns in UPDATE statements",
        ),
        (
            "UPDATE w SET s = 1 WHERE k = 1 AND j = 1 AND c1 = 1 AND c2 = 1 AND c3 = 1",
            "Invalid restrictions on clustering columns since the UPDATE statement modifies only static columns",
        ),
        (
            "UPDATE w SET s = 1 WHERE k = 1 AND j = 1 AND c1 > 1",
            "Invalid restrictions on clustering columns since the UPDATE statement modifies only static columns",
        ),
        (
            "DELETE s FROM w WHERE k = 1 AND j = 1 AND c1 = 1",
            "Invalid restrictions on clustering columns since the DELETE statement modifies only static columns",
        ),
        ("DELETE k FROM t WHERE k = 1", "Invalid identifier k for deletion (should not be a PRIMARY KEY part)"),
        ("DELETE v FROM w WHERE k = 1 AND j = 1 AND c1 = 1", "Some clustering keys are missing: c2, c3"),
        (
            "DELETE FROM w WHERE k = 1 AND j = 1 AND c2 = 1",
            "PRIMARY KEY column \"c2\" cannot be restricted as preceding column \"c1\" is not restricted",
        ),
        ("DELETE FROM w WHERE k = 1", "Some partition key parts are missing: j"),
        ("INSERT INTO t (k) VALUES (1) USING TIMESTAMP ?", "Invalid null value of timestamp"),
        (
            "BEGIN BATCH USING TIMESTAMP 1 INSERT INTO t (k) VALUES (1) USING TIMESTAMP 2; APPLY BATCH",
            "Timestamp must be set either on BATCH or individual statements",
        ),
    ] {
        assert_eq!(db.error(cql), expected, "{cql}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let mut db = db();
    for (cql, name) in [
        ("INSERT INTO t (k) VALUES (1) IF NOT EXISTS", "lightweight transaction"),
        ("UPDATE t SET v = 'a' WHERE k = 1 IF v = 'b'", "lightweight transaction"),
        ("DELETE FROM t WHERE k = 1 IF EXISTS", "lightweight transaction"),
        ("UPDATE w SET v = v + 1 WHERE k = 1 AND j = 1 AND c1 = 1 AND c2 = 1 AND c3 = 1", "non counter column v"),
        ("UPDATE t SET v['a'] = 'b' WHERE k = 1", "non collection column v"),
        ("DELETE v['a'] FROM t WHERE k = 1", "non collection column v"),
        ("SELECT v['a'] FROM t", "v is of type text is not a collection"),
        ("SELECT v FROM t WHERE k = 1 ORDER BY v ANN OF [1.0]", "ANN OF"),
    ] {
        let error = db.error(cql);
        assert!(error.contains(name), "{cql}: {error}");
    }
}

#[test]
fn system_tables_are_read_only() {
    let mut db = db();
    let mut schema = db.schema.clone();
    let keyspace = std::sync::Arc::make_mut(schema.keyspaces.get_mut("ks").unwrap());
    keyspace.is_virtual = true;
    db.schema = schema;
    for cql in
        ["INSERT INTO t (k) VALUES (1)", "UPDATE t SET v = '' WHERE k = 1", "DELETE FROM t WHERE k = 1", "TRUNCATE t"]
    {
        match db.prepare(cql) {
            Err(CqlError::Unauthorized(message)) => assert_eq!(message, "ks keyspace is not user-modifiable."),
            other => panic!("{cql}: {other:?}"),
        }
    }
    assert!(db.prepare("SELECT * FROM t").is_ok());
}
