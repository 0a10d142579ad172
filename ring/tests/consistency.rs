//! Requirements and tallies: the numbers CQL reports, and a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use starling_ring::requirement::{RequirementError, quorum};
use starling_ring::{
    ConsistencyLevel, HostId, Member, Placement, ReplicationStrategy, Requirement, Tally, Token, Topology,
    read_candidates,
};
use uuid::Uuid;

use ConsistencyLevel::*;

/// Members `0..counts[0]` in dc0, the next in dc1, and so on, racks r0 and r1 in turn.
fn topology(counts: &[usize]) -> Topology {
    let mut members = Vec::new();
    for (dc, &count) in counts.iter().enumerate() {
        for i in 0..count {
            let number = members.len();
            members.push(Member {
                datacenter: format!("dc{dc}"),
                rack: format!("r{}", i % 2),
                tokens: vec![Token(number as i64 * 100)],
                ..Member::at(HostId(Uuid::from_u128(number as u128)), [127, 0, 0, 1].into())
            });
        }
    }
    Topology::new(1, members).expect("distinct tokens")
}

fn network(factors: &[u32]) -> ReplicationStrategy {
    let datacenters = factors.iter().enumerate().map(|(dc, &factor)| (format!("dc{dc}"), factor)).collect();
    ReplicationStrategy::NetworkTopology { datacenters }
}

const SIMPLE_3: ReplicationStrategy = ReplicationStrategy::Simple { replication_factor: 3 };

#[test]
fn required_numbers_are_cassandras() {
    let topology = topology(&[5, 5]);
    let cases = [
        (SIMPLE_3, [1, 1, 2, 3, 2, 3, 2, 2, 2, 2, 1]),
        (network(&[3, 2]), [1, 1, 2, 3, 3, 5, 2, 4, 3, 2, 1]),
        (network(&[5]), [1, 1, 2, 3, 3, 5, 3, 3, 3, 3, 1]),
        (network(&[0, 3]), [1, 1, 2, 3, 2, 3, 1, 2, 2, 1, 1]),
        (network(&[1, 1, 1]), [1, 1, 2, 3, 2, 3, 1, 3, 2, 1, 1]),
    ];
    for (strategy, numbers) in cases {
        for (level, number) in ConsistencyLevel::ALL_LEVELS.into_iter().zip(numbers) {
            let requirement = match level {
                Any => Requirement::for_write(level, &strategy, &topology, "dc0"),
                _ => Requirement::for_read(level, &strategy, &topology, "dc0"),
            };
            assert_eq!(requirement.unwrap().required(), number, "{level} of {strategy}");
        }
    }
}

#[test]
fn levels_that_do_not_fit_the_statement_are_refused() {
    let topology = topology(&[1]);
    let refused = [
        (Requirement::for_read(Any, &SIMPLE_3, &topology, "dc0"), RequirementError::AnyForRead),
        (Requirement::for_write(Serial, &SIMPLE_3, &topology, "dc0"), RequirementError::SerialForWrite),
        (Requirement::for_write(LocalSerial, &SIMPLE_3, &topology, "dc0"), RequirementError::SerialForWrite),
        (Requirement::for_serial(Quorum, &SIMPLE_3, &topology, "dc0"), RequirementError::NotSerial),
        (Requirement::for_commit(Serial, &SIMPLE_3, &topology, "dc0"), RequirementError::SerialForCommit(Serial)),
    ];
    for (result, error) in refused {
        assert_eq!(result, Err(error));
    }
    assert!(Requirement::for_serial(LocalSerial, &SIMPLE_3, &topology, "dc0").is_ok());
    assert!(Requirement::for_commit(Any, &SIMPLE_3, &topology, "dc0").is_ok());
}

