//! In peace nothing is left over: no operation, no parked request, no change waits in any node.

use crate::machine::Machine;

/// What is under way in nodes although no client waits for anything but one read.
pub fn unrest(machines: &[Machine]) -> Option<String> {
    machines.iter().enumerate().find_map(|(number, machine)| {
        let node = &machine.life.as_ref()?.node;
        let (operations, parked) = (node.operations(), node.parked_count());
        let is_busy = operations > OPERATIONS_MAX || parked > 0;
        is_busy
            .then(|| format!("node {number} has {operations} operations under way and {parked} that wait for the log"))
    })
}

/// Each client has at most one request; a node may have begun it anew.
const OPERATIONS_MAX: usize = 16;
