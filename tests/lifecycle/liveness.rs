//! Deaths and returns are noticed by everybody. How soon is printed, and written down in docs/manual/figures.md: here
//! only a hang fails.

use std::time::{Duration, Instant};

use crate::admin_side::state_of;
use crate::harness::{Cluster, wait_until};

fn wait_until_all_see(cluster: &Cluster, index: usize, wanted: &str) -> Duration {
    let started = Instant::now();
    let address = cluster.nodes()[index].address;
    for observer in cluster.nodes().iter().filter(|node| node.pid().is_some()) {
        let what = format!("{} sees {address} as {wanted}", observer.address);
        wait_until(&what, || state_of(observer, address).as_deref() == Some(wanted));
    }
    started.elapsed()
}

#[test]
fn a_killed_node_and_its_return_are_noticed_by_all() {
    let mut cluster = Cluster::of("liveness", 3);
    for index in [2, 0] {
        cluster.node(index).kill();
        let took = wait_until_all_see(&cluster, index, "DN");
        println!("the death of node {index} was noticed by all after {took:?}");
        cluster.node(index).start();
        let took = wait_until_all_see(&cluster, index, "UN");
        println!("the return of node {index} was noticed by all {took:?} after its ready line");
        for other in 0..3 {
            wait_until_all_see(&cluster, other, "UN");
        }
    }
}
