//! A majority of those that decide is lost for good; the log goes on from one survivor; some of the lost come back.

use starling_node::cluster::{ChangeRequest, LogPosition, RecoverError, Standing, majority};
use starling_ring::HostId;

use super::world::{Event, LogWorld, Phase};

/// How it goes.
pub struct Recovery {
    /// Where the operator does it. Once it was begun there it is not begun elsewhere: two survivors that recover both
    /// make two logs.
    survivor: usize,
    doomed: Vec<usize>,
    began_us: u64,
    /// What it stood on before.
    before: LogPosition,
    is_done: bool,
}

impl Recovery {
    /// Not at its end yet.
    pub fn is_open(&self) -> bool {
        !self.is_done
    }
}

/// Deaths are seen by then.
const SEEN_DEAD_AFTER_US: u64 = 9_000_000;
/// If there is a majority after all for so long, nothing has to be recovered.
const GIVEN_UP_AFTER_US: u64 = 40_000_000;

impl LogWorld {
    /// The operator looks at it.
    pub(super) fn tick_recovery(&mut self) {
        let pause_us = self.random.between(400_000, 1_500_000);
        self.after(pause_us, Event::Recover);
        match &self.recovery {
            None if self.phase == Phase::Faults => self.lose_majority(),
            None => {}
            Some(recovery) if recovery.is_done => self.bring_back(),
            Some(recovery) if self.now_us < recovery.began_us + SEEN_DEAD_AFTER_US => {}
            Some(_) => self.try_recovery(),
        }
    }

    fn lose_majority(&mut self) {
        let Some(newest) = self.oracle.history.newest().cloned() else { return };
        if newest.members.len() < 3 || newest.deciders.len() < 3 {
            return;
        }
        let mut deciders: Vec<HostId> = newest.deciders.clone();
        for at in 0..deciders.len() {
            let other = at + self.random.below((deciders.len() - at) as u64) as usize;
            deciders.swap(at, other);
        }
        let lost = self.random.between(majority(deciders.len()) as u64, deciders.len() as u64) as usize;
        deciders.truncate(lost.min(newest.members.len() - 1));
        let doomed: Vec<usize> = deciders.iter().filter_map(|host| self.place_of(*host)).collect();
        let survivors = newest.members.iter().filter_map(|member| self.place_of(member.host_id));
        // Who knows itself that it is a member: from another nothing can be recovered.
        let is_in = |node: usize| {
            let own = self.machines[node].life.as_ref().and_then(|life| life.metadata());
            self.machines[node].is_ready && own.is_some_and(|own| own.member(self.machines[node].host()).is_some())
        };
        let survivors: Vec<usize> = survivors.filter(|node| !doomed.contains(node) && is_in(*node)).collect();
        if survivors.is_empty() {
            return;
        }
        let survivor = survivors[self.random.below(survivors.len() as u64) as usize];
        self.note(12, survivor as u64, doomed.len() as u64);
        for &node in &doomed {
            self.faults += 1;
            self.crash(node);
            if self.random.one_in(2) {
                self.machines[node].is_wiped = true;
            } else {
                self.machines[node].is_held = true;
            }
        }
        let (began_us, before) = (self.now_us, newest.position);
        self.recovery = Some(Recovery { survivor, doomed, began_us, before, is_done: false });
    }

    fn try_recovery(&mut self) {
        let Some(recovery) = &self.recovery else { return };
        let (node, before) = (recovery.survivor, recovery.before);
        let is_hopeless = self.now_us > recovery.began_us + GIVEN_UP_AFTER_US;
        let now_ms = self.now_ms();
        if !self.machines[node].is_ready {
            return;
        }
        let outcome = self.machines[node].recover(now_ms);
        let position = self.machines[node].life.as_ref().map_or(LogPosition::ZERO, |life| life.position());
        let lives = self.carry_out(node);
        let is_new = position.generation > before.generation;
        self.note(13, node as u64, u64::from(outcome.is_ok()));
        let is_done = match outcome {
            Ok(_) => lives,
            // It was begun before, and the answer was lost with the node.
            Err(RecoverError::MajorityAlive { .. }) => is_new || is_hopeless,
            Err(RecoverError::OtherKnowsMore { host, .. }) => {
                let other = self.place_of(host);
                if let (Some(other), Some(recovery)) = (other.filter(|_| !is_new), &mut self.recovery)
                    && !recovery.doomed.contains(&other)
                {
                    recovery.survivor = other;
                }
                false
            }
            Err(RecoverError::NoMember) => false,
            Err(RecoverError::Failed(reason)) => return self.violation(format!("recovery failed: {reason}")),
        };
        if let Some(recovery) = &mut self.recovery {
            recovery.is_done = is_done;
        }
    }

    /// Lost machines whose disks are good are switched on again; some are readmitted.
    fn bring_back(&mut self) {
        let Some(recovery) = &self.recovery else { return };
        let (doomed, survivor) = (recovery.doomed.clone(), recovery.survivor);
        for node in doomed {
            if self.machines[node].is_held && (self.phase != Phase::Faults || self.random.one_in(4)) {
                self.machines[node].is_held = false;
                self.switch_on(node);
            }
        }
        let Some(newest) = self.oracle.history.newest().cloned() else { return };
        for node in 0..self.machines.len() {
            // Word that it was given up may have reached it after it was readmitted.
            let is_in = newest.standing(self.machines[node].host()) == Standing::Normal;
            if is_in && self.machines[node].ended.is_some() && newest.continues(self.machines[node].shown) {
                self.machines[node].ended = None;
                self.switch_on(node);
            }
        }
        let is_stuck = self.phase != Phase::Faults
            && self.machines[survivor].life.as_ref().is_some_and(|life| !life.has_majority());
        if is_stuck && self.machines[survivor].is_ready {
            // Those that it took for alive were dead: again.
            let now_ms = self.now_ms();
            // A refusal says that it is not needed after all.
            let outcome = self.machines[survivor].recover(now_ms);
            self.note(14, survivor as u64, u64::from(outcome.is_ok()));
            self.carry_out(survivor);
            return;
        }
        let lost: Vec<HostId> = newest.lost.iter().copied().collect();
        if self.phase != Phase::Faults || lost.is_empty() || !self.random.one_in(4) {
            return;
        }
        let host = lost[self.random.below(lost.len() as u64) as usize];
        let is_good =
            self.place_of(host).is_some_and(|node| !self.machines[node].is_wiped && !self.machines[node].is_held);
        if is_good && let Some(node) = self.some_node_of(newest.position) {
            self.ask_of_member(node, host, "readmitted", ChangeRequest::readmit(host));
        }
    }

    /// An open node of that generation: the operator knows which log counts.
    fn some_node_of(&mut self, position: LogPosition) -> Option<usize> {
        let open: Vec<usize> = self.open_nodes();
        let stands = |&&node: &&usize| {
            self.machines[node].life.as_ref().is_some_and(|life| life.position().generation == position.generation)
        };
        let fitting: Vec<usize> = open.iter().filter(stands).copied().collect();
        if fitting.is_empty() { None } else { Some(fitting[self.random.below(fitting.len() as u64) as usize]) }
    }

    /// A member was readmitted: it is started again.
    pub(super) fn readmitted(&mut self, host: HostId) {
        let Some(node) = self.place_of(host) else { return };
        let is_in = self.oracle.history.newest().is_some_and(|m| m.standing(host) == Standing::Normal);
        if is_in && self.machines[node].life.is_none() {
            self.machines[node].ended = None;
            self.after(100_000, Event::Start { node });
        }
    }
}
