//! DESCRIBE in its forms; what it prints makes the same schema again.

use std::fs;

use super::Shell;

const SCHEMA: &str = r#"
CREATE KEYSPACE described WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2} AND durable_writes = true;
CREATE KEYSPACE "Other" WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3};
CREATE TABLE described.events (
    a int, b text, c timeuuid, d text, e blob, s boolean static, PRIMARY KEY ((a, b), c, d)
) WITH CLUSTERING ORDER BY (c DESC, d ASC) AND comment = 'it''s a "table"' AND default_time_to_live = 3600
  AND gc_grace_seconds = 7200 AND compaction = {'class': 'LeveledCompactionStrategy'}
  AND compression = {'enabled': 'false'} AND caching = {'keys': 'NONE', 'rows_per_partition': '10'};
CREATE TABLE described."Caps" ("Key ""k""" int PRIMARY KEY, "select" duration);
"#;

/// Every native type in one table.
fn of_all_types() -> String {
    let types = "ascii bigint blob boolean date decimal double duration float inet int smallint text time timestamp \
                 timeuuid tinyint uuid varchar varint";
    let columns: Vec<String> = types.split_whitespace().map(|name| format!("c_{name} {name}")).collect();
    format!("CREATE TABLE described.types (k text PRIMARY KEY, {});", columns.join(", "))
}

fn make_again(shell: &mut Shell, file: &str, describe: &str) {
    let before = shell.ok(describe);
    fs::write(shell.file(file), &before).unwrap();
    shell.ok("DROP KEYSPACE described; DROP KEYSPACE \"Other\"");
    let ended = shell.run(&["-f", file]);
    assert!(ended.success && ended.stderr.is_empty(), "{before}\n{}", ended.stderr);
    assert_eq!(shell.ok(describe), before);
}

fn every_form_answers(shell: &mut Shell) {
    for (statement, parts) in [
        (
            "DESCRIBE CLUSTER",
            &["Cluster: cqlsh-describe", "Partitioner: org.apache.cassandra.dht.Murmur3Partitioner"][..],
        ),
        ("DESCRIBE KEYSPACES", &["described", "\"Other\"", "system_schema"]),
        ("DESC KEYSPACES", &["described"]),
        ("DESCRIBE TABLES", &["Keyspace described", "events", "\"Caps\"", "Keyspace system"]),
        ("USE described; DESCRIBE TABLES", &["events", "types"]),
        ("DESCRIBE KEYSPACE described", &["CREATE KEYSPACE described", "CREATE TABLE described.events"]),
        ("USE described; DESCRIBE KEYSPACE", &["CREATE KEYSPACE described"]),
        ("DESCRIBE described", &["CREATE KEYSPACE described"]),
        ("DESCRIBE ONLY KEYSPACE described", &["CREATE KEYSPACE described"]),
        ("DESCRIBE TABLE described.events", &["CREATE TABLE described.events", "CLUSTERING ORDER BY (c DESC, d ASC)"]),
        ("DESCRIBE COLUMNFAMILY described.\"Caps\"", &["CREATE TABLE described.\"Caps\""]),
        ("USE described; DESCRIBE TABLE events", &["    s boolean static,", "comment = 'it''s a \"table\"'"]),
        ("USE described; DESC \"Caps\"", &["\"Key \"\"k\"\"\" int PRIMARY KEY", "\"select\" duration"]),
        ("DESCRIBE TABLE described.events WITH INTERNALS", &["WITH ID = "]),
        ("DESCRIBE SCHEMA", &["CREATE KEYSPACE described", "CREATE KEYSPACE \"Other\""]),
        ("DESCRIBE FULL SCHEMA", &["CREATE KEYSPACE described", "system_schema.tables"]),
        ("DESCRIBE TYPES; DESCRIBE FUNCTIONS; DESCRIBE AGGREGATES", &[]),
    ] {
        let said = shell.ok(statement);
        for part in parts {
            assert!(said.contains(part), "{statement}: no `{part}` in\n{said}");
        }
    }
    let only = shell.ok("DESCRIBE ONLY KEYSPACE described");
    assert!(!only.contains("CREATE TABLE"), "{only}");
    assert!(!shell.ok("DESCRIBE SCHEMA").contains("CREATE TABLE system"), "system tables are not the user's schema");
    for (statement, message) in [
        ("DESCRIBE KEYSPACE nowhere", "'nowhere' not found in keyspaces"),
        ("DESCRIBE nothing", "'nothing' not found in keyspaces"),
        ("DESCRIBE TABLE nothing", "No keyspace specified and no current keyspace"),
        ("DESCRIBE INDEX described.nothing", "'nothing' not found in keyspace 'described'"),
        ("DESCRIBE MATERIALIZED VIEW described.nothing", "'nothing' not found in keyspace 'described'"),
        ("DESCRIBE TYPE described.nothing", "'nothing' not found in keyspace 'described'"),
        ("DESCRIBE FUNCTION described.nothing", "'nothing' not found in keyspace 'described'"),
        ("DESCRIBE AGGREGATE described.nothing", "'nothing' not found in keyspace 'described'"),
    ] {
        let said = shell.error(statement);
        assert!(said.contains(message), "{statement}: {said}");
    }
}

#[test]
fn cqlsh_describes_what_can_be_made_again() {
    let Some(mut shell) = Shell::start("cqlsh-describe") else {
        return;
    };
    fs::write(shell.file("schema.cql"), SCHEMA.to_owned() + &of_all_types()).unwrap();
    let ended = shell.run(&["-f", "schema.cql"]);
    assert!(ended.success, "{}", ended.stderr);
    every_form_answers(&mut shell);
    make_again(&mut shell, "again.cql", "DESCRIBE SCHEMA");
    make_again(&mut shell, "keyspaces.cql", "DESCRIBE KEYSPACE described; DESCRIBE KEYSPACE \"Other\"");
}
