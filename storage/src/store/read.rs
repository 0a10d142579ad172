//! Reads of the engine: point lookups, slices in both directions, token ranges.

use bytes::Bytes;
use starling_planted::{Bug, is_planted};
use starling_ring::Token;

use crate::engine::{Cursor, Direction, Engine, EngineError, Snapshot, Space};
use crate::format::Stored;
use crate::header::Header;
use crate::key;
use crate::model::{ReadCommand, ReadResult, ReadTarget, Slice};

use super::StoreError;
use super::collect::{Collector, Flow, regions};
use super::filter::HeaderFilter;

/// More slices of one row each than this are walked by a cursor.
const POINT_LOOKUPS_MAX: usize = 128;

/// One read of the engine.
pub(crate) struct EngineRead<'a> {
    pub(crate) engine: &'a dyn Engine,
    pub(crate) filter: &'a HeaderFilter,
    pub(crate) command: &'a ReadCommand,
    /// A read that has to walk more rows is given up.
    pub(crate) rows_max: Option<u32>,
    /// From this many unfolded fragments on, a key is worth folding.
    pub(crate) fold_threshold: u8,
    /// Keys worth folding, found on the way.
    pub(crate) fold_hints: Vec<(Space, Bytes)>,
}

impl EngineRead<'_> {
    /// What was read, and whether that is the answer: else the read was given up.
    pub(crate) fn run(&mut self) -> Result<(ReadResult, bool), StoreError> {
        let command = self.command;
        let mut collector = Collector::new(command).within(self.rows_max);
        match &command.target {
            ReadTarget::Partition { token, key } => self.partition(&mut collector, *token, key)?,
            ReadTarget::TokenRange { start, end } => self.token_range(&mut collector, *start, *end)?,
        }
        let is_whole = !collector.is_given_up();
        Ok((collector.finish(), is_whole))
    }

    fn partition(&mut self, collector: &mut Collector<'_>, token: Token, key: &Bytes) -> Result<(), StoreError> {
        let command = self.command;
        let regions = regions(command, token, key);
        if regions.is_empty() {
            return Ok(());
        }
        let prefix = key::partition_prefix(command.table, token, key);
        if !command.has_clustering {
            if let Some(value) = undamaged(self.engine.get(Space::Rows, &prefix))? {
                let row = self.decode(Space::Rows, &prefix, value)?;
                collector.begin(token, key.clone(), Header::default());
                collector.row(Bytes::new(), row);
                collector.end();
            }
            return Ok(());
        }
        let single_rows = regions.len() <= POINT_LOOKUPS_MAX && regions.iter().all(|r| r.single_row().is_some());
        let engine = self.engine;
        if single_rows && regions.len() == 1 && !self.filter.may_contain(&prefix) {
            let row_key = [prefix.as_slice(), &regions[0].start].concat();
            let value = engine.get(Space::Rows, &row_key)?;
            // Asked again: a deletion that came before what was just read says so in the filter by now.
            if !self.filter.may_contain(&prefix) {
                collector.begin(token, key.clone(), Header::default());
                if let Some(value) = value {
                    let row = self.decode(Space::Rows, &row_key, value)?;
                    if collector.row(regions[0].start.clone(), row) != Flow::Continue {
                        return Ok(());
                    }
                }
                collector.end();
                return Ok(());
            }
        }
        let snapshot = engine.snapshot()?;
        // After the snapshot: what it holds of the partition's header is in the filter.
        let header = match self.filter.may_contain(&prefix) {
            true => snapshot.get(Space::Headers, &prefix)?,
            false => None,
        };
        let header = match header {
            Some(value) => self.decode(Space::Headers, &prefix, value)?,
            None => Header::default(),
        };
        collector.begin(token, key.clone(), header);
        if single_rows {
            self.point_rows(collector, &prefix, &regions, |key| Ok(snapshot.get(Space::Rows, key)?))?;
            return Ok(());
        }
        let mut rows = self.cursor(&*snapshot, &prefix, &regions)?;
        if self.rows(collector, &mut rows, &prefix, &regions)? == Flow::Continue {
            collector.end();
        }
        Ok(())
    }

    fn point_rows(
        &mut self,
        collector: &mut Collector<'_>,
        prefix: &[u8],
        regions: &[Slice],
        get: impl Fn(&[u8]) -> Result<Option<Bytes>, StoreError>,
    ) -> Result<(), StoreError> {
        let count = regions.len();
        for at in 0..count {
            let region = &regions[if self.command.reversed { count - 1 - at } else { at }];
            let row_key = [prefix, &region.start].concat();
            if let Some(value) = get(&row_key)? {
                let row = self.decode(Space::Rows, &row_key, value)?;
                if collector.row(region.start.clone(), row) != Flow::Continue {
                    return Ok(());
                }
            }
        }
        collector.end();
        Ok(())
    }

    fn cursor<'s>(&self, snapshot: &'s dyn Snapshot, prefix: &[u8], regions: &[Slice]) -> Result<Walk<'s>, StoreError> {
        let direction = if self.command.reversed { Direction::Reverse } else { Direction::Forward };
        let bound = |slice: Option<&Slice>, pick: fn(&Slice) -> &Bytes| match slice {
            Some(slice) => [prefix, pick(slice)].concat(),
            None => prefix.to_vec(),
        };
        let (start, end) = (bound(regions.first(), |r| &r.start), bound(regions.last(), |r| &r.end));
        Walk::new(snapshot.cursor(Space::Rows, &start, &end, direction)?)
    }

    /// Walks the regions of one partition; the cursor is at the partition or before it.
    fn rows(
        &mut self,
        collector: &mut Collector<'_>,
        walk: &mut Walk<'_>,
        prefix: &[u8],
        regions: &[Slice],
    ) -> Result<Flow, StoreError> {
        let reversed = self.command.reversed;
        let count = regions.len();
        for at in 0..count {
            let region = &regions[if reversed { count - 1 - at } else { at }];
            let start = [prefix, &region.start].concat();
            let end = [prefix, &region.end].concat();
            if reversed {
                walk.skip_before(&end)?;
            } else {
                walk.skip_to(&start)?;
            }
            while walk.valid && (start.as_slice()..end.as_slice()).contains(&walk.cursor.key()) {
                let clustering = Bytes::copy_from_slice(walk.cursor.key().get(prefix.len()..).unwrap_or_default());
                let value = Bytes::copy_from_slice(walk.cursor.value());
                let row = self.decode(Space::Rows, walk.cursor.key(), value)?;
                walk.advance()?;
                match collector.row(clustering, row) {
                    Flow::Continue => {}
                    flow => return Ok(flow),
                }
            }
        }
        Ok(Flow::Continue)
    }

    fn token_range(&mut self, collector: &mut Collector<'_>, start: Token, end: Token) -> Result<(), StoreError> {
        let command = self.command;
        let (mut first, last) = key::token_range(command.table, start, end);
        if let Some(resume) = &command.resume {
            let prefix = key::partition_prefix(command.table, resume.token, &resume.key);
            let from = if resume.clustering.is_some() { prefix } else { key::partition_end(&prefix) };
            first = first.max(from);
        }
        if first >= last {
            return Ok(());
        }
        let engine = self.engine;
        let snapshot = engine.snapshot()?;
        let mut rows = Walk::new(snapshot.cursor(Space::Rows, &first, &last, Direction::Forward)?)?;
        let mut headers = match command.has_clustering {
            true => Some(Walk::new(snapshot.cursor(Space::Headers, &first, &last, Direction::Forward)?)?),
            false => None,
        };
        loop {
            let header_key = headers.as_ref().filter(|walk| walk.valid).map(|walk| walk.cursor.key());
            let row_key = rows.valid.then(|| rows.cursor.key());
            let Some(next) = header_key.into_iter().chain(row_key).min() else {
                return Ok(());
            };
            let parsed = key::parse_engine_key(next)?;
            let prefix = next.get(..parsed.prefix_length).unwrap_or_default().to_vec();
            let mut header = Header::default();
            if let Some(walk) = headers.as_mut().filter(|walk| walk.valid && walk.cursor.key() == prefix) {
                header = self.decode(Space::Headers, &prefix, Bytes::copy_from_slice(walk.cursor.value()))?;
                walk.advance()?;
            }
            let regions = regions(command, parsed.token, &parsed.key);
            if !regions.is_empty() {
                collector.begin(parsed.token, parsed.key, header);
                let flow = if command.reversed {
                    let mut walk = self.cursor(&*snapshot, &prefix, &regions)?;
                    self.rows(collector, &mut walk, &prefix, &regions)?
                } else {
                    self.rows(collector, &mut rows, &prefix, &regions)?
                };
                let flow = if flow == Flow::Continue { collector.end() } else { flow };
                if flow == Flow::Stop {
                    return Ok(());
                }
            }
            rows.skip_to(&key::partition_end(&prefix))?;
        }
    }

    fn decode<T: Stored>(&mut self, space: Space, key: &[u8], value: Bytes) -> Result<T, StoreError> {
        let (value, fragments) = T::from_stored(&value)?;
        if fragments >= self.fold_threshold {
            self.fold_hints.push((space, Bytes::copy_from_slice(key)));
        }
        Ok(value)
    }
}

