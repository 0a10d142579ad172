//! The members of the cluster as this node sees them, for `starling admin status`.

use serde_json::{Value, json};

use crate::assembly::View;

pub(super) fn status_of(view: &View) -> Value {
    let shares = view.topology().ownership();
    let nodes: Vec<Value> = view
        .topology()
        .members()
        .iter()
        .enumerate()
        .map(|(index, member)| {
            json!({
                "state": if view.is_alive(index as u16) { "UN" } else { "DN" },
                "address": member.listen_address.to_string(),
                "host_id": member.host_id.to_string(),
                "datacenter": member.datacenter,
                "rack": member.rack,
                "tokens": member.tokens.len(),
                "share": shares.get(index).copied().unwrap_or_default(),
            })
        })
        .collect();
    let metadata = &view.metadata;
    json!({
        "cluster": {
            "name": metadata.cluster_name,
            "id": metadata.cluster_id.to_string(),
            "generation": metadata.position.generation.number(),
            "epoch": metadata.epoch(),
            "schema_version": view.schema_version().to_string(),
        },
        "nodes": nodes,
    })
}
