//! One node of three in a world where the others are played by the test.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use starling_cql_lite::parser::parse_statement;
use starling_node::assembly::client::{
    ClientEvent, ClientRequest, ClientResponse, ClientSink, ClientTicket, Descriptions, Parameters, Session,
};
use starling_node::assembly::{CommitTicket, Node, NodeConfig, Outside, PendingRead};
use starling_node::cluster::{
    Change, Cluster, ClusterConfig, Entry, EntryId, Identity, Metadata, Records, StoredLog, journal,
};
use starling_node::message::{ClockMessage, ClusterMessage, Destination, PeerMessage, ReplicaFailure, Stamped, Stance};
use starling_node::plan::{BoundValue, BoundValues};
use starling_node::schema::{ChangeContext, SchemaDelta, apply};
use starling_ring::gossip::{GossipConfig, GossipMessage, Gossiper};
use starling_ring::{ConsistencyLevel, HostId, Member, Token};
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::model::Mutation;
use starling_storage::store::{Store, StoreSettings};
use uuid::Uuid;

/// As a node would send it that has issued nothing.
pub fn unstamped(message: PeerMessage) -> Stamped {
    Stamped { stamp: 0, message }
}

pub fn host(number: u8) -> HostId {
    HostId(Uuid::from_u128(u128::from(number)))
}

fn member(number: u8) -> Member {
    let address = IpAddr::from([10, 0, 0, number]);
    Member {
        datacenter: "dc1".into(),
        rack: "r1".into(),
        tokens: vec![Token((i64::from(number) - 2) * (i64::MAX / 3))],
        ..Member::at(host(number), address)
    }
}

#[derive(Default)]
struct Played {
    now_us: AtomicU64,
    sent: Mutex<Vec<(HostId, PeerMessage)>>,
    answers: Mutex<Vec<(u64, ClientResponse)>>,
}

impl Outside for Played {
    fn monotonic_us(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }
    fn wall_us(&self) -> i64 {
        self.monotonic_us() as i64
    }
    fn random(&self) -> u64 {
        7
    }
    fn send(&self, to: Destination, message: Stamped) {
        if let Destination::Host(to) = to {
            self.sent.lock().push((to, message.message));
        }
    }
    fn commit(&self, _: Mutation, _: CommitTicket) -> Result<(), ReplicaFailure> {
        Err(ReplicaFailure::Overloaded)
    }
    fn read_later(&self, _: PendingRead) -> Result<(), ReplicaFailure> {
        Err(ReplicaFailure::Overloaded)
    }
    fn persist(&self, _: Records) -> Result<(), String> {
        Ok(())
    }
    fn publish(&self, _: ClientEvent) {}
    fn wake_at(&self, _: usize, _: u64) {}
    fn on_ready(&self) {}
    fn on_fatal(&self, reason: String) {
        panic!("{reason}");
    }
}

impl ClientSink for Played {
    fn respond(&self, request: u64, response: ClientResponse) {
        self.answers.lock().push((request, response));
    }
}

/// The node with identity 1; the test plays 2 and 3, who are alive.
pub struct Lone {
    pub node: Node,
    pub metadata: Metadata,
    played: Arc<Played>,
    others: Mutex<Vec<Gossiper>>,
}

fn entry_after(metadata: &Metadata, change: Change) -> Entry {
    Entry {
        position: metadata.position.next(),
        id: EntryId { proposer: host(2), life: 1, number: metadata.position.epoch },
        proposed_at_ms: 0,
        summary: String::new(),
        change,
        deciders: metadata.deciders.clone(),
    }
}

fn statement(metadata: &Metadata, text: &str) -> Entry {
    let statement = parse_statement(text).unwrap().statement;
    let datacenters = BTreeMap::from([("dc1".to_owned(), 3)]);
    let context = ChangeContext { new_uuid: Uuid::from_u128(9), datacenters: &datacenters };
    let schema = apply(&metadata.schema, None, &statement, &context).unwrap().schema;
    entry_after(metadata, Change::Schema(SchemaDelta::between(&metadata.schema, &schema)))
}

