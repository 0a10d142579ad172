//! Consistency levels of a partition's writes and reads: always W + R > N.

use starling_ring::ConsistencyLevel;
use starling_ring::ConsistencyLevel::{All, EachQuorum, LocalQuorum, One, Quorum, Two};

use crate::random::Random;

/// Levels that go together.
#[derive(Debug, PartialEq, Eq)]
pub struct Levels {
    writes: &'static [ConsistencyLevel],
    /// The first one needs the fewest replicas.
    reads: &'static [ConsistencyLevel],
    /// Reads at these levels leave what they have shown on so many replicas that every later read shows it.
    settling: &'static [ConsistencyLevel],
}

/// For one datacentre with three replicas.
const ONE_DATACENTER: [Levels; 4] = [
    Levels { writes: &[Quorum, Quorum, Two, All], reads: &[Quorum, Quorum, Two, All], settling: &[Quorum, Two, All] },
    Levels { writes: &[Quorum], reads: &[Quorum], settling: &[Quorum] },
    Levels { writes: &[All], reads: &[One, One, Quorum, All], settling: &[All] },
    Levels { writes: &[One, Quorum], reads: &[All], settling: &[All] },
];

/// For several datacentres. A read in one of them says nothing of the others.
const SEVERAL_DATACENTERS: [Levels; 3] = [
    Levels { writes: &[Quorum, All], reads: &[Quorum, All], settling: &[Quorum, All] },
    Levels { writes: &[EachQuorum], reads: &[LocalQuorum, Quorum, All], settling: &[All] },
    Levels { writes: &[All], reads: &[One, LocalQuorum, Quorum, All], settling: &[All] },
];

impl Levels {
    /// Those of one partition.
    pub fn drawn(random: &mut Random, datacenters: usize) -> &'static Levels {
        // Most at QUORUM: with a node away, ALL is refused.
        if datacenters > 1 {
            let place = random.below(SEVERAL_DATACENTERS.len() as u64) as usize;
            return &SEVERAL_DATACENTERS[place];
        }
        &ONE_DATACENTER[[0, 0, 0, 1, 1, 2, 3][random.below(7) as usize]]
    }

    /// The level of one write.
    pub fn of_write(&self, random: &mut Random) -> ConsistencyLevel {
        self.writes[random.below(self.writes.len() as u64) as usize]
    }

    /// The level of one read.
    pub fn of_read(&self, random: &mut Random) -> ConsistencyLevel {
        self.reads[random.below(self.reads.len() as u64) as usize]
    }

    /// A level whose reads settle what they show.
    pub fn of_settling_read(&self, random: &mut Random) -> ConsistencyLevel {
        self.settling[random.below(self.settling.len() as u64) as usize]
    }

    /// The level of reads in the end: ALL, or if a replica is lost for good one that needs fewer and still meets every
    /// acknowledged write; `None`: there is none.
    pub fn of_end(&self, has_lost_disk: bool) -> Option<ConsistencyLevel> {
        if has_lost_disk { self.reads.first().copied().filter(|level| *level != All) } else { Some(All) }
    }

    /// Whether reads at this level settle what they show.
    pub fn settles(&self, level: ConsistencyLevel) -> bool {
        level == All || self.settling.contains(&level)
    }
}
