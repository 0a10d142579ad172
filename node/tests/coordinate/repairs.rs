//! Replicas that disagree: all data, reconciled, and the answer only after the repair is acknowledged.

use bytes::Bytes;
use starling_cql_lite::protocol::error::{CqlError, FailedReplica, FailureCode};
use starling_node::coordinate::{Answer, Work};
use starling_node::message::ReplicaFailure;
use starling_ring::{ConsistencyLevel, Token};
use starling_storage::canonical::digest;
use starling_storage::model::{Position, ReadResult, ReadTarget};

use crate::layout::{Layout, address};
use crate::reads::{DEADLINE_MS, Reading, holding, one_partition, partition, repair_of, version_in};

const QUORUM: ConsistencyLevel = ConsistencyLevel::Quorum;

/// A QUORUM read of three replicas whose first two have answered data and an older digest.
fn mismatched(newer: usize) -> Reading {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, one_partition()).unwrap();
    assert_eq!(reading.answer(1, 0, &holding(if newer == 0 { 9 } else { 5 })), None);
    assert_eq!(reading.answer(1, 1, &holding(if newer == 1 { 9 } else { 5 })), None);
    assert!(reading.read.mismatched);
    assert_eq!(reading.asked(), [1], "only the digest is asked anew");
    assert!(matches!(reading.orders[0].work, Work::Read { digest_only: false, .. }));
    reading
}

#[test]
fn the_answer_waits_for_the_repair() {
    for newer in [0, 1] {
        let mut reading = mismatched(newer);
        assert_eq!(reading.tell(2, 0, 1, Answer::Data(holding(3))), None, "an answer of the first round is late");
        assert_eq!(reading.answer(2, 1, &holding(if newer == 1 { 9 } else { 5 })), None);
        let older = 1 - newer;
        assert_eq!(reading.asked(), [older]);
        assert_eq!(version_in(std::slice::from_ref(&repair_of(&reading.orders[0]).partition)), 9);
        let leg = reading.orders[0].leg;
        assert_eq!(reading.tell(3, leg, newer, Answer::Applied), None, "not whom the repair was sent to");
        assert_eq!(reading.tell(3, leg + 1, older, Answer::Applied), None, "no such repair");
        assert_eq!(reading.answer(3, older, &holding(0)), Some(Ok(holding(9))));
    }
}

#[test]
fn a_repair_that_fails_or_times_out_is_no_success() {
    let mut reading = mismatched(0);
    assert_eq!(reading.answer(2, 1, &holding(5)), None);
    let failure = reading.fail(3, 1, ReplicaFailure::Overloaded);
    assert!(
        matches!(
            failure,
            Some(Err(CqlError::ReadFailure { received: 1, block_for: 2, num_failures: 1, data_present: true, .. }))
        ),
        "{failure:?}"
    );

    let mut reading = mismatched(0);
    assert_eq!(reading.answer(2, 1, &holding(5)), None);
    let timeout = reading.time(DEADLINE_MS);
    assert!(
        matches!(timeout, Some(Err(CqlError::ReadTimeout { received: 1, block_for: 2, data_present: true, .. }))),
        "{timeout:?}"
    );
}

/// The replica that has to be repaired is frozen after its answer: the third one has what the answer shows instead.
#[test]
fn a_slow_repair_turns_to_the_spare() {
    let mut reading = mismatched(0);
    assert_eq!(reading.answer(2, 1, &holding(5)), None);
    let slow = reading.take(1);
    assert_eq!(reading.time(31), None);
    assert_eq!(reading.asked(), [0; 0], "the repair's patience begins with it");
    assert_eq!(reading.time(32), None);
    assert_eq!((reading.asked(), reading.read.speculated), (vec![2], 1));
    assert_eq!(version_in(std::slice::from_ref(&repair_of(&reading.orders[0]).partition)), 9);
    assert_ne!(reading.orders[0].leg, slow.leg);
    assert_eq!(reading.tell(33, reading.orders[0].leg, 1, Answer::Applied), None, "that was the spare's");
    assert_eq!(reading.answer(34, 2, &holding(0)), Some(Ok(holding(9))));

    // Or the slow one acknowledges after all.
    let mut reading = mismatched(0);
    assert_eq!(reading.answer(2, 1, &holding(5)), None);
    assert_eq!(reading.time(40), None);
    assert_eq!(reading.asked(), [1, 2]);
    assert_eq!(reading.answer(41, 1, &holding(0)), Some(Ok(holding(9))));

    // A spare that refuses is no success, and there is no other.
    let mut reading = mismatched(0);
    assert_eq!(reading.answer(2, 1, &holding(5)), None);
    assert_eq!(reading.time(40), None);
    assert_eq!(reading.fail(41, 2, ReplicaFailure::Storage), None);
    assert_eq!(reading.time(80), None);
    assert_eq!(reading.asked(), [1]);
    assert_eq!(reading.answer(81, 1, &holding(0)), Some(Ok(holding(9))));
}

