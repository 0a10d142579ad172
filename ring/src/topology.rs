//! The ring as one metadata epoch has it: members, tokens, datacentres and racks, in one immutable snapshot.

use std::collections::BTreeMap;

use crate::{HostId, Member, Token};

/// Why a list of members is not a topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A token is listed twice, be it by two members or by one.
    #[error("token {token} belongs to both {first} and {second}")]
    DuplicateToken {
        /// The token.
        token: Token,
        /// The member with the lower host id.
        first: HostId,
        /// The other one.
        second: HostId,
    },
    /// A host id is listed twice.
    #[error("host {0} is listed twice")]
    DuplicateHost(HostId),
    /// Members are numbered with 16 bits.
    #[error("{0} members are more than a cluster can have")]
    TooManyMembers(usize),
}

/// A datacentre: its members and racks, by index into [`Topology::members`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datacenter {
    /// Name.
    pub name: String,
    /// All members, ascending.
    pub members: Vec<u16>,
    /// Members of each rack, ascending.
    pub racks: BTreeMap<String, Vec<u16>>,
}

/// Members and their tokens as of one epoch. A request holds one from start to end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    epoch: u64,
    members: Vec<Member>,
    ring: Vec<(Token, u16)>,
    datacenters: Vec<Datacenter>,
    datacenter_of: Vec<u16>,
}

impl Topology {
    /// Builds the snapshot. Members may come in any order, and may have no tokens (yet).
    pub fn new(epoch: u64, mut members: Vec<Member>) -> Result<Topology, TopologyError> {
        if members.len() > usize::from(u16::MAX) {
            return Err(TopologyError::TooManyMembers(members.len()));
        }
        members.sort_by_key(|member| member.host_id);
        if let Some(pair) = members.windows(2).find(|pair| pair[0].host_id == pair[1].host_id) {
            return Err(TopologyError::DuplicateHost(pair[0].host_id));
        }
        let mut ring: Vec<(Token, u16)> = (0u16..)
            .zip(&members)
            .flat_map(|(index, member)| member.tokens.iter().map(move |&token| (token, index)))
            .collect();
        ring.sort_unstable();
        if let Some(pair) = ring.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(TopologyError::DuplicateToken {
                token: pair[0].0,
                first: members[usize::from(pair[0].1)].host_id,
                second: members[usize::from(pair[1].1)].host_id,
            });
        }
        let mut by_name: BTreeMap<&str, Datacenter> = BTreeMap::new();
        for (index, member) in (0u16..).zip(&members) {
            let datacenter = by_name.entry(&member.datacenter).or_default();
            datacenter.name.clone_from(&member.datacenter);
            datacenter.members.push(index);
            datacenter.racks.entry(member.rack.clone()).or_default().push(index);
        }
        let datacenters: Vec<Datacenter> = by_name.into_values().collect();
        let mut datacenter_of = vec![0; members.len()];
        for (number, datacenter) in (0u16..).zip(&datacenters) {
            for &index in &datacenter.members {
                datacenter_of[usize::from(index)] = number;
            }
        }
        Ok(Topology { epoch, members, ring, datacenters, datacenter_of })
    }

    /// The metadata epoch that it belongs to.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All members in order of host id.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A member by index.
    pub fn member(&self, index: u16) -> Option<&Member> {
        self.members.get(usize::from(index))
    }

    /// The index of a host, if it is a member.
    pub fn index_of(&self, host: HostId) -> Option<u16> {
        let found = self.members.binary_search_by_key(&host, |member| member.host_id).ok()?;
        u16::try_from(found).ok()
    }

    /// A member by host id.
    pub fn member_by_host(&self, host: HostId) -> Option<&Member> {
        self.member(self.index_of(host)?)
    }

    /// All tokens in order, each with the index of the member that owns the range ending there.
    pub fn ring(&self) -> &[(Token, u16)] {
        &self.ring
    }

    /// Datacentres in order of name.
    pub fn datacenters(&self) -> &[Datacenter] {
        &self.datacenters
    }

    /// A datacentre's index into [`Topology::datacenters`].
    pub fn datacenter_index(&self, name: &str) -> Option<u16> {
        let found = self.datacenters.binary_search_by(|dc| dc.name.as_str().cmp(name)).ok()?;
        u16::try_from(found).ok()
    }

    /// A datacentre by name.
    pub fn datacenter(&self, name: &str) -> Option<&Datacenter> {
        self.datacenters.get(usize::from(self.datacenter_index(name)?))
    }

    /// The datacentre, as an index into [`Topology::datacenters`], of the member with this index.
    pub fn datacenter_of(&self, index: u16) -> Option<u16> {
        self.datacenter_of.get(usize::from(index)).copied()
    }

    /// The position in [`Topology::ring`] of the range that a token falls in; `None` if the ring is empty.
    pub fn ring_position(&self, token: Token) -> Option<usize> {
        if self.ring.is_empty() {
            return None;
        }
        Some(self.ring.partition_point(|&(end, _)| end < token) % self.ring.len())
    }

    /// The member that owns a token: the first replica under every strategy.
    pub fn primary(&self, token: Token) -> Option<u16> {
        self.ring_position(token).map(|position| self.ring[position].1)
    }

    /// All ring ranges `(start exclusive, end inclusive, owner)`. The first one wraps around the ring's end
    /// (`start >= end`, equal if there is but one token: the whole ring).
    pub fn ranges(&self) -> impl Iterator<Item = (Token, Token, u16)> + '_ {
        let last = self.ring.last().map(|&(token, _)| token);
        let starts = last.into_iter().chain(self.ring.iter().map(|&(token, _)| token));
        starts.zip(&self.ring).map(|(start, &(end, owner))| (start, end, owner))
    }

    /// Share of the whole ring that each member is the first replica of (sums to 1 unless there are no tokens).
    pub fn ownership(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.members.len()];
        add_shares(&self.ring, &mut shares);
        shares
    }

    /// The same within each member's own datacentre, as if the others were not there (sums to 1 in each).
    pub fn datacenter_ownership(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.members.len()];
        for number in 0u16.. {
            if usize::from(number) >= self.datacenters.len() {
                break;
            }
            let is_here = |&&(_, owner): &&(Token, u16)| self.datacenter_of[usize::from(owner)] == number;
            let ring: Vec<(Token, u16)> = self.ring.iter().filter(is_here).copied().collect();
            add_shares(&ring, &mut shares);
        }
        shares
    }
}

/// Adds to each owner the share of the ring that the ranges ending at its tokens have.
fn add_shares(ring: &[(Token, u16)], shares: &mut [f64]) {
    let Some(&(mut start, _)) = ring.last() else {
        return;
    };
    if let [(_, owner)] = ring {
        shares[usize::from(*owner)] += 1.0;
        return;
    }
    for &(end, owner) in ring {
        shares[usize::from(owner)] += start.distance_to(end) as f64 / 2f64.powi(64);
        start = end;
    }
}
