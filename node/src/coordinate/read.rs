//! One read command at a consistency level: data from the nearest replica, digests from others, another
//! replica when one is slow; on a mismatch all data, reconciled, and the repair acknowledged before the answer, by
//! another replica when one is slow to.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_cql_lite::protocol::error::{CqlError, FailedReplica};
use starling_planted::{Bug, is_planted};
use starling_repair::reconcile::reconcile;
use starling_ring::requirement::Scope;
use starling_ring::{HostId, Requirement, Tally};
use starling_storage::canonical::digest;
use starling_storage::model::{Mutation, Partition, ReadCommand, ReadResult, ReadTarget};

use super::latency::Latencies;
use super::replicas::{ReadPlan, Replica};
use super::{Answer, BEHIND_RETRY_MS, Order, Outcome, Work, errors};
use crate::message::{Fence, ReplicaFailure};

/// Legs of a read: the first round, the round that asks all for data, then one leg per repaired partition.
const LEG_FIRST: u32 = 0;
const LEG_DATA: u32 = 1;
const LEG_REPAIR: u32 = 2;

#[derive(Debug)]
enum Reply {
    Data(ReadResult),
    Digest(u128),
}

#[derive(Debug)]
enum Standing {
    Asked { since_us: u64 },
    Behind { again_ms: u64 },
    Replied(Reply),
    Failed,
}

struct Contact {
    replica: Replica,
    standing: Standing,
    digest_only: bool,
}

enum Stage {
    First,
    Data,
    Repair {
        merged: ReadResult,
        lagging: Vec<Lagging>,
        /// By leg.
        repairs: Vec<Repair>,
    },
}

/// A replica that lacks something of the merged answer, or a spare that is sent what others have not acknowledged.
struct Lagging {
    replica: Replica,
    /// Partitions that it has not acknowledged yet; `None`: it has refused one.
    left: Option<usize>,
    is_spare: bool,
}

/// What a replica is sent of one partition.
struct Repair {
    /// Its place in `lagging`.
    place: usize,
    partition: Partition,
    standing: Repaired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repaired {
    Open,
    Acknowledged,
    Refused,
}

/// A read under way.
pub struct ReadCoordination {
    command: Arc<ReadCommand>,
    fence: Fence,
    /// What a replica lacks is written to it (the table's `read_repair`).
    repairs: bool,
    requirement: Requirement,
    contacts: Vec<Contact>,
    spares: Vec<Replica>,
    tally: Tally,
    /// The replicas that the tally counts as failed.
    failures: Vec<FailedReplica>,
    stage: Stage,
    speculate_ms: Option<u64>,
    /// How long each replica asked is waited for before a spare is.
    patience_ms: u64,
    deadline_ms: u64,
    /// Replicas asked in addition because one was slow.
    pub speculated: u32,
    /// Whether replicas disagreed.
    pub mismatched: bool,
}

/// Present time in the units that a read needs.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// Monotonic microseconds.
    pub us: u64,
}

impl Instant {
    fn ms(self) -> u64 {
        self.us / 1_000
    }
}

impl ReadCoordination {
    /// Says whom to ask at first. A contact that is silent for `patience_ms` makes a spare be asked.
    pub fn start(
        command: Arc<ReadCommand>,
        plan: ReadPlan,
        requirement: Requirement,
        now: Instant,
        deadline_ms: u64,
        patience_ms: u64,
        orders: &mut Vec<Order>,
    ) -> Self {
        let single = matches!(command.target, ReadTarget::Partition { .. });
        let mut read = ReadCoordination {
            tally: Tally::new(requirement.clone()),
            failures: Vec::new(),
            requirement,
            contacts: Vec::with_capacity(plan.contacts.len()),
            speculate_ms: (!plan.spares.is_empty()).then(|| now.ms() + patience_ms),
            patience_ms,
            spares: plan.spares,
            fence: plan.fence,
            repairs: plan.repairs,
            stage: Stage::First,
            deadline_ms,
            command,
            speculated: 0,
            mismatched: false,
        };
        for (place, replica) in plan.contacts.into_iter().enumerate() {
            // A scan's answers nearly always differ somewhere in their edges: data from all at once.
            read.ask(now, replica, single && place > 0, orders);
        }
        read
    }

    fn ask(&mut self, now: Instant, replica: Replica, digest_only: bool, orders: &mut Vec<Order>) {
        self.tally.contacted(replica.datacenter);
        let standing = Standing::Asked { since_us: now.us };
        self.contacts.push(Contact { replica, standing, digest_only });
        orders.push(self.order(replica.host, digest_only));
    }

    fn order(&self, to: HostId, digest_only: bool) -> Order {
        let leg = if matches!(self.stage, Stage::First) { LEG_FIRST } else { LEG_DATA };
        Order { to, leg, fence: self.fence, work: Work::Read { command: self.command.clone(), digest_only } }
    }

