//! Schema changes: what is accepted, what is refused with which code, and that what is described can be made again.

use std::collections::BTreeMap;

use starling_cql_lite::ast::Statement;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_node::schema::describe::{ClusterDescription, describe};
use starling_node::schema::{
    ChangeContext, ChangeTarget, ChangeType, ColumnKind, FIRST_USER_TABLE_ID, Schema, SchemaChange,
    SchemaEffect, SchemaOutcome, Table, apply,
};
use starling_node::system::with_system;
use uuid::Uuid;

const SYNTAX: i32 = 0x2000;
const UNAUTHORIZED: i32 = 0x2100;
const INVALID: i32 = 0x2200;
const CONFIG: i32 = 0x2300;
const ALREADY_EXISTS: i32 = 0x2400;

/// Runs statements one after the other, as one session in keyspace `ks`.
struct Session {
    schema: Schema,
    statements: u128,
    datacenters: BTreeMap<String, usize>,
}

impl Session {
    fn new() -> Self {
        let datacenters = BTreeMap::from([("dc1".to_owned(), 3), ("dc2".to_owned(), 1)]);
        let mut session = Session {
            schema: Schema::empty(),
            statements: 0,
            datacenters,
        };
        session.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
        session
    }

    fn try_run(&mut self, cql: &str) -> Result<SchemaOutcome, CqlError> {
        let statement = parse(cql);
        self.statements += 1;
        let context = ChangeContext {
            new_uuid: Uuid::from_u128(self.statements),
            datacenters: &self.datacenters,
        };
        let outcome = apply(&self.schema, Some("ks"), &statement, &context)?;
        self.schema = outcome.schema.clone();
        Ok(outcome)
    }

    fn run(&mut self, cql: &str) -> SchemaOutcome {
        self.try_run(cql)
            .unwrap_or_else(|error| panic!("{cql}: {error}"))
    }

    fn table(&self, name: &str) -> &Table {
        self.schema.table("ks", name).unwrap()
    }

    fn describe(&self, cql: &str) -> Result<Vec<Vec<String>>, CqlError> {
        let Statement::Describe(statement) = parse(cql) else {
            panic!("{cql}")
        };
        let cluster = ClusterDescription {
            cluster_name: "c",
            partitioner: "p",
            snitch: "s",
        };
        let description = describe(&with_system(&self.schema), Some("ks"), &statement, &cluster)?;
        assert!(
            description
                .rows
                .iter()
                .all(|row| row.len() == description.columns.len())
        );
        Ok(description.rows)
    }
}

fn parse(cql: &str) -> Statement {
    parse_statement(cql)
        .unwrap_or_else(|error| panic!("{cql}: {error}"))
        .statement
}

#[track_caller]
fn assert_refused(session: &mut Session, cql: &str, code: i32, message: &str) {
    let before = session.schema.clone();
    let error = session.try_run(cql).expect_err(cql);
    assert_eq!(error.code() as i32, code, "{cql}: {error}");
    assert!(error.to_string().contains(message), "{cql}: {error}");
    assert_eq!(session.schema, before);
}

