//! Figures of the node for `/metrics` (OpenMetrics text) and `starling admin`.
//!
//! Whatever is counted is an atomic where it is counted; a scrape reads it. Nothing here runs for a request.

mod clock;
mod cluster;
mod internode;
mod log;
mod native;
mod page;
mod process;
mod reads;
mod requests;
mod status;
mod storage;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::admin::{AdminSource, ChangeFuture};
use super::changes::{self, AdminChange};
use super::native::NativeServer;
use super::world::World;
use crate::assembly::Node;
use page::Page;
use process::Process;

/// All metrics' names begin so.
const PREFIX: &str = "starling";

/// Where the figures come from.
pub struct Source {
    node: Arc<Node>,
    registry: Registry,
}

impl Source {
    /// The figures of this node.
    pub fn new(node: Arc<Node>, world: Arc<World>, native: Arc<NativeServer>) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let figures = NodeFigures { node: node.clone(), world, native, process: Process::started_now() };
        registry.register_collector(Box::new(figures));
        Source { node, registry }
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
        match self.node.log() {
            Some(log) => status::status_of(&log, self.node.view().as_deref()),
            None => json!({ "cluster": null, "nodes": [], "waiting_for": self.node.waiting_reason() }),
        }
    }

    fn log(&self, entries_max: usize) -> Option<Value> {
        Some(log::log_of(&self.node.log()?, entries_max))
    }

    fn change(&self, change: AdminChange) -> ChangeFuture {
        Box::pin(changes::carry_out(self.node.clone(), change))
    }

    fn metrics(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail; a page that is cut short has no end mark and is refused by whoever reads it.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

/// Reads every figure when it is asked for.
struct NodeFigures {
    node: Arc<Node>,
    world: Arc<World>,
    native: Arc<NativeServer>,
    process: Process,
}

impl fmt::Debug for NodeFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeFigures").field("node", &self.node.host_id()).finish_non_exhaustive()
    }
}

impl Collector for NodeFigures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        process::write(&mut page, &self.process)?;
        requests::write(&mut page, &self.node)?;
        native::write(&mut page, &self.native, self.world.listeners.count())?;
        internode::write(&mut page, &self.world.links)?;
        cluster::write(&mut page, &self.node)?;
        clock::write(&mut page, &self.node)?;
        reads::write(&mut page, &self.node, &self.world.readers)?;
        storage::write(&mut page, &self.world)
    }
}