    /// A replica answered. `Some`: the read has ended.
    pub fn on_answer(
        &mut self,
        now: Instant,
        leg: u32,
        from: HostId,
        answer: Answer,
        latencies: &mut Latencies,
        orders: &mut Vec<Order>,
    ) -> Option<Outcome<ReadResult>> {
        match (&self.stage, leg) {
            (Stage::First, LEG_FIRST) | (Stage::Data, LEG_DATA) => {
                self.on_reply(now, from, answer, latencies, orders)?;
                self.advance(now, orders)
            }
            (Stage::Repair { .. }, leg) => self.on_repaired(leg, from, &answer),
            _ => None,
        }
    }

    /// Notes a reply; `None` if it is not one that is waited for.
    fn on_reply(
        &mut self,
        now: Instant,
        from: HostId,
        answer: Answer,
        latencies: &mut Latencies,
        orders: &mut Vec<Order>,
    ) -> Option<()> {
        let contact = self.contacts.iter_mut().find(|c| c.replica.host == from)?;
        let Standing::Asked { since_us } = contact.standing else {
            return None;
        };
        let replica = contact.replica;
        let reason = if let Answer::Failed(reason) = &answer { Some(*reason) } else { None };
        contact.standing = match answer {
            Answer::Data(result) if !contact.digest_only => Standing::Replied(Reply::Data(result)),
            Answer::Digest(digest) if contact.digest_only => Standing::Replied(Reply::Digest(digest)),
            Answer::Failed(ReplicaFailure::Behind) => Standing::Behind { again_ms: now.ms() + BEHIND_RETRY_MS },
            _ => Standing::Failed,
        };
        match contact.standing {
            Standing::Replied(_) => {
                latencies.record(from, now.us.saturating_sub(since_us));
                self.tally.succeeded(replica.datacenter);
            }
            Standing::Failed => {
                errors::note_failure(&mut self.tally, &mut self.failures, &replica, reason);
                self.turn_to_spare(now, |spare| spare == replica.datacenter, orders);
            }
            Standing::Asked { .. } | Standing::Behind { .. } => {}
        }
        Some(())
    }

    /// Asks a spare in place of a replica that is slow or has failed. `helps` says where, if each datacentre
    /// needs answers of its own.
    fn turn_to_spare(&mut self, now: Instant, helps: impl Fn(u16) -> bool, orders: &mut Vec<Order>) -> bool {
        let anywhere = !matches!(self.requirement.scope(), Scope::Each(_));
        let Some(place) = self.spares.iter().position(|spare| anywhere || helps(spare.datacenter)) else {
            return false;
        };
        let replica = self.spares.remove(place);
        self.ask(now, replica, false, orders);
        true
    }

    /// A replica has not answered for long: asks a spare too, and again later while there are more.
    fn speculate(&mut self, now: Instant, orders: &mut Vec<Order>) {
        if matches!(self.stage, Stage::Repair { .. }) {
            self.speculated += u32::from(self.repair_a_spare(orders));
            self.speculate_ms = self.speculate_next_ms(now);
            return;
        }
        let is_open = |c: &&Contact| matches!(c.standing, Standing::Asked { .. } | Standing::Behind { .. });
        let slow: Vec<u16> = self.contacts.iter().filter(is_open).map(|c| c.replica.datacenter).collect();
        if self.turn_to_spare(now, |spare| slow.contains(&spare), orders) {
            self.speculated += 1;
        }
        self.speculate_ms = self.speculate_next_ms(now);
    }

    fn speculate_next_ms(&self, now: Instant) -> Option<u64> {
        (!self.spares.is_empty()).then(|| now.ms() + self.patience_ms)
    }

    /// A replica has not acknowledged its repair for long: sends a spare what nobody has acknowledged yet. The spare
    /// counts in its place: whatever else is in the merged answer, all that have answered the read hold.
    fn repair_a_spare(&mut self, orders: &mut Vec<Order>) -> bool {
        let Stage::Repair { lagging, repairs, .. } = &mut self.stage else {
            return false;
        };
        let is_open = |one: &&Lagging| one.left.is_some_and(|left| left > 0);
        let slow: Vec<u16> = lagging.iter().filter(is_open).map(|one| one.replica.datacenter).collect();
        let anywhere = !matches!(self.requirement.scope(), Scope::Each(_));
        let Some(spare) = self.spares.iter().position(|spare| anywhere || slow.contains(&spare.datacenter)) else {
            return false;
        };
        let is_lacking = |repair: &&Repair| {
            repair.standing != Repaired::Acknowledged && lagging.get(repair.place).is_some_and(|one| !one.is_spare)
        };
        let partitions: Vec<Partition> = repairs.iter().filter(is_lacking).map(|one| one.partition.clone()).collect();
        let replica = self.spares.remove(spare);
        self.tally.contacted(replica.datacenter);
        let place = lagging.len();
        lagging.push(Lagging { replica, left: Some(partitions.len()), is_spare: true });
        for partition in partitions {
            let leg = LEG_REPAIR + repairs.len() as u32;
            orders.push(repair_order(&self.command, self.fence, replica.host, leg, &partition));
            repairs.push(Repair { place, partition, standing: Repaired::Open });
        }
        true
    }

