//! The memory that clients may take, all connections together.
//!
//! Three things take it: frames that have come in part, requests under way, and answers that are not read yet. Each of
//! the first and the last has a share of its own, so that clients who send half of a frame or read no answers cannot
//! keep the others from having requests under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers up to this size are not refused to a connection that has little unread: errors above all. Bytes.
pub(super) const SMALL_ANSWER_BYTES: usize = 16 << 10;
/// What is little unread; bytes.
const LITTLE_UNREAD_BYTES: usize = 64 << 10;

/// Bytes taken, by what takes them.
#[derive(Default)]
pub struct Budget {
    limit_bytes: usize,
    receiving: AtomicUsize,
    under_way: AtomicUsize,
    unread: AtomicUsize,
}

/// Adds if the sum stays within the limit.
fn try_add(used: &AtomicUsize, bytes: usize, limit_bytes: usize) -> bool {
    let before = used.fetch_add(bytes, Ordering::AcqRel);
    let fits = before.saturating_add(bytes) <= limit_bytes;
    if !fits {
        used.fetch_sub(bytes, Ordering::AcqRel);
    }
    fits
}

impl Budget {
    /// Of so many bytes.
    pub(super) fn new(limit_bytes: usize) -> Self {
        Budget { limit_bytes, ..Budget::default() }
    }

    /// All of it, in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Most bytes of frames that have come in part: a quarter.
    pub fn receiving_limit_bytes(&self) -> usize {
        self.limit_bytes / 4
    }

    /// Most bytes of answers that are not read yet: half.
    pub fn unread_limit_bytes(&self) -> usize {
        self.limit_bytes / 2
    }

    /// Most bytes of requests under way: what the other shares leave.
    pub fn under_way_limit_bytes(&self) -> usize {
        self.limit_bytes - self.receiving_limit_bytes() - self.unread_limit_bytes()
    }

    /// Bytes set aside for frames that have come in part.
    pub fn receiving_bytes(&self) -> usize {
        self.receiving.load(Ordering::Relaxed)
    }

    /// Bytes of requests under way.
    pub fn under_way_bytes(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Bytes of answers that are not read yet.
    pub fn unread_bytes(&self) -> usize {
        self.unread.load(Ordering::Relaxed)
    }

    /// Takes memory for a request under way.
    pub(super) fn try_begin(&self, bytes: usize) -> bool {
        try_add(&self.under_way, bytes, self.under_way_limit_bytes())
    }

    /// A request has ended.
    pub(super) fn end(&self, bytes: usize) {
        self.under_way.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Takes memory for an answer, of a connection that has `held_bytes` unread already.
    pub(super) fn try_answer(&self, held_bytes: usize, bytes: usize) -> bool {
        if bytes <= SMALL_ANSWER_BYTES && held_bytes <= LITTLE_UNREAD_BYTES {
            self.unread.fetch_add(bytes, Ordering::AcqRel);
            return true;
        }
        try_add(&self.unread, bytes, self.unread_limit_bytes())
    }

    /// Takes memory for an answer that cannot be left out.
    pub(super) fn answer(&self, bytes: usize) {
        self.unread.fetch_add(bytes, Ordering::AcqRel);
    }

    /// An answer is with the client's end of the connection, or dropped.
    pub(super) fn written(&self, bytes: usize) {
        self.unread.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Memory set aside for one connection's frame that has come in part; given back when dropped.
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Reservation { budget, bytes: 0 }
    }

    /// Makes it so many bytes; `false`, and as it was, if there are not so many left.
    pub(super) fn try_grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let granted = more == 0 || try_add(&self.budget.receiving, more, self.budget.receiving_limit_bytes());
        if granted {
            self.bytes += more;
        }
        granted
    }

    pub(super) fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.budget.receiving.fetch_sub(bytes, Ordering::AcqRel);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_given_back() {
        let budget = Arc::new(Budget::new(1 << 20));
        let (mut one, mut two) = (Reservation::new(budget.clone()), Reservation::new(budget.clone()));
        assert!(one.try_grow_to(200 << 10));
        assert!(one.try_grow_to(100 << 10), "it has more than that");
        assert!(!two.try_grow_to(100 << 10), "a quarter is 256 KiB");
        assert!(budget.try_begin(256 << 10), "others' halves of frames take nothing away");
        assert!(!budget.try_begin(1));
        drop(one);
        assert!(two.try_grow_to(256 << 10));
        two.release();
        budget.end(256 << 10);
        assert_eq!((budget.receiving_bytes(), budget.under_way_bytes()), (0, 0));
    }

    #[test]
    fn small_answers_are_never_refused_to_those_who_read() {
        let budget = Budget::new(1 << 20);
        assert!(budget.try_answer(0, 512 << 10));
        assert!(!budget.try_answer(0, 100 << 10));
        assert!(budget.try_answer(0, 100));
        assert!(!budget.try_answer(1 << 20, 100));
        budget.written((512 << 10) + 100);
        assert_eq!(budget.unread_bytes(), 0);
    }
}
