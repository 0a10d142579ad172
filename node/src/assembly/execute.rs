//! From a client's request to an operation under way.

use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::ast::{BatchKind, Describe, Statement};
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::error::CqlError;

use super::asked::Asked;
use super::client::{
    BatchStatement, ClientRequest, ClientResponse, ClientTicket, Descriptions, Parameters, RowsMetadata, Session,
    StatementId,
};
use super::figures::OperationKind;
use super::prepared::{Entry, metadata_id, statement_id};
use super::shard::Operation;
use super::turn::Turn;
use super::{Node, View};
use crate::coordinate::Order;
use crate::plan::{self, BindContext, BoundValue, BoundValues, Operation as Planned, Page, Prepared};
use crate::schema::describe::{self, ClusterDescription};
use crate::system::{PARTITIONER, SNITCH};

/// Longest statement text in bytes, those of a batch together; a longer one is refused before it is parsed.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// Most statements in one protocol batch (the protocol's own count is 16 bits).
const BATCH_STATEMENTS_MAX: usize = 65_535;

impl Node {
    /// A client asks. The answer goes to `ticket`, now or later, exactly once.
    pub fn on_client_request(&self, ticket: ClientTicket, session: &Session, request: ClientRequest) {
        let mut asked = Asked::new(ticket, &request, self.now().us);
        let Some(view) = self.view() else {
            return self.fail(asked, CqlError::IsBootstrapping("This node is still joining the cluster".into()));
        };
        if let Err(error) = self.dispatch(&view, &mut asked, session, request) {
            self.fail(asked, error);
        }
    }

    fn dispatch(
        &self,
        view: &Arc<View>,
        asked: &mut Asked,
        session: &Session,
        request: ClientRequest,
    ) -> Result<(), CqlError> {
        if let Some(stamp) = request.stamp() {
            self.follow(stamp)?;
        }
        match request {
            ClientRequest::Query { text, parameters } => {
                let keyspace = parameters.keyspace.clone().or_else(|| session.keyspace());
                let prepared = prepare(view, keyspace.as_deref(), &text)?;
                self.run(view, asked, session, &prepared, parameters)
            }
            ClientRequest::Prepare { text, keyspace } => {
                let keyspace = keyspace.or_else(|| session.keyspace());
                let (id, Entry { prepared, metadata_id, .. }) = self.prepare_and_keep(view, keyspace, &text, None)?;
                self.respond(asked.take(), ClientResponse::Prepared { id, metadata_id, prepared });
                Ok(())
            }
            ClientRequest::Execute { id, metadata_id, mut parameters } => {
                let entry = self.prepared(view, &id)?;
                parameters.descriptions = match metadata_id {
                    Some(known) if *known != entry.metadata_id[..] => Descriptions::Changed(entry.metadata_id),
                    None if !entry.columns_are_known() => Descriptions::Full,
                    _ => parameters.descriptions,
                };
                self.run(view, asked, session, &entry.prepared, parameters)
            }
            ClientRequest::Batch { kind, statements, parameters } => {
                self.run_batch(view, asked, session, kind, statements, &parameters)
            }
        }
    }

    /// Prepares a statement and keeps it. `before`: the same as it was until the schema changed.
    fn prepare_and_keep(
        &self,
        view: &View,
        keyspace: Option<Arc<str>>,
        text: &str,
        before: Option<&Entry>,
    ) -> Result<(StatementId, Entry), CqlError> {
        let (keyspace, prepared) = prepare_qualified(view, keyspace, text)?;
        let id = statement_id(keyspace.as_deref(), text);
        let has_new_columns = before.is_some_and(|b| b.has_new_columns || b.prepared.columns != prepared.columns);
        let metadata_id = metadata_id(&prepared);
        let (text, prepared, position) = (Arc::from(text), Arc::new(prepared), view.metadata.position);
        let entry = Entry { keyspace, text, prepared, metadata_id, position, has_new_columns };
        self.prepared.put(id, entry.clone())?;
        Ok((id, entry))
    }

    /// A prepared statement by id, prepared anew if the schema has changed since.
    fn prepared(&self, view: &View, id: &Bytes) -> Result<Entry, CqlError> {
        let entry = self.prepared.get(id).ok_or_else(|| CqlError::unprepared(id.clone()))?;
        if entry.position == view.metadata.position {
            return Ok(entry);
        }
        let (_, entry) = self.prepare_and_keep(view, entry.keyspace.clone(), &entry.text, Some(&entry))?;
        Ok(entry)
    }

    /// `writes`: the statement is given a stamp, which this node has to have a good clock for.
    fn bind_context(&self, parameters: &Parameters, writes: bool) -> Result<BindContext, CqlError> {
        let now_us = self.outside.wall_us();
        let stamp = if writes { self.issue_stamp()? } else { 0 };
        Ok(BindContext {
            now_us,
            now_s: parameters.now_s.unwrap_or_else(|| now_us.div_euclid(1_000_000)),
            client_timestamp_us: parameters.timestamp_us,
            stamp,
            entropy: (u128::from(self.outside.random()) << 64) | u128::from(self.outside.random()),
            page_size: parameters.page_size,
            paging_state: parameters.paging_state.clone(),
        })
    }

