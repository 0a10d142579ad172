//! Schema statements of clients: asked of the log, answered when every live node has adopted the change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use starling_cql_lite::ast::{QualifiedName, Statement};
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::ConsistencyLevel;
use uuid::Uuid;

use super::asked::Asked;
use super::client::ClientResponse;
use super::{Node, View};
use crate::cluster::{ChangeError, ChangeRequest, Metadata};
use crate::schema::change::{self, ChangeContext, SchemaEffect};

/// A client that waits for a schema change.
pub(super) struct PendingChange {
    asked: Asked,
    /// What the change turned out to be when it was last computed, and what is to be warned of.
    effect: Arc<Mutex<(SchemaEffect, Vec<String>)>>,
}

impl Node {
    pub(super) fn run_schema(&self, view: &View, asked: Asked, keyspace: Option<Arc<str>>, statement: Arc<Statement>) {
        let number = self.next_change.fetch_add(1, Ordering::Relaxed);
        let new_uuid = random_uuid(self.outside.random(), self.outside.random());
        let effect = Arc::new(Mutex::new((SchemaEffect::Nothing, Vec::new())));
        let slot = effect.clone();
        let datacenters: BTreeMap<String, usize> =
            view.topology().datacenters().iter().map(|d| (d.name.clone(), d.members.len())).collect();
        let summary = summary(&statement, keyspace.as_deref());
        let is_truncation = matches!(*statement, Statement::Truncate(_));
        let request = ChangeRequest::schema(&summary, move |metadata: &Metadata| {
            let context = ChangeContext { new_uuid, datacenters: &datacenters };
            let outcome = change::apply(&metadata.schema, keyspace.as_deref(), &statement, &context)?;
            let changed = outcome.effect != SchemaEffect::Nothing;
            *slot.lock() = (outcome.effect, outcome.warnings);
            Ok(changed.then_some(outcome.schema))
        });
        let request = if is_truncation { request.with_all() } else { request };
        self.changes.lock().insert(number, PendingChange { asked, effect });
        self.with_cluster(|cluster, now_ms| cluster.request_change(now_ms, number, request));
    }

    pub(super) fn on_change_done(&self, number: u64, outcome: Result<Arc<Metadata>, ChangeError>) {
        if let Some(listener) = self.listeners.lock().remove(&number) {
            return listener(outcome);
        }
        let Some(pending) = self.changes.lock().remove(&number) else {
            return;
        };
        let (effect, warnings) = std::mem::replace(&mut *pending.effect.lock(), (SchemaEffect::Nothing, Vec::new()));
        let response = match (outcome, effect) {
            (Ok(_), SchemaEffect::Changed(change)) => ClientResponse::SchemaChange(change),
            (Ok(_), SchemaEffect::Nothing | SchemaEffect::Truncated { .. }) => ClientResponse::Void,
            (Err(error), _) => ClientResponse::Error(refusal(error)),
        };
        let warnings = if matches!(response, ClientResponse::Error(_)) { Vec::new() } else { warnings };
        self.respond(pending.asked, response.with_warnings(warnings));
    }
}

/// What a statement does, for whoever reads the log.
fn summary(statement: &Statement, keyspace: Option<&str>) -> String {
    let table = |name: &QualifiedName| {
        let keyspace = name.keyspace.as_ref().map(|given| given.name.as_str()).or(keyspace);
        keyspace.map_or_else(|| name.name.name.clone(), |keyspace| format!("{keyspace}.{}", name.name.name))
    };
    let name = match statement {
        Statement::CreateKeyspace(statement) => statement.name.name.clone(),
        Statement::AlterKeyspace(statement) => statement.name.name.clone(),
        Statement::DropKeyspace(statement) => statement.name.name.clone(),
        Statement::CreateTable(statement) => table(&statement.name),
        Statement::AlterTable(statement) => table(&statement.name),
        Statement::DropTable(statement) => table(&statement.name),
        Statement::Truncate(name) => table(name),
        _ => String::new(),
    };
    format!("{} {name}", statement.name())
}

fn refusal(error: ChangeError) -> CqlError {
    match error {
        ChangeError::Invalid(error) => error,
        ChangeError::NotAll { required, alive, away } => CqlError::Unavailable {
            message: format!(
                "A table can be truncated only while all nodes can be reached, and {away} cannot; nothing was changed"
            ),
            consistency: ConsistencyLevel::All,
            required: required as u32,
            alive: alive as u32,
        },
        ChangeError::Unconfirmed { away } => CqlError::Truncate(format!(
            "The table is truncated, but {away} did not confirm it in time: until that node learns of it, it may still \
             show what was there, and acknowledge writes that it will then drop"
        )),
        ChangeError::NoMajority { required, alive, away } => CqlError::Unavailable {
            message: format!(
                "A schema change needs {required} of the nodes that decide about it, and only {alive} can be reached \
                 ({away} cannot); nothing was changed"
            ),
            consistency: ConsistencyLevel::Serial,
            required: required as u32,
            alive: alive as u32,
        },
        ChangeError::Later(reason) => {
            CqlError::Server(format!("The schema cannot be changed now: {reason}; nothing was changed, try again"))
        }
        ChangeError::Unknown { required } => CqlError::CasWriteUnknown {
            message:
                "The schema change was proposed and its outcome could not be learnt in time: it is made on all nodes \
                      or on none"
                    .into(),
            consistency: ConsistencyLevel::Serial,
            received: 0,
            block_for: required as u32,
        },
        ChangeError::Conflict => CqlError::Server(
            "Other changes of schema or membership kept coming in between; nothing was changed, try again".into(),
        ),
        ChangeError::Overloaded => {
            CqlError::Overloaded("Too many schema changes wait already; nothing was changed".into())
        }
    }
}

/// A random (version 4) UUID from two draws.
pub(super) fn random_uuid(high: u64, low: u64) -> Uuid {
    uuid::Builder::from_random_bytes(((u128::from(high) << 64) | u128::from(low)).to_be_bytes()).into_uuid()
}