#[test]
fn unavailable_reports_what_counts() {
    let topology = topology(&[3, 3]);
    let strategy = network(&[3, 3]);
    // Alive: three in dc0, one in dc1.
    let live = [0u16, 0, 0, 1];
    let check = |level, local: &str| {
        let requirement = Requirement::for_write(level, &strategy, &topology, local).unwrap();
        requirement.check_available(live.iter().copied()).map_err(|error| (error.required, error.alive))
    };
    assert_eq!(check(Quorum, "dc1"), Ok(()));
    assert_eq!(check(All, "dc1"), Err((6, 4)));
    assert_eq!(check(LocalQuorum, "dc0"), Ok(()));
    assert_eq!(check(LocalQuorum, "dc1"), Err((2, 1)));
    assert_eq!(check(EachQuorum, "dc0"), Err((2, 1)));
    assert_eq!(check(LocalOne, "dc1"), Ok(()));
    assert_eq!(check(LocalOne, "nowhere"), Err((1, 0)));
    assert_eq!(check(Any, "nowhere"), Ok(()));
    let each = Requirement::for_write(EachQuorum, &strategy, &topology, "dc0").unwrap();
    let error = each.check_available(live.iter().copied()).unwrap_err();
    assert_eq!(error.to_string(), "Cannot achieve consistency level EACH_QUORUM in DC dc1");
    // Just enough in one datacentre says nothing of the next.
    assert_eq!(each.check_available([0u16, 0, 1].into_iter()).unwrap_err().datacenter, Some("dc1".to_owned()));
    assert_eq!(each.check_available([0u16, 0, 1, 1].into_iter()), Ok(()));
    // One node and a factor of three: a quorum is still two.
    let single = Requirement::for_write(Quorum, &SIMPLE_3, &topology, "dc0").unwrap();
    let error = single.check_available([0u16].into_iter()).unwrap_err();
    assert_eq!((error.required, error.alive), (2, 1));
    assert_eq!(error.to_string(), "Cannot achieve consistency level QUORUM");
}

#[test]
fn each_quorum_counts_no_datacentre_twice() {
    let topology = topology(&[3, 3]);
    let requirement = Requirement::for_write(EachQuorum, &network(&[3, 3]), &topology, "dc0").unwrap();
    let mut tally = Tally::new(requirement);
    [0, 0, 0, 1, 1, 1].into_iter().for_each(|dc| tally.contacted(dc));
    (0..3).for_each(|_| tally.succeeded(0));
    assert!(!tally.is_met() && tally.can_still_be_met());
    assert_eq!((tally.received(), tally.required(), tally.outstanding()), (2, 4, 3));
    tally.failed(1);
    assert!(tally.can_still_be_met());
    tally.failed(1);
    assert!(!tally.can_still_be_met());
    assert_eq!(tally.failures(), 2);
}

#[test]
fn each_quorum_is_met_when_the_last_datacentre_has_its_own() {
    let topology = topology(&[3, 3]);
    let requirement = Requirement::for_write(EachQuorum, &network(&[3, 3]), &topology, "dc0").unwrap();
    let mut tally = Tally::new(requirement);
    [0, 0, 0, 1, 1].into_iter().for_each(|dc| tally.contacted(dc));
    [0, 0, 0, 1].into_iter().for_each(|dc| tally.succeeded(dc));
    assert!(!tally.is_met(), "four answers, but one of them from dc1");
    tally.succeeded(1);
    assert!(tally.is_met());
}

#[test]
fn a_hint_satisfies_any_alone() {
    let topology = topology(&[1]);
    for level in [Any, One] {
        let mut tally = Tally::new(Requirement::for_write(level, &SIMPLE_3, &topology, "dc0").unwrap());
        tally.contacted(0);
        tally.failed(0);
        assert_eq!(tally.can_still_be_met(), level == Any);
        tally.hinted();
        assert_eq!(tally.is_met(), level == Any);
    }
}

#[test]
fn pending_replicas_raise_what_is_required() {
    let topology = topology(&[3, 3]);
    let with_pending = |level, pending: &[u16]| {
        let requirement = Requirement::for_write(level, &network(&[3, 3]), &topology, "dc0").unwrap();
        requirement.with_pending(pending).required()
    };
    assert_eq!(with_pending(Quorum, &[0, 1]), 6);
    assert_eq!(with_pending(LocalQuorum, &[0, 1]), 3);
    assert_eq!(with_pending(LocalQuorum, &[1]), 2);
    assert_eq!(with_pending(EachQuorum, &[1]), 5);
    assert_eq!(with_pending(Any, &[0]), 1);
    assert_eq!(with_pending(One, &[1]), 2);
}

#[test]
fn reads_ask_the_nearest_first() {
    let topology = topology(&[3, 3]);
    let strategy = network(&[3, 3]);
    let placement = Placement::new(&topology, &strategy);
    let replicas = placement.replicas(Token(0));
    let ask = |level, spread, dead: &[u16]| {
        let requirement = Requirement::for_read(level, &strategy, &topology, "dc0").unwrap();
        read_candidates(&topology, replicas, 2, &requirement, spread, &mut |member| !dead.contains(&member))
    };
    for spread in 0..10 {
        // Member 2 is the coordinator, in rack r0 as member 0 is.
        let candidates = ask(Quorum, spread, &[]).unwrap();
        assert_eq!(candidates.ordered[..3], [2, 0, 1]);
        assert_eq!((candidates.contacts().len(), candidates.spares().len()), (4, 2));
        let candidates = ask(LocalQuorum, spread, &[2]).unwrap();
        assert_eq!(candidates.ordered, [0, 1]);
        assert!(candidates.spares().is_empty());
        let each = ask(EachQuorum, spread, &[]).unwrap();
        assert_eq!(each.contacts()[..2], [2, 0]);
        assert!(each.contacts()[2..].iter().all(|&member| member >= 3));
        assert_eq!(each.spares().len(), 2);
    }
    let error = ask(LocalQuorum, 0, &[0, 1]).unwrap_err();
    assert_eq!((error.required, error.alive), (2, 1));
    let firsts: std::collections::BTreeSet<u16> =
        (0..6).map(|spread| ask(One, spread, &[0, 1, 2]).unwrap().contacts()[0]).collect();
    assert_eq!(firsts.len(), 3);
}

