//! Making the next epoch: a proposer asks every other member, then makes the change durable and publishes it.
//!
//! Why it is safe: a proposer commits epoch e+1 only after every other member granted base e while having no
//! proposal of its own open; it grants nobody while its own is open, and once it has committed, its epoch is
//! e+1, so it grants base e no more. Two nodes can therefore never both commit e+1. A stale grant does no
//! harm: grants count only for the proposal number that asked.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use starling_cql_lite::protocol::error::CqlError;
use starling_ring::allocation::allocate_tokens;
use starling_ring::{HostId, Member};

use super::{Cluster, ClusterAction, Metadata, Random};
use crate::message::ClusterMessage;
use crate::schema::Schema;

/// Changes that may wait for their turn; one more is refused.
pub const CHANGES_WAITING_MAX: usize = 128;

/// Makes the next metadata out of the current one; `Ok(None)`: nothing to change.
type Make = Box<dyn Fn(&Metadata) -> Result<Option<Metadata>, CqlError> + Send>;

/// A change of membership or schema, computed against whatever epoch it is finally made on.
pub struct ChangeRequest(Make);

impl fmt::Debug for ChangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeRequest")
    }
}

impl ChangeRequest {
    /// A schema change; `make` answers `Ok(None)` where there is nothing to do.
    pub fn schema(make: impl Fn(&Metadata) -> Result<Option<Schema>, CqlError> + Send + 'static) -> Self {
        ChangeRequest(Box::new(move |m| Ok(make(m)?.map(|schema| m.with_schema(schema)))))
    }

    /// Adds a member with tokens chosen for balance.
    pub(super) fn add_member(member: Member, num_tokens: usize) -> Self {
        ChangeRequest(Box::new(move |m| {
            let is_taken =
                |held: &Member| held.host_id == member.host_id || held.listen_address == member.listen_address;
            if m.has_user_tables() || m.members.iter().any(is_taken) {
                return Ok(None);
            }
            let tokens = allocate_tokens(&m.members, &member.datacenter, &member.rack, num_tokens);
            Ok(Some(m.with_member(Member { tokens, ..member.clone() })))
        }))
    }

    /// Puts the addresses of `from` into its record; place and tokens stay, for data lies by them.
    pub(super) fn set_addresses(from: Member) -> Self {
        ChangeRequest(Box::new(move |m| {
            let recorded = m.member(from.host_id).filter(|recorded| !same_addresses(recorded, &from));
            Ok(recorded.map(|recorded| {
                m.with_member(Member {
                    datacenter: recorded.datacenter.clone(),
                    rack: recorded.rack.clone(),
                    tokens: recorded.tokens.clone(),
                    ..from.clone()
                })
            }))
        }))
    }
}

/// Whether two records of a member name the same addresses.
pub(super) fn same_addresses(a: &Member, b: &Member) -> bool {
    a.listen_address == b.listen_address
        && a.storage_port == b.storage_port
        && a.rpc_address == b.rpc_address
        && a.native_transport_port == b.native_transport_port
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeError {
    /// The statement does not fit the schema.
    Invalid(CqlError),
    /// Members that have to agree are away; nothing was changed.
    MembersAway {
        /// All members.
        required: usize,
        /// Those alive.
        alive: usize,
        /// Addresses of those away.
        away: String,
    },
    /// Other changes kept coming in between; nothing was changed.
    Conflict,
    /// Too many changes wait already; nothing was changed.
    Overloaded,
}

/// Who hears of the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requester {
    /// A ticket that `ChangeDone` names.
    Ticket(u64),
    /// A node that asked to join.
    Applicant(HostId),
    /// Nobody.
    Nobody,
}

struct Waiting {
    requester: Requester,
    change: ChangeRequest,
    deadline_ms: u64,
    /// Members that left the last proposal without an answer.
    silent: Vec<HostId>,
}

enum Stage {
    /// Wait for grants; then commit this.
    Proposed { number: u64, next: Metadata, missing: BTreeSet<HostId>, until_ms: u64 },
    /// Withdrawn after a conflict: try again at this time.
    BackingOff { until_ms: u64 },
    /// Committed; wait for adoption.
    Published { epoch: u64, missing: BTreeSet<HostId>, until_ms: u64 },
}

/// The changes of this node: at most one open, the others wait in line.
pub(super) struct Changes {
    waiting: VecDeque<Waiting>,
    open: Option<(Waiting, Stage)>,
    next_number: u64,
}

impl Changes {
    pub(super) fn new(generation: u64) -> Self {
        // Numbers of an earlier life must not be taken for those of this one.
        Changes { waiting: VecDeque::new(), open: None, next_number: generation << 24 }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.open.is_some() || !self.waiting.is_empty()
    }

