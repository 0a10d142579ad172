//! Which cluster a node is a member of: two refuse each other, and who is a member of none hears of them.

use starling_node::message::Destination;
use starling_node::server::links::hello::Greeting;

use crate::endpoint::{Endpoint, cluster, control, host, wait_until};
use crate::stranger::{Stranger, attack, greeting, greeting_and_message, this_greeting_and_message};

/// Two nodes that know each other, each a member of a cluster or of none.
fn pair(clusters: [Option<u128>; 2]) -> (tempfile::TempDir, Endpoint, Endpoint) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
    a.learn(b.host_id, b.address);
    b.learn(a.host_id, a.address);
    for (node, number) in [&a, &b].into_iter().zip(clusters) {
        number.into_iter().for_each(|number| node.links.set_cluster(cluster(number)));
    }
    (folder, a, b)
}

#[tokio::test]
async fn members_of_two_clusters_exchange_nothing_and_hear_of_each_other() {
    let (_folder, a, b) = pair([Some(1), Some(2)]);
    a.send(b.host_id, control(1));
    b.links.send(Destination::Address(a.address), control(2));
    wait_until("both have given up", || a.dropped() == 1 && b.dropped() == 1).await;
    assert_eq!((a.count(), b.count(), a.sent(), b.sent()), (0, 0, 0, 0));
    assert_eq!((a.links.open_links(), b.links.open_links()), (0, 0));
    assert_eq!(a.clusters_heard(), [cluster(2)]);
    assert_eq!(b.clusters_heard(), [cluster(1)]);
}

#[tokio::test]
async fn the_refused_one_is_told_both_ids() {
    let (folder, node, _) = pair([Some(1), None]);
    let dialler = Stranger::of_authority(&folder.path().join("ca")).dialler();
    let foreign = Greeting { cluster_id: Some(cluster(2)), ..greeting(host(9)) };
    let first = [0, 1].map(|lane| this_greeting_and_message(&foreign, lane));
    let refused = attack(&dialler, node.address, first).await;
    for part in [cluster(1).to_string(), cluster(2).to_string(), "two clusters".into()] {
        assert!(refused.contains(&part), "{refused}");
    }
    assert_eq!(node.clusters_heard(), [cluster(2)]);
    // One link has one greeting: a change of mind from lane to lane is refused too.
    let first = [greeting_and_message(host(9), 0), this_greeting_and_message(&foreign, 1)];
    let refused = attack(&dialler, node.address, first).await;
    assert!(refused.contains("disagree"), "{refused}");
    assert_eq!((node.count(), node.links.open_links()), (0, 0));
}

#[tokio::test]
async fn members_of_one_cluster_talk() {
    let (_folder, a, b) = pair([Some(1), Some(1)]);
    a.send(b.host_id, control(1));
    wait_until("it has arrived", || b.count() == 1).await;
    // Told again and again, the link stands.
    a.links.set_cluster(cluster(1));
    b.links.set_cluster(cluster(1));
    b.send(a.host_id, control(2));
    wait_until("it is answered", || a.count() == 1).await;
    assert_eq!((a.clusters_heard(), b.clusters_heard()), (vec![cluster(1)], vec![cluster(1)]));
    assert_eq!((a.links.open_links(), b.links.open_links()), (1, 1));
}

#[tokio::test]
async fn a_node_of_no_cluster_hears_of_one_whoever_dials() {
    let (_folder, member, stranger) = pair([Some(1), None]);
    member.send(stranger.host_id, control(1));
    wait_until("it has arrived", || stranger.count() == 1).await;
    assert_eq!((stranger.clusters_heard(), member.clusters_heard()), (vec![cluster(1)], vec![]));

    let (_folder, member, stranger) = pair([Some(1), None]);
    stranger.links.send(Destination::Address(member.address), control(1));
    wait_until("it has arrived", || member.count() == 1).await;
    assert_eq!((stranger.clusters_heard(), member.clusters_heard()), (vec![cluster(1)], vec![]));
}

#[tokio::test]
async fn a_dialler_that_finds_another_host_still_tells_it_of_its_cluster() {
    let (_folder, member, wiped) = pair([Some(1), None]);
    // Host 3 was there once: it is the same machine with an empty disk.
    member.learn(host(3), wiped.address);
    member.send(host(3), control(1));
    wait_until("the message is given up", || member.dropped() == 1).await;
    wait_until("it has heard", || wiped.clusters_heard() == [cluster(1)]).await;
    assert_eq!((member.sent(), wiped.count()), (0, 0));
}

#[tokio::test]
async fn a_link_ends_when_its_ends_become_members_of_two_clusters() {
    let (_folder, a, b) = pair([None, Some(2)]);
    a.send(b.host_id, control(1));
    wait_until("it has arrived", || b.count() == 1).await;
    a.links.set_cluster(cluster(1));
    wait_until("the link has ended", || a.links.open_links() + b.links.open_links() == 0).await;
}

#[tokio::test]
async fn a_link_of_two_that_were_members_of_none_is_made_anew() {
    let (_folder, a, b) = pair([None, None]);
    a.send(b.host_id, control(1));
    wait_until("it has arrived", || b.count() == 1).await;
    a.links.set_cluster(cluster(1));
    let mut number = 1;
    // What the peer sends while the old link ends may be lost.
    wait_until("the other hears of the cluster", || {
        number += 1;
        b.send(a.host_id, control(number));
        b.clusters_heard() == [cluster(1)]
    })
    .await;
    b.links.set_cluster(cluster(1));
    let before = (a.count(), b.count());
    wait_until("they talk in both directions", || {
        number += 1;
        a.send(b.host_id, control(number));
        b.send(a.host_id, control(number));
        a.count() > before.0 && b.count() > before.1
    })
    .await;
}
