//! Founding a cluster and joining one: the applicant's side and the member's side.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use starling_planted::{Bug, is_planted};
use starling_ring::allocation::allocate_tokens;
use starling_ring::{HostId, Member};
use uuid::Uuid;

use super::change::{ChangeError, ChangeRequest, TABLES_REFUSAL, same_addresses};
use super::metadata::Standing;
use super::proposing::Requester;
use super::{Cluster, ClusterAction, Metadata};
use crate::message::{ClusterMessage, Destination, JoinAnswer};

/// What an applicant remembers between attempts.
pub(super) struct Joining {
    started_ms: u64,
    next_attempt_ms: u64,
    next_call_ms: u64,
    reason: Option<String>,
    /// Since when it is refused, and not let in or told to wait.
    refused_since_ms: Option<u64>,
    /// A member has answered or called: this node never founds a cluster of its own any more.
    cluster_found: bool,
}

impl Joining {
    pub(super) fn new(now_ms: u64) -> Self {
        Joining {
            started_ms: now_ms,
            next_attempt_ms: now_ms,
            next_call_ms: now_ms,
            reason: None,
            refused_since_ms: None,
            cluster_found: false,
        }
    }
}

impl Cluster {
    /// Why the node has not joined yet, as the last answer had it.
    pub fn waiting_reason(&self) -> Option<&str> {
        self.joining.reason.as_deref()
    }

    /// Seeds other than this node.
    fn other_seeds(&self) -> Vec<SocketAddr> {
        let member = &self.identity.member;
        let own = SocketAddr::new(member.listen_address, member.storage_port);
        self.identity.seeds.iter().copied().filter(|seed| *seed != own).collect()
    }

    pub(super) fn tick_joining(&mut self, now_ms: u64) {
        let others = self.other_seeds();
        let is_first_seed = self.identity.seeds.first().is_none_or(|first| !others.contains(first));
        let patience_ms = if others.is_empty() { self.config.found_alone_after_ms } else { self.config.found_after_ms };
        let found_nobody = !self.joining.cluster_found && now_ms >= self.joining.started_ms + patience_ms;
        if is_first_seed && found_nobody && self.identity.replaces.is_none() {
            self.found(now_ms);
        } else if now_ms >= self.joining.next_attempt_ms {
            self.joining.next_attempt_ms = now_ms + self.config.join_retry_ms;
            for seed in others {
                let message = self.join_request();
                self.send_to(Destination::Address(seed), message);
            }
        }
    }

    fn join_request(&self) -> ClusterMessage {
        ClusterMessage::Join {
            cluster_name: self.identity.cluster_name.clone(),
            applicant: self.identity.member.clone(),
            num_tokens: self.identity.num_tokens,
            replaces: self.identity.replaces,
        }
    }

    fn found(&mut self, now_ms: u64) {
        let mut member = self.identity.member.clone();
        let count = usize::from(self.identity.num_tokens);
        member.tokens = allocate_tokens(&[], &member.datacenter, &member.rack, count);
        let metadata =
            Metadata::found(self.identity.cluster_id_if_founding, self.identity.cluster_name.clone(), member);
        self.adopt_snapshot(now_ms, metadata);
    }

    /// A member of a cluster has called at this node's address. If this node has none, it was a member and lost its
    /// disk: it must not found another one.
    pub fn on_cluster_heard(&mut self, cluster_id: Uuid) {
        if self.metadata.is_some() || self.is_ended {
            return;
        }
        self.joining.cluster_found = true;
        if self.other_seeds().is_empty() {
            self.end(format!(
                "members of the cluster {cluster_id} call at this node's address, so it was one of them, and its data \
                 directory is empty now: bring the data directory back; or, to join as a new node, give it another \
                 address and a member of that cluster as its seed"
            ));
        }
    }

    /// Members call at seeds, however these are seen: one that has just lost its disk may still be seen alive. See
    /// [`Cluster::on_cluster_heard`].
    pub(super) fn tick_calling(&mut self, now_ms: u64) {
        if now_ms < self.joining.next_call_ms {
            return;
        }
        let Some(metadata) = self.metadata.clone() else { return };
        let tens = 1 + metadata.members.len() as u64 / 10;
        self.joining.next_call_ms = now_ms + self.config.call_seeds_every_ms * tens;
        // Without a majority of those that decide, the cluster may have gone on with members that this node has never
        // heard of, even without it: whoever is at a seed's address knows.
        let is_alone = !self.has_majority();
        for seed in self.other_seeds() {
            if is_alone {
                self.send_to(Destination::Address(seed), ClusterMessage::Fetch);
            }
            let holder = metadata.admitted().find(|m| SocketAddr::new(m.listen_address, m.storage_port) == seed);
            if let Some(holder) = holder {
                self.send(holder.host_id, ClusterMessage::Call);
            }
        }
    }

