//! What a session can be asked: statements as text, prepared ones, batches.

use std::sync::PoisonError;

use starling_cql_lite::protocol::client::{Response, ResponseFrame};
use starling_cql_lite::protocol::request::{self, BatchQuery, BatchStatement, QueryParameters};
use starling_cql_lite::protocol::{CqlError, Request};
use starling_cql_lite::value::Value;
use starling_ring::Token;

use crate::ask::{Asked, Limits, Unanswered, ask, ask_one};
use crate::control::read_cluster;
use crate::options::{QueryOptions, Settings};
use crate::pages::Pages;
use crate::result::QueryResult;
use crate::statement::{Batch, BatchItem, Bound, Preparation, PreparedStatement, is_read};
use crate::{DriverError, Session};

/// Prepared statements kept by their text; with more, all are forgotten and prepared again when needed.
const PREPARED_MAX: usize = 4_096;

/// How often a statement is prepared again before giving up: its table is being altered all the time.
const PREPARE_TRIES: u32 = 4;

impl Session {
    /// Runs a statement given as text. With values it is prepared first, since only the server knows their types.
    ///
    /// # Errors
    /// What the server answers; or what became of the request, see [`DriverError`].
    pub async fn query(&self, cql: &str, values: &[Value], options: &QueryOptions) -> Result<QueryResult, DriverError> {
        if !values.is_empty() {
            let statement = self.prepare(cql).await?;
            return self.execute(&statement, values, options).await;
        }
        let settings = options.or(&self.inner.defaults);
        let limits = Limits::new(settings.timeout_ms, settings.idempotent || is_read(cql));
        let request = Request::Query { query: cql, parameters: parameters(&settings, &[]) };
        let (asked, frame) = self.ask(&request, None, limits).await?;
        self.finish(&asked, frame).await
    }

    /// The rows of a statement given as text, page by page.
    pub fn query_pages(&self, cql: &str, values: &[Value], options: &QueryOptions) -> Pages {
        Pages::of_text(self.clone(), cql, values, options)
    }

