//! The walk along the ring that chooses the replicas of a range, as Cassandra's strategies do.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::{Token, Topology};

/// After so many ranges in a row whose owners were of no use, the walk looks up where the next useful one is: a rack or
/// datacentre of few members is far away from most ranges of a large ring. Smaller: look-ups where steps would do.
const STEPS_MAX: usize = 32;

/// What is wanted of a datacentre (or of the whole ring, for SimpleStrategy), and what a walk still lacks.
struct Quota {
    /// Replicas wanted, no more than there are members with tokens.
    wanted: usize,
    /// How many replicas may share a rack with an earlier one: the factor less the number of racks.
    repeats: usize,
    wanted_left: usize,
    repeats_left: usize,
    racks: Range<usize>,
}

impl Quota {
    fn new(wanted: usize, repeats: usize, racks: Range<usize>) -> Quota {
        Quota { wanted, repeats, wanted_left: 0, repeats_left: 0, racks }
    }
}

/// A walk that collects the replicas of one range, then of another.
pub(crate) struct Walk<'a> {
    ring: &'a [(Token, u16)],
    /// Quota and rack (a number unique in the cluster) of each member; quota `None`: not wanted.
    members: Vec<(Option<usize>, usize)>,
    quotas: Vec<Quota>,
    missing: usize,
    /// The number of the walk that took a member or saw a rack last.
    taken: Vec<usize>,
    racks_seen: Vec<usize>,
    number: usize,
    /// Positions in the ring of each rack's tokens, ascending.
    positions: Vec<Vec<usize>>,
    steps_max: usize,
}