    pub(super) fn on_join_answer(&mut self, now_ms: u64, from: HostId, answer: JoinAnswer) {
        match answer {
            JoinAnswer::Welcome(metadata) => self.on_welcome(now_ms, from, *metadata),
            JoinAnswer::NotMember => {}
            JoinAnswer::Later { reason } => {
                self.joining.cluster_found = true;
                self.joining.refused_since_ms = None;
                self.wait(reason);
            }
            JoinAnswer::Refused { reason, is_final } if self.metadata.is_none() => {
                self.on_refused(now_ms, reason, is_final);
            }
            // Late: another member has taken this node in meanwhile.
            JoinAnswer::Refused { .. } => {}
        }
    }

    /// A member may be behind, and know of nodes that have left or of none that came: it is asked again for a while.
    fn on_refused(&mut self, now_ms: u64, reason: String, is_final: bool) {
        self.joining.cluster_found = true;
        let since_ms = *self.joining.refused_since_ms.get_or_insert(now_ms);
        if is_final || now_ms >= since_ms + self.config.refused_after_ms {
            return self.end(reason);
        }
        self.wait(reason);
    }

    fn wait(&mut self, reason: String) {
        if self.joining.reason.as_ref() != Some(&reason) {
            self.actions.push_back(ClusterAction::Waiting(reason.clone()));
            self.joining.reason = Some(reason);
        }
    }

    fn on_welcome(&mut self, now_ms: u64, from: HostId, metadata: Metadata) {
        match &self.metadata {
            None if metadata.standing(self.host_id()).is_admitted()
                && metadata.cluster_name == self.identity.cluster_name =>
            {
                self.joining.reason = None;
                self.adopt_snapshot(now_ms, metadata);
            }
            None => {}
            Some(_) => self.on_snapshot(now_ms, from, metadata),
        }
    }

    /// A node that was let in asks to become a member.
    pub(super) fn tick_entering(&mut self, now_ms: u64) {
        let own = self.host_id();
        let is_joining = self.metadata.as_ref().is_some_and(|m| m.standing(own) == Standing::Joining);
        if is_joining && now_ms >= self.joining.next_attempt_ms && !self.proposing.is_busy() {
            self.joining.next_attempt_ms = now_ms + self.config.join_retry_ms;
            self.request(now_ms, Requester::Nobody, ChangeRequest::end_join(own));
        }
    }

    /// Whether the metadata on this node's disk fits its settings. What data lies by is not changed by a restart.
    pub(super) fn check_stored(&mut self, stored: &Metadata) {
        let configured = &self.identity.member;
        let reason = match stored.node(configured.host_id) {
            _ if stored.cluster_name != self.identity.cluster_name => format!(
                "this node belongs to the cluster named \"{}\", not \"{}\": set cluster_name back",
                stored.cluster_name, self.identity.cluster_name
            ),
            None if stored.standing(configured.host_id) == Standing::Unknown => format!(
                "the cluster metadata on this disk does not know this node ({}): the data directory is not its own",
                configured.host_id
            ),
            None => self.refusal(stored, stored.standing(configured.host_id)),
            Some(recorded) if recorded.datacenter != configured.datacenter || recorded.rack != configured.rack => {
                format!(
                    "this node is recorded in datacentre {}, rack {}, not {}, {}: its data lies by that, set it back",
                    recorded.datacenter, recorded.rack, configured.datacenter, configured.rack
                )
            }
            Some(_) => return,
        };
        self.end(reason);
    }

