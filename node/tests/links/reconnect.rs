//! Peers that go away and come back.

use std::sync::atomic::Ordering;

use crate::crashing::Crashing;
use crate::endpoint::{Endpoint, control, host, wait_until};

/// Sends until something arrives: what is sent into a link that nobody has noticed to be dead is lost.
async fn send_until_arrived(from: &Endpoint, to: &Endpoint) {
    let mut number = 0;
    wait_until("a message gets through", || {
        number += 1;
        from.send(to.host_id, control(number));
        to.count() > 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_crashed_is_reached_again_in_its_next_life() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let a = Endpoint::open(1, &authority);
    let address = crate::endpoint::free_address();
    a.learn(host(2), address);
    let mut b = Crashing::open(address, 2, 1, &authority).await;
    send_until_arrived(&a, b.endpoint()).await;
    b.crash().await;
    let b = Crashing::open(address, 2, 2, &authority).await;
    // Its new life says nothing by itself: what tells A is the reset that answers the old life's packets. Without
    // it the link would stand until its idle timeout (6 s).
    send_until_arrived(&a, b.endpoint()).await;
    assert!(a.links.figures.reset.load(Ordering::Relaxed) > 0, "the idle timeout had to notice");
    wait_until("the old link is forgotten", || a.links.open_links() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_a_new_life_replaces_those_of_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let a = Endpoint::open(1, &authority);
    let address = crate::endpoint::free_address();
    a.learn(host(2), address);
    let mut b = Crashing::open(address, 2, 1, &authority).await;
    send_until_arrived(&a, b.endpoint()).await;
    b.crash().await;
    let b = Crashing::open(address, 2, 2, &authority).await;
    b.endpoint().learn(a.host_id, a.address);
    b.endpoint().send(a.host_id, control(1));
    wait_until("the new life is heard", || a.count() == 1).await;
    let lost_before = b.endpoint().count();
    a.send(host(2), control(2));
    wait_until("it is answered", || b.endpoint().count() == lost_before + 1).await;
    // Both may have dialled at once; the old life has none of them.
    let links = || (a.links.open_links(), b.endpoint().links.open_links());
    wait_until("only links to the new life are left", || links().0 > 0 && links().0 == links().1).await;
}

#[tokio::test]
async fn a_peer_that_comes_late_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let a = Endpoint::open(1, &authority);
    let address = crate::endpoint::free_address();
    a.learn(host(2), address);
    a.send(host(2), control(1));
    let b = Endpoint::open_at(address, 2, 1, &authority);
    send_until_arrived(&a, &b).await;
}

#[tokio::test]
async fn a_peer_that_left_in_order_is_forgotten_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let a = Endpoint::open(1, &authority);
    let b = Endpoint::open(2, &authority);
    a.learn(b.host_id, b.address);
    send_until_arrived(&a, &b).await;
    let address = b.address;
    b.links.close().await;
    wait_until("it is forgotten", || a.links.open_links() == 0).await;
    drop(b);
    let again = crate::endpoint::free_address();
    assert_ne!(again, address);
    let b = Endpoint::open_at(again, 2, 2, &authority);
    a.learn(b.host_id, b.address);
    send_until_arrived(&a, &b).await;
}
