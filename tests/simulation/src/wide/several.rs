//! Reads of several partitions at once (`p IN ...`): each comes in one piece, in whatever order of partitions.

use super::check::{Page, Progress};
use super::decode::{self, Answer, Row};
use super::model::{Model, Moment};
use super::place::{Extent, Place};
use super::reads::{Query, Read};
use super::table::{Column, Table};
use crate::random::Random;

const COLUMNS: [Column; 4] = [Column::V, Column::M, Column::T, Column::S];

/// A look at a partition.
type Look<'a> = &'a mut dyn FnMut(&mut Model, bool) -> Result<(), String>;

/// One of the partitions.
struct Part {
    /// Its place among those of the owner.
    place: usize,
    number: i32,
    progress: Progress,
    is_over: bool,
}

/// Such a read and how far it is.
pub struct Several {
    pub text: String,
    pub page_size: Option<u32>,
    pub pages: usize,
    /// What is asked of each partition.
    each: Read,
    limit: Option<usize>,
    rows: usize,
    parts: Vec<Part>,
    /// The part that the last row was of.
    current: Option<usize>,
}

impl Several {
    /// Draws a read of these partitions, by place and number, of one table.
    pub fn drawn(table: Table, extent: Extent, partitions: &[(usize, i32)], random: &mut Random) -> Several {
        let page_size = (!random.one_in(3)).then(|| random.between(1, 12) as u32);
        let place = if random.one_in(2) { Place::All } else { extent.place(random) };
        let mut limit = |one_in: u64| random.one_in(one_in).then(|| random.between(1, 10) as usize);
        let (per_partition, limit) = (limit(3), limit(4));
        let numbers: Vec<String> = partitions.iter().map(|(_, number)| number.to_string()).collect();
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name()).collect();
        let mut text = format!(
            "SELECT p, c, d, {} FROM {} WHERE p IN ({}){place}",
            names.join(", "),
            table.name(),
            numbers.join(", ")
        );
        for (name, rows) in [("PER PARTITION LIMIT", per_partition), ("LIMIT", limit)] {
            if let Some(rows) = rows {
                text.push_str(&format!(" {name} {rows}"));
            }
        }
        let columns = COLUMNS.to_vec();
        let query = Query::Rows { columns, place, reversed: false, limit: per_partition, least: None };
        let part = |(place, number): &(usize, i32)| Part {
            place: *place,
            number: *number,
            progress: Progress::default(),
            is_over: false,
        };
        Several {
            each: Read { query, text: String::new(), page_size: None },
            text,
            page_size,
            pages: 0,
            limit,
            rows: 0,
            parts: partitions.iter().map(part).collect(),
            current: None,
        }
    }

    /// Places of the partitions among those of the owner.
    pub fn places(&self) -> Vec<usize> {
        self.parts.iter().map(|part| part.place).collect()
    }

    /// Checks a page. `at` lends the partition at a place, and says whether reads at this level settle
    /// there what they show.
    pub fn check(
        &mut self,
        page: &starling_node::plan::Page,
        now: Moment,
        mut at: impl FnMut(usize, Look<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.pages += 1;
        let rows: Vec<_> = page.rows().collect();
        if self.page_size.is_some_and(|size| rows.len() > size as usize) {
            return Err(format!("{} rows", rows.len()));
        }
        for cells in rows {
            let [Some(p), cells @ ..] = cells else { return Err("a row without its partition".into()) };
            let number = decode::int(p)?;
            let row = decode::row(&COLUMNS, cells)?;
            self.rows += 1;
            if self.limit.is_some_and(|limit| self.rows > limit) {
                return Err(format!("{} rows, more than the limit", self.rows));
            }
            let found = self.parts.iter().position(|part| part.number == number && !part.is_over);
            let part = found.ok_or_else(|| format!("partition {number}, not asked for or in pieces"))?;
            if let Some(before) = self.current.replace(part).filter(|before| *before != part) {
                self.check_part(before, Vec::new(), true, now, &mut at)?;
            }
            self.check_part(part, vec![row], false, now, &mut at)?;
        }
        if page.paging_state.is_none() && self.limit.is_none_or(|limit| self.rows < limit) {
            for part in 0..self.parts.len() {
                if !self.parts[part].is_over {
                    self.check_part(part, Vec::new(), true, now, &mut at)?;
                }
            }
        }
        Ok(())
    }

    fn check_part(
        &mut self,
        part: usize,
        rows: Vec<Row>,
        is_over: bool,
        now: Moment,
        at: &mut impl FnMut(usize, Look<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let part = &mut self.parts[part];
        part.is_over = is_over;
        let (answer, number) = (Answer::Rows(rows), part.number);
        let (each, progress) = (&self.each, &mut part.progress);
        let checked = at(part.place, &mut |model, settles| {
            model.check(each, progress, &Page { answer: &answer, has_more: !is_over, now, settles })
        });
        checked.map_err(|problem| format!("{number}: {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::effect::Effect;
    use super::super::model::Target;
    use super::*;
    use crate::oracle::Outcome;

    const NOW: Moment = Moment { earliest_s: 1_000, latest_s: 1_000 };

    /// Whether pages of rows of these partitions pass; 1 and 2 hold two rows each.
    fn passes(pages: &[&[i32]]) -> bool {
        let extent = Extent { c: 3, d: 1 };
        let mut models = [Model::new(Table::Ascending, extent), Model::new(Table::Ascending, extent)];
        let mut read = Several::drawn(Table::Ascending, extent, &[(0, 1), (1, 2)], &mut Random::new(0));
        read.page_size = None;
        read.limit = None;
        read.each.query =
            Query::Rows { columns: COLUMNS.to_vec(), place: Place::All, reversed: false, limit: None, least: None };
        let int = |value: i32| Some(Bytes::copy_from_slice(&value.to_be_bytes()));
        for model in &mut models {
            let marker = Effect::Marker { timestamp: 1, expiry: None };
            let rows = Target::Rows(Place::Tuples(None, Some(((1, 0), true))));
            model.written(1, String::new(), &[(rows, marker)], Outcome::Acknowledged);
        }
        let mut c = [0, 0];
        pages.iter().enumerate().all(|(at, page)| {
            let mut cells = Vec::new();
            for number in *page {
                let place = (number - 1).clamp(0, 1) as usize;
                cells.extend([int(*number), int(c[place]), int(0), None, None, None, None]);
                c[place] += 1;
            }
            let paging_state = (at + 1 < pages.len()).then(Bytes::new);
            let page = starling_node::plan::Page { width: 7, cells, paging_state };
            read.check(&page, NOW, |place, check| check(&mut models[place], true)).is_ok()
        })
    }

    #[test]
    fn each_partition_comes_in_one_piece_and_whole() {
        for right in [&[&[1, 1, 2, 2][..]][..], &[&[2, 2, 1, 1]], &[&[1], &[1], &[], &[2, 2]], &[&[2, 2, 1], &[1]]] {
            assert!(passes(right), "{right:?}");
        }
        for wrong in [&[&[1, 1][..]][..], &[&[1, 2, 2]], &[&[1, 2], &[2, 1]], &[&[1, 1, 2, 2, 3]], &[&[]]] {
            assert!(!passes(wrong), "{wrong:?}");
        }
    }
}
