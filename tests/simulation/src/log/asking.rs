//! Clients at work: asking for changes at any node, and what they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use starling_node::cluster::{ChangeError, Metadata};
use starling_node::schema::change::SchemaEffect;
use uuid::Uuid;

use super::clients::{self, Asked, Wish};
use super::oracle::Told;
use super::shape::Tables;
use super::world::{Event, LogWorld, Phase};

/// Whatever waits before it in line, a change is answered within this: each of those takes its time to be decided (once
/// its own is over, one attempt) and to be published.
fn bound_us(changes_before: usize) -> u64 {
    25_000_000 + 10_000_000 * changes_before as u64
}

impl LogWorld {
    /// Nodes that are open for clients.
    pub(super) fn open_nodes(&self) -> Vec<usize> {
        (0..self.machines.len()).filter(|&node| self.machines[node].is_ready).collect()
    }

    /// One of them.
    pub(super) fn some_open_node(&mut self) -> Option<usize> {
        let open = self.open_nodes();
        if open.is_empty() { None } else { Some(open[self.random.below(open.len() as u64) as usize]) }
    }

    pub(super) fn client_step(&mut self, client: usize) {
        if self.phase != Phase::Faults {
            return;
        }
        let pause_us = self.random.between(self.shape.think_us.0, self.shape.think_us.1);
        let node = if self.clients[client].is_none() { self.some_open_node() } else { None };
        let Some(node) = node else {
            return self.after(pause_us.max(20_000), Event::ClientStep { client });
        };
        if self.skips_operation() {
            return self.after(pause_us.max(20_000), Event::ClientStep { client });
        }
        let with_tables = match self.shape.tables {
            Tables::Early => true,
            Tables::Late => self.now_us > self.end_us / 2,
            Tables::Never => false,
        };
        let Some(known) = self.machines[node].life.as_ref().and_then(|life| life.metadata().cloned()) else { return };
        let number = self.next_wish + 1;
        let text = clients::draw(&mut self.random, number, &known.schema, self.shape.contended, with_tables);
        self.ask(client, node, text, &known);
    }

    fn ask(&mut self, client: usize, node: usize, text: String, known: &Metadata) {
        let mut datacenters = BTreeMap::new();
        for member in &known.members {
            *datacenters.entry(member.datacenter.clone()).or_insert(0) += 1;
        }
        self.next_wish += 1;
        let new_uuid = Uuid::from_u64_pair(self.random.bits(), self.next_wish);
        let Some(wish) = Wish::new(self.next_wish, text.clone(), new_uuid, datacenters) else {
            return self.violation(format!("`{text}` is no statement"));
        };
        self.note(6, wish.number, node as u64);
        self.trace.say(self.now_us, format_args!("request {} at node {node}: {text}", wish.number));
        let effect = Arc::new(Mutex::new(SchemaEffect::Nothing));
        let request = wish.request(effect.clone());
        let number = wish.number;
        self.oracle.asks(wish);
        let now_ms = self.now_ms();
        let Some(life) = &mut self.machines[node].life else { return };
        let until_us = self.now_us + bound_us(life.changes_waiting() + 1);
        let life_number = self.machines[node].lives;
        self.clients[client] = Some(Asked { wish: number, node, life: life_number, until_us, effect });
        if let Some(life) = &mut self.machines[node].life {
            life.request_change(now_ms, number, request);
        }
        self.carry_out(node);
    }

    /// A node has answered a wish.
    pub(super) fn wish_done(&mut self, wish: u64, outcome: Result<Arc<Metadata>, ChangeError>) {
        let client = self.clients.iter().position(|asked| asked.as_ref().is_some_and(|asked| asked.wish == wish));
        let Some(asked) = client.and_then(|client| self.clients[client].take()) else {
            return self.violation(format!("an answer to wish {wish}, for which nobody waits"));
        };
        let told = match outcome {
            Ok(_) if *asked.effect.lock() == SchemaEffect::Nothing => Told::Nothing,
            Ok(_) => Told::Made,
            Err(ChangeError::Unknown { .. }) => Told::Unknown,
            Err(_) => Told::Refused,
        };
        self.acknowledged += u64::from(matches!(told, Told::Made | Told::Nothing));
        self.end_wish(client, wish, told);
    }

    fn end_wish(&mut self, client: Option<usize>, wish: u64, told: Told) {
        self.operations += 1;
        self.note(7, wish, told as u64);
        self.oracle.is_told(self.now_us, wish, told);
        if let Some(client) = client {
            let pause_us = self.random.between(self.shape.think_us.0, self.shape.think_us.1);
            self.after(pause_us, Event::ClientStep { client });
        }
        if self.phase == (Phase::Last { wish }) && told != Told::Made {
            self.phase = Phase::Healing;
        }
    }

    /// A node has died: whoever waits for an answer of it will never have one.
    pub(super) fn forget_requests(&mut self, node: usize) {
        for client in 0..self.clients.len() {
            if self.clients[client].as_ref().is_some_and(|asked| asked.node == node)
                && let Some(asked) = self.clients[client].take()
            {
                self.end_wish(Some(client), asked.wish, Told::Unknown);
            }
        }
        self.requests.retain(|_, request| request.node != node);
    }

    /// Every request is answered in bounded time.
    pub(super) fn check_answers(&mut self) {
        let now_us = self.now_us;
        let late = self.clients.iter().flatten().find(|asked| now_us > asked.until_us);
        let late = late.map(|asked| format!("wish {} of node {} in its life {}", asked.wish, asked.node, asked.life));
        let requests = self.requests.values().find(|request| now_us > request.until_us);
        let late = late.or_else(|| requests.map(|request| format!("{} of {}", request.kind, request.host)));
        if let Some(late) = late {
            self.violation(format!("{late} is not answered"));
        }
    }

    /// All is well: one more change must be made.
    pub(super) fn ask_last(&mut self) {
        let Some(node) = self.some_open_node() else { return };
        let Some(known) = self.machines[node].life.as_ref().and_then(|life| life.metadata().cloned()) else { return };
        let number = self.next_wish + 1;
        self.phase = Phase::Last { wish: number };
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        self.ask(0, node, format!("CREATE KEYSPACE last{number} WITH replication = {replication}"), &known);
    }
}
