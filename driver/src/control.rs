//! The control connection: reads the system tables, and reads them again when the server says that something changed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Weak;
use std::time::Duration;

use starling_cql_lite::protocol::client::Response;
use starling_cql_lite::protocol::request::QueryParameters;
use starling_cql_lite::protocol::{CqlError, Request};
use starling_cql_lite::value::Value;
use starling_ring::{ConsistencyLevel, HostId, Member, Token};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::cluster::{ClusterMap, strategy};
use crate::connection::{Connection, Failure};
use crate::host::Opening;
use crate::result::{QueryResult, Row};
use crate::session::Inner;

/// Changes come in bursts: this long after the first everything is read once.
const BURST: Duration = Duration::from_millis(50);

/// Between attempts to get a control connection while no host answers.
const RETRY: Duration = Duration::from_millis(500);

/// How long reading the system tables may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A control connection, and what wakes when an event came.
pub(crate) struct Control {
    address: SocketAddr,
    connection: Connection,
    events: mpsc::Receiver<()>,
}

impl Control {
    /// Connects and registers for events.
    pub async fn open(address: SocketAddr, opening: Opening) -> Result<Control, String> {
        let (sender, events) = mpsc::channel(1);
        let connection = Connection::open(address, opening.max_in_flight, opening.timeout, Some(sender)).await?;
        let register = Request::Register(vec!["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"]);
        let answer = tokio::time::timeout(opening.timeout, connection.request(&register)).await;
        match answer.map(|answer| answer.map(|frame| frame.response)) {
            Ok(Ok(Response::Ready)) => Ok(Control { address, connection, events }),
            Ok(Ok(Response::Error(error))) => Err(error.to_string()),
            Ok(Ok(_)) => Err("REGISTER was not answered by READY".to_owned()),
            Ok(Err(Failure::NotSent(reason) | Failure::Broken(reason))) => Err(reason),
            Err(_) => Err("REGISTER was not answered in time".to_owned()),
        }
    }

    /// Reads what the driver wants to know of the cluster.
    pub async fn read_cluster(&self) -> Result<ClusterMap, String> {
        read_cluster(&self.connection, self.address).await
    }

    /// The datacentre of the host that this connects to.
    pub fn datacenter<'c>(&self, cluster: &'c ClusterMap) -> Option<&'c str> {
        let of = |member: &&Member| crate::cluster::client_address(member) == self.address;
        cluster.members().iter().find(of).map(|member| member.datacenter.as_str())
    }
}

/// Follows the cluster's changes until the session is gone.
pub(crate) async fn follow(inner: Weak<Inner>, mut control: Control) {
    loop {
        while control.events.recv().await.is_some() {
            tokio::time::sleep(BURST).await;
            while control.events.try_recv().is_ok() {}
            let Some(inner) = inner.upgrade() else { return };
            match control.read_cluster().await {
                Ok(cluster) => inner.set_cluster(cluster),
                Err(_) => break, // another host may know more
            }
        }
        control = match another(&inner).await {
            Some(control) => control,
            None => return,
        };
    }
}

