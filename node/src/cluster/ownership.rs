//! Since when each token range has had the replicas that it has.
//!
//! Requests between nodes are fenced by it: a coordinator and a replica that stand on different entries agree on a
//! range all the same, as long as neither lacks the range's last change.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use starling_ring::placement::Placement;
use starling_ring::{HostId, Token, Topology};

use super::LogPosition;

/// Runs of ranges that are kept apart per keyspace. Beyond it neighbours are joined at the later of their positions, so
/// that more requests than need be wait for the log. More: memory and size of the snapshot.
const RUNS_MAX: usize = 4_096;

/// The last change of every range of one keyspace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RangeHistory {
    /// Ends (inclusive), ascending, the last is [`Token::MAX`]; each with the position since which its tokens have the
    /// same replicas.
    runs: Vec<(Token, LogPosition)>,
}

impl RangeHistory {
    /// All ranges changed at `position`.
    pub fn new(position: LogPosition) -> Self {
        RangeHistory { runs: vec![(Token::MAX, position)] }
    }

    /// When the replicas of `token` changed last.
    pub fn changed_at(&self, token: Token) -> LogPosition {
        let at = self.runs.partition_point(|(end, _)| *end < token);
        self.runs.get(at).map_or(LogPosition::ZERO, |(_, position)| *position)
    }

    /// The last change of any token after `start` up to and with `end`.
    pub fn changed_within(&self, start: Token, end: Token) -> LogPosition {
        let from = self.runs.partition_point(|(to, _)| *to <= start);
        let to = self.runs.partition_point(|(to, _)| *to < end).saturating_add(1).min(self.runs.len());
        let runs = self.runs.get(from..to).unwrap_or_default();
        runs.iter().map(|(_, position)| *position).max().unwrap_or(self.changed_at(end))
    }

    /// The same after the placement has changed at `position`: ranges whose replicas stayed keep their history.
    pub fn after(
        &self,
        position: LogPosition,
        before: (&Topology, &Placement),
        after: (&Topology, &Placement),
    ) -> RangeHistory {
        let ends = |placement: &Placement| placement.ranges().map(|(_, end, _)| end).collect::<Vec<Token>>();
        let mut all: BTreeSet<Token> = ends(before.1).into_iter().chain(ends(after.1)).collect();
        all.extend(self.runs.iter().map(|(end, _)| *end));
        all.insert(Token::MAX);
        let mut next = RangeHistory::default();
        for end in all {
            let is_same = replicas(before, end) == replicas(after, end);
            next.push(end, if is_same { self.changed_at(end) } else { position });
        }
        next.limit();
        next
    }

    fn push(&mut self, end: Token, position: LogPosition) {
        match self.runs.last_mut() {
            Some(last) if last.1 == position => last.0 = end,
            _ => self.runs.push((end, position)),
        }
    }

    fn limit(&mut self) {
        while self.runs.len() > RUNS_MAX {
            let joined = self.runs.chunks(2).filter_map(|pair| {
                let position = pair.iter().map(|(_, position)| *position).max()?;
                Some((pair.last()?.0, position))
            });
            let runs: Vec<_> = joined.collect();
            self.runs.clear();
            runs.into_iter().for_each(|(end, position)| self.push(end, position));
        }
    }
}

fn replicas((topology, placement): (&Topology, &Placement), token: Token) -> BTreeSet<HostId> {
    placement.replicas(token).iter().filter_map(|&index| Some(topology.member(index)?.host_id)).collect()
}
