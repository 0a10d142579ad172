//! CREATE, ALTER and DROP KEYSPACE.

use super::session::{ALREADY_EXISTS, CONFIG, INVALID, SYNTAX, Session, UNAUTHORIZED, assert_refused};

#[test]
fn refused_keyspaces() {
    let long = "k".repeat(49);
    let simple = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    let cases = [
        (format!("CREATE KEYSPACE ks WITH {simple}"), ALREADY_EXISTS, "Cannot add existing keyspace \"ks\""),
        (format!("CREATE KEYSPACE {long} WITH {simple}"), INVALID, "Keyspace name must not be empty"),
        (format!("CREATE KEYSPACE \"a-b\" WITH {simple}"), INVALID, "Keyspace name must not be empty"),
        (format!("CREATE KEYSPACE system WITH {simple}"), UNAUTHORIZED, "system keyspace is not user-modifiable."),
        (format!("CREATE KEYSPACE k WITH {simple} AND nothing = 1"), SYNTAX, "Unknown property 'nothing'"),
        (format!("CREATE KEYSPACE k WITH {simple} AND durable_writes = 5"), SYNTAX, "durable_writes"),
        (format!("CREATE KEYSPACE k WITH {simple} AND {simple}"), SYNTAX, "Multiple definition"),
        ("CREATE KEYSPACE k WITH durable_writes = true".to_owned(), INVALID, "Missing mandatory option 'replication'"),
        ("CREATE KEYSPACE k WITH replication = 'x'".to_owned(), SYNTAX, "It should be a map."),
    ];
    let mut session = Session::new();
    for (cql, code, message) in cases {
        assert_refused(&mut session, &cql, code, message);
    }
    for (replication, message) in [
        ("{}", "Missing replication strategy class"),
        ("{'replication_factor': 1}", "Missing replication strategy class"),
        (
            "{'class': 'NoSuchStrategy'}",
            "Unable to find replication strategy class 'org.apache.cassandra.locator.NoSuchStrategy'",
        ),
        ("{'class': 'LocalStrategy'}", "LocalStrategy is reserved"),
        ("{'class': 'SimpleStrategy'}", "SimpleStrategy requires a replication_factor strategy option."),
        ("{'class': 'SimpleStrategy', 'replication_factor': 'x'}", "Replication factor must be numeric; found x"),
        ("{'class': 'SimpleStrategy', 'replication_factor': -1}", "must be non-negative, found -1"),
        ("{'class': 'SimpleStrategy', 'replication_factor': '3/1'}", "Transient replication"),
        (
            "{'class': 'SimpleStrategy', 'replication_factor': 1, 'dc1': 1}",
            "Unrecognized strategy option {dc1} passed to SimpleStrategy for keyspace k",
        ),
        ("{'class': 'NetworkTopologyStrategy'}", "Configuration for at least one datacenter must be present"),
        ("{'class': 'NetworkTopologyStrategy', 'dc1': 0}", "Configuration for at least one datacenter must be present"),
        (
            "{'class': 'NetworkTopologyStrategy', 'dc9': 1}",
            "Unrecognized strategy option {dc9} passed to NetworkTopologyStrategy for keyspace k",
        ),
        ("{'class': 'NetworkTopologyStrategy', 'dc1': 'many'}", "must be numeric"),
    ] {
        let cql = format!("CREATE KEYSPACE k WITH replication = {replication}");
        assert_refused(&mut session, &cql, CONFIG, message);
    }
    assert_refused(&mut session, "ALTER KEYSPACE nowhere WITH durable_writes = true", INVALID, "doesn't exist");
    assert_refused(
        &mut session,
        "ALTER KEYSPACE system WITH durable_writes = true",
        UNAUTHORIZED,
        "not user-modifiable",
    );
    assert_refused(&mut session, "DROP KEYSPACE nowhere", INVALID, "Keyspace 'nowhere' doesn't exist");
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
    assert_eq!(outcome.warnings, ["Your replication factor 5 for keyspace a is higher than the number of nodes 4"]);
    let outcome = session
        .run("CREATE KEYSPACE b WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 2}");
    assert_eq!(
        outcome.warnings,
        ["Your replication factor 2 for keyspace b is higher than the number of nodes 1 for datacenter dc2"]
    );
    let shown = |session: &Session, name: &str| session.schema.keyspace(name).unwrap().replication.to_string();
    assert_eq!(shown(&session, "b"), "{'class': 'NetworkTopologyStrategy', 'dc1': '2', 'dc2': '2'}");
    session.run(
        "CREATE KEYSPACE c WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3, 'dc2': 0}",
    );
    assert_eq!(shown(&session, "c"), "{'class': 'NetworkTopologyStrategy', 'dc1': '3'}");
    // The factor that is not named keeps its value.
    session.run("ALTER KEYSPACE c WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}");
    assert_eq!(shown(&session, "c"), "{'class': 'NetworkTopologyStrategy', 'dc1': '3', 'dc2': '1'}");
    let outcome = session.run("ALTER KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2} AND durable_writes = false");
    assert!(outcome.warnings[0].contains("full (-full) repair"));
    assert!(!session.schema.keyspace("ks").unwrap().durable_writes);
}
