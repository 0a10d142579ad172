//! Figures of the node for `/metrics` (Prometheus text) and `starling admin`.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::admin::AdminSource;
use super::native::NativeServer;
use super::world::World;
use crate::assembly::{Node, View};

/// Where the figures come from.
pub struct Source {
    node: Arc<Node>,
    world: Arc<World>,
    native: Arc<NativeServer>,
}

impl Source {
    /// The figures of this node.
    pub fn new(node: Arc<Node>, world: Arc<World>, native: Arc<NativeServer>) -> Self {
        Source { node, world, native }
    }
}

impl AdminSource for Source {
    fn is_ready(&self) -> bool {
        self.node.is_ready()
    }

    fn waiting_for(&self) -> String {
        match self.node.view() {
            None => self.node.waiting_reason(),
            Some(_) => "not all live members know this node yet".into(),
        }
    }

    fn status(&self) -> Value {
        match self.node.view() {
            Some(view) => status_of(&view),
            None => json!({ "cluster": null, "nodes": [], "waiting_for": self.node.waiting_reason() }),
        }
    }

    fn metrics(&self) -> String {
        let mut page = Page::default();
        let figures = &self.node.figures;
        for (operation, counts) in [("read", &figures.reads), ("write", &figures.writes)] {
            for (outcome, count) in ["success", "timeout", "error"].into_iter().zip(counts) {
                let labels = format!("operation=\"{operation}\",outcome=\"{outcome}\"");
                page.counter("starling_requests", "Client requests that have ended.", &labels, count);
            }
        }
        page.counter("starling_speculative_reads", "Replicas asked in addition.", "", &figures.speculative_reads);
        page.counter("starling_read_repairs", "Reads whose replicas disagreed.", "", &figures.read_repairs);
        page.counter("starling_overloaded", "Requests refused as overloaded.", "", &figures.overloaded);
        let links = &self.world.links.figures;
        page.counter("starling_internode_messages_sent", "Messages to other nodes.", "", &links.sent);
        page.counter("starling_internode_messages_received", "Messages from other nodes.", "", &links.received);
        page.counter("starling_internode_messages_dropped", "Messages that no link took.", "", &links.dropped);
        let native = &self.native.figures;
        page.counter("starling_native_requests", "CQL requests taken in.", "", &native.requests);
        page.counter("starling_native_protocol_errors", "Frames that were no CQL.", "", &native.protocol_errors);
        let connections = native.connections.load(Ordering::Relaxed) as u64;
        page.gauge("starling_native_connections", "Open CQL connections.", connections);
        page.gauge("starling_operations_under_way", "Operations coordinated now.", self.node.operations() as u64);
        let queued = self.world.commit_queue_bytes() as u64;
        page.gauge("starling_commit_queue_bytes", "Mutations that wait to be committed.", queued);
        let queued = self.world.links.queued_bytes() as u64;
        page.gauge("starling_internode_queue_bytes", "Messages that wait to be sent.", queued);
        if let Some(view) = self.node.view() {
            page.gauge("starling_metadata_epoch", "Epoch of the cluster metadata.", view.metadata.epoch);
            let alive = (0..view.topology().members().len()).filter(|i| view.is_alive(*i as u16)).count();
            page.gauge("starling_members_alive", "Members seen alive.", alive as u64);
            page.gauge("starling_members", "Members of the cluster.", view.topology().members().len() as u64);
        }
        page.finish()
    }
}

fn status_of(view: &View) -> Value {
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
            "epoch": metadata.epoch,
            "schema_version": view.schema_version().to_string(),
        },
        "nodes": nodes,
    })
}

/// A page of metrics in OpenMetrics text.
#[derive(Default)]
struct Page {
    text: String,
    described: Vec<&'static str>,
}

impl Page {
    fn describe(&mut self, name: &'static str, help: &str, kind: &str) {
        if !self.described.contains(&name) {
            self.described.push(name);
            // Writing to a string cannot fail.
            let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        }
    }

    fn counter(&mut self, name: &'static str, help: &str, labels: &str, value: &AtomicU64) {
        self.describe(name, help, "counter");
        let value = value.load(Ordering::Relaxed);
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.text, "{name}_total{labels} {value}");
    }

    fn gauge(&mut self, name: &'static str, help: &str, value: u64) {
        self.describe(name, help, "gauge");
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}
