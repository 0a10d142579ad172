//! A disk that fills up: reads go on, writes are refused, and once there is space again writes go on by themselves and
//! nothing acknowledged is lost. Once with the space that a node keeps free, once without: then RocksDB meets the end.
//!
//! The small disk is a tmpfs in a namespace of its own.

use std::fs;
use std::process::Command;
use std::time::Instant;

use starling_ring::ConsistencyLevel::One;

use crate::client::{Client, Failure};
use crate::harness::{Cluster, wait_until};
use crate::load::text_of;
use crate::namespace::within;

const DISK_BYTES: usize = 64 << 20;
/// Its removal makes space: more than is kept free, and than RocksDB wants before it goes on (one memtable).
const BALLAST_BYTES: usize = 24 << 20;
const MEMTABLES: &str = "12MiB";
const VALUE_BYTES: usize = 32 << 10;
/// Writes after which the disk must have been full.
const WRITES_MAX: usize = 4 * DISK_BYTES / VALUE_BYTES;

fn value(number: usize) -> String {
    format!("{number:08}").repeat(VALUE_BYTES / 8)
}

fn is_there(client: &mut Client, number: usize) -> Result<bool, Failure> {
    let rows = client.query(&format!("SELECT v FROM disk.rows WHERE k = {number}"), One)?;
    let Some(row) = rows.first() else { return Ok(false) };
    assert_eq!(text_of(row[0].as_ref()), value(number), "row {number}");
    Ok(true)
}

fn insert(client: &mut Client, number: usize) -> Result<(), Failure> {
    client.query(&format!("INSERT INTO disk.rows (k, v) VALUES ({number}, '{}')", value(number)), One).map(|_| ())
}

fn fill_the_disk(min_free_space: &str) {
    let cluster = Cluster::new("faults-full");
    let disk = cluster.folder().join("disk");
    fs::create_dir(&disk).unwrap();
    let size = format!("size={DISK_BYTES}");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(&disk).status().unwrap();
    assert!(mounted.success(), "mount: {mounted}");
    fs::write(disk.join("ballast"), vec![1; BALLAST_BYTES]).unwrap();
    let mut node = cluster.prepare(&[]);
    node.data_dir = disk.join("data");
    node.set_environment("STARLING_MEMTABLE_SIZE", MEMTABLES);
    node.set_environment("STARLING_MIN_FREE_SPACE_PER_DRIVE", min_free_space);
    node.start();
    let address = node.address;
    let mut client = Client::connect(address);
    client
        .query("CREATE KEYSPACE disk WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}", One)
        .unwrap();
    client.query("CREATE TABLE disk.rows (k int PRIMARY KEY, v text)", One).unwrap();

    let mut acknowledged = Vec::new();
    let mut refusal = None;
    for number in 0..WRITES_MAX {
        match insert(&mut client, number) {
            Ok(()) => acknowledged.push(number),
            Err(failure) => {
                refusal = Some(failure);
                break;
            }
        }
    }
    let refusal = refusal.expect("a disk that fills up");
    assert!(matches!(refusal, Failure::Error(_)), "a write on a full disk is answered: {refusal:?}");
    let mut refused = 0;
    for number in WRITES_MAX..WRITES_MAX + 50 {
        match insert(&mut client, number) {
            Ok(()) => acknowledged.push(number),
            Err(Failure::Error(_)) => refused += 1,
            Err(lost) => panic!("a write on a full disk is answered: {lost:?}"),
        }
    }
    assert!(refused > 0, "no further write was refused");
    for number in &acknowledged {
        assert!(is_there(&mut client, *number).unwrap(), "{number} is read while the disk is full");
    }

    fs::remove_file(disk.join("ballast")).unwrap();
    let freed = Instant::now();
    wait_until("writes go on by themselves", || insert(&mut client, 2 * WRITES_MAX).is_ok());
    let resumed = freed.elapsed();
    acknowledged.push(2 * WRITES_MAX);
    node.kill_and_restart();
    let mut client = Client::connect(address);
    let lost: Vec<_> = acknowledged.iter().filter(|number| !is_there(&mut client, **number).unwrap()).collect();
    println!(
        "full disk ({min_free_space} kept free): {} acknowledged, then {refused} of 50 refused; writes went on {resumed:.1?} \
         after there was space; {} lost after a kill and a restart; the first refusal: {refusal:?}",
        acknowledged.len(),
        lost.len(),
    );
    assert!(lost.is_empty(), "{lost:?}");
    wait_until("writes go on after the restart", || insert(&mut client, 2 * WRITES_MAX + 1).is_ok());
    assert!(is_there(&mut client, 2 * WRITES_MAX + 1).unwrap());
    drop(node);
    let unmounted = Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success(), "umount: {unmounted}");
}

const PROBE: &str = "mount -t tmpfs -o size=1m none /mnt";

#[test]
fn a_nearly_full_disk_refuses_writes_and_loses_none() {
    within("full_disk::a_nearly_full_disk_refuses_writes_and_loses_none", PROBE, || fill_the_disk("16MiB"));
}

#[test]
fn a_full_disk_refuses_writes_and_loses_none() {
    within("full_disk::a_full_disk_refuses_writes_and_loses_none", PROBE, || fill_the_disk("0B"));
}
