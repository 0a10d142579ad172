//! Links between nodes, and from clients to nodes, that are cut, slow and lossy under load.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use starling_ring::ConsistencyLevel::{All, One, Quorum};

use crate::audit::{Questions, audit};
use crate::client::Client;
use crate::door::{Door, Flow, Passage};
use crate::draw::Draw;
use crate::harness::{Cluster, wait_until};
use crate::ledger::{Fate, Ledger};
use crate::load::{Writer, make_tables};
use crate::namespace::within_network;
use crate::relay::{Quality, Relay};
use crate::rounds;
use crate::space::Space;
use crate::struck::{Audited, addresses, at_quorum, under_load_of};

const NODES: usize = 3;
/// Of each level: one at each node.
const WRITERS: usize = 3;
const CUT: Quality =
    Quality { is_cut: true, loss_percent: 0, delay: Duration::ZERO, late_percent: 0, late: Duration::ZERO };
/// Long enough for a node to be taken for dead.
const LONG: Duration = Duration::from_secs(8);
/// Requests through each node that have to go well one after the other before all is well.
const GOOD_REQUESTS: usize = 100;

/// What is done to links, or to the connections of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    CutBothWays,
    CutOneWay,
    Delayed,
    Lossy,
    Reordered,
    ClientsCut,
    AnswersStopped,
    ClientsSlow,
}

const FAULTS: [Fault; 8] = [
    Fault::CutBothWays,
    Fault::CutOneWay,
    Fault::Delayed,
    Fault::Lossy,
    Fault::Reordered,
    Fault::ClientsCut,
    Fault::AnswersStopped,
    Fault::ClientsSlow,
];

/// Three nodes that reach each other, and are reached by clients, through what the test has in its hands.
struct Wired {
    cluster: Cluster,
    doors: Vec<Door>,
    relay: Relay,
}

impl Wired {
    fn of(name: &str, draw: &mut Draw) -> Wired {
        let mut cluster = Cluster::new(name);
        let spaces: Vec<Arc<Space>> = (0..NODES).map(|_| Arc::new(Space::make())).collect();
        let nodes: Vec<(Ipv4Addr, &Space)> =
            spaces.iter().enumerate().map(|(index, space)| (cluster.address(index), &**space)).collect();
        let relay = Relay::between(&nodes, draw);
        let doors = nodes.iter().zip(&spaces).map(|((address, _), space)| Door::of(*address, space.clone())).collect();
        for space in &spaces {
            let mut node = cluster.prepare(&[]);
            node.set_launcher(&space.launcher().each_ref().map(String::as_str));
            cluster.add_prepared(node);
        }
        Wired { cluster, doors, relay }
    }

    /// Makes all ways from and to a node like this.
    fn around(&self, node: usize, quality: Quality) {
        for peer in (0..NODES).filter(|peer| *peer != node) {
            self.relay.set(node, peer, quality);
            self.relay.set(peer, node, quality);
        }
    }

    /// Does this to links that are drawn.
    fn strike(&self, fault: Fault, draw: &mut Draw) {
        let one = draw.below(NODES as u64) as usize;
        let other = (one + 1 + draw.below(NODES as u64 - 1) as usize) % NODES;
        let between = |quality| [(one, other), (other, one)].map(|(from, to)| self.relay.set(from, to, quality));
        let around = |quality| self.around(one, quality);
        let good = Quality::default();
        match fault {
            Fault::CutBothWays => _ = between(CUT),
            Fault::CutOneWay => self.relay.set(one, other, CUT),
            Fault::Delayed => around(Quality { delay: Duration::from_millis(5 + draw.below(150)), ..good }),
            Fault::Lossy => around(Quality { loss_percent: 10 + draw.below(21), ..good }),
            Fault::Reordered => around(Quality { late_percent: 30, late: Duration::from_millis(30), ..good }),
            Fault::ClientsCut => self.doors[one].set(Passage { is_shut: true, ..Passage::default() }),
            Fault::AnswersStopped => self.doors[one].set(Passage { answers: Flow::Stopped, ..Passage::default() }),
            Fault::ClientsSlow => {
                self.doors[one].set(Passage { requests: Flow::Slow, answers: Flow::Slow, ..Passage::default() });
            }
        }
    }

    fn heal(&self) {
        self.relay.heal();
        self.doors.iter().for_each(|door| door.set(Passage::default()));
    }

    /// One fault after the other, some of them together.
    fn strike_each(&self, draw: &mut Draw) {
        let begin = draw.below(FAULTS.len() as u64) as usize;
        for turn in 0..FAULTS.len() {
            let fault = FAULTS[(begin + turn) % FAULTS.len()];
            self.strike(fault, draw);
            let is_cut = matches!(fault, Fault::CutBothWays | Fault::CutOneWay);
            match is_cut && draw.below(8) == 0 {
                true => std::thread::sleep(LONG),
                false => std::thread::sleep(Duration::from_millis(400 + draw.below(600))),
            }
            if fault == Fault::AnswersStopped && draw.below(2) == 0 {
                // What was held up never arrives.
                self.doors.iter().for_each(|door| door.set(Passage { is_shut: true, ..Passage::default() }));
            }
            // What cut off the clients of a node ends before the next: they would see nothing of it.
            if draw.below(3) > 0 || matches!(fault, Fault::ClientsCut | Fault::AnswersStopped) {
                self.heal();
                std::thread::sleep(Duration::from_millis(draw.below(300)));
            }
        }
        self.heal();
    }

