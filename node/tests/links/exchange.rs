//! Two nodes under one authority.

use std::time::Duration;

use starling_node::message::Destination;

use crate::endpoint::{Endpoint, control, data, wait_until};

#[tokio::test]
async fn messages_arrive_in_order_on_both_lanes_in_both_directions() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
    a.learn(b.host_id, b.address);
    b.learn(a.host_id, a.address);
    for number in 0..100 {
        a.send(b.host_id, control(number));
        a.send(b.host_id, data(number, 300));
        b.send(a.host_id, control(number));
        b.send(a.host_id, data(number, 300));
    }
    wait_until("all have arrived", || a.count() == 200 && b.count() == 200).await;
    for (to, from) in [(&a, &b), (&b, &a)] {
        let arrived = to.arrived();
        assert!(arrived.iter().all(|(sender, _)| *sender == from.host_id));
        let lane =
            |wanted| arrived.iter().map(|(_, m)| m.clone()).filter(|m| m.message.lane() == wanted).collect::<Vec<_>>();
        assert_eq!(lane(control(0).message.lane()).len(), 100);
        assert_eq!(lane(data(0, 0).message.lane()).len(), 100);
        assert_eq!(to.dropped(), 0);
        assert_eq!(to.sent(), 200);
    }
}

#[tokio::test]
async fn an_answer_takes_the_link_that_its_question_came_by() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
    // A knows only an address, as of a seed; B knows no address at all.
    a.links.send(Destination::Address(b.address), control(1));
    wait_until("the question is there", || b.count() == 1).await;
    b.send(a.host_id, control(2));
    wait_until("the answer is there", || a.count() == 1).await;
    // And A knows the peer by its identity now.
    a.send(b.host_id, control(3));
    wait_until("it is known", || b.count() == 2).await;
    assert_eq!(b.arrived()[1], (a.host_id, control(3)));
    assert_eq!((a.links.open_links(), b.links.open_links()), (1, 1));
}

#[tokio::test]
async fn large_messages_pass_and_do_not_hold_up_the_control_lane() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
    a.learn(b.host_id, b.address);
    a.send(b.host_id, control(0));
    wait_until("they are linked", || b.count() == 1).await;
    a.send(b.host_id, data(1, 24 << 20));
    a.send(b.host_id, control(2));
    wait_until("both have arrived", || b.count() == 3).await;
    assert!(b.arrived()[1].1 == control(2), "the control lane waited for data");
    assert!(b.arrived()[2].1 == data(1, 24 << 20), "the data has changed");
}

#[tokio::test]
async fn both_dial_at_once_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    for round in 0..8 {
        let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
        a.learn(b.host_id, b.address);
        b.learn(a.host_id, a.address);
        for number in 0..20 {
            a.send(b.host_id, control(number));
            b.send(a.host_id, data(number, 100));
            if number % 4 == round % 4 {
                tokio::task::yield_now().await;
            }
        }
        wait_until("all have arrived", || a.count() == 20 && b.count() == 20).await;
        assert_eq!((a.dropped(), b.dropped()), (0, 0));
        a.links.close().await;
        b.links.close().await;
    }
}

#[tokio::test]
async fn what_was_sent_before_closing_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
    a.learn(b.host_id, b.address);
    a.send(b.host_id, control(0));
    wait_until("they are linked", || b.count() == 1).await;
    for number in 0..50 {
        a.send(b.host_id, data(number, 10_000));
        a.send(b.host_id, control(number));
    }
    a.links.close().await;
    wait_until("all have arrived", || b.count() == 101).await;
    wait_until("the link is forgotten", || b.links.open_links() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_costs_bounded_memory_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let (a, b) = (Endpoint::open(1, &authority), Endpoint::open(2, &authority));
    let deaf = crate::stranger::Stranger::of_authority(&authority);
    let listener = deaf.listen();
    let deaf_address = listener.local_addr().unwrap();
    let greeted = tokio::spawn(crate::stranger::greet_and_read_nothing(listener, crate::endpoint::host(9)));
    a.learn(crate::endpoint::host(9), deaf_address);
    a.learn(b.host_id, b.address);
    a.send(crate::endpoint::host(9), control(0));
    wait_until("they are linked", || a.links.open_links() == 1).await;
    // Four times what its queue, QUIC's buffers and the receiver's window may hold.
    let mut most_bytes = 0;
    for number in 0..240 {
        a.send(crate::endpoint::host(9), data(number, 1 << 20));
        most_bytes = most_bytes.max(a.links.queued_bytes());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(a.dropped() > 100, "{} dropped", a.dropped());
    assert_eq!(a.sent() + a.dropped(), 241);
    assert!(most_bytes <= 34 << 20, "{most_bytes} bytes were queued");
    // Others are served meanwhile.
    a.send(b.host_id, control(1));
    wait_until("the other peer has it", || b.count() == 1).await;
    greeted.abort();
}

#[tokio::test]
async fn what_waits_for_a_link_is_bounded_too() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca");
    let a = Endpoint::open(1, &authority);
    let silent = std::net::UdpSocket::bind(crate::endpoint::ANY_PORT).unwrap();
    a.learn(crate::endpoint::host(9), silent.local_addr().unwrap());
    for number in 0..40 {
        a.send(crate::endpoint::host(9), data(number, 1 << 20));
    }
    assert!((30..=33).contains(&a.dropped()), "{} dropped", a.dropped());
    // The attempt ends, and what waited is counted.
    wait_until("it is given up", || a.dropped() == 40).await;
    assert_eq!(a.sent(), 0);
}
