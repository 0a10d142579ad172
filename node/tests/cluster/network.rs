//! Several nodes' cluster state machines in simulated time. Every metadata that any of them ever had is checked: one
//! position in the log, one content.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use starling_cql_lite::parser::parse_statement;
use starling_node::cluster::{
    ChangeError, ChangeRequest, Cluster, ClusterAction, ClusterConfig, Identity, LogPosition, Metadata, Records,
    StoredLog,
};
use starling_node::message::{Destination, PeerMessage, wire};
use starling_node::schema::{ChangeContext, Keyspace, apply};
use starling_ring::{HostId, Member, ReplicationStrategy};
use uuid::Uuid;

/// Chances in percent and bounds of the network.
#[derive(Clone, Copy)]
pub struct Weather {
    pub lost: u64,
    pub doubled: u64,
    pub delay_ms_max: u64,
}

pub const CALM: Weather = Weather { lost: 0, doubled: 0, delay_ms_max: 2 };
pub const ROUGH: Weather = Weather { lost: 10, doubled: 10, delay_ms_max: 400 };

pub type Outcome = Result<Arc<Metadata>, ChangeError>;

pub struct Machine {
    pub identity: Identity,
    /// What is on its disk.
    pub disk: BTreeMap<Vec<u8>, Vec<u8>>,
    pub life: Option<Cluster>,
    pub is_ready: bool,
    pub fatal: Option<String>,
}

struct Letter {
    at_ms: u64,
    from: HostId,
    /// Where it was sent from: answers find their way back over the link.
    to: Destination,
    bytes: Vec<u8>,
}

pub struct Network {
    pub now_ms: u64,
    pub machines: Vec<Machine>,
    pub weather: Weather,
    pub done: BTreeMap<u64, Outcome>,
    letters: VecDeque<Letter>,
    decided: BTreeMap<LogPosition, Arc<Metadata>>,
    random: u64,
    tickets: u64,
}

pub fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

