//! One bit of one file of a stopped node is flipped: the node says so, or nothing that is read changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use starling_ring::ConsistencyLevel::{One, Quorum};

use crate::draw::Draw;
use crate::harness::{Cluster, Node};
use crate::rounds;
use crate::rows::{Reading, Rows};

/// The kinds of files that RocksDB cannot do without.
const KINDS: [&str; 5] = ["sst", "log", "MANIFEST", "CURRENT", "OPTIONS"];

/// RocksDB's log: blocks, in them records, each behind a header of checksum, length (two bytes) and type.
const LOG_BLOCK_BYTES: usize = 32 << 10;
const LOG_HEADER_BYTES: usize = 7;
const LOG_LENGTH_AT: usize = 4;

/// Where the records of a log begin. MANIFEST is one too.
fn records(log: &[u8]) -> Vec<usize> {
    let (mut at, mut records) = (0, Vec::new());
    while at + LOG_HEADER_BYTES <= log.len() {
        let left = LOG_BLOCK_BYTES - at % LOG_BLOCK_BYTES;
        if left < LOG_HEADER_BYTES {
            at += left;
            continue;
        }
        records.push(at);
        let length = u16::from_le_bytes([log[at + LOG_LENGTH_AT], log[at + LOG_LENGTH_AT + 1]]);
        at += LOG_HEADER_BYTES + usize::from(length);
    }
    records
}

/// Files of a folder and those below it, by kind, which hold anything.
fn files_by_kind(folder: &Path, files: &mut BTreeMap<String, Vec<PathBuf>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files_by_kind(&entry.path(), files);
        } else if entry.metadata().unwrap().len() > 0 {
            let name = entry.file_name().into_string().unwrap();
            let kind = match name.rsplit_once('.') {
                Some((_, extension @ ("sst" | "log"))) => extension,
                _ => name.split(['-', '.']).next().unwrap(),
            };
            files.entry(kind.to_owned()).or_default().push(entry.path());
        }
    }
    files.values_mut().for_each(|files| files.sort_unstable());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => _ = fs::copy(entry.path(), to).unwrap(),
        }
    }
}

/// What a flip came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The node refused to start, and said why.
    Stopped,
    /// Reads were answered with errors.
    Errors,
    /// Nothing that is read has changed.
    Nothing,
    /// A wrong row, a panic, or an end without a word.
    Wrong,
}

/// A node's data as it was, to be damaged in one place at a time.
struct Specimen {
    pristine: PathBuf,
    /// Where each flip was and what it came to.
    outcomes: BTreeMap<(String, Outcome), usize>,
    wrong: Vec<String>,
}

impl Specimen {
    fn of(node: &Node, folder: &Path) -> Specimen {
        let pristine = folder.join("pristine");
        copy(&node.data_dir, &pristine);
        let mut files = BTreeMap::new();
        files_by_kind(&pristine, &mut files);
        for kind in KINDS {
            assert!(files.contains_key(kind), "no file of the kind {kind}: {files:?}");
        }
        Specimen { pristine, outcomes: BTreeMap::new(), wrong: Vec::new() }
    }

