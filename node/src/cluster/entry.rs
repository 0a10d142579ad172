//! Entries of the epoch log: one change of membership or schema each.

use std::fmt;

use serde::{Deserialize, Serialize};
use starling_ring::{HostId, Member};

use super::LogPosition;
use crate::schema::SchemaDelta;

/// Longest summary of an entry in bytes.
pub const SUMMARY_BYTES_MAX: usize = 200;

/// Names a proposed entry, so that its proposer knows it again: no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// Who proposed it.
    pub proposer: HostId,
    /// In which of its lives (the number of its start).
    pub life: u64,
    /// Counts its proposals in that life.
    pub number: u64,
}

/// An entry. It is decided among the deciders that the entry before it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place.
    pub position: LogPosition,
    /// Its name.
    pub id: EntryId,
    /// The proposer's wall clock in milliseconds since 1970, for people.
    pub proposed_at_ms: i64,
    /// What it does, for people.
    pub summary: String,
    /// What it does.
    pub change: Change,
    /// Who decides the next entry.
    pub deciders: Vec<HostId>,
}

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The schema changes.
    Schema(SchemaDelta),
    /// A node is on its way in, with the tokens that it will have.
    Joining {
        /// The node.
        member: Member,
        /// The member whose place and tokens it takes.
        replaces: Option<HostId>,
    },
    /// A node that was joining is a member; the one that it replaces is none any more.
    Joined(HostId),
    /// A node that was joining has not come in in time.
    JoinExpired(HostId),
    /// A member is on its way out.
    Leaving(HostId),
    /// A member that was leaving is none any more.
    Left(HostId),
    /// A member has new addresses; its place and tokens stay.
    Addresses(Member),
    /// Only the deciders change.
    Deciders,
    /// The log goes on from one survivor after its majority was lost for good. These members are given up: they stay
    /// owners of their data, and are refused until they are readmitted.
    Recovered {
        /// Members given up.
        lost: Vec<HostId>,
    },
    /// A member that was given up may come back.
    Readmitted(HostId),
}

impl Change {
    /// Its kind in a word, as `starling admin log` shows it.
    pub fn kind(&self) -> &'static str {
        match self {
            Change::Schema(_) => "schema",
            Change::Joining { .. } => "joining",
            Change::Joined(_) => "joined",
            Change::JoinExpired(_) => "join-expired",
            Change::Leaving(_) => "leaving",
            Change::Left(_) => "left",
            Change::Addresses(_) => "addresses",
            Change::Deciders => "deciders",
            Change::Recovered { .. } => "recovered",
            Change::Readmitted(_) => "readmitted",
        }
    }
}

/// Why an entry does not fit the metadata that it would be applied to. A decided one always fits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApplicable {
    /// It does not follow.
    #[error("entry {entry} does not follow {have}")]
    Position {
        /// The entry.
        entry: LogPosition,
        /// What is there.
        have: LogPosition,
    },
    /// It does not fit the members.
    #[error("{0}")]
    Membership(String),
    /// It does not fit the schema.
    #[error("{0}")]
    Schema(String),
    /// Its deciders are not members, or too many, or none.
    #[error("entry names wrong deciders")]
    Deciders,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.position, self.change.kind(), self.summary)
    }
}

/// Cuts a summary to its longest length, at a character.
pub fn shortened(summary: &str) -> String {
    let one_line = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.len() <= SUMMARY_BYTES_MAX {
        return one_line;
    }
    let mut end = SUMMARY_BYTES_MAX - 3;
    while !one_line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", one_line.get(..end).unwrap_or_default())
}
