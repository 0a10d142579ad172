//! Members and metadata as this node sees them.

use std::fmt;

use super::page::Page;
use crate::assembly::Node;

pub(super) fn write(page: &mut Page<'_>, node: &Node) -> fmt::Result {
    page.gauge("ready", "1 once the node is open for clients.", u64::from(node.is_ready()))?;
    page.counter("gossip_rounds", "Gossip rounds that this node began.", node.gossip_rounds())?;
    let Some(view) = node.view() else { return Ok(()) };
    let members = view.topology().members().len();
    let alive = (0..members).filter(|index| view.is_alive(*index as u16)).count();
    page.gauge("metadata_epoch", "Epoch of the cluster metadata.", view.metadata.epoch())?;
    page.gauge("members", "Members of the cluster.", members as u64)?;
    page.gauge("members_alive", "Members that this node sees alive, itself included.", alive as u64)
}
