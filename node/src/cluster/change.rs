//! Changes of membership and schema as they are asked for: computed against whatever entry they are finally made on.

use std::fmt;

use starling_cql_lite::protocol::error::CqlError;
use starling_planted::{Bug, is_planted};
use starling_ring::allocation::allocate_tokens;
use starling_ring::{HostId, Member};

use super::entry::{Change, shortened};
use super::{LogPosition, Metadata};
use crate::schema::{Schema, SchemaDelta};

/// Why a change cannot be made on some metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Never.
    Invalid(CqlError),
    /// Not at this moment.
    Later(String),
}

/// Computes a change; `Ok(None)`: nothing to change.
type Make = Box<dyn Fn(&Metadata) -> Result<Option<Change>, Refusal> + Send>;

/// A change of membership or schema.
pub struct ChangeRequest {
    pub(super) summary: String,
    /// An entry is wanted even if it changes nothing.
    pub(super) is_forced: bool,
    /// It is begun only if all members are alive, and done only when all have adopted it.
    pub(super) needs_all: bool,
    make: Make,
}

impl fmt::Debug for ChangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeRequest({})", self.summary)
    }
}

/// Why a change was not made, as far as that is known.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeError {
    /// It does not fit the schema or the members.
    Invalid(CqlError),
    /// Too few of those that decide can be reached; nothing was changed.
    NoMajority {
        /// How many have to agree.
        required: usize,
        /// How many can be reached.
        alive: usize,
        /// Addresses of those that cannot.
        away: String,
    },
    /// It needs all members, and some cannot be reached; nothing was changed.
    NotAll {
        /// How many there are.
        required: usize,
        /// How many can be reached.
        alive: usize,
        /// Addresses of those that cannot.
        away: String,
    },
    /// It is made, but these members have not adopted it in time.
    Unconfirmed {
        /// Their addresses.
        away: String,
    },
    /// Other changes kept coming in between; nothing was changed.
    Conflict,
    /// Something else has to end first; nothing was changed.
    Later(String),
    /// Too many changes wait already; nothing was changed.
    Overloaded,
    /// It may be made or not: it was proposed, and its fate was not learnt in time.
    Unknown {
        /// How many had to agree.
        required: usize,
    },
}

impl ChangeRequest {
    fn new(summary: String, make: impl Fn(&Metadata) -> Result<Option<Change>, Refusal> + Send + 'static) -> Self {
        ChangeRequest { summary: shortened(&summary), is_forced: false, needs_all: false, make: Box::new(make) }
    }

    /// A schema change; `make` answers `Ok(None)` where there is nothing to do.
    pub fn schema(
        summary: &str,
        make: impl Fn(&Metadata) -> Result<Option<Schema>, CqlError> + Send + 'static,
    ) -> Self {
        ChangeRequest::new(summary.to_owned(), move |metadata| {
            let Some(schema) = make(metadata).map_err(Refusal::Invalid)? else { return Ok(None) };
            let has_tables = schema.keyspaces.values().any(|k| !k.is_virtual && !k.tables.is_empty());
            // Ranges must not change hands any more once there may be data.
            if has_tables
                && !is_planted(Bug::TableWhileJoining)
                && !(metadata.joining.is_empty() && metadata.leaving.is_empty())
            {
                return Err(Refusal::Later("a node is joining or leaving".into()));
            }
            Ok(Some(Change::Schema(SchemaDelta::between(&metadata.schema, &schema))))
        })
    }

    /// The same, where a member that has not adopted it could still acknowledge writes that it takes away, or show what it
    /// has taken: it needs all members.
    pub fn with_all(self) -> Self {
        ChangeRequest { needs_all: true, ..self }
    }

    /// Lets a node in, with tokens chosen for balance or those of the member that it replaces.
    pub(super) fn begin_join(member: Member, num_tokens: usize, replaces: Option<HostId>) -> Self {
        ChangeRequest::new(format!("{} at {}", member.host_id, member.listen_address), move |m| {
            if m.node(member.host_id).is_some() {
                return Ok(None);
            }
            check_may_move(m)?;
            let tokens = match replaces.and_then(|host| m.member(host)) {
                Some(replaced) => replaced.tokens.clone(),
                None => {
                    let all: Vec<Member> =
                        m.members.iter().chain(m.joining.iter().map(|j| &j.member)).cloned().collect();
                    allocate_tokens(&all, &member.datacenter, &member.rack, num_tokens)
                }
            };
            Ok(Some(Change::Joining { member: Member { tokens, ..member.clone() }, replaces }))
        })
    }

