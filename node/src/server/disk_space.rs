//! Free space on the disk of the data: below a bound clients' writes are refused, so that the epoch log, flushes and
//! compactions still find room, and reads go on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Less space than so many times the bound is near it. A look costs a microsecond.
const NEAR_TIMES: u64 = 4;

/// What is known of the disk.
pub struct DiskSpace {
    folder: PathBuf,
    min_free_bytes: u64,
    free_bytes: AtomicU64,
    is_low: AtomicBool,
    refused: AtomicU64,
}

impl DiskSpace {
    /// Looks at the disk for the first time. `min_free_bytes`: 0 refuses nothing.
    pub fn new(folder: PathBuf, min_free_bytes: u64) -> Self {
        let (free_bytes, is_low, refused) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
        let disk = DiskSpace { folder, min_free_bytes, free_bytes, is_low, refused };
        disk.look();
        disk
    }

    /// Looks at the disk. One that does not tell is taken to have space: the write itself will tell.
    pub fn look(&self) {
        match rustix::fs::statvfs(&self.folder) {
            Ok(disk) => self.note(disk.f_bavail.saturating_mul(disk.f_frsize)),
            Err(error) => {
                tracing::debug!("free space of {}: {error}", self.folder.display());
                self.note(u64::MAX);
            }
        }
    }

    fn note(&self, free_bytes: u64) {
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
        let is_low = free_bytes < self.min_free_bytes;
        if self.is_low.swap(is_low, Ordering::Relaxed) == is_low {
            return;
        }
        let (folder, min_free_bytes) = (self.folder.display(), self.min_free_bytes);
        if is_low {
            tracing::error!(%folder, free_bytes, min_free_bytes, "the disk is nearly full: writes are refused");
        } else {
            tracing::info!(%folder, free_bytes, "there is space on the disk again: writes are taken");
        }
    }

    /// Whether a write may be taken; one that may not is counted. Near the bound each write looks for itself: a fast disk
    /// could be filled between two looks.
    pub fn takes_writes(&self) -> bool {
        let is_near = self.free_bytes() < self.min_free_bytes.saturating_mul(NEAR_TIMES);
        if is_near && !self.is_low() {
            self.look();
        }
        let is_low = self.is_low.load(Ordering::Relaxed);
        if is_low {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        !is_low
    }

    /// Bytes free for this user when it was last looked at; `u64::MAX` if the disk did not tell.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Whether writes are refused.
    pub fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed)
    }

    /// Writes refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_refused_while_there_is_little_space() {
        let disk = DiskSpace::new(std::env::temp_dir(), 100);
        assert!(disk.free_bytes() > 0, "the disk has told");
        disk.note(99);
        assert!(!disk.takes_writes() && disk.is_low());
        disk.note(100);
        assert!(disk.takes_writes() && !disk.is_low());
        assert_eq!(disk.refused(), 1);
    }

    #[test]
    fn near_the_bound_a_write_looks_for_itself() {
        let disk = DiskSpace::new(std::env::temp_dir(), 100);
        disk.note(399);
        assert!(disk.takes_writes());
        assert!(disk.free_bytes() != 399, "it has looked");
        disk.note(400);
        assert!(disk.takes_writes());
        assert_eq!(disk.free_bytes(), 400, "far away it has not");
    }

    #[test]
    fn a_disk_that_does_not_tell_takes_writes() {
        let disk = DiskSpace::new("/nonexistent/folder".into(), u64::MAX);
        assert!(disk.takes_writes());
    }
}
