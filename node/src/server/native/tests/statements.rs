//! Statements over a connection: preparations that outlive changes, warnings, deadlines.

use bytes::Bytes;
use starling_cql_lite::protocol::client::{PreparedStatement, Response};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::request::{QueryParameters, Request};
use starling_ring::ConsistencyLevel;

use super::fixture::{Client, query, serve};
use crate::assembly::NodeConfig;

async fn prepare(client: &mut Client, text: &str) -> PreparedStatement {
    match client.ask(&Request::Prepare { query: text, keyspace: None }).await {
        Response::Prepared(prepared) => prepared,
        other => panic!("{text}: {other:?}"),
    }
}

/// Runs a prepared statement as a client that knows the columns. Answers the columns that came all the same.
async fn columns_sent(client: &mut Client, id: &Bytes) -> Option<Vec<String>> {
    let parameters = QueryParameters { skip_metadata: true, ..QueryParameters::new(ConsistencyLevel::One) };
    match client.ask(&Request::Execute { id, result_metadata_id: &[], parameters }).await {
        Response::Rows(rows) => Some(rows.metadata.columns?.into_iter().map(|column| column.name).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn columns_are_left_out_only_where_the_client_must_know_them() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    let all = prepare(&mut client, "SELECT * FROM ks.t").await;
    let one = prepare(&mut client, "SELECT v FROM ks.t").await;
    let key = prepare(&mut client, "SELECT k FROM ks.t").await;
    assert_eq!(columns_sent(&mut client, &one.id).await, None);
    client.query("ALTER TABLE ks.t ADD a int").await;
    let expected = ["k", "a", "v"].map(str::to_owned).to_vec();
    assert_eq!(columns_sent(&mut client, &all.id).await, Some(expected));
    assert_eq!(columns_sent(&mut client, &one.id).await, None);
    // The same name with another type.
    client.query("DROP TABLE ks.t").await;
    client.query("CREATE TABLE ks.t (k int PRIMARY KEY, v text)").await;
    assert_eq!(columns_sent(&mut client, &one.id).await, Some(vec!["v".to_owned()]));
    client.query("CREATE TABLE ks.u (k int PRIMARY KEY)").await;
    // Nor are they forgotten by the next change.
    assert_eq!(columns_sent(&mut client, &one.id).await, Some(vec!["v".to_owned()]));
    assert_eq!(columns_sent(&mut client, &key.id).await, None);
}

#[tokio::test]
async fn a_statement_that_names_its_keyspace_is_the_same_after_use() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    let named = prepare(&mut client, "SELECT * FROM ks.t").await;
    client.query("USE ks").await;
    let unnamed = prepare(&mut client, "SELECT * FROM t").await;
    assert_eq!(unnamed.result.columns.map(|columns| columns[1].name.clone()), Some("v".to_owned()));
    client.query("USE other").await;
    assert_eq!(prepare(&mut client, "SELECT * FROM ks.t").await.id, named.id);
    let elsewhere = prepare(&mut client, "SELECT * FROM t").await;
    assert_ne!(elsewhere.id, unnamed.id);
    // What was prepared stays with its keyspace, whichever is used.
    assert_eq!(columns_sent(&mut client, &unnamed.id).await, Some(vec!["k".to_owned(), "v".to_owned()]));
    assert_eq!(columns_sent(&mut client, &elsewhere.id).await, Some(vec!["k".to_owned(), "w".to_owned()]));
}

#[tokio::test]
async fn aggregation_over_all_partitions_is_warned_of() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    client.send(&query("SELECT count(*) FROM ks.t")).await;
    assert_eq!(client.frame().await.1.warnings, ["Aggregation query used without partition key"]);
    client.send(&query("SELECT count(*) FROM ks.t WHERE k = 1")).await;
    assert!(client.frame().await.1.warnings.is_empty());
}

#[tokio::test]
async fn a_scan_of_local_data_ends_at_its_deadline() {
    let served = serve(NodeConfig { range_timeout_ms: 0, ..NodeConfig::default() }).await;
    let mut client = served.client().await;
    let late = client.ask(&query("SELECT * FROM ks.t")).await;
    assert!(matches!(late, Response::Error(CqlError::ReadTimeout { .. })), "{late:?}");
    client.query("SELECT * FROM ks.t WHERE k = 1").await;
}