#[test]
fn each_quorum_asks_every_datacentre_for_its_own_quorum() {
    let topology = topology(&[3, 3]);
    let strategy = network(&[3, 1]);
    let requirement = Requirement::for_read(EachQuorum, &strategy, &topology, "dc0").unwrap();
    let replicas = [0, 1, 2, 4];
    let candidates = read_candidates(&topology, &replicas, 2, &requirement, 0, &mut |_| true).unwrap();
    assert_eq!((candidates.contacts(), candidates.spares()), (&[2, 0, 4][..], &[1][..]));
}

#[test]
fn answers_count_from_where_there_are_replicas() {
    let topology = topology(&[3, 3]);
    let requirement = |level| Requirement::for_write(level, &network(&[3]), &topology, "dc0").unwrap();
    let each = requirement(EachQuorum);
    assert!(each.counts(0) && !each.counts(1));
    let local = requirement(LocalQuorum);
    assert!(local.counts(0) && !local.counts(1));
    assert!(requirement(Quorum).counts(1));
}

/// What a tally should say, from the list of what happened.
fn naive_is_met(level: ConsistencyLevel, factors: &[u32], replies: &[(u16, bool)], is_optimist: bool) -> bool {
    let total: u32 = factors.iter().sum();
    let mut by_dc: BTreeMap<u16, u32> = BTreeMap::new();
    for (dc, ok) in replies {
        *by_dc.entry(*dc).or_default() += u32::from(*ok || is_optimist);
    }
    let all: u32 = by_dc.values().sum();
    let local = by_dc.get(&0).copied().unwrap_or(0);
    match level {
        Any => all >= 1 || is_optimist,
        One => all >= 1,
        Two => all >= 2,
        Three => all >= 3,
        Quorum | Serial => all > total / 2,
        All => all == total,
        LocalOne => local >= 1,
        LocalQuorum | LocalSerial => local >= quorum(factors[0]),
        EachQuorum => (0u16..)
            .zip(factors)
            .all(|(dc, &factor)| factor == 0 || by_dc.get(&dc).copied().unwrap_or(0) >= quorum(factor)),
    }
}

proptest! {
    #[test]
    fn a_tally_agrees_with_the_naive_model(
        code in 0u16..11,
        factors in prop::collection::vec(0u32..5, 1..4),
        replies in prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(any::<bool>())), 0..12),
    ) {
        let level = ConsistencyLevel::from_code(code).unwrap();
        let topology = topology(&[4; 3]);
        let requirement = match level {
            Any => Requirement::for_write(level, &network(&factors), &topology, "dc0"),
            _ => Requirement::for_read(level, &network(&factors), &topology, "dc0"),
        };
        let requirement = requirement.unwrap();
        let mut waiting: Vec<u16> = (0u16..).zip(&factors).flat_map(|(dc, &n)| vec![dc; n as usize]).collect();
        let mut tally = Tally::new(requirement.clone());
        waiting.iter().for_each(|&dc| tally.contacted(dc));
        let is_available = requirement.check_available(waiting.iter().copied()).is_ok();
        prop_assert_eq!(is_available, tally.can_still_be_met());
        let mut done = Vec::new();
        for (pick, reply) in replies {
            if waiting.is_empty() {
                break;
            }
            let dc = waiting.swap_remove(pick.index(waiting.len()));
            match reply {
                Some(true) => tally.succeeded(dc),
                Some(false) => tally.failed(dc),
                None => {
                    waiting.push(dc);
                    continue;
                }
            }
            done.push((dc, reply == Some(true)));
            prop_assert_eq!(tally.is_met(), naive_is_met(level, &factors, &done, false));
            // The best that can come: all that succeeded, and all that are awaited.
            let hoped: Vec<(u16, bool)> =
                done.iter().filter(|(_, ok)| *ok).copied().chain(waiting.iter().map(|&dc| (dc, true))).collect();
            prop_assert_eq!(tally.can_still_be_met(), level == Any || naive_is_met(level, &factors, &hoped, true));
            prop_assert!(tally.is_met() || tally.received() < tally.required());
        }
    }
}
