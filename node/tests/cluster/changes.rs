//! Schema changes from everywhere at once: decided once per epoch, whatever is lost, doubled, late or restarted.

use starling_node::cluster::{ChangeError, ClusterConfig, Entry, LogPosition};
use starling_node::message::wire;
use starling_node::paxos::Acceptance;

use crate::network::{Network, ROUGH};

#[test]
fn concurrent_changes_end_in_one_schema() {
    let mut network = Network::formed(1, 3);
    let tickets: Vec<u64> = (0..12).map(|i| network.create_keyspace(i % 3, &format!("k{i}"))).collect();
    network.run_until(60_000, |n| tickets.iter().all(|t| n.done.contains_key(t)));
    let made = tickets.iter().filter(|t| network.done[t].is_ok()).count();
    network.run_until(5_000, |n| n.common_epoch().is_some());
    assert_eq!(network.metadata(0).schema.keyspaces.len(), made);
    assert!(
        made >= 6,
        "only {made} of 12 were made: {:?}",
        network.done.values().filter_map(|o| o.as_ref().err()).collect::<Vec<_>>()
    );
}

/// The answer to a client means that every member has it: no waiting for a round of something.
#[test]
fn a_change_in_peace_is_quick_and_known_everywhere_when_it_is_done() {
    let mut network = Network::formed(1, 3);
    for i in 0..10 {
        let from_ms = network.now_ms;
        let ticket = network.create_keyspace(i % 3, &format!("k{i}"));
        network.run_until(50, |n| n.done.contains_key(&ticket));
        assert!(network.common_epoch().is_some());
        assert!(network.now_ms - from_ms <= 20);
    }
}

#[test]
fn the_same_change_from_all_is_made_once() {
    let mut network = Network::formed(5, 3);
    let before = network.common_epoch().unwrap();
    let tickets: Vec<u64> = (0..3).map(|i| network.create_keyspace(i, "k")).collect();
    network.run_until(20_000, |n| tickets.iter().all(|t| n.done.contains_key(t)));
    network.run_until(5_000, |n| n.common_epoch() == Some(before + 1));
    assert!(tickets.iter().all(|t| network.done[t].is_ok()));
}

/// The others' deaths are known: the answer comes at once, and names them.
#[test]
fn without_a_majority_a_change_is_refused_at_once() {
    let mut network = Network::formed(1, 3);
    network.stop(1);
    network.stop(2);
    let away = [1, 2].map(|place| network.machines[place].identity.member.host_id);
    network.run_until(60_000, |n| away.iter().all(|host| !n.cluster(0).is_alive(*host)));
    let ticket = network.create_keyspace(0, "k");
    assert!(
        matches!(&network.done[&ticket], Err(ChangeError::NoMajority { required: 2, alive: 1, away })
            if away == "10.0.0.2, 10.0.0.3"),
        "{:?}",
        network.done[&ticket]
    );
}

