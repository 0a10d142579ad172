//! One node in memory, its listener, and a client that speaks frames.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use starling_cql_lite::protocol::client::{Response, ResponseFrame, decode_response, encode_request};
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES, Header, decode_header};
use starling_cql_lite::protocol::request::{QueryParameters, Request};
use starling_ring::{ConsistencyLevel, HostId, Member};
use starling_storage::committer::CommitterLimits;
use starling_storage::engine::Engine;
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::store::{Store, StoreSettings};
use starling_storage::threads::{CommitterThreads, SyncMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::super::{Door, NativeServer};
use crate::assembly::{Node, NodeConfig, Outside};
use crate::cluster::{Cluster, ClusterConfig, Identity, StoredLog};
use crate::server::disk_space::DiskSpace;
use crate::server::links::Links;
use crate::server::links::hello::Greeting;
use crate::server::world::World;
use crate::settings::Settings;

const CLUSTER: &str = "front door";

/// A node that is open for clients.
pub struct Served {
    pub server: Arc<NativeServer>,
    pub address: SocketAddr,
}

fn identity(host_id: HostId) -> Identity {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let member = Member::at(host_id, address);
    Identity {
        member,
        generation: 1,
        cluster_name: CLUSTER.into(),
        num_tokens: 4,
        seeds: Vec::new(),
        cluster_id_if_founding: Uuid::from_u128(2),
        replaces: None,
    }
}

/// A node of its own cluster with `ks.t (k int PRIMARY KEY, v blob)` and `other.t (k int PRIMARY KEY, w int)`.
pub async fn serve(config: NodeConfig) -> Served {
    serve_from(config, Arc::new(MemoryEngine::new(MemorySettings::default()))).await
}

/// The same with its data in that engine.
pub async fn serve_from(config: NodeConfig, engine: Arc<dyn Engine>) -> Served {
    let host_id = HostId(Uuid::from_u128(1));
    let settings = StoreSettings { header_filter_bytes: 16 << 10, ..StoreSettings::default() };
    let store = Arc::new(Store::open(engine, settings).expect("an empty store"));
    let committers = CommitterThreads::start(store.clone(), CommitterLimits::default(), SyncMode::Batch);
    let greeting = Greeting { host_id, generation: 1, cluster_name: CLUSTER.into(), cluster_id: None };
    let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let settings = Settings::default();
    let links = Links::bind(any_port, greeting, &settings.server_encryption_options).expect("a free port");
    let disk = DiskSpace::new(std::env::temp_dir(), 0);
    let world = World::new(links, store.clone(), committers.expect("threads"), 1, disk).expect("threads");
    let now_ms = world.monotonic_us() / 1_000;
    let timing = ClusterConfig { found_alone_after_ms: 0, ..ClusterConfig::default() };
    let cluster = Cluster::new(timing, identity(host_id), StoredLog::default(), now_ms);
    let node = Arc::new(Node::new(config, cluster, store, world.clone(), 1, 1 << 36, 0));
    world.attach(&node);
    let server = NativeServer::new(node.clone(), world, &settings).expect("valid settings");
    tokio::spawn(async move {
        loop {
            node.on_cluster_time();
            node.on_shard_time(0);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    until("a member", || server.node.is_ready() && server.node.view().is_some()).await;
    let listener = TcpListener::bind(any_port).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn({
        let server = server.clone();
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                server.serve(stream, &Door::plain(address));
            }
        }
    });
    let served = Served { server, address };
    let mut client = served.client().await;
    for (keyspace, column) in [("ks", "v blob"), ("other", "w int")] {
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        client.query(&format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}")).await;
        client.query(&format!("CREATE TABLE {keyspace}.t (k int PRIMARY KEY, {column})")).await;
    }
    served
}

/// Waits for something that is bound to happen.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..5_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never came: {what}");
}

impl Served {
    /// A client that has said nothing yet.
    pub async fn unstarted(&self) -> Client {
        let stream = TcpStream::connect(self.address).await.expect("the listener accepts");
        Client { stream, read: BytesMut::new() }
    }

    /// A client whose connection has started.
    pub async fn client(&self) -> Client {
        let mut client = self.unstarted().await;
        assert_eq!(client.ask(&startup()).await, Response::Ready);
        client
    }
}

pub fn startup() -> Request<'static> {
    Request::Startup(vec![("CQL_VERSION", "3.0.0")])
}

pub fn query(query: &str) -> Request<'_> {
    Request::Query { query, parameters: QueryParameters::new(ConsistencyLevel::One) }
}

/// A client's end of a connection.
pub struct Client {
    pub stream: TcpStream,
    read: BytesMut,
}

impl Client {
    pub async fn send(&mut self, request: &Request<'_>) {
        let mut frame = BytesMut::new();
        encode_request(&mut frame, 4, 7, false, request).expect("a short request");
        self.stream.write_all(&frame).await.expect("the server reads");
    }

    /// The next frame, whatever it is.
    pub async fn frame(&mut self) -> (Header, ResponseFrame) {
        loop {
            match decode_header(&self.read, Direction::Response, usize::MAX).expect("a header") {
                Some(header) if self.read.len() >= HEADER_BYTES + header.body_length_bytes => {
                    self.read.advance(HEADER_BYTES);
                    let body = self.read.split_to(header.body_length_bytes).freeze();
                    return (header, decode_response(&header, &body).expect("a response"));
                }
                _ => {}
            }
            let count = self.stream.read_buf(&mut self.read).await.expect("the server writes");
            assert!(count > 0, "the server closed the connection");
        }
    }

    pub async fn ask(&mut self, request: &Request<'_>) -> Response {
        self.send(request).await;
        self.frame().await.1.response
    }

    /// Runs a statement that works.
    pub async fn query(&mut self, text: &str) -> Response {
        let response = self.ask(&query(text)).await;
        assert!(!matches!(response, Response::Error(_)), "{text}: {response:?}");
        response
    }
}
