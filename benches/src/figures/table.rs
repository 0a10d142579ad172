//! The figures as a table in Markdown, and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

/// A line of the table.
pub struct Row {
    /// What was measured.
    pub what: String,
    /// `commitlog_sync`, where it matters.
    pub durability: &'static str,
    /// What it did.
    pub workload: &'static str,
    /// What `starling bench` or `starling bench engine` says.
    pub figures: Value,
}

const HEADER: &str = "\
| what | `commitlog_sync` | workload | operations/s | p50 ms | p99 ms | server CPU us/op | instructions/op | resident MiB |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// The table.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = HEADER.to_owned();
    for row in rows {
        let figures = &row.figures;
        let latency_us = match &figures["latency_us"][row.workload] {
            Value::Null => &figures["latency_us"],
            of_workload => of_workload,
        };
        let number = |value: &Value, scale: f64, digits: usize| match value.as_f64() {
            Some(number) => format!("{:.digits$}", number / scale),
            None => "-".to_owned(),
        };
        let cpu_us = match &figures["server_cpu_us_per_operation"] {
            Value::Null => &figures["cpu_us_per_operation"],
            of_servers => of_servers,
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.what,
            row.durability,
            row.workload,
            number(&figures["throughput_per_s"], 1.0, 0),
            number(&latency_us["p50"], 1e3, 2),
            number(&latency_us["p99"], 1e3, 2),
            number(cpu_us, 1.0, 1),
            number(&figures["server_instructions_per_operation"], 1.0, 0),
            resident(figures)
        );
    }
    out
}

/// MiB of each server, or of the process itself.
fn resident(figures: &Value) -> String {
    let mebibytes = |value: &Value| value.as_u64().map(|bytes| (bytes >> 20).to_string());
    match figures["servers"].as_array() {
        Some(servers) => {
            let each = servers.iter().filter_map(|server| mebibytes(&server["resident_bytes"]));
            each.collect::<Vec<String>>().join("/")
        }
        None => mebibytes(&figures["resident_bytes"]).unwrap_or_else(|| "-".to_owned()),
    }
}

/// All figures.
pub fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "what": row.what,
            "durability": row.durability,
            "workload": row.workload,
            "figures": row.figures,
        })
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_the_engine_have_lines() {
        let of_server = json!({
            "throughput_per_s": 50_000.4,
            "latency_us": {"write": {"p50": 1_500, "p99": 9_000}},
            "server_cpu_us_per_operation": 11.25,
            "server_instructions_per_operation": null,
            "servers": [{"resident_bytes": 70 << 20}, {"resident_bytes": 80 << 20}],
        });
        let of_engine = json!({
            "throughput_per_s": 200_000.0,
            "latency_us": {"p50": 900, "p99": 2_000},
            "cpu_us_per_operation": 6.0,
            "resident_bytes": 50 << 20,
        });
        let row = |what: &str, figures| Row { what: what.into(), durability: "batch", workload: "write", figures };
        let table = markdown(&[row("two nodes", of_server), row("engine", of_engine)]);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines[0], "| two nodes | batch | write | 50000 | 1.50 | 9.00 | 11.2 | - | 70/80 |");
        assert_eq!(lines[1], "| engine | batch | write | 200000 | 0.90 | 2.00 | 6.0 | - | 50 |");
    }
}
