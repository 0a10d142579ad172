//! The stamp that a session carries: to whom, with what, and what it follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use starling_driver::{Batch, BatchKind, CqlError, CqlType, DriverError, Value};

use super::stub::{Action, Stub, column};
use super::{TOKENS, connect, default};

fn prepared() -> Action {
    Action::Prepared(b"id".to_vec(), vec![column("k", CqlType::Int)], vec![0])
}

fn refused() -> Action {
    let message = "This node does not coordinate now: its clock is 9.0 s behind the stamp that the request brings";
    Action::Error(CqlError::IsBootstrapping(message.to_owned()))
}

/// The stamps that requests which begin like this carried, in the order of arrival.
fn carried(stub: &Stub, start: &str) -> Vec<Option<u64>> {
    stub.carried(start).into_iter().map(|(_, stamp)| stamp).collect()
}

#[tokio::test]
async fn the_highest_stamp_told_goes_with_every_statement_to_any_node() {
    let stub = Stub::start_telling(TOKENS, &[100; 3], |_, text| match text {
        "PREPARE INSERT" => prepared(),
        "QUERY SELEKT" => Action::Error(CqlError::Syntax("line 1:0".to_owned())),
        "QUERY USE \"ks\"" => Action::Keyspace("ks".to_owned()),
        _ => Action::Void,
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    assert_eq!(session.last_stamp(), 0);
    session.query("first", &[], &default()).await.unwrap();
    assert_eq!(session.last_stamp(), 100);
    // Nodes that have not come as far draw nobody back.
    (0..3).for_each(|index| stub.tell(index, 50));
    session.query("second", &[], &default()).await.unwrap();
    session.query("third", &[], &default()).await.unwrap();
    assert_eq!(session.last_stamp(), 100);
    // An error tells as well.
    (0..3).for_each(|index| stub.tell(index, 200));
    assert!(session.query("SELEKT", &[], &default()).await.is_err());
    let insert = session.prepare("INSERT").await.unwrap();
    session.execute(&insert, &[1.into()], &default()).await.unwrap();
    let mut batch = Batch::new(BatchKind::Unlogged);
    batch.push("INSERT").push_prepared(&insert, &[Value::Unset]);
    (0..3).for_each(|index| stub.tell(index, 300));
    session.batch(&batch, &default()).await.unwrap();
    assert_eq!(session.last_stamp(), 300);
    assert_eq!(carried(&stub, "QUERY"), [Some(0), Some(100), Some(100), Some(100)]);
    assert_eq!(carried(&stub, "EXECUTE"), [Some(200)]);
    assert_eq!(carried(&stub, "BATCH"), [Some(200)]);
    // A clone is the same session.
    session.clone().query("again", &[], &default()).await.unwrap();
    assert_eq!(carried(&stub, "QUERY again"), [Some(300)]);
    // Nothing is read or written by these.
    for start in ["OPTIONS", "STARTUP", "PREPARE", "SELECT"] {
        let stamps = carried(&stub, start);
        assert!(!stamps.is_empty() && stamps.iter().all(Option::is_none), "{start}: {stamps:?}");
    }
}

#[tokio::test]
async fn servers_that_know_no_stamps_get_none() {
    let stub = Stub::start(TOKENS, |_, text| if text == "PREPARE INSERT" { prepared() } else { Action::Void }).await;
    let session = connect(&stub).await;
    session.observe_stamp(7);
    let insert = session.prepare("INSERT").await.unwrap();
    for key in 0..10 {
        session.query("INSERT", &[], &default()).await.unwrap();
        session.execute(&insert, &[key.into()], &default()).await.unwrap();
    }
    session.batch(Batch::new(BatchKind::Logged).push("INSERT"), &default()).await.unwrap();
    assert!(carried(&stub, "").iter().all(Option::is_none));
    assert_eq!((stub.count("EXECUTE"), session.last_stamp()), (10, 7));
}

#[tokio::test]
async fn one_session_goes_on_from_what_another_has_done() {
    let stub = Stub::start_telling(&[0], &[500], |_, _| Action::Void).await;
    let (first, second) = (connect(&stub).await, connect(&stub).await);
    first.query("first", &[], &default()).await.unwrap();
    assert_eq!((first.last_stamp(), second.last_stamp()), (500, 0));
    second.observe_stamp(first.last_stamp());
    stub.tell(0, 400);
    second.query("second", &[], &default()).await.unwrap();
    assert_eq!(carried(&stub, "QUERY second"), [Some(500)]);
    assert_eq!(second.last_stamp(), 500);
    second.observe_stamp(3);
    assert_eq!(second.last_stamp(), 500, "it never goes back");
}

#[tokio::test]
async fn a_node_that_does_not_coordinate_is_passed_over_and_not_followed() {
    // The first node's clock is far ahead, the second one's behind.
    let stub = Stub::start_telling(TOKENS, &[9_000, 1, 100], |index, _| match index {
        2 => Action::Void,
        _ => refused(),
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    for _ in 0..6 {
        session.query("INSERT INTO t", &[], &default()).await.unwrap();
    }
    assert_eq!(session.last_stamp(), 100);
    assert!(stub.asked(0).len() + stub.asked(1).len() >= 4, "they were asked");
    assert_eq!(stub.asked(2).len(), 6, "each write was done once");
    assert!(carried(&stub, "QUERY").iter().all(|stamp| stamp.unwrap() <= 100));
}

#[tokio::test]
async fn nobody_coordinates_is_said_with_reasons() {
    let stub = Stub::start_telling(TOKENS, &[1; 3], |_, _| refused()).await;
    let session = connect(&stub).await;
    session.observe_stamp(1 << 60);
    let error = session.query("INSERT INTO t", &[], &default()).await.unwrap_err();
    let DriverError::NoHostAvailable { attempts } = &error else { panic!("{error}") };
    assert_eq!(attempts.len(), 3);
    assert!(error.to_string().contains("behind the stamp that the request brings"), "{error}");
}

#[tokio::test]
async fn a_node_that_stops_coordinating_after_a_preparation_is_passed_over() {
    // Each node forgets the statement once; the first that is asked to prepare it again then refuses.
    let (executed, refuses) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let stub = Stub::start_telling(TOKENS, &[1; 3], move |index, text| match text {
        "PREPARE INSERT" => prepared(),
        _ if refuses.load(Ordering::SeqCst) == index => refused(),
        _ if executed.fetch_add(1, Ordering::SeqCst) == 0 => {
            refuses.store(index, Ordering::SeqCst);
            Action::Error(CqlError::Unprepared { message: "unknown".to_owned(), id: Bytes::from_static(b"id") })
        }
        _ => Action::Void,
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    let insert = session.prepare("INSERT").await.unwrap();
    session.execute(&insert, &[1.into()], &default()).await.unwrap();
    assert!(stub.count("EXECUTE") >= 3);
}

#[tokio::test]
async fn a_node_that_refuses_use_is_passed_over() {
    let is_joining = Arc::new(AtomicBool::new(false));
    let stub = Stub::start_telling(TOKENS, &[1; 3], {
        let is_joining = is_joining.clone();
        move |index, text| match text {
            "QUERY USE \"ks\"" if index != 0 && is_joining.load(Ordering::SeqCst) => refused(),
            "QUERY USE \"ks\"" => Action::Keyspace("ks".to_owned()),
            _ => Action::Void,
        }
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    session.use_keyspace("ks").await.unwrap();
    is_joining.store(true, Ordering::SeqCst);
    for _ in 0..6 {
        session.query("INSERT", &[], &default()).await.unwrap();
    }
    let written: Vec<usize> =
        (0..3).map(|index| stub.asked(index).iter().filter(|text| *text == "QUERY INSERT").count()).collect();
    assert_eq!(written.iter().sum::<usize>(), 6);
    assert!(written.iter().filter(|count| **count > 0).count() <= 2, "only where the keyspace is used: {written:?}");
}
