//! Idle connections: what each costs the node, and what active ones beside them notice.

use std::time::{Duration, Instant};

use starling_cql_lite::protocol::client::Response;

use super::client::{Client, query};
use super::harness::Cluster;
use super::{number_from, resident_bytes, runtime};

/// Connections that say nothing after STARTUP; `IDLE_CONNECTIONS` makes it 10,000, say.
const IDLE: u64 = 1_000;
/// What one may cost.
const BYTES_MAX: u64 = 100_000;
/// Connections beside them that ask, one request after the other.
const ACTIVE: usize = 100;
const REQUESTS_EACH: usize = 100;
/// Between an answer and the next request: the question is what idle connections cost, not what saturation does.
const THINK_TIME: Duration = Duration::from_millis(20);

/// Asks and waits, again and again. Answers how long each request took.
async fn ask_again_and_again(address: String) -> Vec<Duration> {
    let mut client = Client::started(&address, 4, "").await.unwrap();
    let request = query(4, "SELECT release_version FROM system.local WHERE key = 'local'");
    let mut latencies = Vec::with_capacity(REQUESTS_EACH);
    for _ in 0..REQUESTS_EACH {
        let asked = Instant::now();
        client.send(&request).await.unwrap();
        assert!(matches!(client.answer().await.unwrap(), Response::Rows(_)));
        latencies.push(asked.elapsed());
        tokio::time::sleep(THINK_TIME).await;
    }
    latencies
}

/// The 99th percentile over all active connections.
async fn p99(address: &str) -> Duration {
    let active: Vec<_> = (0..ACTIVE).map(|_| tokio::spawn(ask_again_and_again(address.to_owned()))).collect();
    let mut latencies = Vec::new();
    for connection in active {
        latencies.extend(connection.await.unwrap());
    }
    latencies.sort();
    latencies[latencies.len() * 99 / 100]
}

#[test]
fn idle_connections_cost_little() {
    let cluster = Cluster::of("idle", 1);
    let node = &cluster.nodes()[0];
    let (address, pid) = (node.ready("cql"), node.pid().unwrap());
    let count = number_from("IDLE_CONNECTIONS").unwrap_or(IDLE);
    runtime().block_on(async {
        p99(&address).await;
        let without = p99(&address).await;
        let before = resident_bytes(pid);
        let mut idle = Vec::new();
        for _ in 0..count {
            idle.push(Client::started(&address, 4, "").await.unwrap());
        }
        let bytes_each = resident_bytes(pid).saturating_sub(before) / count;
        let beside = p99(&address).await;
        eprintln!(
            "{count} idle connections: {bytes_each} bytes each; p99 of {ACTIVE} active {without:?}, then {beside:?}"
        );
        assert!(bytes_each <= BYTES_MAX, "{bytes_each} bytes each");
        // They are as good as on the first day.
        for client in idle.iter_mut().step_by(97) {
            client.send(&query(4, "SELECT key FROM system.local")).await.unwrap();
            assert!(matches!(client.answer().await.unwrap(), Response::Rows(_)));
        }
    });
}
