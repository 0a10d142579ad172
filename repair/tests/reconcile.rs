//! Reconciliation against a model: three replicas that each missed some mutations answer, together, as one
//! that holds all of them; after the repairs they agree.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "../../storage/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use starling_repair::reconcile;
use starling_ring::Token;
use starling_storage::canonical::digest;
use starling_storage::engine::Durability;
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::live::{live_rows, live_static_row};
use starling_storage::model::*;
use starling_storage::store::{Store, StoreSettings};

fn store(seed: u64) -> Store {
    let settings = MemorySettings { seed, flush_one_in: 3, compact_one_in: 4 };
    Store::open(Arc::new(MemoryEngine::new(settings)), StoreSettings::default()).unwrap()
}

fn repair(store: &Store, partitions: Vec<Partition>) {
    let mutation = |partition| Mutation { table: TABLE, issue_stamp: 0, partition };
    let mutations: Vec<Mutation> = partitions.into_iter().map(mutation).collect();
    store.commit(&mutations, Durability::NoSync).unwrap();
}

fn command() -> impl Strategy<Value = ReadCommand> {
    let target = prop_oneof![
        (0..3u8).prop_map(|number| {
            let (token, key) = partition_of(number);
            ReadTarget::Partition { token, key }
        }),
        Just(ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX }),
    ];
    let slices = prop_oneof![
        2 => Just(vec![]),
        1 => (0..4u8, 1..4u8)
            .prop_map(|(at, length)| vec![Slice { start: clustering(at), end: clustering(at + length) }]),
    ];
    let limit = || prop_oneof![Just(u32::MAX), 1..4u32];
    (target, slices, limit(), limit(), prop_oneof![Just(u32::MAX), Just(0), Just(150)], any::<bool>()).prop_map(
        |(target, slices, row_limit, per_partition_limit, size_limit_bytes, reversed)| ReadCommand {
            target,
            slices,
            row_limit,
            per_partition_limit,
            size_limit_bytes,
            reversed,
            ..read_all()
        },
    )
}

type Found = BTreeMap<(Token, Bytes), Vec<Bytes>>;

/// The live clustering keys that the model says a command is about, in reading order, within its limit per partition.
fn expected(rows: &ModelRows, command: &ReadCommand) -> Found {
    let mut found = Found::new();
    for (id, rows) in rows {
        if let ReadTarget::Partition { token, key } = &command.target
            && (*token, key.clone()) != *id
        {
            continue;
        }
        let inside = |key: &&Bytes| command.slices.is_empty() || command.slices.iter().any(|s| s.contains(key));
        let mut keys: Vec<Bytes> = rows.keys().flatten().filter(inside).cloned().collect();
        if command.reversed {
            keys.reverse();
        }
        keys.truncate(command.per_partition_limit as usize);
        if !keys.is_empty() {
            found.insert(id.clone(), keys);
        }
    }
    found
}

