//! Connections that registered for events.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use starling_cql_lite::protocol::event::{ChangeKind, ChangeTarget, Event, SchemaChange, TopologyChange};

use super::connection::Connection;
use crate::assembly::client::ClientEvent;
use crate::schema::change;

/// Who wants to hear of what.
#[derive(Default)]
pub struct EventListeners {
    /// By the address of the connection, which forgets itself when it ends.
    listeners: Mutex<HashMap<usize, Listener>>,
}

/// A connection and the types of events that it wants.
type Listener = (Weak<Connection>, BTreeSet<String>);

impl EventListeners {
    /// A connection wants events of these types.
    pub(super) fn register(&self, connection: &Arc<Connection>, types: Vec<String>) {
        let mut listeners = self.listeners.lock();
        // Once more for the same types means no second copy of each event.
        let (_, wanted) = listeners
            .entry(Arc::as_ptr(connection) as usize)
            .or_insert_with(|| (Arc::downgrade(connection), BTreeSet::new()));
        wanted.extend(types);
    }

    /// A connection has ended.
    pub(super) fn forget(&self, connection: &Connection) {
        self.listeners.lock().remove(&(std::ptr::from_ref(connection) as usize));
    }

    /// Connections that registered and are still there.
    pub fn count(&self) -> usize {
        self.listeners.lock().len()
    }

    /// Tells all who registered.
    pub fn publish(&self, event: &ClientEvent) {
        let event = to_protocol(event);
        let name = event.type_name();
        let interested: Vec<Arc<Connection>> = {
            let listeners = self.listeners.lock();
            let wanted = listeners.values().filter(|(_, types)| types.contains(name));
            wanted.filter_map(|(listener, _)| listener.upgrade()).collect()
        };
        for connection in interested {
            connection.send_event(&event);
        }
    }
}

fn to_protocol(event: &ClientEvent) -> Event {
    match event {
        ClientEvent::NewNode(ip, port) => Event::Topology(TopologyChange::NewNode, SocketAddr::new(*ip, *port)),
        ClientEvent::RemovedNode(ip, port) => Event::Topology(TopologyChange::RemovedNode, SocketAddr::new(*ip, *port)),
        ClientEvent::Up(ip, port) => Event::Status { up: true, node: SocketAddr::new(*ip, *port) },
        ClientEvent::Down(ip, port) => Event::Status { up: false, node: SocketAddr::new(*ip, *port) },
        ClientEvent::Schema(change) => Event::Schema(schema_change(change)),
    }
}

/// A schema change as the protocol has it.
pub(super) fn schema_change(change: &change::SchemaChange) -> SchemaChange {
    let kind = match change.change_type {
        change::ChangeType::Created => ChangeKind::Created,
        change::ChangeType::Updated => ChangeKind::Updated,
        change::ChangeType::Dropped => ChangeKind::Dropped,
    };
    let target = match (change.target, &change.name) {
        (change::ChangeTarget::Table, Some(name)) => ChangeTarget::Table(name.clone()),
        _ => ChangeTarget::Keyspace,
    };
    SchemaChange { kind, keyspace: change.keyspace.clone(), target }
}
