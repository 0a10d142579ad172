//! The log of membership and schema, for people.
#![allow(clippy::print_stdout, reason = "the command's output")]

use serde_json::Value;

/// Characters of a moment that are shown: to the second.
const TO_THE_SECOND: usize = "2026-01-31 23:59:59".len();

pub fn print(log: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    println!("Cluster:   {} ({})", text(&log["cluster"]["name"]), text(&log["cluster"]["id"]));
    println!("Position:  {} (generation {}, epoch {})", text(&log["position"]), log["generation"], log["epoch"]);
    print_deciders(log);
    println!("\nNodes");
    println!("{:<8}  {:<5}  {:<15}  {:<36}  {:<7}  Position", "State", "Up", "Address", "Host ID", "Decides");
    for node in list(&log["nodes"]) {
        println!(
            "{:<8}  {:<5}  {:<15}  {:<36}  {:<7}  {}",
            text(&node["state"]),
            if node["up"] == true { "up" } else { "down" },
            text(&node["address"]),
            text(&node["host_id"]),
            if node["decides"] == true { "yes" } else { "no" },
            text(&node["position"]),
        );
    }
    let entries = list(&log["entries"]);
    println!("\nEntries (the last {} of {} at hand)", entries.len(), log["entries_at_hand"]);
    println!("{:<10}  {:<19}  {:<12}  {:<15}  Summary", "Position", "When (UTC)", "Kind", "Proposed by");
    for entry in entries {
        let when = text(&entry["proposed_at"]);
        let proposer = entry["proposer_address"].as_str().or(entry["proposer"].as_str()).unwrap_or("-");
        println!(
            "{:<10}  {:<19}  {:<12}  {:<15}  {}",
            text(&entry["position"]),
            when.get(..TO_THE_SECOND).unwrap_or(&when),
            text(&entry["kind"]),
            proposer,
            text(&entry["summary"]),
        );
    }
}

fn print_deciders(log: &Value) {
    let deciders = list(&log["deciders"]);
    let alive = deciders.iter().filter(|decider| decider["alive"] == true).count();
    let can = if log["has_majority"] == true { "can" } else { "cannot" };
    println!(
        "Deciders:  {alive} of {} alive, {} needed: membership and schema {can} be changed",
        deciders.len(),
        deciders.len() / 2 + 1
    );
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