/// One of three is away: the others decide, and whoever was away has it when it is back.
#[test]
fn a_member_that_is_away_holds_nothing_up() {
    let mut network = Network::formed(1, 3);
    network.stop(2);
    let ticket = network.create_keyspace(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    network.done[&ticket].as_ref().unwrap();
    network.start(2);
    network.run_until(60_000, |n| n.machines[2].is_ready && n.common_epoch().is_some());
    assert!(network.metadata(2).schema.keyspaces.contains_key("k"));
}

/// Killed a moment ago, nobody knows: the change ends in time, names who was silent, and was not made.
#[test]
fn a_majority_that_has_just_died_is_named_within_the_time() {
    let mut network = Network::formed(1, 3);
    network.stop(1);
    network.stop(2);
    let ticket = network.create_keyspace(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    assert!(
        matches!(&network.done[&ticket], Err(ChangeError::NoMajority { required: 2, alive: 1, .. })),
        "{:?}",
        network.done[&ticket]
    );
    network.start(1);
    network.start(2);
    network.run_until(60_000, |n| n.machines[2].is_ready);
    network.run_for(5_000);
    assert!(network.metadata(0).schema.keyspaces.is_empty(), "a definite refusal was not made later");
}

/// The one message that tells of a change is lost: gossip brings it, again and again if need be.
#[test]
fn who_missed_a_change_catches_up_by_itself() {
    for seed in 0..20 {
        let mut network = Network::formed(seed, 3);
        let ticket = network.create_keyspace(0, "k");
        network.weather.lost = 60;
        network.run_for(3_000);
        network.weather.lost = 40;
        network.run_until(60_000, |n| n.done.contains_key(&ticket));
        network.run_until(60_000, |n| n.common_epoch().is_some());
    }
}

#[test]
fn more_changes_than_can_wait_are_refused_and_all_are_answered() {
    let mut network = Network::formed(1, 2);
    let tickets: Vec<u64> = (0..400).map(|i| network.create_keyspace(0, &format!("k{i}"))).collect();
    let refused = network.done.values().filter(|o| matches!(o, Err(ChangeError::Overloaded))).count();
    assert!(refused >= 200);
    network.run_until(60_000, |n| tickets.iter().all(|t| n.done.contains_key(t)));
    assert_eq!(network.metadata(0).schema.keyspaces.len(), 400 - refused);
}

/// Kill and restart whoever, whenever, in rough weather, under changes from all sides. `Network` checks that no
/// epoch is ever decided twice; at the end, everything that was acknowledged is there and nothing that was refused.
#[test]
fn restarts_in_the_middle_of_changes_never_fork_the_metadata() {
    let mut made = 0;
    for seed in 0..30 {
        let mut network = Network::formed(seed, 3 + (seed % 3) as u8);
        network.weather = ROUGH;
        let mut asked = Vec::new();
        for round in 0..40 {
            let place = (network.random() % network.machines.len() as u64) as usize;
            match network.random() % 6 {
                0 if network.machines[place].life.is_some() => network.stop(place),
                1 | 2 if network.machines[place].life.is_none() => network.start(place),
                _ if network.machines[place].life.is_some() => {
                    let name = format!("k{round}");
                    asked.push((network.create_keyspace(place, &name), name));
                }
                _ => {}
            }
            let pause_ms = network.random() % 3_000;
            network.run_for(pause_ms);
        }
        network.weather = crate::network::CALM;
        for place in 0..network.machines.len() {
            if network.machines[place].life.is_none() {
                network.start(place);
            }
        }
        let patience_ms = 2 * ClusterConfig::default().change_timeout_ms + 60_000;
        network.run_for(patience_ms);
        network.run_until(60_000, |n| n.common_epoch().is_some() && n.machines.iter().all(|m| m.is_ready));
        let schema = network.metadata(0).schema.clone();
        for (ticket, name) in asked {
            match network.done.get(&ticket) {
                Some(Ok(_)) => assert!(schema.keyspaces.contains_key(&name), "seed {seed}: {name} was acknowledged"),
                Some(Err(ChangeError::Unknown { .. })) => {}
                Some(Err(_)) => assert!(!schema.keyspaces.contains_key(&name), "seed {seed}: {name} was refused"),
                None => {}
            }
        }
        made += network.done.values().filter(|o| o.is_ok()).count();
    }
    assert!(made >= 60, "only {made} changes were made in all");
}

/// Whether something lies on a disk that was accepted and is neither decided nor replaced.
fn holds_undecided(network: &Network, place: usize) -> bool {
    let Some(stored) = network.machines[place].disk.get(&b"log/acceptance"[..]) else { return false };
    let (position, acceptance): (LogPosition, Acceptance<Entry>) = wire::decode(stored).unwrap();
    acceptance.accepted.is_some() && position == network.cluster(place).position().next()
}

/// A proposer dies when deciders have accepted its entry: another brings it to an end, without anybody asking.
#[test]
fn what_was_accepted_is_brought_to_an_end() {
    let mut settled = 0;
    for pause_ms in 0..12 {
        let mut network = Network::formed(3, 3);
        network.weather.delay_ms_max = 6;
        let before = network.common().unwrap();
        network.create_keyspace(0, "k");
        network.run_for(pause_ms);
        network.stop(0);
        network.run_for(30);
        let was_undecided = holds_undecided(&network, 1) || holds_undecided(&network, 2);
        network.run_for(60_000);
        assert!(!holds_undecided(&network, 1) && !holds_undecided(&network, 2), "after {pause_ms} ms");
        let after = network.common().unwrap();
        assert!(after <= before.next(), "it is brought to an end once");
        settled += u32::from(was_undecided);
    }
    assert!(settled > 0, "no schedule left anything undecided");
}

/// What takes data away is refused while a member is away that would go on with it: the other side of a partition.
#[test]
fn what_needs_all_is_refused_while_one_is_away() {
    let mut network = Network::formed(1, 3);
    let away = network.machines[2].identity.member.host_id;
    network.stop(2);
    network.run_until(60_000, |n| !n.cluster(0).is_alive(away));
    let refused = network.create_with_all(0, "k");
    assert!(
        matches!(&network.done[&refused], Err(ChangeError::NotAll { required: 3, alive: 2, away }) if away == "10.0.0.3"),
        "{:?}",
        network.done[&refused]
    );
    network.start(2);
    network.run_until(60_000, |n| n.machines[2].is_ready && n.cluster(0).is_alive(away));
    let made = network.create_with_all(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&made));
    network.done[&made].as_ref().unwrap();
    assert!((0..3).all(|place| network.metadata(place).schema.keyspaces.contains_key("k")));
}

/// It dies in the middle: the change is made, and nobody is told that all have it.
#[test]
fn what_needs_all_is_not_done_before_all_have_it() {
    let mut network = Network::formed(1, 3);
    network.stop(2);
    let ticket = network.create_with_all(0, "k");
    network.run_until(15_000, |n| n.done.contains_key(&ticket));
    assert!(
        matches!(&network.done[&ticket], Err(ChangeError::Unconfirmed { away }) if away == "10.0.0.3"),
        "{:?}",
        network.done[&ticket]
    );
    assert!(network.metadata(1).schema.keyspaces.contains_key("k"));
}
