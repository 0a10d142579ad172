//! A coordinator that has not heard of new owners of the data: it is told, fetches the log and begins anew with the
//! replicas as they are now, within the request's time.

#![allow(clippy::unwrap_used)]

mod node;

use starling_cql_lite::protocol::error::CqlError;
use starling_node::assembly::client::ClientResponse;
use starling_node::cluster::LogPosition;
use starling_node::message::{ClusterMessage, Payload, PeerMessage, ReplicaAnswer, ReplicaRequest, ReplyTo};
use starling_ring::HostId;
use starling_storage::model::{Mutation, Partition, ReadCommand};
use starling_storage::store::read_partitions;

use node::{Lone, host, unstamped};

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

/// Who was asked to read what since the last look, with the fence's position.
fn reads(lone: &Lone) -> Vec<(HostId, ReplyTo, LogPosition, ReadCommand)> {
    let requests = lone.sent().into_iter().filter_map(|(to, message)| match message {
        PeerMessage::Request { reply_to, fence, request: ReplicaRequest::Read { command, .. }, .. } => {
            Some((to, reply_to, fence.position, ReadCommand::decode(&command.0).unwrap()))
        }
        _ => None,
    });
    requests.collect()
}

/// What a replica answers that holds these partitions.
fn data(command: &ReadCommand, partitions: &[Partition]) -> ReplicaAnswer {
    ReplicaAnswer::Data(Payload(read_partitions(command, partitions).encode()))
}

fn answer(lone: &Lone, from: HostId, reply_to: ReplyTo, answer: ReplicaAnswer) {
    lone.node.on_peer_message(from, unstamped(PeerMessage::Answer { reply_to, answer }));
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
    let sent = reads(&lone);
    assert_eq!(sent.iter().map(|(to, ..)| *to).collect::<Vec<_>>(), [host(2)]);
    let later = lone.two_replicas();
    answer(&lone, host(2), sent[0].1, ReplicaAnswer::Stale(later.position));
    lone.learn(&later);
    lone.pass_ms(50);
    let again: Vec<HostId> = reads(&lone).into_iter().map(|(to, ..)| to).collect();
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(again.contains(&host(2)) && again.contains(&host(3)));
    assert!(lone.answers().is_empty());
}

/// A list's element is looked up before it is written: the owners may change in between.
#[test]
fn a_write_that_reads_first_goes_to_the_owners_of_then() {
    let lone = Lone::start();
    let key = lone.key_of(2);
    lone.ask("INSERT INTO k.l (a, b) VALUES (?, [5, 6])", vec![key], 1);
    let inserted = lone.sent().into_iter().find_map(|(_, message)| match message {
        PeerMessage::Request { request: ReplicaRequest::Mutate { mutation, .. }, .. } => Some(mutation),
        _ => None,
    });
    let held = Mutation::decode(&inserted.unwrap().0).unwrap().partition;
    lone.ask("UPDATE k.l SET b[0] = 9 WHERE a = ?", vec![key], 2);
    let sent = reads(&lone);
    let [(to, reply_to, _, command)] = &sent[..] else { panic!("{sent:?}") };
    let later = lone.two_replicas();
    lone.learn(&later);
    answer(&lone, *to, *reply_to, data(command, &[held]));
    let mut sent = mutations(&lone);
    sent.sort_by_key(|(to, ..)| *to);
    let written: Vec<_> = sent.iter().map(|(to, _, at)| (*to, *at)).collect();
    assert_eq!(written, [(host(2), later.position), (host(3), later.position)]);
}

/// The second key is this node's own: that its owners have changed it is told by nobody but itself.
#[test]
fn this_nodes_own_part_begins_anew_too() {
    let lone = Lone::start();
    // Keys are read in the order of their values.
    let theirs = lone.key_of(2);
    lone.ask("SELECT b FROM k.t WHERE a IN (?, ?)", vec![theirs, lone.key_from(theirs, 1)], 1);
    let sent = reads(&lone);
    let [(to, reply_to, _, command)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(*to, host(2));
    let later = lone.two_replicas();
    lone.learn(&later);
    answer(&lone, host(2), *reply_to, data(command, &[]));
    assert_eq!(lone.node.parked_count(), 1);
    lone.pass_ms(50);
    assert_eq!(lone.node.begun_anew(), 1);
    let second = reads(&lone);
    assert!(matches!(&second[..], [(to, _, at, _)] if *to == host(2) && *at == later.position), "{second:?}");
    assert!(lone.answers().is_empty(), "both replicas are to answer");
}
