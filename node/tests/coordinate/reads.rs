//! Reads: whom they ask, when they succeed, when a spare is asked, and with which numbers they fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_node::coordinate::{
    Answer, Instant, Latencies, Order, Outcome, ReadCoordination, ReadPlan, SpeculationConfig, Work, plan_read,
};
use starling_node::message::ReplicaFailure;
use starling_ring::{ConsistencyLevel, Token};
use starling_storage::canonical::digest;
use starling_storage::model::{
    Cell, CellContent, ColumnData, ColumnId, Marker, Mutation, Partition, ReadCommand, ReadResult, ReadTarget, Row,
    TableId, TableRef,
};

use crate::layout::{LAYOUTS, LEVELS, Layout, address, alive, deaths, host, number};

pub const DEADLINE_MS: u64 = 5_000;
/// What a spare is asked after while nothing is known of latencies.
const PATIENCE_MS: u64 = 30;

pub fn at(ms: u64) -> Instant {
    Instant { us: ms * 1_000 }
}

/// Partition `key` with one row that was written at `version`.
pub fn partition(key: &'static [u8], version: i64) -> Partition {
    let value = Bytes::copy_from_slice(&version.to_be_bytes());
    let cell = Cell { path: None, timestamp_us: version, content: CellContent::Live { value, expiry: None } };
    let columns = vec![ColumnData { column: ColumnId(1), deletion: None, cells: vec![cell] }];
    let row = Row { marker: Some(Marker { timestamp_us: version, expiry: None }), deletion: None, columns };
    Partition {
        token: Token(i64::from(key[0])),
        key: Bytes::from_static(key),
        deletion: None,
        range_tombstones: Vec::new(),
        static_row: None,
        rows: vec![(Bytes::new(), row)],
    }
}

/// What a replica answers that has `version` of the one partition (0: nothing).
pub fn holding(version: i64) -> ReadResult {
    let partitions = if version > 0 { vec![partition(b"k", version)] } else { Vec::new() };
    ReadResult { partitions, ..ReadResult::default() }
}

/// The version in an answer.
pub fn version_in(partitions: &[Partition]) -> i64 {
    let cell = |p: &Partition| p.rows[0].1.columns[0].cells[0].timestamp_us;
    partitions.iter().map(cell).max().unwrap_or(0)
}

pub fn command(target: ReadTarget) -> ReadCommand {
    ReadCommand {
        table: TableRef { id: TableId(1), incarnation: 0 },
        has_clustering: false,
        gc_grace_s: 864_000,
        target,
        slices: Vec::new(),
        reversed: false,
        row_limit: 100,
        per_partition_limit: 100,
        size_limit_bytes: 1 << 20,
        now_s: 1_000,
        resume: None,
    }
}

pub fn one_partition() -> ReadTarget {
    ReadTarget::Partition { token: Token(i64::from(b'k')), key: Bytes::from_static(b"k") }
}

/// A read with the orders that it has given and not been answered.
pub struct Reading {
    pub read: ReadCoordination,
    pub orders: Vec<Order>,
    pub latencies: Latencies,
}

impl Reading {
    pub fn start(layout: &Layout, level: ConsistencyLevel, dead: u32, target: ReadTarget) -> Result<Self, CqlError> {
        Self::start_with(layout, level, dead, target, true)
    }

    /// `repairs`: the table's `read_repair`.
    pub fn start_with(
        layout: &Layout,
        level: ConsistencyLevel,
        dead: u32,
        target: ReadTarget,
        repairs: bool,
    ) -> Result<Self, CqlError> {
        let requirement = layout.for_read(level);
        let replicas: Vec<u16> = (0..layout.count() as u16).collect();
        let (mut orders, latencies) = (Vec::new(), Latencies::default());
        let is_alive = |i: u16| dead & (1 << i) == 0;
        let plan = plan_read(&layout.topology, &replicas, 0, &requirement, &latencies, 0, &is_alive).map_err(|e| {
            CqlError::Unavailable { message: e.to_string(), consistency: e.level, required: e.required, alive: e.alive }
        })?;
        let plan = ReadPlan { repairs, ..plan };
        let patience_ms = plan.patience_ms(&latencies, &SpeculationConfig::default());
        let command = Arc::new(command(target));
        let read = ReadCoordination::start(command, plan, requirement, at(0), DEADLINE_MS, patience_ms, &mut orders);
        Ok(Reading { read, orders, latencies })
    }

