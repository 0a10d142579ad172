//! Who is not let in, and that they hear of it.

use starling_node::message::{Destination, MESSAGE_VERSION};

use crate::endpoint::{ANY_PORT, Endpoint, control, host, wait_until};
use crate::stranger::{Stranger, attack, greeting_and_message};

/// A node, and the folder of its authority.
fn node() -> (tempfile::TempDir, Endpoint) {
    let folder = tempfile::tempdir().unwrap();
    let node = Endpoint::open(1, &folder.path().join("ca"));
    (folder, node)
}

/// A node of the same authority still gets through.
async fn still_serves(folder: &tempfile::TempDir, node: &Endpoint) {
    let before = node.count();
    let friend = Endpoint::open(77, &folder.path().join("ca"));
    friend.learn(node.host_id, node.address);
    friend.send(node.host_id, control(1));
    wait_until("a good node gets through", || node.count() == before + 1).await;
}

#[tokio::test]
async fn without_a_certificate_not_one_message_passes() {
    let (folder, node) = node();
    let dialler = Stranger::without_certificate().dialler();
    let first = [greeting_and_message(host(9), 0), greeting_and_message(host(9), 1)];
    let refused = attack(&dialler, node.address, first).await;
    assert!(refused.contains("certificate"), "{refused}");
    assert_eq!((node.count(), node.links.open_links()), (0, 0));
    still_serves(&folder, &node).await;
}

#[tokio::test]
async fn with_a_certificate_of_another_authority_not_one_message_passes() {
    let (folder, node) = node();
    Endpoint::open(2, &folder.path().join("foreign"));
    let dialler = Stranger::of_authority(&folder.path().join("foreign")).dialler();
    let first = [greeting_and_message(host(9), 0), greeting_and_message(host(9), 1)];
    let refused = attack(&dialler, node.address, first).await;
    assert!(refused.contains("ecrypt") || refused.contains("ertificate") || refused.contains("unknown"), "{refused}");
    assert_eq!((node.count(), node.links.open_links()), (0, 0));
    still_serves(&folder, &node).await;
}

#[tokio::test]
async fn nodes_of_two_authorities_exchange_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let a = Endpoint::open(1, &folder.path().join("ca"));
    let b = Endpoint::open(2, &folder.path().join("foreign"));
    a.learn(b.host_id, b.address);
    b.learn(a.host_id, a.address);
    a.send(b.host_id, control(1));
    b.links.send(Destination::Address(a.address), control(2));
    wait_until("both have given up", || a.dropped() == 1 && b.dropped() == 1).await;
    assert_eq!((a.count(), b.count()), (0, 0));
    assert_eq!((a.sent(), b.sent()), (0, 0));
    assert_eq!((a.links.open_links(), b.links.open_links()), (0, 0));
}

#[tokio::test]
async fn a_server_of_another_authority_gets_not_one_byte() {
    let (folder, node) = node();
    Endpoint::open(2, &folder.path().join("foreign"));
    let listener = Stranger::of_authority(&folder.path().join("foreign")).listen();
    node.learn(host(9), listener.local_addr().unwrap());
    node.send(host(9), control(1));
    let incoming = listener.accept().await.unwrap();
    let error = incoming.await.expect_err("the node hangs up in the handshake");
    assert!(error.to_string().contains("ertificate") || error.to_string().contains("unknown"), "{error}");
    wait_until("the message is given up", || node.dropped() == 1).await;
    assert_eq!(node.links.open_links(), 0);
}

#[tokio::test]
async fn plain_udp_does_no_harm() {
    let (folder, node) = node();
    let socket = std::net::UdpSocket::bind(ANY_PORT).unwrap();
    let mut state = 1u64;
    for length in (0..1_400).step_by(7) {
        let garbage: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        socket.send_to(&garbage, node.address).unwrap();
        // What looks like an Initial packet of QUIC version 1, and of no version.
        for lead in [[0xC0, 0, 0, 0, 1, 8], [0xC0, 0xDE, 0xAD, 0xBE, 0xEF, 8]] {
            let mut long = lead.to_vec();
            long.extend_from_slice(&garbage);
            socket.send_to(&long, node.address).unwrap();
        }
    }
    still_serves(&folder, &node).await;
    assert_eq!(node.count(), 1);
}

