//! Which rows of a partition a condition names.

use std::fmt;

use super::table::Key;
use crate::random::Random;

/// The rows that partitions have at most: `c` and `d` count from 0.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub c: i32,
    pub d: i32,
}

/// One side of a range, and whether the bound belongs to it.
type Bound<T> = Option<(T, bool)>;

/// A condition on the clustering columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    All,
    Row(Key),
    C(i32),
    CRange(Bound<i32>, Bound<i32>),
    DRange(i32, Bound<i32>, Bound<i32>),
    CIn(Vec<i32>),
    CInD(Vec<i32>, i32),
    DIn(i32, Vec<i32>),
    Rows(Vec<Key>),
    Tuples(Bound<Key>, Bound<Key>),
}

fn is_within<T: PartialOrd>(value: &T, low: &Bound<T>, high: &Bound<T>) -> bool {
    let above = low.as_ref().is_none_or(|(bound, own)| if *own { value >= bound } else { value > bound });
    let below = high.as_ref().is_none_or(|(bound, own)| if *own { value <= bound } else { value < bound });
    above && below
}

impl Extent {
    pub fn drawn(random: &mut Random) -> Self {
        if random.one_in(12) {
            return Extent { c: random.between(8, 24) as i32, d: random.between(8, 16) as i32 };
        }
        Extent { c: random.between(2, 7) as i32, d: random.between(1, 7) as i32 }
    }

    /// Whether there are more rows than one statement after the other would fill.
    pub fn is_large(self) -> bool {
        self.c >= 8
    }

    pub fn keys(self) -> impl Iterator<Item = Key> {
        (0..self.c).flat_map(move |c| (0..self.d).map(move |d| (c, d)))
    }

    fn c(self, random: &mut Random) -> i32 {
        random.below(self.c as u64) as i32
    }

    fn d(self, random: &mut Random) -> i32 {
        random.below(self.d as u64) as i32
    }

    pub fn row(self, random: &mut Random) -> Key {
        (self.c(random), self.d(random))
    }

    fn bounds<T>(random: &mut Random, mut value: impl FnMut(&mut Random) -> T) -> (Bound<T>, Bound<T>) {
        let sides = random.between(1, 3);
        let mut side = |wanted: bool| wanted.then(|| (value(random), random.one_in(2)));
        let low = side(sides != 2);
        (low, side(sides != 1))
    }

    /// Several rows, or one.
    pub fn place(self, random: &mut Random) -> Place {
        let some = |random: &mut Random, mut one: Box<dyn FnMut(&mut Random) -> i32>| {
            let count = random.between(1, 3);
            (0..count).map(|_| one(random)).collect::<Vec<i32>>()
        };
        match random.below(10) {
            0 => Place::Row(self.row(random)),
            1 | 2 => Place::C(self.c(random)),
            3 => {
                let (low, high) = Self::bounds(random, |r| self.c(r));
                Place::CRange(low, high)
            }
            4 | 5 => {
                let c = self.c(random);
                let (low, high) = Self::bounds(random, |r| self.d(r));
                Place::DRange(c, low, high)
            }
            6 => Place::CIn(some(random, Box::new(move |r| self.c(r)))),
            7 if random.one_in(2) => Place::CInD(some(random, Box::new(move |r| self.c(r))), self.d(random)),
            7 => Place::DIn(self.c(random), some(random, Box::new(move |r| self.d(r)))),
            8 => Place::Rows((0..random.between(1, 3)).map(|_| self.row(random)).collect()),
            _ => {
                let (low, high) = Self::bounds(random, |r| self.row(r));
                Place::Tuples(low, high)
            }
        }
    }
}

impl Place {
    pub fn contains(&self, key: Key) -> bool {
        let (c, d) = key;
        match self {
            Place::All => true,
            Place::Row(row) => *row == key,
            Place::C(only) => *only == c,
            Place::CRange(low, high) => is_within(&c, low, high),
            Place::DRange(only, low, high) => *only == c && is_within(&d, low, high),
            Place::CIn(some) => some.contains(&c),
            Place::CInD(some, only) => some.contains(&c) && *only == d,
            Place::DIn(only, some) => *only == c && some.contains(&d),
            Place::Rows(rows) => rows.contains(&key),
            Place::Tuples(low, high) => is_within(&key, low, high),
        }
    }
}

fn list(values: &[i32]) -> String {
    values.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

fn range<T>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    bounds: (&Bound<T>, &Bound<T>),
    write: impl Fn(&T) -> String,
) -> fmt::Result {
    if let Some((bound, own)) = bounds.0 {
        write!(f, " AND {name} >{} {}", if *own { "=" } else { "" }, write(bound))?;
    }
    if let Some((bound, own)) = bounds.1 {
        write!(f, " AND {name} <{} {}", if *own { "=" } else { "" }, write(bound))?;
    }
    Ok(())
}

/// As CQL, after `WHERE p = ...`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tuple = |(c, d): &Key| format!("({c}, {d})");
        match self {
            Place::All => Ok(()),
            Place::Row((c, d)) => write!(f, " AND c = {c} AND d = {d}"),
            Place::C(c) => write!(f, " AND c = {c}"),
            Place::CRange(low, high) => range(f, "c", (low, high), i32::to_string),
            Place::DRange(c, low, high) => {
                write!(f, " AND c = {c}")?;
                range(f, "d", (low, high), i32::to_string)
            }
            Place::CIn(some) => write!(f, " AND c IN ({})", list(some)),
            Place::CInD(some, d) => write!(f, " AND c IN ({}) AND d = {d}", list(some)),
            Place::DIn(c, some) => write!(f, " AND c = {c} AND d IN ({})", list(some)),
            Place::Rows(rows) => {
                write!(f, " AND (c, d) IN ({})", rows.iter().map(tuple).collect::<Vec<_>>().join(", "))
            }
            Place::Tuples(low, high) => range(f, "(c, d)", (low, high), tuple),
        }
    }
}
