//! Whether a client's prepared requests arrive at a replica of their partition, by the nodes' own counters.

use crate::harness::{Cluster, Exposition};
use crate::run::{Client, Way};
use crate::script::Script;

/// Steps that are done once more by themselves, with the counters read before and after.
pub const ROUTING: &str = "routing/";

/// Prepared requests for one partition so far, over all nodes.
pub struct Arrivals {
    at_a_replica: f64,
    elsewhere: f64,
}

impl Arrivals {
    /// As of now.
    pub fn of(cluster: &Cluster) -> Arrivals {
        let pages: Vec<Exposition> = cluster.nodes().iter().map(|node| Exposition::of(node.address)).collect();
        let sum = |name: &str| pages.iter().map(|page| page.sum(name, &[("prepared", "true")])).sum();
        Arrivals {
            at_a_replica: sum("starling_requests_local_total"),
            elsewhere: sum("starling_requests_remote_total"),
        }
    }

    /// All that the client did of [`ROUTING`] since then has arrived at a replica, and it did all of it.
    pub fn check(&self, after: &Arrivals, client: &Client, (version, compression): Way) {
        let local = after.at_a_replica - self.at_a_replica;
        let remote = after.elsewhere - self.elsewhere;
        let wanted = Script::read().routed_requests(client.name, ROUTING);
        // Not captured: a figure.
        eprintln!(
            "{} v{version} {compression}: {local} of {} prepared requests at a replica",
            client.name,
            local + remote
        );
        assert!(wanted > 0 && remote == 0.0 && local == wanted as f64, "{local} at a replica, {remote} elsewhere");
    }
}
