//! Members and metadata as this node sees them.

use std::fmt;

use super::page::Page;
use crate::assembly::Node;

pub(super) fn write(page: &mut Page<'_>, node: &Node) -> fmt::Result {
    page.gauge("ready", "1 once the node is open for clients.", u64::from(node.is_ready()))?;
    page.counter("gossip_rounds", "Gossip rounds that this node began.", node.gossip_rounds())?;
    page.bounded("operations_parked", "Operations that wait for the log, to begin anew.", node.depths().parked)?;
    page.counter(
        "operations_begun_anew",
        "Operations that began anew, because the owners of their data had changed.",
        node.begun_anew() as u64,
    )?;
    write_log(page, node)?;
    let Some(view) = node.view() else { return Ok(()) };
    let members = view.topology().members().len();
    let alive = (0..members).filter(|index| view.is_alive(*index as u16)).count();
    page.gauge("metadata_epoch", "Epoch of the cluster metadata.", view.metadata.epoch())?;
    page.gauge("members", "Members of the cluster.", members as u64)?;
    page.gauge("members_alive", "Members that this node sees alive, itself included.", alive as u64)
}

fn write_log(page: &mut Page<'_>, node: &Node) -> fmt::Result {
    let Some(log) = node.log() else { return Ok(()) };
    let deciders = log.nodes.iter().filter(|node| node.decides);
    let alive = deciders.filter(|node| node.alive).count();
    let generation = log.metadata.position.generation.number();
    page.gauge("metadata_generation", "Generation of the log; one more with every recovery.", generation)?;
    page.gauge("deciders", "Members that decide the next entry of the log.", log.metadata.deciders.len() as u64)?;
    page.gauge("deciders_alive", "Those that this node sees alive, itself included.", alive as u64)
}
