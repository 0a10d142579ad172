//! What clients that registered for events are told when one view follows another.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::View;
use super::client::ClientEvent;
use crate::schema::Keyspace;
use crate::schema::change::{ChangeTarget, ChangeType, SchemaChange};

impl View {
    /// The news since `previous`.
    pub(super) fn events_since(&self, previous: &View) -> Vec<ClientEvent> {
        let mut events = self.members_since(previous);
        if self.metadata.position != previous.metadata.position {
            let (before, after) = (&previous.metadata.schema.keyspaces, &self.metadata.schema.keyspaces);
            schema_changes(before, after, &mut |change| events.push(ClientEvent::Schema(change)));
        }
        events
    }

    fn members_since(&self, previous: &View) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        for (index, member) in self.topology().members().iter().enumerate() {
            let (address, port) = (member.rpc_address, member.native_transport_port);
            let alive = self.is_alive(index as u16);
            match previous.topology().index_of(member.host_id) {
                None => {
                    events.push(ClientEvent::NewNode(address, port));
                    if alive {
                        events.push(ClientEvent::Up(address, port));
                    }
                }
                Some(before) if previous.is_alive(before) != alive => {
                    events.push(if alive { ClientEvent::Up(address, port) } else { ClientEvent::Down(address, port) });
                }
                Some(_) => {}
            }
        }
        for member in previous.topology().members() {
            if self.topology().index_of(member.host_id).is_none() {
                events.push(ClientEvent::RemovedNode(member.rpc_address, member.native_transport_port));
            }
        }
        events
    }
}

type Keyspaces = BTreeMap<String, Arc<Keyspace>>;

fn schema_changes(before: &Keyspaces, after: &Keyspaces, tell: &mut dyn FnMut(SchemaChange)) {
    let change = |change_type, keyspace: &str, table: Option<&str>| SchemaChange {
        change_type,
        target: if table.is_some() { ChangeTarget::Table } else { ChangeTarget::Keyspace },
        keyspace: keyspace.to_owned(),
        name: table.map(str::to_owned),
    };
    for (name, keyspace) in after {
        let old = before.get(name);
        match old {
            None => tell(change(ChangeType::Created, name, None)),
            Some(old) if old.replication != keyspace.replication || old.durable_writes != keyspace.durable_writes => {
                tell(change(ChangeType::Updated, name, None));
            }
            Some(_) => {}
        }
        for (table, definition) in &keyspace.tables {
            match old.and_then(|old| old.tables.get(table)) {
                None => tell(change(ChangeType::Created, name, Some(table))),
                Some(old) if old.uuid != definition.uuid => {
                    tell(change(ChangeType::Dropped, name, Some(table)));
                    tell(change(ChangeType::Created, name, Some(table)));
                }
                // TRUNCATE raises the incarnation alone: no change to tell of.
                Some(old) if old.columns != definition.columns || old.options != definition.options => {
                    tell(change(ChangeType::Updated, name, Some(table)));
                }
                Some(_) => {}
            }
        }
    }
    for (name, keyspace) in before {
        let kept = after.get(name);
        for table in keyspace.tables.keys().filter(|table| kept.is_none_or(|k| !k.tables.contains_key(*table))) {
            tell(change(ChangeType::Dropped, name, Some(table)));
        }
        if kept.is_none() {
            tell(change(ChangeType::Dropped, name, None));
        }
    }
}