    /// Prepares a statement, unless it is already.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn prepare(&self, cql: &str) -> Result<PreparedStatement, DriverError> {
        // The same text means something else in another keyspace.
        let key = format!("{}\0{cql}", self.inner.keyspace().as_deref().unwrap_or_default());
        let known = self.inner.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let limits = Limits::new(self.settings().timeout_ms, true);
        let (_, frame) = self.ask(&Request::Prepare { query: cql, keyspace: None }, None, limits).await?;
        let statement = PreparedStatement::new(cql, preparation(frame)?);
        let mut prepared = self.inner.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if prepared.len() >= PREPARED_MAX {
            prepared.clear();
        }
        prepared.insert(key, statement.clone());
        Ok(statement)
    }

    /// Runs a prepared statement, on a replica of its partition if its values name one.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn execute(
        &self,
        statement: &PreparedStatement,
        values: &[Value],
        options: &QueryOptions,
    ) -> Result<QueryResult, DriverError> {
        let settings = options.or(&self.inner.defaults);
        let limits = Limits::new(settings.timeout_ms, settings.idempotent || statement.is_read());
        let mut prepared = statement.preparation();
        let mut at: Option<Asked> = None;
        for _ in 0..PREPARE_TRIES {
            let bound = prepared.bind(values)?;
            let parameters = parameters(&settings, &bound);
            let request = Request::Execute { id: &prepared.id, result_metadata_id: &[], parameters };
            let (asked, frame) = self.ask_at(at, &request, prepared.route(&bound), limits).await?;
            if !matches!(frame.response, Response::Error(CqlError::Unprepared { .. })) {
                return self.finish(&asked, frame).await;
            }
            prepared = self.prepare_at(&asked, statement, limits).await?;
            at = Some(asked);
        }
        Err(DriverError::Protocol("the statement is forgotten as soon as it is prepared".to_owned()))
    }

    /// The rows of a prepared statement, page by page.
    pub fn execute_pages(&self, statement: &PreparedStatement, values: &[Value], options: &QueryOptions) -> Pages {
        Pages::of_prepared(self.clone(), statement, values, options)
    }

    /// Runs a batch, on a replica of the partition of its first prepared statement.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn batch(&self, batch: &Batch, options: &QueryOptions) -> Result<QueryResult, DriverError> {
        let settings = options.or(&self.inner.defaults);
        let limits = Limits::new(settings.timeout_ms, settings.idempotent);
        let mut at: Option<Asked> = None;
        for _ in 0..PREPARE_TRIES {
            let bound = batch.items.iter().map(bind_item).collect::<Result<Vec<_>, _>>()?;
            let route = bound.iter().find_map(|item| item.0.as_ref()?.route(&item.1));
            let statements = batch.items.iter().zip(&bound).map(|(item, (preparation, values))| BatchStatement {
                query: match (item, preparation) {
                    (_, Some(preparation)) => BatchQuery::Prepared(&preparation.id),
                    (BatchItem::Text(cql), None) => BatchQuery::Text(cql),
                    (BatchItem::Prepared(statement, _), None) => BatchQuery::Text(statement.cql()),
                },
                values: values.iter().map(Bound::as_wire).collect(),
            });
            let request = Request::Batch(request::Batch {
                kind: batch.kind,
                statements: statements.collect(),
                consistency: settings.consistency,
                serial_consistency: settings.serial_consistency,
                timestamp_us: settings.timestamp_us,
                keyspace: None,
                now_s: None,
            });
            let (asked, frame) = self.ask_at(at, &request, route, limits).await?;
            if !matches!(frame.response, Response::Error(CqlError::Unprepared { .. })) {
                return self.finish(&asked, frame).await;
            }
            for item in &batch.items {
                if let BatchItem::Prepared(statement, _) = item {
                    self.prepare_at(&asked, statement, limits).await?;
                }
            }
            at = Some(asked);
        }
        Err(DriverError::Protocol("the statements are forgotten as soon as they are prepared".to_owned()))
    }

    fn settings(&self) -> Settings {
        QueryOptions::default().or(&self.inner.defaults)
    }

    async fn ask(
        &self,
        request: &Request<'_>,
        route: Option<(&str, Token)>,
        limits: Limits,
    ) -> Result<(Asked, ResponseFrame), DriverError> {
        ask(&self.inner, request, route, limits).await
    }

    /// Asks one host if it is given, else whoever is best.
    async fn ask_at(
        &self,
        at: Option<Asked>,
        request: &Request<'_>,
        route: Option<(&str, Token)>,
        limits: Limits,
    ) -> Result<(Asked, ResponseFrame), DriverError> {
        if let Some(asked) = at {
            match ask_one(&self.inner, &asked, request, limits).await {
                Ok(frame) => return Ok((asked, frame)),
                Err(Unanswered::Stop(error)) => return Err(error),
                Err(Unanswered::GoOn(_)) => {}
            }
        }
        self.ask(request, route, limits).await
    }

    /// Prepares a statement on one host that does not know it.
    async fn prepare_at(
        &self,
        asked: &Asked,
        statement: &PreparedStatement,
        limits: Limits,
    ) -> Result<Preparation, DriverError> {
        let request = Request::Prepare { query: statement.cql(), keyspace: None };
        let (_, frame) = self.ask_at(Some(asked.clone()), &request, None, limits).await?;
        let preparation = preparation(frame)?;
        statement.set_preparation(preparation.clone());
        Ok(preparation)
    }

    /// Turns an answer into a result, and follows what it changed.
    async fn finish(&self, asked: &Asked, frame: ResponseFrame) -> Result<QueryResult, DriverError> {
        let warnings = frame.warnings;
        match frame.response {
            Response::Rows(rows) => return QueryResult::of_rows(rows, warnings),
            Response::Void => {}
            Response::Error(error) => return Err(error.into()),
            Response::SetKeyspace(keyspace) => {
                asked.connection.note_keyspace(&keyspace);
                *self.inner.keyspace.write().unwrap_or_else(PoisonError::into_inner) = Some(keyspace.into());
            }
            Response::SchemaChange(_) => {
                self.await_agreement(asked).await;
                // A new keyspace is routed by from the next request on. If it cannot be read now, an event will say so.
                if let Ok(cluster) = read_cluster(&asked.connection, asked.host).await {
                    self.inner.set_cluster(cluster);
                }
            }
            _ => {
                return Err(DriverError::Protocol("a statement was answered by something else".to_owned()));
            }
        }
        Ok(QueryResult { warnings, ..QueryResult::default() })
    }
}

fn preparation(frame: ResponseFrame) -> Result<Preparation, DriverError> {
    match frame.response {
        Response::Prepared(prepared) => Ok(prepared.into()),
        Response::Error(error) => Err(error.into()),
        _ => Err(DriverError::Protocol("PREPARE was not answered by Prepared".to_owned())),
    }
}

fn bind_item(item: &BatchItem) -> Result<(Option<Preparation>, Vec<Bound>), DriverError> {
    match item {
        BatchItem::Text(_) => Ok((None, Vec::new())),
        BatchItem::Prepared(statement, values) => {
            let preparation = statement.preparation();
            let bound = preparation.bind(values)?;
            Ok((Some(preparation), bound))
        }
    }
}

fn parameters<'a>(settings: &'a Settings, values: &'a [Bound]) -> QueryParameters<'a> {
    QueryParameters {
        values: values.iter().map(Bound::as_wire).collect(),
        page_size: Some(i32::try_from(settings.page_size).unwrap_or(i32::MAX)),
        paging_state: settings.paging_state.as_deref(),
        serial_consistency: settings.serial_consistency,
        timestamp_us: settings.timestamp_us,
        ..QueryParameters::new(settings.consistency)
    }
}
