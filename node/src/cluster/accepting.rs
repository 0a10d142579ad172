//! A decider's part: what it promises and accepts for the entry after the last one.

use starling_planted::{Bug, is_planted};
use starling_ring::HostId;

use super::entry::Entry;
use super::{Cluster, ClusterAction, LogPosition, journal};
use crate::message::ClusterMessage;
use crate::paxos::{Acceptance, Answer, Ballot};

impl Cluster {
    /// Another node asks for a promise.
    pub(super) fn answer_prepare(&mut self, now_ms: u64, from: HostId, position: LogPosition, ballot: Ballot) {
        if ballot.proposer == from && self.is_next(now_ms, from, position) {
            let answer = self.decide(position, |acceptance| acceptance.on_prepare(ballot));
            self.send_answer(from, position, ballot, answer);
        }
    }

    /// Another node asks to accept an entry.
    pub(super) fn answer_accept(&mut self, now_ms: u64, from: HostId, ballot: Ballot, entry: Entry) {
        let position = entry.position;
        if ballot.proposer == from && self.is_next(now_ms, from, position) {
            let answer = self.accept(ballot, entry);
            self.send_answer(from, position, ballot, answer);
        }
    }

    fn send_answer(&mut self, to: HostId, position: LogPosition, ballot: Ballot, answer: Option<Answer<Entry>>) {
        if let Some(answer) = answer {
            self.send(to, ClusterMessage::Answer { position, ballot, answer: Box::new(answer) });
        }
    }

    /// Whether a decree is the one after the last entry here. Whoever is behind is told, whoever is ahead is asked.
    fn is_next(&mut self, now_ms: u64, from: HostId, position: LogPosition) -> bool {
        let Some(metadata) = &self.metadata else { return false };
        let next = metadata.position.next();
        if position.generation == next.generation && position.epoch < next.epoch {
            let have = LogPosition { epoch: position.epoch.saturating_sub(1), ..position };
            self.send_missing(from, have);
        } else if position > next {
            self.fetch_if_newer(now_ms, from, position);
        }
        position == next
    }

    pub(super) fn promise(&mut self, position: LogPosition, ballot: Ballot) -> Option<Answer<Entry>> {
        self.decide(position, |acceptance| acceptance.on_prepare(ballot))
    }

    pub(super) fn accept(&mut self, ballot: Ballot, entry: Entry) -> Option<Answer<Entry>> {
        // What does not fit is not accepted, so that what is decided always fits.
        self.metadata.as_ref()?.apply(&entry).ok()?;
        self.decide(entry.position, |acceptance| {
            if is_planted(Bug::AcceptLowerBallot) {
                acceptance.accepted = Some((ballot, entry));
                return Answer::Accepted;
            }
            acceptance.on_accept(ballot, entry)
        })
    }

    /// Lets the acceptor of the decree at `position` answer. What it answers is durable before it is sent.
    fn decide(
        &mut self,
        position: LogPosition,
        act: impl FnOnce(&mut Acceptance<Entry>) -> Answer<Entry>,
    ) -> Option<Answer<Entry>> {
        let own = self.host_id();
        if !self.deciders().contains(&own) {
            return None;
        }
        let mut acceptance = match &self.acceptance {
            Some((at, acceptance)) if *at == position => acceptance.clone(),
            _ => Acceptance::default(),
        };
        let before = acceptance.clone();
        let answer = act(&mut acceptance);
        if acceptance != before {
            let records = match journal::acceptance(position, &acceptance) {
                Ok(records) => records,
                Err(error) => {
                    self.end(format!("a promise cannot be stored: {error}"));
                    return None;
                }
            };
            self.acceptance = Some((position, acceptance));
            if !is_planted(Bug::ForgetPromise) {
                self.actions.push_back(ClusterAction::Persist(records));
            }
        }
        Some(answer)
    }

    /// Whether something was accepted here for the next entry that may be decided or not.
    pub(super) fn has_undecided(&self) -> bool {
        let Some(metadata) = &self.metadata else { return false };
        let next = metadata.position.next();
        self.acceptance.as_ref().is_some_and(|(at, acceptance)| *at == next && acceptance.accepted.is_some())
    }
}