    fn advance(&mut self, now: Instant, orders: &mut Vec<Order>) -> Option<Outcome<ReadResult>> {
        let has_data = self.contacts.iter().any(|c| matches!(c.standing, Standing::Replied(Reply::Data(_))));
        if !self.tally.is_met() || !has_data {
            let hopeless = !self.tally.can_still_be_met() || !self.may_get_data();
            return hopeless.then(|| Err(errors::read_failure(&self.tally, &self.failures, has_data)));
        }
        if matches!(self.stage, Stage::First) {
            if let Some(result) = self.agreed() {
                return Some(Ok(result));
            }
            if self.contacts.iter().any(|c| matches!(c.standing, Standing::Replied(Reply::Digest(_)))) {
                self.ask_all_for_data(now, orders);
                return None;
            }
        }
        self.reconcile(now, orders)
    }

    fn may_get_data(&self) -> bool {
        let open = |c: &Contact| match &c.standing {
            Standing::Asked { .. } | Standing::Behind { .. } => !c.digest_only,
            Standing::Replied(Reply::Data(_)) => true,
            Standing::Replied(Reply::Digest(_)) | Standing::Failed => false,
        };
        !self.spares.is_empty() || self.contacts.iter().any(open)
    }

    /// The answer, if all that replied say the same.
    fn agreed(&mut self) -> Option<ReadResult> {
        let mut data = self.contacts.iter().enumerate().filter_map(|(i, c)| match &c.standing {
            Standing::Replied(Reply::Data(result)) => Some((i, result)),
            _ => None,
        });
        let (place, first) = data.next()?;
        let others = self.contacts.iter().filter(|c| matches!(c.standing, Standing::Replied(_))).count() - 1;
        if others > 0 {
            let own = digest(first);
            let same = |c: &Contact| match &c.standing {
                Standing::Replied(Reply::Data(result)) => digest(result) == own,
                Standing::Replied(Reply::Digest(theirs)) => *theirs == own,
                _ => true,
            };
            if !self.contacts.iter().all(same) && !is_planted(Bug::IgnoreDigests) {
                return None;
            }
        }
        match std::mem::replace(&mut self.contacts[place].standing, Standing::Failed) {
            Standing::Replied(Reply::Data(result)) => Some(result),
            _ => None,
        }
    }

    /// Asks those that sent digests for their data; what has arrived as data counts on.
    fn ask_all_for_data(&mut self, now: Instant, orders: &mut Vec<Order>) {
        self.mismatched = true;
        self.stage = Stage::Data;
        self.tally = Tally::new(self.requirement.clone());
        self.failures.clear();
        let mut ask = Vec::new();
        for contact in &mut self.contacts {
            match contact.standing {
                Standing::Replied(Reply::Data(_)) => {
                    self.tally.contacted(contact.replica.datacenter);
                    self.tally.succeeded(contact.replica.datacenter);
                }
                Standing::Failed => {}
                _ => {
                    self.tally.contacted(contact.replica.datacenter);
                    contact.standing = Standing::Asked { since_us: now.us };
                    contact.digest_only = false;
                    ask.push(contact.replica.host);
                }
            }
        }
        orders.extend(ask.into_iter().map(|host| self.order(host, false)));
    }

