//! Membership and schema changes of one node: a pure state machine.
//!
//! Cluster metadata is a snapshot with an epoch. A change is made by a proposer that every known member has
//! granted the next epoch, and that grants nobody else's while its own is open: so no two nodes make the same
//! epoch, and a change is refused while any member is away. Snapshots spread by `Publish` and, to whoever
//! missed one, by gossip of the newest epoch. (The epoch log will replace the way an epoch is decided; what
//! requests see, the snapshot, stays.)

mod announce;
mod change;
mod join;
mod metadata;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use starling_ring::gossip::{GossipConfig, Gossiper, LivenessEvent, StateKey};
use starling_ring::{HostId, Member};

use crate::message::{ClusterMessage, Destination, PeerMessage};

pub use change::{CHANGES_WAITING_MAX, ChangeError, ChangeRequest};
pub use metadata::Metadata;

/// Random source that the caller passes in.
pub type Random<'a> = &'a mut dyn FnMut() -> u64;

/// Who this node is and how it finds the others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// This node as it wants to be recorded; tokens are filled in when it joins.
    pub member: Member,
    /// Grows with every start of this node (kept on disk): gossip tells an old life from a new one by it.
    pub generation: u64,
    /// Name of the cluster that it founds or joins.
    pub cluster_name: String,
    /// Tokens that it asks for.
    pub num_tokens: u16,
    /// Addresses to ask at first, in order.
    pub seeds: Vec<SocketAddr>,
    /// Identity that a cluster gets if this node founds one.
    pub cluster_id_if_founding: uuid::Uuid,
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
    /// How long a first seed looks for other members before it founds a cluster. 1,000 to 60,000.
    pub found_after_ms: u64,
    /// How long a proposal waits for its grants before it is withdrawn. 500 to 10,000.
    pub proposal_timeout_ms: u64,
    /// How long a change is tried anew after conflicts before its client hears of it. 1,000 to 30,000.
    pub change_timeout_ms: u64,
    /// How long a published change waits for all members' adoption before it is reported done. 1,000 to 30,000.
    pub publish_timeout_ms: u64,
    /// How long a starting node waits for silent members before it opens without them. 1,000 to 30,000.
    pub announce_patience_ms: u64,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        ClusterConfig {
            // A death is known to all after 5 to 7 s (10 are promised): 5 to 7 intervals of silence until suspicion,
            // one until it is looked at, one for the probe.
            gossip: GossipConfig { interval_ms: 750, probe_timeout_ms: 700, ..GossipConfig::default() },
            gossip_interval_ms: 750,
            join_retry_ms: 250,
            found_after_ms: 3_000,
            proposal_timeout_ms: 2_000,
            change_timeout_ms: 8_000,
            publish_timeout_ms: 5_000,
            announce_patience_ms: 3_000,
        }
    }
}

/// What the caller has to carry out, in order.
#[derive(Debug)]
pub enum ClusterAction {
    /// Send a message.
    Send(Destination, PeerMessage),
    /// Make this metadata durable before anything that follows in the list.
    Persist(Arc<Metadata>),
    /// Members, schema or liveness changed: build a new view.
    ViewChanged,
    /// The node is a member and known to all live members: open for clients.
    Ready,
    /// A change asked for with `request_change` ended.
    ChangeDone(u64, Result<Arc<Metadata>, ChangeError>),
    /// This node cannot be part of the cluster: stop, and tell why.
    Fatal(String),
}

/// Membership and schema as one node sees them.
pub struct Cluster {
    config: ClusterConfig,
    identity: Identity,
    metadata: Option<Arc<Metadata>>,
    gossiper: Gossiper,
    next_gossip_ms: u64,
    fetched_at_ms: Option<u64>,
    joining: join::Joining,
    announcing: announce::Announcing,
    changes: change::Changes,
    actions: VecDeque<ClusterAction>,
    gossip_rounds: u64,
}

