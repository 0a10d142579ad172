//! Members that leave, and what waits for them meanwhile.

use starling_node::cluster::{ChangeRequest, Standing};
use starling_ring::HostId;

use crate::network::Network;

fn host(network: &Network, place: usize) -> HostId {
    network.machines[place].identity.member.host_id
}

/// Asks at `place` that a member leaves; its entry is there, and the member still is too.
fn begin_leave(network: &mut Network, place: usize, leaves: HostId) {
    let ticket = 1_000 + network.now_ms;
    network.request(place, ticket, ChangeRequest::begin_leave(leaves));
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    network.done[&ticket].as_ref().unwrap();
    assert_eq!(network.metadata(place).standing(leaves), Standing::Leaving);
}

/// A table waits until nobody is leaving, at the very node that takes the leaving out; a keyspace waits for nothing.
#[test]
fn what_waits_for_a_leaving_member_holds_nothing_up() {
    let mut network = Network::formed(1, 3);
    let leaves = host(&network, 2);
    network.create_keyspace(0, "k");
    network.run_for(1_000);
    begin_leave(&mut network, 0, leaves);
    let table = network.create_table(0, "k");
    let keyspace = network.create_keyspace(0, "j");
    network.run_until(1_000, |n| n.done.contains_key(&keyspace));
    network.done[&keyspace].as_ref().unwrap();
    network.run_until(5_000, |n| n.done.contains_key(&table));
    let metadata = network.done[&table].as_ref().unwrap();
    assert_eq!(metadata.standing(leaves), Standing::Left);
}

/// It was away when it was taken out; all members that it knows have left since, and its seeds with them.
#[test]
fn who_was_taken_out_while_away_and_knows_nobody_is_told() {
    let mut network = Network::formed(1, 3);
    let away = 2;
    network.stop(away);
    network.grow(4..=6);
    for leaves in [away, 0, 1] {
        let host = host(&network, leaves);
        begin_leave(&mut network, 4, host);
        network.run_until(60_000, |n| n.metadata(4).member(host).is_none());
    }
    network.run_until(10_000, |n| n.machines[0].fatal.is_some() && n.machines[1].fatal.is_some());
    network.start(away);
    network.run_until(60_000, |n| n.machines[away].fatal.is_some());
    let reason = network.machines[away].fatal.as_ref().unwrap();
    assert!(reason.contains("has left"), "{reason}");
}

/// The only one that is left to go on from was on its way out.
#[test]
fn a_log_is_recovered_by_a_member_that_was_leaving() {
    let mut network = Network::formed(1, 3);
    let own = host(&network, 0);
    begin_leave(&mut network, 1, own);
    network.run_until(100, |n| n.metadata(0).standing(own) == Standing::Leaving);
    let others = [host(&network, 1), host(&network, 2)];
    network.stop(1);
    network.stop(2);
    network.run_until(60_000, |n| others.iter().all(|other| !n.cluster(0).is_alive(*other)));
    let position = network.recover(0);
    assert_eq!(network.metadata(0).position, position);
    assert_eq!(network.metadata(0).standing(own), Standing::Normal);
    let ticket = network.create_keyspace(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    network.done[&ticket].as_ref().unwrap();
}
