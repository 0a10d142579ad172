//! Founding a cluster and joining one: the applicant's side and the member's side.

use std::net::SocketAddr;
use std::sync::Arc;

use starling_ring::allocation::allocate_tokens;
use starling_ring::{HostId, Member};
use uuid::Uuid;

use super::change::{ChangeRequest, Requester, same_addresses};
use super::{Cluster, ClusterAction, Metadata};
use crate::message::{ClusterMessage, Destination, JoinAnswer, PeerMessage};

/// What an applicant remembers between attempts.
pub(super) struct Joining {
    started_ms: u64,
    next_attempt_ms: u64,
    reason: Option<String>,
    /// A member has answered: this node never founds a cluster of its own any more.
    cluster_found: bool,
}

impl Joining {
    pub(super) fn new(now_ms: u64) -> Self {
        Joining { started_ms: now_ms, next_attempt_ms: now_ms, reason: None, cluster_found: false }
    }
}

impl Cluster {
    /// Why the node has not joined yet, as the last answer had it.
    pub fn waiting_reason(&self) -> Option<&str> {
        self.joining.reason.as_deref()
    }

    fn internode_address(&self) -> SocketAddr {
        let member = &self.identity.member;
        SocketAddr::new(member.listen_address, member.storage_port)
    }

    pub(super) fn tick_joining(&mut self, now_ms: u64) {
        let own = self.internode_address();
        let others: Vec<SocketAddr> = self.identity.seeds.iter().copied().filter(|s| *s != own).collect();
        let is_first_seed = self.identity.seeds.first().is_none_or(|s| *s == own);
        let patience_ms = if others.is_empty() { 0 } else { self.config.found_after_ms };
        let found_nobody = !self.joining.cluster_found && now_ms >= self.joining.started_ms + patience_ms;
        if is_first_seed && found_nobody {
            self.found(now_ms);
        } else if now_ms >= self.joining.next_attempt_ms {
            self.joining.next_attempt_ms = now_ms + self.config.join_retry_ms;
            for seed in others {
                let message = PeerMessage::Cluster(self.join_request());
                self.actions.push_back(ClusterAction::Send(Destination::Address(seed), message));
            }
        }
    }

    /// A member of a cluster called at this node's address, or answered it: a node with an empty disk founds no second
    /// cluster beside that one. Who calls a node that asks nobody knows it from before its disk was emptied.
    pub fn on_cluster_heard(&mut self, cluster_id: Uuid) {
        if self.metadata.is_some() {
            return;
        }
        self.joining.cluster_found = true;
        let own = self.internode_address();
        if self.identity.seeds.iter().all(|seed| *seed == own) {
            self.actions.push_back(ClusterAction::Fatal(format!(
                "a member of cluster {cluster_id} calls at {own}, so this node was a member, and its disk is empty now: \
                 bring its data directory back; or, to join as a new node, give it another address and a member of \
                 that cluster as seed"
            )));
        }
    }

    fn join_request(&self) -> ClusterMessage {
        ClusterMessage::Join {
            cluster_name: self.identity.cluster_name.clone(),
            applicant: self.identity.member.clone(),
            num_tokens: self.identity.num_tokens,
        }
    }

    fn found(&mut self, now_ms: u64) {
        let mut member = self.identity.member.clone();
        let count = usize::from(self.identity.num_tokens);
        member.tokens = allocate_tokens(&[], &member.datacenter, &member.rack, count);
        let metadata =
            Metadata::found(self.identity.cluster_id_if_founding, self.identity.cluster_name.clone(), member);
        self.adopt(now_ms, Arc::new(metadata));
    }

    pub(super) fn on_join_answer(&mut self, now_ms: u64, from: HostId, answer: JoinAnswer) {
        match answer {
            JoinAnswer::Welcome(metadata) => self.on_welcome(now_ms, from, *metadata),
            JoinAnswer::NotMember => {}
            JoinAnswer::Later { reason } => {
                self.joining.cluster_found = true;
                self.joining.reason = Some(reason);
            }
            JoinAnswer::Refused { reason } if self.metadata.is_none() => {
                self.actions.push_back(ClusterAction::Fatal(reason));
            }
            // Late: another member has taken this node in meanwhile.
            JoinAnswer::Refused { .. } => {}
        }
    }

    fn on_welcome(&mut self, now_ms: u64, from: HostId, metadata: Metadata) {
        let is_member = metadata.member(self.host_id()).is_some();
        match &self.metadata {
            None if is_member && metadata.cluster_name == self.identity.cluster_name => {
                self.joining.reason = None;
                self.adopt(now_ms, Arc::new(metadata));
            }
            None => {}
            Some(_) => self.on_publish(now_ms, from, metadata),
        }
    }

