//! Sessions against scripted servers: routing, retries, paging, preparing again, stamps, silence and garbage.

#![allow(clippy::unwrap_used)]

mod stamps;
mod stub;

use bytes::Bytes;
use starling_driver::{
    Batch, BatchKind, CqlError, CqlType, DriverError, PreparedStatement, QueryOptions, Session, SessionOptions, Value,
};
use starling_ring::Token;
use stub::{Action, Stub, column};

/// Three nodes that divide the ring; node 0 holds the lowest third.
const TOKENS: &[i64] = &[i64::MIN / 3, i64::MAX / 3, i64::MAX];

async fn connect(stub: &Stub) -> Session {
    let options = SessionOptions { defaults: QueryOptions::default().timeout_ms(30_000), ..SessionOptions::default() };
    Session::connect([stub.contact_point()], options).await.unwrap()
}

fn prepared() -> Action {
    Action::Prepared(b"id".to_vec(), vec![column("v", CqlType::Int), column("k", CqlType::Int)], vec![1])
}

fn default() -> QueryOptions {
    QueryOptions::default()
}

/// Which node holds a key of type int.
fn owner(key: i32) -> usize {
    let token = Token::from_key(&key.to_be_bytes());
    TOKENS.iter().position(|end| token.0 <= *end).unwrap()
}

#[tokio::test]
async fn prepared_statements_go_to_a_replica() {
    let stub = Stub::start(TOKENS, |_, text| if text.starts_with("PREPARE") { prepared() } else { Action::Void }).await;
    let session = connect(&stub).await;
    assert_eq!(session.cluster().members().len(), 3);
    let insert = session.prepare("INSERT").await.unwrap();
    let mut wanted = [0; 3];
    for key in 0..60 {
        session.execute(&insert, &[Value::Null, key.into()], &default()).await.unwrap();
        wanted[owner(key)] += 1;
    }
    for (index, wanted) in wanted.into_iter().enumerate() {
        let executed = stub.asked(index).iter().filter(|text| *text == "EXECUTE id").count();
        assert_eq!(executed, wanted, "node {index}");
    }
    // Prepared once, whatever happens.
    session.prepare("INSERT").await.unwrap();
    assert_eq!(stub.count("PREPARE"), 1);
}

async fn insert(session: &Session) -> PreparedStatement {
    session.prepare("INSERT").await.unwrap()
}

