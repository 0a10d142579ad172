//! How soon a node that is up is reached. Nothing here is timed; what it took is printed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::crashing::Crashing;
use crate::endpoint::{Endpoint, cluster, control, free_address_at, host, wait_until};

/// How often a peer that waits for a node has something to say to it.
const SAID_EVERY: Duration = Duration::from_millis(200);

/// A member of cluster 1, and host 2 at an address of its own that it knows, linked by whoever of them dials.
async fn linked(last: u8, node_dials: bool) -> (tempfile::TempDir, Endpoint, Crashing) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let member = Endpoint::open(1, &authority);
    member.links.set_cluster(cluster(1));
    let node = Crashing::open(free_address_at(last), 2, 1, &authority).await;
    member.learn(host(2), node.endpoint().address);
    if node_dials {
        node.endpoint().links.set_cluster(cluster(1));
        node.endpoint().learn(member.host_id, member.address);
        node.endpoint().send(member.host_id, control(0));
        wait_until("the node is heard", || member.count() > 0).await;
    } else {
        member.send(host(2), control(0));
        wait_until("the node hears", || node.endpoint().count() > 0).await;
    }
    (folder, member, node)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_node_hears_of_its_cluster_by_one_message_to_its_old_life() {
    for (last, node_dials) in [(2, false), (3, true)] {
        let (folder, member, mut node) = linked(last, node_dials).await;
        let address = node.endpoint().address;
        node.crash().await;
        // Its disk is empty now: it is another host, under the same address.
        let wiped = Crashing::open(address, 3, 1, &folder.path().join("ca")).await;
        let started = Instant::now();
        member.send(host(2), control(1));
        wait_until("the wiped node hears of its cluster", || wiped.endpoint().clusters_heard() == [cluster(1)]).await;
        println!(
            "a wiped node heard of its cluster after {:?} (its old life dialled: {node_dials})",
            started.elapsed()
        );
        assert!(member.links.figures.reset.load(Ordering::Relaxed) > 0, "the idle timeout had to notice");
        assert_eq!(wiped.endpoint().count(), 0);
        wait_until("the old link is forgotten", || member.links.open_links() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_restarts_is_linked_again_by_one_message_to_its_old_life() {
    for (last, node_dials) in [(4, false), (5, true)] {
        let (folder, member, mut node) = linked(last, node_dials).await;
        let address = node.endpoint().address;
        node.crash().await;
        let again = Crashing::open(address, 2, 2, &folder.path().join("ca")).await;
        let started = Instant::now();
        // It is lost: it went to the old life.
        member.send(host(2), control(1));
        wait_until("there is a link", || again.endpoint().links.open_links() == 1).await;
        println!("a restarted node was linked after {:?} (its old life dialled: {node_dials})", started.elapsed());
        wait_until("the old link is forgotten", || member.links.open_links() == 1).await;
        member.send(host(2), control(2));
        wait_until("it is there", || again.endpoint().arrived() == [(member.host_id, control(2))]).await;
    }
}

/// What it took to reach a node that came `away` after the first message to it, or after it crashed.
async fn reached_after(last: u8, away: Duration, was_linked: bool) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let member = Endpoint::open(1, &authority);
    let address = free_address_at(last);
    member.learn(host(2), address);
    if was_linked {
        let mut node = Crashing::open(address, 2, 1, &authority).await;
        member.send(host(2), control(0));
        wait_until("they are linked", || node.endpoint().count() == 1).await;
        node.crash().await;
    }
    let (mut node, mut up_at) = (None, None);
    let started = Instant::now();
    for message in 0.. {
        member.send(host(2), control(message));
        let next = Instant::now() + SAID_EVERY;
        while Instant::now() < next {
            if up_at.is_none() && started.elapsed() >= away {
                node = Some(Endpoint::open_at(address, 2, 2, &authority));
                up_at = Some(Instant::now());
            }
            if node.as_ref().is_some_and(|node| node.count() > 0) {
                return up_at.unwrap().elapsed();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(started.elapsed() < crate::endpoint::HANG_GUARD, "the node is never reached");
    }
    unreachable!("it sends until the node is reached")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_reached_whenever_it_comes_up() {
    // One dial lasts for two seconds: the node comes at any time within it, and within the next one.
    let away = (0..24).map(|step| Duration::from_millis(10 + 130 * step));
    let waiting: Vec<_> = away
        .flat_map(|away| [(away, false), (away, true)])
        .zip(10..)
        .map(|((away, was_linked), last)| (away, was_linked, tokio::spawn(reached_after(last, away, was_linked))))
        .collect();
    let mut slowest = [Duration::ZERO; 2];
    for (away, was_linked, reached) in waiting {
        let took = reached.await.unwrap();
        println!("away for {away:?} (linked before: {was_linked}): reached after {took:?}");
        let slowest = &mut slowest[usize::from(was_linked)];
        *slowest = took.max(*slowest);
    }
    println!("slowest: {:?}, linked before: {:?}", slowest[0], slowest[1]);
}
