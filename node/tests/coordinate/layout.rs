//! Small clusters in which every member is a replica, and what each level means there, written down naively.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use starling_node::coordinate::Replica;
use starling_ring::ConsistencyLevel::{self, *};
use starling_ring::{HostId, Member, ReplicationStrategy, Requirement, Token, Topology};
use uuid::Uuid;

/// Replicas per datacentre.
pub const LAYOUTS: &[&[usize]] = &[&[1], &[3], &[5], &[3, 3], &[2, 1], &[3, 2, 1]];

/// Levels of plain writes.
pub const LEVELS: [ConsistencyLevel; 9] = [Any, One, Two, Three, Quorum, All, LocalQuorum, EachQuorum, LocalOne];

pub fn host(number: usize) -> HostId {
    HostId(Uuid::from_u128(number as u128 + 1))
}

pub fn address(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number as u8 + 1))
}

pub struct Layout {
    pub sizes: &'static [usize],
    pub topology: Topology,
    pub strategy: ReplicationStrategy,
}

impl Layout {
    pub fn new(sizes: &'static [usize]) -> Self {
        let mut members = Vec::new();
        for (dc, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                let number = members.len();
                let address = address(number);
                members.push(Member {
                    datacenter: format!("dc{dc}"),
                    rack: "r".into(),
                    tokens: vec![Token(number as i64 * 1_000)],
                    ..Member::at(host(number), address)
                });
            }
        }
        let datacenters: BTreeMap<String, u32> =
            sizes.iter().enumerate().map(|(dc, size)| (format!("dc{dc}"), *size as u32)).collect();
        let topology = Topology::new(1, members).unwrap();
        Layout { sizes, topology, strategy: ReplicationStrategy::NetworkTopology { datacenters } }
    }

    pub fn count(&self) -> usize {
        self.sizes.iter().sum()
    }

    pub fn dc_of(&self, replica: usize) -> usize {
        let mut before = 0;
        self.sizes
            .iter()
            .position(|size| {
                before += size;
                replica < before
            })
            .unwrap()
    }

    /// All members; bit `i` of `dead` says that replica `i` is seen dead.
    pub fn replicas(&self, dead: u32) -> Vec<Replica> {
        (0..self.count())
            .map(|i| Replica {
                host: host(i),
                address: address(i),
                datacenter: self.dc_of(i) as u16,
                alive: dead & (1 << i) == 0,
            })
            .collect()
    }

    pub fn for_write(&self, level: ConsistencyLevel) -> Requirement {
        Requirement::for_write(level, &self.strategy, &self.topology, "dc0").unwrap()
    }

    pub fn for_read(&self, level: ConsistencyLevel) -> Requirement {
        Requirement::for_read(level, &self.strategy, &self.topology, "dc0").unwrap()
    }

    /// Of the replicas in `set`, how many are in each datacentre.
    fn by_dc(&self, set: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; self.sizes.len()];
        set.iter().for_each(|&i| counts[self.dc_of(i)] += 1);
        counts
    }

    /// Whether answers of these distinct replicas satisfy a level.
    pub fn suffices(&self, level: ConsistencyLevel, set: &[usize]) -> bool {
        let counts = self.by_dc(set);
        let (total, all) = (set.len(), self.count());
        match level {
            Any | One => total >= 1,
            Two => total >= 2,
            Three => total >= 3,
            Quorum | Serial => total > all / 2,
            All => total >= all,
            LocalOne => counts[0] >= 1,
            LocalQuorum | LocalSerial => counts[0] > self.sizes[0] / 2,
            EachQuorum => counts.iter().zip(self.sizes).all(|(count, size)| *count > size / 2),
        }
    }

    /// `blockFor`.
    pub fn block_for(&self, level: ConsistencyLevel) -> u32 {
        let quorum = |n: usize| n / 2 + 1;
        let needed = match level {
            Any | One | LocalOne => 1,
            Two => 2,
            Three => 3,
            Quorum | Serial => quorum(self.count()),
            All => self.count(),
            LocalQuorum | LocalSerial => quorum(self.sizes[0]),
            EachQuorum => self.sizes.iter().map(|size| quorum(*size)).sum(),
        };
        needed as u32
    }

    /// Answers of `set` as errors report them.
    pub fn received(&self, level: ConsistencyLevel, set: &[usize]) -> u32 {
        let counts = self.by_dc(set);
        let received = match level {
            LocalOne | LocalQuorum | LocalSerial => counts[0],
            EachQuorum => counts.iter().zip(self.sizes).map(|(count, size)| *count.min(&(size / 2 + 1))).sum(),
            _ => set.len(),
        };
        received as u32
    }

    /// What Unavailable reports if only `alive` are: `(required, alive)`.
    pub fn unavailable(&self, level: ConsistencyLevel, alive: &[usize]) -> Option<(u32, u32)> {
        if self.suffices(level, alive) {
            return None;
        }
        let counts = self.by_dc(alive);
        if level == EachQuorum {
            let short = counts.iter().zip(self.sizes).find(|(count, size)| **count <= **size / 2);
            return short.map(|(count, size)| (*size as u32 / 2 + 1, *count as u32));
        }
        Some((self.block_for(level), self.received(level, alive)))
    }
}

/// Every set of dead replicas of `count`.
pub fn deaths(count: usize) -> impl Iterator<Item = u32> {
    0..1 << count
}

pub fn alive(layout: &Layout, dead: u32) -> Vec<usize> {
    (0..layout.count()).filter(|i| dead & (1 << i) == 0).collect()
}

pub fn number(of: HostId) -> usize {
    of.0.as_u128() as usize - 1
}
