//! In peace nothing is left over: no operation, no parked request, no change waits in any node. And at no time does more
//! gather than clients have asked for.

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

/// What has grown beyond what so few clients can be the cause of: looked at now and then, also under faults.
pub fn overflow(machine: &Machine) -> Option<String> {
    let depths = machine.life.as_ref()?.node.depths();
    let most = depths.operations.now.max(depths.parked.now).max(depths.changes.now).max(depths.timers / TIMERS_EACH);
    (most > UNDER_WAY_MAX).then(|| format!("{depths:?}"))
}

/// At most six clients with a request each; what they gave up on ends within seconds, repairs too.
const UNDER_WAY_MAX: u64 = 64;
/// Deadlines of one operation, also of those that have been replaced by later ones.
const TIMERS_EACH: u64 = 16;
/// Each client has at most one request; a node may have begun it anew.
const OPERATIONS_MAX: usize = 16;
