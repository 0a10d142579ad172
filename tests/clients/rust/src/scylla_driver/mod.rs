//! The `scylla` crate.

mod metadata;
mod values;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::StreamExt;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::pager::QueryPager;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{
    DbError, ExecutionError, NextPageError, NextRowError, PagerExecutionError, PrepareError, RequestAttemptError,
    RequestError,
};
use scylla::frame::Compression;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared;
use scylla::value::{CqlValue, MaybeUnset, Row};
use serde_json::Value;

use crate::driver::{Answer, Driver, Failure, NodeSeen, Page, Routed, Seen, Statement, TableSeen, all};
use crate::form::Bind;
use crate::kind::Kind;
use crate::script::Settings;

const PATIENCE: Duration = Duration::from_secs(60);
const METADATA_INTERVAL: Duration = Duration::from_secs(1);

type Bound = MaybeUnset<Option<CqlValue>>;

/// A session of the driver.
pub struct Scylla {
    session: Arc<Session>,
}

impl Driver for Scylla {
    type Bound = Bound;
    type Read = CqlValue;
    type Prepared = PreparedStatement;

    async fn connect(settings: &Settings) -> Result<Scylla> {
        ensure!(settings.version == 4, "the driver speaks protocol version 4 only");
        let compression = match settings.compression.as_str() {
            "none" => None,
            "lz4" => Some(Compression::Lz4),
            "snappy" => Some(Compression::Snappy),
            other => bail!("the driver has no compression {other}"),
        };
        let profile =
            ExecutionProfile::builder().consistency(Consistency::Quorum).request_timeout(Some(PATIENCE)).build();
        let first = settings.contact_points.first().context("no contact point")?;
        let session = SessionBuilder::new()
            .known_node(first)
            .compression(compression)
            .default_execution_profile_handle(profile.into_handle())
            // After an event it reads the schema again at the next of these turns only; one a minute by default.
            .cluster_metadata_refresh_interval(METADATA_INTERVAL)
            .build()
            .await?;
        Ok(Scylla { session: Arc::new(session) })
    }

    fn bound(kind: &Kind, form: &Value) -> Result<Bound> {
        Ok(match Bind::read(form, |form| values::make(kind, form))? {
            Bind::Unset => MaybeUnset::Unset,
            Bind::Null => MaybeUnset::Set(None),
            Bind::Value(value) => MaybeUnset::Set(Some(value)),
        })
    }

    fn form(kind: &Kind, value: &CqlValue) -> Result<Value> {
        values::form(kind, value)
    }

    async fn run(&self, statement: Statement<'_, Self>, level: Option<&str>) -> Result<Answer<CqlValue>, Failure> {
        let level = level.map(consistency).transpose()?;
        let result = match statement {
            Statement::Simple(cql) => {
                let mut statement = unprepared::Statement::new(cql);
                level.inspect(|level| statement.set_consistency(*level));
                self.session.query_unpaged(statement, ()).await
            }
            Statement::Prepared(prepared, values) => self.session.execute_unpaged(prepared, values).await,
        };
        Ok(answer(result?)?)
    }

    async fn prepare(&self, cql: &str) -> Result<PreparedStatement, Failure> {
        self.session.prepare(cql).await.map_err(of_preparing)
    }

    async fn run_all(&self, prepared: &PreparedStatement, values: Vec<Vec<Bound>>) -> Result<(), Failure> {
        all(values.into_iter().map(|values| {
            let (session, prepared) = (self.session.clone(), prepared.clone());
            async move { Ok(session.execute_unpaged(&prepared, values).await.map(drop)?) }
        }))
        .await
    }

    async fn page(
        &self,
        statement: Statement<'_, Self>,
        page_size: i32,
        from: Option<Vec<u8>>,
    ) -> Result<Page<CqlValue>, Failure> {
        let from = from.map_or_else(PagingState::start, PagingState::new_from_raw_bytes);
        let (result, next) = match statement {
            Statement::Simple(cql) => {
                let statement = unprepared::Statement::new(cql).with_page_size(page_size);
                self.session.query_single_page(statement, (), from).await?
            }
            Statement::Prepared(prepared, values) => {
                let mut prepared = prepared.clone();
                prepared.set_page_size(page_size);
                self.session.execute_single_page(&prepared, values, from).await?
            }
        };
        let next = match next {
            PagingStateResponse::HasMorePages { state } => state.as_bytes_slice().map(|bytes| bytes.to_vec()),
            PagingStateResponse::NoMorePages => None,
        };
        Ok((answer(result)?, next))
    }

    async fn pager(
        &self,
        statement: Statement<'_, Self>,
        page_size: i32,
    ) -> Result<Vec<Vec<Option<CqlValue>>>, Failure> {
        let pager = match statement {
            Statement::Simple(cql) => {
                let statement = unprepared::Statement::new(cql).with_page_size(page_size);
                self.session.query_iter(statement, ()).await
            }
            Statement::Prepared(prepared, values) => {
                let mut prepared = prepared.clone();
                prepared.set_page_size(page_size);
                self.session.execute_iter(prepared, values).await
            }
        };
        all_rows(pager.map_err(of_pager)?).await
    }

