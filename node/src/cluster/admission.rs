//! Who is listened to: the members of this cluster, as of the newest entry.

use starling_ring::HostId;

use super::metadata::Standing;
use super::{Cluster, Metadata};
use crate::message::{ClusterMessage, Stance};

impl Cluster {
    /// Whether a message of `from` is to be looked at. Who is not part of the cluster (any more) is told so; who is
    /// behind or ahead by a generation is brought up, or asked.
    pub(super) fn admits(&mut self, now_ms: u64, from: HostId, stance: Stance, message: &ClusterMessage) -> bool {
        if matches!(message, ClusterMessage::Join { .. } | ClusterMessage::JoinAnswer(_)) {
            return true;
        }
        let Some(metadata) = self.metadata.clone() else {
            if let Some(cluster_id) = stance.cluster_id {
                self.on_cluster_heard(cluster_id);
            }
            return false;
        };
        if stance.cluster_id != Some(metadata.cluster_id) {
            return false;
        }
        if let ClusterMessage::Refused { reason } = message {
            // Only who knows more than this node may send it away.
            if stance.position > metadata.position {
                self.end(reason.clone());
            }
            return false;
        }
        let is_ahead = stance.position > metadata.position;
        let standing = metadata.standing(from);
        // Of a node that is ahead it may be news that it is a member.
        let may_be_new = is_ahead && standing != Standing::Lost;
        if !standing.is_admitted() && !may_be_new {
            let reason = self.refusal(&metadata, standing);
            self.send(from, ClusterMessage::Refused { reason });
            return false;
        }
        if stance.position.generation < metadata.position.generation {
            let is_answer = matches!(message, ClusterMessage::Adopted);
            if !is_answer {
                self.send_missing(from, stance.position);
            }
            return false;
        }
        // What was decided was decided, whoever tells of it: maybe a member that is not known here yet.
        if matches!(message, ClusterMessage::Snapshot(_) | ClusterMessage::Entries(_)) {
            return true;
        }
        if stance.position.generation > metadata.position.generation || !standing.is_admitted() {
            self.fetch_if_newer(now_ms, from, stance.position);
            return false;
        }
        true
    }

    /// Gossip of a node that is no member (any more): it is told, for it would go on for ever. One that is a member by an
    /// entry that is not known here yet does not mind: it knows more than this node.
    pub(super) fn refuses_gossip(&mut self, from: HostId) -> bool {
        let Some(metadata) = self.metadata.clone() else { return true };
        let standing = metadata.standing(from);
        if standing.is_admitted() {
            return false;
        }
        let reason = self.refusal(&metadata, standing);
        self.send(from, ClusterMessage::Refused { reason });
        true
    }

    /// What a node of this standing is told.
    pub(super) fn refusal(&self, metadata: &Metadata, standing: Standing) -> String {
        let name = &metadata.cluster_name;
        match standing {
            Standing::Left => format!(
                "this node has left the cluster \"{name}\": to let it join as a new node, empty its data directory first"
            ),
            Standing::Replaced => format!(
                "this node was replaced by another one in the cluster \"{name}\": empty its data directory; it can then \
                 join as a new node under another address"
            ),
            Standing::Lost => format!(
                "this node was given up when the log of the cluster \"{name}\" was recovered (generation {}): if its \
                 data is good and it shall come back, run `starling admin log readmit` with its host id on a member, \
                 then start it again",
                metadata.position.generation
            ),
            _ => format!(
                "this node is not a member of the cluster \"{name}\": its data directory is not of this cluster, or it \
                 was removed long ago; empty it to join as a new node"
            ),
        }
    }

    /// A node that finds itself put out ends. Not before it has learnt all that it was sent: what was forgotten on its way
    /// in may have been let in again.
    pub(super) fn check_own_standing(&mut self) {
        let Some(metadata) = self.metadata.clone() else { return };
        if std::mem::replace(&mut self.standing_checked, metadata.position) == metadata.position {
            return;
        }
        let standing = metadata.standing(self.host_id());
        if !standing.is_admitted() {
            let reason = self.refusal(&metadata, standing);
            self.end(reason);
        }
    }
}
