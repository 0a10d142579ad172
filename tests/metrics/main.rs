//! The metrics pages of real processes: they are OpenMetrics, every queue on them has a bound, and their counters go up
//! by exactly what clients did.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod arrivals;
mod counters;
mod page;
mod parser;

use std::net::Ipv4Addr;

use harness::{Cluster, Exposition};
use starling_driver::{ConsistencyLevel, QueryOptions, Session, SessionOptions};

/// The pages of all nodes at about one moment.
struct Pages(Vec<Exposition>);

impl Pages {
    fn of(cluster: &Cluster) -> Pages {
        Pages(cluster.nodes().iter().map(|node| Exposition::of(node.address)).collect())
    }

    /// Sum over all nodes.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.0.iter().map(|page| page.sum(name, labels)).sum()
    }

    /// By how much the sum over all nodes has gone up since `before`.
    fn since(&self, before: &Pages, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, labels) - before.sum(name, labels)
    }
}

fn at(level: ConsistencyLevel) -> QueryOptions {
    QueryOptions::default().consistency(level)
}

async fn connect(cluster: &Cluster) -> Session {
    Session::connect(cluster.contact_points(), SessionOptions::default()).await.unwrap()
}

/// A table `ks.t (k int PRIMARY KEY, v int)` in a keyspace of this replication factor.
async fn make_table(session: &Session, keyspace: &str, replication_factor: u32) {
    for statement in [
        format!(
            "CREATE KEYSPACE {keyspace} WITH replication = \
             {{'class': 'SimpleStrategy', 'replication_factor': {replication_factor}}}"
        ),
        format!("CREATE TABLE {keyspace}.t (k int PRIMARY KEY, v int)"),
    ] {
        session.query(&statement, &[], &QueryOptions::default()).await.unwrap();
    }
}

fn first(cluster: &Cluster) -> Ipv4Addr {
    cluster.nodes()[0].address
}