    /// Takes the order for `replica` and answers it out of what it holds.
    pub fn answer(&mut self, now_ms: u64, replica: usize, held: &ReadResult) -> Option<Outcome<ReadResult>> {
        let order = self.take(replica);
        let answer = match &order.work {
            Work::Read { digest_only: true, .. } => Answer::Digest(digest(held)),
            Work::Read { .. } => Answer::Data(held.clone()),
            Work::Mutate { .. } => Answer::Applied,
        };
        self.tell(now_ms, order.leg, replica, answer)
    }

    pub fn fail(&mut self, now_ms: u64, replica: usize, failure: ReplicaFailure) -> Option<Outcome<ReadResult>> {
        let leg = self.take(replica).leg;
        self.tell(now_ms, leg, replica, Answer::Failed(failure))
    }

    pub fn tell(&mut self, now_ms: u64, leg: u32, replica: usize, answer: Answer) -> Option<Outcome<ReadResult>> {
        self.read.on_answer(at(now_ms), leg, host(replica), answer, &mut self.latencies, &mut self.orders)
    }

    pub fn time(&mut self, now_ms: u64) -> Option<Outcome<ReadResult>> {
        self.read.on_time(at(now_ms), &mut self.orders)
    }

    pub fn take(&mut self, replica: usize) -> Order {
        let place = self.orders.iter().position(|o| o.to == host(replica));
        self.orders.remove(place.unwrap_or_else(|| panic!("replica {replica} was not asked")))
    }

    pub fn asked(&self) -> Vec<usize> {
        self.orders.iter().map(|o| number(o.to)).collect()
    }
}

pub fn repair_of(order: &Order) -> &Mutation {
    match &order.work {
        Work::Mutate { mutation: Some(mutation), .. } => mutation,
        other => panic!("not a repair: {other:?}"),
    }
}

fn each_case(check: impl Fn(&Layout, ConsistencyLevel, u32)) {
    for sizes in LAYOUTS {
        let layout = Layout::new(sizes);
        for level in LEVELS.into_iter().filter(|l| *l != ConsistencyLevel::Any) {
            deaths(layout.count()).for_each(|dead| check(&layout, level, dead));
        }
    }
}

#[test]
fn as_many_as_the_level_needs_are_asked_one_for_data_the_others_for_digests() {
    each_case(|layout, level, dead| {
        let live = alive(layout, dead);
        let reading = match (layout.unavailable(level, &live), Reading::start(layout, level, dead, one_partition())) {
            (None, Ok(reading)) => reading,
            (Some(expected), Err(CqlError::Unavailable { required, alive, .. })) => {
                return assert_eq!((required, alive), expected, "{level} {:?} {dead:b}", layout.sizes);
            }
            (expected, outcome) => panic!("{level} {:?} {dead:b}: {expected:?} {:?}", layout.sizes, outcome.err()),
        };
        let asked = reading.asked();
        assert!(layout.suffices(level, &asked) && asked.iter().all(|i| live.contains(i)));
        assert_eq!(asked.len() as u32, layout.block_for(level), "no more than needed");
        assert!(!live.contains(&0) || asked[0] == 0, "the coordinator's own data first");
        for (place, order) in reading.orders.iter().enumerate() {
            let Work::Read { digest_only, .. } = order.work else { panic!("a read sends reads") };
            assert_eq!(digest_only, place > 0);
        }
    });
}