    /// Whether the metadata on this node's disk fits its settings. What data lies by is not changed by a restart.
    pub(super) fn check_stored(&mut self, stored: &Metadata) {
        let configured = &self.identity.member;
        let reason = match stored.member(configured.host_id) {
            _ if stored.cluster_name != self.identity.cluster_name => format!(
                "this node belongs to the cluster named \"{}\", not \"{}\": set cluster_name back",
                stored.cluster_name, self.identity.cluster_name
            ),
            None => format!(
                "the cluster metadata on this disk does not know this node ({}): the data directory is not its own",
                configured.host_id
            ),
            Some(recorded) if recorded.datacenter != configured.datacenter || recorded.rack != configured.rack => {
                format!(
                    "this node is recorded in datacentre {}, rack {}, not {}, {}: its data lies by that, set it back",
                    recorded.datacenter, recorded.rack, configured.datacenter, configured.rack
                )
            }
            Some(_) => return,
        };
        self.actions.push_back(ClusterAction::Fatal(reason));
    }

    /// A member that starts under other addresses than the recorded ones has them changed.
    pub(super) fn tick_address_change(&mut self, now_ms: u64) {
        let Some(recorded) = self.metadata.as_ref().and_then(|m| m.member(self.host_id())).cloned() else {
            return;
        };
        let is_due = now_ms >= self.joining.next_attempt_ms && !self.changes.is_busy();
        if same_addresses(&recorded, &self.identity.member) || !is_due {
            return;
        }
        self.joining.next_attempt_ms = now_ms + 4 * self.config.join_retry_ms;
        let change = ChangeRequest::set_addresses(self.identity.member.clone());
        self.request(now_ms, Requester::Nobody, change);
    }

    pub(super) fn answer_join(
        &mut self,
        now_ms: u64,
        from: HostId,
        cluster_name: &str,
        applicant: Member,
        num_tokens: u16,
    ) {
        let answer = match self.judge(from, cluster_name, &applicant, num_tokens) {
            Verdict::Answer(answer) => answer,
            Verdict::Change => {
                let change = ChangeRequest::add_member(applicant, usize::from(num_tokens));
                self.request(now_ms, Requester::Applicant(from), change);
                return;
            }
        };
        self.send(from, ClusterMessage::JoinAnswer(answer));
    }

    fn judge(&self, from: HostId, cluster_name: &str, applicant: &Member, num_tokens: u16) -> Verdict {
        let refused = |reason: String| Verdict::Answer(JoinAnswer::Refused { reason });
        let later = |reason: String| Verdict::Answer(JoinAnswer::Later { reason });
        let Some(metadata) = &self.metadata else {
            return Verdict::Answer(JoinAnswer::NotMember);
        };
        if cluster_name != metadata.cluster_name {
            return refused(format!(
                "the cluster here is named \"{}\", not \"{cluster_name}\": set cluster_name or the seeds right",
                metadata.cluster_name
            ));
        }
        if applicant.host_id != from || !(1..=1024).contains(&num_tokens) {
            return refused("malformed request to join (host id or num_tokens out of range)".into());
        }
        if metadata.member(from).is_some() {
            return Verdict::Answer(JoinAnswer::Welcome(Box::new((**metadata).clone())));
        }
        if let Some(holder) = metadata.members.iter().find(|m| m.listen_address == applicant.listen_address) {
            return refused(format!(
                "{} belongs to member {} of this cluster: a node with an empty disk cannot take its place; \
                 bring its data directory back, or use another address",
                applicant.listen_address, holder.host_id
            ));
        }
        if metadata.has_user_tables() {
            return refused(
                "the cluster has tables already, and moving data to a new node is not supported yet: \
                 join nodes before the first CREATE TABLE"
                    .into(),
            );
        }
        if let Some(away) = metadata.members.iter().find(|m| !self.is_alive(m.host_id)) {
            return later(format!("member {} ({}) is down or not known yet", away.host_id, away.listen_address));
        }
        if self.changes.is_busy() {
            return later("another change of membership or schema is under way".into());
        }
        Verdict::Change
    }

    /// Tells an applicant how the change that it needed ended.
    pub(super) fn answer_applicant(&mut self, applicant: HostId, outcome: Result<Arc<Metadata>, String>) {
        let answer = match outcome {
            Ok(metadata) => JoinAnswer::Welcome(Box::new((*metadata).clone())),
            Err(reason) => JoinAnswer::Later { reason },
        };
        self.send(applicant, ClusterMessage::JoinAnswer(answer));
    }
}

enum Verdict {
    Answer(JoinAnswer),
    Change,
}
