//! The oracle of registers, as their clients see them. A write carries a unique timestamp as its value, and the
//! database keeps the highest, so time order is value order.
//!
//! It checks that acknowledged writes are read, that reads do not go back, and that a write whose client was
//! told that it failed for certain is never seen. A write with an unknown outcome may be seen or not.

use std::collections::BTreeMap;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No answer yet, or none that says anything certain.
    Unknown,
    /// Acknowledged at the level that was asked for.
    Acknowledged,
    /// Refused for certain.
    Refused,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    deletes: bool,
    outcome: Outcome,
}

#[derive(Debug, Default)]
struct Register {
    writes: BTreeMap<i64, Write>,
    /// Highest timestamp that was acknowledged or read.
    floor: i64,
}

/// All registers.
#[derive(Debug, Default)]
pub struct Oracle {
    registers: BTreeMap<i32, Register>,
    violations: Vec<String>,
}

impl Oracle {
    /// A client is about to write `timestamp` (or to delete with it).
    pub fn write_begins(&mut self, key: i32, timestamp: i64, deletes: bool) {
        let write = Write { deletes, outcome: Outcome::Unknown };
        self.registers.entry(key).or_default().writes.insert(timestamp, write);
    }

    /// Its client was answered.
    pub fn write_ends(&mut self, key: i32, timestamp: i64, outcome: Outcome) {
        let Some(register) = self.registers.get_mut(&key) else {
            return;
        };
        if let Some(write) = register.writes.get_mut(&timestamp) {
            write.outcome = outcome;
        }
        if outcome == Outcome::Acknowledged {
            register.floor = register.floor.max(timestamp);
        }
    }

    /// What a read that begins now must at least return.
    pub fn floor(&self, key: i32) -> i64 {
        self.registers.get(&key).map_or(0, |r| r.floor)
    }

    /// A read that began when `floor` stood returned `value` (`None`: no such row).
    pub fn read_ends(&mut self, key: i32, floor: i64, value: Option<i64>, at_us: u64) {
        let register = self.registers.entry(key).or_default();
        let problem = match value {
            None => {
                let deletion = register.writes.iter().rev().find(|(_, w)| w.deletes && w.outcome != Outcome::Refused);
                let newest = deletion.map_or(0, |(timestamp, _)| *timestamp);
                (newest < floor).then(|| format!("nothing, though {floor} was acknowledged or read before"))
            }
            Some(value) => match register.writes.get(&value) {
                None => Some(format!("{value}, which nobody wrote")),
                Some(write) if write.deletes => Some(format!("{value}, which was a deletion")),
                Some(write) if write.outcome == Outcome::Refused => {
                    Some(format!("{value}, whose client was told that it was refused"))
                }
                Some(_) if value < floor => Some(format!("{value}, though {floor} was acknowledged or read before")),
                Some(_) => {
                    register.floor = register.floor.max(value);
                    None
                }
            },
        };
        if let Some(problem) = problem {
            self.violation(at_us, format!("register {key}: a read returned {problem}"));
        }
    }

    /// Notes anything else that must not be.
    pub fn violation(&mut self, at_us: u64, what: String) {
        self.violations.push(format!("at {:.3} s: {what}", at_us as f64 / 1e6));
    }

    /// What went wrong.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(of: impl FnOnce(&mut Oracle)) -> usize {
        let mut oracle = Oracle::default();
        of(&mut oracle);
        oracle.violations().len()
    }

    #[test]
    fn a_lost_acknowledged_write_is_seen() {
        let lost = |o: &mut Oracle| {
            o.write_begins(1, 10, false);
            o.write_ends(1, 10, Outcome::Acknowledged);
            let floor = o.floor(1);
            o.read_ends(1, floor, None, 0);
        };
        assert_eq!(violations(lost), 1);
    }

    #[test]
    fn reads_that_go_back_and_refused_writes_are_seen() {
        let back = |o: &mut Oracle| {
            o.write_begins(1, 10, false);
            o.write_begins(1, 20, false);
            o.read_ends(1, 0, Some(20), 0);
            let floor = o.floor(1);
            o.read_ends(1, floor, Some(10), 0);
        };
        assert_eq!(violations(back), 1);
        let refused = |o: &mut Oracle| {
            o.write_begins(1, 10, false);
            o.write_ends(1, 10, Outcome::Refused);
            o.read_ends(1, 0, Some(10), 0);
        };
        assert_eq!(violations(refused), 1);
    }

    #[test]
    fn unknown_writes_and_concurrent_reads_may_go_either_way() {
        let fine = |o: &mut Oracle| {
            o.write_begins(1, 10, false);
            o.read_ends(1, 0, None, 0);
            o.read_ends(1, 0, Some(10), 0);
            let early = o.floor(1);
            o.write_begins(1, 30, true);
            o.write_ends(1, 30, Outcome::Acknowledged);
            o.read_ends(1, early, Some(10), 0);
            let floor = o.floor(1);
            o.read_ends(1, floor, None, 0);
        };
        assert_eq!(violations(fine), 0);
    }
}
