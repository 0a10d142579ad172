//! Random answers, doubled, refused, late, in any order, against a set of distinct acknowledgements.

use proptest::prelude::*;
use starling_cql_lite::protocol::error::CqlError;
use starling_node::coordinate::Answer;
use starling_node::message::ReplicaFailure;

use crate::layout::{LAYOUTS, LEVELS, Layout, alive, host};
use crate::writes::{DEADLINE_MS, start};

#[derive(Clone, Debug)]
enum Event {
    Applied(usize, u32),
    Failed(usize, u32),
    Behind(usize, u32),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..7usize, 0..3u32).prop_map(|(r, l)| Event::Applied(r, l)),
        1 => (0..7usize, 0..3u32).prop_map(|(r, l)| Event::Failed(r, l)),
        1 => (0..7usize, 0..3u32).prop_map(|(r, l)| Event::Behind(r, l)),
        1 => (1..400u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn success_means_enough_distinct_replicas_and_every_write_ends(
        layout in 0..LAYOUTS.len(), level in 0..LEVELS.len(), dead in 0u32..64, legs in 1..3usize,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let (layout, level) = (Layout::new(LAYOUTS[layout]), LEVELS[level]);
        let live = alive(&layout, dead);
        let Ok(mut write) = start(&layout, level, dead, legs, &mut Vec::new()) else {
            prop_assert!(!layout.suffices(level, &live));
            return Ok(());
        };
        // Per leg: who acknowledged and who refused, each by its first definite answer.
        let mut applied = vec![Vec::new(); legs];
        let mut failed = vec![Vec::new(); legs];
        let mut now_ms = 0;
        for event in events {
            let outcome = match event {
                Event::Wait(ms) => {
                    now_ms += ms;
                    write.on_time(now_ms, &mut Vec::new())
                }
                Event::Applied(r, leg) | Event::Failed(r, leg) | Event::Behind(r, leg) => {
                    let answer = match event {
                        Event::Applied(..) => Answer::Applied,
                        Event::Failed(..) => Answer::Failed(ReplicaFailure::Storage),
                        _ => Answer::Failed(ReplicaFailure::Behind),
                    };
                    let outcome = write.on_answer(now_ms, leg, host(r), &answer);
                    let leg = leg as usize;
                    if live.contains(&r) && leg < legs && !applied[leg].contains(&r) && !failed[leg].contains(&r) {
                        match event {
                            Event::Applied(..) => applied[leg].push(r),
                            Event::Failed(..) => failed[leg].push(r),
                            _ => {}
                        }
                    }
                    outcome
                }
            };
            let done = applied.iter().all(|set| layout.suffices(level, set));
            match outcome {
                Some(Ok(())) => {
                    prop_assert!(done);
                    return Ok(());
                }
                Some(Err(CqlError::WriteTimeout { .. })) => {
                    prop_assert!(!done && now_ms >= DEADLINE_MS);
                    return Ok(());
                }
                Some(Err(CqlError::WriteFailure { .. })) => {
                    let out_of_reach = failed.iter().any(|failed| {
                        let left: Vec<usize> = live.iter().copied().filter(|r| !failed.contains(r)).collect();
                        !layout.suffices(level, &left)
                    });
                    prop_assert!(!done && out_of_reach);
                    return Ok(());
                }
                Some(Err(other)) => prop_assert!(false, "{other:?} after something was sent"),
                None => prop_assert!(!done, "enough have answered"),
            }
        }
        let outcome = write.on_time(DEADLINE_MS.max(now_ms), &mut Vec::new());
        prop_assert!(matches!(outcome, Some(Err(CqlError::WriteTimeout { .. }))), "{:?}", outcome);
    }
}
