//! Random schedules of one read after another, over replicas that hold versions of one value.

use proptest::prelude::*;
use starling_cql_lite::protocol::error::CqlError;
use starling_node::coordinate::{Answer, Order, Work};
use starling_node::message::ReplicaFailure;
use starling_ring::ConsistencyLevel::{self, *};
use starling_storage::canonical::digest;

use crate::layout::{Layout, number};
use crate::reads::{DEADLINE_MS, Reading, holding, one_partition, repair_of, version_in};

const CASES: &[&[usize]] = &[&[1], &[3], &[5], &[3, 3], &[2, 1]];
const READ_LEVELS: [ConsistencyLevel; 6] = [One, Two, Quorum, All, LocalQuorum, EachQuorum];

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Carry the order at this place out and answer it.
    Serve(usize),
    /// The same, but the order stays in the network: it will come again.
    ServeTwice(usize),
    /// Answer that it was not done.
    Refuse(usize, bool),
    /// Lose it.
    Lose(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8usize).prop_map(Step::Serve),
        2 => (0..8usize).prop_map(Step::ServeTwice),
        1 => (0..8usize, any::<bool>()).prop_map(|(i, behind)| Step::Refuse(i, behind)),
        1 => (0..8usize).prop_map(Step::Lose),
        2 => (1..100u64).prop_map(Step::Wait),
    ]
}

fn serve(order: &Order, held: &mut [i64]) -> Answer {
    let mine = &mut held[number(order.to)];
    match &order.work {
        Work::Read { digest_only: true, .. } => Answer::Digest(digest(&holding(*mine))),
        Work::Read { .. } => Answer::Data(holding(*mine)),
        Work::Mutate { .. } => {
            *mine = version_in(std::slice::from_ref(&repair_of(order).partition)).max(*mine);
            Answer::Applied
        }
    }
}

/// Runs one read; answers the version that it saw, or `None` if it failed.
fn run(
    layout: &Layout,
    level: ConsistencyLevel,
    held: &mut [i64],
    steps: &[Step],
) -> Result<Option<i64>, TestCaseError> {
    let mut reading = Reading::start(layout, level, 0, one_partition()).unwrap();
    let mut now_ms = 0;
    for step in steps {
        let outcome = match *step {
            Step::Wait(ms) => {
                now_ms += ms;
                reading.time(now_ms)
            }
            Step::Serve(i) | Step::ServeTwice(i) | Step::Refuse(i, _) | Step::Lose(i) => {
                if reading.orders.is_empty() {
                    continue;
                }
                let order = reading.orders.remove(i % reading.orders.len());
                let answer = match *step {
                    Step::Refuse(_, true) => Answer::Failed(ReplicaFailure::Behind),
                    Step::Refuse(..) => Answer::Failed(ReplicaFailure::Storage),
                    Step::Lose(_) => continue,
                    _ => serve(&order, held),
                };
                if matches!(step, Step::ServeTwice(_)) {
                    reading.orders.push(order.clone());
                }
                reading.tell(now_ms, order.leg, number(order.to), answer)
            }
        };
        match outcome {
            None => {}
            Some(Ok(result)) => return Ok(Some(version_in(&result.partitions))),
            Some(Err(CqlError::ReadTimeout { .. })) => {
                prop_assert!(now_ms >= DEADLINE_MS);
                return Ok(None);
            }
            Some(Err(CqlError::ReadFailure { num_failures, .. })) => {
                prop_assert!(num_failures > 0);
                return Ok(None);
            }
            Some(Err(other)) => prop_assert!(false, "{other:?}"),
        }
    }
    let end = reading.time(DEADLINE_MS.max(now_ms));
    prop_assert!(matches!(end, Some(Err(CqlError::ReadTimeout { .. }))), "{:?}", end);
    Ok(None)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// What a read has answered is held by as many as its level wants, so that the next one cannot go back.
    #[test]
    fn reads_end_once_and_what_they_answer_is_held_by_enough(
        case in 0..CASES.len(), level in 0..READ_LEVELS.len(),
        versions in prop::collection::vec(0..4i64, 6),
        reads in prop::collection::vec(prop::collection::vec(step(), 0..40), 1..4),
    ) {
        let (layout, level) = (Layout::new(CASES[case]), READ_LEVELS[level]);
        let all: Vec<usize> = (0..layout.count()).collect();
        prop_assume!(layout.suffices(level, &all));
        let mut held = versions[..layout.count()].to_vec();
        let overlaps = matches!(level, Quorum | All | EachQuorum | LocalQuorum);
        let holders = |held: &[i64], version| -> Vec<usize> {
            all.iter().copied().filter(|i| held[*i] >= version).collect()
        };
        let mut seen = 0;
        for steps in reads {
            let written = (0..4).rev().find(|v| layout.suffices(level, &holders(&held, *v))).unwrap_or(0);
            if let Some(version) = run(&layout, level, &mut held, &steps)? {
                prop_assert!(layout.suffices(level, &holders(&held, version)), "{} {:?}", version, held);
                if overlaps {
                    prop_assert!(version >= written, "{} was written, {} read", written, version);
                    prop_assert!(version >= seen, "went back from {} to {}", seen, version);
                    seen = version;
                }
            }
        }
    }
}
