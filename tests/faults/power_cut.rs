//! The power of nodes goes under load: kill -9, and their disks forget what was not synced.

use std::time::{Duration, Instant};

use starling_ring::ConsistencyLevel::One;

use crate::audit::read_list;
use crate::client::Client;
use crate::draw::Draw;
use crate::forgetful::Forgotten;
use crate::harness::Cluster;
use crate::ledger::Fate;
use crate::load::make_tables;
use crate::mount::Mounted;
use crate::namespace::within;
use crate::rounds;
use crate::struck::{Audited, addresses, under_load};

const WRITERS: usize = 6;
/// Every so many rounds all three nodes lose power at once.
const ALL_AT_ONCE_EVERY: usize = 5;
/// FUSE has to be there, and allowed. Nobody serves this one: whoever looks at it is stopped by the time.
const PROBE: &str = "exec 3<>/dev/fuse && \
    timeout 10 mount -i -n -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /mnt";

/// Nodes whose data are on forgetful disks.
struct Powered {
    cluster: Cluster,
    disks: Vec<Mounted>,
}

impl Powered {
    fn of(name: &str, count: usize, environment: &[(&str, &str)]) -> Powered {
        let mut powered = Powered { cluster: Cluster::new(name), disks: Vec::new() };
        for index in 0..count {
            let folder = powered.cluster.prepare(&[]).data_dir.clone();
            powered.disks.push(Mounted::on(&folder));
            let node = powered.cluster.add(&[]);
            if !environment.is_empty() {
                environment.iter().for_each(|(name, value)| node.set_environment(name, value));
                assert!(powered.cluster.node(index).stop().success());
                powered.cluster.node(index).start();
            }
        }
        powered
    }

    /// The power of these nodes goes, and comes back after a while.
    fn cut(cluster: &mut Cluster, disks: &[Mounted], victims: &[usize], draw: &mut Draw) -> Forgotten {
        let mut forgotten = Forgotten::default();
        victims.iter().for_each(|victim| cluster.node(*victim).kill());
        for victim in victims {
            let of_one = disks[*victim].cut(draw);
            forgotten.changes += of_one.changes;
            forgotten.entries += of_one.entries;
        }
        std::thread::sleep(Duration::from_millis(draw.below(700)));
        // A node without a majority may not be ready by itself: all are started before any is waited for.
        victims.iter().for_each(|victim| cluster.node(*victim).begin());
        victims.iter().for_each(|victim| cluster.node(*victim).wait_until_ready());
        forgotten
    }
}

impl Drop for Powered {
    fn drop(&mut self) {
        // Before their folder is removed.
        (0..self.cluster.nodes().len()).for_each(|index| self.cluster.node(index).kill());
        self.disks.clear();
    }
}

fn cut_under_load() {
    let (rounds, mut draw) = (rounds(5, 200), Draw::new());
    let mut powered = Powered::of("faults-power", 3, &[]);
    make_tables(&powered.cluster, 3);
    let (started, mut forgotten, disks) = (Instant::now(), Forgotten::default(), &powered.disks);
    let written = under_load(&mut powered.cluster, 0..WRITERS, |cluster| {
        for round in 0..rounds {
            std::thread::sleep(Duration::from_millis(200 + draw.below(600)));
            let victims = match round % ALL_AT_ONCE_EVERY == ALL_AT_ONCE_EVERY - 1 {
                true => vec![0, 1, 2],
                false => vec![draw.below(3) as usize],
            };
            let of_round = Powered::cut(cluster, disks, &victims, &mut draw);
            forgotten.changes += of_round.changes;
            forgotten.entries += of_round.entries;
        }
    });
    let (took, syncs) = (started.elapsed(), disks.iter().map(|disk| disk.disk().syncs).sum::<usize>());
    let audited = Audited::of(&addresses(&powered.cluster), written);
    println!(
        "power cuts: {rounds} rounds in {took:.1?}, {syncs} syncs, {} changes of files and {} of folders forgotten, {}",
        forgotten.changes,
        forgotten.entries,
        audited.summary()
    );
    assert!(audited.wrong.is_empty(), "{:#?}", audited.wrong);
    assert!(audited.count(Fate::Made) > 20 * rounds, "too little was acknowledged to tell");
    assert!(forgotten.changes > 0, "nothing was forgotten: the cuts did nothing");
}

#[test]
fn no_acknowledged_write_is_lost_when_the_power_goes() {
    within("power_cut::no_acknowledged_write_is_lost_when_the_power_goes", PROBE, cut_under_load);
}

