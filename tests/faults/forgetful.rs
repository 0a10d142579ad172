//! A disk in memory that forgets at a power cut what was not synced.
//!
//! What is modelled, which is ext4 with `data=ordered` or worse:
//! - A file's data are safe once the file was synced. Of the changes since then (writes and truncations, in their order) a
//!   drawn number from the first on survives, and of the write after those a drawn number of whole sectors.
//! - Entries of folders (create, rename, remove) are safe once a folder was synced, whichever one: there is one journal,
//!   and its order is kept. Of the entries since then a drawn number from the first on survives. A file's sync saves no
//!   entry, which ext4 would: who forgets to sync the folder loses the file.
//! - An entry may survive without its file's data: the file is then empty, or shorter.
//!
//! What is not: sectors written out of order, and zeros or garbage in place of data that a length already covers. An
//! ordered journal shows neither.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::{Instant, SystemTime};

use crate::draw::Draw;

/// The folder that is mounted.
pub const ROOT: u64 = 1;
/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// A name in a folder.
pub type Entry = (u64, OsString);

/// A change of a file since it was synced.
#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => {
                data.resize(data.len().max(at + bytes.len()), 0);
                data[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Change::Length(length) => data.resize(*length, 0),
        }
    }
}

/// A change of the folders since one of them was synced.
#[derive(Clone, Debug)]
enum Journalled {
    Put(Entry, u64),
    Remove(Entry),
    Move(Entry, Entry),
}

impl Journalled {
    fn apply(&self, entries: &mut BTreeMap<Entry, u64>) {
        match self {
            Journalled::Put(entry, number) => _ = entries.insert(entry.clone(), *number),
            Journalled::Remove(entry) => _ = entries.remove(entry),
            Journalled::Move(from, to) => {
                if let Some(number) = entries.remove(from) {
                    entries.insert(to.clone(), number);
                }
            }
        }
    }

    fn inode(&self) -> Option<u64> {
        match self {
            Journalled::Put(_, number) => Some(*number),
            Journalled::Remove(_) | Journalled::Move(..) => None,
        }
    }
}

/// A file or a folder.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Permissions.
    pub mode: u32,
    /// When it was written.
    pub modified: SystemTime,
    /// Its data.
    pub data: Vec<u8>,
    synced: Vec<u8>,
    changes: Vec<Change>,
    handles: usize,
}

/// What a power cut took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Changes of files, those that were torn among them.
    pub changes: usize,
    /// Changes of folders.
    pub entries: usize,
}

/// The disk.
#[derive(Debug)]
pub struct Disk {
    inodes: BTreeMap<u64, Inode>,
    /// Numbers are not used twice.
    next: u64,
    entries: BTreeMap<Entry, u64>,
    safe: BTreeMap<Entry, u64>,
    journal: Vec<Journalled>,
    /// It claims to sync and does not.
    pub is_lying: bool,
    /// When the last sync of a write-ahead log that was done began.
    pub log_synced_at: Option<Instant>,
    /// Syncs of files and folders that were done.
    pub syncs: usize,
}

impl Disk {
    /// An empty one.
    pub fn new() -> Disk {
        let mut disk = Disk {
            inodes: BTreeMap::new(),
            next: ROOT,
            entries: BTreeMap::new(),
            safe: BTreeMap::new(),
            journal: Vec::new(),
            is_lying: false,
            log_synced_at: None,
            syncs: 0,
        };
        disk.add(true, 0o755);
        disk
    }

    fn add(&mut self, is_folder: bool, mode: u32) -> u64 {
        let (number, modified) = (self.next, SystemTime::now());
        self.next += 1;
        let nothing = Vec::new;
        self.inodes.insert(
            number,
            Inode { is_folder, mode, modified, data: nothing(), synced: nothing(), changes: Vec::new(), handles: 0 },
        );
        number
    }

    /// The file or folder with this number.
    pub fn inode(&self, number: u64) -> Option<&Inode> {
        self.inodes.get(&number)
    }

