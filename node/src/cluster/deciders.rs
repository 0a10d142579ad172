//! Which members decide the next entry of the log.

use std::collections::{BTreeMap, BTreeSet};

use starling_ring::{HostId, Member};

/// Most deciders. More: survives the loss of more of them, each decision waits for more answers.
pub const DECIDERS_MAX: usize = 7;

/// How many of so many members decide. Odd numbers from three members on: one more would survive no more losses. Of two
/// members both decide, so that what was decided survives the loss of one disk.
fn wanted(members: usize) -> usize {
    match members {
        0..=2 => members,
        3..=4 => 3,
        5..=8 => 5,
        _ => DECIDERS_MAX,
    }
}

/// Chooses deciders among `eligible`: live ones first, spread over datacentres and within them over racks, keeping
/// `current` ones where nothing else speaks against it. Ascending.
pub fn choose(eligible: &[&Member], current: &[HostId], is_alive: impl Fn(HostId) -> bool) -> Vec<HostId> {
    let mut chosen: BTreeSet<HostId> = BTreeSet::new();
    let mut in_datacenter: BTreeMap<&str, usize> = BTreeMap::new();
    let mut in_rack: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    while chosen.len() < wanted(eligible.len()) {
        let candidates = eligible.iter().filter(|member| !chosen.contains(&member.host_id));
        let best = candidates.min_by_key(|member| {
            let rack = (member.datacenter.as_str(), member.rack.as_str());
            let datacenter = in_datacenter.get(rack.0).copied().unwrap_or(0);
            let host = member.host_id;
            (!is_alive(host), datacenter, in_rack.get(&rack).copied().unwrap_or(0), !current.contains(&host), host)
        });
        let Some(best) = best else { break };
        *in_datacenter.entry(&best.datacenter).or_default() += 1;
        *in_rack.entry((&best.datacenter, &best.rack)).or_default() += 1;
        chosen.insert(best.host_id);
    }
    chosen.into_iter().collect()
}

/// How many of so many deciders have to agree.
pub fn majority(deciders: usize) -> usize {
    deciders / 2 + 1
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn member(number: u128, datacenter: &str, rack: &str) -> Member {
        let address = std::net::IpAddr::from([10, 0, 0, number as u8]);
        Member {
            datacenter: datacenter.into(),
            rack: rack.into(),
            ..Member::at(HostId(Uuid::from_u128(number)), address)
        }
    }

    fn numbers(hosts: &[HostId]) -> Vec<u128> {
        hosts.iter().map(|host| host.0.as_u128()).collect()
    }

    #[test]
    fn as_many_as_the_cluster_bears() {
        for (members, deciders) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (8, 5), (9, 7), (100, 7)] {
            let all: Vec<Member> = (1..=members).map(|number| member(number, "a", "r")).collect();
            let eligible: Vec<&Member> = all.iter().collect();
            assert_eq!(choose(&eligible, &[], |_| true).len(), deciders);
        }
    }

    #[test]
    fn spread_over_datacentres_and_racks() {
        let all: Vec<Member> = (1..=12)
            .map(|number| member(number, if number <= 8 { "a" } else { "b" }, ["x", "y"][(number % 2) as usize]))
            .collect();
        let eligible: Vec<&Member> = all.iter().collect();
        let chosen = choose(&eligible, &[], |_| true);
        let of = |datacenter: &str, rack: &str| {
            let is_there = |m: &&Member| chosen.contains(&m.host_id) && m.datacenter == datacenter && m.rack == rack;
            all.iter().filter(is_there).count()
        };
        assert_eq!((of("a", "x") + of("a", "y"), of("b", "x") + of("b", "y")), (4, 3));
        assert_eq!((of("a", "x"), of("a", "y")), (2, 2));
        assert!(of("b", "x").abs_diff(of("b", "y")) == 1);
    }

    #[test]
    fn the_present_ones_stay_and_the_dead_make_room() {
        let all: Vec<Member> = (1..=5).map(|number| member(number, "a", "r")).collect();
        let four: Vec<&Member> = all.iter().take(4).collect();
        let current: Vec<HostId> = [2, 3, 4].map(|number| HostId(Uuid::from_u128(number))).to_vec();
        assert_eq!(numbers(&choose(&four, &current, |_| true)), [2, 3, 4]);
        let dead = HostId(Uuid::from_u128(3));
        assert_eq!(numbers(&choose(&four, &current, |host| host != dead)), [1, 2, 4]);
        let five: Vec<&Member> = all.iter().collect();
        assert_eq!(choose(&five, &current, |host| host != dead).len(), 5);
    }
}
