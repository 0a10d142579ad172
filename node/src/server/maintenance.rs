//! Upkeep of the store in the background: data of dropped and truncated tables leaves the disk, and deletions
//! older than `gc_grace_seconds` are purged, at a budget.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use starling_ring::Token;
use starling_storage::model::TableRef;
use starling_storage::store::{PurgeCommand, Store, StoreError};

use super::clock;
use crate::assembly::{Node, View};
use crate::cluster::LogPosition;

/// Between two looks at the schema.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Partitions visited by a purge between two pauses, and the pause: about 10,000 partitions a second at most.
const PARTITIONS_PER_STEP: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// The thread that does it; dropping it ends it.
pub struct Maintenance {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Maintenance {
    /// Starts it. `purge_interval_s`: seconds between two purges of all tables.
    pub fn start(node: Arc<Node>, store: Arc<Store>, purge_interval_s: u64) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let mut work = Work { node, store, stopped, purged_epoch_s: 0, known: LogPosition::ZERO, purge_interval_s };
        let thread = std::thread::Builder::new().name("maintenance".into()).spawn(move || work.run())?;
        Ok(Maintenance { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    node: Arc<Node>,
    store: Arc<Store>,
    stopped: mpsc::Receiver<()>,
    /// When the last purge began, in seconds of monotonic time; 0: not yet.
    purged_epoch_s: u64,
    /// Entry of the log whose tables have been compared with the disk's.
    known: LogPosition,
    purge_interval_s: u64,
}

impl Work {
    fn run(&mut self) {
        while !self.is_stopped(LOOK_INTERVAL) {
            let Some(view) = self.node.view() else { continue };
            self.drop_gone_tables(&view);
            let now_s = clock::monotonic_us() / 1_000_000;
            if now_s >= self.purged_epoch_s + self.purge_interval_s {
                self.purged_epoch_s = now_s;
                self.purge_all(&view);
            }
        }
    }

    /// Waits; whether it is time to end.
    fn is_stopped(&self, wait: Duration) -> bool {
        !matches!(self.stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }

    /// Removes the data of tables that are gone, or whose incarnation is.
    fn drop_gone_tables(&mut self, view: &View) {
        if view.metadata.position == self.known {
            return;
        }
        // The store knows the tables of this epoch: it is told before the view is there to be seen.
        match self.store.drop_gone_tables() {
            Ok(_) => self.known = view.metadata.position,
            Err(error) => tracing::warn!("data of dropped tables cannot be removed: {error}"),
        }
    }

    fn purge_all(&mut self, view: &View) {
        for table in view.user_tables() {
            match self.purge(table.table) {
                Ok(keys) if keys > 0 => tracing::debug!(table = %table.name, keys, "purged"),
                Ok(_) | Err(StoreError::Refused(_)) => {}
                Err(error) => tracing::warn!(table = %table.name, "purge failed: {error}"),
            }
        }
    }

    /// Purges a table. It may take hours: `gc_grace_seconds` is looked up at each step, and what is dropped meanwhile
    /// does not wait.
    fn purge(&mut self, table: TableRef) -> Result<usize, StoreError> {
        let mut command = PurgeCommand {
            table,
            gc_grace_s: u32::MAX,
            now_s: clock::wall_us() / 1_000_000,
            start: Token::MIN,
            end: Token::MAX,
            resume: None,
            partitions_max: PARTITIONS_PER_STEP,
        };
        let mut keys = 0;
        loop {
            let Some(view) = self.node.view() else { return Ok(keys) };
            self.drop_gone_tables(&view);
            let Some(known) = view.table(table.id) else { return Ok(keys) };
            command.gc_grace_s = known.options.gc_grace_s;
            let progress = self.store.purge(&command)?;
            keys += progress.keys;
            if progress.damaged > 0 {
                tracing::error!(partitions = progress.damaged, "stored values do not decode; not purged");
            }
            if progress.resume.is_none() || self.is_stopped(PAUSE) {
                return Ok(keys);
            }
            command.resume = progress.resume;
        }
    }
}
