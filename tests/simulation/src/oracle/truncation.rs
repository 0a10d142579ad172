//! A table that is truncated under writes: what was written before a TRUNCATE stays gone, what was acknowledged since is
//! there.

use std::collections::BTreeMap;

use super::Outcome;

#[derive(Clone, Copy, Debug)]
struct Write {
    began: u64,
    ended: u64,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
struct Truncate {
    began: u64,
    ended: Option<(u64, Outcome)>,
}

/// The table's history. Times are numbers of steps: each call is one.
#[derive(Debug, Default)]
pub struct Truncations {
    step: u64,
    /// By key and value, which are unique.
    writes: BTreeMap<(i32, i64), Write>,
    truncates: Vec<Truncate>,
}

impl Truncations {
    fn next_step(&mut self) -> u64 {
        self.step += 1;
        self.step
    }

    /// The present step, for a read that begins.
    pub fn now(&mut self) -> u64 {
        self.next_step()
    }

    /// A client is about to write.
    pub fn write_begins(&mut self, key: i32, value: i64) {
        let began = self.next_step();
        self.writes.insert((key, value), Write { began, ended: u64::MAX, outcome: Outcome::Unknown });
    }

    /// Its client was answered.
    pub fn write_ends(&mut self, key: i32, value: i64, outcome: Outcome) {
        let ended = self.next_step();
        if let Some(write) = self.writes.get_mut(&(key, value)) {
            write.ended = ended;
            write.outcome = outcome;
        }
    }

    /// A client is about to truncate the table. Answers its number.
    pub fn truncate_begins(&mut self) -> usize {
        let began = self.next_step();
        self.truncates.push(Truncate { began, ended: None });
        self.truncates.len() - 1
    }

    /// Its client was answered.
    pub fn truncate_ends(&mut self, number: usize, outcome: Outcome) {
        let ended = self.next_step();
        if let Some(truncate) = self.truncates.get_mut(number) {
            truncate.ended = Some((ended, outcome));
        }
    }

    /// A read that began at step `began` returned `value`. What is wrong with that.
    pub fn read_ends(&mut self, key: i32, began: u64, value: Option<i64>) -> Option<String> {
        let shown = value.map(|value| (value, self.writes.get(&(key, value)).copied()));
        let problem = match shown {
            Some((value, None)) => Some(format!("{value}, which nobody wrote")),
            Some((value, Some(write))) if write.outcome == Outcome::Refused => {
                Some(format!("{value}, whose client was told that it was refused"))
            }
            Some((value, Some(write))) if self.was_truncated(write.began, began) => {
                Some(format!("{value}, which was written before the table was truncated"))
            }
            _ => None,
        };
        let missed = || {
            let floor = self.floor(key, began)?;
            (value < Some(floor)).then(|| format!("{value:?}, though {floor} was acknowledged before"))
        };
        problem.or_else(missed).map(|problem| format!("scratch {key}: a read returned {problem}"))
    }

    /// Whether a TRUNCATE began after step `from` and was acknowledged before step `to`.
    fn was_truncated(&self, from: u64, to: u64) -> bool {
        let is_between = |t: &Truncate| {
            t.began > from && t.ended.is_some_and(|(at, outcome)| at < to && outcome == Outcome::Acknowledged)
        };
        self.truncates.iter().any(is_between)
    }

    /// The highest value that was acknowledged and that no TRUNCATE can have taken; one whose outcome is not known may
    /// take anything.
    fn floor(&self, key: i32, began: u64) -> Option<i64> {
        let is_open = |t: &Truncate| t.ended.is_none_or(|(_, outcome)| outcome == Outcome::Unknown);
        if self.truncates.iter().any(is_open) {
            return None;
        }
        let done = self.truncates.iter().filter(|t| !matches!(t.ended, Some((_, Outcome::Refused))));
        let last = done.filter_map(|t| t.ended).map(|(at, _)| at).max().unwrap_or(0);
        let of_key = self.writes.range((key, i64::MIN)..=(key, i64::MAX));
        let standing = of_key.filter(|(_, w)| w.outcome == Outcome::Acknowledged && w.began > last && w.ended < began);
        standing.map(|((_, value), _)| *value).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_truncated_stays_gone() {
        let mut table = Truncations::default();
        table.write_begins(1, 10);
        let number = table.truncate_begins();
        table.truncate_ends(number, Outcome::Acknowledged);
        let began = table.now();
        assert!(table.read_ends(1, began, Some(10)).is_some());
        assert_eq!(table.read_ends(1, began, None), None);
    }

    #[test]
    fn what_was_written_since_is_there() {
        let mut table = Truncations::default();
        let number = table.truncate_begins();
        table.truncate_ends(number, Outcome::Acknowledged);
        table.write_begins(1, 10);
        table.write_ends(1, 10, Outcome::Acknowledged);
        let began = table.now();
        assert!(table.read_ends(1, began, None).is_some());
        assert_eq!(table.read_ends(1, began, Some(10)), None);
        table.truncate_begins();
        assert_eq!(table.read_ends(1, began, None), None, "it may be taken at any moment");
    }
}