#[test]
fn refused_keyspaces() {
    let long = "k".repeat(49);
    let simple = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    let cases = [
        (
            format!("CREATE KEYSPACE ks WITH {simple}"),
            ALREADY_EXISTS,
            "Cannot add existing keyspace \"ks\"",
        ),
        (
            format!("CREATE KEYSPACE {long} WITH {simple}"),
            INVALID,
            "Keyspace name must not be empty",
        ),
        (
            format!("CREATE KEYSPACE \"a-b\" WITH {simple}"),
            INVALID,
            "Keyspace name must not be empty",
        ),
        (
            format!("CREATE KEYSPACE system WITH {simple}"),
            UNAUTHORIZED,
            "system keyspace is not user-modifiable.",
        ),
        (
            format!("CREATE KEYSPACE k WITH {simple} AND nothing = 1"),
            SYNTAX,
            "Unknown property 'nothing'",
        ),
        (
            format!("CREATE KEYSPACE k WITH {simple} AND durable_writes = 5"),
            SYNTAX,
            "durable_writes",
        ),
        (
            format!("CREATE KEYSPACE k WITH {simple} AND {simple}"),
            SYNTAX,
            "Multiple definition",
        ),
        (
            "CREATE KEYSPACE k WITH durable_writes = true".to_owned(),
            INVALID,
            "Missing mandatory option 'replication'",
        ),
        (
            "CREATE KEYSPACE k WITH replication = 'x'".to_owned(),
            SYNTAX,
            "It should be a map.",
        ),
    ];
    let mut session = Session::new();
    for (cql, code, message) in cases {
        assert_refused(&mut session, &cql, code, message);
    }
    for (replication, message) in [
        ("{}", "Missing replication strategy class"),
        (
            "{'replication_factor': 1}",
            "Missing replication strategy class",
        ),
        (
            "{'class': 'NoSuchStrategy'}",
            "Unable to find replication strategy class 'org.apache.cassandra.locator.NoSuchStrategy'",
        ),
        ("{'class': 'LocalStrategy'}", "LocalStrategy is reserved"),
        (
            "{'class': 'SimpleStrategy'}",
            "SimpleStrategy requires a replication_factor strategy option.",
        ),
        (
            "{'class': 'SimpleStrategy', 'replication_factor': 'x'}",
            "Replication factor must be numeric; found x",
        ),
        (
            "{'class': 'SimpleStrategy', 'replication_factor': -1}",
            "must be non-negative, found -1",
        ),
        (
            "{'class': 'SimpleStrategy', 'replication_factor': '3/1'}",
            "Transient replication",
        ),
        (
            "{'class': 'SimpleStrategy', 'replication_factor': 1, 'dc1': 1}",
            "Unrecognized strategy option {dc1} passed to SimpleStrategy for keyspace k",
        ),
        (
            "{'class': 'NetworkTopologyStrategy'}",
            "Configuration for at least one datacenter must be present",
        ),
        (
            "{'class': 'NetworkTopologyStrategy', 'dc1': 0}",
            "Configuration for at least one datacenter must be present",
        ),
        (
            "{'class': 'NetworkTopologyStrategy', 'dc9': 1}",
            "Unrecognized strategy option {dc9} passed to NetworkTopologyStrategy for keyspace k",
        ),
        (
            "{'class': 'NetworkTopologyStrategy', 'dc1': 'many'}",
            "must be numeric",
        ),
    ] {
        let cql = format!("CREATE KEYSPACE k WITH replication = {replication}");
        assert_refused(&mut session, &cql, CONFIG, message);
    }
    assert_refused(
        &mut session,
        "ALTER KEYSPACE nowhere WITH durable_writes = true",
        INVALID,
        "doesn't exist",
    );
    assert_refused(
        &mut session,
        "ALTER KEYSPACE system WITH durable_writes = true",
        UNAUTHORIZED,
        "not user-modifiable",
    );
    assert_refused(
        &mut session,
        "DROP KEYSPACE nowhere",
        INVALID,
        "Keyspace 'nowhere' doesn't exist",
    );
    assert_refused(
        &mut session,
        "DROP KEYSPACE system_schema",
        UNAUTHORIZED,
        "system_schema keyspace is not user-modifiable.",
    );
}

#[test]
fn replication_and_its_warnings() {
    let mut session = Session::new();
    let outcome = session.run(
        "CREATE KEYSPACE a WITH replication = {'class': 'org.apache.cassandra.locator.SimpleStrategy', 'replication_factor': '5'}",
    );
    assert_eq!(
        outcome.warnings,
        ["Your replication factor 5 for keyspace a is higher than the number of nodes 4"]
    );
    let outcome = session.run("CREATE KEYSPACE b WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 2}");
    assert_eq!(
        outcome.warnings,
        [
            "Your replication factor 2 for keyspace b is higher than the number of nodes 1 for datacenter dc2"
        ]
    );
    let shown = |session: &Session, name: &str| {
        session
            .schema
            .keyspace(name)
            .unwrap()
            .replication
            .to_string()
    };
    assert_eq!(
        shown(&session, "b"),
        "{'class': 'NetworkTopologyStrategy', 'dc1': '2', 'dc2': '2'}"
    );
    session.run("CREATE KEYSPACE c WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3, 'dc2': 0}");
    assert_eq!(
        shown(&session, "c"),
        "{'class': 'NetworkTopologyStrategy', 'dc1': '3'}"
    );
    // The factor that is not named keeps its value.
    session.run("ALTER KEYSPACE c WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}");
    assert_eq!(
        shown(&session, "c"),
        "{'class': 'NetworkTopologyStrategy', 'dc1': '3', 'dc2': '1'}"
    );
    let outcome = session.run("ALTER KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2} AND durable_writes = false");
    assert!(outcome.warnings[0].contains("full (-full) repair"));
    assert!(!session.schema.keyspace("ks").unwrap().durable_writes);
}

