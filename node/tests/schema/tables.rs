//! CREATE, ALTER, DROP and TRUNCATE TABLE.

use std::collections::BTreeMap;

use starling_cql_lite::types::CqlType;
use starling_node::schema::{
    ChangeContext, ChangeTarget, ChangeType, ColumnKind, FIRST_USER_TABLE_ID, SchemaChange, SchemaEffect, apply,
};
use starling_storage::model::TableId;
use uuid::Uuid;

use super::session::{ALREADY_EXISTS, CONFIG, INVALID, Session, UNAUTHORIZED, assert_refused, parse};

#[test]
fn refused_tables() {
    let mut session = Session::new();
    session.run("CREATE TABLE taken (a int PRIMARY KEY)");
    for (body, code, message) in [
        ("taken (a int PRIMARY KEY)", ALREADY_EXISTS, "Cannot add already existing table \"taken\" to keyspace \"ks\""),
        ("system.mine (a int PRIMARY KEY)", UNAUTHORIZED, "system keyspace is not user-modifiable."),
        ("nowhere.t (a int PRIMARY KEY)", INVALID, "Keyspace 'nowhere' doesn't exist"),
        ("\"a b\" (a int PRIMARY KEY)", CONFIG, "Table name must not be empty"),
        ("t (a int)", INVALID, "No PRIMARY KEY specifed for table 't' (exactly one required)"),
        ("t (a int PRIMARY KEY, b int PRIMARY KEY)", INVALID, "Multiple PRIMARY KEY specified for table 't'"),
        ("t (a int PRIMARY KEY, b int, PRIMARY KEY (b))", INVALID, "Multiple PRIMARY KEY"),
        ("t (a int, PRIMARY KEY (b))", INVALID, "Unknown column 'b' referenced in PRIMARY KEY for table 't'"),
        ("t (a int, PRIMARY KEY (a, a))", INVALID, "Duplicate column 'a' in PRIMARY KEY clause for table 't'"),
        ("t (a int, a text, PRIMARY KEY (a))", INVALID, "Duplicate column 'a' declaration for table 't'"),
        (
            "t (a list<int> PRIMARY KEY)",
            INVALID,
            "Invalid non-frozen collection type list<int> for PRIMARY KEY column 'a'",
        ),
        ("t (a counter PRIMARY KEY)", INVALID, "counter type is not supported for PRIMARY KEY column 'a'"),
        ("t (a duration PRIMARY KEY)", INVALID, "duration type is not supported for PRIMARY KEY column 'a'"),
        ("t (a int, b frozen<list<duration>>, PRIMARY KEY (a, b))", INVALID, "duration type is not supported"),
        ("t (a int static PRIMARY KEY)", INVALID, "Static column 'a' cannot be part of the PRIMARY KEY"),
        ("t (a int PRIMARY KEY, b int static)", INVALID, "Static columns are only useful"),
        ("t (a int PRIMARY KEY, b nosuchtype)", INVALID, "Unknown type ks.nosuchtype"),
        ("t (a int PRIMARY KEY, b frozen<int>)", INVALID, "frozen<> is only allowed on collections"),
        ("t (a int PRIMARY KEY, b counter)", INVALID, "Column 'b': the counter type is not supported yet"),
        (
            "t (a int PRIMARY KEY, b list<counter>)",
            INVALID,
            "Counters are not allowed inside collections: list<counter>",
        ),
        ("t (a int PRIMARY KEY, b set<duration>)", INVALID, "Durations are not allowed inside sets: set<duration>"),
        (
            "t (a int PRIMARY KEY, b map<duration, int>)",
            INVALID,
            "Durations are not allowed as map keys: map<duration, int>",
        ),
        (
            "t (a int PRIMARY KEY, b list<set<int>>)",
            INVALID,
            "Non-frozen collections are not allowed inside collections: list<set<int>>",
        ),
        ("t (a int PRIMARY KEY, b vector<float, 0>)", INVALID, "vectors may only have positive dimensions; given 0"),
        ("t (a int PRIMARY KEY, b int) WITH COMPACT STORAGE", INVALID, "COMPACT STORAGE is not supported yet"),
        ("t (a int PRIMARY KEY, b int MASKED WITH DEFAULT)", INVALID, "MASKED WITH is not supported yet"),
    ] {
        assert_refused(&mut session, &format!("CREATE TABLE {body}"), code, message);
    }
    let clustered = "CREATE TABLE t (a int, b int, c int, d int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY";
    for (order, message) in [
        (
            "(d ASC)",
            "Only clustering key columns can be defined in CLUSTERING ORDER directive: [d] are not clustering columns",
        ),
        ("(a ASC)", "[a] are not clustering columns"),
        ("(c DESC)", "Missing CLUSTERING ORDER for column b"),
        ("(c DESC, b ASC)", "(b must appear before c)"),
        ("(b DESC, b ASC)", "Duplicate column 'b' in CLUSTERING ORDER BY clause for table 't'"),
    ] {
        assert_refused(&mut session, &format!("{clustered} {order}"), INVALID, message);
    }
}

