//! What clients ask next, and what those that own wide partitions are answered.

use starling_node::assembly::client::{ClientRequest, ClientResponse};
use starling_ring::ConsistencyLevel;

use super::{Phase, World};
use crate::clients::{self, Doing, SETUP};
use crate::outside::EPOCH_US;
use crate::wide::Clocks;

/// How far the wall clocks of machines are off at most, with a margin.
pub const CLOCKS: Clocks = Clocks::Within(20_000);

impl World {
    pub(super) fn next_of_client(&mut self, client: usize) -> (Doing, ClientRequest) {
        match self.phase {
            Phase::Setup => {
                let step = if let Doing::Setup { step } = self.clients[client].doing { step } else { 0 };
                // Without faults no replica misses a deletion: then they may be forgotten soon.
                let brief = if self.is_calm && step > 1 { " AND gc_grace_seconds = 60" } else { "" };
                (Doing::Setup { step }, clients::plain(&[SETUP[step], brief].concat()))
            }
            Phase::Faults | Phase::Healing => self.draw_operation(),
            Phase::Final => {
                let key = self.next_final_key.min(self.keys);
                let floor = self.oracle.floor(key);
                (Doing::Reading { key, floor }, clients::read(key, ConsistencyLevel::All))
            }
        }
    }

    fn draw_operation(&mut self) -> (Doing, ClientRequest) {
        if self.random.one_in(60) {
            let (element, step, text) = self.side.draw(&mut self.random);
            return (Doing::Changing { element, step }, clients::plain(&text));
        }
        let key = self.random.below(self.keys as u64 + 1) as i32;
        if self.random.one_in(2) {
            let floor = self.oracle.floor(key);
            let read = if self.random.one_in(4) { clients::scan } else { clients::read };
            return (Doing::Reading { key, floor }, read(key, ConsistencyLevel::Quorum));
        }
        self.last_timestamp = (crate::outside::EPOCH_US + self.now() as i64).max(self.last_timestamp + 1);
        let timestamp = self.last_timestamp;
        let deletes = self.random.one_in(12);
        let body = if deletes { clients::delete(key, timestamp) } else { clients::write(key, timestamp) };
        (Doing::Writing { key, timestamp }, body)
    }

    fn exact_us(&self) -> i64 {
        EPOCH_US + self.now() as i64
    }

    /// The next request of a client that owns partitions; `None`: it has none, or nothing more to ask.
    pub(super) fn next_of_owner(&mut self, client: usize) -> Option<ClientRequest> {
        let now_us = self.exact_us();
        let owner = self.clients[client].owner.as_mut()?;
        match self.phase {
            Phase::Setup => None,
            Phase::Faults | Phase::Healing => Some(owner.next(&mut self.random, now_us)),
            Phase::Final => owner.next_of_end(now_us),
        }
    }

    /// An owner was answered. Whether it was a success.
    pub(super) fn owner_answered(&mut self, client: usize, response: Option<&ClientResponse>) -> bool {
        let (now, now_us) = (self.now(), self.exact_us());
        let Some(owner) = &mut self.clients[client].owner else { return false };
        match owner.answered(now_us, response) {
            Ok(is_success) => is_success,
            Err(problem) => {
                self.oracle.violation(now, problem);
                false
            }
        }
    }

    /// Whether all owners have read everything in the end.
    pub(super) fn owners_have_ended(&self) -> bool {
        self.clients.iter().filter_map(|client| client.owner.as_ref()).all(crate::wide::Owner::has_ended)
    }
}