    /// Waits until requests that need all replicas go well through each node, again and again.
    fn wait_until_well(&self) {
        for node in addresses(&self.cluster) {
            let mut client = Client::connect(node);
            let mut good = 0;
            wait_until(&format!("all goes well through {node}"), || {
                while good < GOOD_REQUESTS {
                    let written = client.query(&format!("INSERT INTO faults.well (k, v) VALUES ({good}, {good})"), All);
                    let read = client.query(&format!("SELECT v FROM faults.well WHERE k = {good}"), All);
                    if !matches!((written, read), (Ok(_), Ok(rows)) if rows.len() == 1) {
                        good = 0;
                        return false;
                    }
                    good += 1;
                }
                true
            });
        }
    }
}

/// A cycle of all faults under load, with the audit of it; what it came to.
fn cycle(wired: &Wired, number: usize, draw: &mut Draw) -> [Audited; 2] {
    let nodes = addresses(&wired.cluster);
    let (first, began) = (3 * WRITERS * number, Instant::now());
    let is_quorum = |writer: usize| writer < first + WRITERS;
    // Each holds on to its node: one that is cut off is still asked.
    let writers = (first..first + 2 * WRITERS).map(|number| Writer {
        number,
        level: if is_quorum(number) { Quorum } else { One },
        nodes: vec![nodes[number % NODES]],
    });
    let writers: Vec<Writer> = writers.collect();
    let alone = draw.below(NODES as u64) as usize;
    let written = under_load_of(&writers, || {
        wired.strike_each(draw);
        wired.around(alone, CUT);
        std::thread::sleep(LONG);
    });
    let (quorum, one): (Vec<_>, Vec<_>) = written.into_iter().partition(|one| is_quorum(one.ledger.writer));

    // What the node that is cut off has acknowledged at QUORUM, the others have without it; at ONE it is all alone.
    let others: Vec<Ipv4Addr> = nodes.iter().copied().filter(|node| *node != nodes[alone]).collect();
    let at_others = Questions::at_quorum(&others, false);
    let mut quorum = Audited::by(&at_others, quorum);
    let mut of_alone: Vec<Ledger> = one.iter().map(|one| one.ledger.clone()).collect();
    of_alone.retain(|ledger| ledger.writer % NODES == alone);
    assert!(!audit(&at_others, &mut of_alone).is_empty(), "nothing is missing behind the cut: the audit sees nothing");

    wired.heal();
    let (healed, mut well) = (Instant::now(), None);
    let later = under_load_of(&at_quorum(&nodes, first + 2 * WRITERS..first + 3 * WRITERS), || {
        wired.wait_until_well();
        well = Some(healed.elapsed());
    });
    quorum.wrong.extend(audit(&Questions::at_quorum(&nodes, true), &mut quorum.ledgers));
    let one = Audited::by(&Questions::at_one(&nodes), one);
    let mut later = Audited::by(&Questions::at_quorum(&nodes, true), later);
    println!(
        "links: {} faults in {:.1?}, all well {:.1?} after the last",
        FAULTS.len() + 1,
        began.elapsed(),
        well.unwrap()
    );
    println!("links, at QUORUM: {}", quorum.summary());
    println!("links, at ONE: {}", one.summary());
    quorum.wrong.append(&mut later.wrong);
    [quorum, one]
}

fn cut_and_slow_under_load() {
    let (cycles, mut draw) = (rounds(1, 20), Draw::new());
    let wired = Wired::of("faults-links", &mut draw);
    make_tables(&wired.cluster, NODES);
    let mut client = Client::connect(wired.cluster.address(0));
    client.query("CREATE TABLE faults.well (k int PRIMARY KEY, v int)", Quorum).unwrap();
    for number in 0..cycles {
        for audited in cycle(&wired, number, &mut draw) {
            assert!(audited.wrong.is_empty(), "{:#?}", audited.wrong);
            assert!(audited.count(Fate::Made) > 200, "too little was acknowledged to tell");
        }
    }
    let counts = wired.relay.counts();
    let connections: usize = wired.doors.iter().map(Door::cut).sum();
    println!("links: {counts:?}; {connections} connections cut");
    for (what, count) in [("cut", &counts.cut), ("lost", &counts.lost), ("held", &counts.held)] {
        assert!(count.load(Ordering::Relaxed) > 0, "no datagram was {what}: the faults did nothing");
    }
}

#[test]
fn no_acknowledged_write_is_lost_when_links_are_cut_and_slow() {
    within_network("links::no_acknowledged_write_is_lost_when_links_are_cut_and_slow", cut_and_slow_under_load);
}
