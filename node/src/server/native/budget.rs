//! The memory that clients may take, all connections together.
//!
//! Three things take it, each with a share of its own: frames that have come in part, requests under way, and answers
//! that are not read yet. What one connection may hold of a share is twice what is still free of it: alone it may have
//! two thirds, and however many take what they can, something is left for the next. So clients who send half of a frame or
//! read no answers lock nobody out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers up to this size are not refused to a connection that has little unread: errors above all. Bytes.
pub(super) const SMALL_ANSWER_BYTES: usize = 16 << 10;
/// What is little unread; bytes. More spares slow clients from OVERLOADED; all of them may have it beyond the share.
const LITTLE_UNREAD_BYTES: usize = 64 << 10;

/// One kind of use.
#[derive(Default)]
struct Share {
    limit_bytes: usize,
    used: AtomicUsize,
}

impl Share {
    fn new(limit_bytes: usize) -> Self {
        Share { limit_bytes, used: AtomicUsize::new(0) }
    }

    /// Takes more for a connection that holds so much, if it then holds no more than twice what is left.
    fn try_take(&self, held_bytes: usize, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::AcqRel);
        let holds = held_bytes.saturating_add(bytes);
        let fits = before.saturating_add(bytes).saturating_add(holds.div_ceil(2)) <= self.limit_bytes;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }

    fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }
}

/// Bytes taken, by what takes them.
#[derive(Default)]
pub struct Budget {
    limit_bytes: usize,
    receiving: Share,
    under_way: Share,
    unread: Share,
}

impl Budget {
    /// Of so many bytes: 3/8 for frames that have come in part, 5/16 each for requests under way and unread answers.
    pub(super) fn new(limit_bytes: usize) -> Self {
        let part = limit_bytes / 16;
        Budget {
            limit_bytes,
            receiving: Share::new(6 * part),
            under_way: Share::new(5 * part),
            unread: Share::new(5 * part),
        }
    }

    /// All of it, in bytes.
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Most bytes of frames that have come in part.
    pub fn receiving_limit_bytes(&self) -> usize {
        self.receiving.limit_bytes
    }

    /// Most bytes of answers that are not read yet.
    pub fn unread_limit_bytes(&self) -> usize {
        self.unread.limit_bytes
    }

    /// Most bytes of requests under way.
    pub fn under_way_limit_bytes(&self) -> usize {
        self.under_way.limit_bytes
    }

    /// Bytes set aside for frames that have come in part.
    pub fn receiving_bytes(&self) -> usize {
        self.receiving.used_bytes()
    }

    /// Bytes of requests under way.
    pub fn under_way_bytes(&self) -> usize {
        self.under_way.used_bytes()
    }

    /// Bytes of answers that are not read yet.
    pub fn unread_bytes(&self) -> usize {
        self.unread.used_bytes()
    }

    /// Takes memory for a request, of a connection that has `held_bytes` of them under way.
    pub(super) fn try_begin(&self, held_bytes: usize, bytes: usize) -> bool {
        self.under_way.try_take(held_bytes, bytes)
    }

    /// A request has ended.
    pub(super) fn end(&self, bytes: usize) {
        self.under_way.give_back(bytes);
    }

    /// Whether a connection that holds so many bytes of answers, unread and to come, may ask for more.
    pub(super) fn has_room_for_answers(&self, held_bytes: usize) -> bool {
        self.unread.used_bytes().saturating_add(held_bytes) < self.unread.limit_bytes
    }

    /// Takes memory for an answer, of a connection that has `held_bytes` unread already.
    pub(super) fn try_answer(&self, held_bytes: usize, bytes: usize) -> bool {
        if bytes <= SMALL_ANSWER_BYTES && has_little_unread(held_bytes) {
            self.unread.take(bytes);
            return true;
        }
        self.unread.try_take(held_bytes, bytes)
    }

    /// Takes memory for an answer that cannot be left out.
    pub(super) fn answer(&self, bytes: usize) {
        self.unread.take(bytes);
    }

    /// An answer is with the client's end of the connection, or dropped.
    pub(super) fn written(&self, bytes: usize) {
        self.unread.give_back(bytes);
    }
}

/// Whether a connection reads its answers, or has just begun not to.
pub(super) fn has_little_unread(held_bytes: usize) -> bool {
    held_bytes <= LITTLE_UNREAD_BYTES
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

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes it so many bytes; `false`, and as it was, if there are not so many left.
    pub(super) fn try_grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let granted = more == 0 || self.budget.receiving.try_take(self.bytes, more);
        if granted {
            self.bytes += more;
        }
        granted
    }

    pub(super) fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.budget.receiving.give_back(bytes);
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

    /// 384 KiB for halves of frames, 320 KiB each for the others.
    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(1 << 20))
    }

    #[test]
    fn shares_are_kept_and_given_back() {
        let budget = budget();
        let (mut one, mut two) = (Reservation::new(budget.clone()), Reservation::new(budget.clone()));
        assert!(!one.try_grow_to(257 << 10), "two thirds of the share are the most for one");
        assert!(one.try_grow_to(256 << 10));
        assert!(one.try_grow_to(100 << 10), "it has more than that");
        assert!(!two.try_grow_to(96 << 10));
        assert!(two.try_grow_to(80 << 10));
        assert!(budget.try_begin(0, 213 << 10), "others' halves of frames take nothing away");
        assert!(!budget.try_begin(213 << 10, 1 << 10), "it has twice what is left");
        drop(one);
        assert!(two.try_grow_to(192 << 10));
        two.release();
        budget.end(213 << 10);
        assert_eq!((budget.receiving_bytes(), budget.under_way_bytes()), (0, 0));
    }

    #[test]
    fn something_is_left_however_many_take_what_they_can() {
        let budget = budget();
        let mut greedy: Vec<Reservation> = (0..400).map(|_| Reservation::new(budget.clone())).collect();
        for size_bytes in (0..18).rev().map(|bits| 1_usize << bits) {
            for one in &mut greedy {
                let more = one.bytes + size_bytes;
                one.try_grow_to(more);
            }
        }
        let left = budget.receiving_limit_bytes() - budget.receiving_bytes();
        assert!(left > 0);
        assert!(Reservation::new(budget.clone()).try_grow_to(left / 2), "the next one gets its part");
    }

    #[test]
    fn small_answers_are_never_refused_to_those_who_read() {
        let budget = budget();
        assert!(budget.try_answer(0, 160 << 10));
        assert!(!budget.try_answer(0, 110 << 10));
        assert!(budget.has_room_for_answers(0));
        assert!(!budget.has_room_for_answers(160 << 10));
        assert!(budget.try_answer(0, 100));
        assert!(!budget.try_answer(1 << 20, 100));
        budget.written((160 << 10) + 100);
        assert_eq!(budget.unread_bytes(), 0);
    }
}
