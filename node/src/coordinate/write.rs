//! One write at a consistency level: one mutation, or the several of a batch, each to its own replicas.
//!
//! Definite and unknown are kept apart: Unavailable is answered only before anything was sent; once something
//! was, the answer is applied, or unknown (WriteTimeout, WriteFailure).

use bytes::Bytes;
use starling_cql_lite::protocol::error::{CqlError, FailedReplica, WriteType};
use starling_planted::{Bug, is_planted};
use starling_ring::{HostId, Requirement, Tally};
use starling_storage::model::Mutation;

use super::replicas::Replica;
use super::{Answer, BEHIND_RETRY_MS, Order, Outcome, Work, errors};
use crate::message::{Fence, ReplicaFailure};

/// A mutation with its replicas.
pub struct WriteLeg {
    /// The mutation; handed to this node's own replica, if it is one.
    pub mutation: Option<Mutation>,
    /// The same, encoded.
    pub encoded: Bytes,
    /// All its replicas.
    pub replicas: Vec<Replica>,
    /// What its keyspace and the level ask for.
    pub requirement: Requirement,
    /// What is known of who owns the data.
    pub fence: Fence,
}

/// How long a replica that is reached through another is waited for before it is asked directly, in milliseconds:
/// above a round trip between continents.
const FORWARD_PATIENCE_MS: u64 = 400;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    NotAsked,
    Asked,
    /// To be asked again at this time.
    AgainAt(u64),
    Answered,
}

struct Leg {
    parts: WriteLeg,
    standing: Vec<Standing>,
    tally: Tally,
    /// The replicas that the tally counts as failed.
    failures: Vec<FailedReplica>,
}

const NEVER_MS: u64 = u64::MAX;

/// A write under way.
pub struct WriteCoordination {
    legs: Vec<Leg>,
    unmet: usize,
    /// When the first of those that were behind is asked again; [`NEVER_MS`]: nobody is.
    again_ms: u64,
    kind: WriteType,
    deadline_ms: u64,
    local: HostId,
    local_datacenter: u16,
}

impl WriteCoordination {
    /// Checks that every leg can reach its level, then says what to send. Nothing is sent unless all can.
    pub fn start(
        legs: Vec<WriteLeg>,
        kind: WriteType,
        local: HostId,
        local_datacenter: u16,
        now_ms: u64,
        deadline_ms: u64,
        orders: &mut Vec<Order>,
    ) -> Outcome<Self> {
        for leg in &legs {
            let live = leg.replicas.iter().filter(|r| r.alive).map(|r| r.datacenter);
            leg.requirement.check_available(live).map_err(errors::unavailable)?;
            // ANY may be met by a hint; while there are none, a live replica is needed.
            if !leg.replicas.iter().any(|r| r.alive) {
                return Err(errors::nobody_alive(&leg.requirement));
            }
        }
        let legs: Vec<Leg> = legs
            .into_iter()
            .map(|parts| Leg {
                standing: vec![Standing::NotAsked; parts.replicas.len()],
                tally: Tally::new(parts.requirement.clone()),
                failures: Vec::new(),
                parts,
            })
            .collect();
        let unmet = legs.len();
        let mut write =
            WriteCoordination { legs, unmet, again_ms: NEVER_MS, kind, deadline_ms, local, local_datacenter };
        for index in 0..write.legs.len() {
            write.send(index, now_ms, orders);
        }
        Ok(write)
    }

    /// One message per replica here, one per remote datacentre. Whoever is reached through another replica is
    /// asked directly if it stays silent: the one in between may have died with the message.
    fn send(&mut self, index: usize, now_ms: u64, orders: &mut Vec<Order>) {
        let (local, local_datacenter) = (self.local, self.local_datacenter);
        let leg = &mut self.legs[index];
        let mut remote: Vec<(u16, Vec<HostId>)> = Vec::new();
        for (replica, standing) in leg.parts.replicas.iter().zip(&mut leg.standing) {
            if !replica.alive {
                continue;
            }
            *standing = Standing::Asked;
            leg.tally.contacted(replica.datacenter);
            if replica.datacenter == local_datacenter {
                let mutation = leg.parts.mutation.take_if(|_| replica.host == local);
                orders.push(order(&leg.parts, mutation, index, replica.host, Vec::new()));
            } else {
                match remote.iter_mut().find(|(dc, _)| *dc == replica.datacenter) {
                    Some((_, hosts)) => {
                        hosts.push(replica.host);
                        *standing = Standing::AgainAt(now_ms + FORWARD_PATIENCE_MS);
                        self.again_ms = self.again_ms.min(now_ms + FORWARD_PATIENCE_MS);
                    }
                    None => remote.push((replica.datacenter, vec![replica.host])),
                }
            }
        }
        for (_, mut hosts) in remote {
            let first = hosts.remove(0);
            orders.push(order(&leg.parts, None, index, first, hosts));
        }
    }