#[test]
fn column_names_are_as_long_as_clients_can_be_told() {
    let mut session = Session::new();
    let (longest, longer) = ("x".repeat(65_535), "x".repeat(65_536));
    session.run(&format!("CREATE TABLE t (k int PRIMARY KEY, {longest} int)"));
    for cql in [
        format!("CREATE TABLE t2 (k int PRIMARY KEY, {longer} int)"),
        format!("ALTER TABLE t ADD {longer} int"),
        format!("ALTER TABLE t RENAME k TO {longer}"),
    ] {
        assert_refused(&mut session, &cql, INVALID, "Column names must not be longer than 65535 bytes");
    }
}

#[test]
fn what_is_not_there_yet_is_named() {
    let mut session = Session::new();
    for (cql, what) in [
        ("CREATE TYPE t (a int)", "CREATE TYPE"),
        ("CREATE INDEX ON t (a)", "CREATE INDEX"),
        ("DROP TRIGGER f ON t", "DROP TRIGGER"),
        ("CREATE ROLE r", "CREATE ROLE"),
    ] {
        assert_refused(&mut session, cql, INVALID, &format!("{what} is not supported yet"));
    }
}

#[test]
fn a_table_has_its_columns_in_order() {
    let mut session = Session::new();
    let outcome = session.run(
        "CREATE TABLE t (z int, a text, k2 uuid, c2 timestamp, c1 text, k1 int, s2 int static, s1 int static, d duration, \
         PRIMARY KEY ((k1, k2), c1, c2)) WITH CLUSTERING ORDER BY (c1 DESC)",
    );
    let change = SchemaChange {
        change_type: ChangeType::Created,
        target: ChangeTarget::Table,
        keyspace: "ks".to_owned(),
        name: Some("t".to_owned()),
    };
    assert_eq!(outcome.effect, SchemaEffect::Changed(change));
    let table = session.table("t");
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["k1", "k2", "c1", "c2", "s1", "s2", "a", "d", "z"]);
    assert!(table.columns.iter().enumerate().all(|(at, column)| column.id.0 as usize == at));
    assert_eq!(table.next_column_id, 9);
    assert_eq!(table.partition_key().len(), 2);
    assert_eq!(table.clustering().len(), 2);
    assert_eq!(table.column("c1").unwrap().kind, ColumnKind::Clustering { position: 0, reversed: true });
    assert_eq!(table.column("c2").unwrap().kind, ColumnKind::Clustering { position: 1, reversed: false });
    assert_eq!(table.column("d").unwrap().cql_type, CqlType::Duration);
    assert_eq!(table.static_columns().count(), 2);
    assert_eq!(table.regular_columns().count(), 3);
    assert_eq!(table.table.id, FIRST_USER_TABLE_ID);
    assert_eq!(session.schema.table_by_id(FIRST_USER_TABLE_ID).unwrap().name, "t");
    assert_eq!(session.schema.table_by_id(TableId(1)), None);
}

#[test]
fn ids_are_never_used_twice() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (a int PRIMARY KEY, b int)");
    let first = session.table("t").clone();
    session.run("DROP TABLE t");
    session.run("CREATE TABLE t (a int PRIMARY KEY, b int)");
    let second = session.table("t").clone();
    assert!(second.table.id > first.table.id);
    assert_ne!(second.uuid, first.uuid);
    let before = second.column("b").unwrap().id;
    session.run("ALTER TABLE t DROP b");
    session.run("ALTER TABLE t ADD b text");
    assert!(session.table("t").column("b").unwrap().id > before);
    let outcome = session.run("TRUNCATE t");
    assert_eq!(outcome.effect, SchemaEffect::Truncated { keyspace: "ks".to_owned(), table: "t".to_owned() });
    assert_eq!(session.table("t").table.incarnation, 1);
    session.run("DROP KEYSPACE ks");
    session.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    session.run("CREATE TABLE t (a int PRIMARY KEY)");
    assert!(session.table("t").table.id > second.table.id);
}