/// What a database that never syncs comes to.
fn lie_about_syncs() {
    const ROUNDS: usize = 3;
    let mut draw = Draw::new();
    let mut powered = Powered::of("faults-lying", 3, &[]);
    make_tables(&powered.cluster, 3);
    for round in 0..ROUNDS {
        let disks = &powered.disks;
        disks.iter().for_each(|disk| disk.disk().is_lying = true);
        let writers = round * WRITERS..(round + 1) * WRITERS;
        let written = under_load(&mut powered.cluster, writers, |cluster| {
            std::thread::sleep(Duration::from_millis(1_000));
            (0..3).for_each(|index| cluster.node(index).kill());
            disks.iter().for_each(|disk| {
                _ = disk.cut(&mut draw);
                disk.disk().is_lying = false;
            });
            (0..3).for_each(|index| cluster.node(index).begin());
            (0..3).for_each(|index| cluster.node(index).wait_until_ready());
        });
        let audited = Audited::of(&addresses(&powered.cluster), written);
        println!("power cuts without syncs, round {round}: {}", audited.summary());
        if audited.wrong.iter().any(|wrong| wrong.contains("lost")) {
            return;
        }
    }
    panic!("nothing was lost in {ROUNDS} power cuts of all nodes although nothing was synced: the test sees nothing");
}

#[test]
fn nodes_that_never_sync_are_found_out() {
    within("power_cut::nodes_that_never_sync_are_found_out", PROBE, lie_about_syncs);
}

const PERIODIC: [(&str, &str); 2] =
    [("STARLING_COMMITLOG_SYNC", "periodic"), ("STARLING_COMMITLOG_SYNC_PERIOD", "500ms")];
/// Some of those periods.
const PERIODIC_LOAD: Duration = Duration::from_millis(1_600);

/// One node loses what came after the last sync, and nothing else.
fn cut_one_periodic() {
    let mut draw = Draw::new();
    let mut powered = Powered::of("faults-periodic", 1, &PERIODIC);
    make_tables(&powered.cluster, 1);
    let disks = &powered.disks;
    let (mut lost, mut acknowledged) = (0, 0);
    for round in 0..rounds(3, 50) {
        let began = Instant::now();
        let (mut synced_at, mut died_at) = (None, began);
        let writers = round * WRITERS..(round + 1) * WRITERS;
        let written = under_load(&mut powered.cluster, writers, |cluster| {
            std::thread::sleep(PERIODIC_LOAD + Duration::from_millis(draw.below(500)));
            cluster.node(0).kill();
            died_at = Instant::now();
            synced_at = disks[0].disk().log_synced_at;
            Powered::cut(cluster, disks, &[0], &mut draw);
        });
        let synced_at = synced_at.filter(|at| *at > began).expect("the log is synced again and again");
        let mut client = Client::connect(powered.cluster.nodes()[0].address);
        let mut of_round = 0;
        for one in &written {
            let list = read_list(&mut client, &one.ledger, One);
            for (number, at) in one.acknowledged.iter().filter(|(number, _)| **number % 2 == 1) {
                if !list.contains_key(number) {
                    assert!(*at > synced_at, "{number} was acknowledged before the last sync, and is lost");
                    of_round += 1;
                }
            }
            acknowledged += one.acknowledged.len();
        }
        println!("periodic: {of_round} list entries lost; the last sync was {:.0?} before", died_at - synced_at);
        lost += of_round;
    }
    assert!(acknowledged > 200, "too little was acknowledged to tell");
    assert!(lost > 0, "nothing was lost: was it synced at every write?");
}

#[test]
fn periodic_loses_at_most_what_came_after_the_last_sync() {
    within("power_cut::periodic_loses_at_most_what_came_after_the_last_sync", PROBE, cut_one_periodic);
}

/// The power of one of three goes: the other two have all that it forgets.
fn cut_one_of_three_periodic() {
    let mut draw = Draw::new();
    let mut powered = Powered::of("faults-periodic-quorum", 3, &PERIODIC);
    make_tables(&powered.cluster, 3);
    let disks = &powered.disks;
    let (mut forgotten, mut acknowledged) = (0, 0);
    for round in 0..rounds(1, 30) {
        let writers = round * WRITERS..(round + 1) * WRITERS;
        let written = under_load(&mut powered.cluster, writers, |cluster| {
            std::thread::sleep(PERIODIC_LOAD);
            let victim = draw.below(3) as usize;
            forgotten += Powered::cut(cluster, disks, &[victim], &mut draw).changes;
            std::thread::sleep(Duration::from_millis(300));
        });
        // Reading everything at ALL levels the replicas for the next round.
        let audited = Audited::of(&addresses(&powered.cluster), written);
        println!("periodic, one of three: {forgotten} changes forgotten in all, {}", audited.summary());
        assert!(audited.wrong.is_empty(), "{:#?}", audited.wrong);
        acknowledged += audited.count(Fate::Made);
    }
    assert!(acknowledged > 200, "too little was acknowledged to tell");
    assert!(forgotten > 0, "nothing was forgotten: the cuts did nothing");
}

#[test]
fn periodic_loses_nothing_at_quorum_when_one_of_three_loses_power() {
    let name = "power_cut::periodic_loses_nothing_at_quorum_when_one_of_three_loses_power";
    within(name, PROBE, cut_one_of_three_periodic);
}
