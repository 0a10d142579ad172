//! A coordinator that has not heard of new owners of the data: it is told, fetches the log and begins anew with the
//! replicas as they are now, within the request's time.

#![allow(clippy::unwrap_used)]

mod node;

use starling_cql_lite::protocol::error::CqlError;
use starling_node::assembly::client::ClientResponse;
use starling_node::cluster::LogPosition;
use starling_node::message::{ClusterMessage, PeerMessage, ReplicaAnswer, ReplicaRequest, ReplyTo};
use starling_ring::HostId;

use node::{Lone, host};

/// Who was sent a mutation since the last look, with the fence's position.
fn mutations(lone: &Lone) -> Vec<(HostId, ReplyTo, LogPosition)> {
    let requests = lone.sent().into_iter().filter_map(|(to, message)| match message {
        PeerMessage::Request { reply_to, fence, request: ReplicaRequest::Mutate { .. }, .. } => {
            Some((to, reply_to, fence.position))
        }
        _ => None,
    });
    requests.collect()
}

fn answer(lone: &Lone, from: HostId, reply_to: ReplyTo, answer: ReplicaAnswer) {
    lone.node.on_peer_message(from, PeerMessage::Answer { reply_to, answer });
}

#[test]
fn a_write_begins_anew_with_the_new_owners() {
    let lone = Lone::start();
    let key = lone.key_of(2);
    lone.write(key, 1);
    let sent = mutations(&lone);
    let [(to, reply_to, position)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!((to, position), (host(2), lone.metadata.position));
    let later = lone.two_replicas();
    answer(&lone, host(2), reply_to, ReplicaAnswer::Stale(later.position));
    let asked = lone.sent();
    let is_fetch = |m: &PeerMessage| matches!(m, PeerMessage::Cluster(_, ClusterMessage::Fetch));
    assert!(asked.iter().any(|(to, message)| *to == host(2) && is_fetch(message)), "{asked:?}");
    lone.pass_ms(50);
    assert_eq!(mutations(&lone), [], "not before the log is here");
    lone.learn(&later);
    lone.pass_ms(50);
    let mut sent = mutations(&lone);
    sent.sort_by_key(|(to, ..)| *to);
    assert_eq!(
        sent.iter().map(|(to, _, at)| (*to, *at)).collect::<Vec<_>>(),
        [(host(2), later.position), (host(3), later.position)]
    );
    assert_eq!(lone.node.begun_anew(), 1);
    for (from, reply_to, _) in sent {
        assert!(lone.answers().is_empty(), "both have to apply it");
        answer(&lone, from, reply_to, ReplicaAnswer::Applied);
    }
    assert!(matches!(&lone.answers()[..], [(1, ClientResponse::Void)]));
}

#[test]
fn its_time_is_that_of_the_request() {
    let lone = Lone::start();
    lone.write(lone.key_of(2), 1);
    let sent = mutations(&lone);
    let later = lone.two_replicas();
    answer(&lone, host(2), sent[0].1, ReplicaAnswer::Stale(later.position));
    lone.pass_ms(1_900);
    assert!(lone.answers().is_empty());
    assert_eq!(lone.node.parked_count(), 1);
    lone.pass_ms(200);
    let answers = lone.answers();
    assert!(
        matches!(&answers[..], [(1, ClientResponse::Error(CqlError::WriteTimeout { .. }))]),
        "{} answers",
        answers.len()
    );
    assert_eq!(lone.node.parked_count(), 0);
}

/// Some replica may have applied it already: Unavailable would promise that none has.
#[test]
fn nobody_is_told_for_certain_that_it_was_not_done() {
    let lone = Lone::start();
    lone.bury(host(3));
    lone.write(lone.key_of(2), 1);
    let sent = mutations(&lone);
    let later = lone.two_replicas();
    answer(&lone, host(2), sent[0].1, ReplicaAnswer::Stale(later.position));
    lone.learn(&later);
    lone.pass_ms(50);
    let answers = lone.answers();
    assert!(
        matches!(&answers[..], [(1, ClientResponse::Error(CqlError::WriteTimeout { .. }))]),
        "{} answers",
        answers.len()
    );
}

#[test]
fn a_read_begins_anew_too() {
    let lone = Lone::start();
    lone.read(lone.key_of(2), 7);
    let reads = |lone: &Lone| {
        let sent = lone.sent().into_iter().filter_map(|(to, message)| match message {
            PeerMessage::Request { reply_to, request: ReplicaRequest::Read { .. }, .. } => Some((to, reply_to)),
            _ => None,
        });
        sent.collect::<Vec<_>>()
    };
    let sent = reads(&lone);
    assert_eq!(sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [host(2)]);
    let later = lone.two_replicas();
    answer(&lone, host(2), sent[0].1, ReplicaAnswer::Stale(later.position));
    lone.learn(&later);
    lone.pass_ms(50);
    let again: Vec<HostId> = reads(&lone).into_iter().map(|(to, _)| to).collect();
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(again.contains(&host(2)) && again.contains(&host(3)));
    assert!(lone.answers().is_empty());
}