#[test]
fn refused_tables() {
    let mut session = Session::new();
    session.run("CREATE TABLE taken (a int PRIMARY KEY)");
    for (body, code, message) in [
        (
            "taken (a int PRIMARY KEY)",
            ALREADY_EXISTS,
            "Cannot add already existing table \"taken\" to keyspace \"ks\"",
        ),
        (
            "system.mine (a int PRIMARY KEY)",
            UNAUTHORIZED,
            "system keyspace is not user-modifiable.",
        ),
        (
            "nowhere.t (a int PRIMARY KEY)",
            INVALID,
            "Keyspace 'nowhere' doesn't exist",
        ),
        (
            "\"a b\" (a int PRIMARY KEY)",
            CONFIG,
            "Table name must not be empty",
        ),
        (
            "t (a int)",
            INVALID,
            "No PRIMARY KEY specifed for table 't' (exactly one required)",
        ),
        (
            "t (a int PRIMARY KEY, b int PRIMARY KEY)",
            INVALID,
            "Multiple PRIMARY KEY specified for table 't'",
        ),
        (
            "t (a int PRIMARY KEY, b int, PRIMARY KEY (b))",
            INVALID,
            "Multiple PRIMARY KEY",
        ),
        (
            "t (a int, PRIMARY KEY (b))",
            INVALID,
            "Unknown column 'b' referenced in PRIMARY KEY for table 't'",
        ),
        (
            "t (a int, PRIMARY KEY (a, a))",
            INVALID,
            "Duplicate column 'a' in PRIMARY KEY clause for table 't'",
        ),
        (
            "t (a int, a text, PRIMARY KEY (a))",
            INVALID,
            "Duplicate column 'a' declaration for table 't'",
        ),
        (
            "t (a list<int> PRIMARY KEY)",
            INVALID,
            "Invalid non-frozen collection type list<int> for PRIMARY KEY column 'a'",
        ),
        (
            "t (a counter PRIMARY KEY)",
            INVALID,
            "counter type is not supported for PRIMARY KEY column 'a'",
        ),
        (
            "t (a duration PRIMARY KEY)",
            INVALID,
            "duration type is not supported for PRIMARY KEY column 'a'",
        ),
        (
            "t (a int, b frozen<list<duration>>, PRIMARY KEY (a, b))",
            INVALID,
            "duration type is not supported",
        ),
        (
            "t (a int static PRIMARY KEY)",
            INVALID,
            "Static column 'a' cannot be part of the PRIMARY KEY",
        ),
        (
            "t (a int PRIMARY KEY, b int static)",
            INVALID,
            "Static columns are only useful",
        ),
        (
            "t (a int PRIMARY KEY, b nosuchtype)",
            INVALID,
            "Unknown type ks.nosuchtype",
        ),
        (
            "t (a int PRIMARY KEY, b frozen<int>)",
            INVALID,
            "frozen<> is only allowed on collections",
        ),
        (
            "t (a int PRIMARY KEY, b counter)",
            INVALID,
            "Column 'b': the counter type is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b list<int>)",
            INVALID,
            "the list type is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b set<int>)",
            INVALID,
            "the set type is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b frozen<map<int, text>>)",
            INVALID,
            "the map type is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b tuple<int, text>)",
            INVALID,
            "the tuple type is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b vector<float, 3>)",
            INVALID,
            "the vector type is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b int) WITH COMPACT STORAGE",
            INVALID,
            "COMPACT STORAGE is not supported yet",
        ),
        (
            "t (a int PRIMARY KEY, b int MASKED WITH DEFAULT)",
            INVALID,
            "MASKED WITH is not supported yet",
        ),
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
        (
            "(b DESC, b ASC)",
            "Duplicate column 'b' in CLUSTERING ORDER BY clause for table 't'",
        ),
    ] {
        assert_refused(
            &mut session,
            &format!("{clustered} {order}"),
            INVALID,
            message,
        );
    }
}

