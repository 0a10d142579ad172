//! Reads: the layers as they were at one moment, and cursors over them.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::layers::Layer;
use crate::engine::{Cursor, Direction, EngineError, Snapshot, Space};

/// Layers as they were when the view was taken, oldest first.
pub(super) struct View {
    pub(super) layers: Vec<Arc<Layer>>,
    pub(super) damaged: Arc<BTreeSet<(Space, Bytes)>>,
}

impl View {
    pub(super) fn value(&self, space: Space, key: &Bytes) -> Result<Option<Bytes>, EngineError> {
        let key = (space, key.clone());
        if self.damaged.contains(&key) {
            return Err(EngineError::Corrupt("a checksum does not match".into()));
        }
        let mut parts: Vec<&Bytes> = Vec::new();
        for layer in self.layers.iter().rev() {
            let Some(entry) = layer.get(&key) else {
                continue;
            };
            parts.extend(entry.operands.iter().rev());
            if let Some(base) = &entry.base {
                parts.extend(base.iter());
                break;
            }
        }
        Ok(match parts.as_slice() {
            [] => None,
            [only] => Some((*only).clone()),
            _ => Some(space.combine(parts.iter().rev().map(|part| part.as_ref())).into()),
        })
    }
}

impl Snapshot for View {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        self.value(space, &Bytes::copy_from_slice(key))
    }

    fn cursor(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>, EngineError> {
        let (start, end) = (Bytes::copy_from_slice(start), Bytes::copy_from_slice(end));
        let (low, high) = (Bound::Included(start), end);
        Ok(Box::new(ViewCursor { view: self, space, low, high, direction, current: None }))
    }
}

struct ViewCursor<'a> {
    view: &'a View,
    space: Space,
    /// What is left to walk: from `low` to before `high`.
    low: Bound<Bytes>,
    high: Bytes,
    direction: Direction,
    current: Option<(Bytes, Bytes)>,
}

impl ViewCursor<'_> {
    fn next_key(&self) -> Option<Bytes> {
        let (Bound::Included(low) | Bound::Excluded(low)) = &self.low else {
            return None;
        };
        if *low >= self.high {
            return None;
        }
        let space = self.space;
        let range = (self.low.clone().map(|key| (space, key)), Bound::Excluded((space, self.high.clone())));
        let layers = self.view.layers.iter();
        match self.direction {
            Direction::Forward => layers.filter_map(|l| Some(&l.range(range.clone()).next()?.0.1)).min().cloned(),
            Direction::Reverse => layers.filter_map(|l| Some(&l.range(range.clone()).next_back()?.0.1)).max().cloned(),
        }
    }
}

impl Cursor for ViewCursor<'_> {
    fn advance(&mut self) -> Result<bool, EngineError> {
        while let Some(key) = self.next_key() {
            match self.direction {
                Direction::Forward => self.low = Bound::Excluded(key.clone()),
                Direction::Reverse => self.high = key.clone(),
            }
            if let Some(value) = self.view.value(self.space, &key)? {
                self.current = Some((key, value));
                return Ok(true);
            }
        }
        self.current = None;
        Ok(false)
    }

    fn seek(&mut self, key: &[u8]) {
        match self.direction {
            Direction::Forward => self.low = Bound::Included(Bytes::copy_from_slice(key)),
            Direction::Reverse => self.high = Bytes::copy_from_slice(key),
        }
    }

    fn key(&self) -> &[u8] {
        self.current.as_ref().map(|(key, _)| key.as_ref()).unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.current.as_ref().map(|(_, value)| value.as_ref()).unwrap_or_default()
    }
}
