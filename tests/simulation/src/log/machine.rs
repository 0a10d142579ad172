//! A simulated machine: a disk that outlives crashes, and one life of a node after another.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use starling_node::cluster::{Cluster, ClusterConfig, Identity, LogPosition, Records, StoredLog};
use starling_node::message::PeerMessage;
use starling_ring::{HostId, Member};
use uuid::Uuid;

use super::shape::Shape;
use crate::random::Random;

/// Name of all clusters here.
pub const CLUSTER_NAME: &str = "simulation";
/// What the key of an entry starts with; the position follows.
const ENTRY_KEY: &[u8] = b"log/entry/";

/// A machine.
pub struct Machine {
    pub identity: Identity,
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
    pub life: Option<Cluster>,
    /// Number of the present or last life.
    pub lives: u32,
    pub is_ready: bool,
    /// It was a member once.
    pub is_member: bool,
    /// Why its last life gave up.
    pub ended: Option<String>,
    /// Its disk is lost: it never comes back.
    pub is_wiped: bool,
    /// It stays off until somebody says otherwise.
    pub is_held: bool,
    /// The last entry that it showed to anybody or has on its disk: it never goes back behind it.
    pub shown: LogPosition,
    /// The last entry of the log, known here or not, when its present life began.
    pub began_at: LogPosition,
    /// The last entry in memory that the oracle has looked at.
    pub observed: LogPosition,
    random: Random,
}

/// The address of the machine of this number.
pub fn address(number: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number as u8 + 1)), 7000)
}

impl Machine {
    /// A new machine with an empty disk.
    pub fn new(number: usize, shape: &Shape, seeds: Vec<SocketAddr>, random: &mut Random) -> Self {
        let at = address(number);
        let datacenter = random.below(shape.datacenters) + 1;
        let rack = random.below(shape.racks) + 1;
        let member = Member {
            datacenter: format!("dc{datacenter}"),
            rack: format!("r{rack}"),
            ..Member::at(HostId(Uuid::from_u64_pair(random.bits(), number as u64)), at.ip())
        };
        let identity = Identity {
            member,
            generation: 0,
            cluster_name: CLUSTER_NAME.into(),
            num_tokens: 2,
            seeds,
            cluster_id_if_founding: Uuid::from_u64_pair(random.bits(), number as u64),
            replaces: None,
        };
        Machine {
            identity,
            disk: BTreeMap::new(),
            life: None,
            lives: 0,
            is_ready: false,
            is_member: false,
            ended: None,
            is_wiped: false,
            is_held: false,
            shown: LogPosition::ZERO,
            began_at: LogPosition::ZERO,
            observed: LogPosition::ZERO,
            random: Random::new(random.bits()),
        }
    }

    pub fn host(&self) -> HostId {
        self.identity.member.host_id
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.identity.member.listen_address, self.identity.member.storage_port)
    }

    /// Whether it is to run by itself when its power is back.
    pub fn may_start(&self) -> bool {
        self.life.is_none() && !self.is_wiped && !self.is_held && self.ended.is_none()
    }

    /// Starts a life with what is on the disk.
    ///
    /// # Errors
    /// If the disk cannot be read, or has gone back.
    pub fn start(&mut self, config: &ClusterConfig, now_ms: u64) -> Result<(), String> {
        self.lives += 1;
        self.identity.generation += 1;
        self.is_ready = false;
        self.ended = None;
        let stored = StoredLog::load(self.disk.iter()).map_err(|damaged| damaged.to_string())?;
        let position = stored.metadata.as_ref().map_or(LogPosition::ZERO, |metadata| metadata.position);
        if position < self.shown {
            return Err(format!("it stood on {} and stands on {position} after a restart", self.shown));
        }
        self.observed = LogPosition::ZERO;
        let life = Cluster::new(config.clone(), self.identity.clone(), stored, now_ms);
        self.life = Some(life);
        Ok(())
    }

    /// The power goes.
    pub fn crash(&mut self) {
        self.life = None;
        self.is_ready = false;
    }

    /// Writes records, all at once.
    pub fn persist(&mut self, records: Records) {
        for (key, value) in records {
            let Some(value) = value else {
                self.disk.remove(&key);
                continue;
            };
            let position = key.strip_prefix(ENTRY_KEY).and_then(LogPosition::from_bytes);
            self.shown = self.shown.max(position.unwrap_or_default());
            self.disk.insert(key, value);
        }
    }

    /// Time passes.
    pub fn tick(&mut self, now_ms: u64) {
        let random = &mut self.random;
        if let Some(life) = &mut self.life {
            life.note_wall_ms(now_ms as i64);
            life.tick(now_ms, &mut || random.bits());
        }
    }

    /// A message arrives.
    pub fn receive(&mut self, now_ms: u64, from: HostId, message: PeerMessage) {
        let random = &mut self.random;
        if let Some(life) = &mut self.life {
            life.receive(now_ms, from, message, &mut || random.bits());
        }
    }

    /// The log is recovered from here.
    ///
    /// # Errors
    /// What the node says to it.
    pub fn recover(&mut self, now_ms: u64) -> Result<LogPosition, starling_node::cluster::RecoverError> {
        let random = &mut self.random;
        match &mut self.life {
            Some(life) => life.recover(now_ms, &mut || random.bits()),
            None => Err(starling_node::cluster::RecoverError::NoMember),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_goes_back_is_seen() {
        let mut random = Random::new(1);
        let shape = Shape::drawn(&mut random);
        let mut machine = Machine::new(0, &shape, vec![address(0)], &mut random);
        let config = ClusterConfig::default();
        machine.start(&config, 0).unwrap();
        machine.crash();
        machine.shown = LogPosition::FIRST;
        assert!(machine.start(&config, 0).is_err());
    }
}