#[test]
fn refused_table_options() {
    let mut session = Session::new();
    for (option, code, message) in [
        ("nothing = 1", SYNTAX, "Unknown property 'nothing'"),
        (
            "dclocal_read_repair_chance = 0.1",
            SYNTAX,
            "Unknown property",
        ),
        (
            "comment = {'a': 'b'}",
            SYNTAX,
            "Invalid value for property 'comment'. It should be a string",
        ),
        (
            "caching = 'all'",
            SYNTAX,
            "Invalid value for property 'caching'. It should be a map.",
        ),
        (
            "comment = 'a' AND comment = 'b'",
            SYNTAX,
            "Multiple definition for property 'comment'",
        ),
        (
            "gc_grace_seconds = 'x'",
            SYNTAX,
            "Invalid integer value x for 'gc_grace_seconds'",
        ),
        (
            "gc_grace_seconds = -1",
            CONFIG,
            "gc_grace_seconds must be greater than or equal to 0 (got -1)",
        ),
        (
            "default_time_to_live = 630720001",
            CONFIG,
            "must be less than or equal to 630720000 (got 630720001)",
        ),
        (
            "default_time_to_live = -1",
            CONFIG,
            "must be greater than or equal to 0 (got -1)",
        ),
        (
            "bloom_filter_fp_chance = 0",
            CONFIG,
            "bloom_filter_fp_chance must be larger than",
        ),
        (
            "bloom_filter_fp_chance = 1.1",
            CONFIG,
            "less than or equal to 1.0 (got 1.1)",
        ),
        (
            "bloom_filter_fp_chance = 'x'",
            SYNTAX,
            "Invalid double value x",
        ),
        ("crc_check_chance = 1.1", CONFIG, "crc_check_chance must be"),
        (
            "min_index_interval = 0",
            CONFIG,
            "min_index_interval must be greater than or equal to 1",
        ),
        (
            "max_index_interval = 1",
            CONFIG,
            "max_index_interval must be greater than or equal to min_index_interval",
        ),
        (
            "memtable_flush_period_in_ms = -1",
            CONFIG,
            "must be greater than or equal to 0",
        ),
        (
            "speculative_retry = 'sometimes'",
            CONFIG,
            "Speculative Retry Policy [sometimes] is not supported",
        ),
        ("speculative_retry = '100p'", CONFIG, "is not supported"),
        (
            "additional_write_policy = 'MIN(1ms,2ms)'",
            CONFIG,
            "is not supported",
        ),
        (
            "read_repair = 'maybe'",
            CONFIG,
            "read_repair must be BLOCKING or NONE",
        ),
        (
            "cdc = maybe",
            SYNTAX,
            "Invalid boolean value maybe for 'cdc'",
        ),
        (
            "memtable = 'nosuch'",
            CONFIG,
            "Memtable configuration \"nosuch\" not found.",
        ),
        (
            "compaction = {'class': 'NoSuch'}",
            CONFIG,
            "Unable to find compaction strategy class",
        ),
        (
            "compression = {'class': 'NoSuch'}",
            CONFIG,
            "Could not create Compression",
        ),
        ("caching = {'keys': 'SOME'}", CONFIG, "caching sub-option"),
        ("id = 'x'", CONFIG, "Invalid table id"),
    ] {
        let cql = format!("CREATE TABLE t (a int PRIMARY KEY) WITH {option}");
        assert_refused(&mut session, &cql, code, message);
    }
    session.run(
        "CREATE TABLE one (a int PRIMARY KEY) WITH id = '123e4567-e89b-42d3-a456-426614174000'",
    );
    assert_eq!(
        session.table("one").uuid.to_string(),
        "123e4567-e89b-42d3-a456-426614174000"
    );
    let again =
        "CREATE TABLE two (a int PRIMARY KEY) WITH id = '123e4567-e89b-42d3-a456-426614174000'";
    assert_refused(&mut session, again, CONFIG, "already exists");
}

