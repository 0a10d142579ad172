//! `starling shell` against a node: what it prints, where it points, and how it ends.

#![allow(clippy::unwrap_used)]

mod harness;

use std::fs;
use std::process::{Command, Output, Stdio};

use harness::{Cluster, program};

fn shell(cluster: &Cluster, arguments: &[&str]) -> Output {
    Command::new(program()).arg("shell").arg(&cluster.contact_points()[0]).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SCHEMA: &str = "
    -- A keyspace and a table, with a command of the shell in between.
    CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
    CONSISTENCY QUORUM
    USE shop;
    CREATE TABLE orders (customer text, number int, note text, PRIMARY KEY (customer, number));
    BEGIN BATCH
        INSERT INTO orders (customer, number, note) VALUES ('ada', 1, 'first; with a semicolon');
        INSERT INTO orders (customer, number) VALUES ('ada', 20);
    APPLY BATCH;
";

#[test]
fn scripts_run_and_results_are_tables() {
    let cluster = Cluster::of("shell", 1);
    let script = cluster.folder().join("schema.cql");
    fs::write(&script, SCHEMA).unwrap();
    let output = shell(&cluster, &["-f", script.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "Consistency level set to QUORUM.\n");

    let output = shell(&cluster, &["-k", "shop", "-e", "SELECT * FROM orders WHERE customer = 'ada'"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = "
 customer | number | note
----------+--------+-------------------------
      ada |      1 | first; with a semicolon
      ada |     20 |                    null

(2 rows)

";
    assert_eq!(stdout(&output), expected);

    let output = shell(&cluster, &["-e", "EXPAND ON\nSELECT number FROM shop.orders LIMIT 1;"]);
    assert_eq!(stdout(&output), "Expanded output is on.\n\n@ Row 1\n--------+---\n number | 1\n\n\n(1 rows)\n\n");

    let output = shell(&cluster, &["-e", "DESCRIBE KEYSPACES"]);
    assert!(stdout(&output).contains("shop"), "{}", stdout(&output));
    let output = shell(&cluster, &["-e", "DESC TABLE shop.orders;"]);
    assert!(stdout(&output).contains("CREATE TABLE shop.orders ("), "{}", stdout(&output));
}

#[test]
fn whoever_stops_reading_does_not_stop_the_script() {
    let cluster = Cluster::of("shell-unread", 1);
    let mut shell_unread = Command::new(program());
    let table = "CREATE TABLE shop.later (k int PRIMARY KEY)";
    let script = format!("{SCHEMA} SELECT * FROM orders; {table}");
    shell_unread.arg("shell").arg(&cluster.contact_points()[0]).args(["-e", &script]);
    let mut child = shell_unread.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    assert!(shell(&cluster, &["-e", "SELECT * FROM shop.later"]).status.success());
}

#[test]
fn errors_point_at_their_place_and_end_the_script() {
    let cluster = Cluster::of("shell-errors", 1);
    let output = shell(&cluster, &["-e", "CONSISTENCY ONE\nSELECT *\n  FORM system.local;\nCONSISTENCY ALL"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "Consistency level set to ONE.\n", "nothing after the error is run");
    let printed = stderr(&output);
    assert!(printed.starts_with("SyntaxException: line 2:2 "), "{printed}");
    assert!(printed.ends_with("\n    FORM system.local\n    ^\n"), "{printed}");

    let output = shell(&cluster, &["-e", "SELECT * FROM nowhere.nothing"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("InvalidRequest: "), "{}", stderr(&output));

    let output = shell(&cluster, &["-e", "TRACING ON"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "TRACING is not supported by this shell\n");
}

#[test]
fn a_node_that_is_not_there_is_named() {
    let cluster = Cluster::new("shell-nobody");
    let nobody = cluster.prepare(&[]).address.to_string();
    let output = Command::new(program()).args(["shell", &nobody, "-e", "SELECT 1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&nobody), "{}", stderr(&output));
}