    /// What a name in a folder stands for.
    pub fn find(&self, folder: u64, name: &OsStr) -> Option<u64> {
        self.entries.get(&(folder, name.to_owned())).copied()
    }

    /// What is in a folder.
    pub fn list(&self, folder: u64) -> Vec<(OsString, u64)> {
        let within = self.entries.range((folder, OsString::new())..).take_while(|((of, _), _)| *of == folder);
        within.map(|((_, name), number)| (name.clone(), *number)).collect()
    }

    /// Makes a file or folder, unless the name is taken.
    pub fn make(&mut self, folder: u64, name: &OsStr, is_folder: bool, mode: u32) -> Option<u64> {
        let entry = (folder, name.to_owned());
        if self.entries.contains_key(&entry) {
            return None;
        }
        let number = self.add(is_folder, mode);
        self.change(Journalled::Put(entry, number));
        Some(number)
    }

    /// Removes a name.
    pub fn remove(&mut self, folder: u64, name: &OsStr) {
        self.change(Journalled::Remove((folder, name.to_owned())));
        self.sweep();
    }

    /// Gives a file or folder another name, in place of what had it.
    pub fn rename(&mut self, from: Entry, to: Entry) {
        if from != to {
            self.change(Journalled::Move(from, to));
            self.sweep();
        }
    }

    fn change(&mut self, change: Journalled) {
        change.apply(&mut self.entries);
        self.journal.push(change);
    }

    /// Writes; false if there is no such file.
    pub fn write(&mut self, number: u64, at: usize, bytes: &[u8]) -> bool {
        self.change_file(number, Change::Write { at, bytes: bytes.to_vec() })
    }

    /// Cuts a file short or lengthens it by zeros; false if there is none.
    pub fn set_length(&mut self, number: u64, length: usize) -> bool {
        self.change_file(number, Change::Length(length))
    }

    fn change_file(&mut self, number: u64, change: Change) -> bool {
        let Some(inode) = self.inodes.get_mut(&number) else { return false };
        change.apply(&mut inode.data);
        inode.changes.push(change);
        inode.modified = SystemTime::now();
        true
    }

    /// Sets permissions. They are not forgotten.
    pub fn set_mode(&mut self, number: u64, mode: u32) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.mode = mode;
        }
    }

    /// A file was opened.
    pub fn open(&mut self, number: u64) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.handles += 1;
        }
    }

    /// A file was closed.
    pub fn close(&mut self, number: u64) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.handles = inode.handles.saturating_sub(1);
        }
        self.sweep();
    }

    /// Syncs a file's data.
    pub fn sync_file(&mut self, number: u64) {
        let at = Instant::now();
        let names = self.entries.iter().filter(|(_, of)| **of == number).map(|((_, name), _)| name);
        let is_log = names.map(Path::new).any(|name| name.extension() == Some(OsStr::new("log")));
        if let Some(inode) = self.inodes.get_mut(&number).filter(|_| !self.is_lying) {
            inode.changes.drain(..).for_each(|change| change.apply(&mut inode.synced));
            self.log_synced_at = if is_log { Some(at) } else { self.log_synced_at };
            self.syncs += 1;
        }
    }

    /// Syncs the journal.
    pub fn sync_folder(&mut self) {
        if !self.is_lying {
            self.journal.drain(..).for_each(|change| change.apply(&mut self.safe));
            self.syncs += 1;
            self.sweep();
        }
    }

    /// The power goes: what was not synced is forgotten, in part or wholly. Nobody may have a file open afterwards.
    pub fn cut(&mut self, draw: &mut Draw) -> Forgotten {
        let mut forgotten = Forgotten::default();
        let kept = below_or_at(draw, self.journal.len());
        forgotten.entries = self.journal.len() - kept;
        self.journal.drain(..).take(kept).for_each(|change| change.apply(&mut self.safe));
        self.entries = self.safe.clone();
        for inode in self.inodes.values_mut() {
            inode.handles = 0;
            let kept = below_or_at(draw, inode.changes.len());
            forgotten.changes += inode.changes.len() - kept;
            for (index, change) in std::mem::take(&mut inode.changes).into_iter().enumerate().take(kept + 1) {
                let survives = if index < kept { Some(change) } else { torn(change, draw) };
                survives.iter().for_each(|change| change.apply(&mut inode.synced));
            }
            inode.data.clone_from(&inode.synced);
        }
        self.sweep();
        forgotten
    }

    /// Lets go of what has no name any more, and cannot get one back.
    fn sweep(&mut self) {
        let named: BTreeSet<u64> = self
            .entries
            .values()
            .chain(self.safe.values())
            .copied()
            .chain(self.journal.iter().filter_map(Journalled::inode))
            .collect();
        self.inodes.retain(|number, inode| *number == ROOT || inode.handles > 0 || named.contains(number));
    }
}