    fn run(
        &self,
        view: &Arc<View>,
        asked: &mut Asked,
        session: &Session,
        prepared: &Prepared,
        mut parameters: Parameters,
    ) -> Result<(), CqlError> {
        asked.operation = OperationKind::expected(prepared);
        let context = self.bind_context(&parameters, prepared.writes())?;
        let values = std::mem::replace(&mut parameters.values, BoundValues::NONE);
        let planned = prepared.bind(values, &context)?;
        asked.operation = OperationKind::of(&planned, prepared.is_batch());
        if let Planned::Other(statement) = &planned
            && let Statement::Describe(wanted) = &**statement
        {
            let description = describe(view, session.keyspace().as_deref(), wanted)?;
            self.respond(asked.take(), description);
            return Ok(());
        }
        let asked = asked.take();
        match planned {
            Planned::Write(write) => self.run_write(view, asked, write, parameters.consistency),
            Planned::ReadThenWrite(pending) => self.run_read_then_write(view, asked, pending, parameters.consistency),
            Planned::Read(read) => {
                self.run_read(view, asked, *read, parameters.consistency, parameters.descriptions);
            }
            Planned::Use(keyspace) => {
                session.set_keyspace(&keyspace);
                self.respond(asked, ClientResponse::SetKeyspace(keyspace));
            }
            Planned::Truncate { statement, .. } | Planned::Other(statement) => {
                self.run_schema(view, asked, session.keyspace(), statement);
            }
        }
        Ok(())
    }

    fn run_batch(
        &self,
        view: &Arc<View>,
        asked: &mut Asked,
        session: &Session,
        kind: BatchKind,
        statements: Vec<(BatchStatement, Vec<BoundValue>)>,
        parameters: &Parameters,
    ) -> Result<(), CqlError> {
        if statements.len() > BATCH_STATEMENTS_MAX {
            return Err(CqlError::invalid("too many statements in one batch"));
        }
        let keyspace = parameters.keyspace.clone().or_else(|| session.keyspace());
        let mut parts = Vec::with_capacity(statements.len());
        let mut text_bytes = 0;
        for (statement, values) in statements {
            let prepared = match statement {
                BatchStatement::Text(text) if text_bytes + text.len() > STATEMENT_BYTES_MAX => {
                    return Err(CqlError::Invalid(format!(
                        "the statements of the batch have more than {STATEMENT_BYTES_MAX} bytes; prepare them"
                    )));
                }
                BatchStatement::Text(text) => {
                    text_bytes += text.len();
                    Arc::new(prepare(view, keyspace.as_deref(), &text)?)
                }
                BatchStatement::Prepared(id) => self.prepared(view, &id)?.prepared,
            };
            parts.push((prepared, values));
        }
        let context = self.bind_context(parameters, true)?;
        let parts = parts.iter().map(|(prepared, values)| (&**prepared, values.clone())).collect();
        match plan::bind_batch(kind, parts, &context)? {
            Planned::Write(write) => self.run_write(view, asked.take(), write, parameters.consistency),
            Planned::ReadThenWrite(pending) => {
                self.run_read_then_write(view, asked.take(), pending, parameters.consistency);
            }
            other => return Err(CqlError::Server(format!("a batch came to {other:?}"))),
        }
        Ok(())
    }

    /// Takes an operation in and sends its orders. An operation comes back if there are too many.
    #[allow(clippy::result_large_err, reason = "it goes straight back to whoever answers it")]
    pub(super) fn start_operation(&self, operation: Operation, orders: Vec<Order>) -> Result<(), Operation> {
        let shard = self.pick_shard();
        let (id, at_ms) = {
            let mut shard = self.shards[shard].lock();
            if shard.operation_count() >= self.config.operations_per_shard_max {
                return Err(operation);
            }
            shard.insert(operation)
        };
        self.outside.wake_at(shard, at_ms);
        let mut turn = Turn::default();
        self.carry_out(id, orders, &mut turn);
        self.finish(turn);
        Ok(())
    }

    pub(super) fn pick_shard(&self) -> usize {
        let next = self.next_shard.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (next % self.shards.len() as u64) as usize
    }
}

/// Prepares a statement. The keyspace comes back if the statement depends on it: one that names its keyspace itself
/// is the same, and has the same id, whatever keyspace is used.
fn prepare_qualified(
    view: &View,
    keyspace: Option<Arc<str>>,
    text: &str,
) -> Result<(Option<Arc<str>>, Prepared), CqlError> {
    if keyspace.is_some()
        && let Ok(prepared) = prepare(view, None, text)
        && prepared.table.is_some()
    {
        return Ok((None, prepared));
    }
    let prepared = prepare(view, keyspace.as_deref(), text)?;
    Ok((keyspace, prepared))
}

fn prepare(view: &View, keyspace: Option<&str>, text: &str) -> Result<Prepared, CqlError> {
    if text.len() > STATEMENT_BYTES_MAX {
        return Err(CqlError::Invalid(format!(
            "the statement has {} bytes; at most {STATEMENT_BYTES_MAX} are allowed",
            text.len()
        )));
    }
    let parsed = parse_statement(text).map_err(|error| CqlError::Syntax(error.to_string()))?;
    plan::prepare(view.schema(), keyspace, parsed)
}

fn describe(view: &View, keyspace: Option<&str>, wanted: &Describe) -> Result<ClientResponse, CqlError> {
    let cluster =
        ClusterDescription { cluster_name: &view.metadata.cluster_name, partitioner: PARTITIONER, snitch: SNITCH };
    let described = describe::describe(view.schema(), keyspace, wanted, &cluster)?;
    let cells = described.rows.into_iter().flatten().map(|text| Some(Bytes::from(text))).collect();
    let page = Page { width: described.columns.len(), cells, paging_state: None };
    Ok(ClientResponse::Rows { metadata: RowsMetadata::Text(described.columns), page, descriptions: Descriptions::Full })
}
