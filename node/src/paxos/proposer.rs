//! The proposer: one attempt to have a value chosen.

use std::collections::{BTreeMap, BTreeSet};

use starling_planted::{Bug, is_planted};
use starling_ring::HostId;

use super::{Answer, Ballot};

/// One attempt, in one ballot.
#[derive(Clone, Debug)]
pub struct Proposer<V> {
    ballot: Ballot,
    acceptors: BTreeSet<HostId>,
    wanted: V,
    stage: Stage<V>,
}

#[derive(Clone, Debug)]
enum Stage<V> {
    Preparing { promises: BTreeMap<HostId, Option<(Ballot, V)>> },
    Accepting { value: V, accepted_by: BTreeSet<HostId> },
    Ended,
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<V> {
    /// Nothing yet.
    Wait,
    /// A majority has promised: ask all acceptors to accept this value. It is another's if one may be chosen already.
    Accept(V),
    /// It is chosen, for ever.
    Chosen(V),
    /// A higher ballot is under way. If `Accept` was asked for, the value may be chosen all the same.
    Outbid(Ballot),
}

impl<V: Clone> Proposer<V> {
    /// An attempt to have `wanted` chosen by a majority of `acceptors`: ask all of them to promise the ballot.
    pub fn new(ballot: Ballot, acceptors: BTreeSet<HostId>, wanted: V) -> Self {
        Proposer { ballot, acceptors, wanted, stage: Stage::Preparing { promises: BTreeMap::new() } }
    }

    /// The attempt's ballot.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// Who is asked.
    pub fn acceptors(&self) -> &BTreeSet<HostId> {
        &self.acceptors
    }

    /// An acceptor's answer to a message of this ballot. One that arrives again, or late, or from a stranger, changes
    /// nothing.
    pub fn on_answer(&mut self, from: HostId, ballot: Ballot, answer: Answer<V>) -> Step<V> {
        if ballot != self.ballot || !self.acceptors.contains(&from) {
            return Step::Wait;
        }
        let majority = self.acceptors.len() / 2 + 1;
        match (&mut self.stage, answer) {
            (Stage::Preparing { .. } | Stage::Accepting { .. }, Answer::Refused(promised)) => {
                self.stage = Stage::Ended;
                Step::Outbid(promised)
            }
            (Stage::Preparing { promises }, Answer::Promised(accepted)) => {
                promises.insert(from, accepted);
                if promises.len() < majority {
                    return Step::Wait;
                }
                let last = promises.values().flatten().max_by_key(|(ballot, _)| *ballot);
                let last = last.filter(|_| !is_planted(Bug::IgnoreAccepted));
                let value = last.map_or_else(|| self.wanted.clone(), |(_, value)| value.clone());
                self.stage = Stage::Accepting { value: value.clone(), accepted_by: BTreeSet::new() };
                Step::Accept(value)
            }
            (Stage::Accepting { value, accepted_by }, Answer::Accepted) => {
                accepted_by.insert(from);
                if accepted_by.len() < majority {
                    return Step::Wait;
                }
                let value = value.clone();
                self.stage = Stage::Ended;
                Step::Chosen(value)
            }
            _ => Step::Wait,
        }
    }
}
