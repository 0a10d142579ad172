//! Founding, joining, being refused, coming back.

use std::net::SocketAddr;

use starling_node::cluster::{ChangeRequest, Identity};
use starling_node::schema::FIRST_USER_TABLE_ID;

use crate::network::{Network, ROUGH, address, identity};

/// A cluster of `count` with one table.
fn with_table(count: u8) -> Network {
    let mut network = Network::formed(1, count);
    network.create_keyspace(0, "k");
    let ticket = network.create_table(0, "k");
    network.run_until(10_000, |n| n.done.contains_key(&ticket));
    network.done[&ticket].as_ref().unwrap();
    let id = network.metadata(0).schema.keyspaces["k"].tables["t"].table.id;
    assert!(id >= FIRST_USER_TABLE_ID, "{id:?} is a number of the system's tables");
    network
}

#[test]
fn nodes_join_one_after_another() {
    let mut network = Network::new(1);
    for number in 1..=4 {
        let place = network.add(identity(number));
        network.run_until(30_000, |n| n.machines[place].is_ready);
        assert_eq!(network.metadata(place).members.len(), usize::from(number));
    }
    network.run_until(5_000, |n| n.common_epoch() == Some(7));
    let tokens: usize = network.metadata(0).members.iter().map(|m| m.tokens.len()).sum();
    assert_eq!(tokens, 16);
}

#[test]
fn nodes_join_all_at_once_in_any_weather() {
    for seed in 0..10 {
        let mut network = Network::new(seed);
        if seed % 2 == 1 {
            network.weather = ROUGH;
        }
        for number in 1..=5 {
            network.add(identity(number));
        }
        network.run_until(240_000, |n| n.machines.iter().all(|m| m.is_ready));
        network.run_until(30_000, |n| n.common_epoch() == Some(9));
        assert!(network.machines.iter().all(|m| m.fatal.is_none()));
    }
}

/// Ready means known: by then every other live member counts the newcomer among the living.
#[test]
fn who_is_ready_is_seen_alive_by_all() {
    let mut network = Network::new(3);
    for number in 1..=3 {
        let place = network.add(identity(number));
        network.run_until(30_000, |n| n.machines[place].is_ready);
        let host = network.machines[place].identity.member.host_id;
        assert!((0..=place).all(|other| network.cluster(other).is_alive(host)));
    }
}

#[test]
fn another_cluster_name_is_refused() {
    let mut network = Network::formed(1, 2);
    let mut stranger = identity(9);
    stranger.cluster_name = "other".into();
    let place = network.add(stranger);
    network.run_until(5_000, |n| n.machines[place].fatal.is_some());
    assert!(network.machines[place].fatal.as_ref().unwrap().contains("named \"test\""));
    assert_eq!(network.metadata(0).members.len(), 2);
}

#[test]
fn a_wiped_node_is_refused_under_its_old_address() {
    let mut network = Network::formed(1, 3);
    for wiped in [2, 0] {
        network.stop(wiped);
        let mut fresh = identity(40 + wiped as u8);
        fresh.member.listen_address = address(wiped as u8 + 1);
        let place = network.add(fresh);
        network.run_until(30_000, |n| n.machines[place].fatal.is_some());
        assert!(network.machines[place].fatal.as_ref().unwrap().contains("empty disk"));
        assert!(network.machines[place].disk.is_empty(), "it has founded nothing");
    }
}

/// Two fresh nodes that claim one address at two members at the same time.
#[test]
fn one_address_is_given_once() {
    for seed in 0..20 {
        let mut network = Network::formed(seed, 2);
        let (first, mut second) = (identity(3), identity(4));
        second.member.listen_address = address(3);
        let (a, b) = (network.add(first), network.add(second));
        network.run_until(30_000, |n| n.machines[a].fatal.is_some() || n.machines[b].fatal.is_some());
        network.run_for(5_000);
        assert_eq!(network.metadata(0).members.len(), 3);
    }
}

/// The seed was away while the holder of the address left: it refuses until it has caught up, and is asked again.
#[test]
fn a_refusal_of_a_seed_that_is_behind_is_not_final() {
    let mut network = Network::formed(1, 4);
    let (seed, leaves) = (1, 3);
    let host = network.machines[leaves].identity.member.host_id;
    network.stop(seed);
    network.request(0, 500, ChangeRequest::begin_leave(host));
    network.run_until(30_000, |n| n.machines[leaves].fatal.is_some());
    network.start(seed);
    assert!(network.metadata(seed).member(host).is_some(), "the seed has not heard of it");
    let mut newcomer = identity(9);
    newcomer.member.listen_address = address(4);
    newcomer.seeds = vec![SocketAddr::new(address(2), 7000)];
    let place = network.add(newcomer);
    network.run_until(30_000, |n| n.machines[place].is_ready);
}

#[test]
fn once_there_are_tables_nobody_joins() {
    let mut network = with_table(2);
    let place = network.add(identity(3));
    network.run_until(5_000, |n| n.machines[place].fatal.is_some());
    assert!(network.machines[place].fatal.as_ref().unwrap().contains("tables"));
    assert_eq!(network.metadata(0).members.len(), 2);
}

