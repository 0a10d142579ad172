//! What one writer was told of each of its writes, and what may therefore be read.

use std::collections::{BTreeMap, BTreeSet};

/// What became of a write, as far as its client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged.
    Made,
    /// It was refused for certain: it must not show.
    Refused,
    /// It may show or not.
    Unknown,
}

/// A writer's writes by their number: the even ones set its register, the odd ones append to its list.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Its number.
    pub writer: usize,
    /// What became of each write.
    pub fates: Vec<Fate>,
    /// The newest write that its register was seen to hold: it must not go back behind this.
    pub register_seen: Option<usize>,
}

/// The text that the write with this number carries.
pub fn text(writer: usize, number: usize) -> String {
    let mixed = ((writer as u64) << 40 | number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("value of {writer}/{number} {mixed:016x}")
}

impl Ledger {
    /// A new one.
    pub fn of(writer: usize) -> Ledger {
        Ledger { writer, ..Ledger::default() }
    }

    /// How many writes had this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|one| **one == fate).count()
    }

    /// Looks at what the register was read to hold; what is wrong with it.
    pub fn see_register(&mut self, held: Option<(usize, &str)>) -> Result<(), String> {
        let writer = self.writer;
        let made = (0..self.fates.len()).rev().find(|number| number % 2 == 0 && self.fates[*number] == Fate::Made);
        let newest = made.max(self.register_seen);
        let Some((number, value)) = held else {
            return newest.map_or(Ok(()), |newest| Err(format!("register {writer}: empty, {newest} is lost")));
        };
        self.check_register((number, value))?;
        if newest.is_some_and(|newest| newest > number) {
            return Err(format!("register {writer} went back from {newest:?} to {number}"));
        }
        self.register_seen = Some(number);
        Ok(())
    }

    /// Whether the register may ever have held this.
    pub fn check_register(&self, (number, value): (usize, &str)) -> Result<(), String> {
        let writer = self.writer;
        if number % 2 != 0 || value != text(writer, number) {
            return Err(format!("register {writer} holds {number} `{value}`, which was never written"));
        }
        match self.fates.get(number) {
            None => Err(format!("register {writer} holds {number}, which was never written")),
            Some(Fate::Refused) => Err(format!("register {writer} holds {number}, which was refused")),
            Some(Fate::Made | Fate::Unknown) => Ok(()),
        }
    }

    /// What is wrong with the list as it was read.
    pub fn list_complaints(&self, list: &BTreeMap<usize, String>) -> Vec<String> {
        let writer = self.writer;
        let mut wrong = Vec::new();
        for (number, value) in list {
            match self.fates.get(*number) {
                _ if number % 2 == 0 || *value != text(writer, *number) => {
                    wrong.push(format!("list {writer} has {number} `{value}`, which was never written"));
                }
                Some(Fate::Made | Fate::Unknown) => {}
                Some(Fate::Refused) => wrong.push(format!("list {writer} has {number}, which was refused")),
                None => wrong.push(format!("list {writer} has {number}, which was never written")),
            }
        }
        let made = (0..self.fates.len()).filter(|number| number % 2 == 1 && self.fates[*number] == Fate::Made);
        let there: BTreeSet<usize> = list.keys().copied().collect();
        wrong.extend(made.filter(|made| !there.contains(made)).map(|made| format!("list {writer}: {made} is lost")));
        wrong
    }
}

#[test]
fn the_ledger_sees_what_does_not_fit() {
    use Fate::{Made, Refused, Unknown};
    let ledger = Ledger { writer: 3, fates: vec![Made, Made, Unknown, Unknown, Refused, Refused], register_seen: None };
    let register = |number: Option<usize>, seen: Option<usize>| {
        let mut ledger = Ledger { register_seen: seen, ..ledger.clone() };
        let value = number.map(|number| text(3, number)).unwrap_or_default();
        ledger.see_register(number.map(|number| (number, value.as_str())))
    };
    assert_eq!(register(Some(0), None), Ok(()));
    assert_eq!(register(Some(2), None), Ok(()));
    assert!(register(None, None).is_err(), "lost");
    assert!(register(Some(0), Some(2)).is_err(), "back");
    assert!(register(Some(4), None).is_err(), "refused");
    assert!(register(Some(6), None).is_err() && register(Some(1), None).is_err(), "never written");
    assert!(ledger.clone().see_register(Some((0, "other"))).is_err(), "another value");
    let check = |number: usize| ledger.check_register((number, &text(3, number)));
    assert_eq!((check(0), check(2)), (Ok(()), Ok(())), "one replica may be behind");
    assert!(check(1).is_err() && check(4).is_err() && check(6).is_err(), "odd, refused, never written");

    let list = |numbers: &[usize]| {
        let list = numbers.iter().map(|number| (*number, text(3, *number))).collect();
        ledger.list_complaints(&list).len()
    };
    assert_eq!((list(&[1]), list(&[1, 3])), (0, 0));
    assert_eq!(list(&[]), 1, "lost");
    assert_eq!(list(&[1, 5]), 1, "refused");
    assert_eq!(list(&[1, 7]) + list(&[0, 1]), 2, "never written");
    assert_eq!(ledger.list_complaints(&BTreeMap::from([(1, "other".to_owned())])).len(), 1, "another value");
}
