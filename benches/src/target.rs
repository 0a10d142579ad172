//! The servers: the driver's session, the schema, prepared statements, and operations on them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryResult;
use scylla::statement::prepared::PreparedStatement;

use crate::args::{BenchArgs, Mix};
use crate::keys::{self, KeyChooser};
use crate::outcome::Kind;

/// The keyspace that this harness keeps to.
pub const KEYSPACE: &str = "starling_bench";

/// Values are windows into this many random bytes.
const POOL_BYTES: usize = 64 << 10;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a row of `points`.
    Write {
        /// Its key.
        key: u64,
    },
    /// Reads a row of `points`.
    Read {
        /// Its key.
        key: u64,
    },
    /// Writes a row of `series`.
    WriteSeries {
        /// Its partition.
        key: u64,
        /// Its place there.
        position: u32,
    },
    /// Reads consecutive rows of a partition of `series`.
    Slice {
        /// The partition.
        key: u64,
        /// The first row's place.
        position: u32,
    },
}

impl Operation {
    /// What it counts as.
    pub fn kind(self) -> Kind {
        match self {
            Operation::Write { .. } | Operation::WriteSeries { .. } => Kind::Write,
            Operation::Read { .. } => Kind::Read,
            Operation::Slice { .. } => Kind::Slice,
        }
    }
}

/// Whether an operation found what was there to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It did.
    All,
    /// Rows are missing.
    TooLittle,
}

/// A table to fill before the run.
#[derive(Clone, Copy, Debug)]
pub struct TableLoad {
    /// Its name.
    pub name: &'static str,
    /// Its rows.
    pub rows: u64,
    partition_rows: Option<u32>,
}

impl TableLoad {
    /// The write of row number `index`.
    pub fn row(self, index: u64) -> Operation {
        match self.partition_rows {
            None => Operation::Write { key: index },
            Some(rows) => {
                let position = (index % u64::from(rows)) as u32;
                Operation::WriteSeries { key: index / u64::from(rows), position }
            }
        }
    }
}

/// Chooses operations and carries them out.
pub struct Target {
    session: Session,
    statements: Statements,
    mix: Mix,
    keys: KeyChooser,
    partitions: KeyChooser,
    loads: Vec<TableLoad>,
    partition_rows: u32,
    slice_rows: u32,
    pool: Vec<u8>,
    value_bytes: usize,
}

struct Statements {
    write: PreparedStatement,
    read: PreparedStatement,
    write_series: PreparedStatement,
    slice: PreparedStatement,
}

impl Target {
    /// Connects, makes the schema where it is missing and prepares the statements.
    ///
    /// # Errors
    /// If no server answers or one refuses.
    pub async fn open(args: &BenchArgs, mix: Mix) -> Result<Arc<Target>> {
        let session = connect(args).await?;
        create_schema(&session, args.replication_factor).await?;
        let statements = Statements::prepare(&session).await?;
        let mut loads = Vec::new();
        if mix.read > 0 {
            loads.push(TableLoad { name: "points", rows: args.keys, partition_rows: None });
        }
        if mix.slice > 0 {
            let rows = args.partitions().saturating_mul(u64::from(args.partition_rows));
            loads.push(TableLoad { name: "series", rows, partition_rows: Some(args.partition_rows) });
        }
        let value_bytes = args.value_bytes as usize;
        let random_bytes = |word: usize| keys::random(args.seed, word as u64).to_le_bytes();
        Ok(Arc::new(Target {
            session,
            statements,
            mix,
            keys: KeyChooser::new(args.distribution, args.keys, args.zipf_exponent),
            partitions: KeyChooser::new(args.distribution, args.partitions(), args.zipf_exponent),
            loads,
            partition_rows: args.partition_rows,
            slice_rows: args.slice_rows,
            pool: (0..(POOL_BYTES + value_bytes).div_ceil(8)).flat_map(random_bytes).collect(),
            value_bytes,
        }))
    }

    /// The tables that the operations read.
    pub fn tables_to_load(&self) -> Vec<TableLoad> {
        self.loads.clone()
    }

    /// Operation number `index` of the sequence that `seed` begins.
    pub fn operation(&self, seed: u64, index: u64) -> Operation {
        let draw = |number: u64| keys::random(seed, index.wrapping_mul(3).wrapping_add(number));
        let share = keys::below(draw(0), self.mix.total());
        let (write, read) = (u64::from(self.mix.write), u64::from(self.mix.read));
        if share < write {
            Operation::Write { key: self.keys.choose(draw(1)) }
        } else if share < write + read {
            Operation::Read { key: self.keys.choose(draw(1)) }
        } else {
            let firsts = u64::from(self.partition_rows - self.slice_rows) + 1;
            let position = keys::below(draw(2), firsts) as u32;
            Operation::Slice { key: self.partitions.choose(draw(1)), position }
        }
    }