#[test]
fn what_is_not_there_yet_is_named() {
    let mut session = Session::new();
    for (cql, what) in [
        ("CREATE TYPE t (a int)", "CREATE TYPE"),
        ("CREATE INDEX ON t (a)", "CREATE INDEX"),
        ("DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW"),
        ("DROP FUNCTION f", "DROP FUNCTION"),
        ("DROP AGGREGATE f", "DROP AGGREGATE"),
        ("DROP TRIGGER f ON t", "DROP TRIGGER"),
        ("CREATE ROLE r", "CREATE ROLE"),
    ] {
        assert_refused(
            &mut session,
            cql,
            INVALID,
            &format!("{what} is not supported yet"),
        );
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
    let names: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["k1", "k2", "c1", "c2", "s1", "s2", "a", "d", "z"]);
    assert!(
        table
            .columns
            .iter()
            .enumerate()
            .all(|(at, column)| column.id.0 as usize == at)
    );
    assert_eq!(table.next_column_id, 9);
    assert_eq!(table.partition_key().len(), 2);
    assert_eq!(table.clustering().len(), 2);
    assert_eq!(
        table.column("c1").unwrap().kind,
        ColumnKind::Clustering {
            position: 0,
            reversed: true
        }
    );
    assert_eq!(
        table.column("c2").unwrap().kind,
        ColumnKind::Clustering {
            position: 1,
            reversed: false
        }
    );
    assert_eq!(table.column("d").unwrap().cql_type, CqlType::Duration);
    assert_eq!(table.static_columns().count(), 2);
    assert_eq!(table.regular_columns().count(), 3);
    assert_eq!(table.table.id, FIRST_USER_TABLE_ID);
    assert_eq!(
        session
            .schema
            .table_by_id(FIRST_USER_TABLE_ID)
            .unwrap()
            .name,
        "t"
    );
    assert_eq!(
        session
            .schema
            .table_by_id(starling_storage::model::TableId(1)),
        None
    );
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
    assert_eq!(
        outcome.effect,
        SchemaEffect::Truncated {
            keyspace: "ks".to_owned(),
            table: "t".to_owned()
        }
    );
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
    assert_refused(
        &mut session,
        "DROP TABLE nothing",
        INVALID,
        "Table 'ks.nothing' doesn't exist",
    );
    assert_refused(
        &mut session,
        "TRUNCATE nothing",
        INVALID,
        "unconfigured table nothing",
    );
    assert_refused(
        &mut session,
        "TRUNCATE system.local",
        UNAUTHORIZED,
        "not user-modifiable",
    );
    assert_refused(
        &mut session,
        "DROP TABLE system.local",
        UNAUTHORIZED,
        "not user-modifiable",
    );
    let context = ChangeContext {
        new_uuid: Uuid::nil(),
        datacenters: &BTreeMap::new(),
    };
    let error = apply(&session.schema, None, &parse("DROP TABLE t"), &context).unwrap_err();
    assert!(
        error.to_string().contains("No keyspace has been specified"),
        "{error}"
    );
}

#[test]
fn altered_tables() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (a int, b int, v int, PRIMARY KEY (a, b))");
    session.run("ALTER TABLE t ADD (x text, s int static)");
    let names = |session: &Session| -> Vec<String> {
        session
            .table("t")
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    };
    assert_eq!(names(&session), ["a", "b", "s", "v", "x"]);
    session.run("ALTER TABLE t DROP (v, x)");
    assert_eq!(names(&session), ["a", "b", "s"]);
    let before = session.table("t").column("b").unwrap().id;
    session.run("ALTER TABLE t RENAME b TO c");
    assert_eq!(session.table("t").column("c").unwrap().id, before);
    let outcome = session.run("ALTER TABLE t WITH comment = 'x' AND default_time_to_live = 10");
    assert!(matches!(
        outcome.effect,
        SchemaEffect::Changed(SchemaChange {
            change_type: ChangeType::Updated,
            ..
        })
    ));
    session.run("ALTER TABLE t WITH gc_grace_seconds = 0");
    let options = &session.table("t").options;
    assert_eq!(
        (
            options.comment.as_str(),
            options.default_ttl_s,
            options.gc_grace_s
        ),
        ("x", 10, 0)
    );
    for (change, message) in [
        ("ADD a int", "Column with name 'a' already exists"),
        ("ADD n list<int>", "the list type is not supported yet"),
        ("ADD n nosuch", "Unknown type ks.nosuch"),
        ("DROP a", "Cannot drop PRIMARY KEY column a"),
        (
            "DROP nothing",
            "Column nothing was not found in table 'ks.t'",
        ),
        ("RENAME s TO q", "Cannot rename non PRIMARY KEY column s"),
        (
            "RENAME a TO s",
            "another column with that name already exists",
        ),
        (
            "RENAME nothing TO s",
            "Column nothing was not found in table ks.t",
        ),
        (
            "ALTER s TYPE text",
            "Altering column types is no longer supported",
        ),
    ] {
        assert_refused(
            &mut session,
            &format!("ALTER TABLE t {change}"),
            INVALID,
            message,
        );
    }
    assert_refused(
        &mut session,
        "ALTER TABLE t WITH id = '123e4567-e89b-42d3-a456-426614174000'",
        CONFIG,
        "Cannot alter table id.",
    );
    assert_refused(
        &mut session,
        "ALTER TABLE nothing ADD a int",
        INVALID,
        "Table 'ks.nothing' doesn't exist",
    );
    session.run("CREATE TABLE u (a int PRIMARY KEY)");
    assert_refused(
        &mut session,
        "ALTER TABLE u ADD s int static",
        INVALID,
        "Static columns are only useful",
    );
}

