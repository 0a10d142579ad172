//! Membership and schema of one node: a pure state machine.
//!
//! They are entries of a log of numbered epochs. Each entry is decided by single-decree Paxos among the deciders that
//! the entry before it names; any node proposes. Decided entries are published, and gossip carries how far each node
//! is, so that whoever missed one asks for it. The protocol and why it is safe: docs/EPOCH-LOG.md.

mod accepting;
mod admission;
mod announce;
mod apply;
mod change;
mod deciders;
mod entry;
mod join;
pub mod journal;
mod learning;
mod metadata;
pub mod ownership;
mod position;
mod proposing;
mod recover;
mod upkeep;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use starling_ring::gossip::{GossipConfig, Gossiper, LivenessEvent, StateKey};
use starling_ring::{HostId, Member};

use crate::message::{ClusterMessage, Destination, PeerMessage, Stance};

pub use change::{ChangeError, ChangeRequest};
pub use deciders::{DECIDERS_MAX, majority};
pub use entry::{Change, Entry, EntryId, NotApplicable};
pub use journal::{Records, StoredLog};
pub use metadata::{Former, Joiner, Metadata, Standing, schema_version};
pub use position::{Generation, LogPosition};
pub use proposing::CHANGES_WAITING_MAX;
pub use recover::RecoverError;

/// Random source that the caller passes in.
pub type Random<'a> = &'a mut dyn FnMut() -> u64;

/// Who this node is and how it finds the others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// This node as it wants to be recorded; tokens are filled in when it joins.
    pub member: Member,
    /// Number of this start of the node, kept on disk: gossip and ballots tell an old life from a new one by it.
    pub generation: u64,
    /// Name of the cluster that it founds or joins.
    pub cluster_name: String,
    /// Tokens that it asks for.
    pub num_tokens: u16,
    /// Addresses to ask at first, in order.
    pub seeds: Vec<SocketAddr>,
    /// Identity that a cluster gets if this node founds one.
    pub cluster_id_if_founding: uuid::Uuid,
    /// Address of the dead member whose place it is to take.
    pub replaces: Option<IpAddr>,
}

/// Periods and limits of the cluster state machine, all in milliseconds of monotonic time.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Gossip's own settings.
    pub gossip: GossipConfig,
    /// Between two gossip rounds. Shorter: faster detection, more traffic. 200 to 5,000.
    pub gossip_interval_ms: u64,
    /// Between two attempts of a joiner. 100 to 5,000.
    pub join_retry_ms: u64,
    /// A joiner that is refused asks again for so long before it believes it, since the member may be behind: longer than
    /// it takes to see that a node has died. Shorter: somebody who has to act hears of it sooner. 6,000 to 60,000.
    pub refused_after_ms: u64,
    /// How long a first seed looks for other members before it founds a cluster. 1,000 to 60,000.
    pub found_after_ms: u64,
    /// The same for a node that has no other seed to ask: it only listens whether members call. Shorter: a new cluster
    /// is there sooner; longer: a seed that lost its disk is surer to hear of its cluster. 0 to 60,000.
    pub found_alone_after_ms: u64,
    /// Between two calls at the seeds; ten times as many nodes, a tenth as often. Shorter: a seed that lost its disk
    /// hears sooner that there is a cluster. 50 to 5,000.
    pub call_seeds_every_ms: u64,
    /// How long a proposal waits for its answers before it is tried anew. 500 to 10,000.
    pub proposal_timeout_ms: u64,
    /// How long a change is tried anew after conflicts before its client hears of it. 1,000 to 30,000.
    pub change_timeout_ms: u64,
    /// How long a decided change waits for all live nodes' adoption before it is reported done. 1,000 to 30,000.
    pub publish_timeout_ms: u64,
    /// How long a starting node waits for silent members before it opens without them. 1,000 to 30,000.
    pub announce_patience_ms: u64,
    /// A decider that is down for so long makes room for a live node. 10,000 to 3,600,000.
    pub decider_replaced_after_ms: u64,
    /// A node on its way in that is down for so long is forgotten. 10,000 to 3,600,000.
    pub join_expires_ms: u64,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        ClusterConfig {
            // A death is known to all after 5 to 7 s (10 are promised): 5 to 7 intervals of silence until suspicion,
            // one until it is looked at, one for the probe.
            gossip: GossipConfig { interval_ms: 750, probe_timeout_ms: 700, ..GossipConfig::default() },
            gossip_interval_ms: 750,
            join_retry_ms: 250,
            refused_after_ms: 10_000,
            found_after_ms: 3_000,
            found_alone_after_ms: 600,
            call_seeds_every_ms: 200,
            proposal_timeout_ms: 2_000,
            change_timeout_ms: 8_000,
            publish_timeout_ms: 5_000,
            announce_patience_ms: 3_000,
            decider_replaced_after_ms: 60_000,
            join_expires_ms: 60_000,
        }
    }
}

