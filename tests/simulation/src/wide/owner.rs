//! A client that owns partitions: it writes and reads them one operation at a time and knows what must be there.

use std::collections::VecDeque;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_node::assembly::client::{ClientRequest, ClientResponse, Descriptions, Parameters};
use starling_node::plan::BoundValues;
use starling_ring::ConsistencyLevel;

use super::check::{Page, Progress};
use super::decode;
use super::effect::Expiry;
use super::levels::Levels;
use super::model::{Model, Moment, Target};
use super::place::Extent;
use super::reads::Read;
use super::several::Several;
use super::table::Table;
use super::writes::{Draft, Drawer};
use crate::clients::write_outcome;
use crate::oracle::Outcome;
use crate::random::Random;

/// Partitions that an owner uses side by side.
const PARTITIONS: usize = 3;
/// A partition with more open writes is left alone until the end.
const OPEN_MAX: usize = 8;
/// With more open writes than this, reads that settle them come more often.
const OPEN_MANY: usize = 3;
/// Partitions that were left and are read in the end; older ones are forgotten.
const LEFT_MAX: usize = 6;
/// Pages of one read: far more than there are rows.
const PAGES_MAX: usize = 400;
/// Timestamps that are taken up again now and then, and expiries about which is read.
const RECENT_MAX: usize = 8;
/// They are not older than this: far less than `gc_grace_seconds`, after which deletions are forgotten.
const RECENT_US: i64 = 20_000_000;

/// How far servers' clocks may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// By at most so much, in microseconds: expiry may be left to them.
    Within(i64),
    /// By anything: clients say what time it is.
    Unknown,
}

struct Partition {
    number: i32,
    extent: Extent,
    levels: &'static Levels,
    model: Model,
    /// Clients say what time it is; else the coordinator's clock counts.
    is_dated: bool,
    is_heavy: bool,
    recent: VecDeque<i64>,
    expiries: VecDeque<Expiry>,
    operations_left: u64,
}

enum Doing {
    Nothing,
    Writing { partition: usize, write: u32, draft: Draft, level: ConsistencyLevel, dated_s: Option<i64> },
    ReadingSeveral { read: Several, level: ConsistencyLevel, now_s: i64 },
    Reading { partition: usize, read: Read, progress: Progress, level: ConsistencyLevel, dated_s: Option<i64> },
}

/// The client.
pub struct Owner {
    clocks: Clocks,
    datacenters: usize,
    /// Partitions in use, then, in the end, also those that were left.
    partitions: Vec<Partition>,
    left: VecDeque<Partition>,
    next_partition: i32,
    next_write: u32,
    next_value: i64,
    last_timestamp: i64,
    doing: Doing,
    paging_state: Option<Bytes>,
    /// When the present request was made, by an exact clock, in microseconds since 1970.
    began_us: i64,
    /// In the end: partitions that were read at ALL, forwards and backwards.
    closing: Option<usize>,
    /// No batches, and timestamps that rise always.
    is_plain: bool,
}

impl Owner {
    /// The owner with this number, of partitions that no other has.
    pub fn new(number: i32, datacenters: usize, clocks: Clocks, random: &mut Random) -> Self {
        let mut owner = Owner {
            clocks,
            datacenters,
            partitions: Vec::new(),
            left: VecDeque::new(),
            next_partition: number * 1_000_000,
            next_write: 0,
            next_value: 0,
            last_timestamp: 0,
            doing: Doing::Nothing,
            paging_state: None,
            began_us: 0,
            closing: None,
            is_plain: false,
        };
        owner.partitions = (0..PARTITIONS).map(|_| owner.fresh(random)).collect();
        owner
    }

    fn fresh(&mut self, random: &mut Random) -> Partition {
        let number = self.next_partition;
        self.next_partition += 1;
        let extent = Extent::drawn(random);
        let table = if random.one_in(2) { Table::Ascending } else { Table::Descending };
        Partition {
            number,
            extent,
            levels: Levels::drawn(random, self.datacenters),
            model: Model::new(table, extent),
            is_dated: self.clocks == Clocks::Unknown || !random.one_in(4),
            is_heavy: !extent.is_large() && random.one_in(25),
            recent: VecDeque::new(),
            expiries: VecDeque::new(),
            operations_left: random.between(50, 800),
        }
    }

    /// The same without batches, and with timestamps that rise always: nothing it does depends on how ties are resolved.
    pub fn plain(self) -> Self {
        Owner { is_plain: true, ..self }
    }

