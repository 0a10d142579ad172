//! The audit from outside: everything is read again through every node and held against what the writers were told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use starling_ring::ConsistencyLevel;

use crate::client::Client;
use crate::ledger::{Fate, Ledger};
use crate::load::{LIST_PART, list_partition, number_of, register_of, register_query, text_of};

/// Whom to ask, and at which level.
pub type Questions = Vec<(Ipv4Addr, ConsistencyLevel)>;

/// What was written at QUORUM is asked at QUORUM through each node, then at ALL if all replicas are there. One node
/// alone is not asked: what it missed while it was away reaches it only when somebody reads it.
pub fn at_quorum(nodes: &[Ipv4Addr], are_all_there: bool) -> Questions {
    let all = are_all_there.then_some((nodes[0], ConsistencyLevel::All));
    nodes.iter().map(|node| (*node, ConsistencyLevel::Quorum)).chain(all).collect()
}

/// All that was acknowledged must be there, what was refused must not, and what one read has seen the next sees too.
pub fn audit(questions: &Questions, ledgers: &mut [Ledger]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<usize, BTreeMap<usize, String>> = BTreeMap::new();
    for (node, level) in questions.iter().copied() {
        let mut client = Client::connect(node);
        for ledger in &mut *ledgers {
            let rows = client.query(&register_query(ledger.writer), level).unwrap();
            let held = register_of(&rows);
            let told = ledger.see_register(held.as_ref().map(|(number, text)| (*number, text.as_str())));
            wrong.extend(told.err().map(|error| format!("{level:?} at {node}: {error}")));
            let list = read_list(&mut client, ledger, level);
            wrong
                .extend(ledger.list_complaints(&list).into_iter().map(|error| format!("{level:?} at {node}: {error}")));
            for (number, value) in seen.insert(ledger.writer, list.clone()).unwrap_or_default() {
                if list.get(&number) != Some(&value) {
                    wrong.push(format!("{level:?} at {node}: {number} of list {} is gone again", ledger.writer));
                }
            }
        }
    }
    wrong
}

/// A writer's list as it is read.
pub fn read_list(client: &mut Client, ledger: &Ledger, level: ConsistencyLevel) -> BTreeMap<usize, String> {
    let mut list = BTreeMap::new();
    // One partition more than was written.
    for first in (0..=ledger.fates.len() + LIST_PART).step_by(LIST_PART) {
        let partition = list_partition(ledger.writer, first);
        let rows = client.query(&format!("SELECT c, v FROM faults.lists WHERE p = {partition}"), level).unwrap();
        for row in rows {
            let twice = list.insert(number_of(row[0].as_ref()), text_of(row[1].as_ref()));
            assert!(twice.is_none(), "a row was read twice: {twice:?}");
        }
    }
    list
}

/// How many writes of all writers had this fate.
pub fn count(ledgers: &[Ledger], fate: Fate) -> usize {
    ledgers.iter().map(|ledger| ledger.count(fate)).sum()
}
