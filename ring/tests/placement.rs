//! Placement against a plain restatement of the strategies' rules, and its ranges.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use starling_ring::{HostId, Member, Placement, ReplicationStrategy, Token, Topology, TopologyError};
use uuid::Uuid;

fn member(number: u128, datacenter: &str, rack: &str, tokens: &[i64]) -> Member {
    Member {
        datacenter: datacenter.to_owned(),
        rack: rack.to_owned(),
        tokens: tokens.iter().copied().map(Token).collect(),
        ..Member::at(HostId(Uuid::from_u128(number)), [127, 0, 0, 1].into())
    }
}

fn network(factors: &[(&str, u32)]) -> ReplicationStrategy {
    let datacenters = factors.iter().map(|&(name, factor)| (name.to_owned(), factor)).collect();
    ReplicationStrategy::NetworkTopology { datacenters }
}

const SIMPLE_2: ReplicationStrategy = ReplicationStrategy::Simple { replication_factor: 2 };

#[test]
fn simple_strategy_takes_the_next_members() {
    let members = vec![member(1, "a", "r", &[0, 30]), member(2, "a", "r", &[10]), member(3, "b", "r", &[20])];
    let topology = Topology::new(1, members).unwrap();
    let placement = Placement::new(&topology, &SIMPLE_2);
    assert_eq!(placement.replicas(Token(0)), [0, 1]);
    assert_eq!(placement.replicas(Token(1)), [1, 2]);
    assert_eq!(placement.replicas(Token(20)), [2, 0]);
    assert_eq!(placement.replicas(Token(21)), [0, 1]);
    assert_eq!(placement.replicas(Token(31)), [0, 1]);
    let ranges: Vec<_> = placement.ranges().map(|(start, end, _)| (start.0, end.0)).collect();
    assert_eq!(ranges, [(i64::MIN, 0), (0, 10), (10, 20), (20, 30), (30, i64::MAX)]);
    let scan: Vec<_> = placement.scan_ranges().iter().map(|(start, end, _)| (start.0, end.0)).collect();
    assert_eq!(scan, [(i64::MIN, 0), (0, 10), (10, 20), (20, i64::MAX)]);
}

#[test]
fn a_token_at_the_end_of_the_ring_leaves_no_empty_range() {
    let topology = Topology::new(1, vec![member(1, "a", "r", &[0, i64::MAX])]).unwrap();
    let placement = Placement::new(&topology, &SIMPLE_2);
    let ranges: Vec<_> = placement.ranges().map(|(start, end, _)| (start.0, end.0)).collect();
    assert_eq!(ranges, [(i64::MIN, 0), (0, i64::MAX)]);
}

#[test]
fn racks_are_spread_before_they_repeat() {
    let members = vec![
        member(1, "a", "r1", &[0]),
        member(2, "a", "r1", &[10]),
        member(3, "a", "r2", &[20]),
        member(4, "a", "r2", &[30]),
        member(5, "b", "r1", &[5]),
    ];
    let topology = Topology::new(1, members).unwrap();
    assert_eq!(Placement::new(&topology, &network(&[("a", 2)])).replicas(Token(0)), [0, 2]);
    // One repeat is due: the second of rack 1 is met first.
    assert_eq!(Placement::new(&topology, &network(&[("a", 3)])).replicas(Token(0)), [0, 1, 2]);
    assert_eq!(Placement::new(&topology, &network(&[("a", 2), ("b", 2)])).replicas(Token(0)), [0, 4, 2]);
    assert_eq!(Placement::new(&topology, &network(&[("a", 9), ("c", 1)])).replicas(Token(0)), [0, 1, 2, 3]);
    assert!(Placement::new(&topology, &network(&[("a", 0)])).replicas(Token(0)).is_empty());
}

#[test]
fn empty_rings_and_the_local_strategy_have_no_replicas() {
    let empty = Topology::new(1, vec![member(1, "a", "r", &[])]).unwrap();
    for placement in [Placement::new(&empty, &SIMPLE_2), Placement::new(&empty, &ReplicationStrategy::Local)] {
        assert!(placement.replicas(Token(5)).is_empty());
        assert_eq!(placement.ranges().collect::<Vec<_>>(), [(Token::MIN, Token::MAX, &[][..])]);
    }
    assert_eq!(empty.primary(Token(0)), None);
    assert_eq!(empty.ownership(), [0.0]);
}

#[test]
fn a_topology_refuses_doubles() {
    let members = vec![member(2, "a", "r", &[7]), member(1, "a", "r", &[7])];
    let (token, first, second) = (Token(7), HostId(Uuid::from_u128(1)), HostId(Uuid::from_u128(2)));
    assert_eq!(Topology::new(1, members), Err(TopologyError::DuplicateToken { token, first, second }));
    let members = vec![member(1, "a", "r", &[7]), member(1, "a", "r", &[8])];
    assert_eq!(Topology::new(1, members), Err(TopologyError::DuplicateHost(first)));
}