    /// The next request. `now_us`: microseconds since 1970, by an exact clock.
    pub fn next(&mut self, random: &mut Random, now_us: i64) -> ClientRequest {
        self.began_us = now_us;
        if matches!(self.doing, Doing::Reading { .. } | Doing::ReadingSeveral { .. }) {
            return self.request();
        }
        let chosen = random.below(self.partitions.len() as u64) as usize;
        self.leave_if_used_up(chosen, random);
        let open = self.partitions[chosen].model.open().len();
        let wants_certainty = open > OPEN_MANY && random.one_in(2);
        self.doing = if wants_certainty && random.one_in(3) {
            self.clear(chosen, random)
        } else if wants_certainty || random.below(20) < 9 {
            let several = if wants_certainty || !random.one_in(10) { None } else { self.read_several(chosen, random) };
            several.unwrap_or_else(|| self.read(chosen, wants_certainty, random))
        } else {
            self.write(chosen, random)
        };
        self.request()
    }

    /// The next request of the end, when all must come good: everything is read in both directions, at ALL if no disk was
    /// lost. `None`: all has been read.
    pub fn next_of_end(&mut self, now_us: i64, has_lost_disk: bool) -> Option<ClientRequest> {
        self.began_us = now_us;
        if self.closing.is_none() {
            self.partitions.extend(self.left.drain(..));
            self.doing = Doing::Nothing;
            self.paging_state = None;
        }
        let mut closing = *self.closing.get_or_insert(0);
        if matches!(self.doing, Doing::Nothing) {
            let level_at = |partition: &Partition| partition.levels.of_end(has_lost_disk);
            while self.partitions.get(closing / 2).is_some_and(|partition| level_at(partition).is_none()) {
                closing += 2;
            }
            self.closing = Some(closing);
            let partition = self.partitions.get(closing / 2)?;
            let level = level_at(partition)?;
            let is_backwards = closing % 2 == 1;
            let page_size = is_backwards.then_some(3);
            let read = Read::all(partition.model.table, partition.number, is_backwards, page_size);
            let dated_s = partition.is_dated.then_some(now_us.div_euclid(1_000_000));
            let partition = closing / 2;
            self.doing = Doing::Reading { partition, read, progress: Progress::default(), level, dated_s };
        }
        Some(self.request())
    }

    /// Whether everything has been read in the end.
    pub fn has_ended(&self) -> bool {
        self.closing.is_some_and(|closing| closing >= 2 * self.partitions.len())
    }

    fn leave_if_used_up(&mut self, chosen: usize, random: &mut Random) {
        let partition = &mut self.partitions[chosen];
        partition.operations_left = partition.operations_left.saturating_sub(1);
        if partition.operations_left > 0 && partition.model.open().len() <= OPEN_MAX {
            return;
        }
        let fresh = self.fresh(random);
        let left = std::mem::replace(&mut self.partitions[chosen], fresh);
        self.left.push_back(left);
        if self.left.len() > LEFT_MAX {
            self.left.pop_front();
        }
    }

    fn timestamp(&mut self, chosen: usize, random: &mut Random) -> i64 {
        let partition = &mut self.partitions[chosen];
        let recent = &mut partition.recent;
        recent.retain(|known| *known >= self.began_us - RECENT_US);
        // What expires at a time that the client does not know would tie in ways that it does not know.
        if partition.is_dated && !self.is_plain && !recent.is_empty() && random.one_in(8) {
            let known = recent[random.below(recent.len() as u64) as usize];
            return known + [0, 0, 1, -1][random.below(4) as usize];
        }
        // Two apart: what an assignment of a collection overwrites is one less.
        self.last_timestamp = self.began_us.max(self.last_timestamp + 2);
        recent.push_back(self.last_timestamp);
        if recent.len() > RECENT_MAX {
            recent.pop_front();
        }
        self.last_timestamp
    }

    fn write(&mut self, chosen: usize, random: &mut Random) -> Doing {
        self.draw_write(chosen, random, |drawer| {
            let is_stamped = drawer.random.one_in(2);
            drawer.draw(is_stamped)
        })
    }

    /// Deletes everything, which settles what is open.
    fn clear(&mut self, chosen: usize, random: &mut Random) -> Doing {
        self.partitions[chosen].recent.clear();
        self.draw_write(chosen, random, |drawer| drawer.delete_all())
    }

