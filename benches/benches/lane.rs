//! Round trips over the lanes of two links on loopback: alone, and many at a time.
#![allow(clippy::unwrap_used, reason = "a bench panics where it fails")]

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use starling_node::cluster::LogPosition;
use starling_node::message::{
    Destination, Fence, OperationId, Payload, PeerMessage, ReplicaAnswer, ReplicaRequest, ReplyTo, Stamped,
};
use starling_node::server::links::hello::Greeting;
use starling_node::server::links::tls::Credentials;
use starling_node::server::links::{Inbox, Links};
use starling_ring::HostId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use uuid::Uuid;

const FENCE: Fence = Fence { position: LogPosition::FIRST, changed_at: LogPosition::FIRST };
/// About as large as one is.
const STAMP: u64 = 1_700_000_000_000_000;
const REPLY_TO: ReplyTo = ReplyTo { operation: OperationId(1), leg: 0 };

/// Answers requests, and tells of answers.
struct End {
    addresses: HashMap<HostId, SocketAddr>,
    links: OnceLock<Arc<Links>>,
    answers: UnboundedSender<()>,
}

impl Inbox for End {
    fn on_peer_message(&self, from: HostId, stamped: Stamped) {
        match stamped.message {
            PeerMessage::Request { reply_to, .. } => {
                let answer = PeerMessage::Answer { reply_to, answer: ReplicaAnswer::Applied };
                self.links.get().unwrap().send(Destination::Host(from), Stamped { stamp: STAMP, message: answer });
            }
            _ => self.answers.send(()).unwrap(),
        }
    }

    fn on_cluster_heard(&self, _: Uuid) {}

    fn internode_address(&self, host: HostId) -> Option<SocketAddr> {
        self.addresses.get(&host).copied()
    }
}

fn free_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn open(host_id: HostId, end: End, credentials: &Credentials) -> Arc<End> {
    let greeting = Greeting { host_id, generation: 1, cluster_name: "bench".into(), cluster_id: None };
    let links = Links::bind_with(end.addresses[&host_id], greeting, credentials).unwrap();
    let end = Arc::new(end);
    let _ = end.links.set(links.clone());
    let inbox: Arc<dyn Inbox> = end.clone();
    let inbox: Weak<dyn Inbox> = Arc::downgrade(&inbox);
    links.start(inbox);
    end
}

async fn round_trips(end: &End, to: HostId, count: u64, mutation: &Bytes, answers: &mut UnboundedReceiver<()>) {
    for _ in 0..count {
        let request = ReplicaRequest::Mutate { mutation: Payload(mutation.clone()), forward_to: vec![] };
        let message = PeerMessage::Request { coordinator: to, reply_to: REPLY_TO, fence: FENCE, request };
        end.links.get().unwrap().send(Destination::Host(to), Stamped { stamp: STAMP, message });
    }
    for _ in 0..count {
        answers.recv().await.unwrap();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.enter();
    let folder = tempfile::tempdir().unwrap();
    let credentials = Credentials::for_development(&folder.path().join("ca")).unwrap();
    let hosts = [1, 2].map(|number| HostId(Uuid::from_u128(number)));
    let addresses: HashMap<HostId, SocketAddr> = hosts.iter().map(|host| (*host, free_address())).collect();
    let (answers, mut answered) = unbounded_channel();
    let end = || End { addresses: addresses.clone(), links: OnceLock::new(), answers: answers.clone() };
    let asking = open(hosts[0], end(), &credentials);
    let answering = open(hosts[1], end(), &credentials);
    drop(entered);
    let mutation = Bytes::from(vec![7; 240]);
    let mut group = criterion.benchmark_group("lane");
    for count in [1, 64] {
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("round_trips_{count}"), |bencher| {
            bencher.iter(|| runtime.block_on(round_trips(&asking, hosts[1], count, &mutation, &mut answered)));
        });
    }
    group.finish();
    criterion.final_summary();
    drop(answering);
}
