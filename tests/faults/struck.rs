//! A cluster that is struck under load, and what came of it.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use starling_ring::ConsistencyLevel::{All, Quorum};

use crate::audit::{Questions, audit, count};
use crate::client::Client;
use crate::harness::{Cluster, wait_until};
use crate::ledger::{Fate, Ledger};
use crate::load::{Over, Writer, Written, register_query};

/// The addresses of the nodes.
pub fn addresses(cluster: &Cluster) -> Vec<Ipv4Addr> {
    cluster.nodes().iter().map(|node| node.address).collect()
}

/// Writes with these writers at QUORUM through all nodes for as long as the strikes last.
pub fn under_load(cluster: &mut Cluster, writers: Range<usize>, strikes: impl FnOnce(&mut Cluster)) -> Vec<Written> {
    let writers = at_quorum(&addresses(cluster), writers);
    under_load_of(&writers, || strikes(cluster))
}

/// Writers at QUORUM through these nodes.
pub fn at_quorum(nodes: &[Ipv4Addr], writers: Range<usize>) -> Vec<Writer> {
    writers.map(|number| Writer { number, level: Quorum, nodes: nodes.to_vec() }).collect()
}

/// Writes with these writers for as long as the strikes last.
pub fn under_load_of(writers: &[Writer], strikes: impl FnOnce()) -> Vec<Written> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = writers.iter().map(|writer| scope.spawn(|| writer.write(&is_over))).collect();
        let over = Over(&is_over);
        strikes();
        drop(over);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// What came of a load.
pub struct Audited {
    /// What the writers were told.
    pub ledgers: Vec<Ledger>,
    /// What is not as they were told.
    pub wrong: Vec<String>,
    /// Reads by the writers.
    pub reads: usize,
}

impl Audited {
    /// Reads everything at QUORUM and at ALL, once all nodes answer.
    pub fn of(nodes: &[Ipv4Addr], written: Vec<Written>) -> Audited {
        let mut asked = Client::connect(nodes[0]);
        let first = written.first().map_or(0, |one| one.ledger.writer);
        wait_until("all answer", || asked.query(&register_query(first), All).is_ok());
        Audited::by(&Questions::at_quorum(nodes, true), written)
    }

    /// Reads everything in these ways.
    pub fn by(questions: &Questions, written: Vec<Written>) -> Audited {
        let answered: usize = written.iter().map(|one| one.answered.len()).sum();
        let mut wrong: Vec<String> = written.iter().flat_map(|one| one.wrong.clone()).collect();
        let mut ledgers: Vec<Ledger> = written.into_iter().map(|one| one.ledger).collect();
        wrong.extend(audit(questions, &mut ledgers));
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
            "{} writes: {} acknowledged, {} refused, {} unknown; {} reads meanwhile; {} lost or wrong",
            self.ledgers.iter().map(|ledger| ledger.fates.len()).sum::<usize>(),
            self.count(Fate::Made),
            self.count(Fate::Refused),
            self.count(Fate::Unknown),
            self.reads,
            self.wrong.len(),
        )
    }
}
