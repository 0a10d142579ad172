//! Rows that tests write and look for again.

use starling_driver::{ConsistencyLevel, DriverError, QueryOptions, Session, SessionOptions, Value};

use crate::harness::Cluster;

/// Connects to all nodes.
pub async fn connect(cluster: &Cluster) -> Session {
    Session::connect(cluster.contact_points(), SessionOptions::default()).await.unwrap()
}

/// Makes the table.
pub async fn make_table(session: &Session, replicas: usize) {
    for statement in [
        format!(
            "CREATE KEYSPACE life WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
        ),
        "CREATE TABLE life.rows (k bigint PRIMARY KEY, v text)".to_owned(),
    ] {
        session.query(&statement, &[], &QueryOptions::default()).await.unwrap();
    }
}

/// Writes one row at QUORUM.
pub async fn write(session: &Session, key: i64) -> Result<(), DriverError> {
    let values = [Value::BigInt(key), Value::Text(format!("value {key}"))];
    let options = QueryOptions::default().consistency(ConsistencyLevel::Quorum).timeout_ms(5_000);
    session.query("INSERT INTO life.rows (k, v) VALUES (?, ?)", &values, &options).await.map(|_| ())
}

/// Whether the row is there at QUORUM; panics if it is another.
pub async fn is_there(session: &Session, key: i64) -> bool {
    let options = QueryOptions::default().consistency(ConsistencyLevel::Quorum);
    let result = session.query("SELECT v FROM life.rows WHERE k = ?", &[Value::BigInt(key)], &options).await.unwrap();
    let Some(row) = result.first() else { return false };
    assert_eq!(row.get::<String>("v").unwrap(), format!("value {key}"));
    true
}