impl Lone {
    pub fn start() -> Self {
        let mut metadata = Metadata::found(Uuid::from_u128(7), "c".into(), member(1));
        for number in [2, 3] {
            let joining = entry_after(&metadata, Change::Joining { member: member(number), replaces: None });
            metadata = metadata.apply(&joining).unwrap();
            metadata = metadata.apply(&entry_after(&metadata, Change::Joined(host(number)))).unwrap();
        }
        for text in [
            "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            "CREATE TABLE k.t (a int PRIMARY KEY, b int)",
            "CREATE TABLE k.l (a int PRIMARY KEY, b list<int>)",
        ] {
            metadata = metadata.apply(&statement(&metadata, text)).unwrap();
        }
        let records = journal::Journal::default().restart(&metadata).unwrap();
        let stored = StoredLog::load(records.into_iter().filter_map(|(key, value)| Some((key, value?)))).unwrap();
        let identity = Identity {
            member: member(1),
            generation: 1,
            cluster_name: "c".into(),
            num_tokens: 1,
            seeds: Vec::new(),
            cluster_id_if_founding: Uuid::nil(),
            replaces: None,
        };
        let cluster = Cluster::new(ClusterConfig::default(), identity, stored, 0);
        let engine = Arc::new(MemoryEngine::new(MemorySettings::default()));
        let settings = StoreSettings { header_filter_bytes: 16 << 10, ..StoreSettings::default() };
        let store = Arc::new(Store::open(engine, settings).unwrap());
        let played = Arc::new(Played::default());
        let node = Node::new(NodeConfig::default(), cluster, store, played.clone(), 1, 1, 0);
        let members = [host(1), host(2), host(3)];
        let gossiper = |number| {
            let mut gossiper = Gossiper::new(GossipConfig::default(), host(number), 1, 0);
            gossiper.set_members(0, &members);
            gossiper
        };
        let lone = Lone { node, metadata, played, others: Mutex::new(vec![gossiper(2), gossiper(3)]) };
        while !lone.sees_both() {
            lone.pass_ms(50);
            assert!(lone.played.monotonic_us() < 60_000_000, "the others are not seen");
        }
        lone.sent();
        lone
    }

    fn sees_both(&self) -> bool {
        let view = self.node.view().unwrap();
        (0..3).all(|index| view.is_alive(index))
    }

    /// Lets time pass; the others go on gossiping.
    pub fn pass_ms(&self, ms: u64) {
        for _ in 0..ms.div_ceil(50) {
            self.played.now_us.fetch_add(50_000, Ordering::Relaxed);
            let now_ms = self.played.monotonic_us() / 1_000;
            let mut said: Vec<(HostId, HostId, GossipMessage)> = Vec::new();
            for other in self.others.lock().iter_mut() {
                let from = other.host();
                said.extend(other.tick(now_ms, &mut || 3).into_iter().map(|(to, message)| (from, to, message)));
            }
            while let Some((from, to, message)) = said.pop() {
                if to == host(1) {
                    let cluster_id = self.metadata.cluster_id;
                    self.node.on_peer_message(from, unstamped(PeerMessage::Gossip { cluster_id, message }));
                } else if let Some(other) = self.others.lock().iter_mut().find(|other| other.host() == to) {
                    let answers = other.receive(now_ms, from, message);
                    said.extend(answers.into_iter().map(|(back, message)| (to, back, message)));
                }
            }
            self.node.on_cluster_time();
            self.node.on_shard_time(0);
            self.tell_the_time();
            let gossip: Vec<(HostId, GossipMessage)> = {
                let mut sent = self.played.sent.lock();
                let gossip = sent.extract_if(.., |(_, message)| matches!(message, PeerMessage::Gossip { .. }));
                gossip
                    .filter_map(
                        |(to, m)| if let PeerMessage::Gossip { message, .. } = m { Some((to, message)) } else { None },
                    )
                    .collect()
            };
            for (to, message) in gossip {
                if let Some(other) = self.others.lock().iter_mut().find(|other| other.host() == to) {
                    let answers = other.receive(now_ms, host(1), message);
                    for (_, message) in answers.into_iter().filter(|(back, _)| *back == host(1)) {
                        let cluster_id = self.metadata.cluster_id;
                        self.node.on_peer_message(to, unstamped(PeerMessage::Gossip { cluster_id, message }));
                    }
                }
            }
        }
    }

