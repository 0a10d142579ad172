//! DESCRIBE.

use starling_node::schema::{Schema, Table};

use super::session::{INVALID, Session, TABLES};

#[test]
fn what_is_described_can_be_made_again() {
    let mut session = Session::new();
    session.run("CREATE KEYSPACE \"Other\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 2} AND durable_writes = false");
    for cql in TABLES {
        session.run(cql);
    }
    let rows = session.describe("DESCRIBE SCHEMA WITH INTERNALS").unwrap();
    assert_eq!(rows.len(), 2 + TABLES.len());
    let mut again = Session { schema: Schema::empty(), statements: 0, datacenters: session.datacenters.clone() };
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
    assert_eq!(again.describe("DESCRIBE SCHEMA WITH INTERNALS").unwrap(), rows);
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
        statement(&session, "DESCRIBE TABLE t1").starts_with("CREATE TABLE ks.t1 (\n    a int PRIMARY KEY\n) WITH add")
    );
    assert!(statement(&session, "DESCRIBE \"T3\"").contains("PRIMARY KEY ((\"A b\", \"select\"))"));
    let list =
        |cql: &str| -> Vec<String> { session.describe(cql).unwrap().into_iter().map(|row| row[2].clone()).collect() };
    assert_eq!(list("DESCRIBE TABLES"), ["\"T3\"", "t1", "t2", "t4", "t5"]);
    assert!(list("DESCRIBE KEYSPACES").contains(&"system_schema".to_owned()));
    assert!(list("DESCRIBE TYPES").is_empty());
    assert_eq!(session.describe("DESCRIBE KEYSPACE").unwrap().len(), 1 + TABLES.len());
    assert_eq!(session.describe("DESCRIBE ks").unwrap().len(), 1 + TABLES.len());
    assert_eq!(session.describe("DESCRIBE CLUSTER").unwrap(), [["c", "p", "s"].map(str::to_owned)]);
    assert!(session.describe("DESCRIBE FULL SCHEMA").unwrap().len() > 20);
    assert!(
        statement(&session, "DESCRIBE TABLE system.local")
            .starts_with("/*\nWarning: Table system.local is a virtual table")
    );
    assert!(statement(&session, "DESCRIBE TABLE system_virtual_schema.tables").ends_with(
        "    PRIMARY KEY (keyspace_name, table_name)\n) WITH CLUSTERING ORDER BY (table_name ASC)\n    \
         AND comment = 'virtual table definitions';\n*/"
    ));
    for (cql, message) in [
        ("DESCRIBE TABLE nothing", "'nothing' not found in keyspace 'ks'"),
        ("DESCRIBE TABLE nowhere.t", "'nowhere' not found in keyspaces"),
        ("DESCRIBE KEYSPACE nowhere", "'nowhere' not found in keyspaces"),
        ("DESCRIBE INDEX i", "'i' not found in keyspace 'ks'"),
        ("DESCRIBE nothing", "'nothing' not found in keyspace 'ks'"),
    ] {
        let error = session.describe(cql).unwrap_err();
        assert_eq!(error.code(), INVALID);
        assert!(error.to_string().contains(message), "{cql}: {error}");
    }
}
