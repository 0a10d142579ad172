//! What a partition holds, as its owner can know it.
//!
//! Each row is by itself: replicas learn of rows one by one, by read repair. What is certain is joined; a write with an
//! unknown outcome stays open in each row until a read has shown it there for good, or until what is certain outdoes it.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::effect::{self, Content, Effect, Expiry};
use super::place::{Extent, Place};
use super::table::{Key, Table};
use crate::oracle::Outcome;

/// More open questions about one row than this are not thought through.
const QUESTIONS_MAX: usize = 12;
/// Writes that are remembered for the text of a violation.
const HISTORY_MAX: usize = 400;
/// Writes that one text names.
const TOLD_MAX: usize = 14;

/// What an effect falls on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Static,
    Rows(Place),
    /// The whole partition, static columns too.
    Partition,
}

/// When something is read: in seconds since 1970, as far as the client can know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub earliest_s: i64,
    pub latest_s: i64,
}

/// What an open write does to one row.
#[derive(Debug)]
struct Fragment {
    write: u32,
    effects: Vec<Effect>,
}

#[derive(Debug, Default)]
struct Spot {
    certain: Vec<Effect>,
    open: Vec<Fragment>,
}

struct Told {
    text: String,
    outcome: Outcome,
    targets: Vec<Target>,
}

/// Something that is not known: whether a write counts in a row, or whether what it wrote has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Counts(u32),
    Expired { write: u32, ttl_s: i64 },
}

/// One answer to all questions about a row, by bits, and what the row then shows.
pub type Possibility = (u32, Content);

/// What a row may show.
pub struct Possibilities {
    pub questions: Vec<Question>,
    /// `None`: too many to say.
    pub shows: Option<Vec<Possibility>>,
}

/// A partition. Place 0 is the static row, the others are the rows in stored order.
pub struct Model {
    pub table: Table,
    keys: Vec<Key>,
    spots: Vec<Spot>,
    /// Open writes of which all replicas hold all or nothing.
    whole: Vec<u32>,
    history: VecDeque<Told>,
}

impl Moment {
    /// Whether it has expired then; `None`: perhaps.
    fn is_after(&self, expiry: &Expiry) -> Option<bool> {
        if self.latest_s < expiry.earliest_s {
            Some(false)
        } else {
            (self.earliest_s >= expiry.latest_s).then_some(true)
        }
    }
}

impl Target {
    fn includes(&self, key: Option<Key>) -> bool {
        match (self, key) {
            (Target::Static, key) => key.is_none(),
            (Target::Rows(place), Some(key)) => place.contains(key),
            (Target::Rows(_), None) => false,
            (Target::Partition, _) => true,
        }
    }
}

impl Spot {
    fn settle_open(&mut self) {
        let certain = &self.certain;
        self.open.retain_mut(|fragment| {
            fragment.effects.retain(|effect| !certain.iter().any(|known| known.outdoes(effect)));
            !fragment.effects.is_empty()
        });
    }

    fn make_certain(&mut self, write: u32) {
        let Some(at) = self.open.iter().position(|fragment| fragment.write == write) else { return };
        for effect in self.open.remove(at).effects {
            effect::add(&mut self.certain, effect);
        }
        self.settle_open();
    }

    fn questions(&self, now: Moment) -> Vec<Question> {
        let mut questions: Vec<Question> = self.open.iter().map(|f| Question::Counts(f.write)).collect();
        let effects = self.certain.iter().chain(self.open.iter().flat_map(|f| &f.effects));
        for expiry in effects.filter_map(Effect::expiry).filter(|expiry| now.is_after(expiry).is_none()) {
            let question = Question::Expired { write: expiry.write, ttl_s: expiry.ttl_s };
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        questions
    }

    fn shows(&self, questions: &[Question], answers: u32, now: Moment) -> Content {
        let yes = |question: Question| {
            let place = questions.iter().position(|q| *q == question);
            place.is_some_and(|place| answers >> place & 1 == 1)
        };
        let is_alive =
            |e: &Expiry| !now.is_after(e).unwrap_or_else(|| yes(Question::Expired { write: e.write, ttl_s: e.ttl_s }));
        if self.open.is_empty() {
            return effect::content(&self.certain, is_alive);
        }
        let mut effects = self.certain.clone();
        for fragment in self.open.iter().filter(|fragment| yes(Question::Counts(fragment.write))) {
            fragment.effects.iter().for_each(|effect| effect::add(&mut effects, *effect));
        }
        effect::content(&effects, is_alive)
    }
}

impl Model {
    pub fn new(table: Table, extent: Extent) -> Self {
        let mut keys: Vec<Key> = extent.keys().collect();
        keys.sort_by(|a, b| table.compare(*a, *b));
        let spots = (0..=keys.len()).map(|_| Spot::default()).collect();
        Model { table, keys, spots, whole: Vec::new(), history: VecDeque::new() }
    }

    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    fn key(&self, spot: usize) -> Option<Key> {
        spot.checked_sub(1).and_then(|place| self.keys.get(place).copied())
    }