    /// A replica answered. `Some`: the write has ended.
    pub fn on_answer(&mut self, now_ms: u64, leg: u32, from: HostId, answer: &Answer) -> Option<Outcome<()>> {
        let index = leg as usize;
        let leg = self.legs.get_mut(index)?;
        let place = leg.parts.replicas.iter().position(|r| r.host == from)?;
        let replica = leg.parts.replicas[place];
        let is_first = !matches!(leg.standing[place], Standing::Answered | Standing::NotAsked);
        if !is_first && !is_planted(Bug::CountTwice) {
            return None;
        }
        let was_met = leg.tally.is_met();
        match answer {
            Answer::Applied => {
                leg.standing[place] = Standing::Answered;
                leg.tally.succeeded(replica.datacenter);
            }
            Answer::Failed(ReplicaFailure::Behind) => {
                let again_ms = now_ms + BEHIND_RETRY_MS;
                leg.standing[place] = Standing::AgainAt(again_ms);
                self.again_ms = self.again_ms.min(again_ms);
            }
            Answer::Failed(_) | Answer::Data(_) | Answer::Digest(_) | Answer::Stale(_) => {
                leg.standing[place] = Standing::Answered;
                let reason = if let Answer::Failed(reason) = answer { Some(*reason) } else { None };
                errors::note_failure(&mut leg.tally, &mut leg.failures, &replica, reason);
            }
        }
        if !was_met && leg.tally.is_met() {
            self.unmet -= 1;
        }
        if self.unmet == 0 {
            return Some(Ok(()));
        }
        let leg = &self.legs[index];
        if !leg.tally.is_met() && !leg.tally.can_still_be_met() {
            if is_planted(Bug::FailureIsUnavailable) {
                return Some(Err(errors::nobody_alive(&leg.parts.requirement)));
            }
            return Some(Err(errors::write_failure(&leg.tally, &leg.failures, self.kind)));
        }
        None
    }

    /// What is left to do for whoever begins it anew with other replicas: its mutations, its kind and its deadline. What
    /// some replicas have applied already is applied again, to the same effect.
    pub fn into_legs(self) -> (Vec<WriteLeg>, WriteType, u64) {
        (self.legs.into_iter().map(|leg| leg.parts).collect(), self.kind, self.deadline_ms)
    }

    /// When it ends whatever has happened.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// How it ends when its time is up.
    pub fn timed_out(&self) -> CqlError {
        let leg = self.legs.iter().find(|leg| !leg.tally.is_met()).or(self.legs.first());
        leg.map_or_else(
            || CqlError::Server("a write of nothing".into()),
            |l| errors::write_timeout(&l.tally, self.kind),
        )
    }

    /// When `on_time` has something to do next.
    pub fn next_deadline_ms(&self) -> u64 {
        self.again_ms.min(self.deadline_ms)
    }

    /// Time has passed. `Some`: the write has ended, with an unknown outcome.
    pub fn on_time(&mut self, now_ms: u64, orders: &mut Vec<Order>) -> Option<Outcome<()>> {
        if now_ms >= self.deadline_ms {
            if is_planted(Bug::TimeoutIsRefusal) {
                return self.legs.first().map(|leg| Err(errors::nobody_alive(&leg.parts.requirement)));
            }
            return Some(Err(self.timed_out()));
        }
        if now_ms < self.again_ms {
            return None;
        }
        self.again_ms = NEVER_MS;
        for (index, leg) in self.legs.iter_mut().enumerate() {
            for (replica, standing) in leg.parts.replicas.iter().zip(&mut leg.standing) {
                let Standing::AgainAt(at_ms) = *standing else { continue };
                if now_ms >= at_ms {
                    *standing = Standing::Asked;
                    orders.push(order(&leg.parts, None, index, replica.host, Vec::new()));
                } else {
                    self.again_ms = self.again_ms.min(at_ms);
                }
            }
        }
        None
    }
}

fn order(leg: &WriteLeg, mutation: Option<Mutation>, index: usize, to: HostId, forward_to: Vec<HostId>) -> Order {
    let work = Work::Mutate { mutation, encoded: leg.encoded.clone(), forward_to };
    Order { to, leg: index as u32, fence: leg.fence, work }
}
