//! Ownership stays even while a cluster grows.

use std::collections::BTreeSet;

use starling_ring::{HostId, Member, Token, Topology, allocate_tokens};
use uuid::Uuid;

fn join(members: &mut Vec<Member>, datacenter: &str, rack: &str, num_tokens: usize) {
    let tokens = allocate_tokens(members, datacenter, rack, num_tokens);
    assert_eq!(tokens.len(), num_tokens);
    // Host ids in no particular order, as real ones.
    let number = (members.len() as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    members.push(Member {
        datacenter: datacenter.to_owned(),
        rack: rack.to_owned(),
        tokens,
        ..Member::at(HostId(Uuid::from_u128(number)), [127, 0, 0, 1].into())
    });
}

/// The worst ratio of ownership within the datacentre to the fair share, which tokens decide.
fn worst_ratio(members: &[Member]) -> f64 {
    let topology = Topology::new(1, members.to_vec()).expect("distinct tokens");
    let owned = topology.datacenter_ownership();
    let mut worst: f64 = 0.0;
    for datacenter in topology.datacenters() {
        let tokens = |index: u16| topology.members()[usize::from(index)].tokens.len() as f64;
        let all: f64 = datacenter.members.iter().map(|&index| tokens(index)).sum();
        for &index in &datacenter.members {
            worst = worst.max(owned[usize::from(index)] / (tokens(index) / all));
        }
    }
    worst
}

#[test]
fn one_datacentre_grows_evenly_to_a_hundred() {
    let mut members = Vec::new();
    let mut worst: f64 = 0.0;
    for n in 0..100 {
        join(&mut members, "dc1", "rack1", 16);
        let ratio = worst_ratio(&members);
        assert!(ratio <= 1.15, "{ratio} at {} members", n + 1);
        worst = worst.max(ratio);
    }
    println!("worst ratio {worst}");
}

#[test]
fn datacentres_with_interleaved_joins_grow_evenly() {
    for datacenters in 2..=3usize {
        let mut members = Vec::new();
        for n in 0..100usize {
            // Not in turn: a fixed scramble.
            let pick = (n * n + n / 3) % datacenters;
            let rack = format!("rack{}", n % 3);
            join(&mut members, &format!("dc{pick}"), &rack, 16);
            let ratio = worst_ratio(&members);
            assert!(ratio <= 1.15, "{ratio} at {} members of {datacenters} datacentres", n + 1);
        }
        let tokens: BTreeSet<Token> = members.iter().flat_map(|member| member.tokens.clone()).collect();
        assert_eq!(tokens.len(), 1600);
    }
}

#[test]
fn other_numbers_of_tokens_get_their_share() {
    for counts in [&[8usize][..], &[32], &[64], &[16, 32, 64], &[16, 8, 24]] {
        let mut members = Vec::new();
        for n in 0..60 {
            join(&mut members, "dc1", "rack1", counts[n % counts.len()]);
            let ratio = worst_ratio(&members);
            assert!(ratio <= 1.25, "{ratio} at {} members with {counts:?}", n + 1);
        }
    }
}

#[test]
fn tokens_are_the_same_each_time_and_taken_ones_are_avoided() {
    let mut members = Vec::new();
    join(&mut members, "dc1", "r", 16);
    assert_eq!(allocate_tokens(&members, "dc1", "r", 16), allocate_tokens(&members, "dc1", "r", 16));
    // Another datacentre holds exactly the tokens that would be chosen.
    let wanted = allocate_tokens(&members, "dc1", "r", 16);
    let mut other = members[0].clone();
    other.host_id = HostId(Uuid::from_u128(77));
    other.datacenter = "dc2".to_owned();
    other.tokens = wanted.clone();
    members.push(other);
    let chosen = allocate_tokens(&members, "dc1", "r", 16);
    assert_eq!(chosen.len(), 16);
    assert!(chosen.iter().all(|token| !wanted.contains(token)));
    assert!(allocate_tokens(&members, "dc1", "r", 0).is_empty());
    assert_eq!(allocate_tokens(&[], "dc1", "r", 1).len(), 1);
}
