//! Going on after the majority of those that decide is lost for good: one survivor begins a new generation of the log.
//!
//! What the survivor has not learnt is given up; so are the members that cannot be reached: they are refused until
//! somebody readmits them. Whoever stands on an entry that the new generation does not contain is refused too.

use std::sync::Arc;

use starling_ring::HostId;

use super::deciders::choose;
use super::entry::{Change, Entry, EntryId};
use super::{Cluster, LogPosition, Random};

/// Why the log is not recovered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// This node belongs to no cluster.
    #[error("this node is not a member of a cluster yet")]
    NoMember,
    /// It is not needed.
    #[error(
        "{alive} of the {deciders} nodes that decide are alive: that is a majority, and nothing has to be recovered"
    )]
    MajorityAlive {
        /// How many decide.
        deciders: usize,
        /// How many of them are alive.
        alive: usize,
    },
    /// Another survivor knows more.
    #[error("{host} has entry {position} and this node only {own}: recover there, so that nothing decided is lost")]
    OtherKnowsMore {
        /// The other.
        host: HostId,
        /// Its last entry.
        position: LogPosition,
        /// This node's.
        own: LogPosition,
    },
    /// It cannot be made or stored.
    #[error("the log cannot be recovered: {0}")]
    Failed(String),
}

impl Cluster {
    /// Begins a new generation of the log with this node as its survivor. Answers the position of the entry that does.
    ///
    /// # Errors
    /// If it is not needed, or another survivor should do it.
    pub fn recover(&mut self, now_ms: u64, random: Random<'_>) -> Result<LogPosition, RecoverError> {
        let Some(metadata) = self.metadata.clone().filter(|m| m.member(self.host_id()).is_some()) else {
            return Err(RecoverError::NoMember);
        };
        let (deciders, own) = (metadata.deciders.len(), metadata.position);
        if self.has_majority() {
            let alive = metadata.deciders.iter().filter(|host| self.is_alive(**host)).count();
            return Err(RecoverError::MajorityAlive { deciders, alive });
        }
        let (alive, lost): (Vec<HostId>, Vec<HostId>) =
            metadata.admitted().map(|m| m.host_id).partition(|host| self.is_alive(*host));
        let known = alive.iter().filter_map(|host| Some((self.gossiped_position(*host)?, *host))).max();
        if let Some((position, host)) = known.filter(|(position, _)| *position > own) {
            return Err(RecoverError::OtherKnowsMore { host, position, own });
        }
        let failed = |error: &dyn std::fmt::Display| RecoverError::Failed(error.to_string());
        let generation = own.generation.next(random()).ok_or_else(|| failed(&"there are no generations left"))?;
        let position = LogPosition { generation, epoch: own.epoch + 1 };
        let change = Change::Recovered { lost };
        let draft = metadata.draft(position, &change).map_err(|error| failed(&error))?;
        let entry = Entry {
            position,
            // No number that a proposal has.
            id: EntryId { proposer: self.host_id(), life: self.identity.generation, number: 0 },
            proposed_at_ms: self.wall_ms,
            summary: format!("after {own}, by {}", self.host_id()),
            deciders: choose(&draft.eligible(), &[], |host| self.is_alive(host)),
            change,
        };
        let next = metadata.apply(&entry).map_err(|error| failed(&error))?;
        let records = self.journal.append(Arc::new(entry), &next);
        self.adopt(now_ms, Arc::new(next), records);
        self.note_jump(now_ms);
        let this = self.host_id();
        for host in alive.into_iter().filter(|host| *host != this) {
            self.send_missing(host, own);
        }
        Ok(position)
    }
}
