//! Changes that this node proposes: one at a time, each an attempt after another until its fate is known.
//!
//! A change is "refused" only if its entry was never sent to a decider to accept, or another entry was decided in its
//! place. Once it was sent and nobody has said what became of it, it is "unknown": it may still be decided.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use starling_cql_lite::protocol::error::CqlError;
use starling_planted::{Bug, is_planted};
use starling_ring::{HostId, Member};

use super::change::{ChangeError, ChangeRequest, Refusal};
use super::deciders::{choose, majority};
use super::entry::{Change, Entry, EntryId};
use super::{Cluster, ClusterAction, LogPosition, Metadata, Random};
use crate::message::{ClusterMessage, wire};
use crate::paxos::{Answer, Ballot, Proposer, Step};

/// Changes that may wait for their turn; one more is refused.
pub const CHANGES_WAITING_MAX: usize = 128;
/// Between two sendings of the same question, in milliseconds. Shorter: quicker after a loss, more messages.
const RESEND_MS: u64 = 300;
/// Largest encoded entry in bytes: a quarter of what may be kept for others that catch up.
const ENTRY_BYTES_MAX: usize = 1 << 20;

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
    /// The entry that was made of it for the present position.
    entry: Option<Entry>,
    /// That entry was sent to be accepted: its fate is open until the position is decided.
    is_exposed: bool,
    /// Deciders that left the last attempt without an answer.
    silent: Vec<HostId>,
    /// What it waits for, if it may not be made yet.
    blocked_by: Option<String>,
}

/// One attempt.
struct Attempt {
    proposer: Proposer<Entry>,
    position: LogPosition,
    /// The value that is to be accepted, once promised.
    accepting: Option<Entry>,
    unanswered: BTreeSet<HostId>,
    until_ms: u64,
    resend_ms: u64,
}

enum Stage {
    Deciding(Box<Attempt>),
    /// Try again at this time.
    BackingOff {
        until_ms: u64,
    },
    /// Decided; wait for adoption.
    Published {
        position: LogPosition,
        missing: BTreeSet<HostId>,
        until_ms: u64,
    },
}

/// The changes of this node: at most one open, the others wait in line.
pub(super) struct Proposing {
    waiting: VecDeque<Waiting>,
    open: Option<(Waiting, Stage)>,
    /// The highest round that was seen or used.
    round: u64,
    /// Entries made in this life.
    entries: u64,
    /// The loop that begins changes runs: what ends within it does not begin it anew.
    is_starting: bool,
}

impl Proposing {
    pub(super) fn new() -> Self {
        Proposing { waiting: VecDeque::new(), open: None, round: 0, entries: 0, is_starting: false }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.open.is_some() || !self.waiting.is_empty()
    }

    /// Whether the open change waits for something else to end.
    pub(super) fn is_blocked(&self) -> bool {
        matches!(&self.open, Some((waiting, Stage::BackingOff { .. })) if waiting.blocked_by.is_some())
    }

    /// Lets the others in line go before a change that waits for something else.
    fn set_blocked_aside(&mut self) {
        if self.is_blocked()
            && let Some((waiting, _)) = self.open.take()
        {
            self.waiting.push_back(waiting);
        }
    }

    /// Whether a change for this requester is on its way.
    pub(super) fn has(&self, requester: Requester) -> bool {
        let open = self.open.iter().map(|(waiting, _)| waiting);
        open.chain(&self.waiting).any(|waiting| waiting.requester == requester)
    }
}

impl Cluster {
    /// Asks for a change; `ChangeDone` with `ticket` says how it ended.
    pub fn request_change(&mut self, now_ms: u64, ticket: u64, change: ChangeRequest) {
        self.request(now_ms, Requester::Ticket(ticket), change);
    }

    pub(super) fn request(&mut self, now_ms: u64, requester: Requester, change: ChangeRequest) {
        if self.proposing.waiting.len() >= CHANGES_WAITING_MAX {
            self.report(requester, Err(ChangeError::Overloaded));
            return;
        }
        let waiting = self.waiting(now_ms, requester, change);
        self.proposing.waiting.push_back(waiting);
        self.start_next(now_ms);
    }