/// `read_repair = 'NONE'`: the answer is merged, and nothing is written.
#[test]
fn without_repairs_the_merged_answer_is_given_at_once() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start_with(&layout, QUORUM, 0, everything(), false).unwrap();
    assert_eq!(reading.answer(1, 0, &scanned(&[(b"a", 1)])), None);
    let merged = scanned(&[(b"a", 1), (b"b", 2)]);
    assert_eq!(reading.answer(1, 1, &scanned(&[(b"b", 2)])), Some(Ok(merged)));
    assert!(reading.asked().is_empty() && reading.read.mismatched);
}

/// At EACH_QUORUM a spare counts only where the slow replica counted; at QUORUM any.
#[test]
fn a_slow_repair_turns_to_a_spare_that_counts_in_its_place() {
    let layout = Layout::new(&[3, 3]);
    for lacking in [0, 1] {
        let mut reading = Reading::start(&layout, ConsistencyLevel::EachQuorum, 0, one_partition()).unwrap();
        let contacts = reading.asked();
        let last_of = |dc| *contacts.iter().rfind(|i| layout.dc_of(**i) == dc).unwrap();
        let (slow, quick) = (last_of(lacking), last_of(1 - lacking));
        let held = |replica| holding(if replica == slow || replica == quick { 5 } else { 9 });
        for replica in &contacts {
            assert_eq!(reading.answer(1, *replica, &held(*replica)), None);
        }
        for replica in reading.asked() {
            assert_eq!(reading.answer(2, replica, &held(replica)), None);
        }
        assert_eq!(reading.asked().len(), 2, "one repair in each datacentre");
        assert_eq!(reading.answer(3, quick, &holding(0)), None);
        assert_eq!(reading.time(40), None);
        let spares: Vec<usize> = reading.asked().into_iter().filter(|i| *i != slow).collect();
        assert_eq!(spares.len(), 1);
        assert!(!contacts.contains(&spares[0]) && layout.dc_of(spares[0]) == lacking, "{spares:?}");
        assert_eq!(reading.answer(41, spares[0], &holding(0)), Some(Ok(holding(9))));
    }
}

/// The spare needs what is not acknowledged, of all that lack something; what a repaired replica has, it need not have.
#[test]
fn a_spare_is_sent_what_nobody_has_acknowledged() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, everything()).unwrap();
    assert_eq!(reading.answer(1, 0, &scanned(&[(b"a", 1), (b"c", 3)])), None);
    assert_eq!(reading.answer(1, 1, &scanned(&[(b"b", 2)])), None);
    assert_eq!(reading.asked(), [0, 1, 1], "b for the one, a and c for the other");
    let legs: Vec<u32> = reading.orders.drain(..).map(|o| o.leg).collect();
    assert_eq!(reading.tell(2, legs[1], 1, Answer::Applied), None);
    assert_eq!(reading.time(40), None);
    let sent: Vec<Bytes> = reading.orders.iter().map(|o| repair_of(o).partition.key.clone()).collect();
    assert_eq!((reading.asked(), sent), (vec![2, 2], vec![Bytes::from_static(b"b"), Bytes::from_static(b"c")]));
    assert_eq!(reading.tell(41, legs[0], 0, Answer::Applied), None, "one whole replica");
    assert_eq!(reading.answer(42, 2, &holding(0)), None, "half of it");
    let whole = scanned(&[(b"a", 1), (b"b", 2), (b"c", 3)]);
    assert_eq!(reading.answer(42, 2, &holding(0)), Some(Ok(whole)));
}

#[test]
fn in_the_data_round_a_failure_turns_to_the_spare() {
    let mut reading = mismatched(0);
    assert_eq!(reading.fail(2, 1, ReplicaFailure::Storage), None);
    assert_eq!(reading.asked(), [2]);
    assert_eq!(reading.answer(3, 2, &holding(9)), Some(Ok(holding(9))), "two whole replicas: nothing to repair");
    assert!(reading.read.mismatched, "there was something all the same");
}