    async fn batch(
        &self,
        is_logged: bool,
        timestamp_us: Option<i64>,
        statements: Vec<Statement<'_, Self>>,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new(if is_logged { BatchType::Logged } else { BatchType::Unlogged });
        batch.set_timestamp(timestamp_us);
        let mut all_values = Vec::new();
        for statement in statements {
            match statement {
                Statement::Simple(cql) => {
                    batch.append_statement(cql);
                    all_values.push(vec![]);
                }
                Statement::Prepared(prepared, values) => {
                    batch.append_statement(prepared.clone());
                    all_values.push(values);
                }
            }
        }
        self.session.batch(&batch, all_values).await?;
        Ok(())
    }

    fn nodes(&self) -> Vec<NodeSeen> {
        metadata::nodes(&self.session.get_cluster_state())
    }

    fn replication(&self, keyspace: &str) -> Option<(String, String)> {
        metadata::replication(&self.session.get_cluster_state(), keyspace)
    }

    fn table(&self, keyspace: &str, table: &str) -> Result<TableSeen> {
        metadata::table(&self.session.get_cluster_state(), keyspace, table)
    }

    fn has_seen(&self, what: &Seen<'_>) -> bool {
        metadata::has(&self.session.get_cluster_state(), what)
    }

    fn routed(&self, keyspace: &str, table: &str, insert: &PreparedStatement, key: &[Bound]) -> Result<Routed> {
        let token = insert.calculate_token(&key)?.context("the statement is not routed by token")?;
        let state = self.session.get_cluster_state();
        let replicas = state.get_token_endpoints(keyspace, table, token);
        let replicas = replicas.iter().map(|(node, _)| node.address.ip()).collect();
        Ok(Routed { token: token.value(), replicas })
    }
}

fn consistency(name: &str) -> Result<Consistency> {
    Ok(match name {
        "ONE" => Consistency::One,
        "TWO" => Consistency::Two,
        "THREE" => Consistency::Three,
        "QUORUM" => Consistency::Quorum,
        "ALL" => Consistency::All,
        "LOCAL_ONE" => Consistency::LocalOne,
        "LOCAL_QUORUM" => Consistency::LocalQuorum,
        "EACH_QUORUM" => Consistency::EachQuorum,
        _ => bail!("the level {name} is not known here"),
    })
}

fn answer(result: QueryResult) -> Result<Answer<CqlValue>> {
    if !result.is_rows() {
        return Ok(Answer { columns: vec![], rows: vec![] });
    }
    let result = result.into_rows_result()?;
    let columns = result.column_specs().iter().map(|column| column.name().to_owned()).collect();
    let rows = result.rows::<Row>()?.map(|row| row.map(|row| row.columns)).collect::<Result<_, _>>()?;
    Ok(Answer { columns, rows })
}

async fn all_rows(pager: QueryPager) -> Result<Vec<Vec<Option<CqlValue>>>, Failure> {
    let mut stream = pager.rows_stream::<Row>().map_err(anyhow::Error::from)?;
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        let row = row.map_err(|error| match error {
            NextRowError::NextPageError(NextPageError::RequestFailure(RequestError::LastAttemptError(error))) => {
                of_attempt(error)
            }
            error => Failure::Other(error.into()),
        });
        rows.push(row?.columns);
    }
    Ok(rows)
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Failure {
        match error {
            ExecutionError::LastAttemptError(error) => of_attempt(error),
            ExecutionError::PrepareError(error) => of_preparing(error),
            error => Failure::Other(error.into()),
        }
    }
}

fn of_preparing(error: PrepareError) -> Failure {
    match error {
        PrepareError::AllAttemptsFailed { first_attempt } => of_attempt(first_attempt),
        error => Failure::Other(error.into()),
    }
}

fn of_pager(error: PagerExecutionError) -> Failure {
    match error {
        PagerExecutionError::PrepareError(error) => of_preparing(error),
        PagerExecutionError::NextPageError(NextPageError::RequestFailure(RequestError::LastAttemptError(error))) => {
            of_attempt(error)
        }
        error => Failure::Other(error.into()),
    }
}

fn of_attempt(error: RequestAttemptError) -> Failure {
    let RequestAttemptError::DbError(kind, message) = error else {
        return Failure::Other(error.into());
    };
    let code = match kind {
        DbError::ServerError => 0x0000,
        DbError::ProtocolError => 0x000A,
        DbError::Unavailable { .. } => 0x1000,
        DbError::Overloaded => 0x1001,
        DbError::TruncateError => 0x1003,
        DbError::WriteTimeout { .. } => 0x1100,
        DbError::ReadTimeout { .. } => 0x1200,
        DbError::SyntaxError => 0x2000,
        DbError::Unauthorized => 0x2100,
        DbError::Invalid => 0x2200,
        DbError::ConfigError => 0x2300,
        DbError::AlreadyExists { .. } => 0x2400,
        DbError::Unprepared { .. } => 0x2500,
        other => return Failure::Other(anyhow!("{other}: {message}")),
    };
    Failure::Server { code, message }
}
