//! The faults that the nemesis draws, carried out; and their end.

use std::sync::atomic::Ordering;

use crate::nemesis::{self, Fault};
use crate::network::Weather;
use crate::world::{Event, Phase, World};

impl World {
    pub(crate) fn nemesis(&mut self) {
        if self.phase != Phase::Faults {
            return;
        }
        let (least_us, most_us) = self.shape.fault_pause_us;
        let pause_us = self.random.between(least_us, most_us);
        self.after(pause_us, Event::Nemesis);
        let fault = nemesis::draw(&mut self.random, &self.shape);
        self.faults += 1;
        if self.manner.skipped_faults.contains(&self.faults) {
            return;
        }
        self.note(4, self.faults, 0);
        let (now, number) = (self.now(), self.faults);
        self.trace.say(now, format_args!("fault {number}: {fault:?}"));
        self.break_something(fault);
    }

    fn break_something(&mut self, fault: Fault) {
        match fault {
            Fault::Partition { side, one_way } => {
                let others: Vec<usize> = (0..self.machines.len()).filter(|n| !side.contains(n)).collect();
                self.network.partition(&side, &others, one_way);
            }
            Fault::Cut { a, b, one_way } => self.network.partition(&[a], &[b], one_way),
            Fault::Heal => self.network.heal(),
            Fault::Weather(weather) => self.network.weather = weather,
            Fault::Slow { node, by_us } => self.network.slow_down(node, by_us),
            Fault::Pause { node, for_us } => {
                let until_us = self.now() + for_us;
                let machine = &mut self.machines[node];
                machine.paused_until_us = machine.paused_until_us.max(until_us);
            }
            Fault::Crash { node, back_after_us } => self.power_cycle(&[node], back_after_us),
            Fault::CrashMany { nodes, back_after_us } => self.power_cycle(&nodes, back_after_us),
            Fault::DiskError { node, back_after_us } if self.machines[node].life.is_some() => {
                self.machines[node].fail_disk();
                // Whoever runs the machine sees that its disk fails, and starts it again.
                let life = self.machines[node].lives;
                self.after(back_after_us, Event::Restart { node, life });
            }
            Fault::DiskFull { node, for_us } if self.machines[node].life.is_some() => {
                self.machines[node].set_full(true);
                self.after(for_us, Event::SpaceAgain { node });
            }
            Fault::DiskSlow { node, by_us, for_us } => {
                self.machines[node].disk_delay_us = by_us;
                self.after(for_us, Event::DiskFast { node });
            }
            Fault::Damage { node } => self.machines[node].damage(),
            Fault::Wipe { node, back_after_us } if self.shape.may_lose_disk && !self.has_lost_disk() => {
                self.wipe(node, back_after_us);
            }
            Fault::Clock { node, ahead_us } => self.machines[node].clock.ahead_us.store(ahead_us, Ordering::Relaxed),
            Fault::DiskError { .. } | Fault::DiskFull { .. } | Fault::Wipe { .. } => {}
        }
    }

    /// The machine loses its disk, and somebody starts it with an empty one: a new node, which has to be refused.
    fn wipe(&mut self, node: usize, back_after_us: u64) {
        if self.machines[node].life.is_some() {
            self.crash(node);
        }
        self.by_host.remove(&self.machines[node].host_id);
        self.machines[node].wipe(&mut self.random);
        self.by_host.insert(self.machines[node].host_id, node);
        self.after(back_after_us, Event::Start { node });
    }

    /// Whether a machine has lost its disk for good.
    pub(crate) fn has_lost_disk(&self) -> bool {
        self.machines.iter().any(|machine| machine.is_wiped)
    }

    pub(crate) fn power_cycle(&mut self, nodes: &[usize], back_after_us: u64) {
        for &node in nodes {
            if self.machines[node].life.is_some() {
                self.crash(node);
                self.after(back_after_us, Event::Start { node });
            }
        }
    }

    pub(crate) fn begin_healing(&mut self) {
        self.phase = Phase::Healing;
        let now = self.now();
        self.trace.say(now, format_args!("the world heals"));
        self.network.heal();
        self.network.weather = Weather::calm();
        for node in 0..self.machines.len() {
            // A disk that has failed is not written to again before a restart.
            if self.machines[node].is_disk_ill() {
                self.crash(node);
            }
            self.machines[node].mend();
            if !self.machines[node].is_wiped {
                self.after(0, Event::Start { node });
            }
        }
    }
}
