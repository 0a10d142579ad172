//! COPY TO and COPY FROM of tens of thousands of rows, over three nodes.

use std::fmt::Write;
use std::fs;

use super::Shell;

const ROWS: u32 = 40_000;
const PARTITIONS: u32 = 997;

/// The rows as cqlsh writes them, sorted.
fn rows() -> Vec<String> {
    let mut lines: Vec<String> = (0..ROWS)
        .map(|number| {
            let mixed = number.wrapping_mul(2_654_435_761);
            format!("{},{number},\"value {mixed:08x}, with \\\"quotes\\\" and ü\"", number % PARTITIONS)
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn cqlsh_copies_tens_of_thousands_of_rows_both_ways() {
    let Some(mut shell) = Shell::start("cqlsh-copy") else {
        return;
    };
    shell.ok("CREATE KEYSPACE copied WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}; \
         CREATE TABLE copied.rows (p int, c int, v text, PRIMARY KEY (p, c))");
    let rows = rows();
    let text = rows.iter().fold(String::new(), |mut text, row| {
        writeln!(text, "{row}").unwrap();
        text
    });
    fs::write(shell.file("in.csv"), text).unwrap();
    let said = shell.ok("COPY copied.rows (p, c, v) FROM 'in.csv'");
    assert!(said.contains(&format!("{ROWS} rows imported from 1 files")), "{said}");
    let said = shell.ok("SELECT count(*) FROM copied.rows");
    assert!(said.contains(&format!("\n {ROWS}\n")), "{said}");

    let said = shell.ok("COPY copied.rows (p, c, v) TO 'out.csv' WITH PAGESIZE = 333");
    assert!(said.contains(&format!("{ROWS} rows exported to 1 files")), "{said}");
    let out = fs::read_to_string(shell.file("out.csv")).unwrap();
    let mut copied: Vec<&str> = out.lines().map(str::trim_end).collect();
    copied.sort_unstable();
    assert_eq!(copied.len(), rows.len());
    assert!(copied.iter().eq(rows.iter()), "what came out is not what went in");
}