#[test]
fn a_topology_finds_its_parts() {
    let members = vec![member(9, "b", "r1", &[i64::MIN, 0]), member(3, "a", "r2", &[-5]), member(4, "a", "r1", &[])];
    let topology = Topology::new(8, members).unwrap();
    assert_eq!(topology.epoch(), 8);
    assert_eq!(topology.index_of(HostId(Uuid::from_u128(9))), Some(2));
    assert_eq!(topology.index_of(HostId(Uuid::from_u128(5))), None);
    assert_eq!(topology.member_by_host(HostId(Uuid::from_u128(9))).map(|member| member.tokens.len()), Some(2));
    assert_eq!(topology.member_by_host(HostId(Uuid::from_u128(5))), None);
    assert_eq!(topology.datacenters().iter().map(|each| each.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(topology.datacenter_index("b"), Some(1));
    assert_eq!([0, 1, 2, 3].map(|index| topology.datacenter_of(index)), [Some(0), Some(0), Some(1), None]);
    assert_eq!(topology.datacenter("a").unwrap().racks["r1"], [1]);
    let owners = [i64::MIN, -6, -5, -4, 0, 1].map(|token| topology.primary(Token(token)));
    assert_eq!(owners, [2, 0, 0, 2, 2, 2].map(Some));
    let ranges: Vec<_> = topology.ranges().map(|(start, end, owner)| (start.0, end.0, owner)).collect();
    assert_eq!(ranges, [(0, i64::MIN, 2), (i64::MIN, -5, 0), (-5, 0, 2)]);
    assert_eq!(topology.datacenter_ownership(), [1.0, 0.0, 1.0]);
    assert!((topology.ownership().iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn datacentres_are_owned_as_if_there_were_no_others() {
    let quarter = 1i64 << 62;
    let members = vec![
        member(1, "a", "r", &[-quarter]),
        member(2, "a", "r", &[quarter]),
        member(3, "b", "r", &[7]),
        member(4, "c", "r", &[-quarter + 1]),
        member(5, "c", "r", &[1]),
    ];
    let topology = Topology::new(1, members).unwrap();
    assert_eq!(topology.datacenter_ownership(), [0.5, 0.5, 1.0, 0.75, 0.25]);
}

#[test]
fn strategies_print_as_cql_maps() {
    let shown = SIMPLE_2.to_string();
    assert_eq!(shown, "{'class': 'SimpleStrategy', 'replication_factor': '2'}");
    let shown = network(&[("dc2", 1), ("dc1", 3)]).to_string();
    assert_eq!(shown, "{'class': 'NetworkTopologyStrategy', 'dc1': '3', 'dc2': '1'}");
    assert_eq!(ReplicationStrategy::Local.to_string(), "{'class': 'LocalStrategy'}");
    assert_eq!(SIMPLE_2.options()["class"], "org.apache.cassandra.locator.SimpleStrategy");
}

/// The set of replicas by the rules of old: racks not seen yet first, skipped members once racks run out.
fn naive(topology: &Topology, factors: &BTreeMap<String, u32>, token: Token) -> BTreeSet<u16> {
    let ring = topology.ring();
    let start = ring.partition_point(|&(end, _)| end < token);
    let mut all = BTreeSet::new();
    for (name, &factor) in factors {
        let racks: BTreeSet<&str> = topology
            .members()
            .iter()
            .filter(|each| &each.datacenter == name && !each.tokens.is_empty())
            .map(|each| each.rack.as_str())
            .collect();
        let (mut chosen, mut skipped, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for i in 0..ring.len() {
            let index = ring[(start + i) % ring.len()].1;
            let member = topology.member(index).expect("a member of the ring");
            if &member.datacenter != name || chosen.contains(&index) || skipped.contains(&index) {
                continue;
            }
            if seen.len() == racks.len() {
                chosen.push(index);
            } else if seen.insert(member.rack.as_str()) {
                chosen.push(index);
                if seen.len() == racks.len() {
                    chosen.append(&mut skipped);
                }
            } else {
                skipped.push(index);
            }
        }
        all.extend(chosen.into_iter().take(factor as usize));
    }
    all
}

proptest! {
    #[test]
    fn network_topology_matches_the_plain_rules(
        places in prop::collection::vec((0u8..2, 0u8..3, 0usize..4), 1..9),
        tokens in prop::collection::btree_set(any::<i64>(), 40),
        factors in (0u32..5, 0u32..5),
        probes in prop::collection::vec(any::<i64>(), 8),
    ) {
        // Shuffled tokens: a set's order would give each member neighbouring ones.
        let mut tokens: Vec<i64> = tokens.into_iter().collect();
        tokens.sort_by_key(|token| token.wrapping_mul(0x5851_F42D_4C95_7F2D));
        let members = places.iter().enumerate().map(|(i, &(dc, rack, count))| {
            let tokens: Vec<i64> = tokens.drain(..count).collect();
            member(i as u128, &format!("dc{dc}"), &format!("r{rack}"), &tokens)
        });
        let topology = Topology::new(1, members.collect()).unwrap();
        let factors = BTreeMap::from([("dc0".to_owned(), factors.0), ("dc1".to_owned(), factors.1)]);
        let placement = Placement::new(&topology, &ReplicationStrategy::NetworkTopology { datacenters: factors.clone() });
        for token in probes.into_iter().map(Token) {
            let replicas: BTreeSet<u16> = placement.replicas(token).iter().copied().collect();
            prop_assert_eq!(replicas.len(), placement.replicas(token).len());
            prop_assert_eq!(replicas, naive(&topology, &factors, token));
        }
        // Ranges tile the ring, and each has the replicas of its tokens.
        let mut next = Token::MIN;
        for (start, end, replicas) in placement.ranges() {
            prop_assert_eq!(start, next);
            prop_assert!(start < end);
            prop_assert_eq!(replicas, placement.replicas(end));
            next = end;
        }
        prop_assert_eq!(next, Token::MAX);
    }
}
