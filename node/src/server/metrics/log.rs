//! The log of membership and schema as this node has it, for `starling admin log`.

use serde_json::{Value, json};
use starling_cql_lite::value::Value as CqlValue;
use starling_ring::HostId;

use crate::assembly::log::{LogView, NodeStanding};
use crate::cluster::Entry;

/// The log with the last `entries_max` of the entries that are at hand, the oldest first.
pub(super) fn log_of(log: &LogView, entries_max: usize) -> Value {
    let metadata = &log.metadata;
    let node = |host: HostId| log.nodes.iter().find(|node| node.host_id == host);
    let address = |host: HostId| node(host).map(|node| node.address.to_string());
    let deciders: Vec<Value> = metadata
        .deciders
        .iter()
        .map(|host| {
            let alive = node(*host).is_some_and(|node| node.alive);
            json!({ "host_id": host.to_string(), "address": address(*host), "alive": alive })
        })
        .collect();
    let entry = |entry: &Entry| {
        json!({
            "position": entry.position.to_string(),
            "kind": entry.change.kind(),
            "summary": entry.summary,
            "proposed_at": moment(entry.proposed_at_ms),
            "proposed_at_ms": entry.proposed_at_ms,
            "proposer": entry.id.proposer.to_string(),
            "proposer_address": address(entry.id.proposer),
        })
    };
    let hidden = log.entries.len().saturating_sub(entries_max);
    let entries: Vec<Value> = log.entries.iter().skip(hidden).map(|e| entry(e)).collect();
    json!({
        "cluster": { "id": metadata.cluster_id.to_string(), "name": metadata.cluster_name },
        "generation": metadata.position.generation.number(),
        "epoch": metadata.epoch(),
        "position": metadata.position.to_string(),
        "schema_version": metadata.schema_version().to_string(),
        "has_majority": log.has_majority,
        "deciders": deciders,
        "entries": entries,
        "entries_at_hand": log.entries.len(),
        "nodes": log.nodes.iter().map(node_of).collect::<Vec<_>>(),
    })
}

/// As CQL prints a timestamp.
fn moment(at_ms: i64) -> String {
    CqlValue::Timestamp(at_ms).to_display()
}

fn node_of(node: &NodeStanding) -> Value {
    json!({
        "host_id": node.host_id.to_string(),
        "address": node.address.to_string(),
        "state": node.standing.name(),
        "up": node.alive,
        "decides": node.decides,
        "position": node.position.map(|position| position.to_string()),
    })
}