    /// Makes a node that is joining a member.
    pub(super) fn end_join(host: HostId) -> Self {
        ChangeRequest::new(host.to_string(), move |m| {
            if m.joiner(host).is_none() {
                return Ok(None);
            }
            check_may_move(m)?;
            Ok(Some(Change::Joined(host)))
        })
    }

    /// Forgets a node that has not come in.
    pub(super) fn expire_join(host: HostId) -> Self {
        ChangeRequest::new(host.to_string(), move |m| Ok(m.joiner(host).map(|_| Change::JoinExpired(host))))
    }

    /// Begins to take a member out.
    pub fn begin_leave(host: HostId) -> Self {
        ChangeRequest::new(host.to_string(), move |m| {
            if m.member(host).is_none() {
                return Err(invalid(format!(
                    "{host} is no member of this cluster (it is {})",
                    m.standing(host).name()
                )));
            }
            if m.leaving.contains(&host) {
                return Ok(None);
            }
            let stays = m.members.iter().any(|other| other.host_id != host && !m.leaving.contains(&other.host_id));
            if !stays {
                return Err(invalid("the last member cannot leave".into()));
            }
            check_may_move(m)?;
            Ok(Some(Change::Leaving(host)))
        })
    }

    /// Takes a member out that was leaving.
    pub(super) fn end_leave(host: HostId) -> Self {
        ChangeRequest::new(host.to_string(), move |m| {
            if !m.leaving.contains(&host) {
                return Ok(None);
            }
            check_may_move(m)?;
            Ok(Some(Change::Left(host)))
        })
    }

    /// Puts the addresses of `from` into its record; place and tokens stay, for data lies by them.
    pub(super) fn set_addresses(from: Member) -> Self {
        ChangeRequest::new(format!("{} at {}", from.host_id, from.listen_address), move |m| {
            let recorded = m.member(from.host_id).filter(|recorded| !same_addresses(recorded, &from));
            Ok(recorded.map(|_| Change::Addresses(from.clone())))
        })
    }

    /// Brings to an end what this node has accepted for `position`; changes nothing of its own. Once the position is
    /// decided there is nothing left to do.
    pub(super) fn settle(position: LogPosition) -> Self {
        let make = move |m: &Metadata| Ok((m.position.next() == position).then_some(Change::Deciders));
        ChangeRequest { is_forced: true, ..ChangeRequest::new("settled".into(), make) }
    }

    /// Chooses the deciders anew.
    pub(super) fn choose_deciders() -> Self {
        ChangeRequest::new("chosen anew".into(), |_| Ok(Some(Change::Deciders)))
    }

    /// Lets a member back in that was given up at a recovery.
    pub fn readmit(host: HostId) -> Self {
        ChangeRequest::new(host.to_string(), move |m| {
            if m.member(host).is_none() {
                return Err(invalid(format!(
                    "{host} is no member of this cluster (it is {})",
                    m.standing(host).name()
                )));
            }
            Ok(m.lost.contains(&host).then_some(Change::Readmitted(host)))
        })
    }

    pub(super) fn make(&self, metadata: &Metadata) -> Result<Option<Change>, Refusal> {
        (self.make)(metadata)
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::Invalid(CqlError::Invalid(message))
}

/// Ranges change hands only while there is nothing in them to move.
fn check_may_move(metadata: &Metadata) -> Result<(), Refusal> {
    if metadata.has_user_tables() {
        return Err(invalid(TABLES_REFUSAL.into()));
    }
    Ok(())
}

/// Why members do not change once there is data.
pub(super) const TABLES_REFUSAL: &str = "the cluster has tables already, and moving data between nodes is not supported \
                                         yet: nodes join and leave before the first CREATE TABLE";

/// Whether two records of a member name the same addresses.
pub(super) fn same_addresses(a: &Member, b: &Member) -> bool {
    a.listen_address == b.listen_address
        && a.storage_port == b.storage_port
        && a.rpc_address == b.rpc_address
        && a.native_transport_port == b.native_transport_port
}
