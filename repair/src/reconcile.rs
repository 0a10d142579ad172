//! Reconciles the answers of replicas to one read.
//!
//! An answer that stopped at a limit says nothing of what lies beyond, so only what all answers reach is valid:
//! the merged answer ends where the shortest one ends, and the coordinator reads on from there. That guards
//! against short reads: rows that met one replica's limit may be deleted on another.

use std::collections::BTreeMap;

use bytes::Bytes;
use starling_planted::{Bug, is_planted};
use starling_ring::Token;
use starling_storage::canonical::canonical;
use starling_storage::live::live_rows;
use starling_storage::merge::merge_partition;
use starling_storage::model::{Partition, Position, ReadCommand, ReadResult};
use starling_storage::store::read_partitions;

use crate::difference::difference;
use crate::extent::{compare_clustering, cut_off, cut_off_all, earlier};

/// What the answers of replicas come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// The merged answer, as one replica that holds everything would give it, but possibly ending earlier.
    pub result: ReadResult,
    /// What each replica lacks of the merged answer, by the number it was given with; replicas that lack
    /// nothing are left out.
    pub diffs: Vec<(usize, Vec<Partition>)>,
}

type PartitionId = (Token, Bytes);

/// Merges the answers of replicas to `command`.
pub fn reconcile(command: &ReadCommand, answers: Vec<(usize, ReadResult)>) -> Reconciled {
    let reversed = command.reversed;
    let ends = answers.iter().filter_map(|(_, answer)| answer.truncated_at.clone());
    let mut bound = ends.fold(None, |bound, end| earlier(bound, Some(end), reversed));
    let cuts = lowest_cuts(&answers, reversed);
    let mut merged = merge_answers(&answers);
    for partition in &mut merged {
        if let Some(last) = cuts.get(&(partition.token, partition.key.clone()))
            && !is_planted(Bug::IgnoreShortReads)
        {
            cut_off(partition, last, reversed);
        }
    }
    bound = bound.filter(|_| !is_planted(Bug::IgnoreShortReads));
    if let Some(bound) = &bound {
        cut_off_all(&mut merged, bound, reversed);
    }
    if let Some(short) = first_short_partition(command, &merged, &cuts).filter(|_| !is_planted(Bug::IgnoreShortReads)) {
        cut_off_all(&mut merged, &short, reversed);
        bound = earlier(bound, Some(short), reversed);
    }
    let mut result = read_partitions(command, &merged);
    // The read over the merged partitions takes them for complete; they reach to the bound at most.
    result.truncated_at = earlier(result.truncated_at, bound, reversed);
    let missing = answers.into_iter().map(|(replica, answer)| (replica, missing_parts(&result, answer, reversed)));
    let diffs = missing.filter(|(_, partitions)| !partitions.is_empty()).collect();
    Reconciled { result, diffs }
}

fn merge_answers(answers: &[(usize, ReadResult)]) -> Vec<Partition> {
    let mut merged: BTreeMap<PartitionId, Partition> = BTreeMap::new();
    for partition in answers.iter().flat_map(|(_, answer)| &answer.partitions) {
        match merged.get_mut(&(partition.token, partition.key.clone())) {
            Some(known) => merge_partition(known, partition.clone()),
            None => {
                merged.insert((partition.token, partition.key.clone()), partition.clone());
            }
        }
    }
    merged.into_values().collect()
}

/// Where partitions were left at their own limit: the earliest place of all answers.
fn lowest_cuts(answers: &[(usize, ReadResult)], reversed: bool) -> BTreeMap<PartitionId, Bytes> {
    let mut cuts: BTreeMap<PartitionId, Bytes> = BTreeMap::new();
    for (_, answer) in answers {
        for cut in &answer.cuts {
            let Some(partition) = answer.partitions.get(cut.partition as usize) else {
                continue;
            };
            let lowest = cuts.entry((partition.token, partition.key.clone())).or_insert_with(|| cut.clustering.clone());
            if compare_clustering(&cut.clustering, lowest, reversed).is_lt() {
                *lowest = cut.clustering.clone();
            }
        }
    }
    cuts
}

/// The first partition that some replica left at its limit although, merged, fewer rows are alive.
fn first_short_partition(
    command: &ReadCommand,
    merged: &[Partition],
    cuts: &BTreeMap<PartitionId, Bytes>,
) -> Option<Position> {
    merged.iter().find_map(|partition| {
        let (token, key) = (partition.token, partition.key.clone());
        let last = cuts.get(&(token, key.clone()))?;
        let state = canonical(partition.clone(), command.now_s, command.gc_grace_s);
        let is_short = live_rows(&state, command.now_s).count() < command.per_partition_limit.max(1) as usize;
        is_short.then(|| Position { token, key, clustering: Some(last.clone()) })
    })
}

fn missing_parts(result: &ReadResult, mut answer: ReadResult, reversed: bool) -> Vec<Partition> {
    if let Some(end) = &result.truncated_at {
        cut_off_all(&mut answer.partitions, end, reversed);
    }
    let mut theirs: BTreeMap<PartitionId, Partition> =
        answer.partitions.into_iter().map(|partition| ((partition.token, partition.key.clone()), partition)).collect();
    let mut missing = Vec::new();
    for (index, partition) in result.partitions.iter().enumerate() {
        let mut theirs = theirs.remove(&(partition.token, partition.key.clone()));
        let cut = result.cuts.iter().find(|cut| cut.partition as usize == index);
        if let (Some(theirs), Some(cut)) = (&mut theirs, cut) {
            cut_off(theirs, &cut.clustering, reversed);
        }
        missing.extend(difference(partition, theirs.as_ref()));
    }
    if is_planted(Bug::RepairWithoutDeletions) {
        missing.iter_mut().for_each(|partition| partition.deletion = None);
        missing.iter_mut().flat_map(|partition| &mut partition.rows).for_each(|(_, row)| row.deletion = None);
    }
    missing
}