/// A control connection to any host; None once the session is gone.
async fn another(inner: &Weak<Inner>) -> Option<Control> {
    loop {
        let (plan, opening) = {
            let inner = inner.upgrade()?;
            let plan: Vec<_> = inner.picture().plan(None, inner.next_turn()).map(|host| host.address).collect();
            (plan, inner.opening)
        };
        for address in plan {
            let Ok(control) = Control::open(address, opening).await else {
                continue;
            };
            let Ok(cluster) = control.read_cluster().await else {
                continue;
            };
            inner.upgrade()?.set_cluster(cluster);
            return Some(control);
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Runs a query on one connection, at ONE.
pub(crate) async fn query(connection: &Connection, query: &str) -> Result<Vec<Row>, QueryFailure> {
    let request = Request::Query { query, parameters: QueryParameters::new(ConsistencyLevel::One) };
    match connection.request(&request).await {
        Ok(frame) => match frame.response {
            Response::Rows(rows) => {
                let result = QueryResult::of_rows(rows, Vec::new());
                result.map(QueryResult::into_rows).map_err(|error| QueryFailure::Other(error.to_string()))
            }
            Response::Error(error) => Err(QueryFailure::Server(error)),
            _ => Err(QueryFailure::Other(format!("no rows for {query}"))),
        },
        Err(Failure::NotSent(reason) | Failure::Broken(reason)) => Err(QueryFailure::Other(reason)),
    }
}

/// Why a query of the driver's own failed.
pub(crate) enum QueryFailure {
    Server(CqlError),
    Other(String),
}

impl From<QueryFailure> for String {
    fn from(failure: QueryFailure) -> String {
        match failure {
            QueryFailure::Server(error) => error.to_string(),
            QueryFailure::Other(reason) => reason,
        }
    }
}

/// Reads what the driver wants to know of the cluster from the host at `address`.
pub(crate) async fn read_cluster(connection: &Connection, address: SocketAddr) -> Result<ClusterMap, String> {
    let reading = read_tables(connection, address);
    let late = || Err("the system tables were not read in time".to_owned());
    tokio::time::timeout(READ_TIMEOUT, reading).await.unwrap_or_else(|_| late())
}

async fn read_tables(connection: &Connection, address: SocketAddr) -> Result<ClusterMap, String> {
    let local = query(connection, "SELECT * FROM system.local WHERE key = 'local'").await?;
    let local = local.first().ok_or("system.local is empty")?;
    let peers = match query(connection, "SELECT * FROM system.peers_v2").await {
        Err(QueryFailure::Server(CqlError::Invalid(_))) => query(connection, "SELECT * FROM system.peers").await?,
        peers => peers?,
    };
    let own = member(local, address).ok_or("system.local lacks what names a host")?;
    // A peer that is about to join or leave may lack columns: it owns nothing then.
    let peers = peers.iter().filter_map(|peer| member(peer, peer_address(peer, address.port())?));
    let mut members: Vec<Member> = std::iter::once(own).chain(peers).collect();
    members.sort_by_key(|member| member.host_id);
    members.dedup_by_key(|member| member.host_id);

    let keyspaces = query(connection, "SELECT keyspace_name, replication FROM system_schema.keyspaces").await?;
    let keyspaces = keyspaces.iter().filter_map(|row| {
        let replication: BTreeMap<String, String> = row.get("replication").ok()?;
        Some((row.get("keyspace_name").ok()?, strategy(&replication)?))
    });
    let name = local.get("cluster_name").unwrap_or_default();
    ClusterMap::new(name, members, keyspaces.collect()).map_err(|error| error.to_string())
}

/// Where clients reach a peer: `peers_v2` has address and port, `peers` only an address.
fn peer_address(peer: &Row, default_port: u16) -> Option<SocketAddr> {
    let address = |name: &str| peer.get::<IpAddr>(name).ok();
    let native = address("native_address").or_else(|| address("rpc_address"));
    // A node that listens everywhere is reached where its peers reach it.
    let address = native.filter(|address| !address.is_unspecified()).or_else(|| address("peer"))?;
    let port = peer.get::<u16>("native_port").unwrap_or(default_port);
    Some(SocketAddr::new(address, port))
}

/// A row of `local` or `peers`; None if it lacks what routing needs.
fn member(row: &Row, client_address: SocketAddr) -> Option<Member> {
    let tokens: Vec<String> = match row.value("tokens") {
        Some(Value::Null) | None => Vec::new(),
        Some(_) => row.get("tokens").ok()?,
    };
    let mut tokens: Vec<Token> = tokens.iter().map(|token| token.parse().ok().map(Token)).collect::<Option<_>>()?;
    tokens.sort_unstable();
    tokens.dedup();
    Some(Member {
        host_id: HostId(row.get::<Uuid>("host_id").ok()?),
        listen_address: row.get("listen_address").or_else(|_| row.get("peer")).unwrap_or(client_address.ip()),
        storage_port: row.get("listen_port").or_else(|_| row.get("peer_port")).unwrap_or(7000),
        rpc_address: client_address.ip(),
        native_transport_port: client_address.port(),
        datacenter: row.get("data_center").ok()?,
        rack: row.get("rack").ok()?,
        tokens,
    })
}