    /// A change that nobody waits for and others may wait for: before all that have not begun.
    pub(super) fn request_first(&mut self, now_ms: u64, change: ChangeRequest) {
        let waiting = self.waiting(now_ms, Requester::Nobody, change);
        self.proposing.set_blocked_aside();
        self.proposing.waiting.push_front(waiting);
        self.start_next(now_ms);
    }

    fn waiting(&self, now_ms: u64, requester: Requester, change: ChangeRequest) -> Waiting {
        let deadline_ms = now_ms + self.config.change_timeout_ms;
        let (silent, blocked_by) = (Vec::new(), None);
        Waiting { requester, change, deadline_ms, entry: None, is_exposed: false, silent, blocked_by }
    }

    /// Changes that wait for their turn.
    pub fn changes_waiting(&self) -> usize {
        self.proposing.waiting.len()
    }

    fn start_next(&mut self, now_ms: u64) {
        if std::mem::replace(&mut self.proposing.is_starting, true) {
            return;
        }
        while self.proposing.open.is_none() && self.metadata.is_some() && !self.is_ended {
            let Some(waiting) = self.proposing.waiting.pop_front() else { break };
            self.propose(now_ms, waiting);
        }
        self.proposing.is_starting = false;
    }

    /// Begins an attempt.
    fn propose(&mut self, now_ms: u64, mut waiting: Waiting) {
        let Some(metadata) = self.metadata.clone() else { return };
        if waiting.entry.is_none() {
            match self.make_entry(&metadata, &waiting.change) {
                Ok(Some(entry)) => waiting.entry = Some(entry),
                Ok(None) => return self.report(waiting.requester, Ok(metadata)),
                Err(Refusal::Invalid(error)) => {
                    return self.report(waiting.requester, Err(ChangeError::Invalid(error)));
                }
                Err(Refusal::Later(reason)) => {
                    waiting.blocked_by = Some(reason);
                    let stage = Stage::BackingOff { until_ms: now_ms + RESEND_MS };
                    self.proposing.open = Some((waiting, stage));
                    return;
                }
            }
        }
        waiting.blocked_by = None;
        let deciders: BTreeSet<HostId> = self.asked_deciders(&metadata);
        let away: Vec<HostId> = deciders.iter().copied().filter(|host| !self.is_alive(*host)).collect();
        if deciders.len() - away.len() < majority(deciders.len()) && !waiting.is_exposed {
            let error = no_majority(&metadata, deciders.len(), &away);
            return self.report(waiting.requester, Err(error));
        }
        if let Err(error) = self.check_all(&metadata, &waiting) {
            return self.report(waiting.requester, Err(error));
        }
        let Some(ballot) = Ballot::above(self.proposing.round, self.host_id(), self.identity.generation) else {
            let error = self.given_up(&waiting);
            return self.report(waiting.requester, Err(error));
        };
        let Some(entry) = waiting.entry.clone() else { return };
        self.proposing.round = ballot.round;
        let attempt = Attempt {
            position: entry.position,
            proposer: Proposer::new(ballot, deciders.clone(), entry),
            accepting: None,
            unanswered: deciders,
            until_ms: now_ms + self.config.proposal_timeout_ms,
            resend_ms: now_ms + RESEND_MS,
        };
        self.proposing.open = Some((waiting, Stage::Deciding(Box::new(attempt))));
        self.ask(now_ms);
    }

    /// Deciders for the entry after `draft`: never so that too few of them are alive, if it can be helped.
    fn chosen_deciders(&self, draft: &Metadata) -> Vec<HostId> {
        let is_alive = |host: HostId| self.is_alive(host);
        let eligible = draft.eligible();
        let chosen = choose(&eligible, &draft.deciders, is_alive);
        if chosen.iter().filter(|host| is_alive(**host)).count() >= majority(chosen.len()) {
            return chosen;
        }
        let live: Vec<&Member> = eligible.into_iter().filter(|member| is_alive(member.host_id)).collect();
        if live.is_empty() { chosen } else { choose(&live, &draft.deciders, is_alive) }
    }

