//! What clients do, and what they are answered.

use std::sync::Arc;

use starling_node::assembly::client::{ClientRequest, ClientResponse, ClientSink, ClientTicket};
use starling_ring::ConsistencyLevel;

use crate::clients::{self, Doing};
use crate::ddl;
use crate::diary;
use crate::machine::Machine;
use crate::oracle::{Outcome, levels};
use crate::world::{CLIENT_PATIENCE_US, Event, Phase, World};

/// An acknowledged write is looked up so long after its answer.
const LOOKED_UP_AFTER_US: u64 = 30_000;

impl World {
    pub(crate) fn client_step(&mut self, client: usize) {
        if self.phase == Phase::Healing && self.all_ready() {
            self.phase = Phase::Final;
        }
        if self.phase == Phase::Setup && !self.all_ready() {
            self.after(100_000, Event::ClientStep { client });
            return;
        }
        let open: Vec<usize> = (0..self.machines.len()).filter(|&n| self.is_open(n)).collect();
        if open.is_empty() {
            self.after(200_000, Event::ClientStep { client });
            return;
        }
        let mut node = open[self.random.below(open.len() as u64) as usize];
        let is_skipped = self.phase == Phase::Faults && {
            self.operations_begun += 1;
            self.manner.skipped_operations.contains(&self.operations_begun)
        };
        if is_skipped {
            let (low, high) = self.clients[client].think_us;
            self.after((low + high) / 2, Event::ClientStep { client });
            return;
        }
        let (doing, body) = match self.next_of_owner(client) {
            Some(body) => (Doing::Owning, body),
            None => self.next_operation(client),
        };
        if let Some(only) = diary::only_coordinator(&doing, client, self.machines.len()) {
            if !open.contains(&only) {
                self.after(200_000, Event::ClientStep { client });
                return;
            }
            node = only;
        }
        self.note_begin(&doing, &body);
        self.next_request += 1;
        let request = self.next_request;
        let life = self.machines[node].lives;
        let now = self.now();
        self.trace.say(
            now,
            format_args!("client {client} asks node {node} (operation {}): {doing:?}", self.operations_begun),
        );
        let asking = &mut self.clients[client];
        asking.doing = doing;
        asking.request = request;
        asking.node = node;
        asking.arrived = None;
        let delay_us = self.random.between(50, 1_000);
        self.after(delay_us, Event::ClientArrives { client, request, life, body: Box::new(body) });
        self.after(CLIENT_PATIENCE_US, Event::ClientGivesUp { client, request, is_lost: false });
    }

    /// Whether a client would turn to a node. In the end it has learnt which one refuses, because its hybrid clock is ahead
    /// of the right time: one that was alone with a wrong clock, for as long as that was wrong by.
    fn is_open(&self, node: usize) -> bool {
        let is_end = matches!(self.phase, Phase::Healing | Phase::Final);
        let life = self.machines[node].life.as_ref().filter(|life| life.ready);
        life.is_some_and(|life| !is_end || life.node.clock_figures().is_trusted)
    }

    fn next_operation(&mut self, client: usize) -> (Doing, ClientRequest) {
        match self.phase {
            Phase::Setup => {
                let step = if let Doing::Setup { step } = self.clients[client].doing { step } else { 0 };
                let text = clients::setup(&self.shape, step).unwrap_or_default();
                (Doing::Setup { step }, clients::plain(&text))
            }
            Phase::Faults | Phase::Healing => self.draw_operation(client),
            Phase::Final => {
                let has_lost_disk = self.has_lost_disk();
                // What one replica alone held may be gone with a disk.
                while has_lost_disk && self.shape.levels(self.next_final_key).read == ConsistencyLevel::All {
                    self.next_final_key += 1;
                }
                let list = self.next_final_key - self.shape.keys - 1;
                if (0..=self.oracle.lists.current()).contains(&list) {
                    let level = if has_lost_disk { ConsistencyLevel::Quorum } else { ConsistencyLevel::All };
                    let began = self.oracle.lists.now();
                    return (Doing::ReadingList { key: list, began }, clients::read_list(list, level));
                }
                let key = self.next_final_key.min(self.shape.keys);
                let level = if has_lost_disk { self.shape.levels(key).read } else { ConsistencyLevel::All };
                let floor = self.oracle.registers.floor(key);
                (Doing::Reading { key, floor }, clients::read(key, level))
            }
        }
    }

    /// Whether every register and every list has been read in the end.
    pub(crate) fn all_is_read(&self) -> bool {
        self.phase == Phase::Final && self.next_final_key > self.shape.keys + 1 + self.oracle.lists.current()
    }

    fn note_begin(&mut self, doing: &Doing, body: &ClientRequest) {
        match *doing {
            Doing::Writing { key, timestamp } => {
                let deletes = matches!(body, ClientRequest::Query { text, .. } if text.starts_with("DELETE"));
                self.oracle.registers.write_begins(key, timestamp, deletes);
            }
            Doing::WritingScratch { key, value } => self.oracle.truncations.write_begins(key, value),
            Doing::Adding { key, value } => self.oracle.lists.add_begins(key, value),
            _ => {}
        }
    }