#[test]
fn whoever_failed_in_the_first_round_is_left_alone_in_the_second() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, one_partition()).unwrap();
    assert_eq!(reading.fail(1, 0, ReplicaFailure::Storage), None);
    assert_eq!(reading.answer(2, 2, &holding(9)), None);
    assert_eq!(reading.answer(2, 1, &holding(5)), None);
    assert_eq!(reading.asked(), [1], "the digest's data");
    assert_eq!(reading.answer(3, 1, &holding(5)), None);
    assert_eq!(reading.answer(4, 1, &holding(0)), Some(Ok(holding(9))), "its repair");
}

#[test]
fn a_replica_that_was_slow_in_the_first_round_answers_in_the_second() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, one_partition()).unwrap();
    assert_eq!(reading.time(30), None);
    let slow = reading.take(0);
    assert_eq!(reading.answer(31, 1, &holding(5)), None);
    assert_eq!(reading.answer(31, 2, &holding(9)), None);
    assert_eq!(reading.asked(), [0, 1], "both are asked for data in the second round");
    assert_eq!(reading.tell(32, slow.leg, 0, Answer::Data(holding(9))), None, "the first round is over");
    assert_eq!(reading.answer(33, 0, &holding(9)), Some(Ok(holding(9))), "two have it; the third is left alone");
}

fn everything() -> ReadTarget {
    ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX }
}

fn scanned(keys: &[(&'static [u8], i64)]) -> ReadResult {
    let partitions = keys.iter().map(|(key, version)| partition(key, *version)).collect();
    ReadResult { partitions, ..ReadResult::default() }
}

/// Two partitions are missing on one replica; acknowledgements that the network doubles count once.
#[test]
fn every_partition_of_a_repair_is_acknowledged() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, everything()).unwrap();
    assert!(reading.orders.iter().all(|o| matches!(o.work, Work::Read { digest_only: false, .. })), "a scan asks data");
    let whole = scanned(&[(b"a", 1), (b"b", 2), (b"c", 3)]);
    assert_eq!(reading.answer(1, 0, &whole), None);
    assert_eq!(reading.answer(1, 1, &scanned(&[(b"b", 2)])), None);
    let legs: Vec<u32> = reading.orders.iter().map(|o| o.leg).collect();
    assert_eq!(reading.asked(), [1, 1]);
    assert!(reading.read.mismatched);
    for _ in 0..3 {
        assert_eq!(reading.tell(2, legs[0], 1, Answer::Applied), None);
    }
    assert_eq!(reading.tell(2, legs[1], 1, Answer::Applied), Some(Ok(whole)));
}

#[test]
fn a_refused_partition_makes_the_whole_repair_fail() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, everything()).unwrap();
    assert_eq!(reading.answer(1, 0, &scanned(&[(b"a", 1), (b"c", 3)])), None);
    assert_eq!(reading.answer(1, 1, &scanned(&[])), None);
    let legs: Vec<u32> = reading.orders.iter().map(|o| o.leg).collect();
    assert_eq!(reading.tell(2, legs[0], 1, Answer::Applied), None);
    let failure = reading.tell(2, legs[1], 1, Answer::Failed(ReplicaFailure::Storage));
    let failures = vec![FailedReplica { address: address(1), code: FailureCode::UNKNOWN }];
    assert_eq!(failure, Some(Err(CqlError::read_failure(QUORUM, 1, 2, 1, true).with_failures(failures))));
}

/// One replica stopped at its limit: nothing is claimed beyond what both have looked at.
#[test]
fn an_answer_that_stopped_at_its_limit_bounds_the_merged_one() {
    let layout = Layout::new(&[3]);
    let mut reading = Reading::start(&layout, QUORUM, 0, everything()).unwrap();
    let end = Position { token: Token(i64::from(b'b')), key: Bytes::from_static(b"b"), clustering: None };
    let short = ReadResult { truncated_at: Some(end.clone()), ..scanned(&[(b"a", 1), (b"b", 2)]) };
    assert_ne!(digest(&short), digest(&scanned(&[(b"a", 1), (b"b", 2)])), "where it ended is part of an answer");
    assert_eq!(reading.answer(1, 0, &short), None);
    let outcome = reading.answer(1, 1, &scanned(&[(b"a", 1), (b"b", 2), (b"c", 3)]));
    assert_eq!(outcome, Some(Ok(short)));
}