/// What a coordinator finds, page by page, repairing as it goes.
fn coordinate(command: &ReadCommand, replicas: &[Store]) -> Found {
    let mut found = Found::new();
    let mut command = command.clone();
    for _ in 0..500 {
        let answers = replicas.iter().map(|replica| replica.read(&command).unwrap()).enumerate().collect();
        let reconciled = reconcile(&command, answers);
        let mut live = 0;
        for partition in &reconciled.result.partitions {
            let mut keys: Vec<Bytes> =
                live_rows(partition, NOW_S).map(|row| Bytes::copy_from_slice(row.clustering)).collect();
            live += keys.len();
            if command.reversed {
                keys.reverse();
            }
            if !keys.is_empty() {
                found.entry((partition.token, partition.key.clone())).or_default().extend(keys);
            }
        }
        assert!(live <= command.row_limit as usize);
        for (replica, partitions) in reconciled.diffs {
            repair(&replicas[replica], partitions);
        }
        let Some(mut position) = reconciled.result.truncated_at else {
            for keys in found.values_mut() {
                keys.truncate(command.per_partition_limit as usize);
            }
            return found;
        };
        // The limit of a partition counts from anew in a read that resumes within it.
        let id = (position.token, position.key.clone());
        if found.get(&id).is_some_and(|keys| keys.len() >= command.per_partition_limit as usize) {
            position.clustering = None;
        }
        assert_ne!(command.resume.as_ref(), Some(&position), "no progress");
        command.resume = Some(position);
    }
    panic!("the read does not come to an end");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn replicas_answer_together_as_one(
        mutations in vec((mutation(), 1..8u8), 1..16), commands in vec(command(), 1..4), seed in any::<u64>(),
    ) {
        let fill = || {
            let replicas: Vec<Store> = (0..3).map(|number| store(seed ^ number)).collect();
            for (number, replica) in replicas.iter().enumerate() {
                for (mutation, receivers) in &mutations {
                    if receivers & (1 << number) != 0 {
                        replica.commit(std::slice::from_ref(mutation), Durability::NoSync).unwrap();
                    }
                }
            }
            replicas
        };
        let all: Vec<Mutation> = mutations.iter().map(|(mutation, _)| mutation.clone()).collect();
        let rows = model(&all, NOW_S);
        for command in &commands {
            let replicas = fill();
            prop_assert_eq!(coordinate(command, &replicas), expected(&rows, command), "{:?}", command);
            // What was repaired once needs no second repair.
            prop_assert_eq!(coordinate(command, &replicas), expected(&rows, command), "{:?}", command);
        }
        let replicas = fill();
        coordinate(&commands[0], &replicas);
        coordinate(&read_all(), &replicas);
        let answers: Vec<ReadResult> = replicas.iter().map(|replica| replica.read(&read_all()).unwrap()).collect();
        prop_assert_eq!(digest(&answers[0]), digest(&answers[1]));
        prop_assert_eq!(digest(&answers[0]), digest(&answers[2]));
        let whole = store(seed);
        whole.commit(&all, Durability::NoSync).unwrap();
        prop_assert_eq!(&answers[0], &whole.read(&read_all()).unwrap());
        let mut live = ModelRows::new();
        add_live(&mut live, &answers[0], NOW_S);
        prop_assert_eq!(live, rows);
        for command in &commands {
            let mut answers = replicas.iter().map(|replica| digest(&replica.read(command).unwrap()));
            let first = answers.next().unwrap();
            prop_assert!(answers.all(|digest| digest == first));
            let answers = replicas.iter().map(|replica| replica.read(command).unwrap()).enumerate().collect();
            prop_assert_eq!(reconcile(command, answers).diffs, vec![]);
        }
    }
}

/// Failure mode 23: the row that met one replica's limit is deleted on the other.
#[test]
fn a_limit_met_by_rows_that_are_deleted_elsewhere_reads_on() {
    let (token, key) = partition_of(0);
    let row = |number: u8, row: Row| Partition {
        token,
        key: key.clone(),
        deletion: None,
        range_tombstones: vec![],
        static_row: None,
        rows: vec![(clustering(number), row)],
    };
    let inserted = || Row { marker: Some(Marker { timestamp_us: 1, expiry: None }), ..Row::default() };
    let deletion = Deletion { timestamp_us: 2, local_deletion_time_s: NOW_S, issue_stamp: 0 };
    let deleted = Row { deletion: Some(deletion), ..Row::default() };
    let replicas = [store(1), store(2)];
    for replica in &replicas {
        repair(replica, (0..3).map(|number| row(number, inserted())).collect());
    }
    repair(&replicas[1], vec![row(0, deleted)]);
    let target = ReadTarget::Partition { token, key: key.clone() };
    let command = ReadCommand { target, row_limit: 1, ..read_all() };
    let answers = replicas.iter().map(|replica| replica.read(&command).unwrap()).enumerate().collect();
    let reconciled = reconcile(&command, answers);
    assert_eq!(live_rows(&reconciled.result.partitions[0], NOW_S).count(), 0);
    let end = Position { token, key, clustering: Some(clustering(0)) };
    assert_eq!(reconciled.result.truncated_at, Some(end));
    assert_eq!(reconciled.diffs.iter().map(|(replica, _)| *replica).collect::<Vec<_>>(), [0]);
    assert!(live_static_row(&reconciled.result.partitions[0], NOW_S).is_none());
    assert_eq!(coordinate(&command, &replicas).values().next().unwrap(), &[clustering(1), clustering(2)]);
}