    /// Whom an attempt asks: those that the last entry names.
    fn asked_deciders(&self, metadata: &Metadata) -> BTreeSet<HostId> {
        if is_planted(Bug::WrongDeciders) && !self.previous_deciders.is_empty() {
            return self.previous_deciders.iter().copied().collect();
        }
        metadata.deciders.iter().copied().collect()
    }

    /// The entry that would make a change; `None`: there is nothing to change.
    fn make_entry(&mut self, metadata: &Metadata, request: &ChangeRequest) -> Result<Option<Entry>, Refusal> {
        let Some(change) = request.make(metadata)? else { return Ok(None) };
        let position = metadata.position.next();
        let refused = |error: String| Refusal::Invalid(CqlError::Invalid(error));
        let draft = metadata.draft(position, &change).map_err(|error| refused(error.to_string()))?;
        let deciders = match &change {
            // A readmitted member is not there yet.
            Change::Schema(_) | Change::Addresses(_) | Change::Readmitted(_) => metadata.deciders.clone(),
            _ => self.chosen_deciders(&draft),
        };
        if matches!(change, Change::Deciders) && deciders == metadata.deciders && !request.is_forced {
            return Ok(None);
        }
        self.proposing.entries += 1;
        let id = EntryId { proposer: self.host_id(), life: self.identity.generation, number: self.proposing.entries };
        let entry =
            Entry { position, id, proposed_at_ms: self.wall_ms, summary: request.summary.clone(), change, deciders };
        let next = metadata.apply(&entry).map_err(|error| refused(error.to_string()))?;
        let size = |encoded: Result<Vec<u8>, wire::WireError>| encoded.map_or(usize::MAX, |bytes| bytes.len());
        if size(wire::encode(&entry)) > ENTRY_BYTES_MAX || size(wire::encode(&next)) > wire::MESSAGE_SIZE_MAX_BYTES / 2
        {
            return Err(refused("the schema would become too large for the log that keeps it".into()));
        }
        Ok(Some(entry))
    }

    /// Sends the present question of the open attempt to those that have not answered it, this node among them.
    fn ask(&mut self, now_ms: u64) {
        let own = self.host_id();
        let Some((_, Stage::Deciding(attempt))) = &mut self.proposing.open else { return };
        attempt.resend_ms = now_ms + RESEND_MS;
        let (ballot, position) = (attempt.proposer.ballot(), attempt.position);
        let (accepting, unanswered) = (attempt.accepting.clone(), attempt.unanswered.clone());
        for host in unanswered.iter().copied().filter(|host| *host != own) {
            let message = match &accepting {
                None => ClusterMessage::Prepare { position, ballot },
                Some(entry) => ClusterMessage::Accept { ballot, entry: Box::new(entry.clone()) },
            };
            self.send(host, message);
        }
        if unanswered.contains(&own) {
            let answer = match accepting {
                None => self.promise(position, ballot),
                Some(entry) => self.accept(ballot, entry),
            };
            if let Some(answer) = answer {
                self.on_decider_answer(now_ms, own, position, ballot, answer, &mut || 0);
            }
        }
    }

    /// A decider has answered.
    pub(super) fn on_decider_answer(
        &mut self,
        now_ms: u64,
        from: HostId,
        position: LogPosition,
        ballot: Ballot,
        answer: Answer<Entry>,
        random: Random<'_>,
    ) {
        let Some((waiting, Stage::Deciding(attempt))) = &mut self.proposing.open else { return };
        if attempt.position != position || attempt.proposer.ballot() != ballot {
            return;
        }
        let is_of_stage = matches!(&answer, Answer::Accepted) == attempt.accepting.is_some();
        if is_of_stage || matches!(answer, Answer::Refused(_)) {
            attempt.unanswered.remove(&from);
        }
        match attempt.proposer.on_answer(from, ballot, answer) {
            Step::Wait => {}
            Step::Accept(entry) => {
                waiting.is_exposed |= waiting.entry.as_ref().is_some_and(|own| own.id == entry.id);
                attempt.accepting = Some(entry);
                attempt.unanswered = attempt.proposer.acceptors().clone();
                self.ask(now_ms);
            }
            Step::Chosen(entry) => self.on_chosen(now_ms, entry),
            Step::Outbid(other) => {
                self.proposing.round = self.proposing.round.max(other.round);
                self.back_off(now_ms, random);
            }
        }
    }

