//! Statements as applications, drivers and tools write them, with the constructs that Cassandra's documentation of CQL
//! shows.

use starling_cql_lite::ast::{Statement, TermKind};
use starling_cql_lite::parser::parse_statement;

const EXAMPLES: &[&str] = &[
    // What drivers and cqlsh send.
    "select cluster_name from system.local where key = 'local'",
    "SELECT * FROM system.local WHERE key='local'",
    "SELECT peer, data_center, host_id, rack, release_version, rpc_address, schema_version, tokens FROM system.peers",
    "SELECT * FROM system.peers_v2",
    "SELECT keyspace_name, table_name FROM system_schema.tables where keyspace_name in ?",
    "SELECT * FROM system_virtual_schema.columns",
    "SELECT * FROM \"system_schema\".\"indexes\" WHERE keyspace_name = 'ks' AND table_name = 't'",
    "USE \"ks\"",
    "DESC KEYSPACE \"Ks\";",
    // Keyspaces and tables.
    "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'eu': '1', 'us': 3} \
     AND durable_writes = false;",
    "CREATE TABLE visits (\n    page text,\n    day date,\n    at timeuuid,\n    load float,\n    \
     PRIMARY KEY ((page, day), at)\n) WITH CLUSTERING ORDER BY (at DESC)\n\
     AND caching = { 'keys' : 'ALL', 'rows_per_partition' : 10 } AND speculative_retry = '99PERCENTILE'\n\
     AND compaction = { 'class' : 'LeveledCompactionStrategy', 'sstable_size_in_mb': 160 };",
    "CREATE TABLE patients (id timeuuid PRIMARY KEY, name text MASKED WITH mask_inner(1, null), \
     birth date MASKED WITH mask_default());",
    "CREATE TABLE docs (id int PRIMARY KEY, v vector<float, 5>)",
    "ALTER TABLE visits ADD referrer varchar;",
    "ALTER TABLE visits WITH comment = 'It''s all here' AND read_repair = 'NONE'",
    // Types, indexes, views, functions.
    "CREATE TYPE address (street text, zip text, phones map<text, frozen<phone>>)",
    "CREATE INDEX by_zip ON users (zip) USING 'sai'",
    "CREATE CUSTOM INDEX ON docs (v) USING 'StorageAttachedIndex' WITH OPTIONS = {'similarity_function': 'COSINE'}",
    "CREATE MATERIALIZED VIEW by_day AS SELECT * FROM visits WHERE day IS NOT NULL AND page IS NOT NULL AND at IS NOT NULL \
     PRIMARY KEY (day, page, at) WITH comment = 'x'",
    "CREATE OR REPLACE FUNCTION ks.sum2 (state tuple<int,bigint>, val int) CALLED ON NULL INPUT \
     RETURNS tuple<int,bigint> LANGUAGE java AS 'return state;'",
    "CREATE OR REPLACE AGGREGATE ks.mean(int) SFUNC sum2 STYPE tuple<int,bigint> FINALFUNC mean2 INITCOND (0,0)",
    // Reading.
    "SELECT name, job FROM users WHERE id IN (1, 2, 3);",
    "SELECT COUNT (*) AS user_count FROM users;",
    "SELECT * FROM posts WHERE id = 'a b' AND (title, at) IN (('Ann''s', '2012-01-01'), ('Chess', '2014-06-01'))",
    "SELECT * FROM posts WHERE token(id) > token('tom') AND token(id) < token('bob')",
    "SELECT * FROM events WHERE kind = 'x' AND at > maxTimeuuid('2013-01-01 00:05+0000') AND at < minTimeuuid('2013-02-02')",
    "SELECT * FROM events WHERE at >= currentTimestamp() - 3h30m",
    "SELECT page, MIN(load), max(load) FROM visits GROUP BY page, day",
    "SELECT page, floor(at, 1h, '2020-01-01'), avg(load) FROM visits GROUP BY page, floor(at, 1h, '2020-01-01')",
    "SELECT similarity_cosine(v, [0.1, 0.15, 0.3, 0.12, 0.05]) FROM docs ORDER BY v ANN OF [0.1, 0.15, 0.3, 0.12, 0.05] LIMIT 1",
    "SELECT CAST(avg(cast(load as double)) AS text) FROM visits",
    "SELECT blobAsBigint(bigintAsBlob(3)), typeAsBlob(a), to_date(now()), collection_count(m) FROM t",
    "SELECT * FROM users WHERE year = 1981 AND country = 'FR' ALLOW FILTERING;",
    // Writing.
    "INSERT INTO movies (title, director, year) VALUES ('Serenity', 'Joss', 2005) USING TTL 86400;",
    "INSERT INTO users (name, homes) VALUES ('z', { 'main' : { street: 'A 1', phones: { 'cell' : { code: 1, no: '2' } } } })",
    "INSERT INTO t (a, b) VALUES (now(), toTimestamp(now())) IF NOT EXISTS",
    "INSERT INTO t JSON '{\"a\": \"b;c\", \"n\": null}' DEFAULT UNSET",
    "UPDATE movies USING TTL 400 SET director = 'Joss', \"Main\" = 'x' WHERE title = 'Serenity'",
    "UPDATE users SET todo = todo - ['run'], top = ['rivendell'] + top, todo[2] = 'x', tags = tags + {'a', 'b'} WHERE id = 1",
    "UPDATE actions SET total = total + 2 WHERE user = B70DE1D0-9908-4AE3-BE34-5573E5B09F14 AND action = 'click'",
    "UPDATE t SET m['x'] = {a: 1}, f = {'k': (1, 'b')}, g.street = 'x' WHERE k = 1 IF a != null AND b IN ('x', 'y')",
    "DELETE FROM movies USING TIMESTAMP 1240003134 WHERE title = 'Serenity';",
    "DELETE phone, m['a'] FROM users WHERE id IN (C73DE1D3-AF08-40F3-B124-3FF3E5109F22, B70DE1D0-9908-4AE3-BE34-5573E5B09F14)",
    "BEGIN BATCH\n   INSERT INTO users (id) VALUES ('a');\n   UPDATE users SET p = 'x' WHERE id = 'b';\n   \
     DELETE name FROM users WHERE id = 'c';\nAPPLY BATCH;",
    // Access.
    "CREATE ROLE coach WITH PASSWORD = 'x' AND LOGIN = true AND ACCESS FROM CIDRS { 'region1', 'region2' };",
    "GRANT MODIFY ON KEYSPACE ks TO editor",
    "GRANT SELECT_MASKED ON TABLE ks.t TO reader",
    "REVOKE EXECUTE ON FUNCTION ks.f( int ) FROM report",
    "LIST ALL PERMISSIONS ON ks.t OF alice;",
];