impl Cluster {
    /// A node that starts, with the metadata from its disk if it has any.
    pub fn new(config: ClusterConfig, identity: Identity, stored: Option<Metadata>, now_ms: u64) -> Self {
        let gossiper = Gossiper::new(config.gossip.clone(), identity.member.host_id, identity.generation, now_ms);
        let mut cluster = Cluster {
            joining: join::Joining::new(now_ms),
            announcing: announce::Announcing::new(now_ms),
            changes: change::Changes::new(identity.generation),
            config,
            identity,
            metadata: None,
            gossiper,
            next_gossip_ms: now_ms,
            fetched_at_ms: None,
            actions: VecDeque::new(),
            gossip_rounds: 0,
        };
        if let Some(stored) = stored {
            cluster.check_stored(&stored);
            cluster.install(now_ms, Arc::new(stored));
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

    /// Whether `host` is seen alive; oneself always is.
    pub fn is_alive(&self, host: HostId) -> bool {
        host == self.host_id() || self.gossiper.is_alive(host)
    }

    /// Whether the node has opened for clients.
    pub fn is_ready(&self) -> bool {
        self.announcing.is_ready()
    }

    /// Gossip rounds begun.
    pub fn gossip_rounds(&self) -> u64 {
        self.gossip_rounds
    }

    /// What is to be carried out since the last call.
    pub fn take_actions(&mut self) -> VecDeque<ClusterAction> {
        std::mem::take(&mut self.actions)
    }

    /// Time has passed; to be called every 50 to 200 ms.
    pub fn tick(&mut self, now_ms: u64, random: Random<'_>) {
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
        self.tick_address_change(now_ms);
        self.tick_announcing(now_ms);
        self.tick_changes(now_ms, random);
    }

    /// Until it is known to all, a node gossips faster, so that a start does not wait for slow rounds.
    fn gossip_interval_ms(&self) -> u64 {
        if self.is_ready() { self.config.gossip_interval_ms } else { self.config.gossip_interval_ms / 5 }
    }

    /// A message from `from` (as its link proved) arrived.
    pub fn receive(&mut self, now_ms: u64, from: HostId, message: PeerMessage, random: Random<'_>) {
        match message {
            PeerMessage::Gossip { cluster_id, message } => {
                if self.metadata.as_ref().is_some_and(|m| m.cluster_id == cluster_id) {
                    let answers = self.gossiper.receive(now_ms, from, message);
                    self.send_gossip(answers);
                    self.drain_gossip_events(now_ms);
                }
            }
            PeerMessage::Cluster(message) => self.receive_cluster(now_ms, from, message, random),
            PeerMessage::Request { .. } | PeerMessage::Answer { .. } => {}
        }
    }

    fn receive_cluster(&mut self, now_ms: u64, from: HostId, message: ClusterMessage, random: Random<'_>) {
        match message {
            ClusterMessage::Join { cluster_name, applicant, num_tokens } => {
                self.answer_join(now_ms, from, &cluster_name, applicant, num_tokens);
            }
            ClusterMessage::JoinAnswer(answer) => self.on_join_answer(now_ms, from, answer),
            ClusterMessage::Propose { proposal, base_epoch } => self.answer_proposal(from, proposal, base_epoch),
            ClusterMessage::ProposeAnswer { proposal, granted, epoch } => {
                self.on_proposal_answer(now_ms, from, proposal, granted, epoch, random);
            }
            ClusterMessage::Publish(metadata) => self.on_publish(now_ms, from, *metadata),
            ClusterMessage::PublishAnswer { epoch } => self.on_publish_answer(now_ms, from, epoch),
            ClusterMessage::Fetch { have_epoch } => self.answer_fetch(from, have_epoch),
            ClusterMessage::Announce { epoch } => self.answer_announce(now_ms, from, epoch),
            ClusterMessage::AnnounceAnswer { known, epoch } => {
                self.on_announce_answer(now_ms, from, known, epoch);
            }
        }
    }

    /// Adopts newer metadata: durable first, then visible.
    fn adopt(&mut self, now_ms: u64, metadata: Arc<Metadata>) {
        self.actions.push_back(ClusterAction::Persist(metadata.clone()));
        self.install(now_ms, metadata);
    }

    fn install(&mut self, now_ms: u64, metadata: Arc<Metadata>) {
        let members: Vec<HostId> = metadata.members.iter().map(|m| m.host_id).collect();
        self.gossiper.set_members(now_ms, &members);
        let published = self.gossiper.set_local(StateKey::METADATA_EPOCH, metadata.epoch.to_be_bytes().to_vec());
        debug_assert!(published.is_ok(), "eight bytes fit any gossip setting");
        self.metadata = Some(metadata);
        self.actions.push_back(ClusterAction::ViewChanged);
    }

    fn on_publish(&mut self, now_ms: u64, from: HostId, metadata: Metadata) {
        let Some(current) = self.metadata.clone() else { return };
        if metadata.cluster_id != current.cluster_id {
            return;
        }
        if metadata.epoch > current.epoch && metadata.member(self.host_id()).is_some() {
            self.adopt(now_ms, Arc::new(metadata));
            self.withdraw_if_overtaken(now_ms);
        }
        let epoch = self.epoch();
        self.send(from, ClusterMessage::PublishAnswer { epoch });
    }

    fn answer_fetch(&mut self, from: HostId, have_epoch: u64) {
        if let Some(metadata) = self.metadata.clone().filter(|m| m.epoch > have_epoch) {
            self.send(from, ClusterMessage::Publish(Box::new((*metadata).clone())));
        }
    }

    /// Asks `host` for its metadata if it claims a newer epoch; at most every 100 ms.
    pub fn fetch_if_newer(&mut self, now_ms: u64, host: HostId, epoch: u64) {
        let have_epoch = self.epoch();
        let waiting = self.fetched_at_ms.is_some_and(|at| now_ms < at + 100);
        if epoch > have_epoch && have_epoch > 0 && !waiting {
            self.fetched_at_ms = Some(now_ms);
            self.send(host, ClusterMessage::Fetch { have_epoch });
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
            if let Some(epoch) = self.gossiped_epoch(host) {
                self.fetch_if_newer(now_ms, host, epoch);
            }
        }
    }

    /// A change tells of itself once: whoever missed it, or lost the answer, asks again in every round.
    fn catch_up(&mut self, now_ms: u64) {
        let live = self.gossiper.members().filter(|host| self.gossiper.is_alive(*host));
        let newest = live.filter_map(|host| Some((self.gossiped_epoch(host)?, host))).max();
        if let Some((epoch, host)) = newest {
            self.fetch_if_newer(now_ms, host, epoch);
        }
    }

    fn gossiped_epoch(&self, host: HostId) -> Option<u64> {
        let value = self.gossiper.state(host)?.value(StateKey::METADATA_EPOCH)?;
        Some(u64::from_be_bytes(value.try_into().ok()?))
    }

    /// The newest epoch here; 0 before there is any.
    pub fn epoch(&self) -> u64 {
        self.metadata.as_ref().map_or(0, |m| m.epoch)
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

    fn send(&mut self, to: HostId, message: ClusterMessage) {
        self.actions.push_back(ClusterAction::Send(Destination::Host(to), PeerMessage::Cluster(message)));
    }
}