#[tokio::test]
async fn a_batch_is_joined_in_any_order_and_bounded_in_rows() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    client.query("CREATE TABLE ks.w (k int, c int, v int, PRIMARY KEY (k, c))").await;
    let mut batch = String::from("BEGIN BATCH ");
    for c in (0..1_500).rev() {
        batch += &format!("INSERT INTO ks.w (k, c, v) VALUES (1, {c}, {c}); ");
    }
    client.query(&(batch + "APPLY BATCH")).await;
    let Response::Rows(counted) = client.query("SELECT count(*), min(c), max(c), sum(v) FROM ks.w WHERE k = 1").await
    else {
        panic!("no rows");
    };
    let expected = [&1_500_i64.to_be_bytes()[..], &0_i32.to_be_bytes(), &1_499_i32.to_be_bytes()];
    let cells: Vec<&[u8]> = counted.rows[0].iter().flatten().map(|cell| &cell[..]).collect();
    assert_eq!(cells[..3], expected);

    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let numbers = numbers.join(", ");
    let many = format!("DELETE FROM ks.w WHERE k IN ({numbers}) AND c IN ({numbers}); ");
    let refused = client.ask(&query(&format!("BEGIN UNLOGGED BATCH {} APPLY BATCH", many.repeat(11)))).await;
    assert!(matches!(&refused, Response::Error(CqlError::Invalid(text)) if text.contains("too large")), "{refused:?}");
    client.query(&format!("BEGIN UNLOGGED BATCH {many} APPLY BATCH")).await;
}

#[tokio::test]
async fn large_batches_are_warned_of_and_larger_ones_refused() {
    let config = NodeConfig { batch_size_bytes_warn: 1_000, batch_size_bytes_max: 10_000, ..NodeConfig::default() };
    let served = serve(config).await;
    let mut client = served.client().await;
    let batch = |partitions: usize, bytes: usize| {
        let value = "00".repeat(bytes);
        let inserts: Vec<String> =
            (0..partitions).map(|k| format!("INSERT INTO ks.t (k, v) VALUES ({k}, 0x{value})")).collect();
        format!("BEGIN UNLOGGED BATCH {}; APPLY BATCH", inserts.join("; "))
    };
    let mut outcome = async |partitions: usize, bytes: usize| {
        client.send(&query(&batch(partitions, bytes))).await;
        client.frame().await.1
    };
    let quiet = outcome(2, 10).await;
    assert_eq!((quiet.response, quiet.warnings), (Response::Void, Vec::<String>::new()));
    let large = outcome(2, 2_000).await;
    assert_eq!(large.response, Response::Void);
    assert!(large.warnings[0].starts_with("Batch for table [ks.t] is of size "), "{:?}", large.warnings);
    let wide = outcome(11, 1).await;
    assert!(wide.warnings[0].starts_with("Unlogged batch covering 11 partitions detected against table [ks.t]."));
    let refused = outcome(2, 6_000).await.response;
    assert!(
        matches!(&refused, Response::Error(CqlError::Invalid(m)) if m.starts_with("Batch too large")),
        "{refused:?}"
    );
    assert_eq!(outcome(1, 60_000).await.response, Response::Void, "one partition is a mutation like any other");
}

#[tokio::test]
async fn what_was_never_made_is_not_missed_when_it_is_dropped() {
    let served = serve(NodeConfig::default()).await;
    let mut client = served.client().await;
    for kind in ["INDEX", "TYPE", "FUNCTION", "AGGREGATE", "MATERIALIZED VIEW"] {
        assert_eq!(client.query(&format!("DROP {kind} IF EXISTS ks.x")).await, Response::Void, "{kind}");
        let missing = client.ask(&query(&format!("DROP {kind} ks.x"))).await;
        assert!(
            matches!(&missing, Response::Error(CqlError::Invalid(m)) if m.ends_with("'ks.x' doesn't exist")),
            "{missing:?}"
        );
    }
}
