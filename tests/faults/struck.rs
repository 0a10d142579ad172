//! A cluster that is struck under load, and what came of it.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use starling_ring::ConsistencyLevel::All;

use crate::audit::{audit, count};
use crate::client::Client;
use crate::harness::{Cluster, wait_until};
use crate::ledger::{Fate, Ledger};
use crate::load::{Over, Written, register_query, write};

/// The addresses of the nodes.
pub fn addresses(cluster: &Cluster) -> Vec<Ipv4Addr> {
    cluster.nodes().iter().map(|node| node.address).collect()
}

/// Writes with these writers for as long as the strikes last.
pub fn under_load(cluster: &mut Cluster, writers: Range<usize>, strikes: impl FnOnce(&mut Cluster)) -> Vec<Written> {
    let (nodes, is_over) = (addresses(cluster), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: Vec<_> = writers
            .map(|writer| {
                let (nodes, is_over) = (&nodes, &is_over);
                scope.spawn(move || write(writer, nodes, is_over))
            })
            .collect();
        let over = Over(&is_over);
        strikes(cluster);
        drop(over);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

/// What came of a load.
pub struct Audited {
    /// What the writers were told.
    pub ledgers: Vec<Ledger>,
    /// What is not as they were told.
    pub wrong: Vec<String>,
    /// Reads at QUORUM by the writers.
    pub reads: usize,
}

impl Audited {
    /// Reads everything, once all nodes answer.
    pub fn of(nodes: &[Ipv4Addr], written: Vec<Written>) -> Audited {
        let mut asked = Client::connect(nodes[0]);
        let first = written.first().map_or(0, |one| one.ledger.writer);
        wait_until("all answer", || asked.query(&register_query(first), All).is_ok());
        let answered: usize = written.iter().map(|one| one.answered.len()).sum();
        let mut wrong: Vec<String> = written.iter().flat_map(|one| one.wrong.clone()).collect();
        let mut ledgers: Vec<Ledger> = written.into_iter().map(|one| one.ledger).collect();
        wrong.extend(audit(nodes, &mut ledgers));
        let reads = answered - count(&ledgers, Fate::Made);
        Audited { ledgers, wrong, reads }
    }

    /// How many writes had this fate.
    pub fn count(&self, fate: Fate) -> usize {
        count(&self.ledgers, fate)
    }

    /// In words.
    pub fn summary(&self) -> String {
        format!(
            "{} writes: {} acknowledged, {} refused, {} unknown; {} quorum reads meanwhile; {} lost or wrong",
            self.ledgers.iter().map(|ledger| ledger.fates.len()).sum::<usize>(),
            self.count(Fate::Made),
            self.count(Fate::Refused),
            self.count(Fate::Unknown),
            self.reads,
            self.wrong.len(),
        )
    }
}