#[test]
fn examples_parse() {
    for text in EXAMPLES {
        if let Err(error) = parse_statement(text) {
            panic!("{text}\n{error}");
        }
    }
}

#[test]
fn unreserved_keywords_are_names_everywhere() {
    let words = [
        "key",
        "ttl",
        "writetime",
        "maxwritetime",
        "count",
        "cast",
        "json",
        "distinct",
        "keys",
        "as",
        "cluster",
        "clustering",
        "compact",
        "storage",
        "tables",
        "type",
        "types",
        "values",
        "map",
        "list",
        "filtering",
        "permission",
        "permissions",
        "keyspaces",
        "all",
        "user",
        "users",
        "role",
        "roles",
        "identity",
        "superuser",
        "nosuperuser",
        "login",
        "nologin",
        "options",
        "password",
        "hashed",
        "exists",
        "custom",
        "trigger",
        "contains",
        "internals",
        "only",
        "static",
        "frozen",
        "tuple",
        "function",
        "functions",
        "aggregate",
        "sfunc",
        "stype",
        "finalfunc",
        "initcond",
        "returns",
        "language",
        "called",
        "input",
        "like",
        "per",
        "partition",
        "group",
        "datacenters",
        "cidrs",
        "access",
        "default",
        "mbean",
        "mbeans",
        "replace",
        "unset",
        "masked",
        "unmask",
        "select_masked",
        "vector",
        "ann",
        "text",
        "int",
        "timestamp",
        "uuid",
        "counter",
        "time",
        "date",
        "duration",
        "expr",
    ];
    for word in words {
        for text in [
            format!("SELECT {word} FROM {word}.{word} WHERE {word} = 1 ORDER BY {word} LIMIT 1"),
            format!("SELECT a, {word} FROM {word} WHERE {word} IN (1) AND {word} CONTAINS 2 GROUP BY {word}"),
            format!("INSERT INTO {word} ({word}) VALUES (:{word})"),
            format!("UPDATE {word} SET {word} = {word} + 1 WHERE {word} = 1 IF {word} = 2"),
            format!("DELETE {word} FROM {word} WHERE {word} = 1"),
            format!("CREATE TABLE {word} ({word} int, b {word}, PRIMARY KEY ({word}))"),
            format!("INSERT INTO t (a) VALUES ({{{word}: 1}})"),
            format!("ALTER TABLE {word} DROP {word}"),
            format!("USE {word}"),
        ] {
            if let Err(error) = parse_statement(&text) {
                panic!("{text}\n{error}");
            }
        }
    }
}

