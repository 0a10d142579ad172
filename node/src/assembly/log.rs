//! The epoch log as whoever runs the node sees and steers it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use starling_ring::HostId;
use uuid::Uuid;

use super::{Node, View};
use crate::cluster::{
    ChangeError, ChangeRequest, Entry, LogPosition, Metadata, RecoverError, Standing, schema_version,
};

/// A node of the cluster and how far it has the log.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStanding {
    /// The node.
    pub host_id: HostId,
    /// Its address between nodes.
    pub address: std::net::IpAddr,
    /// What it is.
    pub standing: Standing,
    /// Seen alive.
    pub alive: bool,
    /// It is one of those that decide the next entry.
    pub decides: bool,
    /// The last entry that it has, as gossip knows it.
    pub position: Option<LogPosition>,
}

/// The log as one node has it.
#[derive(Clone, Debug)]
pub struct LogView {
    /// The newest metadata.
    pub metadata: Arc<Metadata>,
    /// The last entries, the oldest first.
    pub entries: Vec<Arc<Entry>>,
    /// The nodes of the cluster; former ones last.
    pub nodes: Vec<NodeStanding>,
    /// A majority of those that decide is alive, so that changes can be made.
    pub has_majority: bool,
}

/// Told how a change ended that whoever runs the node asked for.
pub type ChangeListener = Box<dyn FnOnce(Result<Arc<Metadata>, ChangeError>) + Send>;

impl Node {
    /// The log; `None` before this node belongs to a cluster.
    pub fn log(&self) -> Option<LogView> {
        let cluster = self.cluster.lock();
        let metadata = cluster.metadata()?.clone();
        let own = cluster.host_id();
        let members = metadata.members.iter().chain(metadata.joining.iter().map(|joiner| &joiner.member));
        let mut nodes: Vec<NodeStanding> = members
            .map(|member| NodeStanding {
                host_id: member.host_id,
                address: member.listen_address,
                standing: metadata.standing(member.host_id),
                alive: cluster.is_alive(member.host_id),
                decides: metadata.deciders.contains(&member.host_id),
                position: if member.host_id == own {
                    Some(metadata.position)
                } else {
                    cluster.gossiped_position(member.host_id)
                },
            })
            .collect();
        nodes.extend(metadata.former.iter().map(|former| NodeStanding {
            host_id: former.host_id,
            address: former.listen_address,
            standing: metadata.standing(former.host_id),
            alive: false,
            decides: false,
            position: None,
        }));
        let entries = cluster.entries().cloned().collect();
        Some(LogView { has_majority: cluster.has_majority(), metadata, entries, nodes })
    }

    /// Schema versions of the members that lack the last change of the schema, as gossip has it.
    pub(super) fn lagging(&self, view: &View) -> BTreeMap<HostId, Uuid> {
        let now_ms = self.now().us / 1_000;
        let cluster = self.cluster.lock();
        if !cluster.is_schema_gossiped(now_ms) {
            return BTreeMap::new();
        }
        let metadata = &view.metadata;
        let members = metadata.members.iter().map(|member| member.host_id);
        let positions = members.filter_map(|host| Some((host, cluster.gossiped_position(host)?)));
        let behind = positions.filter(|(host, at)| *host != self.local && *at < metadata.schema_position);
        behind.map(|(host, at)| (host, schema_version(metadata.cluster_id, at))).collect()
    }

    /// Goes on with the log after its majority was lost for good.
    ///
    /// # Errors
    /// If it is not needed, or not this node should do it.
    pub fn recover_log(&self) -> Result<LogPosition, RecoverError> {
        let mut random = || self.outside.random();
        self.with_cluster(|cluster, now_ms| cluster.recover(now_ms, &mut random))
    }

    /// Asks for a change of the members; `listener` is told how it ended.
    pub fn change_members(&self, change: ChangeRequest, listener: ChangeListener) {
        let number = self.next_change.fetch_add(1, Ordering::Relaxed);
        self.listeners.lock().insert(number, listener);
        self.with_cluster(|cluster, now_ms| cluster.request_change(now_ms, number, change));
    }
}
