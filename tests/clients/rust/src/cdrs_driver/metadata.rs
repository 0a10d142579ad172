//! What the driver knows of the cluster, and the events it passes on.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use cdrs_tokio::cluster::Murmur3Token;
use cdrs_tokio::cluster::topology::{NodeState, ReplicationStrategy};
use cdrs_tokio::consistency::Consistency;
use cdrs_tokio::frame::events::{SchemaChangeOptions, SchemaChangeType, ServerEvent};
use cdrs_tokio::load_balancing::Request;
use tokio::sync::broadcast::error::RecvError;

use super::Session;
use crate::driver::{NodeSeen, Seen};

pub fn nodes(session: &Session) -> Vec<NodeSeen> {
    let metadata = session.cluster_metadata();
    let seen = metadata.nodes().values().map(|node| NodeSeen {
        address: node.broadcast_rpc_address().ip(),
        has_datacenter: !node.datacenter().is_empty(),
        is_up: !matches!(node.state(), NodeState::Down | NodeState::ForcedDown),
    });
    seen.collect()
}

pub fn replication(session: &Session, keyspace: &str) -> Option<(String, String)> {
    match &session.cluster_metadata().keyspace(keyspace)?.replication_strategy {
        ReplicationStrategy::SimpleStrategy { replication_factor } => {
            Some(("SimpleStrategy".into(), replication_factor.to_string()))
        }
        other => Some((format!("{other:?}"), String::new())),
    }
}

/// The nodes that have a key: the ring's, as many as the factor says, which are also the first of the query plan.
pub fn replicas(session: &Session, keyspace: &str, key: &[u8]) -> Result<Vec<IpAddr>> {
    let metadata = session.cluster_metadata();
    let strategy = &metadata.keyspace(keyspace).context("the keyspace is not there")?.replication_strategy;
    let ReplicationStrategy::SimpleStrategy { replication_factor } = strategy else {
        bail!("the keyspace's strategy is {strategy:?}");
    };
    let token = Murmur3Token::generate(key);
    let nodes = metadata.token_map().nodes_for_token_capped(token, *replication_factor);
    let replicas: Vec<IpAddr> = nodes.map(|node| node.broadcast_rpc_address().ip()).collect();
    let plan = session.query_plan(Some(Request::new(Some(keyspace), None, Some(key), Some(Consistency::Quorum))));
    let first = plan.nodes.iter().take(replicas.len()).map(|node| node.broadcast_rpc_address().ip());
    let first: BTreeSet<IpAddr> = first.collect();
    anyhow::ensure!(first == replicas.iter().copied().collect(), "the plan begins with {first:?}, not {replicas:?}");
    Ok(replicas)
}

/// Tables and what happened to each, in order.
type Changes = Vec<(String, String, SchemaChangeType)>;

/// What the driver has passed on of changes of tables: it keeps no metadata of them.
pub struct Events(Arc<Mutex<Changes>>);

impl Events {
    /// Listens from now on.
    pub fn listen(session: &Session) -> Events {
        let changes = Arc::new(Mutex::new(Changes::new()));
        let (mut receiver, ours) = (session.create_event_receiver(), changes.clone());
        tokio::spawn(async move {
            loop {
                let change = match receiver.recv().await {
                    Ok(ServerEvent::SchemaChange(change)) => change,
                    Ok(_) | Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                };
                if let SchemaChangeOptions::TableType(keyspace, table) = change.options {
                    let mut changes = ours.lock().unwrap_or_else(PoisonError::into_inner);
                    changes.push((keyspace, table, change.change_type));
                }
            }
        });
        Events(changes)
    }

    /// Whether the table (or its column: then the table was changed) is there, by the events.
    pub fn have_shown(&self, what: &Seen<'_>) -> bool {
        let changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_table = changes
            .iter()
            .filter(|(keyspace, table, _)| keyspace == what.keyspace && Some(table.as_str()) == what.table);
        match of_table.next_back() {
            None | Some((.., SchemaChangeType::Dropped)) => false,
            Some((.., SchemaChangeType::Updated)) => true,
            Some(_) => what.column.is_none(),
        }
    }
}