#[test]
fn it_succeeds_with_the_last_answer_needed_whatever_their_order() {
    each_case(|layout, level, dead| {
        for backwards in [false, true] {
            let Ok(mut reading) = Reading::start(layout, level, dead, one_partition()) else {
                return;
            };
            let mut asked = reading.asked();
            if backwards {
                asked.reverse();
            }
            let (last, before) = asked.split_last().unwrap();
            for replica in before {
                assert_eq!(reading.answer(1, *replica, &holding(7)), None);
            }
            assert_eq!(reading.answer(1, *last, &holding(7)), Some(Ok(holding(7))), "{level} {:?}", layout.sizes);
        }
    });
}

#[test]
fn a_timeout_says_how_many_answered_and_whether_there_was_data() {
    each_case(|layout, level, dead| {
        let Ok(reading) = Reading::start(layout, level, dead, one_partition()) else {
            return;
        };
        let asked = reading.asked();
        for taken in 0..asked.len() {
            let Ok(mut reading) = Reading::start(layout, level, dead, one_partition()) else { unreachable!() };
            // The digests answer, then nobody.
            let answering = &asked[asked.len() - taken..];
            for replica in answering {
                assert_eq!(reading.answer(1, *replica, &holding(7)), None);
            }
            let timeout = reading.time(DEADLINE_MS);
            let Some(Err(CqlError::ReadTimeout { received, block_for, data_present, .. })) = timeout else {
                panic!("{timeout:?}")
            };
            let expected = (layout.received(level, answering), layout.block_for(level), false);
            assert_eq!((received, block_for, data_present), expected, "{level} {:?}", layout.sizes);
        }
    });
}

/// Each replica that fails is replaced while there are spares that count where it counted.
#[test]
fn failing_replicas_are_replaced_then_the_read_fails_with_their_number() {
    each_case(|layout, level, dead| {
        let Ok(mut reading) = Reading::start(layout, level, dead, one_partition()) else {
            return;
        };
        let mut failed = Vec::new();
        loop {
            let Some(replica) = reading.asked().first().copied() else { panic!("{level}: nobody left, yet no end") };
            let outcome = reading.fail(1, replica, ReplicaFailure::Storage);
            failed.push(replica);
            let left: Vec<usize> = alive(layout, dead).into_iter().filter(|i| !failed.contains(i)).collect();
            if layout.suffices(level, &left) {
                assert_eq!(outcome, None, "{level} {:?} dead {dead:b} failed {failed:?}", layout.sizes);
                continue;
            }
            let Some(Err(CqlError::ReadFailure { received, block_for, num_failures, failures, data_present, .. })) =
                outcome
            else {
                panic!("{level} {:?} dead {dead:b} failed {failed:?}: {outcome:?}", layout.sizes)
            };
            let expected = (0, layout.block_for(level), failed.len() as u32, false);
            assert_eq!((received, block_for, num_failures, data_present), expected);
            let named: Vec<_> = failures.iter().map(|f| f.address).collect();
            assert_eq!(named, failed.iter().map(|i| address(*i)).collect::<Vec<_>>());
            return;
        }
    });
}

#[test]
fn spares_are_asked_one_by_one_after_a_delay_and_late_answers_do_no_harm() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, ConsistencyLevel::One, 0, one_partition()).unwrap();
    assert_eq!(reading.asked(), [0]);
    assert_eq!(reading.read.deadline_ms(), DEADLINE_MS);
    for (spare, now_ms) in [(1, PATIENCE_MS), (2, 2 * PATIENCE_MS)] {
        assert_eq!(reading.read.next_deadline_ms(), now_ms);
        assert_eq!(reading.time(now_ms - 1), None);
        assert!(!reading.asked().contains(&spare));
        assert_eq!(reading.time(now_ms), None);
        assert!(reading.asked().contains(&spare));
    }
    assert_eq!(reading.read.next_deadline_ms(), DEADLINE_MS);
    assert_eq!(reading.read.speculated, 2);
    assert_eq!(reading.answer(100, 2, &holding(7)), Some(Ok(holding(7))));

    // At QUORUM the slow replica's answer comes first after all; the spare's is not needed then.
    let mut reading = Reading::start(&layout, ConsistencyLevel::Quorum, 0, one_partition()).unwrap();
    assert_eq!(reading.time(PATIENCE_MS), None);
    assert_eq!(reading.asked(), [0, 1, 2]);
    assert_eq!(reading.answer(40, 1, &holding(7)), None);
    assert_eq!(reading.tell(41, 0, 1, Answer::Digest(digest(&holding(7)))), None, "a second answer of one replica");
    assert_eq!(reading.answer(42, 0, &holding(7)), Some(Ok(holding(7))));
}

