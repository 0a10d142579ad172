//! What an entry makes of the metadata before it.

use std::collections::{BTreeMap, BTreeSet};

use starling_planted::{Bug, is_planted};
use starling_ring::placement::Placement;
use starling_ring::{HostId, Member, Topology};

use super::entry::{Change, Entry, NotApplicable};
use super::metadata::{FORMER_MAX, Former, Joiner, Metadata};
use super::ownership::RangeHistory;
use super::{LogPosition, deciders};
use crate::schema::SchemaDelta;

type Applied = Result<(), NotApplicable>;

impl Metadata {
    /// The metadata after `entry`, which must follow this one.
    ///
    /// # Errors
    /// If it does not follow or does not fit; a decided entry always does.
    pub fn apply(&self, entry: &Entry) -> Result<Metadata, NotApplicable> {
        let is_next = match &entry.change {
            Change::Recovered { .. } => {
                entry.position.generation > self.position.generation
                    && entry.position.epoch == self.position.epoch.saturating_add(1)
            }
            _ => entry.position == self.position.next(),
        };
        if !is_next {
            return Err(NotApplicable::Position { entry: entry.position, have: self.position });
        }
        let mut next = self.draft(entry.position, &entry.change)?;
        next.deciders = entry.deciders.clone();
        next.check_deciders()?;
        next.note_ownership(self, entry.position)?;
        Ok(next)
    }

    /// The metadata after `change`, but for its deciders and the history of its ranges.
    pub(super) fn draft(&self, position: LogPosition, change: &Change) -> Result<Metadata, NotApplicable> {
        let mut next = self.clone();
        next.position = position;
        match change {
            Change::Schema(delta) => next.change_schema(delta)?,
            Change::Joining { member, replaces } => next.begin_join(member, *replaces)?,
            Change::Joined(host) => next.end_join(*host)?,
            Change::JoinExpired(host) => {
                next.joining.retain(|joiner| joiner.member.host_id != *host);
            }
            Change::Leaving(host) => {
                next.check_member(*host)?;
                if next.joining.iter().any(|joiner| joiner.replaces == Some(*host)) {
                    return Err(NotApplicable::Membership(format!("{host} is being replaced")));
                }
                next.leaving.insert(*host);
            }
            Change::Left(host) => next.leave(*host)?,
            Change::Addresses(member) => next.set_addresses(member)?,
            Change::Deciders => {}
            Change::Recovered { lost } => next.recover(self.position, lost),
            Change::Readmitted(host) => {
                next.lost.remove(host);
            }
        }
        Ok(next)
    }

    fn change_schema(&mut self, delta: &SchemaDelta) -> Applied {
        let before = self.schema.fingerprint();
        self.schema = delta.apply(&self.schema).map_err(NotApplicable::Schema)?;
        if self.schema.fingerprint() != before {
            self.schema_position = self.position;
        }
        Ok(())
    }

    fn check_member(&self, host: HostId) -> Applied {
        if self.member(host).is_none() {
            return Err(NotApplicable::Membership(format!("{host} is no member")));
        }
        Ok(())
    }

    fn begin_join(&mut self, member: &Member, replaces: Option<HostId>) -> Applied {
        let refused = |why: &str| Err(NotApplicable::Membership(format!("{} {why}", member.host_id)));
        if self.node(member.host_id).is_some() {
            return refused("is a member already");
        }
        if let Some(replaced) = replaces {
            self.check_member(replaced)?;
            let is_taken = self.joining.iter().any(|joiner| joiner.replaces == Some(replaced));
            if is_taken || self.leaving.contains(&replaced) {
                return refused("comes in the place of a member that leaves or is being replaced already");
            }
        }
        let stays = |held: &Member| Some(held.host_id) != replaces;
        let mut others = self.members.iter().filter(|m| stays(m)).chain(self.joining.iter().map(|j| &j.member));
        let is_checked = !is_planted(Bug::WipedNodeLetIn);
        if is_checked && others.any(|held| held.listen_address == member.listen_address) {
            return refused("has the address of another member");
        }
        self.joining.push(Joiner { member: member.clone(), replaces, since: self.position });
        Ok(())
    }

