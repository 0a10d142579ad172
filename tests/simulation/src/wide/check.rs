//! Compares an answer with what the model allows, page by page.

use super::decode::{Answer, Row};
use super::effect::Content;
use super::model::{Model, Moment, Question};
use super::place::Place;
use super::reads::{Query, Read};
use super::table::Column;

/// Questions about a whole partition that are thought through together.
const TOGETHER_MAX: usize = 6;

/// Where a read stands, between pages.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    rows: usize,
    /// Place in the order of the read of the row that may come next.
    next: usize,
    /// `c` of the last group.
    group: Option<i32>,
    pub pages: usize,
}

/// One page, and how it was read.
pub struct Page<'a> {
    pub answer: &'a Answer,
    pub has_more: bool,
    pub now: Moment,
    /// Whether what it shows is shown by every later read.
    pub settles: bool,
}

fn fits(columns: &[Column], row: &Row, content: &Content) -> bool {
    content.is_there
        && columns.iter().all(|column| match column {
            Column::V => content.value == row.value,
            Column::M => content.map == row.map,
            Column::T => content.set == row.set,
            Column::B => content.blob == row.blob,
            Column::Written => content.written == row.written,
            Column::S => true,
        })
}

/// Whether a row passes the query's filter.
fn passes(least: Option<i64>, content: &Content) -> bool {
    content.is_there && least.is_none_or(|least| content.value.is_some_and(|value| value >= least))
}

/// The rows that a query names, as places of the model, in the order of the query.
fn walk(model: &Model, place: &Place, reversed: bool) -> Vec<usize> {
    let keys = model.keys().iter().enumerate();
    let mut walk: Vec<usize> = keys.filter(|(_, key)| place.contains(**key)).map(|(at, _)| at + 1).collect();
    if reversed {
        walk.reverse();
    }
    walk
}

impl Model {
    /// Checks a page, and learns from it. `Err` says what is wrong.
    pub fn check(&mut self, read: &Read, progress: &mut Progress, page: &Page<'_>) -> Result<(), String> {
        progress.pages += 1;
        match (&read.query, page.answer) {
            (Query::Rows { .. }, Answer::Rows(rows)) => {
                if is_whole(read, page, self.keys().len()) && progress.pages == 1 {
                    self.check_together(read, rows, page)?;
                } else {
                    self.read_in_part();
                }
                self.check_rows(read, progress, rows, page)
            }
            (Query::Distinct, Answer::Distinct(fixed)) => {
                self.read_in_part();
                self.check_distinct(*fixed, page)
            }
            (Query::Count { place }, Answer::Count(count)) => {
                self.read_in_part();
                self.check_count(place, *count, page.now)
            }
            (Query::Groups { place }, Answer::Groups(groups)) => {
                self.read_in_part();
                self.check_groups(place, progress, groups, page)
            }
            _ => Err("an answer to another question".into()),
        }
    }

    fn check_rows(
        &mut self,
        read: &Read,
        progress: &mut Progress,
        rows: &[Row],
        page: &Page<'_>,
    ) -> Result<(), String> {
        let Query::Rows { columns, place, reversed, limit, least } = &read.query else { return Ok(()) };
        let walk = walk(self, place, *reversed);
        if read.page_size.is_some_and(|size| rows.len() > size as usize) {
            return Err(format!("{} rows in a page of {:?}", rows.len(), read.page_size));
        }
        for row in rows {
            progress.rows += 1;
            if limit.is_some_and(|limit| progress.rows > limit) {
                return Err(format!("{} rows, more than the limit", progress.rows));
            }
            let Some(key) = row.key else {
                if least.is_some() {
                    return Err(format!("{row:?}, which does not pass the filter"));
                }
                progress.next = walk.len();
                self.check_static_alone(columns, place, row, progress, page)?;
                continue;
            };
            let left = &walk[progress.next..];
            let found = left.iter().position(|spot| self.keys()[*spot - 1] == key);
            let ahead = found.ok_or_else(|| format!("row {key:?}, which is out of order, double, or not asked for"))?;
            let (skipped, spot) = (left[..ahead].to_vec(), left[ahead]);
            progress.next += ahead + 1;
            self.must_be_absent(&skipped, *least, page)?;
            if !self
                .learn(spot, page.now, page.settles, |content| passes(*least, content) && fits(columns, row, content))
            {
                return Err(format!("{row:?}; {}", self.tell(spot, page.now)));
            }
            if columns.contains(&Column::S) {
                self.must_be_fixed(row.fixed, page)?;
            }
        }
        if page.has_more || limit.is_some_and(|limit| progress.rows >= limit) {
            return Ok(());
        }
        self.must_be_absent(&walk[progress.next..], *least, page)?;
        if progress.rows == 0 && *place == Place::All && least.is_none() {
            self.must_be_fixed(None, page)?;
        }
        Ok(())
    }