#[test]
fn reserved_keywords_are_names_only_in_quotes() {
    let words = [
        "add",
        "allow",
        "alter",
        "and",
        "apply",
        "asc",
        "authorize",
        "batch",
        "begin",
        "by",
        "columnfamily",
        "create",
        "delete",
        "desc",
        "describe",
        "drop",
        "entries",
        "execute",
        "from",
        "full",
        "grant",
        "if",
        "in",
        "index",
        "infinity",
        "insert",
        "into",
        "is",
        "keyspace",
        "limit",
        "materialized",
        "modify",
        "nan",
        "norecursive",
        "not",
        "null",
        "of",
        "on",
        "or",
        "order",
        "primary",
        "rename",
        "revoke",
        "schema",
        "select",
        "set",
        "table",
        "to",
        "token",
        "truncate",
        "unlogged",
        "update",
        "use",
        "using",
        "view",
        "where",
        "with",
        "true",
        "false",
    ];
    for word in words {
        let error = parse_statement(&format!("SELECT * FROM {word} WHERE a = 1"));
        assert!(error.is_err_and(|error| error.column == 14), "{word}");
        assert!(parse_statement(&format!("SELECT \"{word}\" FROM \"{word}\"")).is_ok(), "{word}");
    }
}

#[test]
fn a_hint_is_told_from_a_tuple() {
    let kind = |value: &str| {
        let text = format!("INSERT INTO t (a) VALUES ({value})");
        match parse_statement(&text).map(|parsed| parsed.statement) {
            Ok(Statement::Insert(insert)) => match insert.source {
                starling_cql_lite::ast::InsertSource::Values { mut values, .. } => values.remove(0).kind,
                other => panic!("{other:?}"),
            },
            other => panic!("{text}: {other:?}"),
        }
    };
    for hint in ["(int) ?", "(ks.u) {a: 1}", "(list<int>) [1]", "('x.Y') 'z'", "(\"U\") f()", "(text) (int) 5"] {
        assert!(matches!(kind(hint), TermKind::TypeHint { .. }), "{hint}");
    }
    for tuple in ["('x')", "('x', 1)", "(f(1))", "(ks.f(1), 2)", "((1))", "(true)", "(null, nan)", "(?)", "(-1)"] {
        assert!(matches!(kind(tuple), TermKind::Tuple(_)), "{tuple}");
    }
}