#[test]
fn a_member_comes_back_under_another_address() {
    let mut network = with_table(3);
    let before = network.metadata(0);
    network.stop(1);
    network.run_for(2_000);
    network.machines[1].identity.member.listen_address = address(77);
    network.start(1);
    let host = network.machines[1].identity.member.host_id;
    network.run_until(60_000, |n| n.metadata(0).member(host).unwrap().listen_address == address(77));
    network.run_for(30_000);
    let (old, new) = (before.member(host).unwrap(), network.metadata(2).member(host).unwrap().clone());
    assert_eq!((&new.tokens, &new.rack, &new.datacenter), (&old.tokens, &old.rack, &old.datacenter));
    assert_eq!(network.common_epoch(), Some(before.epoch() + 1), "one change, not one per attempt");
}

#[test]
fn a_restart_in_another_place_or_cluster_is_refused() {
    let mut network = with_table(2);
    let changes: [fn(&mut Identity); 2] = [|i| i.member.rack = "r9".into(), |i| i.cluster_name = "x".into()];
    for change in changes {
        let kept = network.machines[1].identity.clone();
        network.stop(1);
        change(&mut network.machines[1].identity);
        network.start(1);
        assert!(network.machines[1].fatal.take().is_some());
        network.machines[1].identity = kept;
    }
    network.start(1);
    network.run_until(30_000, |n| n.machines[1].is_ready);
}

/// A node that was let in and stopped before it was a member; the others have forgotten it meanwhile.
fn forgotten_on_its_way_in(network: &mut Network) -> usize {
    let place = network.add(identity(9));
    network.run_until(5_000, |n| n.cluster(place).metadata().is_some());
    network.stop(place);
    network.run_for(20);
    assert_eq!(network.metadata(0).joining.len(), 1);
    network.run_until(120_000, |n| n.metadata(0).joining.is_empty());
    place
}

/// Nobody whom it knows is there any more, and nobody who is there knows it: it asks its seeds again.
#[test]
fn who_was_forgotten_and_knows_only_the_dead_is_told_by_its_seeds() {
    let mut network = Network::formed(1, 1);
    let place = forgotten_on_its_way_in(&mut network);
    network.grow(2..=4);
    network.stop(0);
    network.run_for(90_000);
    network.machines[place].identity.seeds = vec![SocketAddr::new(address(3), 7000)];
    network.start(place);
    network.run_until(60_000, |n| n.machines[place].fatal.is_some());
    assert!(network.machines[place].fatal.as_ref().unwrap().contains("not a member"));
    assert!(network.metadata(2).joining.is_empty(), "nothing is left of it");
}

/// A member that was away while the only other one went and new ones came: it knows none of those that are there.
#[test]
fn a_member_that_knows_only_who_has_left_catches_up_from_its_seeds() {
    let mut network = Network::formed(1, 3);
    let away = 2;
    network.stop(away);
    network.grow(4..=6);
    for leaves in [0, 1] {
        let host = network.machines[leaves].identity.member.host_id;
        network.request(4, 500 + leaves as u64, ChangeRequest::begin_leave(host));
        network.run_until(120_000, |n| n.machines[leaves].fatal.is_some());
    }
    network.machines[away].identity.seeds = vec![SocketAddr::new(address(5), 7000)];
    network.start(away);
    network.run_until(60_000, |n| n.common_epoch().is_some() && n.machines[away].is_ready);
}

/// One of three is dead and another is taken out: the dead one must not be needed to decide that it has left.
#[test]
fn deciders_are_never_chosen_so_that_too_few_are_alive() {
    let mut network = Network::formed(1, 3);
    let hosts = [0, 1, 2].map(|place| network.machines[place].identity.member.host_id);
    network.stop(2);
    network.run_until(60_000, |n| !n.cluster(0).is_alive(hosts[2]));
    network.request(0, 100, ChangeRequest::begin_leave(hosts[1]));
    network.run_until(15_000, |n| n.done.contains_key(&100));
    network.done[&100].as_ref().unwrap();
    network.run_until(30_000, |n| n.metadata(0).member(hosts[1]).is_none());
    assert_eq!(network.metadata(0).deciders, [hosts[0]]);
    let ticket = network.create_keyspace(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    network.done[&ticket].as_ref().unwrap();
}

/// Two nodes want the place of one dead member: the second is told so, and holds nothing up.
#[test]
fn a_dead_member_is_replaced_by_one() {
    let mut network = Network::formed(1, 3);
    network.stop(2);
    let dead = network.machines[2].identity.member.host_id;
    network.run_until(60_000, |n| (0..2).all(|place| !n.cluster(place).is_alive(dead)));
    for number in [4, 5] {
        let mut newcomer = identity(number);
        newcomer.replaces = Some(address(3));
        network.add(newcomer);
    }
    network.run_until(60_000, |n| n.machines[3].is_ready || n.machines[4].is_ready);
    network.run_for(10_000);
    assert_eq!(network.metadata(0).members.len(), 3);
    assert!(network.metadata(0).joining.is_empty());
    let ticket = network.create_keyspace(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    network.done[&ticket].as_ref().unwrap();
}