#[test]
fn if_exists_and_if_not_exists() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (a int PRIMARY KEY)");
    for cql in [
        "CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}",
        "CREATE TABLE IF NOT EXISTS t (b text PRIMARY KEY)",
        "DROP TABLE IF EXISTS nothing",
        "DROP TABLE IF EXISTS nowhere.t",
        "DROP KEYSPACE IF EXISTS nowhere",
        "ALTER KEYSPACE IF EXISTS nowhere WITH durable_writes = true",
        "ALTER TABLE IF EXISTS nothing ADD b int",
        "ALTER TABLE t ADD IF NOT EXISTS a int",
        "ALTER TABLE t DROP IF EXISTS b",
    ] {
        let before = session.schema.clone();
        let outcome = session.run(cql);
        assert_eq!(outcome.effect, SchemaEffect::Nothing, "{cql}");
        assert_eq!(session.schema, before);
    }
    assert_refused(&mut session, "DROP TABLE nothing", INVALID, "Table 'ks.nothing' doesn't exist");
    assert_refused(&mut session, "TRUNCATE nothing", INVALID, "unconfigured table nothing");
    assert_refused(&mut session, "TRUNCATE system.local", UNAUTHORIZED, "not user-modifiable");
    assert_refused(&mut session, "DROP TABLE system.local", UNAUTHORIZED, "not user-modifiable");
    let context = ChangeContext { new_uuid: Uuid::nil(), datacenters: &BTreeMap::new() };
    let error = apply(&session.schema, None, &parse("DROP TABLE t"), &context).unwrap_err();
    assert!(error.to_string().contains("No keyspace has been specified"), "{error}");
}

#[test]
fn altered_tables() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (a int, b int, v int, PRIMARY KEY (a, b))");
    session.run("ALTER TABLE t ADD (x text, s int static)");
    let names = |session: &Session| -> Vec<String> {
        session.table("t").columns.iter().map(|column| column.name.clone()).collect()
    };
    assert_eq!(names(&session), ["a", "b", "s", "v", "x"]);
    session.run("ALTER TABLE t DROP (v, x)");
    assert_eq!(names(&session), ["a", "b", "s"]);
    let before = session.table("t").column("b").unwrap().id;
    session.run("ALTER TABLE t RENAME b TO c");
    assert_eq!(session.table("t").column("c").unwrap().id, before);
    let outcome = session.run("ALTER TABLE t WITH comment = 'x' AND default_time_to_live = 10");
    assert!(matches!(outcome.effect, SchemaEffect::Changed(SchemaChange { change_type: ChangeType::Updated, .. })));
    session.run("ALTER TABLE t WITH gc_grace_seconds = 0");
    let options = &session.table("t").options;
    assert_eq!((options.comment.as_str(), options.default_ttl_s, options.gc_grace_s), ("x", 10, 0));
    for (change, message) in [
        ("ADD a int", "Column with name 'a' already exists"),
        ("ADD n counter", "the counter type is not supported yet"),
        ("ADD n nosuch", "Unknown type ks.nosuch"),
        ("DROP a", "Cannot drop PRIMARY KEY column a"),
        ("DROP nothing", "Column nothing was not found in table 'ks.t'"),
        ("RENAME s TO q", "Cannot rename non PRIMARY KEY column s"),
        ("RENAME a TO s", "another column with that name already exists"),
        ("RENAME nothing TO s", "Column nothing was not found in table ks.t"),
        ("ALTER s TYPE text", "Altering column types is no longer supported"),
    ] {
        assert_refused(&mut session, &format!("ALTER TABLE t {change}"), INVALID, message);
    }
    assert_refused(
        &mut session,
        "ALTER TABLE t WITH id = '123e4567-e89b-42d3-a456-426614174000'",
        CONFIG,
        "Cannot alter table id.",
    );
    assert_refused(&mut session, "ALTER TABLE nothing ADD a int", INVALID, "Table 'ks.nothing' doesn't exist");
    session.run("CREATE TABLE u (a int PRIMARY KEY)");
    assert_refused(&mut session, "ALTER TABLE u ADD s int static", INVALID, "Static columns are only useful");
}
