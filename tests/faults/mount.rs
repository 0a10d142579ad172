//! The forgetful disk as a file system that processes use, by FUSE.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::draw::Draw;
use crate::forgetful::{Disk, Forgotten, ROOT};

/// The kernel keeps no name and no length of its own: after a cut they are others.
const NOT_KEPT: Duration = Duration::ZERO;
const BLOCK_BYTES: u32 = 4096;
/// Free space that is told.
const BLOCKS_FREE: u64 = (8 << 30) / BLOCK_BYTES as u64;

/// A disk that is mounted, until it is dropped.
pub struct Mounted {
    disk: Arc<Mutex<Disk>>,
    _session: BackgroundSession,
}

impl Mounted {
    /// Mounts an empty disk on a folder, which is made.
    pub fn on(folder: &Path) -> Mounted {
        std::fs::create_dir_all(folder).unwrap();
        let disk = Arc::new(Mutex::new(Disk::new()));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("forgetful".to_owned())];
        let files = Files { disk: disk.clone(), listings: Mutex::default() };
        Mounted { disk, _session: fuser::spawn_mount(files, folder, &config).unwrap() }
    }

    /// The disk.
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }

    /// Forgets what was not synced. The processes that used it are dead.
    pub fn cut(&self, draw: &mut Draw) -> Forgotten {
        self.disk().cut(draw)
    }
}

/// A folder as it was when it was opened.
type Listing = Vec<(OsString, u64, FileType)>;

struct Files {
    disk: Arc<Mutex<Disk>>,
    listings: Mutex<BTreeMap<u64, Listing>>,
}

impl Files {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }
}

fn attributes(disk: &Disk, number: u64) -> Result<FileAttr, Errno> {
    let inode = disk.inode(number).ok_or(Errno::ENOENT)?;
    let size = inode.data.len() as u64;
    Ok(FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: inode.modified,
        mtime: inode.modified,
        ctime: inode.modified,
        crtime: inode.modified,
        kind: kind(inode.is_folder),
        perm: (inode.mode & 0o7777) as u16,
        nlink: if inode.is_folder { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    })
}

fn kind(is_folder: bool) -> FileType {
    if is_folder { FileType::Directory } else { FileType::RegularFile }
}

fn answer(reply: ReplyEntry, found: Result<FileAttr, Errno>) {
    match found {
        Ok(attributes) => reply.entry(&NOT_KEPT, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Files {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let disk = self.disk();
        let number = disk.find(parent.0, name).ok_or(Errno::ENOENT);
        answer(reply, number.and_then(|number| attributes(&disk, number)));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes(&self.disk(), ino.0) {
            Ok(attributes) => reply.attr(&NOT_KEPT, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut disk = self.disk();
        if let Some(length) = size {
            disk.set_length(ino.0, length as usize);
        }
        if let Some(mode) = mode {
            disk.set_mode(ino.0, mode);
        }
        match attributes(&disk, ino.0) {
            Ok(attributes) => reply.attr(&NOT_KEPT, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let mut disk = self.disk();
        let made = disk.make(parent.0, name, true, mode & !umask).ok_or(Errno::EEXIST);
        answer(reply, made.and_then(|number| attributes(&disk, number)));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut disk = self.disk();
        if disk.find(parent.0, name).is_none() {
            return reply.error(Errno::ENOENT);
        }
        disk.remove(parent.0, name);
        reply.ok();
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut disk = self.disk();
        match disk.find(parent.0, name) {
            None => reply.error(Errno::ENOENT),
            Some(number) if !disk.list(number).is_empty() => reply.error(Errno::ENOTEMPTY),
            Some(_) => {
                disk.remove(parent.0, name);
                reply.ok();
            }
        }
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let mut disk = self.disk();
        if disk.find(parent.0, name).is_none() {
            return reply.error(Errno::ENOENT);
        }
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        disk.rename((parent.0, name.to_owned()), (newparent.0, newname.to_owned()));
        reply.ok();
    }

    fn open(&self, _: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        self.disk().open(ino.0);
        reply.opened(FileHandle(0), FopenFlags::empty());
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut disk = self.disk();
        let made = disk.make(parent.0, name, false, mode & !umask).ok_or(Errno::EEXIST);
        match made.and_then(|number| Ok((number, attributes(&disk, number)?))) {
            Ok((number, attributes)) => {
                disk.open(number);
                reply.created(&NOT_KEPT, &attributes, Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let disk = self.disk();
        let Some(inode) = disk.inode(ino.0) else { return reply.error(Errno::ENOENT) };
        let from = (offset as usize).min(inode.data.len());
        let to = (from + size as usize).min(inode.data.len());
        reply.data(&inode.data[from..to]);
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.disk().write(ino.0, offset as usize, data) {
            true => reply.written(data.len() as u32),
            false => reply.error(Errno::ENOENT),
        }
    }

    fn flush(&self, _: &Request, _ino: INodeNo, _fh: FileHandle, _lock_owner: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.disk().close(ino.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.disk().sync_file(ino.0);
        reply.ok();
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let disk = self.disk();
        let mut listing: Listing = [".", ".."].map(|name| (OsString::from(name), ROOT, FileType::Directory)).to_vec();
        for (name, number) in disk.list(ino.0) {
            let is_folder = disk.inode(number).is_some_and(|inode| inode.is_folder);
            listing.push((name, number, kind(is_folder)));
        }
        let mut listings = self.listings.lock().unwrap();
        let handle = listings.last_key_value().map_or(1, |(last, _)| last + 1);
        listings.insert(handle, listing);
        reply.opened(FileHandle(handle), FopenFlags::empty());
    }

    fn readdir(&self, _: &Request, _ino: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listings = self.listings.lock().unwrap();
        let Some(listing) = listings.get(&fh.0) else { return reply.error(Errno::EBADF) };
        for (at, (name, number, kind)) in listing.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(*number), at as u64 + 1, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _ino: INodeNo, fh: FileHandle, _flags: OpenFlags, reply: ReplyEmpty) {
        self.listings.lock().unwrap().remove(&fh.0);
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.disk().sync_folder();
        reply.ok();
    }

    fn statfs(&self, _: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let blocks = 2 * BLOCKS_FREE;
        reply.statfs(blocks, BLOCKS_FREE, BLOCKS_FREE, 1 << 20, 1 << 20, BLOCK_BYTES, 255, BLOCK_BYTES);
    }
}