    /// Carries out an operation; the error is a short message that others like it share.
    pub async fn execute(&self, operation: Operation) -> Result<Found, String> {
        let statements = &self.statements;
        match operation {
            Operation::Write { key } => {
                let values = (key as i64, self.value(key, 0));
                self.session.execute_unpaged(&statements.write, values).await.map(|_| Found::All).map_err(message)
            }
            Operation::WriteSeries { key, position } => {
                let values = (key as i64, position as i32, self.value(key, position));
                let done = self.session.execute_unpaged(&statements.write_series, values).await;
                done.map(|_| Found::All).map_err(message)
            }
            Operation::Read { key } => {
                let result = self.session.execute_unpaged(&statements.read, (key as i64,)).await;
                found(result.map_err(message)?, 1)
            }
            Operation::Slice { key, position } => {
                let values = (key as i64, position as i32, self.slice_rows as i32);
                let result = self.session.execute_unpaged(&statements.slice, values).await;
                found(result.map_err(message)?, self.slice_rows as usize)
            }
        }
    }

    /// The value of a row: always the same for the same row.
    fn value(&self, key: u64, position: u32) -> &[u8] {
        let offset = keys::below(keys::random(key, u64::from(position)), POOL_BYTES as u64) as usize;
        &self.pool[offset..offset + self.value_bytes]
    }

    /// Drops what this harness has made.
    ///
    /// # Errors
    /// If the servers refuse.
    pub async fn drop_keyspace(&self) -> Result<()> {
        self.session.query_unpaged(format!("DROP KEYSPACE {KEYSPACE}"), ()).await?;
        Ok(())
    }
}

impl Statements {
    async fn prepare(session: &Session) -> Result<Statements> {
        let prepare = async |text: &str| {
            let text = text.replace("$", KEYSPACE);
            session.prepare(text.as_str()).await.with_context(|| format!("`{text}` cannot be prepared"))
        };
        Ok(Statements {
            write: prepare("INSERT INTO $.points (key, value) VALUES (?, ?)").await?,
            read: prepare("SELECT value FROM $.points WHERE key = ?").await?,
            write_series: prepare("INSERT INTO $.series (key, position, value) VALUES (?, ?, ?)").await?,
            slice: prepare("SELECT position, value FROM $.series WHERE key = ? AND position >= ? LIMIT ?").await?,
        })
    }
}

async fn connect(args: &BenchArgs) -> Result<Session> {
    let profile = ExecutionProfile::builder()
        .consistency(args.consistency.consistency())
        .request_timeout(Some(args.timeout()))
        // What fails is counted, not tried again.
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .build();
    let connections = std::num::NonZeroUsize::new(args.connections as usize).context("--connections is zero")?;
    SessionBuilder::new()
        .known_nodes(&args.host)
        .pool_size(PoolSize::PerHost(connections))
        .connection_timeout(Duration::from_secs(10))
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await
        .with_context(|| format!("no session with {}", args.host.join(", ")))
}

async fn create_schema(session: &Session, replication_factor: u32) -> Result<()> {
    let statements = [
        format!(
            "CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = \
             {{'class': 'SimpleStrategy', 'replication_factor': {replication_factor}}}"
        ),
        format!("CREATE TABLE IF NOT EXISTS {KEYSPACE}.points (key bigint PRIMARY KEY, value blob)"),
        format!(
            "CREATE TABLE IF NOT EXISTS {KEYSPACE}.series \
             (key bigint, position int, value blob, PRIMARY KEY (key, position))"
        ),
    ];
    for statement in statements {
        session.query_unpaged(statement.as_str(), ()).await.with_context(|| format!("`{statement}` is refused"))?;
    }
    session.await_schema_agreement().await?;
    Ok(())
}

fn found(result: QueryResult, rows: usize) -> Result<Found, String> {
    let result = result.into_rows_result().map_err(|error| error.to_string())?;
    Ok(if result.rows_num() < rows { Found::TooLittle } else { Found::All })
}

/// The message without what differs from one failure to the next.
fn message(error: impl std::error::Error) -> String {
    let text = error.to_string();
    text.chars().take(160).collect()
}