impl<'a> Walk<'a> {
    fn new(topology: &'a Topology, members: Vec<(Option<usize>, usize)>, quotas: Vec<Quota>) -> Walk<'a> {
        let racks = members.iter().map(|&(_, rack)| rack + 1).max().unwrap_or(0);
        let mut positions = vec![Vec::new(); racks];
        for (position, &(_, member)) in topology.ring().iter().enumerate() {
            if let (Some(_), rack) = members[usize::from(member)] {
                positions[rack].push(position);
            }
        }
        let (taken, racks_seen) = (vec![0; members.len()], vec![0; racks]);
        let ring = topology.ring();
        Walk { ring, members, quotas, missing: 0, taken, racks_seen, number: 0, positions, steps_max: STEPS_MAX }
    }

    pub(crate) fn simple(topology: &'a Topology, factor: u32) -> Walk<'a> {
        let with_tokens = topology.members().iter().filter(|member| !member.tokens.is_empty()).count();
        let wanted = with_tokens.min(factor as usize);
        // One rack, seen at once: every member may repeat it.
        Walk::new(topology, vec![(Some(0), 0); topology.members().len()], vec![Quota::new(wanted, wanted, 0..1)])
    }

    pub(crate) fn by_datacenter(topology: &'a Topology, factors: &BTreeMap<String, u32>) -> Walk<'a> {
        let mut members = vec![(None, 0); topology.members().len()];
        let mut quotas = Vec::new();
        let mut next_rack = 0;
        for (name, &factor) in factors {
            let Some(datacenter) = topology.datacenter(name) else {
                continue;
            };
            let (first_rack, mut racks, mut with_tokens) = (next_rack, 0, 0);
            for rack in datacenter.racks.values() {
                let owners = rack.iter().filter(|&&i| !topology.members()[usize::from(i)].tokens.is_empty()).count();
                with_tokens += owners;
                racks += usize::from(owners > 0);
                for &member in rack {
                    members[usize::from(member)] = (Some(quotas.len()), next_rack);
                }
                next_rack += 1;
            }
            let factor = factor as usize;
            quotas.push(Quota::new(factor.min(with_tokens), factor.saturating_sub(racks), first_rack..next_rack));
        }
        Walk::new(topology, members, quotas)
    }

    /// Adds the replicas of the range at `start`, the primary one first.
    pub(crate) fn collect(&mut self, start: usize, replicas: &mut Vec<u16>) {
        self.restart();
        let (before, after) = self.ring.split_at(start);
        let mut useless = 0;
        for (steps, &(_, member)) in after.iter().chain(before).enumerate() {
            if self.missing == 0 {
                return;
            }
            if useless == self.steps_max {
                return self.jump((start + steps) % self.ring.len(), replicas);
            }
            useless = if self.offer(member, replicas) { 0 } else { useless + 1 };
        }
    }

    fn restart(&mut self) {
        self.number += 1;
        self.missing = 0;
        for quota in &mut self.quotas {
            quota.wanted_left = quota.wanted;
            quota.repeats_left = quota.repeats;
            self.missing += quota.wanted;
        }
    }

    /// Answers whether the member is taken.
    fn offer(&mut self, member: u16, replicas: &mut Vec<u16>) -> bool {
        let (Some(quota), rack) = self.members[usize::from(member)] else {
            return false;
        };
        let quota = &mut self.quotas[quota];
        if quota.wanted_left == 0 || self.taken[usize::from(member)] == self.number {
            return false;
        }
        if self.racks_seen[rack] == self.number {
            if quota.repeats_left == 0 {
                return false;
            }
            quota.repeats_left -= 1;
        }
        self.racks_seen[rack] = self.number;
        self.taken[usize::from(member)] = self.number;
        quota.wanted_left -= 1;
        self.missing -= 1;
        replicas.push(member);
        true
    }

    /// Goes on from a position without looking at what is of no use.
    fn jump(&mut self, mut from: usize, replicas: &mut Vec<u16>) {
        while self.missing > 0 {
            let Some(next) = self.next_useful(from) else { return };
            self.offer(self.ring[next].1, replicas);
            from = next;
        }
    }

    /// The nearest position, from this one on, whose owner would be taken.
    fn next_useful(&self, from: usize) -> Option<usize> {
        let lacking = self.quotas.iter().filter(|quota| quota.wanted_left > 0);
        let racks = lacking.flat_map(|quota| {
            let may_repeat = quota.repeats_left > 0;
            quota.racks.clone().filter(move |&rack| may_repeat || self.racks_seen[rack] != self.number)
        });
        let nearest = racks.filter_map(|rack| self.next_in_rack(rack, from));
        nearest.min_by_key(|&position| (position + self.ring.len() - from) % self.ring.len())
    }

    fn next_in_rack(&self, rack: usize, from: usize) -> Option<usize> {
        let positions = &self.positions[rack];
        let (before, after) = positions.split_at(positions.partition_point(|&position| position < from));
        let is_free = |&position: &usize| self.taken[usize::from(self.ring[position].1)] != self.number;
        after.iter().chain(before).copied().find(is_free)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{HostId, Member};

    /// Members of few racks of two datacentres, most of them in the first rack of the first.
    fn topology(places: &[(u8, u8, usize)], mut tokens: Vec<i64>) -> Topology {
        tokens.sort_by_key(|token| token.wrapping_mul(0x5851_F42D_4C95_7F2D));
        let members = places.iter().zip(0u128..).map(|(&(place, rack, count), number)| Member {
            datacenter: format!("dc{}", place / 9),
            rack: format!("r{}", rack / 7),
            tokens: tokens.drain(..count).map(Token).collect(),
            ..Member::at(HostId(Uuid::from_u128(number)), [127, 0, 0, 1].into())
        });
        Topology::new(1, members.collect()).unwrap()
    }

    fn all(mut walk: Walk<'_>, steps_max: usize) -> Vec<Vec<u16>> {
        walk.steps_max = steps_max;
        let ranges = walk.ring.len();
        let collect = |start| {
            let mut replicas = Vec::new();
            walk.collect(start, &mut replicas);
            replicas
        };
        (0..ranges).map(collect).collect()
    }

    proptest! {
        #[test]
        fn whoever_jumps_arrives_where_steps_lead(
            places in prop::collection::vec((0u8..10, 0u8..10, 0usize..6), 1..40),
            tokens in prop::collection::btree_set(any::<i64>(), 240),
            factors in (0u32..6, 0u32..6),
            steps_max in 0usize..4,
        ) {
            let topology = topology(&places, tokens.into_iter().collect());
            let simple = || Walk::simple(&topology, factors.0);
            prop_assert_eq!(all(simple(), steps_max), all(simple(), usize::MAX));
            let factors = BTreeMap::from([("dc0".to_owned(), factors.0), ("dc1".to_owned(), factors.1)]);
            let network = || Walk::by_datacenter(&topology, &factors);
            prop_assert_eq!(all(network(), steps_max), all(network(), usize::MAX));
        }
    }
}
