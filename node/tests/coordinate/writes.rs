//! Writes: whom they go to, when they succeed, and with which numbers they fail.

use bytes::Bytes;
use starling_cql_lite::protocol::error::{CqlError, FailedReplica, FailureCode, WriteType};
use starling_node::coordinate::{Answer, Order, Outcome, Work, WriteCoordination, WriteLeg, replicas_of};
use starling_node::message::{Fence, ReplicaFailure};
use starling_ring::{ConsistencyLevel, HostId, Placement, Token};
use starling_storage::model::{Mutation, Partition, TableId, TableRef};

use crate::layout::{LAYOUTS, LEVELS, Layout, address, alive, deaths, host, number};

pub const DEADLINE_MS: u64 = 2_000;

fn mutation() -> Mutation {
    let partition = Partition {
        token: Token(1),
        key: Bytes::from_static(b"k"),
        deletion: None,
        range_tombstones: Vec::new(),
        static_row: None,
        rows: Vec::new(),
    };
    Mutation { table: TableRef { id: TableId(1), incarnation: 0 }, issue_stamp: 0, partition }
}

pub fn start(
    layout: &Layout,
    level: ConsistencyLevel,
    dead: u32,
    legs: usize,
    orders: &mut Vec<Order>,
) -> Outcome<WriteCoordination> {
    start_at(0, layout, level, dead, legs, orders)
}

fn start_at(
    now_ms: u64,
    layout: &Layout,
    level: ConsistencyLevel,
    dead: u32,
    legs: usize,
    orders: &mut Vec<Order>,
) -> Outcome<WriteCoordination> {
    let leg = || WriteLeg {
        encoded: mutation().encode(),
        mutation: Some(mutation()),
        replicas: layout.replicas(dead),
        requirement: layout.for_write(level),
        fence: Fence::default(),
    };
    let legs = (0..legs).map(|_| leg()).collect();
    WriteCoordination::start(legs, WriteType::Simple, host(0), 0, now_ms, DEADLINE_MS, orders)
}

/// All replicas that orders reach, directly or passed on.
fn reached(orders: &[Order]) -> Vec<usize> {
    let mut all = Vec::new();
    for order in orders {
        let Work::Mutate { forward_to, .. } = &order.work else { panic!("a write sends mutations") };
        all.push(number(order.to));
        all.extend(forward_to.iter().map(|h: &HostId| number(*h)));
    }
    all.sort_unstable();
    all
}

/// Runs `check` for every layout, level and set of dead replicas.
fn each_case(check: impl Fn(&Layout, ConsistencyLevel, u32)) {
    for sizes in LAYOUTS {
        let layout = Layout::new(sizes);
        for level in LEVELS {
            deaths(layout.count()).for_each(|dead| check(&layout, level, dead));
        }
    }
}

#[test]
fn every_live_replica_is_asked_once_and_remote_datacentres_by_one_message() {
    each_case(|layout, level, dead| {
        let mut orders = Vec::new();
        if start(layout, level, dead, 1, &mut orders).is_err() {
            return assert!(orders.is_empty(), "nothing is sent before an error");
        }
        assert_eq!(reached(&orders), alive(layout, dead));
        let mut remote = Vec::new();
        for order in &orders {
            let Work::Mutate { mutation, forward_to, .. } = &order.work else { unreachable!() };
            let dc = layout.dc_of(number(order.to));
            assert_eq!(mutation.is_some(), order.to == host(0), "decoded for this node only");
            assert!(forward_to.iter().all(|h| layout.dc_of(number(*h)) == dc));
            if dc == 0 {
                assert!(forward_to.is_empty());
            } else {
                assert!(!remote.contains(&dc), "one message per remote datacentre");
                remote.push(dc);
            }
        }
    });
}

#[test]
fn those_behind_a_silent_forwarder_are_asked_directly() {
    let layout = Layout::new(&[1, 3]);
    let mut orders = Vec::new();
    let mut write = start_at(100, &layout, ConsistencyLevel::All, 0, 1, &mut orders).unwrap();
    let passed_on: Vec<HostId> = orders
        .iter()
        .flat_map(|o| match &o.work {
            Work::Mutate { forward_to, .. } => forward_to.clone(),
            Work::Read { .. } => Vec::new(),
        })
        .collect();
    assert_eq!(passed_on.len(), 2);
    // One of them answered: the message got through to it.
    assert!(write.on_answer(110, 0, passed_on[0], &Answer::Applied).is_none());
    let at_ms = write.next_deadline_ms();
    assert!(at_ms > 110 && at_ms < DEADLINE_MS);
    let mut again = Vec::new();
    assert!(write.on_time(at_ms, &mut again).is_none());
    assert_eq!(again.iter().map(|o| o.to).collect::<Vec<_>>(), vec![passed_on[1]]);
    assert_eq!(write.next_deadline_ms(), DEADLINE_MS, "asked directly once");
}

