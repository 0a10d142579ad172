//! Registers, as their clients see them. A write carries a unique timestamp as its value, and the database keeps the
//! highest, so time order is value order.
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
pub struct Registers {
    registers: BTreeMap<i32, Register>,
}

impl Registers {
    /// A client is about to write `timestamp` (or to delete with it).
    pub fn write_begins(&mut self, key: i32, timestamp: i64, deletes: bool) {
        let write = Write { deletes, outcome: Outcome::Unknown };
        self.registers.entry(key).or_default().writes.insert(timestamp, write);
    }

    /// Its client was answered. Whether it was a deletion.
    pub fn write_ends(&mut self, key: i32, timestamp: i64, outcome: Outcome) -> bool {
        let Some(register) = self.registers.get_mut(&key) else { return false };
        if outcome == Outcome::Acknowledged {
            register.floor = register.floor.max(timestamp);
        }
        let Some(write) = register.writes.get_mut(&timestamp) else { return false };
        write.outcome = outcome;
        write.deletes
    }

    /// What a read that begins now must at least return.
    pub fn floor(&self, key: i32) -> i64 {
        self.registers.get(&key).map_or(0, |r| r.floor)
    }

    /// A read that began when `floor` stood returned `value` (`None`: no such row). `is_steady`: what it shows, later reads
    /// show too. What is wrong with that.
    pub fn read_ends(&mut self, key: i32, floor: i64, value: Option<i64>, is_steady: bool) -> Option<String> {
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
                    if is_steady {
                        register.floor = register.floor.max(value);
                    }
                    None
                }
            },
        };
        problem.map(|problem| format!("register {key}: a read returned {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(values: &[(i64, bool, Outcome)]) -> Registers {
        let mut registers = Registers::default();
        for &(value, deletes, outcome) in values {
            registers.write_begins(1, value, deletes);
            registers.write_ends(1, value, outcome);
        }
        registers
    }

    fn read(registers: &mut Registers, value: Option<i64>) -> Option<String> {
        let floor = registers.floor(1);
        registers.read_ends(1, floor, value, true)
    }

    #[test]
    fn a_lost_acknowledged_write_is_seen() {
        assert!(read(&mut written(&[(10, false, Outcome::Acknowledged)]), None).is_some());
    }

    #[test]
    fn reads_that_go_back_and_refused_writes_are_seen() {
        let mut registers = written(&[(10, false, Outcome::Unknown), (20, false, Outcome::Unknown)]);
        assert_eq!(read(&mut registers, Some(20)), None);
        assert!(read(&mut registers, Some(10)).is_some());
        assert!(read(&mut written(&[(10, false, Outcome::Refused)]), Some(10)).is_some());
    }

    #[test]
    fn unknown_writes_and_concurrent_reads_may_go_either_way() {
        let mut registers = written(&[(10, false, Outcome::Unknown)]);
        assert_eq!(read(&mut registers, None), None);
        assert_eq!(read(&mut registers, Some(10)), None);
        let early = registers.floor(1);
        registers.write_begins(1, 30, true);
        registers.write_ends(1, 30, Outcome::Acknowledged);
        assert_eq!(registers.read_ends(1, early, Some(10), true), None);
        assert_eq!(read(&mut registers, None), None);
    }

    #[test]
    fn what_an_unsteady_read_shows_may_be_gone_again() {
        let mut registers = written(&[(10, false, Outcome::Unknown)]);
        assert_eq!(registers.read_ends(1, 0, Some(10), false), None);
        assert_eq!(read(&mut registers, None), None);
    }
}