    fn draw_write(&mut self, chosen: usize, random: &mut Random, draw: impl FnOnce(&mut Drawer<'_>) -> Draft) -> Doing {
        let timestamp = self.timestamp(chosen, random);
        self.next_write += 1;
        let partition = &self.partitions[chosen];
        let now_s = self.began_us.div_euclid(1_000_000);
        let level = partition.levels.of_write(random);
        let mut drawer = Drawer {
            table: partition.model.table,
            partition: partition.number,
            extent: partition.extent,
            random,
            timestamp,
            write: self.next_write,
            next_value: &mut self.next_value,
            is_heavy: partition.is_heavy,
            is_plain: self.is_plain,
        };
        let draft = draw(&mut drawer);
        let dated_s = partition.is_dated.then_some(now_s);
        Doing::Writing { partition: chosen, write: self.next_write, draft, level, dated_s }
    }

    fn read(&mut self, chosen: usize, settles: bool, random: &mut Random) -> Doing {
        let oldest_s = (self.began_us - RECENT_US).div_euclid(1_000_000);
        let partition = &mut self.partitions[chosen];
        partition.expiries.retain(|expiry| expiry.earliest_s >= oldest_s);
        let (table, number) = (partition.model.table, partition.number);
        let (level, read) = if settles {
            let page_size = random.one_in(2).then(|| random.between(1, 6) as u32);
            let read = Read::all(table, number, random.one_in(2), page_size);
            (partition.levels.of_settling_read(random), read)
        } else {
            (partition.levels.of_read(random), Read::drawn(table, number, partition.extent, self.next_value, random))
        };
        let dated_s = partition.is_dated.then(|| {
            let now_s = self.began_us.div_euclid(1_000_000);
            let expiries = &partition.expiries;
            if !expiries.is_empty() && random.one_in(4) {
                // At the edge of an expiry: the last second before it, or the first after.
                let expiry = expiries[random.below(expiries.len() as u64) as usize];
                return expiry.latest_s - random.below(2) as i64;
            }
            now_s
        });
        Doing::Reading { partition: chosen, read, progress: Progress::default(), level, dated_s }
    }

    /// Reads several partitions of one table together, if there are some.
    fn read_several(&self, chosen: usize, random: &mut Random) -> Option<Doing> {
        let first = &self.partitions[chosen];
        let fits = |p: &Partition| p.is_dated && p.model.table == first.model.table;
        let together: Vec<(usize, i32)> =
            self.partitions.iter().enumerate().filter(|(_, p)| fits(p)).map(|(at, p)| (at, p.number)).collect();
        if together.len() < 2 {
            return None;
        }
        // At a level at which all of them are certain.
        let levels = first.levels;
        let is_shared = together.iter().all(|(at, _)| self.partitions[*at].levels == levels);
        let level = if is_shared { levels.of_read(random) } else { ConsistencyLevel::All };
        let read = Several::drawn(first.model.table, first.extent, &together, random);
        Some(Doing::ReadingSeveral { read, level, now_s: self.began_us.div_euclid(1_000_000) })
    }

    fn request(&self) -> ClientRequest {
        let (text, consistency, page_size, timestamp_us, now_s) = match &self.doing {
            Doing::Nothing => ("", ConsistencyLevel::One, None, None, None),
            Doing::Writing { draft, level, dated_s, .. } => {
                (draft.text.as_str(), *level, None, draft.timestamp, *dated_s)
            }
            Doing::ReadingSeveral { read, level, now_s } => {
                (read.text.as_str(), *level, read.page_size, None, Some(*now_s))
            }
            Doing::Reading { read, level, dated_s, .. } => (read.text.as_str(), *level, read.page_size, None, *dated_s),
        };
        let parameters = Parameters {
            consistency,
            values: BoundValues::NONE,
            page_size,
            paging_state: self.paging_state.clone(),
            timestamp_us,
            descriptions: Descriptions::Omitted,
            keyspace: None,
            now_s,
            stamp: None,
        };
        ClientRequest::Query { text: text.to_owned(), parameters }
    }

    /// In which seconds the coordinator's clock may have been read.
    fn seconds_until(&self, now_us: i64) -> (i64, i64) {
        let off_us = if let Clocks::Within(off_us) = self.clocks { off_us } else { 0 };
        ((self.began_us - off_us).div_euclid(1_000_000), (now_us + off_us).div_euclid(1_000_000))
    }

    /// The present request was answered, or never will be (`None`). `Err` says what is wrong with the answer;
    /// `Ok` whether it was a success.
    pub fn answered(&mut self, now_us: i64, response: Option<&ClientResponse>) -> Result<bool, String> {
        if let Some(ClientResponse::Error(
            error @ (CqlError::Syntax(_) | CqlError::Invalid(_) | CqlError::Protocol(_)),
        )) = response
        {
            let text = match &self.doing {
                Doing::Nothing => "",
                Doing::Writing { draft, .. } => &draft.text,
                Doing::ReadingSeveral { read, .. } => &read.text,
                Doing::Reading { read, .. } => &read.text,
            };
            return Err(format!("{text} was answered: {error}"));
        }
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => Ok(false),
            Doing::Writing { partition, write, draft, level, dated_s } => {
                let outcome = response.map_or(Outcome::Unknown, write_outcome);
                self.written(now_us, partition, write, draft, (level, dated_s), outcome);
                Ok(outcome == Outcome::Acknowledged)
            }
            Doing::ReadingSeveral { read, level, now_s } => {
                read.places().into_iter().for_each(|place| self.partitions[place].model.read_in_part());
                let Some(page) = response.and_then(decode::page) else {
                    self.paging_state = None;
                    return Ok(false);
                };
                self.several_were_read(read, level, now_s, page).map(|()| true)
            }
            Doing::Reading { partition, read, progress, level, dated_s } => {
                let Some(page) = response.and_then(decode::page) else {
                    self.partitions[partition].model.read_in_part();
                    self.paging_state = None;
                    return Ok(false);
                };
                self.was_read(now_us, partition, read, progress, (level, dated_s), page).map(|()| true)
            }
        }
    }

