//! Operations that met replicas which know of newer owners of the data: they wait until the log is here, then begin
//! anew with the replicas as they are now, within their time.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use starling_ring::HostId;
use starling_storage::model::Mutation;

use super::Node;
use super::reading::ReadRun;
use super::shard::Operation;
use super::turn::Turn;
use super::writing::WriteRun;
use crate::cluster::LogPosition;
use crate::coordinate::WriteCoordination;

/// Operations that may wait so. Each was under way before; beyond it they end as if no replica had answered.
pub(super) const PARKED_MAX: usize = 16_384;

/// What waits.
#[derive(Default)]
pub(super) struct Parked {
    waiting: Mutex<Vec<(LogPosition, Operation)>>,
    /// Operations that were begun anew, for the metrics page.
    pub begun_anew: AtomicUsize,
}

impl Node {
    /// Keeps an operation until this node has the log up to `position`.
    pub(super) fn park(&self, from: HostId, position: LogPosition, operation: Operation) {
        self.with_cluster(|cluster, now_ms| cluster.fetch_if_newer(now_ms, from, position));
        let mut waiting = self.parked.waiting.lock();
        if waiting.len() < PARKED_MAX {
            waiting.push((position, operation));
            return;
        }
        drop(waiting);
        self.give_up(operation);
    }

    /// Begins those anew that need not wait any more, and ends those whose time is up.
    pub(super) fn resume_parked(&self) {
        let now_ms = self.now().us / 1_000;
        let position = self.view().map_or(LogPosition::ZERO, |view| view.metadata.position);
        let mut waiting = self.parked.waiting.lock();
        let due: Vec<(LogPosition, Operation)> = waiting
            .extract_if(.., |(wanted, operation)| *wanted <= position || operation.deadline_ms() <= now_ms)
            .collect();
        drop(waiting);
        for (_, operation) in due {
            if operation.deadline_ms() <= now_ms {
                self.give_up(operation);
                continue;
            }
            self.parked.begun_anew.fetch_add(1, Ordering::Relaxed);
            match operation {
                Operation::Write(write, run) => self.write_anew(write, run),
                Operation::Read(_, run) => self.read_anew(run),
            }
        }
    }

    /// Operations that were begun anew, because the owners of their data had changed.
    pub fn begun_anew(&self) -> usize {
        self.parked.begun_anew.load(Ordering::Relaxed)
    }

    /// Operations that wait for the log.
    pub fn parked_count(&self) -> usize {
        self.parked.waiting.lock().len()
    }

    fn give_up(&self, operation: Operation) {
        match operation {
            Operation::Write(write, run) => self.finish_write(run, Err(write.timed_out())),
            Operation::Read(read, run) => {
                let mut turn = Turn::default();
                self.on_command_read(run, Err(read.timed_out()), &mut turn);
                self.finish(turn);
            }
        }
    }

    fn write_anew(&self, write: WriteCoordination, run: WriteRun) {
        let unknown = write.timed_out();
        let Some(view) = self.view() else { return self.finish_write(run, Err(unknown)) };
        let (legs, kind, deadline_ms) = write.into_legs();
        let mut anew = Vec::new();
        for leg in legs {
            let level = leg.requirement.level();
            let Ok(mutation) = Mutation::decode(&leg.encoded) else { return self.finish_write(run, Err(unknown)) };
            // A table that is gone meanwhile: nobody will see what was written to it.
            let Some(table) = view.table(mutation.table.id) else { return self.finish_write(run, Err(unknown)) };
            match self.write_leg(&view, crate::plan::TableMutation { table: table.clone(), mutation }, level) {
                Ok(leg) => anew.push(leg),
                Err(_) => return self.finish_write(run, Err(unknown)),
            }
        }
        let now_ms = self.now().us / 1_000;
        let local_datacenter = view.topology().datacenter_of(view.local_index).unwrap_or(u16::MAX);
        let mut orders = Vec::new();
        let started =
            WriteCoordination::start(anew, kind, self.local, local_datacenter, now_ms, deadline_ms, &mut orders);
        match started {
            Ok(write) => {
                if let Err(Operation::Write(_, run)) = self.start_operation(Operation::Write(write, run), orders) {
                    self.finish_write(run, Err(unknown));
                }
            }
            // Replicas may have applied it the first time: Unavailable would promise that none has.
            Err(_) => self.finish_write(run, Err(unknown)),
        }
    }

    fn read_anew(&self, mut run: Box<ReadRun>) {
        let mut turn = Turn::default();
        let renewed = self.view().map(|view| self.renew(&mut run, view));
        match renewed {
            Some(Err(error)) => self.on_command_read(run, Err(error), &mut turn),
            _ => self.next_read(run, &mut turn),
        }
        self.finish(turn);
    }
}