    fn must_be_absent(&mut self, spots: &[usize], least: Option<i64>, page: &Page<'_>) -> Result<(), String> {
        for spot in spots {
            if !self.learn(*spot, page.now, page.settles, |content| !passes(least, content)) {
                return Err(format!("a row is missing; {}", self.tell(*spot, page.now)));
            }
        }
        Ok(())
    }

    fn must_be_fixed(&mut self, fixed: Option<i64>, page: &Page<'_>) -> Result<(), String> {
        if self.learn(0, page.now, page.settles, |content| content.value == fixed) {
            return Ok(());
        }
        Err(format!("s = {fixed:?}; {}", self.tell(0, page.now)))
    }

    /// A row without a key: only if the partition holds nothing but static columns.
    fn check_static_alone(
        &mut self,
        columns: &[Column],
        place: &Place,
        row: &Row,
        progress: &Progress,
        page: &Page<'_>,
    ) -> Result<(), String> {
        if *place != Place::All || progress.rows != 1 {
            return Err(format!("{row:?}, a row without a key where there are none"));
        }
        if row.value.is_some() || !row.map.is_empty() || !row.set.is_empty() {
            return Err(format!("{row:?}, a row without a key but with more than static columns"));
        }
        let all: Vec<usize> = (1..=self.keys().len()).collect();
        self.must_be_absent(&all, None, page)?;
        let fixed = row.fixed;
        let is_asked_for = columns.contains(&Column::S);
        let fits = |content: &Content| content.is_there && (!is_asked_for || content.value == fixed);
        if self.learn(0, page.now, page.settles, fits) {
            return Ok(());
        }
        Err(format!("{row:?} alone; {}", self.tell(0, page.now)))
    }

    fn check_distinct(&mut self, fixed: Option<Option<i64>>, page: &Page<'_>) -> Result<(), String> {
        self.must_be_fixed(fixed.flatten(), page)?;
        let all: Vec<usize> = (1..=self.keys().len()).collect();
        match fixed {
            None => self.must_be_absent(&all, None, page),
            Some(None) if self.counts(&all, page.now).1 == 0 => Err("a partition that holds nothing".into()),
            Some(_) => Ok(()),
        }
    }

    /// How many of these rows are there at least and at most.
    fn counts(&self, spots: &[usize], now: Moment) -> (usize, usize) {
        let mut counts = (0, 0);
        for spot in spots {
            let shows = self.possibilities(*spot, now).shows;
            let any = |wanted: bool| shows.as_ref().is_none_or(|s| s.iter().any(|(_, c)| c.is_there == wanted));
            counts.0 += usize::from(!any(false));
            counts.1 += usize::from(any(true));
        }
        counts
    }

    fn check_count(&mut self, place: &Place, count: i64, now: Moment) -> Result<(), String> {
        let (low, high) = self.counts(&walk(self, place, false), now);
        let fixed = self.possibilities(0, now).shows;
        let may_be_fixed = |wanted: bool| {
            let shows = fixed.as_ref();
            *place == Place::All && shows.is_none_or(|s| s.iter().any(|(_, content)| content.is_there == wanted))
        };
        // Static columns alone count as a row.
        let least = if low == 0 && *place == Place::All && !may_be_fixed(false) { 1 } else { low };
        let most = if high == 0 && may_be_fixed(true) { 1 } else { high };
        if usize::try_from(count).is_ok_and(|count| (least..=most).contains(&count)) {
            return Ok(());
        }
        Err(format!("count {count}, expected {least} to {most} at {} to {} s", now.earliest_s, now.latest_s))
    }