#[test]
fn unavailable_says_how_many_and_only_when_too_few_live() {
    each_case(|layout, level, dead| {
        let outcome = start(layout, level, dead, 1, &mut Vec::new());
        match (layout.unavailable(level, &alive(layout, dead)), outcome) {
            (None, Ok(_)) => {}
            (Some(expected), Err(CqlError::Unavailable { consistency, required, alive, .. })) => {
                assert_eq!((consistency, (required, alive)), (level, expected), "{:?} {dead:b}", layout.sizes);
            }
            (expected, outcome) => panic!("{level} {:?} {dead:b}: {expected:?}, {:?}", layout.sizes, outcome.err()),
        }
    });
}

#[test]
fn success_comes_with_exactly_the_answers_needed_and_timeouts_count_those_in() {
    each_case(|layout, level, dead| {
        for backwards in [false, true] {
            let Ok(mut write) = start(layout, level, dead, 1, &mut Vec::new()) else {
                return;
            };
            let mut order = alive(layout, dead);
            if backwards {
                order.reverse();
            }
            for taken in 0..order.len() {
                let set = &order[..=taken];
                // A second answer of one replica and one of a replica that was not asked change nothing.
                if taken > 0 {
                    assert!(write.on_answer(1, 0, host(order[taken - 1]), &Answer::Applied).is_none());
                }
                for unasked in (0..layout.count()).filter(|i| dead & (1 << i) != 0) {
                    assert!(write.on_answer(1, 0, host(unasked), &Answer::Applied).is_none());
                }
                let outcome = write.on_answer(1, 0, host(order[taken]), &Answer::Applied);
                if layout.suffices(level, set) {
                    assert_eq!(outcome, Some(Ok(())), "{level} {:?} {set:?}", layout.sizes);
                    break;
                }
                assert_eq!(outcome, None, "{level} {:?} {set:?}", layout.sizes);
                let Ok(mut other) = start(layout, level, dead, 1, &mut Vec::new()) else { unreachable!() };
                for i in set {
                    assert!(other.on_answer(1, 0, host(*i), &Answer::Applied).is_none());
                }
                let timeout = other.on_time(DEADLINE_MS, &mut Vec::new());
                let Some(Err(CqlError::WriteTimeout { consistency, received, block_for, .. })) = timeout else {
                    panic!("{timeout:?}")
                };
                let expected = (level, layout.received(level, set), layout.block_for(level));
                assert_eq!((consistency, received, block_for), expected, "{:?} {set:?}", layout.sizes);
            }
        }
    });
}

#[test]
fn a_failure_ends_the_write_when_the_level_is_out_of_reach() {
    each_case(|layout, level, dead| {
        let Ok(mut write) = start(layout, level, dead, 1, &mut Vec::new()) else {
            return;
        };
        let order = alive(layout, dead);
        for failed in 1..=order.len() {
            let (gone, left) = order.split_at(failed);
            let answer = Answer::Failed(ReplicaFailure::Storage);
            let outcome = write.on_answer(1, 0, host(gone[failed - 1]), &answer);
            assert!(write.on_answer(1, 0, host(gone[failed - 1]), &answer).is_none() || outcome.is_some());
            // ANY could still be met by a hint, so it waits until its time is up.
            if layout.suffices(level, left) || level == ConsistencyLevel::Any {
                assert_eq!(outcome, None, "{level} {:?} {gone:?}", layout.sizes);
                continue;
            }
            let Some(Err(CqlError::WriteFailure { received, block_for, num_failures, failures, .. })) = outcome else {
                panic!("{level} {:?} {gone:?}: {outcome:?}", layout.sizes)
            };
            let counted = match level {
                ConsistencyLevel::LocalOne | ConsistencyLevel::LocalQuorum => layout.received(level, gone),
                _ => failed as u32,
            };
            assert_eq!((received, block_for, num_failures), (0, layout.block_for(level), counted));
            let of_those = |f: &FailedReplica| gone.iter().any(|i| f.address == address(*i));
            assert!(failures.iter().all(of_those) && failures.len() == counted as usize, "{level} {failures:?}");
            return;
        }
    });
}

/// Whoever begins a write anew, with other replicas, does so with all that it was.
#[test]
fn a_write_gives_back_what_it_was_started_with() {
    let layout = Layout::new(&[3]);
    let write = start(&layout, ConsistencyLevel::Quorum, 0, 2, &mut Vec::new()).unwrap();
    assert_eq!(write.deadline_ms(), DEADLINE_MS);
    let timeout = CqlError::write_timeout(ConsistencyLevel::Quorum, 0, 2, WriteType::Simple);
    assert_eq!(write.timed_out(), timeout);
    let (legs, kind, deadline_ms) = write.into_legs();
    assert_eq!((legs.len(), kind, deadline_ms), (2, WriteType::Simple, DEADLINE_MS));
    assert!(legs.iter().all(|leg| leg.encoded == mutation().encode() && leg.replicas == layout.replicas(0)));
}

