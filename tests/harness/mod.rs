//! Clusters of real `starling node` processes for tests: each cluster has loopback addresses, data folders and a
//! certificate authority of its own, and takes its processes along when it is dropped.

#![allow(dead_code, reason = "each test uses a part of the harness")]
#![allow(clippy::unwrap_used)]

mod addresses;
mod exposition;
mod node;
mod responses;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use addresses::AddressBlock;
#[allow(unused_imports, reason = "each test uses a part of the harness")]
pub use exposition::Exposition;
pub use node::Node;
#[allow(unused_imports, reason = "each test uses a part of the harness")]
pub use responses::take_response;
use tempfile::TempDir;

/// How long anything may take before it counts as hung: a guard, not a measure.
pub const HANG_GUARD: Duration = Duration::from_secs(120);

/// A cluster of processes. Dropping it kills them and removes their data.
pub struct Cluster {
    nodes: Vec<Node>,
    name: String,
    addresses: AddressBlock,
    folder: TempDir,
}

impl Cluster {
    /// An empty cluster for the test `name`.
    pub fn new(name: &str) -> Cluster {
        let folder = tempfile::Builder::new().prefix(&format!("starling-{name}-")).tempdir().unwrap();
        Cluster { nodes: Vec::new(), name: name.to_owned(), addresses: AddressBlock::claim(name), folder }
    }

    /// A cluster of `count` nodes, each ready before the next one is started.
    pub fn of(name: &str, count: usize) -> Cluster {
        let mut cluster = Cluster::new(name);
        for _ in 0..count {
            cluster.add(&[]);
        }
        cluster
    }

    /// Starts another node, with the first one as its seed, and waits until it is ready. Its index is the count of
    /// nodes before it.
    pub fn add(&mut self, more_arguments: &[&str]) -> &mut Node {
        self.add_prepared(self.prepare(more_arguments))
    }

    /// The same with a node that was prepared.
    pub fn add_prepared(&mut self, mut node: Node) -> &mut Node {
        node.start();
        self.nodes.push(node);
        self.nodes.last_mut().unwrap()
    }

    /// A node that is not started and not part of the list: for tests of what happens at start.
    pub fn prepare(&self, more_arguments: &[&str]) -> Node {
        let index = self.nodes.len();
        let seeds: Vec<Ipv4Addr> = self.nodes.first().map(|seed| seed.address).into_iter().collect();
        let mut arguments = vec!["--cluster-name".to_owned(), self.name.clone()];
        arguments.extend(seeds.iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
        let mut node = Node::new(self.address(index), self.folder.path(), arguments);
        node.add_arguments(more_arguments);
        node
    }

    /// The address of the node with this index, whether it is there yet or not.
    pub fn address(&self, index: usize) -> Ipv4Addr {
        self.addresses.address(index + 1)
    }

    /// The node with this index.
    pub fn node(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The addresses that clients connect to.
    pub fn contact_points(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address.to_string()).collect()
    }

    /// Where this cluster keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The program under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_starling"))
}

/// One HTTP request to the admin side: the status code and the body. `None` while nobody listens.
pub fn http_get(address: Ipv4Addr, path: &str) -> Option<(u16, String)> {
    http(address, "GET", path, "")
}

/// The same with another method and more header lines, each with its line end.
pub fn http(address: Ipv4Addr, method: &str, path: &str, headers: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((address, 9180)).ok()?;
    write!(stream, "{method} {path} HTTP/1.0\r\n{headers}\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}

/// Asks again and again until the answer is yes; panics with `what` when the guard runs out.
pub fn wait_until(what: &str, mut answer: impl FnMut() -> bool) {
    let started = Instant::now();
    while !answer() {
        assert!(started.elapsed() < HANG_GUARD, "hung waiting until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same for a question that has to be awaited.
pub async fn wait_until_async(what: &str, mut answer: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !answer().await {
        assert!(started.elapsed() < HANG_GUARD, "hung waiting until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
