//! One schema on all nodes in the end, and it is what clients were told.

use crate::ddl::SideElements;
use crate::machine::Machine;

/// What keeps the nodes from having one log.
pub fn unsettled(machines: &[Machine]) -> Option<String> {
    let positions: Vec<_> = machines
        .iter()
        .filter(|m| !m.is_wiped)
        .map(|m| m.life.as_ref()?.node.log().map(|log| log.metadata.position))
        .collect();
    let first = positions.first()?;
    (first.is_none() || positions.iter().any(|position| position != first))
        .then(|| format!("the nodes stand on {positions:?}"))
}

/// What is wrong with the schema that all nodes have.
pub fn problem(machines: &[Machine], side: &SideElements) -> Option<String> {
    let logs: Vec<_> = machines.iter().filter_map(|m| m.life.as_ref()?.node.log()).collect();
    let first = logs.first()?;
    let differs = logs.iter().any(|log| log.metadata != first.metadata);
    if differs { Some("two schemas".into()) } else { side.problem(&first.metadata.schema) }
}
