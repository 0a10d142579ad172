//! The nemesis: partitions, weather, crashes, pauses, disks and clocks, as the seed draws them.

use crate::network::Weather;
use crate::random::Random;
use crate::shape::{Clocks, Shape};

/// A fault, or the end of one.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nodes of one side cannot reach the others.
    Partition { side: Vec<usize>, one_way: bool },
    /// Two nodes cannot reach each other; all others can.
    Cut { a: usize, b: usize, one_way: bool },
    /// All links are mended.
    Heal,
    /// The network gets better or worse.
    Weather(Weather),
    /// All that a node sends and is sent takes longer, until the links are mended.
    Slow { node: usize, by_us: u64 },
    /// A node does nothing for a while, and then goes on as if nothing had been.
    Pause { node: usize, for_us: u64 },
    /// Power off, with the unsynced tail lost; back after a while.
    Crash { node: usize, back_after_us: u64 },
    /// Power off for all at once, or for several.
    CrashMany { nodes: Vec<usize>, back_after_us: u64 },
    /// A disk fails a write; the node is restarted after a while.
    DiskError { node: usize, back_after_us: u64 },
    /// A disk has no space for a while.
    DiskFull { node: usize, for_us: u64 },
    /// A disk takes long for every commit, for a while.
    DiskSlow { node: usize, by_us: u64, for_us: u64 },
    /// A stored value is damaged.
    Damage { node: usize },
    /// A disk is lost for good, with all that is on it; the machine is started with an empty one after a while.
    Wipe { node: usize, back_after_us: u64 },
    /// A clock is set: so much ahead of the true time.
    Clock { node: usize, ahead_us: i64 },
}

/// Draws the next fault.
pub fn draw(random: &mut Random, shape: &Shape) -> Fault {
    let nodes = shape.nodes;
    let node = random.below(nodes as u64) as usize;
    match random.below(27) {
        0..=2 => Fault::Partition { side: some_of(random, nodes), one_way: random.one_in(3) },
        3 => {
            let b = (node + 1 + random.below(nodes as u64 - 1) as usize) % nodes;
            Fault::Cut { a: node, b, one_way: random.one_in(2) }
        }
        4..=8 => Fault::Heal,
        9 | 10 => Fault::Weather(Weather::drawn(random)),
        11 | 12 => Fault::Weather(Weather::calm()),
        13 => Fault::Slow { node, by_us: random.between(5_000, 900_000) },
        14 | 15 => Fault::Pause { node, for_us: random.between(50_000, 20_000_000) },
        16..=18 => Fault::Crash { node, back_after_us: random.between(200_000, 25_000_000) },
        19 => Fault::CrashMany { nodes: some_of(random, nodes), back_after_us: random.between(200_000, 15_000_000) },
        20 => Fault::DiskError { node, back_after_us: random.between(500_000, 15_000_000) },
        21 => Fault::DiskFull { node, for_us: random.between(500_000, 15_000_000) },
        22 => {
            let by_us = random.between(20_000, 3_000_000);
            Fault::DiskSlow { node, by_us, for_us: random.between(1_000_000, 20_000_000) }
        }
        23 => Fault::Damage { node },
        24 => Fault::Wipe { node, back_after_us: random.between(200_000, 15_000_000) },
        _ => Fault::Clock { node, ahead_us: clock_error_us(random, shape, node) },
    }
}

/// The same for a cluster without data: links and power alone.
pub fn draw_links_and_power(random: &mut Random, nodes: usize) -> Fault {
    let node = random.below(nodes as u64) as usize;
    match random.below(12) {
        0 | 1 => Fault::Partition { side: some_of(random, nodes), one_way: random.one_in(3) },
        2 | 3 => Fault::Heal,
        4 => Fault::Weather(Weather::drawn(random)),
        5 => Fault::Weather(Weather::calm()),
        6 => {
            let b = (node + 1 + random.below(nodes as u64 - 1) as usize) % nodes;
            Fault::Cut { a: node, b, one_way: random.one_in(2) }
        }
        7 => Fault::Slow { node, by_us: random.between(5_000, 400_000) },
        8..=10 => Fault::Crash { node, back_after_us: random.between(200_000, 25_000_000) },
        _ => Fault::CrashMany { nodes: some_of(random, nodes), back_after_us: random.between(200_000, 15_000_000) },
    }
}

/// How far a clock that is set now is ahead of the true time.
pub fn clock_error_us(random: &mut Random, shape: &Shape, node: usize) -> i64 {
    let most_us: u64 = match shape.clocks {
        Clocks::Good => 5_000,
        Clocks::Wild if shape.has_wild_clock(node) && !random.one_in(3) => 300_000_000,
        Clocks::Drifting | Clocks::Wild => 500_000,
    };
    random.below(2 * most_us) as i64 - most_us as i64
}

/// At least one of the nodes, and not all.
fn some_of(random: &mut Random, nodes: usize) -> Vec<usize> {
    let first = random.below(nodes as u64) as usize;
    let count = random.between(1, (nodes as u64 - 1).max(1)) as usize;
    (0..count).map(|i| (first + i) % nodes).collect()
}