    /// A member that starts under other addresses than the recorded ones has them changed.
    pub(super) fn tick_address_change(&mut self, now_ms: u64) {
        let Some(recorded) = self.metadata.as_ref().and_then(|m| m.member(self.host_id())).cloned() else {
            return;
        };
        let is_due = now_ms >= self.joining.next_attempt_ms && !self.proposing.is_busy();
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
        replaces: Option<IpAddr>,
    ) {
        let answer = match self.judge(from, cluster_name, &applicant, num_tokens, replaces) {
            Verdict::Answer(answer) => answer,
            Verdict::LetIn(replaced) => {
                if !self.proposing.has(Requester::Applicant(from)) {
                    let change = ChangeRequest::begin_join(applicant, usize::from(num_tokens), replaced);
                    self.request(now_ms, Requester::Applicant(from), change);
                }
                return;
            }
        };
        self.send(from, ClusterMessage::JoinAnswer(answer));
    }

    fn judge(
        &self,
        from: HostId,
        cluster_name: &str,
        applicant: &Member,
        num_tokens: u16,
        replaces: Option<IpAddr>,
    ) -> Verdict {
        let refused = |reason: String| Verdict::Answer(JoinAnswer::Refused { reason, is_final: true });
        let refused_as_seen_here = |reason: String| Verdict::Answer(JoinAnswer::Refused { reason, is_final: false });
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
        match metadata.standing(from) {
            Standing::Joining | Standing::Normal | Standing::Leaving => {
                return Verdict::Answer(JoinAnswer::Welcome(Box::new((**metadata).clone())));
            }
            Standing::Unknown => {}
            standing => return refused_as_seen_here(self.refusal(metadata, standing)),
        }
        let replaced = match self.replaced(metadata, applicant, replaces) {
            Ok(replaced) => replaced,
            Err(reason) => return refused_as_seen_here(reason),
        };
        if metadata.has_user_tables() {
            return refused(TABLES_REFUSAL.into());
        }
        if !self.has_majority() {
            return later("too few of the nodes that decide are alive".into());
        }
        Verdict::LetIn(replaced)
    }

    /// Which member an applicant takes the place of.
    fn replaced(
        &self,
        metadata: &Metadata,
        applicant: &Member,
        replaces: Option<IpAddr>,
    ) -> Result<Option<HostId>, String> {
        let replaced = match replaces {
            None => None,
            Some(address) => {
                let held = metadata.members.iter().find(|member| member.listen_address == address);
                Some(held.ok_or_else(|| format!("there is no member at {address} to replace"))?)
            }
        };
        if let Some(replaced) = replaced {
            if self.is_alive(replaced.host_id) {
                return Err(format!("{} is alive: only a dead member can be replaced", replaced.listen_address));
            }
            if (&replaced.datacenter, &replaced.rack) != (&applicant.datacenter, &applicant.rack) {
                return Err(format!(
                    "{} is in datacentre {}, rack {}: who replaces it has to be there too",
                    replaced.listen_address, replaced.datacenter, replaced.rack
                ));
            }
        }
        let stays = |held: &&Member| Some(held.host_id) != replaced.map(|member| member.host_id);
        let mut nodes = metadata.members.iter().chain(metadata.joining.iter().map(|joiner| &joiner.member));
        let is_same = |held: &&Member| stays(held) && held.listen_address == applicant.listen_address;
        if let Some(holder) = nodes.find(is_same).filter(|_| !is_planted(Bug::WipedNodeLetIn)) {
            return Err(format!(
                "{} belongs to member {} of this cluster: a node with an empty disk cannot take its place; \
                 bring its data directory back, use another address, or start it with --replace-address {} \
                 while the cluster has no tables",
                applicant.listen_address, holder.host_id, applicant.listen_address
            ));
        }
        Ok(replaced.map(|member| member.host_id))
    }

    /// Tells an applicant how the change that it needed ended.
    pub(super) fn answer_applicant(&mut self, applicant: HostId, outcome: Result<Arc<Metadata>, ChangeError>) {
        let answer = match outcome {
            Ok(metadata) if metadata.standing(applicant).is_admitted() => {
                JoinAnswer::Welcome(Box::new((*metadata).clone()))
            }
            Ok(_) => JoinAnswer::Later { reason: "it has not become a member".into() },
            Err(ChangeError::Invalid(error)) => JoinAnswer::Later { reason: error.to_string() },
            Err(error) => JoinAnswer::Later { reason: format!("the change was not made: {error:?}") },
        };
        self.send(applicant, ClusterMessage::JoinAnswer(answer));
    }
}

enum Verdict {
    Answer(JoinAnswer),
    /// It may come in, in the place of this member or in one of its own.
    LetIn(Option<HostId>),
}
