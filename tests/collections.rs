//! Collections through three processes: elements that are written blindly, lists that are read before a write, and
//! replicas that missed some of it.

#![allow(clippy::unwrap_used)]

mod harness;

use harness::{Cluster, wait_until_async};
use starling_driver::{ConsistencyLevel, CqlError, DriverError, QueryOptions, Session, SessionOptions};

fn at(level: ConsistencyLevel) -> QueryOptions {
    QueryOptions::default().consistency(level)
}

async fn run(session: &Session, statement: &str) {
    session.query(statement, &[], &at(ConsistencyLevel::Quorum)).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
}

/// The row with key 1 as JSON.
async fn shown(session: &Session, level: ConsistencyLevel) -> Option<String> {
    let result = session.query("SELECT JSON l, s, m FROM c.c WHERE k = 1", &[], &at(level)).await.ok()?;
    result.rows().first().map(|row| row.get("[json]").unwrap())
}

async fn refusal(session: &Session, statement: &str, level: ConsistencyLevel) -> String {
    match session.query(statement, &[], &at(level)).await {
        Err(DriverError::Server(CqlError::Invalid(message))) => message,
        other => panic!("{statement}: {:?}", other.map(|_| "done")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elements_are_one_cell_each_on_every_replica() {
    let mut cluster = Cluster::of("collections", 3);
    let session = Session::connect(cluster.contact_points(), SessionOptions::default()).await.unwrap();
    for statement in [
        "CREATE KEYSPACE c WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",
        "CREATE TABLE c.c (k int PRIMARY KEY, l list<text>, s set<int>, m map<text, int>)",
        "INSERT INTO c.c (k, l, s, m) VALUES (1, ['a'], {1}, {'x': 1})",
        "UPDATE c.c SET l = l + ['b', 'c'], s = s + {2, 3}, m['y'] = 2 WHERE k = 1",
        "UPDATE c.c SET l[1] = 'B' WHERE k = 1",
        "DELETE l[0], s[1], m['x'] FROM c.c WHERE k = 1",
        "BEGIN BATCH UPDATE c.c SET l = ['first'] + l WHERE k = 1; UPDATE c.c SET l = l - ['c'] WHERE k = 1; APPLY BATCH",
    ] {
        run(&session, statement).await;
    }
    let before = "{\"l\": [\"first\", \"B\"], \"s\": [2, 3], \"m\": {\"y\": 2}}";
    assert_eq!(shown(&session, ConsistencyLevel::All).await.as_deref(), Some(before));
    for (statement, level, message) in [
        (
            "UPDATE c.c SET l[2] = 'x' WHERE k = 1",
            ConsistencyLevel::Quorum,
            "List index 2 out of bound, list has size 2",
        ),
        (
            "DELETE l[0] FROM c.c WHERE k = 2",
            ConsistencyLevel::Quorum,
            "Attempted to delete an element from a list which is null",
        ),
        (
            "UPDATE c.c SET l[0] = 'x' WHERE k = 1",
            ConsistencyLevel::Any,
            "A write that depends on what a list holds reads it, and consistency ANY has no reads",
        ),
    ] {
        assert_eq!(refusal(&session, statement, level).await, message, "{statement}");
    }

    // A batch that reads lists of two keyspaces, each with its own replicas.
    for statement in [
        "CREATE KEYSPACE d WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE d.d (k int PRIMARY KEY, l list<text>)",
        "INSERT INTO d.d (k, l) VALUES (1, ['one', 'two'])",
        "BEGIN UNLOGGED BATCH UPDATE c.c SET l[0] = 'both' WHERE k = 1; DELETE l[0] FROM d.d WHERE k = 1; APPLY BATCH",
        "UPDATE c.c SET l[0] = 'first' WHERE k = 1",
    ] {
        run(&session, statement).await;
    }
    let other = session.query("SELECT JSON l FROM d.d", &[], &at(ConsistencyLevel::All)).await.unwrap();
    assert_eq!(other.rows()[0].get::<String>("[json]").unwrap(), "{\"l\": [\"two\"]}");
    assert_eq!(shown(&session, ConsistencyLevel::All).await.as_deref(), Some(before));

    // One replica misses what comes now, each part of it another kind of change.
    cluster.node(2).kill();
    wait_until_async("writes go on without the third", async || {
        let update = "UPDATE c.c SET s = {7} WHERE k = 1";
        session.query(update, &[], &at(ConsistencyLevel::Quorum)).await.is_ok()
    })
    .await;
    for statement in [
        "UPDATE c.c SET l[1] = 'second', m = m + {'z': 3} WHERE k = 1",
        "UPDATE c.c SET m = m - {'y'}, s = s + {8}, l = l + ['third'] WHERE k = 1",
    ] {
        run(&session, statement).await;
    }
    cluster.node(2).start();
    let after = "{\"l\": [\"first\", \"second\", \"third\"], \"s\": [7, 8], \"m\": {\"z\": 3}}";
    assert_eq!(shown(&session, ConsistencyLevel::Quorum).await.as_deref(), Some(after));
    wait_until_async("all three agree", async || {
        shown(&session, ConsistencyLevel::All).await.as_deref() == Some(after)
    })
    .await;
}
