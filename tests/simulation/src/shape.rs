//! What a seed makes of its cluster: how many nodes and datacentres, how bad its clocks are, how often something breaks.

use starling_ring::ConsistencyLevel;

use crate::random::Random;

/// How wrong wall clocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// By milliseconds.
    Good,
    /// They drift, and are set right now and then.
    Drifting,
    /// Those of a minority by minutes, and they jump; the others' drift.
    Wild,
}

/// A seed's cluster.
#[derive(Clone, Debug)]
pub struct Shape {
    pub nodes: usize,
    /// One, or two of equal size.
    pub datacenters: usize,
    pub clocks: Clocks,
    /// Registers.
    pub keys: i32,
    /// One machine may lose its disk. What one replica alone held is gone then.
    pub may_lose_disk: bool,
    /// Between two faults, in microseconds.
    pub fault_pause_us: (u64, u64),
    /// No faults, a calm network and few clients.
    pub is_calm: bool,
}

impl Shape {
    /// As the seed draws it.
    pub fn drawn(random: &mut Random, is_calm: bool) -> Self {
        let two = random.one_in(5);
        Shape {
            nodes: if two { 6 } else { random.between(3, 5) as usize },
            datacenters: if two { 2 } else { 1 },
            clocks: match random.below(10) {
                _ if is_calm => Clocks::Good,
                0..=4 => Clocks::Good,
                5..=7 => Clocks::Drifting,
                _ => Clocks::Wild,
            },
            keys: random.between(2, 12) as i32,
            may_lose_disk: random.one_in(5),
            fault_pause_us: (300_000, random.between(2_000_000, 8_000_000)),
            is_calm,
        }
    }

    /// Whether a node is one of the minority whose clocks may be wrong by minutes.
    pub fn has_wild_clock(&self, node: usize) -> bool {
        // The last ones: the first makes the tables.
        node > self.nodes / 2
    }

    /// The datacentre of a node.
    pub fn datacenter(&self, node: usize) -> String {
        format!("datacenter{}", node % self.datacenters + 1)
    }

    /// Replicas in each datacentre.
    pub fn replication(&self) -> String {
        let factors: Vec<String> = (1..=self.datacenters).map(|number| format!("'datacenter{number}': 3")).collect();
        format!("{{'class': 'NetworkTopologyStrategy', {}}}", factors.join(", "))
    }

    /// The levels at which a register is written and read: any read meets any acknowledged write.
    pub fn levels(&self, key: i32) -> Levels {
        use ConsistencyLevel::{All, EachQuorum, LocalQuorum, One, Quorum};
        let (write, read) = match (key % 4, self.datacenters) {
            (1, 1) => (All, One),
            (2, 1) => (One, All),
            (1, _) => (EachQuorum, LocalQuorum),
            _ => (Quorum, Quorum),
        };
        Levels { write, read }
    }
}

/// Levels of writes and reads that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    pub write: ConsistencyLevel,
    pub read: ConsistencyLevel,
}

impl Levels {
    /// Whether what one read has shown every later one shows too, acknowledged or not.
    pub fn is_steady(&self) -> bool {
        matches!(self.read, ConsistencyLevel::Quorum | ConsistencyLevel::All)
    }
}