    fn is_proposing(&self) -> bool {
        matches!(self.open, Some((_, Stage::Proposed { .. })))
    }
}

impl Cluster {
    /// Asks for a change; `ChangeDone` with `ticket` says how it ended.
    pub fn request_change(&mut self, now_ms: u64, ticket: u64, change: ChangeRequest) {
        self.request(now_ms, Requester::Ticket(ticket), change);
    }

    pub(super) fn request(&mut self, now_ms: u64, requester: Requester, change: ChangeRequest) {
        if self.changes.waiting.len() >= CHANGES_WAITING_MAX {
            self.report(requester, Err(ChangeError::Overloaded));
            return;
        }
        let deadline_ms = now_ms + self.config.change_timeout_ms;
        self.changes.waiting.push_back(Waiting { requester, change, deadline_ms, silent: Vec::new() });
        self.start_next(now_ms);
    }

    /// Changes that wait for their turn.
    pub fn changes_waiting(&self) -> usize {
        self.changes.waiting.len()
    }

    fn start_next(&mut self, now_ms: u64) {
        while self.changes.open.is_none() {
            let Some(waiting) = self.changes.waiting.pop_front() else {
                return;
            };
            self.propose(now_ms, waiting);
        }
    }

    fn propose(&mut self, now_ms: u64, waiting: Waiting) {
        let Some(metadata) = self.metadata.clone() else { return };
        let next = match (waiting.change.0)(&metadata) {
            Ok(Some(next)) => next,
            Ok(None) => return self.report(waiting.requester, Ok(metadata)),
            Err(error) => return self.report(waiting.requester, Err(ChangeError::Invalid(error))),
        };
        let away: Vec<&Member> = metadata.members.iter().filter(|m| !self.is_alive(m.host_id)).collect();
        if !away.is_empty() {
            let error = members_away(&metadata, &away);
            return self.report(waiting.requester, Err(error));
        }
        let own = self.host_id();
        let missing: BTreeSet<HostId> = metadata.members.iter().map(|m| m.host_id).filter(|h| *h != own).collect();
        let number = self.changes.next_number;
        self.changes.next_number += 1;
        for host in missing.iter().copied() {
            self.send(host, ClusterMessage::Propose { proposal: number, base_epoch: metadata.epoch });
        }
        let until_ms = now_ms + self.config.proposal_timeout_ms;
        self.changes.open = Some((waiting, Stage::Proposed { number, next, missing, until_ms }));
        self.commit_if_granted(now_ms);
    }

    pub(super) fn answer_proposal(&mut self, from: HostId, proposal: u64, base_epoch: u64) {
        let Some(metadata) = self.metadata.clone() else { return };
        let granted = metadata.member(from).is_some() && metadata.epoch == base_epoch && !self.changes.is_proposing();
        self.send(from, ClusterMessage::ProposeAnswer { proposal, granted, epoch: metadata.epoch });
    }

    pub(super) fn on_proposal_answer(
        &mut self,
        now_ms: u64,
        from: HostId,
        proposal: u64,
        granted: bool,
        epoch: u64,
        random: Random<'_>,
    ) {
        if let Some((_, Stage::Proposed { number, missing, .. })) = &mut self.changes.open
            && *number == proposal
        {
            if granted {
                missing.remove(&from);
                self.commit_if_granted(now_ms);
            } else {
                self.back_off(now_ms, random);
            }
        }
        self.fetch_if_newer(now_ms, from, epoch);
    }

    fn commit_if_granted(&mut self, now_ms: u64) {
        let Some((waiting, stage)) = self.changes.open.take() else {
            return;
        };
        let current_epoch = self.epoch();
        match stage {
            Stage::Proposed { next, missing, .. } if missing.is_empty() && next.epoch == current_epoch + 1 => {
                let epoch = next.epoch;
                let next = Arc::new(next);
                self.adopt(now_ms, next.clone());
                let own = self.host_id();
                let missing: BTreeSet<HostId> = next.members.iter().map(|m| m.host_id).filter(|h| *h != own).collect();
                for host in missing.iter().copied() {
                    self.send(host, ClusterMessage::Publish(Box::new((*next).clone())));
                }
                let until_ms = now_ms + self.config.publish_timeout_ms;
                self.changes.open = Some((waiting, Stage::Published { epoch, missing, until_ms }));
                if let Requester::Applicant(_) = self.changes.open.as_ref().map_or(Requester::Nobody, |o| o.0.requester)
                {
                    self.finish(now_ms);
                } else {
                    self.finish_if_adopted(now_ms);
                }
            }
            stage => self.changes.open = Some((waiting, stage)),
        }
    }