#[test]
fn what_was_not_asked_for_is_no_answer() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, ConsistencyLevel::One, 0, one_partition()).unwrap();
    let leg = reading.take(0).leg;
    assert_eq!(reading.tell(1, leg, 0, Answer::Digest(digest(&holding(7)))), None);
    assert_eq!(reading.asked(), [1], "a digest in place of data is a failure");
    assert_eq!(reading.answer(2, 1, &holding(7)), Some(Ok(holding(7))));

    let mut reading = Reading::start(&layout, ConsistencyLevel::Two, 0, one_partition()).unwrap();
    let leg = reading.take(1).leg;
    assert_eq!(reading.tell(1, leg, 1, Answer::Data(holding(7))), None);
    assert_eq!(reading.asked(), [0, 2], "so is data in place of a digest");
}

#[test]
fn each_datacentre_turns_to_its_own_spares() {
    let layout = Layout::new(&[3, 3]);
    let mut reading = Reading::start(&layout, ConsistencyLevel::EachQuorum, 0, one_partition()).unwrap();
    let asked = reading.asked();
    let slow: Vec<usize> = asked.iter().copied().filter(|i| layout.dc_of(*i) == 1).collect();
    for replica in asked.iter().filter(|i| layout.dc_of(**i) == 0) {
        assert_eq!(reading.answer(1, *replica, &holding(7)), None);
    }
    assert_eq!(reading.time(PATIENCE_MS), None);
    let spare = reading.asked().into_iter().find(|i| !slow.contains(i)).unwrap();
    assert_eq!(layout.dc_of(spare), 1);
    assert_eq!(reading.answer(40, spare, &holding(7)), None);
    assert_eq!(reading.answer(41, slow[1], &holding(7)), Some(Ok(holding(7))));
}

#[test]
fn a_replica_that_is_behind_is_asked_again() {
    let layout = Layout::new(&[2, 1]);
    let mut reading = Reading::start(&layout, ConsistencyLevel::LocalQuorum, 0, one_partition()).unwrap();
    assert_eq!(reading.answer(7, 0, &holding(7)), None);
    assert_eq!(reading.fail(7, 1, ReplicaFailure::Behind), None);
    let again_ms = reading.read.next_deadline_ms();
    assert!(again_ms > 7 && again_ms < 200);
    assert_eq!(reading.time(again_ms - 1), None);
    assert!(reading.asked().is_empty(), "not yet");
    assert_eq!(reading.time(again_ms), None);
    assert_eq!(reading.answer(again_ms, 1, &holding(7)), Some(Ok(holding(7))));
}

#[test]
fn a_recovered_replica_is_asked_now_and_then() {
    let layout = Layout::new(&[5]);
    let requirement = layout.for_read(ConsistencyLevel::One);
    let mut latencies = Latencies::default();
    (1..5).for_each(|i| latencies.record(host(i), 500));
    latencies.record(host(1), 2_000_000);
    let mut firsts: BTreeMap<u16, u32> = BTreeMap::new();
    let mut spread = 1u64;
    for _ in 0..20_000 {
        spread = spread.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let plan = plan_read(&layout.topology, &[1, 2, 3, 4], 0, &requirement, &latencies, spread, &|_| true).unwrap();
        *firsts.entry(number(plan.contacts[0].host) as u16).or_default() += 1;
    }
    assert!((20..400).contains(&firsts[&1]), "{firsts:?}");
    assert!([2, 3, 4].iter().all(|i| firsts[i] > 4_000), "{firsts:?}");
}