const TABLES: &[&str] = &[
    "CREATE TABLE t1 (a int PRIMARY KEY)",
    "CREATE TABLE t2 (a int PRIMARY KEY, b text, c duration) WITH comment = 'it''s a table'",
    "CREATE TABLE \"T3\" (\"A b\" int, \"select\" text, \"q\"\"q\" blob, PRIMARY KEY ((\"A b\", \"select\")))",
    "CREATE TABLE t4 (a int, b timeuuid, c text, s inet static, v varint, PRIMARY KEY (a, b, c)) \
     WITH CLUSTERING ORDER BY (b DESC, c ASC) AND gc_grace_seconds = 5 AND default_time_to_live = 7",
    "CREATE TABLE t5 (a int PRIMARY KEY) WITH compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 100} \
     AND caching = {'keys': 'NONE', 'rows_per_partition': 10} AND compression = {'enabled': false} AND cdc = true \
     AND bloom_filter_fp_chance = 0.1 AND crc_check_chance = 0.5 AND speculative_retry = 'MIN(99P,50MS)' \
     AND additional_write_policy = 'NEVER' AND read_repair = 'none' AND memtable = 'trie' \
     AND min_index_interval = 64 AND max_index_interval = 64 AND memtable_flush_period_in_ms = 10 \
     AND allow_auto_snapshot = false AND incremental_backups = false AND extensions = {'a': 0x01}",
];

#[test]
fn what_is_described_can_be_made_again() {
    let mut session = Session::new();
    session.run("CREATE KEYSPACE \"Other\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 2} AND durable_writes = false");
    for cql in TABLES {
        session.run(cql);
    }
    let rows = session.describe("DESCRIBE SCHEMA WITH INTERNALS").unwrap();
    assert_eq!(rows.len(), 2 + TABLES.len());
    let mut again = Session {
        schema: Schema::empty(),
        statements: 0,
        datacenters: session.datacenters.clone(),
    };
    for row in &rows {
        again.run(&row[3]);
    }
    for (name, keyspace) in &session.schema.keyspaces {
        let copy = again.schema.keyspace(name).unwrap();
        assert_eq!(copy.replication, keyspace.replication);
        assert_eq!(copy.durable_writes, keyspace.durable_writes);
        for table in keyspace.tables.values() {
            let mut copy = Table::clone(&copy.tables[&table.name]);
            copy.table = table.table;
            assert_eq!(copy, **table);
        }
    }
    assert_eq!(
        again.describe("DESCRIBE SCHEMA WITH INTERNALS").unwrap(),
        rows
    );
}

