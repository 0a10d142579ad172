//! A session: what applications hold to talk to a cluster.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use starling_cql_lite::protocol::client::{Response, ResponseFrame};
use starling_cql_lite::protocol::request::{self, BatchQuery, BatchStatement, QueryParameters};
use starling_cql_lite::protocol::{CqlError, Request};
use starling_cql_lite::value::Value;
use starling_ring::Token;
use tokio::task::JoinHandle;

use crate::DriverError;
use crate::ask::{Asked, Limits, Unanswered, ask, ask_one};
use crate::cluster::ClusterMap;
use crate::control::{Control, follow, query};
use crate::host::Opening;
use crate::options::{ContactPoint, QueryOptions, SessionOptions, Settings};
use crate::pages::Pages;
use crate::picture::Picture;
use crate::result::QueryResult;
use crate::statement::{Batch, BatchItem, Bound, Preparation, PreparedStatement, is_read};

/// Prepared statements kept by their text; with more, all are forgotten and prepared again when needed.
const PREPARED_MAX: usize = 4_096;

/// How long all nodes are given to have the same schema after a change of it.
const AGREEMENT_TRIES: u32 = 100;
const AGREEMENT_PAUSE: Duration = Duration::from_millis(50);

/// How often a statement is prepared again before giving up: its table is being altered all the time.
const PREPARE_TRIES: u32 = 4;

/// A session. Cheap to clone; the last clone to go closes it.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
    _follower: Arc<Follower>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("cluster", &self.cluster().name())
            .finish_non_exhaustive()
    }
}

/// The task that follows the cluster's changes; it ends with the session.
struct Follower(JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) struct Inner {
    pub opening: Opening,
    local_datacenter: String,
    defaults: QueryOptions,
    picture: RwLock<Arc<Picture>>,
    keyspace: RwLock<Option<Arc<str>>>,
    prepared: Mutex<HashMap<String, PreparedStatement>>,
    turn: AtomicUsize,
}

