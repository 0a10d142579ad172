//! COPY of every type, with nulls, empty texts, quotes and Unicode: the copy of a table equals the table.

use std::fs;

use starling_driver::{ConsistencyLevel, QueryOptions, Session, SessionOptions};

use super::{QUORUM, Shell};

/// Three literals of each type.
const LITERALS: &[(&str, [&str; 3])] = &[
    ("ascii", ["'plain'", "''", "'a,b;\"c\"'"]),
    ("bigint", ["0", "-9223372036854775808", "9223372036854775807"]),
    ("blob", ["0x00ff10", "0x", "0x5c6e"]),
    ("boolean", ["true", "false", "true"]),
    ("date", ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'"]),
    ("decimal", ["-1.50", "0", "12345678901234567890.123456789"]),
    ("double", ["0.1", "1.7976931348623157e308", "NaN"]),
    ("float", ["0.1", "3.4028235e38", "-Infinity"]),
    ("inet", ["'127.0.0.1'", "'::1'", "'2001:db8::ff'"]),
    ("int", ["1", "-2147483648", "2147483647"]),
    ("smallint", ["1", "-32768", "32767"]),
    ("text", ["'it''s \"quoted\", ü'", "''", "'世界 🐦 NULL'"]),
    ("time", ["'08:12:54.123456789'", "'00:00:00'", "'23:59:59.999999999'"]),
    ("timestamp", ["'2024-02-29T12:34:56.789Z'", "0", "'1904-01-01T00:00:00Z'"]),
    (
        "timeuuid",
        [
            "50554d6e-29bb-11e5-b345-feff819cdc9f",
            "00000000-0000-1000-8080-808080808080",
            "ffffffff-ffff-1fff-bfff-ffffffffffff",
        ],
    ),
    ("tinyint", ["1", "-128", "127"]),
    (
        "uuid",
        [
            "123e4567-e89b-42d3-a456-426614174000",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ],
    ),
    ("varchar", ["'  spaces  '", "'[list]'", "'{1: 2}'"]),
    ("varint", ["0", "-123456789012345678901234567890", "170141183460469231731687303715884105728"]),
];

/// A null is told from an empty text by its mark; floats are written with all their digits.
const WHOLE: &str = "HEADER = true AND NULL = '<null>' AND FLOATPRECISION = 9 AND DOUBLEPRECISION = 17 \
                     AND DATETIMEFORMAT = '%Y-%m-%d %H:%M:%S.%f%z'";
const READ: &str = "HEADER = true AND NULL = '<null>'";

fn schema() -> String {
    let columns: Vec<String> = LITERALS.iter().map(|(name, _)| format!("c_{name} {name}")).collect();
    let columns = columns.join(", ");
    let tables = ["source", "target"]
        .map(|table| format!("CREATE TABLE copied.{table} (p text, c timestamp, {columns}, PRIMARY KEY (p, c));\n"));
    let keyspace = "CREATE KEYSPACE copied WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3};\n";
    keyspace.to_owned() + &tables.concat()
}

/// Three rows that have a value in every column, and one for each column that has only that.
fn inserts() -> String {
    let names: Vec<String> = LITERALS.iter().map(|(name, _)| format!("c_{name}")).collect();
    let mut text = String::new();
    for number in 0..3 {
        let values: Vec<&str> = LITERALS.iter().map(|(_, literals)| literals[number]).collect();
        text += &format!(
            "INSERT INTO copied.source (p, c, {}) VALUES ('full \"ü\", {number}', {number}, {});\n",
            names.join(", "),
            values.join(", ")
        );
    }
    for (number, (name, literals)) in LITERALS.iter().enumerate() {
        text += &format!("INSERT INTO copied.source (p, c, c_{name}) VALUES ('sparse', {number}, {});\n", literals[0]);
    }
    text
}

/// The rows of a table as another client sees them, floats by their bits.
async fn contents(contact_point: &str, table: &str) -> Vec<String> {
    let session = Session::connect([contact_point], SessionOptions::default()).await.unwrap();
    let quorum = QueryOptions::default().consistency(ConsistencyLevel::Quorum);
    let result = session.query(&format!("SELECT * FROM copied.{table}"), &[], &quorum).await.unwrap();
    let mut rows: Vec<String> = result.rows().iter().map(|row| format!("{:?}", row.values())).collect();
    rows.sort();
    rows
}

#[test]
fn cqlsh_copies_every_type_both_ways() {
    let Some(mut shell) = Shell::start("cqlsh-types") else {
        return;
    };
    fs::write(shell.file("fill.cql"), format!("{QUORUM}\n{}{}", schema(), inserts())).unwrap();
    let ended = shell.run(&["-f", "fill.cql"]);
    assert!(ended.success && ended.stderr.is_empty(), "{}", ended.stderr);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = shell.cluster.contact_points()[0].clone();
    let source = runtime.block_on(contents(&address, "source"));
    assert_eq!(source.len(), 3 + LITERALS.len());

    let said = shell.ok(&format!("COPY copied.source TO 'types.csv' WITH {WHOLE}"));
    assert!(said.contains(&format!("{} rows exported to 1 files", source.len())), "{said}");
    // By prepared statements, as it does by default, and by statements of text.
    for more in ["", " AND PREPAREDSTATEMENTS = false"] {
        shell.ok("TRUNCATE copied.target");
        let said = shell.ok(&format!("COPY copied.target FROM 'types.csv' WITH {READ}{more}"));
        assert!(said.contains(&format!("{} rows imported from 1 files", source.len())), "{said}");
        let target = runtime.block_on(contents(&address, "target"));
        for (one, other) in source.iter().zip(&target) {
            assert_eq!(one, other);
        }
        assert_eq!(source.len(), target.len());
    }
}

/// cqlsh binds a duration as text, which its own driver refuses; without prepared statements it copies them.
#[test]
fn cqlsh_copies_durations_as_text() {
    let Some(mut shell) = Shell::start("cqlsh-duration") else {
        return;
    };
    shell.ok("CREATE KEYSPACE copied WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}; \
         CREATE TABLE copied.source (k int PRIMARY KEY, v duration); \
         CREATE TABLE copied.target (k int PRIMARY KEY, v duration); \
         INSERT INTO copied.source (k, v) VALUES (1, 1y2mo3d4h5m6s); \
         INSERT INTO copied.source (k, v) VALUES (2, -1mo2d3ns); \
         COPY copied.source TO 'durations.csv'; \
         COPY copied.target FROM 'durations.csv' WITH PREPAREDSTATEMENTS = false");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = shell.cluster.contact_points()[0].clone();
    let source = runtime.block_on(contents(&address, "source"));
    assert_eq!(source.len(), 2);
    assert_eq!(source, runtime.block_on(contents(&address, "target")));
}