    fn on_chosen(&mut self, now_ms: u64, entry: Entry) {
        let Some(before) = self.metadata.clone() else { return };
        self.learn(now_ms, entry.clone());
        if self.position() >= entry.position {
            self.publish(&entry, &before);
        }
    }

    /// An entry was adopted, wherever it came from: the open change is made by it, or has to be made on top of it.
    pub(super) fn note_decided(&mut self, now_ms: u64, entry: &Entry) {
        let Some((mut waiting, stage)) = self.proposing.open.take() else { return };
        if matches!(stage, Stage::Published { .. }) {
            self.proposing.open = Some((waiting, stage));
            return;
        }
        if waiting.entry.as_ref().is_some_and(|own| own.id == entry.id) {
            let own = self.host_id();
            let metadata = self.metadata.clone();
            let admitted = metadata.iter().flat_map(|m| m.admitted()).map(|member| member.host_id);
            let needs_all = waiting.change.needs_all && !is_planted(Bug::TruncateOfSome);
            let missing = admitted.filter(|host| *host != own && (needs_all || self.is_alive(*host))).collect();
            let until_ms = now_ms + self.config.publish_timeout_ms;
            self.proposing.open = Some((waiting, Stage::Published { position: entry.position, missing, until_ms }));
            return self.finish_if_adopted(now_ms);
        }
        waiting.entry = None;
        waiting.is_exposed = false;
        self.proposing.open = Some((waiting, Stage::BackingOff { until_ms: now_ms }));
    }

    /// Metadata came without its entries: whether the open change is among them cannot be told.
    pub(super) fn note_jump(&mut self, now_ms: u64) {
        let Some((mut waiting, stage)) = self.proposing.open.take() else { return };
        if matches!(stage, Stage::Published { .. }) {
            self.proposing.open = Some((waiting, stage));
        } else if waiting.is_exposed {
            let error = self.unknown();
            self.report(waiting.requester, Err(error));
        } else {
            waiting.entry = None;
            self.proposing.open = Some((waiting, Stage::BackingOff { until_ms: now_ms }));
        }
    }

    /// A node has adopted everything up to `position`.
    pub(super) fn on_adopted(&mut self, now_ms: u64, from: HostId, position: LogPosition) {
        if let Some((_, Stage::Published { position: wanted, missing, .. })) = &mut self.proposing.open
            && position >= *wanted
        {
            missing.remove(&from);
        }
        self.finish_if_adopted(now_ms);
    }

    /// Whoever gossips a position has it on its disk: a lost answer does not hold the change up. Nor does who has died.
    fn note_gossiped_adoption(&mut self) {
        let Some((waiting, Stage::Published { position, missing, .. })) = &self.proposing.open else {
            return;
        };
        let needs_all = waiting.change.needs_all;
        let waits =
            |host: &HostId| (needs_all || self.is_alive(*host)) && self.gossiped_position(*host) < Some(*position);
        let still: BTreeSet<HostId> = missing.iter().copied().filter(waits).collect();
        if let Some((_, Stage::Published { missing, .. })) = &mut self.proposing.open {
            *missing = still;
        }
    }

    fn finish_if_adopted(&mut self, now_ms: u64) {
        let is_over = match &self.proposing.open {
            Some((waiting, Stage::Published { missing, until_ms, .. })) => {
                // An applicant need not wait for others than itself.
                missing.is_empty() || now_ms >= *until_ms || matches!(waiting.requester, Requester::Applicant(_))
            }
            _ => false,
        };
        if is_over && let Some((waiting, stage)) = self.proposing.open.take() {
            if let (Some(metadata), Stage::Published { missing, .. }) = (self.metadata.clone(), stage) {
                let needs_all = waiting.change.needs_all && !is_planted(Bug::TruncateOfSome);
                let is_confirmed = missing.is_empty() || !needs_all;
                let unconfirmed = || ChangeError::Unconfirmed { away: addresses(&metadata, missing.iter()) };
                let outcome = if is_confirmed { Ok(metadata.clone()) } else { Err(unconfirmed()) };
                self.report(waiting.requester, outcome);
            }
            self.start_next(now_ms);
        }
    }

