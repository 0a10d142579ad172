//! Counting answers against a requirement.

use crate::requirement::Scope;
use crate::{ConsistencyLevel, Requirement};

/// Answers of one group whose answers are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    received: u32,
    failed: u32,
    outstanding: u32,
}

impl Count {
    fn is_met(self, required: u32) -> bool {
        self.received >= required
    }

    fn can_be_met(self, required: u32) -> bool {
        self.received.saturating_add(self.outstanding) >= required
    }
}

/// The answers to one request. Each replica contacted must be announced, and must succeed or fail once at
/// most; answers whose datacentre does not count are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    requirement: Requirement,
    /// All answers that count, or for EACH_QUORUM those from datacentres in `each`.
    count: Count,
    /// For EACH_QUORUM, in the order of the requirement's datacentres; else empty.
    each: Vec<Count>,
    has_hint: bool,
}

impl Tally {
    /// A tally of nothing yet.
    pub fn new(requirement: Requirement) -> Tally {
        let groups = match requirement.scope() {
            Scope::Each(quorums) => quorums.len(),
            _ => 0,
        };
        Tally { requirement, count: Count::default(), each: vec![Count::default(); groups], has_hint: false }
    }

    /// What it counts against.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// A replica in this datacentre was asked.
    pub fn contacted(&mut self, datacenter: u16) {
        self.update(datacenter, |count| count.outstanding = count.outstanding.saturating_add(1));
    }

    /// One of those asked there did what was asked.
    pub fn succeeded(&mut self, datacenter: u16) {
        self.update(datacenter, |count| {
            count.outstanding = count.outstanding.saturating_sub(1);
            count.received = count.received.saturating_add(1);
        });
    }

    /// One of those asked there refused, failed, or cannot answer any more.
    pub fn failed(&mut self, datacenter: u16) {
        self.update(datacenter, |count| {
            count.outstanding = count.outstanding.saturating_sub(1);
            count.failed = count.failed.saturating_add(1);
        });
    }

    /// A hint for some replica is durable: enough for ANY, nothing for the other levels.
    pub fn hinted(&mut self) {
        self.has_hint = true;
    }

    fn update(&mut self, datacenter: u16, change: impl Fn(&mut Count)) {
        if let Scope::Each(quorums) = self.requirement.scope() {
            let Some(group) = quorums.iter().position(|each| each.index == Some(datacenter)) else {
                return;
            };
            change(&mut self.each[group]);
        } else if !self.requirement.counts(datacenter) {
            return;
        }
        change(&mut self.count);
    }

    /// Whether enough answers are in.
    pub fn is_met(&self) -> bool {
        match self.requirement.scope() {
            Scope::Each(quorums) => quorums.iter().zip(&self.each).all(|(each, count)| count.is_met(each.required)),
            _ => self.count.is_met(self.requirement.required()) || self.is_any_with_hint(),
        }
    }

    /// Whether those not heard from yet could still make it enough. For ANY a hint always can.
    pub fn can_still_be_met(&self) -> bool {
        match self.requirement.scope() {
            Scope::Each(quorums) => quorums.iter().zip(&self.each).all(|(each, count)| count.can_be_met(each.required)),
            _ if self.requirement.level() == ConsistencyLevel::Any => true,
            _ => self.count.can_be_met(self.requirement.required()),
        }
    }

    fn is_any_with_hint(&self) -> bool {
        self.has_hint && self.requirement.level() == ConsistencyLevel::Any
    }

    /// Answers that count so far, as CQL's timeout and failure errors report them. For EACH_QUORUM no
    /// datacentre adds more than its quorum.
    pub fn received(&self) -> u32 {
        match self.requirement.scope() {
            Scope::Each(quorums) => {
                quorums.iter().zip(&self.each).map(|(each, count)| count.received.min(each.required)).sum()
            }
            _ => self.count.received,
        }
    }

    /// Failures among the replicas that count.
    pub fn failures(&self) -> u32 {
        self.count.failed
    }

    /// Replicas that count, were asked, and have neither succeeded nor failed.
    pub fn outstanding(&self) -> u32 {
        self.count.outstanding
    }

    /// Answers needed in all: `blockFor`.
    pub fn required(&self) -> u32 {
        self.requirement.required()
    }
}
