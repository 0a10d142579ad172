//! Which replicas a read asks: those alive, the nearest first.

use crate::requirement::Scope;
use crate::{Requirement, Topology, Unavailable};

/// Live replicas of a read, as indices into the topology's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCandidates {
    /// Those to ask at once come first, nearest first; the rest are spares for speculation, nearest first.
    pub ordered: Vec<u16>,
    /// How many to ask at once.
    pub contact_count: usize,
}

impl ReadCandidates {
    /// Replicas to ask at once: exactly those that the level needs. The first serves data, others digests.
    pub fn contacts(&self) -> &[u16] {
        self.ordered.get(..self.contact_count).unwrap_or(&self.ordered)
    }

    /// Replicas to turn to when one of the contacts is slow.
    pub fn spares(&self) -> &[u16] {
        self.ordered.get(self.contact_count..).unwrap_or_default()
    }
}

/// Orders the live replicas that count for `requirement`: the coordinator itself, then its rack, its
/// datacentre, then the others. `spread` (any number, best another for each request) rotates the replicas
/// first, so that equally near ones take turns.
///
/// Answers [`Unavailable`] if too few are alive.
pub fn read_candidates(
    topology: &Topology,
    replicas: &[u16],
    coordinator: u16,
    requirement: &Requirement,
    spread: u64,
    is_alive: &mut dyn FnMut(u16) -> bool,
) -> Result<ReadCandidates, Unavailable> {
    let datacenter_of = |member: u16| topology.datacenter_of(member).unwrap_or(u16::MAX);
    let count = replicas.len().max(1) as u64;
    let (before, after) = replicas.split_at((spread % count) as usize);
    let mut ordered = Vec::with_capacity(replicas.len());
    for &replica in after.iter().chain(before) {
        if requirement.counts(datacenter_of(replica)) && is_alive(replica) {
            ordered.push(replica);
        }
    }
    requirement.check_available(ordered.iter().map(|&replica| datacenter_of(replica)))?;
    ordered.sort_by_key(|&replica| distance(topology, coordinator, replica));
    let contact_count = match requirement.scope() {
        Scope::Each(quorums) => {
            let mut left: Vec<(Option<u16>, u32)> = quorums.iter().map(|each| (each.index, each.required)).collect();
            let (mut contacts, mut spares) = (Vec::with_capacity(ordered.len()), Vec::new());
            for &replica in &ordered {
                let here = Some(datacenter_of(replica));
                match left.iter_mut().find(|(index, left)| *index == here && *left > 0) {
                    Some((_, left)) => {
                        *left -= 1;
                        contacts.push(replica);
                    }
                    None => spares.push(replica),
                }
            }
            contacts.append(&mut spares);
            ordered = contacts;
            requirement.required() as usize
        }
        _ => requirement.required() as usize,
    };
    Ok(ReadCandidates { contact_count: contact_count.min(ordered.len()), ordered })
}

/// 0: the coordinator itself, 1: its rack, 2: its datacentre, 3: elsewhere.
fn distance(topology: &Topology, coordinator: u16, replica: u16) -> u8 {
    if coordinator == replica {
        return 0;
    }
    match (topology.member(coordinator), topology.member(replica)) {
        (Some(a), Some(b)) if a.datacenter == b.datacenter => {
            if a.rack == b.rack {
                1
            } else {
                2
            }
        }
        _ => 3,
    }
}
