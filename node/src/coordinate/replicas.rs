//! The replicas of one key or range, with what a coordinator needs to know of each.

use std::net::IpAddr;

use starling_ring::placement::Placement;
use starling_ring::proximity::read_candidates;
use starling_ring::{HostId, Requirement, Token, Topology, Unavailable};

use crate::message::Fence;

use super::latency::{Latencies, SpeculationConfig};

/// One replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Identity.
    pub host: HostId,
    /// Its address between nodes, by which errors name it.
    pub address: IpAddr,
    /// Index of its datacentre in the topology.
    pub datacenter: u16,
    /// Seen alive.
    pub alive: bool,
}

/// A replica whose rank is this much behind the best is asked last.
const SLOW_RANKS: u64 = 3;

/// One read of so many pays no heed to ranks: else a replica that was slow once would never be asked again, and
/// nobody would learn that it has recovered. Smaller: noticed sooner, more reads that a slow replica holds up.
const EXPLORE_EVERY: u64 = 64;

/// All replicas of `token`, dead ones too, in ring order.
pub fn replicas_of(
    topology: &Topology,
    placement: &Placement,
    token: Token,
    is_alive: &dyn Fn(u16) -> bool,
) -> Vec<Replica> {
    placement.replicas(token).iter().filter_map(|&index| replica(topology, index, is_alive(index))).collect()
}

fn replica(topology: &Topology, index: u16, alive: bool) -> Option<Replica> {
    let member = topology.member(index)?;
    let (host, address) = (member.host_id, member.listen_address);
    Some(Replica { host, address, datacenter: topology.datacenter_of(index)?, alive })
}

/// Live replicas for a read: those to ask first, and the spares.
pub struct ReadPlan {
    /// To ask at once; the first serves data.
    pub contacts: Vec<Replica>,
    /// To turn to, in order.
    pub spares: Vec<Replica>,
    /// What is known of who owns the data.
    pub fence: Fence,
    /// What a replica is found to lack is written to it.
    pub repairs: bool,
}

impl ReadPlan {
    /// How long the slowest of the contacts is waited for before a spare is asked.
    pub fn patience_ms(&self, latencies: &Latencies, speculation: &SpeculationConfig) -> u64 {
        let delays = self.contacts.iter().map(|r| latencies.speculation_delay_ms(speculation, r.host));
        delays.max().unwrap_or(speculation.delay_ms_max)
    }
}

/// Chooses whom a read asks: near ones first, much slower ones last.
pub fn plan_read(
    topology: &Topology,
    replicas: &[u16],
    coordinator: u16,
    requirement: &Requirement,
    latencies: &Latencies,
    spread: u64,
    is_alive: &dyn Fn(u16) -> bool,
) -> Result<ReadPlan, Unavailable> {
    let mut alive = |index: u16| is_alive(index);
    let mut candidates = read_candidates(topology, replicas, coordinator, requirement, spread, &mut alive)?;
    let rank = |index: u16| {
        let host = topology.member(index).map(|m| m.host_id);
        if index == coordinator { 0 } else { host.map_or(0, |h| latencies.rank(h)) }
    };
    let best = candidates.ordered.iter().map(|&i| rank(i)).min().unwrap_or(0);
    // EACH_QUORUM needs its contacts per datacentre, so only spares may change places there.
    let movable = match requirement.scope() {
        starling_ring::requirement::Scope::Each(_) => candidates.contact_count,
        _ => 0,
    };
    let explores = (spread >> 32).is_multiple_of(EXPLORE_EVERY);
    if let Some(tail) = candidates.ordered.get_mut(movable..).filter(|_| !explores) {
        tail.sort_by_key(|&index| rank(index) >= best + SLOW_RANKS);
    }
    let resolve = |indices: &[u16]| indices.iter().filter_map(|&i| replica(topology, i, true)).collect();
    let (contacts, spares) = (resolve(candidates.contacts()), resolve(candidates.spares()));
    Ok(ReadPlan { contacts, spares, fence: Fence::default(), repairs: true })
}
