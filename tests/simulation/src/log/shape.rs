//! What a seed makes of its cluster, its clients and its troubles.

use starling_node::cluster::ClusterConfig;

use crate::random::Random;

/// What happens to members besides crashes. One kind to a seed, so that a majority of those that decide is lost only
/// where that is the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Members leave.
    Leaves,
    /// Members lose their disks for good, or are replaced.
    Losses,
    /// A majority is lost for good, and the log is recovered.
    Recovery,
}

/// When clients may make tables. While there are any, members stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// From the start: membership changes are refused.
    Early,
    /// After a while.
    Late,
    /// Never: only keyspaces.
    Never,
}

/// A seed's cluster.
#[derive(Clone, Debug)]
pub struct Shape {
    pub datacenters: u64,
    pub racks: u64,
    /// Nodes that start first.
    pub first: usize,
    /// Nodes that join while it runs.
    pub later: usize,
    pub clients: usize,
    /// What a client waits between two changes, in microseconds.
    pub think_us: (u64, u64),
    /// How many changes of a thousand are to names that others change too.
    pub contended: u64,
    pub trouble: Trouble,
    pub tables: Tables,
    /// How many of a thousand actions a node does not live to carry out, where something was to be stored.
    pub crash_per_mille: u64,
    /// Between two faults, in microseconds.
    pub fault_pause_us: (u64, u64),
    /// No faults at all.
    pub is_calm: bool,
    pub config: ClusterConfig,
}

impl Shape {
    /// The shape that a seed draws.
    pub fn drawn(random: &mut Random) -> Self {
        let first = random.between(1, 6) as usize;
        let least = 3_usize.saturating_sub(first);
        let later = random.between(least as u64, (9 - first as u64).min(4)) as usize;
        let think = random.between(2_000, 600_000);
        let pause = random.between(300_000, 4_000_000);
        let trouble = match random.below(10) {
            0 | 1 => Trouble::None,
            2 | 3 => Trouble::Leaves,
            4..=6 => Trouble::Losses,
            _ => Trouble::Recovery,
        };
        let tables = match random.below(6) {
            0 | 1 => Tables::Early,
            2 | 3 => Tables::Late,
            _ => Tables::Never,
        };
        Shape {
            datacenters: random.between(1, 2),
            racks: random.between(1, 3),
            first,
            later,
            clients: random.between(1, 6) as usize,
            think_us: (think / 4, think * 2),
            contended: random.between(200, 900),
            trouble,
            tables,
            crash_per_mille: random.between(0, 25),
            fault_pause_us: (pause / 4, pause * 2),
            is_calm: false,
            config: ClusterConfig {
                decider_replaced_after_ms: random.between(2_000, 12_000),
                join_expires_ms: random.between(4_000, 12_000),
                ..ClusterConfig::default()
            },
        }
    }

    /// The same without faults: one client, an even network, nobody crashes, comes or goes.
    pub fn calmed(self) -> Self {
        Shape {
            is_calm: true,
            clients: 1,
            later: 0,
            trouble: Trouble::None,
            tables: Tables::Never,
            crash_per_mille: 0,
            ..self
        }
    }
}

/// How many of so many members may be lost for good: less than half of those that decide.
pub fn bearable(members: usize) -> usize {
    match members {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}