    /// Flips a bit, starts the node, has everything read, and ends the node again.
    fn flip(&mut self, node: &mut Node, number: usize, draw: &mut Draw, read: &dyn Fn() -> Reading) {
        fs::remove_dir_all(&node.data_dir).unwrap();
        copy(&self.pristine, &node.data_dir);
        let mut files = BTreeMap::new();
        files_by_kind(&node.data_dir, &mut files);
        let (kind, of_kind) = files.iter().nth(number % files.len()).unwrap();
        // Every other flip of a log is in the length of its last record, which then may look torn by a crash.
        let is_tail = kind == "log" && (number / files.len()).is_multiple_of(2);
        let path = match is_tail {
            true => of_kind.last().unwrap(),
            false => &of_kind[draw.below(of_kind.len() as u64) as usize],
        };
        let mut bytes = fs::read(path).unwrap();
        let bit = draw.below(8);
        let at = match is_tail {
            true => records(&bytes).last().unwrap() + LOG_LENGTH_AT + draw.below(2) as usize,
            false => draw.below(bytes.len() as u64) as usize,
        };
        bytes[at] ^= 1 << bit;
        fs::write(path, &bytes).unwrap();
        let place = format!("{} byte {at} of {} bit {bit}", path.display(), bytes.len());

        let said_before = fs::read(&node.stderr_path).unwrap_or_default().len();
        node.begin();
        let ended = node.ready_or_ended();
        let reading = read();
        node.kill();
        let said = fs::read(&node.stderr_path).unwrap_or_default();
        let said = String::from_utf8_lossy(&said[said_before..]).into_owned();
        let outcome = judge(ended.is_some(), &reading, &said);
        if is_tail {
            println!("{place}: {outcome:?}: {}", said.lines().last().unwrap_or_default());
        }
        if outcome == Outcome::Wrong {
            self.wrong.push(format!("{place}: {:?}\n{said}", reading.wrong));
        }
        *self.outcomes.entry((kind.clone(), outcome)).or_default() += 1;
    }

    fn report(&self, what: &str) {
        for ((kind, outcome), count) in &self.outcomes {
            println!("{what}: {kind:<20} {outcome:?}: {count}");
        }
        println!("{what}: {} flips, {} wrong", self.outcomes.values().sum::<usize>(), self.wrong.len());
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

fn judge(has_ended: bool, reading: &Reading, said: &str) -> Outcome {
    if said.contains("panicked") || has_ended && said.trim().is_empty() {
        return Outcome::Wrong;
    }
    if !reading.wrong.is_empty() {
        return Outcome::Wrong;
    }
    match (has_ended, reading.errors.is_empty()) {
        (true, _) => Outcome::Stopped,
        (_, false) => Outcome::Errors,
        _ => Outcome::Nothing,
    }
}

/// Three generations of files: each restart flushes what the log held; the last is in the log.
fn fill(cluster: &mut Cluster, restarted: usize, replicas: usize) -> Rows {
    let (mut rows, first) = (Rows::default(), cluster.nodes()[0].address);
    Rows::make_tables(first, replicas);
    for generation in 0..3 {
        rows.write(first, generation);
        if generation < 2 {
            cluster.node(restarted).kill_and_restart();
            let mut client = crate::client::Client::connect(first);
            crate::harness::wait_until("all answer", || {
                client.query("SELECT v FROM flips.t0 WHERE p = 0", starling_ring::ConsistencyLevel::All).is_ok()
            });
        }
    }
    cluster.node(restarted).kill();
    rows
}

#[test]
fn a_flipped_bit_never_makes_one_node_answer_wrongly() {
    let mut draw = Draw::new();
    let mut cluster = Cluster::of("faults-flip", 1);
    let rows = fill(&mut cluster, 0, 1);
    let (folder, node) = (cluster.folder().to_owned(), cluster.node(0));
    let mut specimen = Specimen::of(node, &folder);
    let address = node.address;
    for number in 0..rounds(20, 1_000) {
        specimen.flip(node, number, &mut draw, &|| rows.read(address, One));
    }
    specimen.report("flips on one node");
}

#[test]
fn a_flipped_bit_never_makes_a_quorum_answer_wrongly() {
    let mut draw = Draw::new();
    let mut cluster = Cluster::of("faults-flip-quorum", 3);
    let rows = fill(&mut cluster, 2, 3);
    let (folder, nodes) = (cluster.folder().to_owned(), [0, 1, 2].map(|index| cluster.nodes()[index].address));
    let mut specimen = Specimen::of(&cluster.nodes()[2], &folder);
    for number in 0..rounds(9, 200) {
        let read = || {
            let mut all = Reading::default();
            for node in nodes {
                let mut reading = rows.read(node, Quorum);
                all.errors.append(&mut reading.errors);
                all.wrong.append(&mut reading.wrong);
            }
            all
        };
        specimen.flip(cluster.node(2), number, &mut draw, &read);
    }
    specimen.report("flips on one of three");
}