    fn all_ready(&self) -> bool {
        self.machines.iter().all(|m| m.is_wiped || m.life.as_ref().is_some_and(|l| l.ready))
    }

    fn next_timestamp(&mut self) -> i64 {
        self.last_timestamp = (crate::outside::EPOCH_US + self.now() as i64).max(self.last_timestamp + 1);
        self.last_timestamp
    }

    fn draw_operation(&mut self, client: usize) -> (Doing, ClientRequest) {
        if !self.shape.is_calm && self.random.one_in(60) {
            let (element, step, text) = self.side.draw(&mut self.random);
            return (Doing::Changing { element, step }, clients::plain(&text));
        }
        match self.random.below(20) {
            0 | 1 => return self.draw_scratch(),
            2..=4 => return self.draw_list(),
            5..=8 => return self.draw_diary(client),
            _ => {}
        }
        let key = self.random.below(self.shape.keys as u64 + 1) as i32;
        let levels = self.shape.levels(key);
        if self.random.one_in(2) {
            let floor = self.oracle.registers.floor(key);
            let read = if self.random.one_in(4) { clients::scan } else { clients::read };
            return (Doing::Reading { key, floor }, read(key, levels.read));
        }
        let timestamp = self.next_timestamp();
        let deletes = self.random.one_in(12);
        let body = if deletes {
            clients::delete(key, timestamp, levels.write)
        } else {
            clients::write(key, timestamp, levels.write)
        };
        (Doing::Writing { key, timestamp }, body)
    }

    /// Something with the table that is truncated.
    fn draw_scratch(&mut self) -> (Doing, ClientRequest) {
        let key = self.random.below(clients::SCRATCH_KEYS) as i32;
        match self.random.below(16) {
            0 => {
                let number = self.oracle.truncations.truncate_begins();
                (Doing::Truncating { number }, clients::plain(clients::TRUNCATE))
            }
            1..=8 => {
                let value = self.next_timestamp();
                (Doing::WritingScratch { key, value }, clients::write_scratch(key, value))
            }
            _ => {
                let began = self.oracle.truncations.now();
                (Doing::ReadingScratch { key, began }, clients::read_scratch(key))
            }
        }
    }

    /// Something with a list: the present one, or the one before.
    fn draw_list(&mut self) -> (Doing, ClientRequest) {
        let key = (self.oracle.lists.current() - self.random.below(2) as i32).max(0);
        if self.random.one_in(3) {
            let began = self.oracle.lists.now();
            return (Doing::ReadingList { key, began }, clients::read_list(key, ConsistencyLevel::Quorum));
        }
        let value = self.next_timestamp();
        let at_front = self.random.one_in(4);
        (Doing::Adding { key, value }, clients::add(key, value, at_front))
    }

    pub(crate) fn client_arrives(&mut self, client: usize, request: u64, life: u32, body: ClientRequest) {
        let node = self.clients[client].node;
        if self.clients[client].request != request || self.machines[node].lives != life {
            return;
        }
        let Some(life) = &self.machines[node].life else { return };
        let sink: Arc<dyn ClientSink> = life.outside.clone();
        let running = life.node.clone();
        self.clients[client].arrived = Some((self.now(), self.machines[node].lives));
        let before = running.last_stamp();
        running.on_client_request(ClientTicket { sink, request }, &self.clients[client].session, body);
        self.check_clock(node, before);
        self.carry_out(node);
    }

    /// No answer: the connection is lost, or it has taken too long.
    pub(crate) fn client_gives_up(&mut self, client: usize, request: u64, is_lost: bool) {
        let asking = &self.clients[client];
        if asking.request != request {
            return;
        }
        let machine = &self.machines[asking.node];
        let was_there = asking.arrived.is_some_and(|(at_us, life)| {
            machine.lives == life && machine.life.is_some() && machine.paused_until_us < at_us
        });
        if !is_lost && was_there && asking.doing.is_quick() {
            let what = format!("node {} has not answered {:?} in time: it is stuck", asking.node, asking.doing);
            return self.violation(what);
        }
        self.client_answered(client, request, None);
    }

    /// The answer to a client, or that it will never come.
    pub(crate) fn client_answered(&mut self, client: usize, request: u64, response: Option<&ClientResponse>) {
        if self.clients[client].request != request {
            return;
        }
        let asking = &mut self.clients[client];
        asking.request = 0;
        let think_us = asking.think_us;
        let doing = std::mem::replace(&mut asking.doing, Doing::Thinking);
        self.operations += u64::from(!matches!(doing, Doing::Thinking | Doing::Setup { .. }));
        let now = self.now();
        let answer = response.map_or_else(|| "nothing".to_owned(), clients::in_words);
        self.trace.say(now, format_args!("client {client} is answered: {answer}"));
        if let Doing::Setup { step } = doing {
            return self.setup_answered(client, step, response);
        }
        if let Some(problem) = self.judge(client, doing, response) {
            self.violation(problem);
        }
        let pause_us = self.random.between(think_us.0, think_us.1);
        self.after(pause_us, Event::ClientStep { client });
    }