    /// Groups by `c`: each once, in order, and with as many rows as there may be.
    fn check_groups(
        &mut self,
        place: &Place,
        progress: &mut Progress,
        groups: &[(Option<i32>, i64)],
        page: &Page<'_>,
    ) -> Result<(), String> {
        let walk = walk(self, place, false);
        for (c, count) in groups {
            progress.rows += 1;
            let Some(c) = c else {
                let is_right = *count == 1 && progress.rows == 1 && *place == Place::All;
                let is_alone = is_right && self.learn(0, page.now, false, |content| content.is_there);
                if !is_alone {
                    return Err(format!("a group of {count} without a key; {}", self.tell(0, page.now)));
                }
                self.must_be_absent(&walk, None, page)?;
                progress.next = walk.len();
                continue;
            };
            let is_of_group = |spot: &usize| self.keys()[*spot - 1].0 == *c;
            if progress.group.replace(*c) == Some(*c) && progress.pages > 1 {
                // The page before ended with this group. Later a row of it came to light that was open.
                let all: Vec<usize> = walk.iter().copied().filter(is_of_group).collect();
                let (low, high) = self.counts(&all, page.now);
                if low < high && usize::try_from(*count).is_ok_and(|count| count <= high) {
                    continue;
                }
            }
            let left = &walk[progress.next..];
            let first = left.iter().position(is_of_group).ok_or_else(|| {
                let own = walk.iter().filter(|spot| is_of_group(spot)).map(|spot| self.tell(*spot, page.now));
                format!("group {c} of {count} out of order, or double; {}", own.collect::<Vec<_>>().join("; "))
            })?;
            let own = left[first..].iter().take_while(|spot| is_of_group(spot)).count();
            let (skipped, own) = (left[..first].to_vec(), left[first..first + own].to_vec());
            progress.next += first + own.len();
            self.must_be_absent(&skipped, None, page)?;
            let (low, high) = self.counts(&own, page.now);
            if !usize::try_from(*count).is_ok_and(|count| (low.max(1)..=high).contains(&count)) {
                return Err(format!("group {c} of {count} rows, expected {low} to {high}"));
            }
        }
        if page.has_more {
            return Ok(());
        }
        self.must_be_absent(&walk[progress.next..], None, page)?;
        if progress.rows == 0 && *place == Place::All {
            self.must_be_fixed(None, page)?;
        }
        Ok(())
    }

    /// Each write falls on its partition as a whole: a read of all of it shows all of the write or nothing.
    fn check_together(&mut self, read: &Read, rows: &[Row], page: &Page<'_>) -> Result<(), String> {
        let Query::Rows { columns, .. } = &read.query else { return Ok(()) };
        let whole = self.whole();
        if whole.is_empty() || whole.len() > TOGETHER_MAX {
            return Ok(());
        }
        let mut allowed: Vec<u32> = (0..1 << whole.len()).collect();
        for spot in 0..=self.keys().len() {
            let row = spot.checked_sub(1).map(|at| rows.iter().find(|row| row.key == Some(self.keys()[at])));
            let fixed = rows.first().and_then(|row| row.fixed);
            let possibilities = self.possibilities(spot, page.now);
            let Some(shows) = possibilities.shows else { continue };
            let fitting = shows.iter().filter(|(_, content)| match row {
                None => !columns.contains(&Column::S) || content.value == fixed,
                Some(None) => !content.is_there,
                Some(Some(row)) => fits(columns, row, content),
            });
            let answers: Vec<u32> = fitting.map(|(answers, _)| *answers).collect();
            // Which bit of this row's answers is which write.
            let bit = |write: &u32| possibilities.questions.iter().position(|q| *q == Question::Counts(*write));
            let bits: Vec<Option<usize>> = whole.iter().map(bit).collect();
            let agrees = |choice: u32, answers: u32| {
                bits.iter().enumerate().all(|(at, bit)| bit.is_none_or(|bit| choice >> at & 1 == answers >> bit & 1))
            };
            allowed.retain(|choice| answers.is_empty() || answers.iter().any(|answers| agrees(*choice, *answers)));
        }
        let Some(always) = allowed.iter().copied().reduce(|a, b| a & b) else {
            let spots: Vec<String> = (0..=self.keys().len()).map(|spot| self.tell(spot, page.now)).collect();
            return Err(format!("a write is seen in part: {rows:?}; {}", spots.join("; ")));
        };
        for (at, write) in whole.iter().enumerate().filter(|_| page.settles) {
            if always >> at & 1 == 1 {
                self.make_certain(*write);
            }
        }
        Ok(())
    }
}

/// Whether each replica was asked once, for all of the partition: no limit can have stopped any of them, whatever they
/// hold.
fn is_whole(read: &Read, page: &Page<'_>, keys: usize) -> bool {
    let Query::Rows { place, limit, least, .. } = &read.query else { return false };
    let is_unlimited = limit.is_none() && least.is_none() && read.page_size.is_none_or(|size| size as usize > keys + 1);
    *place == Place::All && is_unlimited && !page.has_more
}
