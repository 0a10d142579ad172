//! `cdrs-tokio`.

mod metadata;
mod values;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use cdrs_tokio::cluster::session::{SessionBuilder, TcpSessionBuilder};
use cdrs_tokio::cluster::{Murmur3Token, NodeTcpConfigBuilder, TcpConnectionManager};
use cdrs_tokio::compression::Compression;
use cdrs_tokio::consistency::Consistency;
use cdrs_tokio::error::Error;
use cdrs_tokio::frame::message_batch::BatchType;
use cdrs_tokio::frame::message_response::ResponseBody;
use cdrs_tokio::frame::{Envelope, Version};
use cdrs_tokio::load_balancing::TopologyAwareLoadBalancingStrategy;
use cdrs_tokio::query::{BatchQueryBuilder, PreparedQuery, QueryValues};
use cdrs_tokio::statement::{StatementParams, StatementParamsBuilder};
use cdrs_tokio::transport::TransportTcp;
use cdrs_tokio::types::CBytes;
use cdrs_tokio::types::cassandra_type::{CassandraType, wrapper_fn};
use cdrs_tokio::types::value::Value as Bound;
use serde_json::Value;
use tokio::time::timeout;

use crate::driver::{Answer, Driver, Failure, NodeSeen, Page, Routed, Seen, Statement, TableSeen, all};
use crate::form::Bind;
use crate::kind::Kind;
use crate::script::Settings;
use metadata::Events;

const PORT: u16 = 9042;
const PATIENCE: Duration = Duration::from_secs(60);

type Balancing = TopologyAwareLoadBalancingStrategy<TransportTcp, TcpConnectionManager>;
type Session = cdrs_tokio::cluster::session::Session<TransportTcp, TcpConnectionManager, Balancing>;

/// A session of the driver.
pub struct Cdrs {
    session: Arc<Session>,
    events: Events,
}

impl Driver for Cdrs {
    type Bound = Bound;
    type Read = CassandraType;
    type Prepared = Arc<PreparedQuery>;

    async fn connect(settings: &Settings) -> Result<Cdrs> {
        let version = match settings.version {
            4 => Version::V4,
            5 => Version::V5,
            other => bail!("protocol version {other} is not tried"),
        };
        let compression = match settings.compression.as_str() {
            "none" => Compression::None,
            "lz4" => Compression::Lz4,
            "snappy" => Compression::Snappy,
            other => bail!("the driver has no compression {other}"),
        };
        let first = settings.contact_points.first().context("no contact point")?;
        let first: SocketAddr = (first.parse::<std::net::IpAddr>()?, PORT).into();
        let nodes = NodeTcpConfigBuilder::new().with_contact_point(first.into()).with_version(version).build().await?;
        let balancing = TopologyAwareLoadBalancingStrategy::new(None, false);
        let session = TcpSessionBuilder::new(balancing, nodes).with_compression(compression).build();
        let session = timeout(PATIENCE, session).await.context("no session in time")??;
        let events = Events::listen(&session);
        Ok(Cdrs { session: Arc::new(session), events })
    }

    fn bound(kind: &Kind, form: &Value) -> Result<Bound> {
        Ok(match Bind::read(form, |form| values::make(kind, form))? {
            Bind::Unset => Bound::NotSet,
            Bind::Null => Bound::Null,
            Bind::Value(value) => Bound::new(value),
        })
    }

    fn form(kind: &Kind, value: &CassandraType) -> Result<Value> {
        values::form(kind, value)
    }

    async fn run(&self, statement: Statement<'_, Self>, level: Option<&str>) -> Result<Answer<CassandraType>, Failure> {
        let level = level.map(consistency).transpose()?.unwrap_or(Consistency::Quorum);
        let params = StatementParamsBuilder::new().with_consistency(level);
        let (answer, _) = page_of(self.send(statement, params).await?)?;
        Ok(answer)
    }

    async fn prepare(&self, cql: &str) -> Result<Arc<PreparedQuery>, Failure> {
        Ok(Arc::new(in_time(self.session.prepare(cql)).await?))
    }

    async fn run_all(&self, prepared: &Arc<PreparedQuery>, values: Vec<Vec<Bound>>) -> Result<(), Failure> {
        all(values.into_iter().map(|values| {
            let (session, prepared) = (self.session.clone(), prepared.clone());
            let params = quorum().with_values(QueryValues::SimpleValues(values)).build();
            async move { in_time(session.exec_with_params(&prepared, &params)).await.map(drop) }
        }))
        .await
    }

    async fn page(
        &self,
        statement: Statement<'_, Self>,
        page_size: i32,
        from: Option<Vec<u8>>,
    ) -> Result<Page<CassandraType>, Failure> {
        let mut params = quorum().with_page_size(page_size);
        if let Some(from) = from {
            params = params.with_paging_state(CBytes::new(from));
        }
        Ok(page_of(self.send(statement, params).await?)?)
    }

