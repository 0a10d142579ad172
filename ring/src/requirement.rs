//! How many answers a consistency level needs, and from where: quorum arithmetic has its one home here.

use std::sync::Arc;

use crate::{ConsistencyLevel, ReplicationStrategy, Topology};

/// A level that a statement cannot be run at. The texts are those that CQL clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// ANY for a read.
    #[error("ANY ConsistencyLevel is only supported for writes")]
    AnyForRead,
    /// SERIAL or LOCAL_SERIAL for a plain write.
    #[error("You must use conditional updates for serializable writes")]
    SerialForWrite,
    /// SERIAL or LOCAL_SERIAL for the commit of a conditional update.
    #[error(
        "{0} is not supported as conditional update commit consistency. Use ANY if you mean \"make sure it is \
         accepted but I don't care how many replicas commit it for non-SERIAL reads\""
    )]
    SerialForCommit(ConsistencyLevel),
    /// A serial consistency that is not serial.
    #[error("Invalid consistency for conditional update. Must be one of SERIAL or LOCAL_SERIAL")]
    NotSerial,
}

/// Too few replicas are alive; nothing was sent. The numbers are those of CQL's Unavailable error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Cannot achieve consistency level {level}{}", match .datacenter {
    Some(name) => format!(" in DC {name}"),
    None => String::new(),
})]
pub struct Unavailable {
    /// The level asked for.
    pub level: ConsistencyLevel,
    /// Live replicas needed (EACH_QUORUM: in the datacentre that falls short).
    pub required: u32,
    /// Replicas believed alive, counted likewise.
    pub alive: u32,
    /// The datacentre that falls short, for EACH_QUORUM.
    pub datacenter: Option<String>,
}

/// What EACH_QUORUM needs of one datacentre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatacenterQuorum {
    /// Name.
    pub name: String,
    /// Index in the topology; `None` if no member is there.
    pub index: Option<u16>,
    /// Answers needed from there.
    pub required: u32,
}

/// Whose answers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every replica's.
    Everywhere,
    /// Only those from the datacentre with this index (`None`: the coordinator's has no members).
    Datacenter(Option<u16>),
    /// Each datacentre's for itself.
    Each(Arc<[DatacenterQuorum]>),
}

/// How many answers, and whose, satisfy a consistency level. Cheap to clone; it depends on the keyspace's
/// replication, the topology and the level alone, so it may be kept as long as those stand.
///
/// As in Cassandra, the numbers come from the replication factor asked for, not from how many members
/// there are: QUORUM of factor 3 needs 2 on a single node, too, and is unavailable there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    level: ConsistencyLevel,
    required: u32,
    scope: Scope,
}

/// A majority of `replication_factor`.
pub fn quorum(replication_factor: u32) -> u32 {
    replication_factor / 2 + 1
}

impl Requirement {
    /// For a write. Serial levels are refused: they only go with conditional updates.
    pub fn for_write(
        level: ConsistencyLevel,
        strategy: &ReplicationStrategy,
        topology: &Topology,
        local_datacenter: &str,
    ) -> Result<Requirement, RequirementError> {
        if level.is_serial() {
            return Err(RequirementError::SerialForWrite);
        }
        Ok(Requirement::of_level(level, strategy, topology, local_datacenter))
    }

    /// For a read. SERIAL and LOCAL_SERIAL need what QUORUM and LOCAL_QUORUM need; ANY is refused.
    pub fn for_read(
        level: ConsistencyLevel,
        strategy: &ReplicationStrategy,
        topology: &Topology,
        local_datacenter: &str,
    ) -> Result<Requirement, RequirementError> {
        if level == ConsistencyLevel::Any {
            return Err(RequirementError::AnyForRead);
        }
        Ok(Requirement::of_level(level, strategy, topology, local_datacenter))
    }

    /// For the phases of a conditional update: `level` must be SERIAL or LOCAL_SERIAL.
    pub fn for_serial(
        level: ConsistencyLevel,
        strategy: &ReplicationStrategy,
        topology: &Topology,
        local_datacenter: &str,
    ) -> Result<Requirement, RequirementError> {
        if !level.is_serial() {
            return Err(RequirementError::NotSerial);
        }
        Ok(Requirement::of_level(level, strategy, topology, local_datacenter))
    }

    /// For the commit of a conditional update, whose plain consistency must not be serial.
    pub fn for_commit(
        level: ConsistencyLevel,
        strategy: &ReplicationStrategy,
        topology: &Topology,
        local_datacenter: &str,
    ) -> Result<Requirement, RequirementError> {
        if level.is_serial() {
            return Err(RequirementError::SerialForCommit(level));
        }
        Ok(Requirement::of_level(level, strategy, topology, local_datacenter))
    }

