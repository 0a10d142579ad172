//! Which members hold a token range: replication strategies over a topology.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::walk::Walk;
use crate::{Token, Topology};

/// How a keyspace is replicated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicationStrategy {
    /// Every node keeps its own; nothing travels.
    Local,
    /// The next members of the ring, wherever they are.
    Simple {
        /// Number of replicas.
        replication_factor: u32,
    },
    /// So many replicas in each datacentre, over as many racks as possible.
    NetworkTopology {
        /// Number of replicas by datacentre.
        datacenters: BTreeMap<String, u32>,
    },
}

impl ReplicationStrategy {
    /// The class name without its package, as CQL statements give it.
    pub fn class_name(&self) -> &'static str {
        match self {
            ReplicationStrategy::Local => "LocalStrategy",
            ReplicationStrategy::Simple { .. } => "SimpleStrategy",
            ReplicationStrategy::NetworkTopology { .. } => "NetworkTopologyStrategy",
        }
    }

    /// The map that `system_schema.keyspaces.replication` shows, class name in full.
    pub fn options(&self) -> BTreeMap<String, String> {
        let class = format!("org.apache.cassandra.locator.{}", self.class_name());
        let mut options = BTreeMap::from([("class".to_owned(), class)]);
        match self {
            ReplicationStrategy::Local => {}
            ReplicationStrategy::Simple { replication_factor } => {
                options.insert("replication_factor".to_owned(), replication_factor.to_string());
            }
            ReplicationStrategy::NetworkTopology { datacenters } => {
                options.extend(datacenters.iter().map(|(name, factor)| (name.clone(), factor.to_string())));
            }
        }
        options
    }

    /// Number of replicas of each partition in all, as asked for (there may be fewer members).
    pub fn replication_factor(&self) -> u32 {
        match self {
            ReplicationStrategy::Local => 1,
            ReplicationStrategy::Simple { replication_factor } => *replication_factor,
            ReplicationStrategy::NetworkTopology { datacenters } => {
                datacenters.values().fold(0, |sum, &factor| sum.saturating_add(factor))
            }
        }
    }
}

/// CQL's map literal: `{'class': 'SimpleStrategy', 'replication_factor': '3'}`.
impl fmt::Display for ReplicationStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{'class': '{}'", self.class_name())?;
        match self {
            ReplicationStrategy::Local => {}
            ReplicationStrategy::Simple { replication_factor } => {
                write!(f, ", 'replication_factor': '{replication_factor}'")?;
            }
            ReplicationStrategy::NetworkTopology { datacenters } => {
                for (name, factor) in datacenters {
                    write!(f, ", '{}': '{factor}'", name.replace('\'', "''"))?;
                }
            }
        }
        f.write_str("}")
    }
}

/// The replicas of every range of the ring, worked out once per topology and strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// Ends of the ring ranges, ascending.
    ends: Vec<Token>,
    /// Where the replicas of range `i` end in `replicas`; they begin where those of `i - 1` end.
    offsets: Vec<u32>,
    replicas: Vec<u16>,
}

impl Placement {
    /// Places every range. Under [`ReplicationStrategy::Local`] there are no replicas: each node reads and
    /// writes its own data. Factors beyond what the topology has yield fewer replicas than asked for.
    pub fn new(topology: &Topology, strategy: &ReplicationStrategy) -> Placement {
        let ring = topology.ring();
        let mut walk = match strategy {
            ReplicationStrategy::Local => return Placement::default(),
            ReplicationStrategy::Simple { replication_factor } => Walk::simple(topology, *replication_factor),
            ReplicationStrategy::NetworkTopology { datacenters } => Walk::by_datacenter(topology, datacenters),
        };
        let mut placement = Placement::default();
        for (start, &(end, _)) in ring.iter().enumerate() {
            walk.collect(start, &mut placement.replicas);
            placement.ends.push(end);
            placement.offsets.push(u32::try_from(placement.replicas.len()).unwrap_or(u32::MAX));
        }
        placement
    }

    /// Replicas of a token, the primary one first, as indices into [`Topology::members`].
    pub fn replicas(&self, token: Token) -> &[u16] {
        if self.ends.is_empty() {
            return &[];
        }
        self.of_range(self.ends.partition_point(|&end| end < token) % self.ends.len())
    }

    /// All data as ranges `(start exclusive, end inclusive, replicas)` in token order, none of which wraps,
    /// from [`Token::MIN`] to [`Token::MAX`]. Without replicas it is one range.
    pub fn ranges(&self) -> impl Iterator<Item = (Token, Token, &[u16])> {
        let starts = std::iter::once(Token::MIN).chain(self.ends.iter().copied());
        let ends = self.ends.iter().copied().chain(std::iter::once(Token::MAX));
        let count = self.ends.len().max(1);
        let all = starts.zip(ends).enumerate();
        all.filter(|(_, (start, end))| start < end).map(move |(i, (start, end))| (start, end, self.of_range(i % count)))
    }

    /// Like [`Placement::ranges`], with neighbours that have the same set of replicas joined: what a scan of
    /// all data asks for. The order of replicas is that of the first range joined.
    pub fn scan_ranges(&self) -> Vec<(Token, Token, &[u16])> {
        let mut joined: Vec<(Token, Token, &[u16])> = Vec::new();
        for (start, end, replicas) in self.ranges() {
            match joined.last_mut() {
                Some(last) if is_same_set(last.2, replicas) => last.1 = end,
                _ => joined.push((start, end, replicas)),
            }
        }
        joined
    }

    fn of_range(&self, position: usize) -> &[u16] {
        let end = self.offsets.get(position).map_or(0, |&offset| offset as usize);
        let start = position.checked_sub(1).and_then(|i| self.offsets.get(i)).map_or(0, |&offset| offset as usize);
        self.replicas.get(start..end).unwrap_or_default()
    }
}

/// Whether two lists of distinct members hold the same ones.
fn is_same_set(a: &[u16], b: &[u16]) -> bool {
    a.len() == b.len() && a.iter().all(|member| b.contains(member))
}
