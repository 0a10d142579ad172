//! What a driver does for the script.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::kind::Kind;
use crate::script::Settings;

/// A failed call of a driver.
#[derive(Debug)]
pub enum Failure {
    /// The server's answer is an error with this code.
    Server {
        /// The code.
        code: i32,
        /// What the driver says about it.
        message: String,
    },
    /// Anything else.
    Other(anyhow::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Server { code, message } => write!(out, "error {code:#06x}: {message}"),
            Failure::Other(error) => write!(out, "{error:#}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Other(error)
    }
}

/// Columns and rows of an answer, rows as the driver gives values.
pub struct Answer<T> {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows; `None` is null.
    pub rows: Vec<Vec<Option<T>>>,
}

/// A statement, with its values if it is prepared.
pub enum Statement<'a, D: Driver> {
    /// Its text; no values.
    Simple(&'a str),
    /// Prepared, with values.
    Prepared(&'a D::Prepared, Vec<D::Bound>),
}

impl<D: Driver> Clone for Statement<'_, D> {
    fn clone(&self) -> Self {
        match self {
            Self::Simple(cql) => Self::Simple(cql),
            Self::Prepared(prepared, values) => Self::Prepared(prepared, values.clone()),
        }
    }
}

/// A node in the driver's metadata.
pub struct NodeSeen {
    /// Its address.
    pub address: IpAddr,
    /// Whether it has a data centre.
    pub has_datacenter: bool,
    /// Whether it is up, where the driver says.
    pub is_up: bool,
}

/// A table in the driver's metadata.
#[derive(Debug, PartialEq, Eq)]
pub struct TableSeen {
    /// Names.
    pub partition_key: Vec<String>,
    /// Names: neither driver keeps the order.
    pub clustering_key: Vec<String>,
    /// Names.
    pub static_columns: Vec<String>,
    /// Name and type, by name.
    pub columns: Vec<(String, String)>,
}

/// What is to be seen by the second client.
pub struct Seen<'a> {
    /// In this keyspace.
    pub keyspace: &'a str,
    /// This table; the keyspace itself if there is none.
    pub table: Option<&'a str>,
    /// This column of the table.
    pub column: Option<&'a str>,
}

/// The token of a key and the nodes that have it, as the driver sees it.
pub struct Routed {
    /// The token.
    pub token: i64,
    /// The replicas.
    pub replicas: Vec<IpAddr>,
}

/// A page and where the next one begins.
pub type Page<T> = (Answer<T>, Option<Vec<u8>>);

/// Requests at a time where there are many to do.
const CONCURRENCY: usize = 64;

/// Carries out many requests, some at a time; ends at the first that fails.
pub async fn all<R>(requests: impl Iterator<Item = R>) -> Result<(), Failure>
where
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    for request in requests {
        if under_way.len() >= CONCURRENCY {
            finish(&mut under_way).await?;
        }
        under_way.spawn(request);
    }
    while !under_way.is_empty() {
        finish(&mut under_way).await?;
    }
    Ok(())
}

async fn finish(under_way: &mut JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    match under_way.join_next().await {
        Some(ended) => ended.map_err(anyhow::Error::from)?,
        None => Ok(()),
    }
}

/// A driver's session.
pub trait Driver: Sized {
    /// A value to bind: null and unset are among them.
    type Bound: Clone;
    /// A value that was read, not null.
    type Read;
    /// A prepared statement.
    type Prepared: Clone;

    /// Connects to the first contact point as the settings say.
    async fn connect(settings: &Settings) -> Result<Self>;
    /// The driver's value of a form.
    fn bound(kind: &Kind, form: &Value) -> Result<Self::Bound>;
    /// What a value read becomes to be compared ([`crate::form::comparable`]).
    fn form(kind: &Kind, value: &Self::Read) -> Result<Value>;
    /// Runs a statement; `level` other than QUORUM if it is given.
    async fn run(&self, statement: Statement<'_, Self>, level: Option<&str>) -> Result<Answer<Self::Read>, Failure>;
    /// Prepares.
    async fn prepare(&self, cql: &str) -> Result<Self::Prepared, Failure>;
    /// Runs a prepared statement with each of the values, many at a time.
    async fn run_all(&self, prepared: &Self::Prepared, values: Vec<Vec<Self::Bound>>) -> Result<(), Failure>;
    /// One page, from where an earlier one ended.
    async fn page(
        &self,
        statement: Statement<'_, Self>,
        page_size: i32,
        from: Option<Vec<u8>>,
    ) -> Result<Page<Self::Read>, Failure>;
    /// All rows as the driver's own pager gives them, if it has one for statements like this.
    async fn pager(
        &self,
        statement: Statement<'_, Self>,
        page_size: i32,
    ) -> Result<Vec<Vec<Option<Self::Read>>>, Failure>;
    /// A batch, with its own timestamp if one is given.
    async fn batch(
        &self,
        is_logged: bool,
        timestamp_us: Option<i64>,
        statements: Vec<Statement<'_, Self>>,
    ) -> Result<(), Failure>;

    /// The nodes of the metadata.
    fn nodes(&self) -> Vec<NodeSeen>;
    /// Class and factor of a keyspace's replication.
    fn replication(&self, keyspace: &str) -> Option<(String, String)>;
    /// A table of the metadata.
    fn table(&self, keyspace: &str, table: &str) -> Result<TableSeen>;
    /// What the metadata, or else the events, have shown up to now.
    fn has_seen(&self, what: &Seen<'_>) -> bool;
    /// Token and replicas of the key that these values of a statement make; the values are the key's, in its order.
    fn routed(&self, keyspace: &str, table: &str, insert: &Self::Prepared, key: &[Self::Bound]) -> Result<Routed>;
}
