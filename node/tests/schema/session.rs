//! A session that runs statements against a schema.

use std::collections::BTreeMap;

use starling_cql_lite::ast::Statement;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::error::CqlError;
use starling_node::schema::describe::{ClusterDescription, describe};
use starling_node::schema::{ChangeContext, Schema, SchemaOutcome, Table, apply};
use starling_node::system::with_system;
use uuid::Uuid;

pub const SYNTAX: i32 = 0x2000;
pub const UNAUTHORIZED: i32 = 0x2100;
pub const INVALID: i32 = 0x2200;
pub const CONFIG: i32 = 0x2300;
pub const ALREADY_EXISTS: i32 = 0x2400;

/// Runs statements one after the other, as one session in keyspace `ks`.
pub struct Session {
    pub schema: Schema,
    pub statements: u128,
    pub datacenters: BTreeMap<String, usize>,
}

impl Session {
    pub fn new() -> Self {
        let datacenters = BTreeMap::from([("dc1".to_owned(), 3), ("dc2".to_owned(), 1)]);
        let mut session = Session { schema: Schema::empty(), statements: 0, datacenters };
        session.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
        session
    }

    pub fn try_run(&mut self, cql: &str) -> Result<SchemaOutcome, CqlError> {
        let parsed = parse_statement(cql).map_err(|error| CqlError::Syntax(error.to_string()))?;
        let statement = parsed.statement;
        self.statements += 1;
        let context = ChangeContext { new_uuid: Uuid::from_u128(self.statements), datacenters: &self.datacenters };
        let outcome = apply(&self.schema, Some("ks"), &statement, &context)?;
        self.schema = outcome.schema.clone();
        Ok(outcome)
    }

    pub fn run(&mut self, cql: &str) -> SchemaOutcome {
        self.try_run(cql).unwrap_or_else(|error| panic!("{cql}: {error}"))
    }

    pub fn table(&self, name: &str) -> &Table {
        self.schema.table("ks", name).unwrap()
    }

    pub fn describe(&self, cql: &str) -> Result<Vec<Vec<String>>, CqlError> {
        let Statement::Describe(statement) = parse(cql) else { panic!("{cql}") };
        let cluster = ClusterDescription { cluster_name: "c", partitioner: "p", snitch: "s" };
        let description = describe(&with_system(&self.schema), Some("ks"), &statement, &cluster)?;
        assert!(description.rows.iter().all(|row| row.len() == description.columns.len()));
        Ok(description.rows)
    }
}

pub fn parse(cql: &str) -> Statement {
    parse_statement(cql).unwrap_or_else(|error| panic!("{cql}: {error}")).statement
}

#[track_caller]
pub fn assert_refused(session: &mut Session, cql: &str, code: i32, message: &str) {
    let before = session.schema.clone();
    let error = session.try_run(cql).expect_err(cql);
    assert_eq!(error.code(), code, "{cql}: {error}");
    assert!(error.to_string().contains(message), "{cql}: {error}");
    assert_eq!(session.schema, before);
}

/// Statements that between them use all that tables may have.
pub const TABLES: &[&str] = &[
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
