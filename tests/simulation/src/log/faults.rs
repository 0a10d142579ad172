//! Faults of network and power, the healing after them, and when all is well again.

use std::sync::Arc;

use starling_node::cluster::{LogPosition, Metadata, Standing};

use super::oracle::Oracle;
use super::world::{Event, HEALING_US, LogWorld, Phase};
use crate::nemesis::{self, Fault};
use crate::network::Weather;

impl LogWorld {
    /// The next fault.
    pub(super) fn nemesis(&mut self) {
        if self.phase != Phase::Faults {
            return;
        }
        let pause_us = self.random.between(self.shape.fault_pause_us.0, self.shape.fault_pause_us.1);
        self.after(pause_us, Event::Nemesis);
        let fault = nemesis::draw_links_and_power(&mut self.random, self.machines.len());
        if self.skips_fault() {
            return;
        }
        self.note(4, self.faults, 0);
        self.trace.say(self.now_us, format_args!("fault {}: {fault:?}", self.faults));
        match fault {
            Fault::Partition { side, one_way } => {
                let others: Vec<usize> = (0..self.machines.len()).filter(|n| !side.contains(n)).collect();
                self.network.partition(&side, &others, one_way);
            }
            Fault::Heal => self.network.heal(),
            Fault::Weather(weather) => self.network.weather = weather,
            Fault::Crash { node, .. } => self.power_cycle(node),
            Fault::CrashMany { nodes, .. } => nodes.into_iter().for_each(|node| self.power_cycle(node)),
            Fault::Cut { a, b, one_way } => self.network.partition(&[a], &[b], one_way),
            Fault::Slow { node, by_us } => self.network.slow_down(node, by_us),
            Fault::Pause { .. }
            | Fault::DiskError { .. }
            | Fault::DiskFull { .. }
            | Fault::DiskSlow { .. }
            | Fault::Damage { .. }
            | Fault::Wipe { .. }
            | Fault::Clock { .. } => unreachable!("links and power alone are drawn"),
        }
    }

    fn power_cycle(&mut self, node: usize) {
        if self.machines[node].life.is_some() {
            self.crash(node);
            // Some stay away until others decide in their place.
            let long = if self.random.one_in(4) { 30_000_000 } else { 4_000_000 };
            let delay_us = self.random.between(50_000, long);
            self.after(delay_us, Event::Start { node });
        }
    }

    /// The network is mended, and whoever can comes back.
    pub(super) fn begin_healing(&mut self) {
        self.phase = Phase::Healing;
        self.say(format_args!("the world heals"));
        self.network.heal();
        self.network.weather = Weather::calm();
        for node in 0..self.machines.len() {
            let machine = &self.machines[node];
            let generation = self.oracle.history.newest().map(|newest| newest.position.generation);
            let is_astray = machine.life.as_ref().is_some_and(|life| Some(life.position().generation) != generation);
            if is_astray || !machine.is_member {
                self.crash(node);
            }
            self.switch_on(node);
        }
    }

    /// Starts a machine that is off. Nobody whom it was told to ask may be there any more: the operator names others.
    pub(super) fn switch_on(&mut self, node: usize) {
        let members = self.member_addresses();
        if self.machines[node].life.is_none() && !members.is_empty() {
            self.machines[node].identity.seeds = members;
        }
        self.after(0, Event::Start { node });
    }

    /// A node has given up: that must have a reason.
    pub(super) fn gave_up(&mut self, node: usize, reason: String) {
        self.note(5, node as u64, 0);
        self.say(format_args!("node {node} gives up: {reason}"));
        if !self.may_give_up(node) {
            self.violation(format!("node {node} gave up: {reason}"));
        }
        self.crash(node);
        self.machines[node].ended = Some(reason);
    }

    fn may_give_up(&self, node: usize) -> bool {
        let machine = &self.machines[node];
        let Some(newest) = self.oracle.history.newest() else { return false };
        let standing = newest.standing(machine.host());
        // One that finds on its disk that it is not a part any more gives up before it has any metadata.
        let own = machine.life.as_ref().and_then(|life| life.metadata());
        let from = own.map_or(machine.shown, |own| own.position);
        // Word of it may be late, and it readmitted, or let in again, meanwhile.
        let was_lost = self.oracle.history.was_since(machine.host(), from, &[Standing::Lost]);
        let is_put_out = was_lost || matches!(standing, Standing::Left | Standing::Replaced | Standing::Lost);
        match from {
            LogPosition::ZERO => {
                let at = machine.identity.member.listen_address;
                // Who has refused it may not have heard of the last entries yet.
                let was_address_taken = self.oracle.history.was_taken_since(at, machine.host(), machine.began_at);
                let may_be_refused = was_address_taken || machine.identity.replaces.is_some();
                is_put_out || may_be_refused || self.oracle.history.had_tables
            }
            // On its way in it may have been forgotten.
            _ => {
                let was_forgotten = self.oracle.history.was_since(machine.host(), from, &[Standing::Unknown]);
                let is_forgotten = was_forgotten && !machine.is_member;
                is_put_out || is_forgotten || !newest.continues(from)
            }
        }
    }

    /// Whether all is well again, and whether anything takes too long.
    pub(super) fn look(&mut self) {
        self.check_answers();
        if self.phase == Phase::Faults {
            return;
        }
        if self.now_us >= self.end_us + HEALING_US {
            let problem = self.unwell().unwrap_or_else(|| "the last change is not made".into());
            return self.violation(format!("after all faults had ended, it did not come good: {problem}"));
        }
        if self.unwell().is_some() {
            return;
        }
        match self.phase {
            Phase::Healing => self.ask_last(),
            Phase::Last { wish } if self.oracle.is_done(wish) => {
                let nodes: Vec<Arc<Metadata>> =
                    self.machines.iter().filter_map(|m| m.life.as_ref()?.metadata().cloned()).collect();
                self.oracle.finish(self.now_us, &nodes);
                self.phase = Phase::Over;
            }
            _ => {}
        }
    }

    /// What is not as it should be.
    fn unwell(&self) -> Option<String> {
        for (node, machine) in self.machines.iter().enumerate() {
            match &machine.life {
                Some(life) if !machine.is_ready => {
                    let reason = life.waiting_reason().unwrap_or("no reason");
                    return Some(format!("node {node} has not opened at {} ({reason})", life.position()));
                }
                None if machine.may_start() => return Some(format!("node {node} is not up")),
                _ => {}
            }
        }
        if self.recovery.as_ref().is_some_and(|recovery| recovery.is_open()) {
            return Some("the log is not recovered".into());
        }
        if self.clients.iter().any(Option::is_some) || !self.requests.is_empty() {
            return Some("somebody waits for an answer".into());
        }
        let positions: Vec<LogPosition> =
            self.machines.iter().filter_map(|m| m.life.as_ref()).map(|life| life.position()).collect();
        if !Oracle::is_one_position(positions.iter().copied()) {
            let all: Vec<String> = positions.iter().map(ToString::to_string).collect();
            return Some(format!("the nodes stand on {}", all.join(", ")));
        }
        let metadata = self.machines.iter().find_map(|m| m.life.as_ref()?.metadata().cloned())?;
        let is_moving = !(metadata.joining.is_empty() && metadata.leaving.is_empty());
        is_moving.then(|| "nodes are joining or leaving still".into())
    }
}