    fn end_join(&mut self, host: HostId) -> Applied {
        let Some(at) = self.joining.iter().position(|joiner| joiner.member.host_id == host) else {
            return Err(NotApplicable::Membership(format!("{host} is not joining")));
        };
        let joiner = self.joining.remove(at);
        if let Some(replaced) = joiner.replaces {
            self.remove_member(replaced, Some(host))?;
        }
        self.members.push(joiner.member);
        self.members.sort_by_key(|member| member.host_id);
        Ok(())
    }

    fn leave(&mut self, host: HostId) -> Applied {
        if !self.leaving.contains(&host) {
            return Err(NotApplicable::Membership(format!("{host} is not leaving")));
        }
        self.remove_member(host, None)
    }

    fn remove_member(&mut self, host: HostId, replaced_by: Option<HostId>) -> Applied {
        let Some(member) = self.member(host).cloned() else {
            return Err(NotApplicable::Membership(format!("{host} is no member")));
        };
        self.members.retain(|held| held.host_id != host);
        self.leaving.remove(&host);
        self.lost.remove(&host);
        let (listen_address, storage_port) = (member.listen_address, member.storage_port);
        self.former.push(Former { host_id: host, listen_address, storage_port, replaced_by, since: self.position });
        if self.former.len() > FORMER_MAX {
            self.former.remove(0);
        }
        Ok(())
    }

    fn set_addresses(&mut self, from: &Member) -> Applied {
        let Some(held) = self.members.iter_mut().find(|held| held.host_id == from.host_id) else {
            return Err(NotApplicable::Membership(format!("{} is no member", from.host_id)));
        };
        held.listen_address = from.listen_address;
        held.storage_port = from.storage_port;
        held.rpc_address = from.rpc_address;
        held.native_transport_port = from.native_transport_port;
        Ok(())
    }

    fn recover(&mut self, base: LogPosition, lost: &[HostId]) {
        self.lineage.push(base);
        self.joining.clear();
        let is_member = |host: &&HostId| self.members.iter().any(|member| member.host_id == **host);
        let lost: Vec<HostId> = lost.iter().filter(is_member).copied().collect();
        self.lost.extend(lost);
        // Who was leaving decides again: there may be nobody else.
        let lost = &self.lost;
        self.leaving.retain(|host| lost.contains(host));
    }

    fn check_deciders(&self) -> Applied {
        let eligible: BTreeSet<HostId> = self.eligible().iter().map(|member| member.host_id).collect();
        let distinct: BTreeSet<HostId> = self.deciders.iter().copied().collect();
        let fits = !distinct.is_empty()
            && distinct.len() == self.deciders.len()
            && distinct.len() <= deciders::DECIDERS_MAX
            && distinct.is_subset(&eligible);
        if fits { Ok(()) } else { Err(NotApplicable::Deciders) }
    }

    /// Notes which ranges have other replicas than before.
    fn note_ownership(&mut self, before: &Metadata, position: LogPosition) -> Applied {
        let place =
            |member: &Member| (member.host_id, member.tokens.clone(), member.datacenter.clone(), member.rack.clone());
        let is_ring_same = self.members.iter().map(place).eq(before.members.iter().map(place));
        let is_same = |name: &str| {
            let replication =
                |of: &Metadata| of.schema.keyspaces.get(name).map(|keyspace| keyspace.replication.clone());
            is_ring_same && replication(self) == replication(before)
        };
        let changed: Vec<String> = self.schema.keyspaces.keys().filter(|name| !is_same(name)).cloned().collect();
        let keyspaces = &self.schema.keyspaces;
        self.ownership.retain(|name, _| keyspaces.contains_key(name));
        if changed.is_empty() {
            return Ok(());
        }
        let topology = |of: &Metadata| {
            let error = |error: starling_ring::topology::TopologyError| NotApplicable::Membership(error.to_string());
            Topology::new(of.position.epoch, of.members.clone()).map_err(error)
        };
        let (old, new) = (topology(before)?, topology(self)?);
        let mut histories: BTreeMap<String, RangeHistory> = BTreeMap::new();
        for name in changed {
            let Some(keyspace) = self.schema.keyspaces.get(&name) else { continue };
            let history = match (before.schema.keyspaces.get(&name), before.ownership.get(&name)) {
                (Some(was), Some(history)) => {
                    let (from, to) =
                        (Placement::new(&old, &was.replication), Placement::new(&new, &keyspace.replication));
                    history.after(position, (&old, &from), (&new, &to))
                }
                _ => RangeHistory::new(position),
            };
            histories.insert(name, history);
        }
        self.ownership.extend(histories);
        Ok(())
    }
}
