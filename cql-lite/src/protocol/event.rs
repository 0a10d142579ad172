//! Events that a server pushes, and the schema change that a statement's result may be.

use std::net::SocketAddr;

use bytes::BytesMut;

use super::wire::{DecodeError, Reader, put_inet, put_string, put_string_list};

/// A node came or went for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TopologyChange {
    /// NEW_NODE.
    NewNode,
    /// REMOVED_NODE.
    RemovedNode,
    /// MOVED_NODE: its tokens changed.
    MovedNode,
}

/// What happened to a part of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// CREATED.
    Created,
    /// UPDATED.
    Updated,
    /// DROPPED.
    Dropped,
}

/// Which part of the schema changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChangeTarget {
    /// The keyspace itself.
    Keyspace,
    /// A table or view.
    Table(String),
    /// A user-defined type.
    Type(String),
    /// A function: its name and the types of its arguments.
    Function(String, Vec<String>),
    /// An aggregate: its name and the types of its arguments.
    Aggregate(String, Vec<String>),
}

/// A change of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaChange {
    /// What happened.
    pub kind: ChangeKind,
    /// The keyspace that it happened in or to.
    pub keyspace: String,
    /// To what.
    pub target: ChangeTarget,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// TOPOLOGY_CHANGE of a node, by the address that clients know.
    Topology(TopologyChange, SocketAddr),
    /// STATUS_CHANGE: up or not.
    Status {
        /// UP, else DOWN.
        up: bool,
        /// The node, by the address that clients know.
        node: SocketAddr,
    },
    /// SCHEMA_CHANGE.
    Schema(SchemaChange),
}

const TOPOLOGY: &str = "TOPOLOGY_CHANGE";
const STATUS: &str = "STATUS_CHANGE";
const SCHEMA: &str = "SCHEMA_CHANGE";

impl Event {
    /// The type that a client registers for.
    pub fn type_name(&self) -> &'static str {
        match self {
            Event::Topology(..) => TOPOLOGY,
            Event::Status { .. } => STATUS,
            Event::Schema(_) => SCHEMA,
        }
    }

    /// True for the names of types that a client may register for.
    pub fn is_type_name(name: &str) -> bool {
        [TOPOLOGY, STATUS, SCHEMA].contains(&name)
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        put_string(out, self.type_name());
        match self {
            Event::Topology(change, node) => {
                put_string(out, topology_name(*change));
                put_inet(out, *node);
            }
            Event::Status { up, node } => {
                put_string(out, if *up { "UP" } else { "DOWN" });
                put_inet(out, *node);
            }
            Event::Schema(change) => change.put(out),
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.string()? {
            TOPOLOGY => {
                let change = match reader.string()? {
                    "NEW_NODE" => TopologyChange::NewNode,
                    "REMOVED_NODE" => TopologyChange::RemovedNode,
                    "MOVED_NODE" => TopologyChange::MovedNode,
                    other => return Err(unknown("topology change", other)),
                };
                Ok(Event::Topology(change, reader.inet()?))
            }
            STATUS => {
                let up = match reader.string()? {
                    "UP" => true,
                    "DOWN" => false,
                    other => return Err(unknown("status change", other)),
                };
                Ok(Event::Status { up, node: reader.inet()? })
            }
            SCHEMA => Ok(Event::Schema(SchemaChange::read(reader)?)),
            other => Err(unknown("event", other)),
        }
    }
}

fn unknown(what: &str, name: &str) -> DecodeError {
    DecodeError::Invalid(format!("unknown {what} '{name}'"))
}

fn topology_name(change: TopologyChange) -> &'static str {
    match change {
        TopologyChange::NewNode => "NEW_NODE",
        TopologyChange::RemovedNode => "REMOVED_NODE",
        TopologyChange::MovedNode => "MOVED_NODE",
    }
}

impl SchemaChange {
    pub(crate) fn put(&self, out: &mut BytesMut) {
        put_string(
            out,
            match self.kind {
                ChangeKind::Created => "CREATED",
                ChangeKind::Updated => "UPDATED",
                ChangeKind::Dropped => "DROPPED",
            },
        );
        let (target, name, arguments) = match &self.target {
            ChangeTarget::Keyspace => ("KEYSPACE", None, None),
            ChangeTarget::Table(name) => ("TABLE", Some(name), None),
            ChangeTarget::Type(name) => ("TYPE", Some(name), None),
            ChangeTarget::Function(name, arguments) => ("FUNCTION", Some(name), Some(arguments)),
            ChangeTarget::Aggregate(name, arguments) => ("AGGREGATE", Some(name), Some(arguments)),
        };
        put_string(out, target);
        put_string(out, &self.keyspace);
        if let Some(name) = name {
            put_string(out, name);
        }
        if let Some(arguments) = arguments {
            put_string_list(out, arguments);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = match reader.string()? {
            "CREATED" => ChangeKind::Created,
            "UPDATED" => ChangeKind::Updated,
            "DROPPED" => ChangeKind::Dropped,
            other => return Err(unknown("schema change", other)),
        };
        let target = reader.string()?;
        let keyspace = reader.string()?.to_owned();
        let mut name = || Ok::<_, DecodeError>(reader.string()?.to_owned());
        let target = match target {
            "KEYSPACE" => ChangeTarget::Keyspace,
            "TABLE" => ChangeTarget::Table(name()?),
            "TYPE" => ChangeTarget::Type(name()?),
            "FUNCTION" => ChangeTarget::Function(name()?, read_list(reader)?),
            "AGGREGATE" => ChangeTarget::Aggregate(name()?, read_list(reader)?),
            other => return Err(unknown("schema change's target", other)),
        };
        Ok(Self { kind, keyspace, target })
    }
}

fn read_list(reader: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    Ok(reader.string_list()?.into_iter().map(str::to_owned).collect())
}
