//! Clients that own wide partitions: what they ask next, and what they are answered.

use starling_node::assembly::client::{ClientRequest, ClientResponse};

use crate::clients::Client;
use crate::outside::EPOCH_US;
use crate::random::Random;
use crate::shape::{self, Shape};
use crate::wide::{Clocks, Owner};
use crate::world::{Phase, World};

/// Every second client owns partitions; the first makes the tables, and has registers.
pub fn with_owners(mut clients: Vec<Client>, shape: &Shape, random: &mut Random) -> Vec<Client> {
    // With a margin over how far clocks are off.
    let clocks = if shape.clocks == shape::Clocks::Good { Clocks::Within(20_000) } else { Clocks::Unknown };
    for (number, client) in clients.iter_mut().enumerate().skip(1).step_by(2) {
        let owner = Owner::new(number as i32, shape.datacenters, clocks, random);
        client.owner = Some(if shape.is_calm { owner.plain() } else { owner });
    }
    clients
}

impl World {
    fn exact_us(&self) -> i64 {
        EPOCH_US + self.now() as i64
    }

    /// The next request of a client that owns partitions; `None`: it has none, or nothing more to ask.
    pub(crate) fn next_of_owner(&mut self, client: usize) -> Option<ClientRequest> {
        let (now_us, has_lost_disk) = (self.exact_us(), self.has_lost_disk());
        let owner = self.clients[client].owner.as_mut()?;
        match self.phase {
            Phase::Setup => None,
            Phase::Faults | Phase::Healing => Some(owner.next(&mut self.random, now_us)),
            Phase::Final => owner.next_of_end(now_us, has_lost_disk),
        }
    }

    /// An owner was answered: what is wrong with that.
    pub(crate) fn owner_answered(&mut self, client: usize, response: Option<&ClientResponse>) -> Option<String> {
        let now_us = self.exact_us();
        let owner = self.clients[client].owner.as_mut()?;
        match owner.answered(now_us, response) {
            Ok(is_success) => {
                self.acknowledged += u64::from(is_success);
                None
            }
            Err(problem) => Some(problem),
        }
    }

    /// Whether all owners have read everything in the end.
    pub(crate) fn owners_have_ended(&self) -> bool {
        self.clients.iter().filter_map(|client| client.owner.as_ref()).all(Owner::has_ended)
    }
}
