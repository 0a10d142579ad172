//! Writes to collections commute: replicas that get them in any order, some twice, show the same.

use std::collections::BTreeMap;

use proptest::prelude::*;
use starling_cql_lite::parser::parse_statement;
use starling_node::plan::{BoundValues, Operation};
use starling_storage::engine::Durability;
use starling_storage::model::Mutation;

use crate::support::Db;

const TABLE: &str = "CREATE TABLE c (k int PRIMARY KEY, s set<int>, m map<int, int>, l list<int>)";

#[derive(Clone, Debug)]
enum Change {
    /// The whole map.
    Replace(Vec<(i32, i32)>),
    Add(Vec<(i32, i32)>),
    Remove(Vec<i32>),
    Put(i32, Option<i32>),
    Clear,
    DeleteRow,
}

/// A change, its timestamp and what is added to the time of expiry.
type Write = (Change, i64, Option<i64>);

fn change() -> impl Strategy<Value = Change> {
    let (key, entry) = (0..4_i32, (0..4_i32, 0..3_i32));
    let entries = || prop::collection::vec(entry.clone(), 0..3);
    prop_oneof![
        2 => entries().prop_map(Change::Replace),
        3 => entries().prop_map(Change::Add),
        2 => prop::collection::vec(key.clone(), 0..3).prop_map(Change::Remove),
        3 => (key, prop::option::weighted(0.7, 0..3_i32)).prop_map(|(key, value)| Change::Put(key, value)),
        1 => Just(Change::Clear),
        1 => Just(Change::DeleteRow),
    ]
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    prop::collection::vec((change(), 10..16_i64, prop::option::weighted(0.2, 1..100_i64)), 1..12)
}