    /// The others' clocks are right.
    fn tell_the_time(&self) {
        let is_asked = |(_, message): &mut (HostId, PeerMessage)| matches!(message, PeerMessage::Clock(_));
        let asked: Vec<_> = self.played.sent.lock().extract_if(.., is_asked).collect();
        for (to, message) in asked {
            if let PeerMessage::Clock(ClockMessage::Ask { asked_us }) = message {
                let answer = ClockMessage::Answer { asked_us, wall_us: self.played.wall_us() };
                self.node.on_peer_message(to, unstamped(PeerMessage::Clock(answer)));
            }
        }
    }

    /// What was sent to other nodes since the last call, but gossip and clocks.
    pub fn sent(&self) -> Vec<(HostId, PeerMessage)> {
        std::mem::take(&mut *self.played.sent.lock())
    }

    /// What clients were answered.
    pub fn answers(&self) -> Vec<(u64, ClientResponse)> {
        std::mem::take(&mut *self.played.answers.lock())
    }

    /// A key that is this member's.
    pub fn key_of(&self, number: u8) -> i32 {
        self.key_from(0, number)
    }

    /// One of at least this value.
    pub fn key_from(&self, least: i32, number: u8) -> i32 {
        let view = self.node.view().unwrap();
        let owner = view.topology().index_of(host(number)).unwrap();
        let placement = view.placement("k").unwrap();
        (least..).find(|key: &i32| placement.replicas(Token::from_key(&key.to_be_bytes())) == [owner]).unwrap()
    }

    pub fn write(&self, key: i32, request: u64) {
        self.ask("INSERT INTO k.t (a, b) VALUES (?, ?)", vec![key, 5], request);
    }

    pub fn read(&self, key: i32, request: u64) {
        self.ask("SELECT b FROM k.t WHERE a = ?", vec![key], request);
    }

    pub fn ask(&self, text: &str, values: Vec<i32>, request: u64) {
        let values = values.iter().map(|v| BoundValue::Value(Bytes::copy_from_slice(&v.to_be_bytes()))).collect();
        let parameters = Parameters {
            consistency: ConsistencyLevel::All,
            values: BoundValues::Positional(values),
            page_size: None,
            paging_state: None,
            timestamp_us: None,
            descriptions: Descriptions::Omitted,
            keyspace: None,
            now_s: None,
            stamp: None,
        };
        let sink: Arc<dyn ClientSink> = self.played.clone();
        let query = ClientRequest::Query { text: text.into(), parameters };
        self.node.on_client_request(ClientTicket { sink, request }, &Session::default(), query);
    }

    /// What the others know: the keyspace has two replicas now.
    pub fn two_replicas(&self) -> Entry {
        statement(
            &self.metadata,
            "ALTER KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}",
        )
    }

    /// The node is sent an entry.
    pub fn learn(&self, entry: &Entry) {
        let stance = Stance { cluster_id: Some(self.metadata.cluster_id), position: entry.position };
        let message = ClusterMessage::Entries(vec![entry.clone()]);
        self.node.on_peer_message(host(2), unstamped(PeerMessage::Cluster(stance, message)));
    }

    /// Another node dies, and this one comes to know it.
    pub fn bury(&self, dead: HostId) {
        self.others.lock().retain(|other| other.host() != dead);
        let index = self.node.view().unwrap().topology().index_of(dead).unwrap();
        for _ in 0..1_000 {
            if !self.node.view().unwrap().is_alive(index) {
                self.sent();
                return;
            }
            self.pass_ms(50);
        }
        panic!("its death is not noticed");
    }
}