    fn reconcile(&mut self, now: Instant, orders: &mut Vec<Order>) -> Option<Outcome<ReadResult>> {
        let mut answers = Vec::new();
        for (place, contact) in self.contacts.iter_mut().enumerate() {
            if matches!(contact.standing, Standing::Replied(Reply::Data(_)))
                && let Standing::Replied(Reply::Data(result)) =
                    std::mem::replace(&mut contact.standing, Standing::Failed)
            {
                answers.push((place, result));
            }
        }
        let whole: Vec<usize> = answers.iter().map(|(place, _)| *place).collect();
        let reconciled = reconcile(&self.command, answers);
        self.mismatched |= !reconciled.diffs.is_empty();
        let mut lacking: BTreeMap<usize, Vec<Partition>> = reconciled.diffs.into_iter().collect();
        self.tally = Tally::new(self.requirement.clone());
        self.failures.clear();
        let (mut lagging, mut repairs) = (Vec::new(), Vec::new());
        for place in whole {
            let replica = self.contacts[place].replica;
            self.tally.contacted(replica.datacenter);
            let Some(partitions) = lacking.remove(&place) else {
                self.tally.succeeded(replica.datacenter);
                continue;
            };
            let left = Some(partitions.len());
            for partition in partitions {
                let leg = LEG_REPAIR + repairs.len() as u32;
                orders.push(repair_order(&self.command, self.fence, replica.host, leg, &partition));
                repairs.push(Repair { place: lagging.len(), partition, standing: Repaired::Open });
            }
            lagging.push(Lagging { replica, left, is_spare: false });
        }
        if !self.repairs || is_planted(Bug::NoReadRepair) {
            orders.clear();
            return Some(Ok(reconciled.result));
        }
        if is_planted(Bug::AnswerBeforeRepair) {
            return Some(Ok(reconciled.result));
        }
        self.stage = Stage::Repair { merged: reconciled.result, lagging, repairs };
        self.speculate_ms = self.speculate_next_ms(now);
        self.finish_if_repaired()
    }

    fn on_repaired(&mut self, leg: u32, from: HostId, answer: &Answer) -> Option<Outcome<ReadResult>> {
        let Stage::Repair { lagging, repairs, .. } = &mut self.stage else {
            return None;
        };
        let repair = repairs.get_mut(leg.checked_sub(LEG_REPAIR)? as usize)?;
        let lagging = lagging.get_mut(repair.place).filter(|lagging| lagging.replica.host == from)?;
        // Each acknowledgement counts once, however often the network brings it.
        if repair.standing != Repaired::Open {
            return None;
        }
        let is_applied = matches!(answer, Answer::Applied);
        repair.standing = if is_applied { Repaired::Acknowledged } else { Repaired::Refused };
        let left = lagging.left?;
        if !is_applied {
            lagging.left = None;
            let reason = if let Answer::Failed(reason) = answer { Some(*reason) } else { None };
            errors::note_failure(&mut self.tally, &mut self.failures, &lagging.replica, reason);
        } else if left == 1 {
            lagging.left = Some(0);
            self.tally.succeeded(lagging.replica.datacenter);
        } else {
            lagging.left = Some(left - 1);
            return None;
        }
        self.finish_if_repaired()
    }

    fn finish_if_repaired(&mut self) -> Option<Outcome<ReadResult>> {
        let Stage::Repair { merged, .. } = &mut self.stage else {
            return None;
        };
        if self.tally.is_met() {
            return Some(Ok(std::mem::take(merged)));
        }
        (!self.tally.can_still_be_met()).then(|| Err(errors::read_failure(&self.tally, &self.failures, true)))
    }

    /// When it ends whatever has happened.
    pub fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// How it ends when its time is up.
    pub fn timed_out(&self) -> CqlError {
        let has_data = matches!(self.stage, Stage::Repair { .. })
            || self.contacts.iter().any(|c| matches!(c.standing, Standing::Replied(Reply::Data(_))));
        errors::read_timeout(&self.tally, has_data)
    }

    /// When `on_time` has something to do next.
    pub fn next_deadline_ms(&self) -> u64 {
        let behind = self.contacts.iter().filter_map(|c| match c.standing {
            Standing::Behind { again_ms } => Some(again_ms),
            _ => None,
        });
        behind.chain(self.speculate_ms).chain([self.deadline_ms]).min().unwrap_or(self.deadline_ms)
    }

    /// Time has passed. `Some`: the read has ended without an answer.
    pub fn on_time(&mut self, now: Instant, orders: &mut Vec<Order>) -> Option<Outcome<ReadResult>> {
        if now.ms() >= self.deadline_ms {
            return Some(Err(self.timed_out()));
        }
        if self.speculate_ms.is_some_and(|at| now.ms() >= at) {
            self.speculate(now, orders);
        }
        let mut again = Vec::new();
        for contact in &mut self.contacts {
            if matches!(contact.standing, Standing::Behind { again_ms } if now.ms() >= again_ms) {
                contact.standing = Standing::Asked { since_us: now.us };
                again.push((contact.replica.host, contact.digest_only));
            }
        }
        orders.extend(again.into_iter().map(|(host, digest_only)| self.order(host, digest_only)));
        None
    }
}

fn repair_order(command: &ReadCommand, fence: Fence, to: HostId, leg: u32, partition: &Partition) -> Order {
    let mutation = Mutation { table: command.table, issue_stamp: 0, partition: partition.clone() };
    let encoded = mutation.encode();
    Order { to, leg, fence, work: Work::Mutate { mutation: Some(mutation), encoded, forward_to: Vec::new() } }
}