impl Inner {
    pub fn picture(&self) -> Arc<Picture> {
        self.picture.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    pub fn set_cluster(&self, cluster: ClusterMap) {
        let mut picture = self.picture.write().unwrap_or_else(PoisonError::into_inner);
        *picture = Arc::new(Picture::new(
            cluster,
            Some(&picture),
            &self.local_datacenter,
            self.opening,
        ));
        // Something changed: whoever was away may be back.
        picture.hosts().for_each(|host| host.forgive());
    }

    fn keyspace(&self) -> Option<Arc<str>> {
        self.keyspace.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Session {
    /// Connects to the first contact point that answers and reads the cluster's members from it.
    ///
    /// # Errors
    /// No contact point answers.
    pub async fn connect<P: Into<ContactPoint>>(
        contact_points: impl IntoIterator<Item = P>,
        options: SessionOptions,
    ) -> Result<Session, DriverError> {
        let timeout = Duration::from_millis(options.connect_timeout_ms);
        let opening = Opening {
            max_in_flight: options.max_in_flight,
            timeout,
        };
        let mut attempts = Vec::new();
        for contact_point in contact_points {
            for address in resolve(&contact_point.into(), options.port).await? {
                let connected = async {
                    let control = Control::open(address, opening).await?;
                    let cluster = control.read_cluster().await?;
                    Ok::<_, String>((control, cluster))
                };
                match connected.await {
                    Ok((control, cluster)) => return Session::begin(control, cluster, opening, options).await,
                    Err(reason) => attempts.push((address, reason)),
                }
            }
        }
        Err(DriverError::NoHostAvailable { attempts })
    }

    async fn begin(
        control: Control,
        cluster: ClusterMap,
        opening: Opening,
        options: SessionOptions,
    ) -> Result<Session, DriverError> {
        let local_datacenter = options
            .local_datacenter
            .or_else(|| control.datacenter(&cluster).map(str::to_owned))
            .unwrap_or_default();
        let picture = Picture::new(cluster, None, &local_datacenter, opening);
        let inner = Arc::new(Inner {
            opening,
            local_datacenter,
            defaults: options.defaults,
            picture: RwLock::new(Arc::new(picture)),
            keyspace: RwLock::default(),
            prepared: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        let follower = Follower(tokio::spawn(follow(Arc::downgrade(&inner), control)));
        let session = Session {
            inner,
            _follower: Arc::new(follower),
        };
        if let Some(keyspace) = options.keyspace {
            session.use_keyspace(&keyspace).await?;
        }
        Ok(session)
    }

    /// The cluster as it is known now.
    pub fn cluster(&self) -> Arc<ClusterMap> {
        self.inner.picture().cluster.clone()
    }

    /// The keyspace that unqualified names are looked for in.
    pub fn keyspace(&self) -> Option<String> {
        self.inner.keyspace().map(|keyspace| keyspace.to_string())
    }

    /// Looks for unqualified names in this keyspace from now on, on every connection.
    ///
    /// # Errors
    /// There is no such keyspace, or no host answers.
    pub async fn use_keyspace(&self, keyspace: &str) -> Result<(), DriverError> {
        let cql = format!("USE \"{}\"", keyspace.replace('"', "\"\""));
        self.query(&cql, &[], &QueryOptions::default()).await.map(drop)
    }

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
        let request = Request::Query {
            query: cql,
            parameters: parameters(&settings, &[]),
        };
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
        let known = self
            .inner
            .prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let limits = Limits::new(self.settings().timeout_ms, true);
        let (_, frame) = self
            .ask(
                &Request::Prepare {
                    query: cql,
                    keyspace: None,
                },
                None,
                limits,
            )
            .await?;
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
            let request = Request::Execute {
                id: &prepared.id,
                result_metadata_id: &[],
                parameters,
            };
            let (asked, frame) = self.ask_at(at, &request, prepared.route(&bound), limits).await?;
            if !matches!(frame.response, Response::Error(CqlError::Unprepared { .. })) {
                return self.finish(&asked, frame).await;
            }
            prepared = self.prepare_at(&asked, statement, limits).await?;
            at = Some(asked);
        }
        Err(DriverError::Protocol(
            "the statement is forgotten as soon as it is prepared".to_owned(),
        ))
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
            let statements = batch
                .items
                .iter()
                .zip(&bound)
                .map(|(item, (preparation, values))| BatchStatement {
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
        Err(DriverError::Protocol(
            "the statements are forgotten as soon as they are prepared".to_owned(),
        ))
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
        let (picture, keyspace) = (self.inner.picture(), self.inner.keyspace());
        ask(
            &picture,
            self.inner.next_turn(),
            request,
            route,
            keyspace.as_deref(),
            limits,
        )
        .await
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
            match ask_one(&asked, request, self.inner.keyspace().as_deref(), limits).await {
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
        let request = Request::Prepare {
            query: statement.cql(),
            keyspace: None,
        };
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
            Response::SchemaChange(_) => self.await_agreement(asked).await,
            _ => {
                return Err(DriverError::Protocol(
                    "a statement was answered by something else".to_owned(),
                ));
            }
        }
        Ok(QueryResult {
            warnings,
            ..QueryResult::default()
        })
    }

    /// Waits until the nodes that answer have the same schema: the next statement may go to any of them. Bounded, and
    /// no error if it does not come to that: the change itself is made.
    async fn await_agreement(&self, asked: &Asked) {
        for _ in 0..AGREEMENT_TRIES {
            let mut agree = true;
            let local = "SELECT schema_version FROM system.local WHERE key = 'local'";
            let Ok(wanted) = query(&asked.connection, local).await else {
                return;
            };
            let wanted = wanted.first().and_then(|row| row.value("schema_version").cloned());
            for host in self
                .inner
                .picture()
                .hosts()
                .filter(|host| host.address != asked.host && !host.is_suspect())
            {
                // One that cannot be reached is suspect from then on, and not waited for.
                let Ok(connection) = host.connection().await else {
                    continue;
                };
                let answer = tokio::time::timeout(self.inner.opening.timeout, query(&connection, local)).await;
                match answer {
                    Ok(Ok(rows)) => {
                        agree &= rows.first().and_then(|row| row.value("schema_version").cloned()) == wanted
                    }
                    Ok(Err(_)) => {}
                    Err(_) => connection.note_silence(),
                }
            }
            if agree {
                return;
            }
            tokio::time::sleep(AGREEMENT_PAUSE).await;
        }
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

/// The addresses of a contact point: `host`, `host:port`, `[v6]:port` or a plain IPv6 address.
async fn resolve(contact_point: &ContactPoint, port: u16) -> Result<Vec<SocketAddr>, DriverError> {
    let text = contact_point.0.as_str();
    let failed = |reason: String| DriverError::ContactPoint {
        contact_point: text.to_owned(),
        reason,
    };
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (
            host.trim_matches(['[', ']']),
            port.parse().map_err(|_| failed("no such port".to_owned()))?,
        ),
        None => (text, port),
    };
    let found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| failed(error.to_string()))?;
    Ok(found.collect())
}
