//! Nobody is drawn further than the allowed skew past its own wall clock.

use starling_node::assembly::Outside as _;

use crate::machine::Machine;

/// What is wrong with a machine's hybrid clock after it has heard of a stamp; `before`: where it stood then.
pub fn drawn_too_far(machine: &Machine, before: u64) -> Option<String> {
    let life = machine.life.as_ref()?;
    let (last, wall_us) = (life.node.last_stamp(), life.outside.wall_us());
    let ahead_us = i128::from(last) - i128::from(wall_us);
    let is_too_far = last > before && ahead_us > i128::from(machine.max_clock_skew_us());
    is_too_far.then(|| format!("its hybrid clock was drawn {ahead_us} us past its wall clock"))
}
