//! A node with an empty disk that hears of a cluster by a greeting, before anybody has answered it.

use std::net::SocketAddr;

use uuid::Uuid;

use crate::network::{Network, address, identity};

const HEARD: Uuid = Uuid::from_u128(77);

fn hear(network: &mut Network, place: usize) {
    network.machines[place].life.as_mut().unwrap().on_cluster_heard(HEARD);
}

#[test]
fn it_founds_no_second_cluster() {
    // By itself it would found one: it is the first of two seeds, and the other is not there.
    let mut network = Network::new(1);
    let place = network.add(identity(1));
    hear(&mut network, place);
    network.run_for(60_000);
    assert!(network.cluster(place).metadata().is_none());
    assert_eq!(network.machines[place].fatal, None);
    // It goes on asking.
    let other = network.add(identity(2));
    hear(&mut network, other);
    network.run_for(10_000);
    assert!(network.cluster(other).metadata().is_none());
}

#[test]
fn without_a_seed_to_ask_it_ends_with_a_message_that_helps() {
    for seeds in [Vec::new(), vec![SocketAddr::new(address(1), 7000)]] {
        let mut network = Network::new(1);
        let mut alone = identity(1);
        alone.seeds = seeds;
        let place = network.add(alone);
        hear(&mut network, place);
        network.run_until(1_000, |n| n.machines[place].fatal.is_some());
        let reason = network.machines[place].fatal.clone().unwrap();
        for part in [&HEARD.to_string(), "bring the data directory back", "another address", "as its seed"] {
            assert!(reason.contains(part), "{reason}");
        }
        assert!(network.machines[place].life.as_ref().is_none_or(|life| life.metadata().is_none()));
    }
}

#[test]
fn a_member_does_not_care() {
    let mut network = Network::formed(1, 3);
    (0..3).for_each(|place| hear(&mut network, place));
    network.run_for(5_000);
    assert!(network.machines.iter().all(|machine| machine.fatal.is_none()));
    assert_eq!(network.common_epoch(), Some(5));
}