#[tokio::test]
async fn another_message_version_is_refused_by_name() {
    let (folder, node) = node();
    let dialler = Stranger::of_authority(&folder.path().join("ca")).dialler();
    let mut first = [greeting_and_message(host(9), 0), greeting_and_message(host(9), 1)];
    first.iter_mut().for_each(|bytes| bytes[4] = MESSAGE_VERSION + 1);
    let refused = attack(&dialler, node.address, first).await;
    let named = format!("message version {} is not spoken here, only {MESSAGE_VERSION}", MESSAGE_VERSION + 1);
    assert!(refused.contains(&named), "{refused}");
    assert_eq!((node.count(), node.links.open_links()), (0, 0));
    still_serves(&folder, &node).await;
}

#[tokio::test]
async fn hostile_greetings_are_refused() {
    let (folder, node) = node();
    let dialler = Stranger::of_authority(&folder.path().join("ca")).dialler();
    let good = |lane| greeting_and_message(host(9), lane);
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = good(0);
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let own = greeting_and_message(node.host_id, 0);
    for (first, reason) in [
        ([b"GET / HTTP/1.1\r\n\r\n".to_vec(), good(1)], "not a Starling node"),
        ([changed(5, &[9]), good(1)], "unknown lane 9"),
        ([changed(6, &[0xff, 0xff]), good(1)], "greeting of 65535 bytes"),
        ([changed(6, &[0, 0]), good(1)], "malformed"),
        ([changed(8, &[0xff; 24]), good(1)], "malformed"),
        // The length of the cluster's name.
        ([changed(8 + 16 + 2, &[252, 0xff, 0xff]), good(1)], ""),
        ([good(0), good(0)], "disagree"),
        ([good(0), greeting_and_message(host(10), 1)], "disagree"),
        ([own, good(1)], "is this node itself"),
        // Half a greeting, and nothing more.
        ([good(0)[..20].to_vec(), Vec::new()], "no greeting"),
    ] {
        let refused = attack(&dialler, node.address, first).await;
        assert!(refused.contains(reason), "wanted {reason}: {refused}");
        assert_eq!(node.links.open_links(), 0, "{reason}");
    }
    assert_eq!(node.count(), 0);
    still_serves(&folder, &node).await;
}

#[tokio::test]
async fn hostile_frames_end_the_link() {
    let (folder, node) = node();
    let dialler = Stranger::of_authority(&folder.path().join("ca")).dialler();
    for (number, frame) in [
        &[0xff, 0xff, 0xff, 0xff, MESSAGE_VERSION][..],
        &[0, 0, 0, 0, MESSAGE_VERSION],
        &[2, 0, 0, 0, MESSAGE_VERSION + 1, 0],
        &[4, 0, 0, 0, MESSAGE_VERSION, 0xff, 0xff, 0xff],
        // A payload that claims almost all memory.
        &[13, 0, 0, 0, MESSAGE_VERSION, 1, 0, 0, 1, 253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ]
    .into_iter()
    .enumerate()
    {
        let mut first = [greeting_and_message(host(9), 0), greeting_and_message(host(9), 1)];
        first[1].extend_from_slice(frame);
        attack(&dialler, node.address, first).await;
        wait_until("the good messages before it are there", || node.count() == 2 * (number + 1)).await;
        wait_until("the link is forgotten", || node.links.open_links() == 0).await;
    }
    still_serves(&folder, &node).await;
}

#[tokio::test]
async fn an_address_that_is_now_another_node_gets_no_message() {
    let (folder, node) = node();
    let other = Endpoint::open(3, &folder.path().join("ca"));
    // Host 2 was there once.
    node.learn(host(2), other.address);
    node.send(host(2), control(1));
    wait_until("the message is given up", || node.dropped() == 1).await;
    assert_eq!((node.sent(), other.count()), (0, 0));
    wait_until("no link is left", || node.links.open_links() + other.links.open_links() == 0).await;
    // Under its own name it is reached.
    node.learn(other.host_id, other.address);
    node.send(other.host_id, control(2));
    wait_until("it is there", || other.count() == 1).await;
}
