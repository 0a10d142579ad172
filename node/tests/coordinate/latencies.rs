//! How quickly replicas answer: the estimate, what it makes of the order, and how long it lets a read wait.

use starling_node::coordinate::{Latencies, ReadPlan, Replica, SpeculationConfig, plan_read};
use starling_node::message::Fence;
use starling_ring::ConsistencyLevel;

use crate::layout::{Layout, address, host, number};

const WIDE: SpeculationConfig = SpeculationConfig { delay_ms_min: 1, delay_ms_max: 10_000, delay_ms_initial: 30 };

#[test]
fn the_estimate_is_that_of_rfc_6298() {
    let mut latencies = Latencies::default();
    let mut delay_ms = |elapsed_us| {
        latencies.record(host(1), elapsed_us);
        latencies.speculation_delay_ms(&WIDE, host(1))
    };
    // Twice the mean and four deviations. The first sample is the mean, half of it the deviation.
    assert_eq!(delay_ms(100_000), 2 * 100 + 4 * 50);
    // 7/8 of the mean and 3/4 of the deviation stay.
    assert_eq!(delay_ms(300_000), 2 * 125 + 4 * (150 + 200) / 4);
    // 140,625 and 96,875.
    assert_eq!(delay_ms(250_000), 669);
    assert_eq!(latencies.speculation_delay_ms(&WIDE, host(2)), 30, "nothing is known of it");
}

#[test]
fn ranks_double_from_two_milliseconds_on() {
    let rank = |elapsed_us| {
        let mut latencies = Latencies::default();
        latencies.record(host(1), elapsed_us);
        latencies.rank(host(1))
    };
    let ranks = [0, 1_999, 2_000, 3_999, 4_000, 8_000, 100_000].map(rank);
    assert_eq!(ranks, [0, 0, 1, 1, 2, 3, 6]);
    assert_eq!(Latencies::default().rank(host(1)), 0);
}

#[test]
fn a_read_waits_for_the_slowest_of_its_contacts() {
    let replica = |i| Replica { host: host(i), address: address(i), datacenter: 0, alive: true };
    let mut latencies = Latencies::default();
    latencies.record(host(1), 10_000);
    latencies.record(host(2), 40_000);
    let plan = |contacts: &[usize]| {
        let contacts = contacts.iter().map(|i| replica(*i)).collect();
        ReadPlan { contacts, spares: vec![replica(3)], fence: Fence::default(), repairs: true }
            .patience_ms(&latencies, &WIDE)
    };
    assert_eq!(plan(&[1]), 40);
    assert_eq!(plan(&[1, 2]), 160);
    assert_eq!(plan(&[]), WIDE.delay_ms_max);
}

/// Whom a read at `level` asks and whom it keeps as spares, after answers that took so many microseconds.
fn planned(
    sizes: &'static [usize],
    level: ConsistencyLevel,
    latencies_us: &[(usize, u64)],
) -> (Vec<usize>, Vec<usize>) {
    let layout = Layout::new(sizes);
    let mut latencies = Latencies::default();
    latencies_us.iter().for_each(|(i, elapsed_us)| latencies.record(host(*i), *elapsed_us));
    let replicas: Vec<u16> = (0..layout.count() as u16).collect();
    // Not one of those reads that pay no heed to ranks, and one that begins with the first replica.
    let spread = layout.count() as u64 * (1 << 32);
    let requirement = layout.for_read(level);
    let plan = plan_read(&layout.topology, &replicas, 0, &requirement, &latencies, spread, &|_| true).unwrap();
    let numbers = |replicas: &[Replica]| replicas.iter().map(|r| number(r.host)).collect();
    (numbers(&plan.contacts), numbers(&plan.spares))
}

#[test]
fn a_replica_three_ranks_behind_the_best_is_asked_last() {
    let quorum = |us| planned(&[3], ConsistencyLevel::Quorum, &[(1, us), (2, 500)]);
    assert_eq!(quorum(7_999), (vec![0, 1], vec![2]), "two ranks are noise");
    assert_eq!(quorum(8_000), (vec![0, 2], vec![1]));
    // The best is the measure, not the least there is.
    let one = planned(&[3], ConsistencyLevel::One, &[(0, 900_000), (1, 500), (2, 500)]);
    assert_eq!(one, (vec![0], vec![1, 2]), "the coordinator itself has no rank");
}

#[test]
fn at_each_quorum_only_spares_change_places() {
    let (contacts, spares) = planned(&[3, 3], ConsistencyLevel::EachQuorum, &[(1, 900_000), (3, 900_000)]);
    assert_eq!(contacts, [0, 1, 3, 4]);
    assert_eq!(spares, [2, 5]);
    let (contacts, spares) = planned(&[5, 1], ConsistencyLevel::EachQuorum, &[(3, 900_000)]);
    assert_eq!((contacts, spares), (vec![0, 1, 2, 5], vec![4, 3]));
}
