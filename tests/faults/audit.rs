//! The audit from outside: everything is read again through every node and held against what the writers were told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use starling_ring::ConsistencyLevel;

use crate::client::Client;
use crate::ledger::{Fate, Ledger};
use crate::load::{LIST_PART, list_partition, number_of, register_of, register_query, text_of};

/// How what was written is asked for: at QUORUM through each node, and at ALL before or after that.
pub struct Questions {
    nodes: Vec<Ipv4Addr>,
    is_all_first: bool,
    is_all_last: bool,
}

impl Questions {
    /// For what was written at QUORUM: at ALL last, if all replicas are there. One node alone is not asked: what it
    /// missed while it was away reaches it only when somebody reads it.
    pub fn at_quorum(nodes: &[Ipv4Addr], are_all_there: bool) -> Questions {
        Questions { nodes: nodes.to_vec(), is_all_first: false, is_all_last: are_all_there }
    }

    /// For what was written at ONE: it may be on one replica only. Asking all levels them, and any two have it then.
    pub fn at_one(nodes: &[Ipv4Addr]) -> Questions {
        Questions { nodes: nodes.to_vec(), is_all_first: true, is_all_last: false }
    }

    /// Not through the same node first for all writers: a read through a node that has everything would level the
    /// others, and hide what they lack.
    fn of(&self, writer: usize) -> impl Iterator<Item = (Ipv4Addr, ConsistencyLevel)> {
        let all = (self.nodes[0], ConsistencyLevel::All);
        let quorums = (0..self.nodes.len()).map(move |turn| self.nodes[(writer + 1 + turn) % self.nodes.len()]);
        let first = self.is_all_first.then_some(all).into_iter();
        first.chain(quorums.map(|node| (node, ConsistencyLevel::Quorum))).chain(self.is_all_last.then_some(all))
    }
}

/// All that was acknowledged must be there, what was refused must not, and what one read has seen the next sees too.
pub fn audit(questions: &Questions, ledgers: &mut [Ledger]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut clients: BTreeMap<Ipv4Addr, Client> = BTreeMap::new();
    for ledger in ledgers {
        let mut seen: BTreeMap<usize, String> = BTreeMap::new();
        for (node, level) in questions.of(ledger.writer) {
            let client = clients.entry(node).or_insert_with(|| Client::connect(node));
            let rows = client.query(&register_query(ledger.writer), level).unwrap();
            let held = register_of(&rows);
            let told = ledger.see_register(held.as_ref().map(|(number, text)| (*number, text.as_str())));
            wrong.extend(told.err().map(|error| format!("{level:?} at {node}: {error}")));
            let list = read_list(client, ledger, level);
            wrong
                .extend(ledger.list_complaints(&list).into_iter().map(|error| format!("{level:?} at {node}: {error}")));
            for (number, value) in &seen {
                if list.get(number) != Some(value) {
                    wrong.push(format!("{level:?} at {node}: {number} of list {} is gone again", ledger.writer));
                }
            }
            seen = list;
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
