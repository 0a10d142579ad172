//! The queue of scans and long reads, and the threads that work it off.

use std::fmt;
use std::sync::atomic::Ordering;

use super::page::Page;
use crate::assembly::{Depth, Node};
use crate::server::read_pool::{ReadPool, WAITING_MAX};

pub(super) fn write(page: &mut Page<'_>, node: &Node, pool: &ReadPool) -> fmt::Result {
    let pool = pool.read();
    let waiting = Depth { now: pool.waiting as u64, limit: WAITING_MAX as u64 };
    page.bounded("read_queue", "Parts of scans and long reads that wait for a thread.", waiting)?;
    let threads = Depth { now: pool.running as u64, limit: pool.threads as u64 };
    page.bounded("read_threads_busy", "Threads that carry out a part of a scan or long read.", threads)?;
    page.counter("read_queue_done", "Parts of scans and long reads that have had their turn.", pool.done)?;
    page.counter("read_queue_refused", "Parts of scans and long reads refused because too many waited.", pool.refused)?;
    let late = node.figures.late_reads.load(Ordering::Relaxed);
    page.counter("read_queue_late", "Parts of scans and long reads dropped: they had timed out as they waited.", late)
}