    fn back_off(&mut self, now_ms: u64, random: Random<'_>) {
        if let Some((mut waiting, stage)) = self.proposing.open.take() {
            let until_ms = now_ms + 20 + random() % 180;
            waiting.silent = match stage {
                Stage::Deciding(attempt) if now_ms >= attempt.until_ms => attempt.unanswered.into_iter().collect(),
                _ => Vec::new(),
            };
            self.proposing.open = Some((waiting, Stage::BackingOff { until_ms }));
        }
    }

    pub(super) fn tick_proposing(&mut self, now_ms: u64, random: Random<'_>) {
        self.note_gossiped_adoption();
        self.finish_if_adopted(now_ms);
        match &self.proposing.open {
            Some((_, Stage::Deciding(attempt))) if now_ms >= attempt.until_ms => self.back_off(now_ms, random),
            Some((_, Stage::Deciding(attempt))) if now_ms >= attempt.resend_ms => self.ask(now_ms),
            Some((_, Stage::BackingOff { until_ms })) if now_ms >= *until_ms => {
                if let Some((waiting, _)) = self.proposing.open.take() {
                    if now_ms >= waiting.deadline_ms {
                        let error = self.given_up(&waiting);
                        self.report(waiting.requester, Err(error));
                    } else if waiting.blocked_by.is_some() && !self.proposing.waiting.is_empty() {
                        self.proposing.waiting.push_back(waiting);
                    } else {
                        self.propose(now_ms, waiting);
                    }
                }
            }
            _ => {}
        }
        self.start_next(now_ms);
    }

    /// Whether all are there, if the change needs them all.
    fn check_all(&self, metadata: &Metadata, waiting: &Waiting) -> Result<(), ChangeError> {
        if !waiting.change.needs_all || waiting.is_exposed || is_planted(Bug::TruncateOfSome) {
            return Ok(());
        }
        let all: Vec<HostId> = metadata.admitted().map(|member| member.host_id).collect();
        let away: Vec<HostId> = all.iter().copied().filter(|host| !self.is_alive(*host)).collect();
        if away.is_empty() {
            return Ok(());
        }
        let away_addresses = addresses(metadata, away.iter());
        Err(ChangeError::NotAll { required: all.len(), alive: all.len() - away.len(), away: away_addresses })
    }

    fn unknown(&self) -> ChangeError {
        ChangeError::Unknown { required: majority(self.deciders().len()) }
    }

    /// Why a change is given up after its last attempt.
    fn given_up(&self, waiting: &Waiting) -> ChangeError {
        match &self.metadata {
            _ if waiting.is_exposed => self.unknown(),
            _ if waiting.blocked_by.is_some() => ChangeError::Later(waiting.blocked_by.clone().unwrap_or_default()),
            Some(metadata) if !waiting.silent.is_empty() => {
                no_majority(metadata, metadata.deciders.len(), &waiting.silent)
            }
            _ => ChangeError::Conflict,
        }
    }

    pub(super) fn report(&mut self, requester: Requester, outcome: Result<Arc<Metadata>, ChangeError>) {
        match requester {
            Requester::Ticket(ticket) => self.actions.push_back(ClusterAction::ChangeDone(ticket, outcome)),
            Requester::Applicant(host) => self.answer_applicant(host, outcome),
            Requester::Nobody => {}
        }
    }
}

fn no_majority(metadata: &Metadata, deciders: usize, away: &[HostId]) -> ChangeError {
    ChangeError::NoMajority {
        required: majority(deciders),
        alive: deciders - away.len().min(deciders),
        away: addresses(metadata, away.iter()),
    }
}

fn addresses<'a>(metadata: &Metadata, hosts: impl Iterator<Item = &'a HostId>) -> String {
    let members = hosts.filter_map(|host| metadata.member(*host));
    members.map(|member| member.listen_address.to_string()).collect::<Vec<_>>().join(", ")
}