#[tokio::test]
async fn a_write_is_not_sent_twice_unless_it_may_be() {
    let stub = Stub::start(TOKENS, |_, text| match text {
        "PREPARE INSERT" => prepared(),
        _ => Action::Close,
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    let insert = insert(&session).await;
    let values = [Value::Null, Value::Int(1)];
    let error = session.execute(&insert, &values, &default()).await.unwrap_err();
    assert!(matches!(error, DriverError::OutcomeUnknown { .. }), "{error}");
    assert_eq!(stub.count("EXECUTE"), 1);
    // Every node is tried, each once.
    let error = session.execute(&insert, &values, &default().idempotent()).await.unwrap_err();
    assert!(matches!(&error, DriverError::NoHostAvailable { attempts } if attempts.len() == 3), "{error}");
    assert_eq!(stub.count("EXECUTE"), 4);
    let error = session.query("INSERT INTO t", &[], &default()).await.unwrap_err();
    assert!(matches!(error, DriverError::OutcomeUnknown { .. }), "{error}");
    assert_eq!(stub.count("QUERY"), 1);
}

#[tokio::test]
async fn a_read_goes_on_to_the_next_host() {
    let stub = Stub::start(TOKENS, |index, _| match index {
        0 => Action::Close,
        1 => Action::Error(CqlError::IsBootstrapping("joining".to_owned())),
        _ => Action::Rows(vec![column("a", CqlType::Int)], vec![vec![7.into()], vec![Value::Null]], None),
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    for _ in 0..6 {
        let result = session.query("SELECT a", &[], &default()).await.unwrap();
        assert_eq!(result.rows().len(), 2);
        assert_eq!(result.first().unwrap().get::<i64>("a").unwrap(), 7);
        assert_eq!(result.rows()[1].get::<Option<i32>>("a").unwrap(), None);
        assert!(matches!(result.rows()[1].get::<i32>("a"), Err(DriverError::Column(_))));
        assert!(matches!(result.rows()[0].get::<i32>("b"), Err(DriverError::Column(_))));
    }
}

#[tokio::test]
async fn the_servers_errors_arrive_as_they_are() {
    let unavailable = CqlError::unavailable(starling_driver::ConsistencyLevel::All, 3, 2);
    let sent = unavailable.clone();
    let stub = Stub::start(TOKENS, move |_, _| Action::Error(sent.clone())).await;
    let error = connect(&stub).await.query("SELECT a", &[], &default()).await.unwrap_err();
    assert_eq!(error.server(), Some(&unavailable));
    assert_eq!(stub.count("QUERY"), 1, "refused once is refused");
}

#[tokio::test]
async fn a_forgotten_statement_is_prepared_again() {
    let known = std::sync::Mutex::new([false; 3]);
    let stub = Stub::start(TOKENS, move |index, text| {
        let mut known = known.lock().unwrap();
        match text {
            "PREPARE INSERT" => {
                known[index] = true;
                prepared()
            }
            _ if known[index] => Action::Void,
            _ => Action::Error(CqlError::Unprepared { message: "unknown".to_owned(), id: Bytes::from_static(b"id") }),
        }
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    let insert = insert(&session).await;
    for key in 0..20 {
        session.execute(&insert, &[Value::Null, key.into()], &default()).await.unwrap();
    }
    assert_eq!(stub.count("PREPARE"), 3);
    let mut batch = Batch::new(BatchKind::Unlogged);
    batch.push("INSERT").push_prepared(&insert, &[Value::Unset, 3.into()]);
    session.batch(&batch, &default()).await.unwrap();
    assert_eq!(stub.count("BATCH 2"), 1);
    assert_eq!(stub.count("PREPARE"), 3);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let page = |rows: &[i32], state: Option<&'static str>| {
        let rows = rows.iter().map(|value| vec![Value::Int(*value)]).collect();
        Action::Rows(vec![column("a", CqlType::Int)], rows, state.map(Bytes::from))
    };
    let stub = Stub::start(TOKENS, move |_, text| match text {
        "QUERY SELECT a" => page(&[1, 2], Some("two")),
        "QUERY SELECT a AFTER two" => page(&[], Some("empty")),
        "QUERY SELECT a AFTER empty" => page(&[3], None),
        other => panic!("{other}"),
    });
    let session = connect(&stub.await).await;
    let mut pages = session.query_pages("SELECT a", &[], &default());
    let mut found = Vec::new();
    while let Some(row) = pages.next_row().await.unwrap() {
        found.push(row.get::<i32>("a").unwrap());
    }
    assert_eq!(found, [1, 2, 3]);
    assert!(pages.next_page().await.unwrap().is_none());
}

#[tokio::test]
async fn the_keyspace_follows_the_session_to_every_connection() {
    let stub = Stub::start(TOKENS, |_, text| match text {
        "QUERY USE \"Ks\"" => Action::Keyspace("Ks".to_owned()),
        "QUERY USE \"none\"" => Action::Error(CqlError::invalid("Keyspace none does not exist")),
        _ => Action::Void,
    });
    let stub = stub.await;
    let session = connect(&stub).await;
    assert!(session.use_keyspace("none").await.is_err());
    assert_eq!(session.keyspace(), None);
    session.use_keyspace("Ks").await.unwrap();
    assert_eq!(session.keyspace().as_deref(), Some("Ks"));
    for _ in 0..9 {
        session.query("SELECT a", &[], &default()).await.unwrap();
    }
    for index in 0..3 {
        let asked: Vec<String> = stub.asked(index).into_iter().filter(|text| !text.contains("none")).collect();
        assert_eq!(asked[0], "QUERY USE \"Ks\"", "node {index}");
        assert!(asked[1..].iter().all(|text| text == "QUERY SELECT a"), "node {index}: {asked:?}");
        assert!(asked.len() > 1, "node {index}");
    }
}

#[tokio::test]
async fn a_silent_host_is_left_alone() {
    let stub = Stub::start(TOKENS, |index, _| if index == 1 { Action::Silence } else { Action::Void }).await;
    let session = connect(&stub).await;
    let mut late = 0;
    for _ in 0..30 {
        match session.query("SELECT a", &[], &default().timeout_ms(2_000)).await {
            Ok(_) => {}
            Err(DriverError::Timeout { timeout_ms: 2_000, .. }) => late += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(late, 1, "once it was silent others are asked");
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let stub = Stub::start(&[0], |_, text| {
        let number = text.rsplit(' ').next().unwrap().parse::<i32>().unwrap();
        Action::Rows(vec![column("a", CqlType::Int)], vec![vec![number.into()]], None)
    });
    let session = connect(&stub.await).await;
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..5_000 {
        let session = session.clone();
        requests.spawn(async move {
            let result = session.query(&format!("SELECT {number}"), &[], &QueryOptions::default()).await.unwrap();
            assert_eq!(result.first().unwrap().get::<i32>("a").unwrap(), number);
        });
    }
    requests.join_all().await;
}

#[tokio::test]
async fn garbage_ends_the_connection_and_not_the_program() {
    let stub = Stub::start(TOKENS, |_, _| Action::Garbage).await;
    let session = connect(&stub).await;
    let error = session.query("INSERT INTO t", &[], &default()).await.unwrap_err();
    assert!(matches!(error, DriverError::OutcomeUnknown { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_names() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Session::connect([address], SessionOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    let error = Session::connect(["127.0.0.1:port"], SessionOptions::default()).await.unwrap_err();
    assert!(matches!(error, DriverError::ContactPoint { .. }), "{error}");
}