pub fn identity(number: u8) -> Identity {
    let member = Member {
        datacenter: "dc1".into(),
        rack: "r1".into(),
        ..Member::at(HostId(Uuid::from_u128(u128::from(number))), address(number))
    };
    Identity {
        member,
        generation: 1,
        cluster_name: "test".into(),
        num_tokens: 4,
        seeds: vec![SocketAddr::new(address(1), 7000), SocketAddr::new(address(2), 7000)],
        cluster_id_if_founding: Uuid::from_u128(u128::from(number) << 64),
        replaces: None,
    }
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Network {
            now_ms: 10_000,
            machines: Vec::new(),
            weather: CALM,
            done: BTreeMap::new(),
            letters: VecDeque::new(),
            decided: BTreeMap::new(),
            random: seed.wrapping_mul(2).wrapping_add(1),
            tickets: 0,
        }
    }

    /// `count` nodes that have all joined and opened.
    pub fn formed(seed: u64, count: u8) -> Self {
        let mut network = Network::new(seed);
        for number in 1..=count {
            network.add(identity(number));
        }
        network.run_until(60_000, |n| n.machines.iter().all(|m| m.is_ready));
        network
    }

    pub fn random(&mut self) -> u64 {
        next_random(&mut self.random)
    }

    /// Nodes join one after another.
    pub fn grow(&mut self, numbers: RangeInclusive<u8>) {
        for number in numbers {
            let place = self.add(identity(number));
            self.run_until(60_000, |n| n.machines[place].is_ready);
        }
    }

    pub fn add(&mut self, identity: Identity) -> usize {
        self.machines.push(Machine { identity, disk: BTreeMap::new(), life: None, is_ready: false, fatal: None });
        let place = self.machines.len() - 1;
        self.start(place);
        place
    }

    /// Starts a node with what is on its disk.
    pub fn start(&mut self, place: usize) {
        let machine = &mut self.machines[place];
        machine.identity.generation += 1;
        machine.is_ready = false;
        let config = ClusterConfig::default();
        let stored = StoredLog::load(machine.disk.iter()).unwrap();
        let life = Cluster::new(config, machine.identity.clone(), stored, self.now_ms);
        machine.life = Some(life);
        self.carry_out(place);
    }

    pub fn stop(&mut self, place: usize) {
        self.machines[place].life = None;
    }

    pub fn cluster(&self, place: usize) -> &Cluster {
        self.machines[place].life.as_ref().unwrap()
    }

    pub fn metadata(&self, place: usize) -> Arc<Metadata> {
        self.cluster(place).metadata().unwrap().clone()
    }

    /// Asks for a new keyspace at a node; answers the ticket.
    pub fn create_keyspace(&mut self, place: usize, name: &str) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        self.request(place, ticket, Self::new_keyspace(name));
        ticket
    }

    /// The same, as a change that needs all members.
    pub fn create_with_all(&mut self, place: usize, name: &str) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        self.request(place, ticket, Self::new_keyspace(name).with_all());
        ticket
    }

    fn new_keyspace(name: &str) -> ChangeRequest {
        let name = name.to_owned();
        ChangeRequest::schema("CREATE KEYSPACE", move |metadata: &Metadata| {
            let mut schema = metadata.schema.clone();
            let keyspace = Keyspace {
                name: name.clone(),
                replication: ReplicationStrategy::Simple { replication_factor: 1 },
                durable_writes: true,
                is_virtual: false,
                tables: BTreeMap::new(),
            };
            let is_new = schema.keyspaces.insert(name.clone(), Arc::new(keyspace)).is_none();
            Ok(is_new.then_some(schema))
        })
    }

    /// Asks for the table `t` in a keyspace; answers the ticket.
    pub fn create_table(&mut self, place: usize, keyspace: &str) -> u64 {
        self.tickets += 1;
        let (ticket, text) = (self.tickets, format!("CREATE TABLE {keyspace}.t (a int PRIMARY KEY)"));
        let change = ChangeRequest::schema("CREATE TABLE", move |metadata: &Metadata| {
            let parsed = parse_statement(&text).unwrap();
            let datacenters = BTreeMap::from([("dc1".to_owned(), 1)]);
            let context = ChangeContext { new_uuid: Uuid::from_u128(5), datacenters: &datacenters };
            Ok(Some(apply(&metadata.schema, None, &parsed.statement, &context)?.schema))
        });
        self.request(place, ticket, change);
        ticket
    }

    /// Recovers the log at a node.
    pub fn recover(&mut self, place: usize) -> LogPosition {
        let (now_ms, random) = (self.now_ms, &mut self.random);
        let life = self.machines[place].life.as_mut().unwrap();
        let position = life.recover(now_ms, &mut || next_random(random)).unwrap();
        self.carry_out(place);
        position
    }

    pub fn request(&mut self, place: usize, ticket: u64, change: ChangeRequest) {
        self.tickets = self.tickets.max(ticket);
        let now_ms = self.now_ms;
        self.machines[place].life.as_mut().unwrap().request_change(now_ms, ticket, change);
        self.carry_out(place);
    }

    /// Lets time pass until `done`, which must come within `limit_ms`.
    pub fn run_until(&mut self, limit_ms: u64, done: impl Fn(&Network) -> bool) {
        let end_ms = self.now_ms + limit_ms;
        while !done(self) {
            assert!(self.now_ms < end_ms, "not within {limit_ms} ms");
            self.step();
        }
    }

    pub fn run_for(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now_ms += 1;
        let (due, later): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.letters).into_iter().partition(|letter| letter.at_ms <= self.now_ms);
        self.letters = later;
        due.into_iter().for_each(|letter| self.deliver(letter));
        for place in 0..self.machines.len() {
            if self.now_ms % 50 == place as u64 {
                let (now_ms, random) = (self.now_ms, &mut self.random);
                if let Some(life) = &mut self.machines[place].life {
                    life.tick(now_ms, &mut || next_random(random));
                }
                self.carry_out(place);
            }
        }
    }

    fn deliver(&mut self, letter: Letter) {
        let is_meant = |m: &Machine| match letter.to {
            Destination::Host(host) => m.identity.member.host_id == host,
            Destination::Address(to) => m.identity.member.listen_address == to.ip(),
        };
        let Some(place) = self.machines.iter().position(|m| m.life.is_some() && is_meant(m)) else {
            return;
        };
        let message: PeerMessage = wire::decode(&letter.bytes).unwrap();
        let (now_ms, random) = (self.now_ms, &mut self.random);
        if let Some(life) = &mut self.machines[place].life {
            life.receive(now_ms, letter.from, message, &mut || next_random(random));
        }
        self.carry_out(place);
    }

    fn carry_out(&mut self, place: usize) {
        let machine = &mut self.machines[place];
        let from = machine.identity.member.host_id;
        let actions = machine.life.as_mut().map(Cluster::take_actions).unwrap_or_default();
        for action in actions {
            match action {
                ClusterAction::Send(to, message) => self.post(from, to, &message),
                ClusterAction::Persist(records) => self.persist(place, records),
                ClusterAction::ViewChanged => self.check(place),
                ClusterAction::Ready => self.machines[place].is_ready = true,
                ClusterAction::ChangeDone(ticket, outcome) => {
                    assert!(self.done.insert(ticket, outcome).is_none(), "answered twice");
                }
                ClusterAction::Waiting(_) => {}
                ClusterAction::Fatal(reason) => {
                    self.machines[place].fatal = Some(reason);
                    return self.stop(place);
                }
            }
        }
    }

    fn persist(&mut self, place: usize, records: Records) {
        let disk = &mut self.machines[place].disk;
        for (key, value) in records {
            match value {
                Some(value) => disk.insert(key, value),
                None => disk.remove(&key),
            };
        }
    }

    fn check(&mut self, place: usize) {
        let Some(metadata) = self.machines[place].life.as_ref().and_then(Cluster::metadata) else { return };
        let decided = self.decided.entry(metadata.position).or_insert_with(|| metadata.clone());
        assert!(Arc::ptr_eq(decided, metadata) || decided == metadata, "two contents of {}", metadata.position);
    }

    fn post(&mut self, from: HostId, to: Destination, message: &PeerMessage) {
        let bytes = wire::encode(message).unwrap();
        let weather = self.weather;
        let copies = 1 + u64::from(self.random() % 100 < weather.doubled);
        for _ in 0..copies {
            if self.random() % 100 >= weather.lost {
                let at_ms = self.now_ms + 1 + self.random() % weather.delay_ms_max;
                self.letters.push_back(Letter { at_ms, from, to, bytes: bytes.clone() });
            }
        }
    }

    /// The position that all running nodes have in common, if there is one.
    pub fn common(&self) -> Option<LogPosition> {
        let positions: BTreeSet<_> = self.machines.iter().filter_map(|m| Some(m.life.as_ref()?.position())).collect();
        if positions.len() == 1 { positions.first().copied() } else { None }
    }

    /// Its epoch.
    pub fn common_epoch(&self) -> Option<u64> {
        self.common().map(|position| position.epoch)
    }
}

fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