    pub(super) fn on_publish_answer(&mut self, now_ms: u64, from: HostId, epoch: u64) {
        if let Some((_, Stage::Published { epoch: wanted, missing, .. })) = &mut self.changes.open
            && epoch >= *wanted
        {
            missing.remove(&from);
        }
        self.finish_if_adopted(now_ms);
    }

    /// Whoever gossips an epoch has it on its disk: a lost answer does not hold the change up.
    fn note_gossiped_adoption(&mut self) {
        let Some((_, Stage::Published { epoch, missing, .. })) = &self.changes.open else {
            return;
        };
        let wanted = *epoch;
        let adopted: Vec<HostId> =
            missing.iter().copied().filter(|host| self.gossiped_epoch(*host) >= Some(wanted)).collect();
        if let Some((_, Stage::Published { missing, .. })) = &mut self.changes.open {
            missing.retain(|host| !adopted.contains(host));
        }
    }

    /// Newer metadata came from elsewhere: a proposal on the former epoch is void, so it need not time out.
    pub(super) fn withdraw_if_overtaken(&mut self, now_ms: u64) {
        let current_epoch = self.epoch();
        let is_void = |stage: &Stage| matches!(stage, Stage::Proposed { next, .. } if next.epoch <= current_epoch);
        if let Some((waiting, _)) = self.changes.open.take_if(|(_, stage)| is_void(stage)) {
            self.changes.open = Some((waiting, Stage::BackingOff { until_ms: now_ms }));
        }
    }

    fn finish_if_adopted(&mut self, now_ms: u64) {
        if let Some((_, Stage::Published { missing, until_ms, .. })) = &self.changes.open
            && (missing.is_empty() || now_ms >= *until_ms)
        {
            self.finish(now_ms);
        }
    }

    fn finish(&mut self, now_ms: u64) {
        if let Some((waiting, _)) = self.changes.open.take()
            && let Some(metadata) = self.metadata.clone()
        {
            self.report(waiting.requester, Ok(metadata));
        }
        self.start_next(now_ms);
    }

    fn back_off(&mut self, now_ms: u64, random: Random<'_>) {
        if let Some((mut waiting, stage)) = self.changes.open.take() {
            let until_ms = now_ms + 20 + random() % 180;
            waiting.silent = match stage {
                Stage::Proposed { missing, until_ms, .. } if now_ms >= until_ms => missing.into_iter().collect(),
                _ => Vec::new(),
            };
            self.changes.open = Some((waiting, Stage::BackingOff { until_ms }));
        }
    }

    pub(super) fn tick_changes(&mut self, now_ms: u64, random: Random<'_>) {
        self.note_gossiped_adoption();
        self.finish_if_adopted(now_ms);
        match &self.changes.open {
            Some((_, Stage::Proposed { until_ms, .. })) if now_ms >= *until_ms => self.back_off(now_ms, random),
            Some((_, Stage::BackingOff { until_ms })) if now_ms >= *until_ms => {
                if let Some((waiting, _)) = self.changes.open.take() {
                    if now_ms >= waiting.deadline_ms {
                        let error = self.given_up(&waiting);
                        self.report(waiting.requester, Err(error));
                    } else {
                        self.propose(now_ms, waiting);
                    }
                }
            }
            _ => {}
        }
        self.start_next(now_ms);
    }

    /// Why a change is given up after its last attempt.
    fn given_up(&self, waiting: &Waiting) -> ChangeError {
        match &self.metadata {
            Some(metadata) if !waiting.silent.is_empty() => {
                let away: Vec<&Member> = waiting.silent.iter().filter_map(|host| metadata.member(*host)).collect();
                members_away(metadata, &away)
            }
            _ => ChangeError::Conflict,
        }
    }

    fn report(&mut self, requester: Requester, outcome: Result<Arc<Metadata>, ChangeError>) {
        match requester {
            Requester::Ticket(ticket) => self.actions.push_back(ClusterAction::ChangeDone(ticket, outcome)),
            Requester::Applicant(host) => {
                self.answer_applicant(host, outcome.map_err(|e| format!("the change was not made: {e:?}")));
            }
            Requester::Nobody => {}
        }
    }
}

fn members_away(metadata: &Metadata, away: &[&Member]) -> ChangeError {
    let required = metadata.members.len();
    let names: Vec<String> = away.iter().map(|m| m.listen_address.to_string()).collect();
    ChangeError::MembersAway { required, alive: required - away.len(), away: names.join(", ") }
}