/// What the caller has to carry out, in order.
#[derive(Debug)]
pub enum ClusterAction {
    /// Send a message.
    Send(Destination, PeerMessage),
    /// Make these records durable, all at once, before anything that follows in the list.
    Persist(Records),
    /// Members, schema or liveness changed: build a new view.
    ViewChanged,
    /// The node is a member and known to all live members: open for clients.
    Ready,
    /// A change asked for with `request_change` ended.
    ChangeDone(u64, Result<Arc<Metadata>, ChangeError>),
    /// Why this node is not let in yet, each time that it changes: for who looks on.
    Waiting(String),
    /// This node cannot be part of the cluster: stop, and tell why.
    Fatal(String),
}

/// Membership and schema as one node sees them.
pub struct Cluster {
    config: ClusterConfig,
    identity: Identity,
    metadata: Option<Arc<Metadata>>,
    /// Deciders of the entry before the last one learnt in this life.
    previous_deciders: Vec<HostId>,
    journal: journal::Journal,
    acceptance: Option<journal::Accepted>,
    gossiper: Gossiper,
    next_gossip_ms: u64,
    fetched_at_ms: Option<u64>,
    /// When the last change of the schema came here.
    schema_since_ms: u64,
    joining: join::Joining,
    announcing: announce::Announcing,
    proposing: proposing::Proposing,
    upkeep: upkeep::Upkeep,
    actions: VecDeque<ClusterAction>,
    gossip_rounds: u64,
    wall_ms: i64,
    /// The last position at which this node has looked whether it is still a part.
    standing_checked: LogPosition,
    /// It was told to stop and takes part in nothing any more.
    is_ended: bool,
}

impl Cluster {
    /// A node that starts, with what its disk holds of the log.
    pub fn new(config: ClusterConfig, identity: Identity, stored: StoredLog, now_ms: u64) -> Self {
        let gossiper = Gossiper::new(config.gossip.clone(), identity.member.host_id, identity.generation, now_ms);
        let (metadata, acceptance, journal) = stored.into_parts();
        let mut cluster = Cluster {
            joining: join::Joining::new(now_ms),
            announcing: announce::Announcing::new(now_ms),
            proposing: proposing::Proposing::new(),
            upkeep: upkeep::Upkeep::new(now_ms),
            config,
            identity,
            metadata: None,
            previous_deciders: Vec::new(),
            journal,
            acceptance,
            gossiper,
            next_gossip_ms: now_ms,
            fetched_at_ms: None,
            schema_since_ms: now_ms,
            actions: VecDeque::new(),
            gossip_rounds: 0,
            wall_ms: 0,
            standing_checked: LogPosition::ZERO,
            is_ended: false,
        };
        if let Some(stored) = metadata {
            cluster.check_stored(&stored);
            if !cluster.is_ended {
                cluster.install(now_ms, Arc::new(stored));
            }
        }
        cluster
    }

    /// This node's identity.
    pub fn host_id(&self) -> HostId {
        self.identity.member.host_id
    }

    /// The newest metadata, once there is any.
    pub fn metadata(&self) -> Option<&Arc<Metadata>> {
        self.metadata.as_ref()
    }

