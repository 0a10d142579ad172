//! Learning what was decided: by entries, or by a snapshot where too many are missing.

use std::collections::BTreeSet;
use std::sync::Arc;

use starling_planted::{Bug, is_planted};
use starling_ring::HostId;
use starling_ring::gossip::StateKey;

use super::entry::Entry;
use super::journal::Records;
use super::{Cluster, ClusterAction, LogPosition, Metadata};
use crate::message::{ClusterMessage, Stance, wire::WireError};

/// Between two requests for what is missing, in milliseconds. Shorter: quicker after a lost message, more messages.
const FETCH_PAUSE_MS: u64 = 100;

impl Cluster {
    /// Adopts a decided entry if it is the next one: durable first, then visible.
    pub(super) fn learn(&mut self, now_ms: u64, entry: Entry) {
        let Some(metadata) = self.metadata.clone() else { return };
        let is_again = is_planted(Bug::ApplyTwice) && entry.position == metadata.position;
        let entry = if is_again { Entry { position: entry.position.next(), ..entry } } else { entry };
        if entry.position != metadata.position.next() {
            return;
        }
        let next = match metadata.apply(&entry) {
            Ok(next) => next,
            Err(error) => {
                return self.end(format!("the decided entry {entry} does not fit here: {error}"));
            }
        };
        let entry = Arc::new(entry);
        let records = self.journal.append(entry.clone(), &next);
        let is_forgotten = is_planted(Bug::ForgetEntry) && entry.id.proposer != self.host_id();
        let records = if is_forgotten { Ok(Records::new()) } else { records };
        self.adopt(now_ms, Arc::new(next), records);
        self.note_decided(now_ms, &entry);
    }

    /// Adopts metadata as a whole.
    pub(super) fn adopt_snapshot(&mut self, now_ms: u64, metadata: Metadata) {
        let records = self.journal.restart(&metadata);
        self.adopt(now_ms, Arc::new(metadata), records);
        self.note_jump(now_ms);
    }

    pub(super) fn adopt(&mut self, now_ms: u64, metadata: Arc<Metadata>, records: Result<Records, WireError>) {
        match records {
            Ok(records) => {
                self.actions.push_back(ClusterAction::Persist(records));
                self.install(now_ms, metadata);
            }
            Err(error) => self.end(format!("cluster metadata cannot be stored: {error}")),
        }
    }

    pub(super) fn install(&mut self, now_ms: u64, metadata: Arc<Metadata>) {
        let admitted: Vec<HostId> = metadata.admitted().map(|member| member.host_id).collect();
        self.gossiper.set_members(now_ms, &admitted);
        let position = metadata.position.to_bytes().to_vec();
        let published = self.gossiper.set_local(StateKey::METADATA_EPOCH, position);
        debug_assert!(published.is_ok(), "sixteen bytes fit any gossip setting");
        if self.metadata.as_ref().is_none_or(|before| before.schema_position != metadata.schema_position) {
            self.schema_since_ms = now_ms;
        }
        if let Some(previous) = self.metadata.replace(metadata.clone()) {
            self.previous_deciders = previous.deciders.clone();
        }
        self.actions.push_back(ClusterAction::ViewChanged);
    }

    pub(super) fn on_entries(&mut self, now_ms: u64, from: HostId, stance: Stance, entries: Vec<Entry>) {
        for entry in entries {
            self.learn(now_ms, entry);
        }
        self.send(from, ClusterMessage::Adopted);
        self.fetch_if_newer(now_ms, from, stance.position);
    }

    pub(super) fn on_snapshot(&mut self, now_ms: u64, from: HostId, snapshot: Metadata) {
        let Some(current) = self.metadata.clone() else { return };
        if snapshot.cluster_id == current.cluster_id && snapshot.position > current.position {
            let standing = snapshot.standing(self.host_id());
            if !standing.is_admitted() {
                let reason = self.refusal(&snapshot, standing);
                return self.end(reason);
            }
            if !snapshot.continues(current.position) {
                return self.end(format!(
                    "this node's log of membership and schema ends with entry {}, and the cluster has gone on from an \
                     earlier one after a forced recovery (it is at {} now): empty its data directory and let it join as \
                     a new node",
                    current.position, snapshot.position
                ));
            }
            self.adopt_snapshot(now_ms, snapshot);
        }
        self.send(from, ClusterMessage::Adopted);
    }

    /// Answers a request for what is missing.
    pub(super) fn answer_fetch(&mut self, from: HostId, have: LogPosition) {
        if self.position() > have {
            self.send_missing(from, have);
        }
    }

    /// Sends what a node that stands at `have` lacks.
    pub(super) fn send_missing(&mut self, to: HostId, have: LogPosition) {
        let Some(metadata) = self.metadata.clone() else { return };
        let message = match self.journal.after(have) {
            Some(entries) => ClusterMessage::Entries(entries),
            None => ClusterMessage::Snapshot(Box::new((*metadata).clone())),
        };
        self.send(to, message);
    }

    /// Tells all of an entry that was decided; those that it takes out too.
    pub(super) fn publish(&mut self, entry: &Entry, before: &Metadata) {
        let Some(metadata) = self.metadata.clone() else { return };
        let own = self.host_id();
        let all: BTreeSet<HostId> = metadata.admitted().chain(before.admitted()).map(|member| member.host_id).collect();
        for host in all.into_iter().filter(|host| *host != own) {
            self.send(host, ClusterMessage::Entries(vec![entry.clone()]));
        }
    }

    /// Asks `host` for what is missing if it claims a later position; at most every 100 ms.
    pub fn fetch_if_newer(&mut self, now_ms: u64, host: HostId, position: LogPosition) {
        let waiting = self.fetched_at_ms.is_some_and(|at| now_ms < at + FETCH_PAUSE_MS);
        if self.metadata.is_some() && position > self.position() && !waiting {
            self.fetched_at_ms = Some(now_ms);
            self.send(host, ClusterMessage::Fetch);
        }
    }

    /// An entry tells of itself once: whoever missed it, or lost the answer, asks again in every round.
    pub(super) fn catch_up(&mut self, now_ms: u64) {
        let live = self.gossiper.members().filter(|host| self.gossiper.is_alive(*host));
        let mut known: Vec<(LogPosition, HostId)> =
            live.filter_map(|host| Some((self.gossiped_position(host)?, host))).collect();
        let newest = known.iter().map(|(position, _)| *position).max();
        known.retain(|(position, _)| Some(*position) == newest);
        // In turn: one of them may be out of reach of this node alone.
        let turn = (self.gossip_rounds % known.len().max(1) as u64) as usize;
        if let Some((position, host)) = known.get(turn).copied() {
            self.fetch_if_newer(now_ms, host, position);
        }
    }

    /// How far another node is, as gossip has it.
    pub fn gossiped_position(&self, host: HostId) -> Option<LogPosition> {
        LogPosition::from_bytes(self.gossiper.state(host)?.value(StateKey::METADATA_EPOCH)?)
    }
}
