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

/// The place of `numerator / denominator` of the ring, counted from a place that is no fraction of it.
fn at(numerator: u64, denominator: u64) -> Token {
    const ZERO: Token = Token(-0x3141_5926_5358_9793);
    ZERO.advanced_by(((u128::from(numerator) << 64) / u128::from(denominator)) as u64)
}

fn owner(number: u128, datacenter: &str, tokens: &[Token]) -> Member {
    Member {
        datacenter: datacenter.to_owned(),
        tokens: tokens.to_vec(),
        ..Member::at(HostId(Uuid::from_u128(number)), [127, 0, 0, 1].into())
    }
}

/// Whether these are the same tokens, but for what whole numbers round off.
fn are_about(tokens: &[Token], expected: &[Token]) -> bool {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let differ = |a: Token, b: Token| a.distance_to(b).min(b.distance_to(a));
    tokens.len() == expected.len() && tokens.iter().zip(&expected).all(|(a, b)| differ(*a, *b) < 100)
}

#[test]
fn the_first_of_a_datacentre_spreads_its_tokens_evenly() {
    let tokens = allocate_tokens(&[], "dc1", "r", 16);
    for pair in tokens.windows(2) {
        assert_eq!(pair[0].distance_to(pair[1]), 1 << 60);
    }
    assert_ne!(tokens, allocate_tokens(&[], "dc2", "r", 16), "the name decides where it starts");
    // Another datacentre sits on all of them: each moves on by one.
    let taken = allocate_tokens(&[owner(1, "dc2", &tokens)], "dc1", "r", 16);
    let next: Vec<Token> = tokens.iter().map(|token| token.advanced_by(1)).collect();
    assert_eq!(taken, next);
}

#[test]
fn who_owns_most_gives_alone_and_in_equal_pieces() {
    // 7/8 and 1/8; half is needed, which leaves the first with 3/8.
    let members = [owner(1, "dc1", &[at(8, 8)]), owner(2, "dc1", &[at(1, 8)])];
    let tokens = allocate_tokens(&members, "dc1", "r", 2);
    assert!(are_about(&tokens, &[at(3, 8), at(5, 8)]), "{tokens:?}");
}

#[test]
fn shares_are_weighed_by_tokens() {
    // The first owns 3/8 with one token, the second 5/8 with two of unlike ranges: all come down to 1/5 for a token.
    let members = [owner(1, "dc1", &[at(120, 320)]), owner(2, "dc1", &[at(220, 320), at(320, 320)])];
    let tokens = allocate_tokens(&members, "dc1", "r", 2);
    // 7/40 of the first's one range, then 9/40 of the second's two ranges, both 5/16 or so.
    assert!(
        are_about(&tokens, &[at(56, 320), at(120 + 72, 320)]) || are_about(&tokens, &[at(56, 320), at(220 + 72, 320)]),
        "{tokens:?}"
    );
}

#[test]
fn who_is_below_the_level_gives_nothing() {
    // 31/50 with one token, 19/50 with two: the first comes down to 11/50, above the second's 19/100 a token.
    let members = [owner(1, "dc1", &[at(31, 50)]), owner(2, "dc1", &[at(40, 50), at(50, 50)])];
    let tokens = allocate_tokens(&members, "dc1", "r", 2);
    assert!(are_about(&tokens, &[at(10, 50), at(20, 50)]), "{tokens:?}");
}

#[test]
fn a_taken_place_moves_a_cut_by_one() {
    let one = [owner(1, "dc1", &[at(0, 1)])];
    let wanted = allocate_tokens(&one, "dc1", "r", 1);
    assert!(are_about(&wanted, &[at(1, 2)]), "{wanted:?}");
    let both = [owner(1, "dc1", &[at(0, 1)]), owner(2, "dc2", &wanted)];
    assert_eq!(allocate_tokens(&both, "dc1", "r", 1), [wanted[0].advanced_by(1)]);
}

#[test]
fn a_range_whose_end_is_taken_is_cut_at_its_start() {
    // Of 19 parts the first owns a little less than 10 with 8 tokens, the second the others with 8. Two parts are
    // wanted in one piece from the first, whose ranges are smaller: all but one place of its largest, the one that
    // begins at 0. That place is another datacentre's.
    let first: Vec<Token> = (1..=8).map(|i| at(1249 * i + 2, 19_000)).collect();
    let second: Vec<Token> = (1..=8).map(|i| at(9_994 + (9_006 * i) / 8, 19_000)).collect();
    let last = first[0].advanced_by(u64::MAX);
    let mut members = vec![owner(1, "dc1", &first), owner(2, "dc1", &second)];
    let free = allocate_tokens(&members, "dc1", "r", 3);
    assert!(free.contains(&last), "{free:?}");
    members.push(owner(3, "dc2", &[last]));
    let chosen = allocate_tokens(&members, "dc1", "r", 3);
    assert_eq!(chosen.len(), 3);
    assert!(chosen.contains(&at(0, 1).advanced_by(1)), "{chosen:?}");
}