    /// A write has ended: certain, open, or not at all.
    pub fn written(&mut self, write: u32, text: String, effects: &[(Target, Effect)], outcome: Outcome) {
        let mut targets: Vec<Target> = effects.iter().map(|(target, _)| target.clone()).collect();
        targets.dedup();
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(Told { text, outcome, targets });
        if outcome == Outcome::Refused {
            return;
        }
        for spot in 0..self.spots.len() {
            let key = self.key(spot);
            let here = effects.iter().filter(|(target, _)| target.includes(key)).map(|(_, effect)| *effect);
            let place = &mut self.spots[spot];
            if outcome == Outcome::Acknowledged {
                here.for_each(|effect| effect::add(&mut place.certain, effect));
            } else {
                place.open.push(Fragment { write, effects: here.collect() });
            }
            place.settle_open();
        }
        if outcome == Outcome::Unknown {
            self.whole.push(write);
        }
    }

    /// The writes that are open somewhere.
    pub fn open(&self) -> Vec<u32> {
        let mut open: Vec<u32> = self.spots.iter().flat_map(|s| s.open.iter().map(|f| f.write)).collect();
        open.sort_unstable();
        open.dedup();
        open
    }

    /// The open writes of which replicas hold all or nothing, as far as it matters.
    pub fn whole(&mut self) -> Vec<u32> {
        let open = self.open();
        self.whole.retain(|write| open.contains(write));
        self.whole.clone()
    }

    /// A read of a part may bring parts of what is open to more replicas.
    pub fn read_in_part(&mut self) {
        self.whole.clear();
    }

    /// What a row may show.
    pub fn possibilities(&self, spot: usize, now: Moment) -> Possibilities {
        let spot = &self.spots[spot];
        let questions = spot.questions(now);
        let few = questions.len() <= QUESTIONS_MAX;
        let shows = few.then(|| {
            (0..1u32 << questions.len()).map(|answers| (answers, spot.shows(&questions, answers, now))).collect()
        });
        Possibilities { questions, shows }
    }

    /// A read has shown a row so that `fits` is true of it. Whether that can be; if so, and if the read `settles` what it
    /// shows, the writes that must count by it are certain from now on.
    pub fn learn(&mut self, spot: usize, now: Moment, settles: bool, fits: impl Fn(&Content) -> bool) -> bool {
        let Possibilities { questions, shows } = self.possibilities(spot, now);
        let Some(shows) = shows else { return true };
        let fitting = shows.iter().filter(|(_, content)| fits(content)).map(|(answers, _)| *answers);
        let Some(always) = fitting.reduce(|a, b| a & b) else { return false };
        if settles {
            self.settle(spot, &questions, always);
        }
        true
    }

    fn settle(&mut self, spot: usize, questions: &[Question], always: u32) {
        for (place, question) in questions.iter().enumerate() {
            if let Question::Counts(write) = question
                && always >> place & 1 == 1
            {
                self.spots[spot].make_certain(*write);
            }
        }
    }

    /// A write counts in all rows.
    pub fn make_certain(&mut self, write: u32) {
        self.spots.iter_mut().for_each(|spot| spot.make_certain(write));
    }

    /// What is to be said of a row in a violation: what it may show, and its latest writes.
    pub fn tell(&self, spot: usize, now: Moment) -> String {
        let mut text = match self.key(spot) {
            None => "the static row".to_owned(),
            Some((c, d)) => format!("row ({c}, {d})"),
        };
        match self.possibilities(spot, now).shows {
            None => text.push_str(" may show anything"),
            Some(mut shows) => {
                shows.dedup_by(|a, b| a.1 == b.1);
                let shows: Vec<String> = shows.iter().map(|(_, content)| content.to_string()).collect();
                let _ = write!(text, " should show {}", shows.join(" or "));
            }
        }
        let _ = write!(text, " at {} to {} s; its latest writes:", now.earliest_s, now.latest_s);
        let key = self.key(spot);
        let touching = self.history.iter().rev().filter(|told| told.targets.iter().any(|t| t.includes(key)));
        for told in touching.take(TOLD_MAX) {
            let _ = write!(text, " [{:?}: {}]", told.outcome, told.text);
        }
        text
    }
}