/// What a lookup found.
fn undamaged(found: Result<Option<Bytes>, EngineError>) -> Result<Option<Bytes>, EngineError> {
    match found {
        Err(EngineError::Corrupt(_)) if is_planted(Bug::DamagedIsAbsent) => Ok(None),
        found => found,
    }
}

/// A cursor and whether it is on an entry.
pub(crate) struct Walk<'a> {
    pub(crate) cursor: Box<dyn Cursor + 'a>,
    pub(crate) valid: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(mut cursor: Box<dyn Cursor + 'a>) -> Result<Self, StoreError> {
        let valid = cursor.advance()?;
        Ok(Walk { cursor, valid })
    }

    pub(crate) fn advance(&mut self) -> Result<(), StoreError> {
        self.valid = self.cursor.advance()?;
        Ok(())
    }

    /// Onwards to the first entry at or after `key`: by steps while it is near, then by a seek.
    fn skip_to(&mut self, key: &[u8]) -> Result<(), StoreError> {
        for _ in 0..4 {
            if !self.valid || self.cursor.key() >= key {
                return Ok(());
            }
            self.advance()?;
        }
        if self.valid && self.cursor.key() < key {
            self.cursor.seek(key);
            self.advance()?;
        }
        Ok(())
    }

    /// Onwards, in reverse, to the last entry before `key`.
    fn skip_before(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.valid && self.cursor.key() >= key {
            self.cursor.seek(key);
            self.advance()?;
        }
        Ok(())
    }
}
