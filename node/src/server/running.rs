//! Starting, running and stopping one node in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use starling_ring::Member;
use starling_storage::committer::CommitterLimits;
use starling_storage::engine::Engine;
use starling_storage::store::{Store, StoreSettings};
use starling_storage::threads::{CommitterThreads, SyncMode};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::disk_space::DiskSpace;
use super::links::hello::Greeting;
use super::links::{Inbox, Links};
use super::maintenance::Maintenance;
use super::native::NativeServer;
use super::world::{NEVER_MS, Progress, World};
use super::{admin, clock, identity, metrics};
use crate::assembly::{Node, NodeConfig, Outside};
use crate::cluster::{Cluster, ClusterConfig, Identity};
use crate::settings::{CommitlogSync, Settings};

/// Shards of coordination: a few more than cores, so that two cores seldom want the same one.
const SHARDS: u8 = 8;
/// Between two looks at gossip, joining and schema changes.
const CLUSTER_TICK: Duration = Duration::from_millis(50);
/// How long requests under way may take to end when the node stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A node that runs in this process.
pub struct Running {
    node: Arc<Node>,
    world: Arc<World>,
    native: Arc<NativeServer>,
    maintenance: Maintenance,
    ready_line: String,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts a node. It answers when its sockets for nodes and for the admin side are open; `ready` tells when
/// clients can come.
pub async fn start_node(settings: Settings) -> Result<Running> {
    settings.validate()?;
    let opening = settings.clone();
    let store = tokio::task::spawn_blocking(move || open_store(&opening)).await??;
    let stored = identity::load(&store, Uuid::new_v4())?;
    let identity = identity_of(&settings, &stored);
    let member = identity.member.clone();
    let internode = SocketAddr::new(member.listen_address, member.storage_port);
    let greeting = Greeting {
        host_id: stored.host_id,
        generation: stored.generation,
        cluster_name: settings.cluster_name.clone(),
        cluster_id: None,
    };
    let links = Links::bind(internode, greeting, &settings.server_encryption_options)?;
    let mode = match settings.commitlog_sync {
        CommitlogSync::Batch => SyncMode::Batch,
        CommitlogSync::Periodic => SyncMode::Periodic { interval_ms: settings.commitlog_sync_period.ms },
    };
    let committers = CommitterThreads::start(store.clone(), CommitterLimits::default(), mode)?;
    let disk = DiskSpace::new(settings.data_dir().to_owned(), settings.min_free_space_per_drive.bytes);
    let world = World::new(links.clone(), store.clone(), committers, usize::from(SHARDS), disk)?;
    let mut config = ClusterConfig::default();
    config.gossip.phi_convict_threshold = settings.phi_convict_threshold;
    let cluster = Cluster::new(config, identity, stored.log, clock::monotonic_us() / 1_000);
    let outside: Arc<dyn Outside> = world.clone();
    // Sequence numbers of this life are above those of all earlier ones.
    let first_sequence = stored.generation << 36;
    let config = node_config(&settings);
    let node = Node::new(config, cluster, store, outside, SHARDS, first_sequence, stored.clock_ceiling);
    let node = Arc::new(node);
    world.attach(&node);
    tell_cluster(&node, &links);
    let inbox: Arc<dyn Inbox> = node.clone();
    links.start(Arc::downgrade(&inbox));
    let native = NativeServer::new(node.clone(), world.clone(), &settings)?;
    let admin_address = SocketAddr::new(settings.admin_address(), settings.admin_port);
    let source = Arc::new(metrics::Source::new(node.clone(), world.clone(), native.clone()));
    admin::serve(admin_address, source).await?;
    let cql = SocketAddr::new(settings.rpc_address, settings.native_transport_port);
    let ready_line = format!("ready host_id={} cql={cql} internode={internode} admin={admin_address}", node.host_id());
    let maintenance = Maintenance::start(node.clone(), world.store.clone(), settings.purge_interval.ms / 1_000)?;
    let mut running = Running { node, world, native, maintenance, ready_line, tasks: Vec::new() };
    running.spawn_timers();
    Ok(running)
}

fn open_store(settings: &Settings) -> Result<Arc<Store>> {
    let dir = settings.data_dir();
    std::fs::create_dir_all(dir).with_context(|| format!("data folder {}", dir.display()))?;
    let engine = open_engine(dir, settings).with_context(|| format!("data folder {}", dir.display()))?;
    let store_settings = StoreSettings { shards: usize::from(settings.committers), ..StoreSettings::default() };
    Ok(Arc::new(Store::open(engine, store_settings)?))
}

#[cfg(feature = "rocksdb")]
fn open_engine(dir: &Path, settings: &Settings) -> Result<Arc<dyn Engine>> {
    use starling_storage::engine::rocks::{RocksEngine, RocksSettings};
    let write_buffer_bytes = settings.memtable_size.bytes as usize / 3;
    let rocks = RocksSettings {
        block_cache_bytes: settings.block_cache_size.bytes as usize,
        write_buffer_bytes,
        wal_bytes_max: (4 * write_buffer_bytes as u64).max(256 << 20),
        ..RocksSettings::default()
    };
    Ok(Arc::new(RocksEngine::open(dir, &rocks)?))
}

#[cfg(not(feature = "rocksdb"))]
fn open_engine(_: &Path, _: &Settings) -> Result<Arc<dyn Engine>> {
    bail!("this build has no RocksDB (feature `rocksdb`)")
}

fn identity_of(settings: &Settings, stored: &identity::Stored) -> Identity {
    let member = Member {
        host_id: stored.host_id,
        listen_address: settings.listen_address,
        storage_port: settings.storage_port,
        rpc_address: settings.rpc_address,
        native_transport_port: settings.native_transport_port,
        datacenter: settings.datacenter.clone(),
        rack: settings.rack.clone(),
        tokens: Vec::new(),
    };
    Identity {
        member,
        generation: stored.generation,
        cluster_name: settings.cluster_name.clone(),
        num_tokens: settings.num_tokens,
        seeds: settings.seeds.iter().map(|ip| SocketAddr::new(*ip, settings.storage_port)).collect(),
        cluster_id_if_founding: Uuid::new_v4(),
        replaces: settings.replace_address,
    }
}

fn node_config(settings: &Settings) -> NodeConfig {
    NodeConfig {
        prepared_bytes_max: settings.prepared_statements_cache_size.bytes as usize,
        mutation_size_bytes_max: settings.max_mutation_size.bytes as usize,
        batch_size_bytes_warn: settings.batch_size_warn_threshold.bytes as usize,
        batch_size_bytes_max: settings.batch_size_fail_threshold.bytes as usize,
        batch_partitions_warn: settings.unlogged_batch_across_partitions_warn_threshold as usize,
        read_timeout_ms: settings.read_request_timeout.ms,
        range_timeout_ms: settings.range_request_timeout.ms,
        write_timeout_ms: settings.write_request_timeout.ms,
        settings: settings.listing(),
        max_clock_skew_us: settings.max_clock_skew.ms * 1_000,
        ..NodeConfig::default()
    }
}

impl Running {
    fn spawn_timers(&mut self) {
        let (node, world) = (self.node.clone(), self.world.clone());
        self.tasks.push(tokio::spawn(async move {
            let mut interval = tokio::time::interval(CLUSTER_TICK);
            let mut ticks = 0u32;
            loop {
                interval.tick().await;
                node.on_cluster_time();
                tell_cluster(&node, &world.links);
                ticks = ticks.wrapping_add(1);
                if ticks.is_multiple_of(2) {
                    world.disk.look();
                }
                if ticks.is_multiple_of(20) {
                    world.nudge_committers();
                    if let Some(reason) = world.storage_verdict() {
                        // No more gossip: the others see this node as down.
                        return world.on_fatal(reason);
                    }
                }
            }
        }));
        for shard in 0..self.node.shard_count() {
            self.tasks.push(tokio::spawn(shard_timer(self.node.clone(), self.world.clone(), shard)));
        }
    }