fn below_or_at(draw: &mut Draw, count: usize) -> usize {
    draw.below(count as u64 + 1) as usize
}

/// The first sectors of a write.
fn torn(change: Change, draw: &mut Draw) -> Option<Change> {
    let Change::Write { at, mut bytes } = change else { return None };
    let (first, last) = (at / SECTOR_BYTES + 1, (at + bytes.len()) / SECTOR_BYTES);
    let whole = below_or_at(draw, (last + 1).saturating_sub(first));
    let end = if whole == 0 { at } else { (first + whole - 1) * SECTOR_BYTES };
    bytes.truncate(end - at);
    (!bytes.is_empty()).then_some(Change::Write { at, bytes })
}

#[test]
fn the_disk_forgets_what_was_not_synced_and_nothing_else() {
    let name = OsStr::new;
    let (mut lengths, mut names) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..300 {
        let (mut disk, mut draw) = (Disk::new(), Draw::of(seed));
        let kept = disk.make(ROOT, name("kept"), false, 0o600).unwrap();
        disk.write(kept, 0, &[1; 700]);
        disk.sync_file(kept);
        disk.sync_folder();
        disk.write(kept, 700, &[2; 1_000]);
        disk.write(kept, 1_700, &[3; 10]);
        let late = disk.make(ROOT, name("late"), false, 0o600).unwrap();
        disk.write(late, 0, &[4; 600]);
        disk.sync_file(late);
        disk.rename((ROOT, "late".into()), (ROOT, "later".into()));
        disk.remove(ROOT, name("kept"));
        disk.cut(&mut draw);
        let there: Vec<_> = disk.list(ROOT).into_iter().map(|(name, _)| name.into_string().unwrap()).collect();
        names.insert(there.join(" "));
        if let Some(number) = disk.find(ROOT, name("later")) {
            assert_eq!(disk.inode(number).unwrap().data, [4; 600], "synced before its name was");
        }
        let Some(number) = disk.find(ROOT, name("kept")) else { continue };
        let data = &disk.inode(number).unwrap().data;
        lengths.insert(data.len());
        let whole: Vec<u8> = [vec![1; 700], vec![2; 1_000], vec![3; 10]].concat();
        assert_eq!(*data, whole[..data.len()]);
    }
    // 1,024 and 1,536 are torn. In the journal's order: made, renamed, the other removed.
    assert_eq!(lengths, BTreeSet::from([700, 1_024, 1_536, 1_700, 1_710]));
    assert_eq!(names, BTreeSet::from(["kept", "kept late", "kept later", "later"].map(str::to_owned)));
}

#[test]
fn a_lying_disk_loses_what_it_said_was_synced() {
    let (mut disk, mut draw) = (Disk::new(), Draw::of(1));
    disk.is_lying = true;
    let mut was_lost = false;
    for round in 0..20 {
        let file = OsString::from(format!("{round}"));
        let number = disk.make(ROOT, &file, false, 0o600).unwrap();
        disk.sync_file(number);
        disk.sync_folder();
        disk.cut(&mut draw);
        was_lost |= disk.find(ROOT, &file).is_none();
    }
    assert!(was_lost && disk.syncs == 0);
}