#[test]
fn a_batch_that_times_out_counts_the_mutation_that_lacks_acknowledgements() {
    let layout = Layout::new(&[3]);
    let mut write = start(&layout, ConsistencyLevel::Quorum, 0, 2, &mut Vec::new()).unwrap();
    for replica in [0, 1] {
        assert!(write.on_answer(1, 0, host(replica), &Answer::Applied).is_none());
    }
    assert!(write.on_answer(1, 1, host(2), &Answer::Applied).is_none());
    assert_eq!(write.timed_out(), CqlError::write_timeout(ConsistencyLevel::Quorum, 1, 2, WriteType::Simple));
}

#[test]
fn all_replicas_of_a_token_are_written_to_dead_ones_too() {
    let layout = Layout::new(&[3, 3]);
    let placement = Placement::new(&layout.topology, &layout.strategy);
    let mut replicas = replicas_of(&layout.topology, &placement, Token(1), &|index| index != 4);
    replicas.sort_by_key(|replica| number(replica.host));
    assert_eq!(replicas, layout.replicas(1 << 4));
}

#[test]
fn failures_that_do_not_count_are_not_named() {
    let layout = Layout::new(&[3, 3]);
    let mut write = start(&layout, ConsistencyLevel::LocalQuorum, 0, 1, &mut Vec::new()).unwrap();
    let refusal = Answer::Failed(ReplicaFailure::Storage);
    for remote in 3..6 {
        assert!(write.on_answer(1, 0, host(remote), &refusal).is_none());
    }
    assert!(write.on_answer(1, 0, host(1), &refusal).is_none());
    let failed = write.on_answer(1, 0, host(2), &refusal);
    let failures = [1, 2].map(|i| FailedReplica { address: address(i), code: FailureCode::UNKNOWN }).to_vec();
    let expected = CqlError::write_failure(ConsistencyLevel::LocalQuorum, 0, 2, 2, WriteType::Simple);
    assert_eq!(failed, Some(Err(expected.with_failures(failures))));
}

#[test]
fn a_replica_that_is_behind_is_asked_again_until_it_applies() {
    let layout = Layout::new(&[3]);
    let mut orders = Vec::new();
    let mut write = start(&layout, ConsistencyLevel::Quorum, 0b100, 1, &mut orders).unwrap();
    let behind = Answer::Failed(ReplicaFailure::Behind);
    assert!(write.on_answer(0, 0, host(0), &Answer::Applied).is_none());
    let mut now_ms = 0;
    for _ in 0..5 {
        assert!(write.on_answer(now_ms, 0, host(1), &behind).is_none());
        assert!(write.on_answer(now_ms, 0, host(1), &behind).is_none());
        let at_ms = write.next_deadline_ms();
        assert!(at_ms > now_ms && at_ms < now_ms + 200, "soon, not at the deadline");
        orders.clear();
        assert!(write.on_time(at_ms - 1, &mut orders).is_none());
        assert!(orders.is_empty());
        // Timers may be late.
        assert!(write.on_time(at_ms + now_ms % 3, &mut orders).is_none());
        assert_eq!(reached(&orders), [1]);
        assert_eq!(write.next_deadline_ms(), DEADLINE_MS);
        now_ms = at_ms;
    }
    assert_eq!(write.on_answer(now_ms, 0, host(1), &Answer::Applied), Some(Ok(())));
}

#[test]
fn a_batch_succeeds_when_each_of_its_mutations_has() {
    let layout = Layout::new(&[3]);
    let mut orders = Vec::new();
    let mut write = start(&layout, ConsistencyLevel::Quorum, 0, 3, &mut orders).unwrap();
    assert_eq!(orders.len(), 9);
    for leg in [2, 0] {
        for replica in 0..3 {
            assert!(write.on_answer(0, leg, host(replica), &Answer::Applied).is_none());
        }
    }
    assert!(write.on_answer(0, 7, host(0), &Answer::Applied).is_none(), "no such leg");
    assert!(write.on_answer(0, 1, host(0), &Answer::Applied).is_none());
    let mut other = start(&layout, ConsistencyLevel::Quorum, 0, 3, &mut orders).unwrap();
    assert!(other.on_answer(0, 1, host(0), &Answer::Failed(ReplicaFailure::Gone)).is_none());
    let failed = other.on_answer(0, 1, host(1), &Answer::Failed(ReplicaFailure::Overloaded));
    let failures = vec![
        FailedReplica { address: address(0), code: FailureCode::INCOMPATIBLE_SCHEMA },
        FailedReplica { address: address(1), code: FailureCode::UNKNOWN },
    ];
    let expected = CqlError::write_failure(ConsistencyLevel::Quorum, 0, 2, 2, WriteType::Simple);
    assert_eq!(failed, Some(Err(expected.with_failures(failures))));
    assert_eq!(write.on_answer(0, 1, host(2), &Answer::Applied), Some(Ok(())));
}