    /// Waits until the node is open for clients; answers the ready line.
    pub async fn ready(&self) -> Result<String> {
        let mut progress = self.world.progress.subscribe();
        let reached = progress.wait_for(|p| *p != Progress::Starting).await?.clone();
        match reached {
            Progress::Fatal(reason) => bail!("{reason}"),
            _ => self.native.open().await?,
        }
        Ok(self.ready_line.clone())
    }

    /// Waits until the node cannot go on; answers why.
    pub async fn fatal(&self) -> String {
        let mut progress = self.world.progress.subscribe();
        match progress.wait_for(|p| matches!(p, Progress::Fatal(_))).await.as_deref() {
            Ok(Progress::Fatal(reason)) => reason.clone(),
            _ => "the node has ended".into(),
        }
    }

    /// Drains: no new clients, requests under way end, writes are committed and synced, links are closed.
    pub async fn stop(self) {
        self.native.close();
        let drained = async {
            while self.node.operations() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
        self.native.disconnect().await;
        self.tasks.iter().for_each(JoinHandle::abort);
        let world = self.world.clone();
        let maintenance = self.maintenance;
        let closed = tokio::task::spawn_blocking(move || {
            drop(maintenance);
            world.readers.close();
            world.close_committers();
            world.store.sync()
        });
        if let Ok(Err(error)) = closed.await {
            tracing::error!("the last sync failed: {error}");
        }
        self.world.links.close().await;
    }
}

/// Which cluster this node is a member of is known only once it has founded or joined one.
fn tell_cluster(node: &Node, links: &Links) {
    if let Some(view) = node.view() {
        links.set_cluster(view.metadata.cluster_id);
    }
}

/// Looks at a shard's deadlines when the earliest has come.
async fn shard_timer(node: Arc<Node>, world: Arc<World>, shard: usize) {
    let mut timer = world.timer(shard);
    loop {
        let at_ms = *timer.borrow_and_update();
        let now_ms = clock::monotonic_us() / 1_000;
        if at_ms == NEVER_MS {
            if timer.changed().await.is_err() {
                return;
            }
        } else if at_ms > now_ms {
            tokio::select! {
                changed = timer.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(Duration::from_millis(at_ms - now_ms)) => {}
            }
        } else {
            world.clear_timer(shard);
            if let Some(next_ms) = node.on_shard_time(shard) {
                world.wake_at(shard, next_ms);
            }
        }
    }
}

/// SIGTERM, SIGINT and SIGHUP. They count from `listen` on, whether or not anybody waits yet.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl StopSignals {
    /// Begins to listen; to be called within a runtime.
    pub fn listen() -> Result<Self> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