    async fn pager(
        &self,
        statement: Statement<'_, Self>,
        page_size: i32,
    ) -> Result<Vec<Vec<Option<CassandraType>>>, Failure> {
        // Its pagers read prepared statements at ONE, always: so page by page.
        let (mut rows, mut from) = (Vec::new(), None);
        loop {
            let (mut answer, next) = self.page(statement.clone(), page_size, from).await?;
            rows.append(&mut answer.rows);
            from = next;
            if from.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn batch(
        &self,
        is_logged: bool,
        timestamp_us: Option<i64>,
        statements: Vec<Statement<'_, Self>>,
    ) -> Result<(), Failure> {
        let kind = if is_logged { BatchType::Logged } else { BatchType::Unlogged };
        let mut batch = BatchQueryBuilder::new().with_batch_type(kind).with_consistency(Consistency::Quorum);
        if let Some(timestamp_us) = timestamp_us {
            batch = batch.with_timestamp(timestamp_us);
        }
        for statement in statements {
            batch = match statement {
                Statement::Simple(cql) => batch.add_query(cql, QueryValues::SimpleValues(vec![])),
                Statement::Prepared(prepared, values) => {
                    batch.add_query_prepared(prepared, QueryValues::SimpleValues(values))
                }
            };
        }
        let batch = batch.build().map_err(failure)?;
        in_time(self.session.batch(batch)).await.map(drop)
    }

    fn nodes(&self) -> Vec<NodeSeen> {
        metadata::nodes(&self.session)
    }

    fn replication(&self, keyspace: &str) -> Option<(String, String)> {
        metadata::replication(&self.session, keyspace)
    }

    fn table(&self, _: &str, _: &str) -> Result<TableSeen> {
        bail!("the driver keeps no metadata of tables")
    }

    fn has_seen(&self, what: &Seen<'_>) -> bool {
        match what.table {
            Some(_) => self.events.have_shown(what),
            None => self.session.cluster_metadata().keyspace(what.keyspace).is_some(),
        }
    }

    fn routed(&self, keyspace: &str, _: &str, _: &Arc<PreparedQuery>, key: &[Bound]) -> Result<Routed> {
        let key = values::routing_key(key)?;
        let replicas = metadata::replicas(&self.session, keyspace, &key)?;
        Ok(Routed { token: Murmur3Token::generate(&key).value, replicas })
    }
}

impl Cdrs {
    async fn send(
        &self,
        statement: Statement<'_, Self>,
        params: StatementParamsBuilder,
    ) -> Result<ResponseBody, Failure> {
        let envelope = match statement {
            Statement::Simple(cql) => in_time(self.session.query_with_params(cql, params.build())).await?,
            Statement::Prepared(prepared, values) => {
                let params: StatementParams = params.with_values(QueryValues::SimpleValues(values)).build();
                in_time(self.session.exec_with_params(prepared, &params)).await?
            }
        };
        body(&envelope)
    }
}

fn quorum() -> StatementParamsBuilder {
    StatementParamsBuilder::new().with_consistency(Consistency::Quorum)
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

/// The driver has no timeout of its own.
async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match timeout(PATIENCE, call).await {
        Ok(outcome) => outcome.map_err(failure),
        Err(_) => Err(Failure::Other(anyhow!("no answer in {PATIENCE:?}"))),
    }
}

fn body(envelope: &Envelope) -> Result<ResponseBody, Failure> {
    envelope.response_body().map_err(failure)
}

fn page_of(body: ResponseBody) -> Result<Page<CassandraType>> {
    let Some(result) = body.as_cols() else {
        return Ok((Answer { columns: vec![], rows: vec![] }, None));
    };
    let specs = &result.metadata.col_specs;
    let columns = specs.iter().map(|spec| spec.name.clone()).collect();
    let row = |row: &Vec<CBytes>| {
        let value = |(bytes, spec): (&CBytes, &cdrs_tokio::frame::message_result::ColSpec)| {
            let read = wrapper_fn(&spec.col_type.id);
            match read(bytes, &spec.col_type, result.protocol_version)? {
                CassandraType::Null => Ok(None),
                value => Ok(Some(value)),
            }
        };
        row.iter().zip(specs).map(value).collect::<Result<Vec<_>>>()
    };
    let rows = result.rows_content.iter().map(row).collect::<Result<_>>()?;
    let next = result.metadata.paging_state.clone().and_then(CBytes::into_bytes);
    Ok((Answer { columns, rows }, next))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Server { body, .. } => Failure::Server { code: body.ty.to_error_code(), message: body.message },
        error => Failure::Other(error.into()),
    }
}