    /// The last entries, the oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.journal.entries()
    }

    /// Whether `host` is seen alive; oneself always is.
    pub fn is_alive(&self, host: HostId) -> bool {
        host == self.host_id() || self.gossiper.is_alive(host)
    }

    /// Whether the node has opened for clients.
    pub fn is_ready(&self) -> bool {
        self.announcing.is_ready()
    }

    /// Whether gossip has had the time to tell of who lacks the last change of the schema. Before, what it tells of others
    /// is older than that they have adopted it, which whoever made the change has waited for.
    pub fn is_schema_gossiped(&self, now_ms: u64) -> bool {
        now_ms >= self.schema_since_ms + 4 * self.config.gossip_interval_ms
    }

    /// Gossip rounds begun.
    pub fn gossip_rounds(&self) -> u64 {
        self.gossip_rounds
    }

    /// The last entry here; [`LogPosition::ZERO`] before there is any.
    pub fn position(&self) -> LogPosition {
        self.metadata.as_ref().map_or(LogPosition::ZERO, |m| m.position)
    }

    fn deciders(&self) -> &[HostId] {
        self.metadata.as_ref().map_or(&[], |m| &m.deciders)
    }

    /// The wall clock, for what people see; nothing is decided by it.
    pub fn note_wall_ms(&mut self, wall_ms: i64) {
        self.wall_ms = wall_ms;
    }

    /// What is to be carried out since the last call.
    pub fn take_actions(&mut self) -> VecDeque<ClusterAction> {
        std::mem::take(&mut self.actions)
    }

    /// This node cannot go on.
    fn end(&mut self, reason: String) {
        if !std::mem::replace(&mut self.is_ended, true) {
            self.actions.push_back(ClusterAction::Fatal(reason));
        }
    }

    /// Time has passed; to be called every 50 to 200 ms.
    pub fn tick(&mut self, now_ms: u64, random: Random<'_>) {
        if self.is_ended {
            return;
        }
        if self.metadata.is_none() {
            self.tick_joining(now_ms);
            return;
        }
        if now_ms >= self.next_gossip_ms {
            self.next_gossip_ms = now_ms + self.gossip_interval_ms();
            self.gossip_rounds += 1;
            let messages = self.gossiper.tick(now_ms, random);
            self.send_gossip(messages);
            self.catch_up(now_ms);
        }
        self.drain_gossip_events(now_ms);
        self.tick_entering(now_ms);
        self.tick_address_change(now_ms);
        self.tick_calling(now_ms);
        self.tick_announcing(now_ms);
        self.tick_proposing(now_ms, random);
        self.tick_upkeep(now_ms, random);
        self.check_own_standing();
    }

    /// Until it is known to all, a node gossips faster, so that a start does not wait for slow rounds.
    fn gossip_interval_ms(&self) -> u64 {
        if self.is_ready() { self.config.gossip_interval_ms } else { self.config.gossip_interval_ms / 5 }
    }

    /// A message from `from` (as its link proved) arrived.
    pub fn receive(&mut self, now_ms: u64, from: HostId, message: PeerMessage, random: Random<'_>) {
        if self.is_ended {
            return;
        }
        match message {
            PeerMessage::Gossip { cluster_id, message } => {
                let is_ours = self.metadata.as_ref().is_some_and(|m| m.cluster_id == cluster_id);
                if self.metadata.is_none() {
                    self.on_cluster_heard(cluster_id);
                } else if is_ours && !self.refuses_gossip(from) {
                    let answers = self.gossiper.receive(now_ms, from, message);
                    self.send_gossip(answers);
                    self.drain_gossip_events(now_ms);
                }
            }
            PeerMessage::Cluster(stance, message) => {
                if self.admits(now_ms, from, stance, &message) {
                    self.receive_cluster(now_ms, from, stance, message, random);
                }
                self.check_own_standing();
            }
            PeerMessage::Request { .. } | PeerMessage::Answer { .. } | PeerMessage::Clock(_) => {}
        }
    }

    fn receive_cluster(
        &mut self,
        now_ms: u64,
        from: HostId,
        stance: Stance,
        message: ClusterMessage,
        random: Random<'_>,
    ) {
        match message {
            ClusterMessage::Join { cluster_name, applicant, num_tokens, replaces } => {
                self.answer_join(now_ms, from, &cluster_name, applicant, num_tokens, replaces);
            }
            ClusterMessage::JoinAnswer(answer) => self.on_join_answer(now_ms, from, answer),
            ClusterMessage::Prepare { position, ballot } => self.answer_prepare(now_ms, from, position, ballot),
            ClusterMessage::Accept { ballot, entry } => self.answer_accept(now_ms, from, ballot, *entry),
            ClusterMessage::Answer { position, ballot, answer } => {
                self.on_decider_answer(now_ms, from, position, ballot, *answer, random);
            }
            ClusterMessage::Entries(entries) => self.on_entries(now_ms, from, stance, entries),
            ClusterMessage::Snapshot(metadata) => self.on_snapshot(now_ms, from, *metadata),
            ClusterMessage::Adopted => self.on_adopted(now_ms, from, stance.position),
            ClusterMessage::Fetch => self.answer_fetch(from, stance.position),
            ClusterMessage::Announce => self.answer_announce(now_ms, from, stance.position),
            ClusterMessage::AnnounceAnswer { known } => self.on_announce_answer(now_ms, from, known, stance.position),
            ClusterMessage::Call | ClusterMessage::Refused { .. } => {}
        }
    }

    fn drain_gossip_events(&mut self, now_ms: u64) {
        let mut newer = Vec::new();
        for event in self.gossiper.take_events() {
            match event {
                LivenessEvent::Up(_) | LivenessEvent::Down(_) => {
                    self.actions.push_back(ClusterAction::ViewChanged);
                }
                LivenessEvent::StateChanged { host, key } if key == StateKey::METADATA_EPOCH => newer.push(host),
                LivenessEvent::StateChanged { .. } => {}
            }
        }
        for host in newer {
            if let Some(position) = self.gossiped_position(host) {
                self.fetch_if_newer(now_ms, host, position);
            }
        }
    }

    fn send_gossip(&mut self, messages: Vec<(HostId, starling_ring::gossip::GossipMessage)>) {
        let Some(cluster_id) = self.metadata.as_ref().map(|m| m.cluster_id) else {
            return;
        };
        for (to, message) in messages {
            let message = PeerMessage::Gossip { cluster_id, message };
            self.actions.push_back(ClusterAction::Send(Destination::Host(to), message));
        }
    }

    fn stance(&self) -> Stance {
        Stance { cluster_id: self.metadata.as_ref().map(|m| m.cluster_id), position: self.position() }
    }

    fn send(&mut self, to: HostId, message: ClusterMessage) {
        self.send_to(Destination::Host(to), message);
    }

    fn send_to(&mut self, to: Destination, message: ClusterMessage) {
        let message = PeerMessage::Cluster(self.stance(), message);
        self.actions.push_back(ClusterAction::Send(to, message));
    }
}
