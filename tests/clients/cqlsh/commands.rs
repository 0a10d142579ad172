//! The shell's own commands, statements from arguments and files, and errors.

use std::fs;

use super::Shell;

const SCHEMA: &str = r#"
CONSISTENCY QUORUM
-- A comment; with a semicolon.
CREATE KEYSPACE shell WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3};
/* Another; over
   two lines. */
USE shell;
CREATE TABLE "Notes" (
    "Key" int PRIMARY KEY,
    "select" text   // a reserved word
);
INSERT INTO "Notes" ("Key", "select") VALUES (1, 'it''s; -- no comment');
BEGIN UNLOGGED BATCH
    INSERT INTO "Notes" ("Key", "select") VALUES (2, $$it's$$);
    INSERT INTO "Notes" ("Key") VALUES (3);
APPLY BATCH;
SELECT "Key", "select" FROM "Notes" WHERE "Key" IN (1, 2, 3);
"#;

fn rows_of_the_file_are_shown(shell: &mut Shell) {
    fs::write(shell.file("schema.cql"), SCHEMA).unwrap();
    let ended = shell.run(&["-f", "schema.cql"]);
    assert!(ended.success && ended.stderr.is_empty(), "{}", ended.stderr);
    let expected = "Consistency level set to QUORUM.

 Key | select
-----+---------------------
   1 | it's; -- no comment
   2 |                it's
   3 |                null

(3 rows)
";
    assert_eq!(ended.stdout, expected);
}

fn settings_are_shown_and_changed(shell: &mut Shell) {
    let shown = shell.ok("SHOW VERSION; SHOW HOST; SHOW REPLICAS 5 shell");
    assert!(shown.contains("| Cassandra 5.0.0-starling | CQL spec 3.4.7 | Native protocol v"), "{shown}");
    let addresses = shell.cluster.contact_points();
    assert!(shown.contains(&format!("at {}:9042", addresses[0])), "{shown}");
    let replicas = shown.lines().last().unwrap();
    assert!(addresses.iter().all(|address| replicas.contains(&format!("'{address}'"))), "{shown}");

    let shown = shell
        .ok("CONSISTENCY; CONSISTENCY ALL; CONSISTENCY; SERIAL CONSISTENCY; SERIAL CONSISTENCY LOCAL_SERIAL; \
         PAGING 2; PAGING; SELECT \"Key\" FROM shell.\"Notes\"; PAGING OFF; PAGING");
    let lines: Vec<&str> = shown.lines().collect();
    for line in [
        "Current consistency level is QUORUM.",
        "Consistency level set to ALL.",
        "Current consistency level is ALL.",
        "Current serial consistency level is SERIAL.",
        "Serial consistency level set to LOCAL_SERIAL.",
        "Page size: 2",
        "(3 rows)",
        "PAGING is OFF",
    ] {
        assert!(lines.contains(&line), "no `{line}` in\n{shown}");
    }
    let one = r#"SELECT "Key", "select" FROM shell."Notes" WHERE "Key" = 2"#;
    let shown = shell.ok(&format!("EXPAND ON; {one}; EXPAND OFF; {one}"));
    assert!(shown.contains("@ Row 1\n"), "{shown}");
    assert!(shown.contains(" select | it's\n"), "{shown}");
    assert!(shown.contains("   2 |   it's\n"), "{shown}");
    let shown = shell.ok(&format!("TRACING ON; {one}; TRACING OFF"));
    for part in ["TRACING set to ON\n", "   2 |   it's\n", "Tracing session: ", "TRACING set to OFF\n"] {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
    let events: Vec<&str> = shown.lines().filter(|line| line.contains("Request ")).collect();
    assert!(events.iter().any(|event| event.contains("Request received")), "{shown}");
    assert!(events.iter().any(|event| event.contains("Request answered")), "{shown}");
}

fn files_are_read_and_written(shell: &mut Shell) {
    let statement = r#"SELECT "select" FROM shell."Notes" WHERE "Key" = 1;"#;
    fs::write(shell.file("one.cql"), statement).unwrap();
    let sourced = shell.ok("SOURCE 'one.cql'");
    assert!(sourced.contains("it's; -- no comment"), "{sourced}");
    // To the end: version 6.2 does not understand its own CAPTURE OFF.
    let said = shell.ok(&format!("{statement} CAPTURE 'captured.txt'; {statement}"));
    assert_eq!(said.matches("it's; -- no comment").count(), 1, "{said}");
    let captured = fs::read_to_string(shell.file("captured.txt")).unwrap();
    assert_eq!(captured.matches("it's; -- no comment").count(), 1, "{captured}");
    assert!(shell.error("SOURCE 'no_such_file.cql'").contains("no_such_file.cql"));
}

fn errors_are_told_and_the_shell_goes_on(shell: &mut Shell) {
    for (statement, message) in [
        ("SELEC 1", "SyntaxException: line 1:0 "),
        ("SELECT * FROM nowhere.t", "code=2200 [Invalid query] message=\"keyspace nowhere does not exist\""),
        ("SELECT * FROM shell.nothing", "code=2200 [Invalid query] message=\"table nothing does not exist\""),
        ("CREATE KEYSPACE shell WITH replication = {'class': 'SimpleStrategy'}", "AlreadyExists: Keyspace 'shell'"),
        ("DESCRIBE TABLE shell.nothing", "'nothing' not found in keyspace 'shell'"),
        ("SHOW SESSION 6d1ec790-8dea-11f0-8000-000000000000", "wasn't found"),
        ("CONSISTENCY MANY", "Improper CONSISTENCY command"),
    ] {
        let said = shell.error(statement);
        assert!(said.contains(message), "{statement}: {said}");
    }
    fs::write(shell.file("errors.cql"), "SELEC 1;\nSELECT key FROM system.local;\n").unwrap();
    let ended = shell.run(&["-f", "errors.cql"]);
    assert!(!ended.success && ended.stderr.contains("errors.cql:2:"), "{}", ended.stderr);
    assert!(ended.stdout.contains(" local\n"), "{}", ended.stdout);
}

/// Nobody has to log in; as in Cassandra without authentication, whoever does is let in.
fn a_login_is_accepted_and_needless(shell: &mut Shell) {
    let said = shell.ok("USE shell; LOGIN somebody 'secret'; SELECT count(*) FROM \"Notes\"");
    assert!(said.contains("\n     3\n"), "{said}");
    let ended = shell.run(&["-u", "somebody", "-p", "secret", "-k", "shell", "-e", "SELECT count(*) FROM \"Notes\""]);
    assert!(ended.success && ended.stdout.contains("\n     3\n"), "{}", ended.stderr);
}

#[test]
fn cqlsh_commands_and_statements() {
    let Some(mut shell) = Shell::start("cqlsh-commands") else {
        return;
    };
    rows_of_the_file_are_shown(&mut shell);
    settings_are_shown_and_changed(&mut shell);
    files_are_read_and_written(&mut shell);
    errors_are_told_and_the_shell_goes_on(&mut shell);
    a_login_is_accepted_and_needless(&mut shell);
}