#[test]
fn descriptions() {
    let mut session = Session::new();
    for cql in TABLES {
        session.run(cql);
    }
    let statement = |session: &Session, cql: &str| session.describe(cql).unwrap()[0][3].clone();
    assert_eq!(
        statement(&session, "DESCRIBE ONLY KEYSPACE ks"),
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'} AND durable_writes = true;"
    );
    assert_eq!(
        statement(&session, "DESCRIBE TABLE t4"),
        "CREATE TABLE ks.t4 (\n    a int,\n    b timeuuid,\n    c text,\n    s inet static,\n    v varint,\n    \
         PRIMARY KEY (a, b, c)\n) WITH CLUSTERING ORDER BY (b DESC, c ASC)\n    \
         AND additional_write_policy = '99p'\n    AND allow_auto_snapshot = true\n    \
         AND bloom_filter_fp_chance = 0.01\n    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}\n    \
         AND cdc = false\n    AND comment = ''\n    \
         AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}\n    \
         AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}\n    \
         AND crc_check_chance = 1.0\n    AND default_time_to_live = 7\n    AND extensions = {}\n    \
         AND gc_grace_seconds = 5\n    AND incremental_backups = true\n    AND max_index_interval = 2048\n    \
         AND memtable = 'default'\n    AND memtable_flush_period_in_ms = 0\n    AND min_index_interval = 128\n    \
         AND read_repair = 'BLOCKING'\n    AND speculative_retry = '99p';"
    );
    assert!(
        statement(&session, "DESCRIBE TABLE t1")
            .starts_with("CREATE TABLE ks.t1 (\n    a int PRIMARY KEY\n) WITH add")
    );
    assert!(statement(&session, "DESCRIBE \"T3\"").contains("PRIMARY KEY ((\"A b\", \"select\"))"));
    let list = |cql: &str| -> Vec<String> {
        session
            .describe(cql)
            .unwrap()
            .into_iter()
            .map(|row| row[2].clone())
            .collect()
    };
    assert_eq!(list("DESCRIBE TABLES"), ["\"T3\"", "t1", "t2", "t4", "t5"]);
    assert!(list("DESCRIBE KEYSPACES").contains(&"system_schema".to_owned()));
    assert!(list("DESCRIBE TYPES").is_empty());
    assert_eq!(
        session.describe("DESCRIBE KEYSPACE").unwrap().len(),
        1 + TABLES.len()
    );
    assert_eq!(
        session.describe("DESCRIBE ks").unwrap().len(),
        1 + TABLES.len()
    );
    assert_eq!(
        session.describe("DESCRIBE CLUSTER").unwrap(),
        [["c", "p", "s"].map(str::to_owned)]
    );
    assert!(session.describe("DESCRIBE FULL SCHEMA").unwrap().len() > 20);
    assert!(
        statement(&session, "DESCRIBE TABLE system.local")
            .starts_with("/*\nWarning: Table system.local is a virtual table")
    );
    for (cql, message) in [
        (
            "DESCRIBE TABLE nothing",
            "'nothing' not found in keyspace 'ks'",
        ),
        (
            "DESCRIBE TABLE nowhere.t",
            "'nowhere' not found in keyspaces",
        ),
        (
            "DESCRIBE KEYSPACE nowhere",
            "'nowhere' not found in keyspaces",
        ),
        ("DESCRIBE INDEX i", "'i' not found in keyspace 'ks'"),
        ("DESCRIBE nothing", "'nothing' not found in keyspace 'ks'"),
    ] {
        let error = session.describe(cql).unwrap_err();
        assert_eq!(error.code() as i32, INVALID);
        assert!(error.to_string().contains(message), "{cql}: {error}");
    }
}

#[test]
fn the_version_tells_contents_apart() {
    let mut session = Session::new();
    let mut versions = vec![session.schema.version()];
    for cql in TABLES.iter().copied().chain([
        "ALTER TABLE t1 ADD b int",
        "ALTER TABLE t1 WITH comment = 'x'",
        "ALTER TABLE t1 DROP b",
        "ALTER KEYSPACE ks WITH durable_writes = false",
    ]) {
        session.run(cql);
        versions.push(session.schema.version());
    }
    let count = versions.len();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), count);
    assert_eq!(
        with_system(&session.schema).version(),
        session.schema.version()
    );
    let before = session.schema.version();
    session.run("TRUNCATE t1");
    assert_eq!(session.schema.version(), before);
}

#[test]
fn a_schema_survives_serialisation() {
    let mut session = Session::new();
    for cql in TABLES {
        session.run(cql);
    }
    session.run("TRUNCATE t1");
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(with_system(&session.schema), config).unwrap();
    let (read, length): (Schema, usize) =
        bincode::serde::decode_from_slice(&bytes, config).unwrap();
    assert_eq!(length, bytes.len());
    assert_eq!(read, session.schema);
    for cut in 0..bytes.len() {
        assert!(bincode::serde::decode_from_slice::<Schema, _>(&bytes[..cut], config).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x15;
        // Any answer will do, as long as it is one.
        let _ = bincode::serde::decode_from_slice::<Schema, _>(
            &damaged,
            config.with_limit::<1_000_000>(),
        );
    }
}
