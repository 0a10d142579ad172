//! Clients' diaries: numbers in order, stamped by the server, through one coordinator or with the stamp carried along.

use starling_cql_lite::protocol::error::CqlError;
use starling_node::assembly::client::{ClientRequest, ClientResponse};

use crate::clients::{self, Doing};
use crate::outside::EPOCH_US;
use crate::world::World;

/// A stamp that no node follows.
const FAR_AHEAD_US: u64 = 1_000_000_000;

/// Each client has two diaries: of the first the same node coordinates everything, to the second the stamp is carried.
fn key_of(client: usize, carries: bool) -> i32 {
    2 * client as i32 + i32::from(carries)
}

/// The node that has to coordinate what a client does, if not any.
pub fn only_coordinator(doing: &Doing, client: usize, nodes: usize) -> Option<usize> {
    match doing {
        Doing::Noting { key, .. } | Doing::Recalling { key } if *key == key_of(client, false) => Some(client % nodes),
        _ => None,
    }
}

/// What is wrong with the answer to a stamp that is minutes ahead.
pub fn misled(response: &ClientResponse) -> Option<String> {
    match response {
        ClientResponse::Error(CqlError::IsBootstrapping(_)) => None,
        other => Some(format!("a stamp that is minutes ahead was answered with {}", clients::in_words(other))),
    }
}

impl World {
    /// Something with a diary of the client's own.
    pub(crate) fn draw_diary(&mut self, client: usize) -> (Doing, ClientRequest) {
        if !self.shape.is_calm && self.random.one_in(40) {
            let stamp = EPOCH_US as u64 + self.now() + FAR_AHEAD_US;
            return (Doing::Misleading, clients::recall(key_of(client, true), Some(stamp)));
        }
        let carries = self.random.one_in(2);
        let (key, stamp) = (key_of(client, carries), carries.then_some(self.clients[client].stamp));
        if self.random.one_in(3) {
            return (Doing::Recalling { key }, clients::recall(key, stamp));
        }
        let number = self.oracle.diaries.write_begins(key);
        (Doing::Noting { key, number }, clients::note(key, number, stamp))
    }

    /// With an answer the client learns how far the cluster's clock has come.
    pub(crate) fn client_told(&mut self, client: usize, request: u64, stamp: u64) {
        let asking = &mut self.clients[client];
        if asking.request == request {
            asking.stamp = asking.stamp.max(stamp);
        }
    }
}
