//! The members, as `nodetool status` prints them.
#![allow(clippy::print_stdout, reason = "the command's output")]

use serde_json::Value;

pub fn print(status: &Value) {
    let empty = Vec::new();
    let nodes = status["nodes"].as_array().unwrap_or(&empty);
    let mut datacenters: Vec<&str> = nodes.iter().filter_map(|n| n["datacenter"].as_str()).collect();
    datacenters.sort_unstable();
    datacenters.dedup();
    for datacenter in datacenters {
        let title = format!("Datacenter: {datacenter}");
        println!("{title}\n{}", "=".repeat(title.len()));
        println!("Status=Up/Down");
        println!("|/ State=Normal/Leaving/Joining/X given up at a recovery");
        println!("--  {:<15}  {:<36}  {:>6}  {:>6}  Rack", "Address", "Host ID", "Tokens", "Owns");
        for node in nodes.iter().filter(|n| n["datacenter"] == datacenter) {
            println!(
                "{}  {:<15}  {:<36}  {:>6}  {:>5.1}%  {}",
                node["state"].as_str().unwrap_or("??"),
                node["address"].as_str().unwrap_or_default(),
                node["host_id"].as_str().unwrap_or_default(),
                node["tokens"],
                node["share"].as_f64().unwrap_or_default() * 100.0,
                node["rack"].as_str().unwrap_or_default(),
            );
        }
        println!();
    }
    if let Some(waiting_for) = status["waiting_for"].as_str() {
        println!("This node belongs to no cluster yet: {waiting_for}");
    }
}
