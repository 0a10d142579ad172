//! The nemesis: partitions, weather, crashes and restarts, as the seed draws them.

use crate::network::Weather;
use crate::random::Random;

/// A fault, or the end of one.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nodes of one side cannot reach the others.
    Partition { side: Vec<usize>, one_way: bool },
    /// All links are mended.
    Heal,
    /// The network gets better or worse.
    Weather(Weather),
    /// Power off, with the unsynced tail lost; back after a while.
    Crash { node: usize, back_after_us: u64 },
    /// Power off for all at once, or for several.
    CrashMany { nodes: Vec<usize>, back_after_us: u64 },
}

/// Draws the next fault.
pub fn draw(random: &mut Random, nodes: usize) -> Fault {
    match random.below(10) {
        0 | 1 => Fault::Partition { side: some_of(random, nodes), one_way: random.one_in(3) },
        2 | 3 => Fault::Heal,
        4 => Fault::Weather(Weather::drawn(random)),
        5 => Fault::Weather(Weather::calm()),
        6..=8 => {
            let node = random.below(nodes as u64) as usize;
            Fault::Crash { node, back_after_us: random.between(200_000, 25_000_000) }
        }
        _ => Fault::CrashMany { nodes: some_of(random, nodes), back_after_us: random.between(200_000, 15_000_000) },
    }
}

/// At least one of the nodes, and not all.
fn some_of(random: &mut Random, nodes: usize) -> Vec<usize> {
    let first = random.below(nodes as u64) as usize;
    let count = random.between(1, (nodes as u64 - 1).max(1)) as usize;
    (0..count).map(|i| (first + i) % nodes).collect()
}
