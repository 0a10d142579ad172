//! Lists that clients append and prepend to, and never take from. Elements are unique.
//!
//! What was acknowledged is there, once; what was refused never is; what a read has shown later reads show; and two
//! elements never change places, whatever the clocks of their coordinators.

use std::collections::{BTreeMap, BTreeSet};

use super::Outcome;

#[derive(Clone, Copy, Debug)]
struct Addition {
    /// The step at which its client was answered.
    ended: u64,
    outcome: Outcome,
}

#[derive(Debug, Default)]
struct List {
    additions: BTreeMap<i64, Addition>,
    /// The step at which a read first showed an element.
    shown: BTreeMap<i64, u64>,
    /// The longest list that was read.
    longest: Vec<i64>,
}

/// All lists. Times are numbers of steps: each call is one.
#[derive(Debug, Default)]
pub struct Lists {
    step: u64,
    lists: BTreeMap<i32, List>,
    additions: u64,
}

/// Elements that clients add to a list before they begin another one.
const ADDITIONS_PER_LIST: u64 = 40;

impl Lists {
    fn next_step(&mut self) -> u64 {
        self.step += 1;
        self.step
    }

    /// The present step, for a read that begins.
    pub fn now(&mut self) -> u64 {
        self.next_step()
    }

    /// The list that is added to at present.
    pub fn current(&self) -> i32 {
        (self.additions / ADDITIONS_PER_LIST) as i32
    }

    /// A client is about to add an element.
    pub fn add_begins(&mut self, key: i32, value: i64) {
        self.additions += 1;
        let addition = Addition { ended: u64::MAX, outcome: Outcome::Unknown };
        self.lists.entry(key).or_default().additions.insert(value, addition);
    }

    /// Its client was answered.
    pub fn add_ends(&mut self, key: i32, value: i64, outcome: Outcome) {
        let ended = self.next_step();
        if let Some(addition) = self.lists.get_mut(&key).and_then(|list| list.additions.get_mut(&value)) {
            *addition = Addition { ended, outcome };
        }
    }

    /// A read that began at step `began` returned these elements. What is wrong with that.
    pub fn read_ends(&mut self, key: i32, began: u64, values: &[i64]) -> Option<String> {
        let now = self.next_step();
        let list = self.lists.entry(key).or_default();
        let problem = list.problem(began, values);
        for value in values {
            list.shown.entry(*value).or_insert(now);
        }
        if values.len() > list.longest.len() {
            list.longest = values.to_vec();
        }
        problem.map(|problem| format!("list {key}: a read returned {problem}: {values:?}"))
    }
}

impl List {
    fn problem(&self, began: u64, values: &[i64]) -> Option<String> {
        let here: BTreeSet<i64> = values.iter().copied().collect();
        if here.len() < values.len() {
            return Some("an element twice".into());
        }
        for value in values {
            match self.additions.get(value) {
                None => return Some(format!("{value}, which nobody added")),
                Some(addition) if addition.outcome == Outcome::Refused => {
                    return Some(format!("{value}, whose client was told that it was refused"));
                }
                Some(_) => {}
            }
        }
        let is_due = |addition: &Addition| addition.outcome == Outcome::Acknowledged && addition.ended < began;
        let acknowledged = self.additions.iter().filter(|(_, addition)| is_due(addition)).map(|(value, _)| value);
        let shown = self.shown.iter().filter(|(_, first)| **first < began).map(|(value, _)| value);
        if let Some(missing) = acknowledged.chain(shown).find(|value| !here.contains(value)) {
            return Some(format!("no {missing}, which was acknowledged or read before"));
        }
        let known: BTreeSet<i64> = self.longest.iter().copied().collect();
        let before = self.longest.iter().filter(|value| here.contains(value));
        let now = values.iter().filter(|value| known.contains(value));
        (!before.eq(now)).then(|| format!("another order than {:?}", self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(values: &[(i64, Outcome)]) -> Lists {
        let mut lists = Lists::default();
        for (value, outcome) in values {
            lists.add_begins(1, *value);
            lists.add_ends(1, *value, *outcome);
        }
        lists
    }

    fn read(lists: &mut Lists, values: &[i64]) -> Option<String> {
        let began = lists.now();
        lists.read_ends(1, began, values)
    }

    #[test]
    fn what_is_lost_doubled_or_refused_is_seen() {
        use Outcome::{Acknowledged, Refused, Unknown};
        let lists = || added(&[(1, Acknowledged), (2, Unknown), (3, Refused), (4, Acknowledged)]);
        for right in [&[1, 4][..], &[4, 2, 1]] {
            assert_eq!(read(&mut lists(), right), None);
        }
        for wrong in [&[1][..], &[1, 2], &[1, 4, 3], &[1, 4, 4], &[1, 4, 9]] {
            assert!(read(&mut lists(), wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_shown_stays_in_its_order() {
        let mut lists = added(&[(1, Outcome::Acknowledged), (2, Outcome::Unknown), (3, Outcome::Unknown)]);
        let early = lists.now();
        assert_eq!(read(&mut lists, &[2, 1]), None);
        assert_eq!(lists.read_ends(1, early, &[1]), None, "it began before");
        assert!(read(&mut lists, &[1]).is_some());
        assert!(read(&mut lists, &[1, 2]).is_some());
        assert_eq!(read(&mut lists, &[2, 3, 1]), None);
    }
}