    fn written(
        &mut self,
        now_us: i64,
        partition: usize,
        write: u32,
        mut draft: Draft,
        (level, dated_s): (ConsistencyLevel, Option<i64>),
        outcome: Outcome,
    ) {
        let (earliest_s, latest_s) = dated_s.map_or_else(|| self.seconds_until(now_us), |s| (s, s));
        let partition = &mut self.partitions[partition];
        for (_, effect) in &mut draft.effects {
            if let Some(expiry) = effect.expiry_mut() {
                (expiry.earliest_s, expiry.latest_s) = (earliest_s + expiry.ttl_s, latest_s + expiry.ttl_s);
                partition.expiries.push_back(*expiry);
            }
        }
        while partition.expiries.len() > RECENT_MAX {
            partition.expiries.pop_front();
        }
        let stamp = draft.timestamp.map_or(String::new(), |timestamp| format!(", timestamp {timestamp}"));
        let text = format!("at {} s, {level}{stamp}, {earliest_s} to {latest_s} s: {}", seconds(now_us), draft.text);
        let effects: &[(Target, _)] = &draft.effects;
        partition.model.written(write, text, effects, outcome);
    }

    fn was_read(
        &mut self,
        now_us: i64,
        partition: usize,
        read: Read,
        mut progress: Progress,
        (level, dated_s): (ConsistencyLevel, Option<i64>),
        page: &starling_node::plan::Page,
    ) -> Result<(), String> {
        let (earliest_s, latest_s) = dated_s.map_or_else(|| self.seconds_until(now_us), |s| (s, s));
        let asked = &mut self.partitions[partition];
        let wrong = |problem: String, progress: &Progress| {
            let page = progress.pages;
            format!("{} at {level}, page {page} of size {:?}: {problem}", read.text, read.page_size)
        };
        let answer = decode::answer(&read.query, page).map_err(|problem| wrong(problem, &progress))?;
        let has_more = page.paging_state.is_some();
        let now = Moment { earliest_s, latest_s };
        let page_read = Page { answer: &answer, has_more, now, settles: asked.levels.settles(level) };
        let checked = asked.model.check(&read, &mut progress, &page_read);
        checked.map_err(|problem| wrong(problem, &progress))?;
        self.paging_state.clone_from(&page.paging_state);
        if !has_more {
            self.closing = self.closing.map(|closing| closing + 1);
        } else if progress.pages >= PAGES_MAX {
            return Err(wrong("the pages do not end".into(), &progress));
        } else {
            self.doing = Doing::Reading { partition, read, progress, level, dated_s };
        }
        Ok(())
    }

    fn several_were_read(
        &mut self,
        mut read: Several,
        level: ConsistencyLevel,
        now_s: i64,
        page: &starling_node::plan::Page,
    ) -> Result<(), String> {
        let now = Moment { earliest_s: now_s, latest_s: now_s };
        let partitions = &mut self.partitions;
        let checked = read.check(page, now, |place, check| {
            let partition = &mut partitions[place];
            check(&mut partition.model, partition.levels.settles(level))
        });
        let wrong = |problem: String| {
            format!("{} at {level}, page {} of size {:?}: {problem}", read.text, read.pages, read.page_size)
        };
        checked.map_err(wrong)?;
        self.paging_state.clone_from(&page.paging_state);
        if page.paging_state.is_some() {
            if read.pages >= PAGES_MAX {
                return Err(wrong("the pages do not end".into()));
            }
            self.doing = Doing::ReadingSeveral { read, level, now_s };
        }
        Ok(())
    }
}

fn seconds(now_us: i64) -> String {
    format!("{}.{:06}", now_us.div_euclid(1_000_000), now_us.rem_euclid(1_000_000))
}
