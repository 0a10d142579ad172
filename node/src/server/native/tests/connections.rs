//! What a connection does whatever is asked over it.

use std::sync::atomic::Ordering;

use starling_cql_lite::protocol::client::Response;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::frame::Opcode;
use starling_cql_lite::protocol::request::Request;
use tokio::io::AsyncWriteExt;

use super::fixture::{Client, Served, query, serve, startup, until};
use crate::assembly::NodeConfig;
use crate::assembly::client::ClientEvent;
use crate::schema::change::{ChangeTarget, ChangeType, SchemaChange};

#[tokio::test]
async fn registering_twice_brings_each_event_once() {
    let served = serve(NodeConfig::default()).await;
    let (mut listener, mut other) = (served.client().await, served.client().await);
    for types in [vec!["SCHEMA_CHANGE", "SCHEMA_CHANGE"], vec!["schema_change"]] {
        assert_eq!(listener.ask(&Request::Register(types)).await, Response::Ready);
    }
    other.query("CREATE TABLE ks.u (k int PRIMARY KEY)").await;
    listener.send(&Request::Options).await;
    let mut events = 0;
    loop {
        match listener.frame().await {
            (header, _) if header.opcode == Opcode::Event => events += 1,
            (_, frame) => break assert!(matches!(frame.response, Response::Supported(_))),
        }
    }
    assert_eq!(events, 1);
}

#[tokio::test]
async fn a_second_startup_is_refused_and_the_connection_goes_on() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    let refused = client.ask(&startup()).await;
    assert!(matches!(refused, Response::Error(CqlError::Protocol(_))), "{refused:?}");
    client.query("SELECT * FROM ks.t").await;
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused_and_the_connection_goes_on() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    let length = served.server.limits.frame_bytes + 1;
    let mut frame = vec![4, 0, 0, 9, Opcode::Query as u8];
    frame.extend_from_slice(&(length as u32).to_be_bytes());
    frame.resize(frame.len() + length, 0);
    client.stream.write_all(&frame).await.expect("the server reads on");
    let (header, answer) = client.frame().await;
    assert_eq!(header.stream, 9);
    assert!(matches!(answer.response, Response::Error(CqlError::Invalid(_))), "{:?}", answer.response);
    client.query("SELECT * FROM ks.t").await;
}

/// Asks for more than a connection's answers may take, until the server reads no further because none is read.
async fn ask_without_reading(served: &Served, client: &mut Client) {
    let value = "00".repeat(500 << 10);
    client.query(&format!("INSERT INTO ks.t (k, v) VALUES (1, 0x{value})")).await;
    for _ in 0..400 {
        client.send(&query("SELECT v FROM ks.t WHERE k = 1")).await;
    }
    let (mut taken_in, mut unchanged) = (0, 0);
    while unchanged < 50 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        let now = served.server.figures.requests.load(Ordering::Relaxed);
        unchanged = if now == taken_in { unchanged + 1 } else { 0 };
        taken_in = now;
    }
}

#[tokio::test]
async fn nothing_stays_of_a_client_that_leaves_without_having_read() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    ask_without_reading(&served, &mut client).await;
    drop(client);
    let figures = &served.server.figures;
    // The first client of the fixture has gone as well.
    until("the end of all connections", || figures.connections.load(Ordering::Relaxed) == 0).await;
    assert_eq!(served.server.budget.under_way_bytes(), 0);
    assert_eq!(served.server.budget.unread_bytes(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_events_is_disconnected() {
    let served = serve(NodeConfig::default()).await;
    let (mut client, mut other) = (served.client().await, served.client().await);
    assert_eq!(client.ask(&Request::Register(vec!["SCHEMA_CHANGE"])).await, Response::Ready);
    ask_without_reading(&served, &mut client).await;
    let changed = SchemaChange {
        change_type: ChangeType::Updated,
        target: ChangeTarget::Keyspace,
        keyspace: "ks".into(),
        name: None,
    };
    let connections = &served.server.figures.connections;
    let publish = || {
        for _ in 0..10_000 {
            served.server.world.listeners.publish(&ClientEvent::Schema(changed.clone()));
        }
        connections.load(Ordering::Relaxed) == 1
    };
    until("the end of the silent one", publish).await;
    other.query("CREATE TABLE ks.u (k int PRIMARY KEY)").await;
    other.query("SELECT * FROM ks.u").await;
}

#[tokio::test]
async fn requests_beyond_the_memory_for_all_wait_or_are_refused_as_overloaded() {
    let served = serve(NodeConfig::default()).await;
    let (mut patient, mut hasty) = (served.client().await, served.unstarted().await);
    let options = vec![("CQL_VERSION", "3.0.0"), ("THROW_ON_OVERLOAD", "1")];
    assert_eq!(hasty.ask(&Request::Startup(options)).await, Response::Ready);
    let budget = &served.server.budget;
    let (mut taken, mut part) = (0, budget.under_way_limit_bytes());
    while part > 0 {
        match budget.try_begin(0, part) {
            true => taken += part,
            false => part /= 2,
        }
    }
    let refused = hasty.ask(&query("SELECT * FROM ks.t")).await;
    assert!(matches!(refused, Response::Error(CqlError::Overloaded(_))), "{refused:?}");
    patient.send(&query("SELECT * FROM ks.t")).await;
    let waits = tokio::time::timeout(std::time::Duration::from_millis(100), patient.frame()).await;
    assert!(waits.is_err(), "it is not answered before there is room");
    budget.end(taken);
    assert!(matches!(patient.frame().await.1.response, Response::Rows(_)));
    hasty.query("SELECT * FROM ks.t").await;
    // A thread that answers lets go a moment later.
    until("the end of both", || budget.under_way_bytes() == 0).await;
}
