//! The members of the cluster as this node sees them, for `starling admin status`.

use serde_json::{Value, json};
use starling_ring::HostId;

use crate::assembly::View;
use crate::assembly::log::{LogView, NodeStanding};
use crate::cluster::Standing;

/// Members and nodes on their way in. There is no view before this node is a member; shares of the ring are not known
/// then.
pub(super) fn status_of(log: &LogView, view: Option<&View>) -> Value {
    let metadata = &log.metadata;
    let shares = view.map(|view| view.topology().ownership()).unwrap_or_default();
    let share = |host: HostId| shares.get(usize::from(view?.topology().index_of(host)?)).copied();
    let nodes: Vec<Value> = log
        .nodes
        .iter()
        .filter_map(|node| Some((node, state_of(node)?, metadata.node(node.host_id)?)))
        .map(|(node, state, member)| {
            json!({
                "state": state,
                "address": member.listen_address.to_string(),
                "host_id": member.host_id.to_string(),
                "datacenter": member.datacenter,
                "rack": member.rack,
                "tokens": member.tokens.len(),
                "share": share(node.host_id).unwrap_or_default(),
            })
        })
        .collect();
    json!({
        "cluster": {
            "name": metadata.cluster_name,
            "id": metadata.cluster_id.to_string(),
            "generation": metadata.position.generation.number(),
            "epoch": metadata.epoch(),
            "schema_version": metadata.schema_version().to_string(),
        },
        "nodes": nodes,
    })
}

/// As nodetool has it; nothing for nodes that are not there any more.
fn state_of(node: &NodeStanding) -> Option<String> {
    let standing = match node.standing {
        Standing::Normal => 'N',
        Standing::Leaving => 'L',
        Standing::Joining => 'J',
        // Cassandra has no such state.
        Standing::Lost => 'X',
        Standing::Left | Standing::Replaced | Standing::Unknown => return None,
    };
    Some(format!("{}{standing}", if node.alive { 'U' } else { 'D' }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_two_letters() {
        let state = |standing, alive| {
            let address = std::net::IpAddr::from([10, 0, 0, 1]);
            let host_id = HostId(uuid::Uuid::nil());
            state_of(&NodeStanding { host_id, address, standing, alive, decides: false, position: None })
        };
        let cases =
            [(Standing::Normal, "N"), (Standing::Leaving, "L"), (Standing::Joining, "J"), (Standing::Lost, "X")];
        for (standing, letter) in cases {
            assert_eq!(state(standing, true), Some(format!("U{letter}")));
            assert_eq!(state(standing, false), Some(format!("D{letter}")));
        }
        assert_eq!((state(Standing::Left, false), state(Standing::Replaced, false)), (None, None));
    }
}