    fn of_level(
        level: ConsistencyLevel,
        strategy: &ReplicationStrategy,
        topology: &Topology,
        local_datacenter: &str,
    ) -> Requirement {
        let factor = strategy.replication_factor();
        // Other strategies do not know datacentres: the local quorum is the quorum, of local answers.
        let local_factor = match strategy {
            ReplicationStrategy::NetworkTopology { datacenters } => {
                datacenters.get(local_datacenter).copied().unwrap_or(0)
            }
            _ => factor,
        };
        let required = match level {
            ConsistencyLevel::Any | ConsistencyLevel::One | ConsistencyLevel::LocalOne => 1,
            ConsistencyLevel::Two => 2,
            ConsistencyLevel::Three => 3,
            ConsistencyLevel::Quorum | ConsistencyLevel::Serial => quorum(factor),
            ConsistencyLevel::All => factor,
            ConsistencyLevel::LocalQuorum | ConsistencyLevel::LocalSerial => quorum(local_factor),
            ConsistencyLevel::EachQuorum => match strategy {
                ReplicationStrategy::NetworkTopology { datacenters } => {
                    return Requirement::each_quorum(level, datacenters, topology);
                }
                _ => quorum(factor),
            },
        };
        let scope = if level.is_datacenter_local() {
            Scope::Datacenter(topology.datacenter_index(local_datacenter))
        } else {
            Scope::Everywhere
        };
        Requirement { level, required, scope }
    }

    fn each_quorum(
        level: ConsistencyLevel,
        datacenters: &std::collections::BTreeMap<String, u32>,
        topology: &Topology,
    ) -> Requirement {
        let quorums: Arc<[DatacenterQuorum]> = datacenters
            .iter()
            .filter(|&(_, &factor)| factor > 0)
            .map(|(name, &factor)| DatacenterQuorum {
                name: name.clone(),
                index: topology.datacenter_index(name),
                required: quorum(factor),
            })
            .collect();
        let required = quorums.iter().fold(0u32, |sum, each| sum.saturating_add(each.required));
        Requirement { level, required, scope: Scope::Each(quorums) }
    }

    /// The requirement of a write while replicas are pending (joining a range): one answer more for each
    /// that counts, so that a quorum of the old and of the new replicas is among the answers. `pending` are
    /// the pending replicas' datacentres.
    pub fn with_pending(mut self, pending: &[u16]) -> Requirement {
        if pending.is_empty() || self.level == ConsistencyLevel::Any {
            return self;
        }
        let count_in = |index: Option<u16>| {
            u32::try_from(pending.iter().filter(|&&each| Some(each) == index).count()).unwrap_or(u32::MAX)
        };
        let added = match &mut self.scope {
            Scope::Everywhere => u32::try_from(pending.len()).unwrap_or(u32::MAX),
            Scope::Datacenter(index) => count_in(*index),
            Scope::Each(quorums) => {
                let mut grown = quorums.to_vec();
                let mut added = 0u32;
                for each in &mut grown {
                    let count = count_in(each.index);
                    each.required = each.required.saturating_add(count);
                    added = added.saturating_add(count);
                }
                *quorums = grown.into();
                added
            }
        };
        self.required = self.required.saturating_add(added);
        self
    }

    /// The level.
    pub fn level(&self) -> ConsistencyLevel {
        self.level
    }

    /// Answers needed in all: `blockFor` in CQL's timeout and failure errors.
    pub fn required(&self) -> u32 {
        self.required
    }

    /// Whose answers count.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether an answer from this datacentre counts.
    pub fn counts(&self, datacenter: u16) -> bool {
        match &self.scope {
            Scope::Everywhere => true,
            Scope::Datacenter(index) => *index == Some(datacenter),
            Scope::Each(quorums) => quorums.iter().any(|each| each.index == Some(datacenter)),
        }
    }

    /// Checks that enough replicas are alive to begin; `live` are the datacentres of the live ones (pending
    /// ones included, for a write). ANY is always available: a hint will do.
    pub fn check_available(&self, live: impl Iterator<Item = u16> + Clone) -> Result<(), Unavailable> {
        let count = |index: Option<u16>| live.clone().filter(|&each| Some(each) == index).count();
        let (alive, required, datacenter) = match &self.scope {
            _ if self.level == ConsistencyLevel::Any => return Ok(()),
            Scope::Everywhere => (live.count(), self.required, None),
            Scope::Datacenter(index) => (count(*index), self.required, None),
            Scope::Each(quorums) => {
                let short = quorums.iter().map(|each| (count(each.index), each));
                match short.into_iter().find(|(alive, each)| *alive < each.required as usize) {
                    Some((alive, each)) => (alive, each.required, Some(each.name.clone())),
                    None => return Ok(()),
                }
            }
        };
        if alive >= required as usize {
            return Ok(());
        }
        let alive = u32::try_from(alive).unwrap_or(u32::MAX);
        Err(Unavailable { level: self.level, required, alive, datacenter })
    }
}
