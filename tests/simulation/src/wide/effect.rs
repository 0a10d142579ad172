//! What one write does to one row, and what several of them come to.

use std::cmp::Reverse;

use super::table::Column;

/// When something goes away by itself: in seconds since 1970, as far as the client can know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    pub earliest_s: i64,
    pub latest_s: i64,
    pub ttl_s: i64,
    /// The write that it comes from.
    pub write: u32,
}

/// An effect on one row, or on the static row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// All of the row that is not newer is gone.
    Delete { timestamp: i64 },
    /// All of the collection that is not newer is gone.
    Clear { column: Column, timestamp: i64 },
    /// The row exists, even without values.
    Marker { timestamp: i64, expiry: Option<Expiry> },
    /// A value, or an element of a collection under its key; without a value it is deleted.
    Cell { column: Column, path: i32, timestamp: i64, value: Option<i64>, expiry: Option<Expiry> },
}

/// What of a row can be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Whether the row exists at all.
    pub is_there: bool,
    /// `v`, or `s` in the static row.
    pub value: Option<i64>,
    /// The timestamp of `v`.
    pub written: Option<i64>,
    /// `b`: the number that its bytes are made from.
    pub blob: Option<i64>,
    pub map: Vec<(i32, i64)>,
    pub set: Vec<i32>,
}

type Rank = (i64, u8, Option<(i64, Reverse<i64>)>, Option<i64>);

impl Effect {
    /// Of two at one spot (both markers, or both cells of one path) the greater one counts.
    fn rank(&self) -> Rank {
        let order = |expiry: &Option<Expiry>| expiry.map(|e| (e.earliest_s, Reverse(e.ttl_s)));
        match self {
            Effect::Delete { timestamp } | Effect::Clear { timestamp, .. } => (*timestamp, 0, None, None),
            Effect::Marker { timestamp, expiry } => (*timestamp, u8::from(expiry.is_some()), order(expiry), None),
            Effect::Cell { timestamp, value: None, .. } => (*timestamp, 2, None, None),
            Effect::Cell { timestamp, value, expiry, .. } => {
                (*timestamp, u8::from(expiry.is_some()), order(expiry), *value)
            }
        }
    }

    fn is_at_spot_of(&self, other: &Effect) -> bool {
        match (self, other) {
            (Effect::Delete { .. }, Effect::Delete { .. }) | (Effect::Marker { .. }, Effect::Marker { .. }) => true,
            (Effect::Clear { column: a, .. }, Effect::Clear { column: b, .. }) => a == b,
            (Effect::Cell { column: a, path: x, .. }, Effect::Cell { column: b, path: y, .. }) => a == b && x == y,
            _ => false,
        }
    }

    fn timestamp(&self) -> i64 {
        self.rank().0
    }

    /// Whether this one makes the other of no account, whatever else there is.
    pub fn outdoes(&self, other: &Effect) -> bool {
        if self.is_at_spot_of(other) {
            return self.rank() >= other.rank();
        }
        match (self, other) {
            (Effect::Delete { timestamp }, _) => *timestamp >= other.timestamp(),
            (Effect::Clear { column, timestamp }, Effect::Cell { column: theirs, .. }) => {
                column == theirs && *timestamp >= other.timestamp()
            }
            _ => false,
        }
    }

    /// When it expires, if it does.
    pub fn expiry(&self) -> Option<&Expiry> {
        match self {
            Effect::Marker { expiry, .. } | Effect::Cell { expiry, .. } => expiry.as_ref(),
            Effect::Delete { .. } | Effect::Clear { .. } => None,
        }
    }
}

impl Effect {
    /// When it expires, to be set.
    pub fn expiry_mut(&mut self) -> Option<&mut Expiry> {
        match self {
            Effect::Marker { expiry, .. } | Effect::Cell { expiry, .. } => expiry.as_mut(),
            Effect::Delete { .. } | Effect::Clear { .. } => None,
        }
    }
}

/// Adds an effect to others of which none outdoes another.
pub fn add(effects: &mut Vec<Effect>, effect: Effect) {
    if effects.iter().any(|known| known.outdoes(&effect)) {
        return;
    }
    effects.retain(|known| !effect.outdoes(known));
    effects.push(effect);
}

/// What such effects show, if `is_alive` says which expiring ones have not expired.
pub fn content(effects: &[Effect], is_alive: impl Fn(&Expiry) -> bool) -> Content {
    let mut content = Content::default();
    for effect in effects {
        if effect.expiry().is_some_and(|expiry| !is_alive(expiry)) {
            continue;
        }
        match *effect {
            Effect::Marker { .. } => content.is_there = true,
            Effect::Cell { column, path, value: Some(value), timestamp, .. } => {
                content.is_there = true;
                match column {
                    Column::V | Column::S => (content.value, content.written) = (Some(value), Some(timestamp)),
                    Column::B => content.blob = Some(value),
                    Column::Written => {}
                    Column::M => content.map.push((path, value)),
                    Column::T => content.set.push(path),
                }
            }
            Effect::Cell { value: None, .. } | Effect::Delete { .. } | Effect::Clear { .. } => {}
        }
    }
    content.map.sort_unstable();
    content.set.sort_unstable();
    content
}

impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.is_there {
            return write!(f, "nothing");
        }
        let Content { value, written, blob, map, set, .. } = self;
        write!(f, "{{value {value:?} at {written:?}, blob {blob:?}, map {map:?}, set {set:?}}}")
    }
}