    /// What is wrong with an answer.
    fn judge(&mut self, client: usize, doing: Doing, response: Option<&ClientResponse>) -> Option<String> {
        match doing {
            Doing::Thinking | Doing::Setup { .. } => None,
            Doing::Owning => self.owner_answered(client, response),
            Doing::Writing { key, timestamp } => {
                let outcome = self.write_outcome(5, key as u64, response, clients::write_outcome);
                let deletes = self.oracle.registers.write_ends(key, timestamp, outcome);
                if outcome == Outcome::Acknowledged && !deletes && self.random.one_in(8) {
                    self.after(LOOKED_UP_AFTER_US, Event::CheckLevel { key, timestamp });
                }
                None
            }
            Doing::WritingScratch { key, value } => {
                let outcome = self.write_outcome(8, key as u64, response, clients::write_outcome);
                self.oracle.truncations.write_ends(key, value, outcome);
                None
            }
            Doing::Truncating { number } => {
                let outcome = self.write_outcome(9, number as u64, response, ddl::outcome);
                self.oracle.truncations.truncate_ends(number, outcome);
                None
            }
            Doing::Changing { element, step } => {
                let outcome = self.write_outcome(7, step as u64, response, ddl::outcome);
                self.side.answered(element, step, outcome);
                None
            }
            Doing::Reading { key, floor } => {
                let value = self.value_read(6, key, response)?;
                if self.phase == Phase::Final && key == self.next_final_key {
                    self.next_final_key += 1;
                }
                let is_steady = self.shape.levels(key).is_steady();
                self.oracle.registers.read_ends(key, floor, value, is_steady)
            }
            Doing::ReadingScratch { key, began } => {
                let value = self.value_read(10, key, response)?;
                self.oracle.truncations.read_ends(key, began, value)
            }
            Doing::Adding { key, value } => {
                let outcome = self.write_outcome(11, key as u64, response, clients::write_outcome);
                self.oracle.lists.add_ends(key, value, outcome);
                None
            }
            Doing::ReadingList { key, began } => self.list_read(key, began, response?),
            Doing::Noting { key, number } => {
                let outcome = self.write_outcome(13, key as u64, response, clients::write_outcome);
                self.oracle.diaries.write_ends(key, number, outcome);
                None
            }
            Doing::Recalling { key } => {
                let value = self.value_read(14, key, response)?;
                self.oracle.diaries.read_ends(key, value)
            }
            Doing::Misleading => diary::misled(response?),
        }
    }

    fn write_outcome(
        &mut self,
        kind: u8,
        what: u64,
        response: Option<&ClientResponse>,
        outcome: fn(&ClientResponse) -> Outcome,
    ) -> Outcome {
        let outcome = response.map_or(Outcome::Unknown, outcome);
        self.acknowledged += u64::from(outcome == Outcome::Acknowledged);
        self.note(kind, what, outcome as u64);
        outcome
    }

    fn list_read(&mut self, key: i32, began: u64, response: &ClientResponse) -> Option<String> {
        if matches!(response, ClientResponse::Error(_)) {
            return None;
        }
        let values = match clients::list_read(response) {
            Ok(values) => values,
            Err(problem) => return Some(format!("list {key}: {problem}")),
        };
        self.note(12, key as u64, values.len() as u64);
        self.acknowledged += 1;
        if self.phase == Phase::Final && self.shape.keys + 1 + key == self.next_final_key {
            self.next_final_key += 1;
        }
        self.oracle.lists.read_ends(key, began, &values)
    }

    fn value_read(&mut self, kind: u8, key: i32, response: Option<&ClientResponse>) -> Option<Option<i64>> {
        let value = clients::read_value(response?).ok()?;
        self.note(kind, key as u64, value.unwrap_or(0) as u64);
        self.acknowledged += 1;
        Some(value)
    }

    /// Some acknowledged writes are looked up on the replicas' disks.
    pub(crate) fn check_level(&mut self, key: i32, timestamp: i64) {
        let bytes = key.to_be_bytes();
        let Some(replicas) = levels::replicas(&self.machines, "sim", &bytes) else { return };
        let level = self.shape.levels(key).write;
        let holds = |machine: &Machine| levels::holds(machine, "sim", "registers", &bytes, timestamp);
        if let Some(problem) = levels::problem(&self.shape, &self.machines, &replicas, level, holds) {
            self.violation(format!("register {key}, {timestamp}: {problem}"));
        }
    }

    fn setup_answered(&mut self, client: usize, step: usize, response: Option<&ClientResponse>) {
        let made = match response {
            Some(ClientResponse::Error(starling_cql_lite::protocol::error::CqlError::AlreadyExists { .. })) => true,
            Some(ClientResponse::Error(_)) | None => false,
            Some(_) => true,
        };
        let step = if made { step + 1 } else { step };
        if clients::setup(&self.shape, step).is_some() {
            self.clients[client].doing = Doing::Setup { step };
            self.after(200_000, Event::ClientStep { client });
            return;
        }
        self.begin_faults();
        for client in 0..self.clients.len() {
            let pause_us = self.random.below(500_000);
            self.after(pause_us, Event::ClientStep { client });
        }
    }
}