fn map(entries: &[(i32, i32)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", entries.join(", "))
}

fn set(keys: impl Iterator<Item = i32>) -> String {
    format!("{{{}}}", keys.map(|key| key.to_string()).collect::<Vec<_>>().join(", "))
}

fn keys(entries: &[(i32, i32)]) -> String {
    set(entries.iter().map(|(key, _)| *key))
}

/// The same of a map, a set and a list, as far as each has it.
fn cql((change, timestamp, ttl): &Write) -> Vec<String> {
    let ttl = ttl.map(|ttl| format!(" AND TTL {ttl}")).unwrap_or_default();
    let update = |what: String| format!("UPDATE c USING TIMESTAMP {timestamp}{ttl} SET {what} WHERE k = 1");
    let values =
        |entries: &[(i32, i32)]| entries.iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>().join(", ");
    match change {
        Change::Replace(entries) => {
            vec![update(format!("m = {}, s = {}, l = [{}]", map(entries), keys(entries), values(entries)))]
        }
        Change::Add(entries) => {
            let (map, keys, values) = (map(entries), keys(entries), values(entries));
            vec![update(format!("m = m + {map}, s = s + {keys}, l = [{values}] + l, l = l + [{values}]"))]
        }
        Change::Remove(gone) => {
            let gone = set(gone.iter().copied());
            vec![update(format!("m = m - {gone}, s = s - {gone}"))]
        }
        Change::Put(key, value) => {
            let value = value.map_or("null".to_owned(), |value| value.to_string());
            vec![update(format!("m[{key}] = {value}"))]
        }
        Change::Clear => vec![format!("DELETE m, s, l FROM c USING TIMESTAMP {timestamp} WHERE k = 1")],
        Change::DeleteRow => vec![format!("DELETE FROM c USING TIMESTAMP {timestamp} WHERE k = 1")],
    }
}

fn mutations(db: &mut Db, statement: &str) -> Vec<Mutation> {
    // Any statement moves the clock on that positions come from.
    db.run("UPDATE c SET s = s + {1} WHERE k = 99");
    let prepared = db.prepare(statement).unwrap();
    match prepared.bind(BoundValues::Positional(Vec::new()), &db.context()).unwrap() {
        Operation::Write(write) => write.mutations.into_iter().map(|mutation| mutation.mutation).collect(),
        other => panic!("not a write: {other:?}"),
    }
}

fn shown_after(all: &[&Mutation], now_s: i64) -> Vec<String> {
    let mut db = Db::new(&[TABLE]);
    for mutation in all {
        db.store.commit(std::slice::from_ref(*mutation), Durability::NoSync).unwrap();
    }
    db.now_s = now_s;
    db.rows("SELECT m, s, l, writetime(m), writetime(s), maxwritetime(l) FROM c WHERE k = 1")
}

/// What the map is by the rules alone: for each key the last word on it.
fn expected_map(all: &[Write]) -> BTreeMap<i32, i32> {
    // By key: timestamp, whether it is gone, whether it expires, when, value; a deletion of all covers what is not newer.
    let mut words: BTreeMap<i32, (i64, bool, Option<i64>, i32)> = BTreeMap::new();
    let mut covered = i64::MIN;
    for (change, timestamp, ttl) in all {
        let mut say = |key: i32, value: Option<i32>| {
            let word = (*timestamp, value.is_none(), if value.is_none() { None } else { *ttl }, value.unwrap_or(0));
            let known = words.entry(key).or_insert(word);
            *known = (*known).max(word);
        };
        match change {
            Change::Replace(entries) | Change::Add(entries) => {
                // Of equal keys in one literal the last counts.
                let last: BTreeMap<i32, i32> = entries.iter().copied().collect();
                last.into_iter().for_each(|(key, value)| say(key, Some(value)));
            }
            Change::Remove(gone) => gone.iter().for_each(|key| say(*key, None)),
            Change::Put(key, value) => say(*key, *value),
            Change::Clear | Change::DeleteRow => covered = covered.max(*timestamp),
        }
        if let Change::Replace(_) = change {
            covered = covered.max(timestamp - 1);
        }
    }
    let live = words.into_iter().filter(|(_, (timestamp, gone, ..))| *timestamp > covered && !gone);
    live.map(|(key, (.., value))| (key, value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_shows_the_same(
        writes in writes(),
        order in prop::collection::vec(any::<u32>(), 24),
        wait in 0..50_i64,
    ) {
        let mut db = Db::new(&[TABLE]);
        let statements: Vec<String> = writes.iter().flat_map(cql).collect();
        for statement in &statements {
            prop_assert!(parse_statement(statement).is_ok(), "{}", statement);
        }
        let all: Vec<Mutation> = statements.iter().flat_map(|statement| mutations(&mut db, statement)).collect();
        let in_turn = shown_after(&all.iter().collect::<Vec<_>>(), db.now_s + wait);
        let mut shuffled: Vec<&Mutation> = all.iter().chain(&all).collect();
        let place = |at: usize| order.get(at % order.len()).copied().unwrap_or(0);
        let mut places: Vec<usize> = (0..shuffled.len()).collect();
        places.sort_by_key(|at| place(*at));
        shuffled = places.into_iter().filter_map(|at| shuffled.get(at).copied()).collect();
        prop_assert_eq!(&shown_after(&shuffled, db.now_s + wait), &in_turn);
    }

    #[test]
    fn the_last_word_on_a_key_counts(writes in writes()) {
        // Expiry aside, which the time of reading decides.
        let writes: Vec<Write> = writes.into_iter().map(|(change, at, _)| (change, at, None)).collect();
        let mut db = Db::new(&[TABLE]);
        let mut all = Vec::new();
        for statement in writes.iter().flat_map(cql) {
            all.extend(mutations(&mut db, &statement));
        }
        let shown = shown_after(&all.iter().collect::<Vec<_>>(), db.now_s);
        let expected = expected_map(&writes);
        let entries: Vec<(i32, i32)> = expected.into_iter().collect();
        let expected = if entries.is_empty() { "null".to_owned() } else { map(&entries) };
        let map = shown.first().map_or("null", |row| row.split('|').next().unwrap_or_default());
        prop_assert_eq!(map, expected);
    }
}
