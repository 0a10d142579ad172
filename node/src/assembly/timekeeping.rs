//! The node's clocks: stamps for what it issues, and whether it may coordinate at all.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use starling_cql_lite::protocol::error::CqlError;
use starling_planted::{Bug, is_planted};
use starling_ring::HostId;

use super::{Node, View};
use crate::message::{ClockMessage, Destination, PeerMessage, Stamped};
use crate::time::{ClockError, ClockSettings, HybridClock, PeerClocks, Stamp, Verdict};

/// Where the clock's ceiling is kept: 8 bytes, big endian.
pub const CEILING_KEY: &[u8] = b"node/clock_ceiling";

/// Between two questions for others' clocks. Shorter: a clock that goes wrong is noticed sooner. 0.1 to 60 s.
const ASK_EVERY_US: u64 = 1_000_000;
/// The same while nothing is known yet.
const ASK_SOON_US: u64 = 100_000;
/// A node that was open and alone goes on for so long when others come, until their clocks are known.
const COMPANY_GRACE_US: u64 = 1_000_000;
/// Members that are asked each time.
const ASKED_AT_A_TIME: usize = 3;
/// The ceiling is kept ahead of the clock for so long after the last stamp: the first write after a longer rest waits for
/// the disk once more. Longer: the disk is written to for longer while nobody writes. 1 s to a minute.
const ACTIVE_FOR_US: i64 = 10_000_000;

/// A node's clocks.
pub(super) struct Timekeeper {
    clock: HybridClock,
    max_skew_us: u64,
    peers: Mutex<Peers>,
    /// The wall clock's lead over the monotonic one when the verdict was found; [`DISTRUSTED`]: it was not good.
    trusted_lead_us: AtomicI64,
    /// When the last stamp was issued, by the wall clock.
    issued_us: AtomicI64,
    /// Serialises writing the ceiling.
    raising: Mutex<()>,
    /// Stamps of others that were beyond the allowed skew.
    beyond: AtomicU64,
    /// Requests that were refused because of the clock.
    refused: AtomicU64,
    opening: Mutex<Opening>,
}

/// How far a node is with opening for clients: its clock has to be compared first, if there is somebody to compare it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// It is not known to all yet.
    NotYet,
    /// Its clock is all that is waited for.
    AwaitsClock,
    Open,
}

const DISTRUSTED: i64 = i64::MIN;

#[derive(Default)]
struct Peers {
    clocks: PeerClocks,
    verdict: Verdict,
    next_ask_us: u64,
    /// When this node was last seen to be open and alone.
    alone_us: Option<u64>,
}

/// What the metrics page shows of the clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockFigures {
    /// This node coordinates, as far as its clock goes.
    pub is_trusted: bool,
    /// How far its wall clock is ahead of the others' median, in microseconds.
    pub ahead_us: i64,
    /// How far the hybrid clock is ahead of the wall clock, in microseconds; 0: it is not.
    pub drawn_us: u64,
    /// Clocks that it was compared with.
    pub compared: usize,
    /// Stamps of others that were not adopted.
    pub beyond: u64,
    /// Requests refused.
    pub refused: u64,
}

impl Timekeeper {
    /// The clocks of a node that starts with this ceiling on its disk.
    pub fn new(max_skew_us: u64, ceiling: Stamp) -> Self {
        let settings = ClockSettings { max_skew_us, ceiling_step_us: max_skew_us / 2 };
        let ceiling = if is_planted(Bug::ClockRestartsInPast) { 0 } else { ceiling };
        Timekeeper {
            clock: HybridClock::new(settings, ceiling),
            max_skew_us,
            peers: Mutex::default(),
            trusted_lead_us: AtomicI64::new(DISTRUSTED),
            issued_us: AtomicI64::new(i64::MIN),
            raising: Mutex::new(()),
            beyond: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            opening: Mutex::new(Opening::NotYet),
        }
    }

    /// Whether the wall clock is still as it was when it was found to be good: that spares each request the judgement.
    fn is_as_judged(&self, now_us: u64, wall_us: i64) -> bool {
        let judged_us = self.trusted_lead_us.load(Ordering::Relaxed);
        judged_us != DISTRUSTED && lead_us(now_us, wall_us).abs_diff(judged_us) <= self.max_skew_us / 2
    }

    /// Open for clients.
    pub fn is_open(&self) -> bool {
        *self.opening.lock() == Opening::Open
    }

    /// Others have come or gone: the next request judges anew.
    pub fn company_changed(&self) {
        self.trusted_lead_us.store(DISTRUSTED, Ordering::Relaxed);
    }

    fn judge(&self, now_us: u64, wall_us: i64, has_company: bool) -> Verdict {
        let mut peers = self.peers.lock();
        let mut verdict = peers.clocks.verdict(now_us, wall_us, self.max_skew_us, has_company);
        if !has_company && self.is_open() {
            peers.alone_us = Some(now_us);
        }
        let was_alone = |at_us: u64| now_us.saturating_sub(at_us) < COMPANY_GRACE_US;
        if verdict == Verdict::Unknown && peers.alone_us.is_some_and(was_alone) {
            verdict = Verdict::Trusted;
        }
        let lead_us = if verdict == Verdict::Trusted { lead_us(now_us, wall_us) } else { DISTRUSTED };
        self.trusted_lead_us.store(lead_us, Ordering::Relaxed);
        let before = std::mem::replace(&mut peers.verdict, verdict);
        drop(peers);
        match (before, verdict) {
            (Verdict::Wrong { .. }, Verdict::Wrong { .. }) => {}
            (_, Verdict::Wrong { .. }) => tracing::error!("this node coordinates nothing: its clock {verdict}"),
            (Verdict::Wrong { .. }, _) => tracing::info!("this node coordinates again: its clock {verdict}"),
            _ => {}
        }
        verdict
    }
}

fn lead_us(now_us: u64, wall_us: i64) -> i64 {
    wall_us.saturating_sub(i64::try_from(now_us).unwrap_or(i64::MAX))
}

impl Node {
    /// Sends with the clock's value: what the receiver issues afterwards is later.
    pub(super) fn send(&self, to: Destination, message: PeerMessage) {
        self.outside.send(to, Stamped { stamp: self.time.clock.last(), message });
    }

    /// The last stamp that was issued or heard of.
    pub fn last_stamp(&self) -> Stamp {
        self.time.clock.last()
    }

    /// Hears of a stamp: what is issued afterwards is later. Not if it is beyond the allowed skew.
    pub(super) fn observe(&self, stamp: Stamp) -> Result<(), ClockError> {
        if stamp <= self.time.clock.last() {
            return Ok(());
        }
        let observed = self.time.clock.observe(self.outside.wall_us(), stamp);
        if observed.is_err() {
            self.time.beyond.fetch_add(1, Ordering::Relaxed);
        }
        observed
    }

    fn judge_clock(&self, now_us: u64, wall_us: i64) -> Verdict {
        let has_company = |view: &View| {
            let is_live_other = |index: u16| index != view.local_index && view.is_alive(index);
            (0..view.topology().members().len() as u16).any(is_live_other)
        };
        let has_company = self.view.read().as_ref().is_some_and(|view| has_company(view));
        self.time.judge(now_us, wall_us, has_company)
    }

    /// A client brings the stamp of what it has seen: what is done for it is later.
    pub(super) fn follow(&self, stamp: Stamp) -> Result<(), CqlError> {
        self.observe(stamp).map_err(|error| match error {
            ClockError::Ahead { by_us } | ClockError::Behind { by_us } => {
                let by_s = by_us as f64 / 1e6;
                self.refuse(&format!("its clock is {by_s:.1} s behind the stamp that the request brings"))
            }
            ClockError::Ceiling => self.refuse("its clock's ceiling is used up; try again"),
        })
    }

    /// Whether this node may coordinate, as far as its clock goes.
    pub(super) fn check_clock(&self) -> Result<(), CqlError> {
        let (now_us, wall_us) = (self.outside.monotonic_us(), self.outside.wall_us());
        if !self.time.is_as_judged(now_us, wall_us) {
            let verdict = self.judge_clock(now_us, wall_us);
            if verdict != Verdict::Trusted {
                return Err(self.refuse(&format!("its clock {verdict}")));
            }
        }
        self.time.clock.beyond_us(wall_us).map_or(Ok(()), |by_us| Err(self.refuse_beyond(by_us)))
    }

    /// A stamp for what a client wants written.
    pub(super) fn issue_stamp(&self) -> Result<Stamp, CqlError> {
        self.check_clock()?;
        let wall_us = self.outside.wall_us();
        let mut issued = self.time.clock.issue(wall_us);
        if issued == Err(ClockError::Ceiling) {
            self.raise_ceiling(wall_us)?;
            issued = self.time.clock.issue(wall_us);
        }
        match issued {
            Ok(stamp) => {
                self.time.issued_us.store(wall_us, Ordering::Relaxed);
                Ok(stamp)
            }
            Err(ClockError::Behind { by_us } | ClockError::Ahead { by_us }) => Err(self.refuse_beyond(by_us)),
            Err(ClockError::Ceiling) => Err(self.refuse("its clock's ceiling is used up; try again")),
        }
    }

    /// As many later stamps are issued as a restart must not issue again.
    fn raise_ceiling(&self, wall_us: i64) -> Result<(), CqlError> {
        let _one = self.time.raising.lock();
        let Some(ceiling) = self.time.clock.ceiling_due(wall_us) else { return Ok(()) };
        let record = (CEILING_KEY.to_vec(), Some(ceiling.to_be_bytes().to_vec()));
        self.outside
            .persist(vec![record])
            .map_err(|reason| self.refuse(&format!("its clock's ceiling cannot be stored: {reason}")))?;
        self.time.clock.raised(ceiling);
        Ok(())
    }

    fn refuse_beyond(&self, by_us: u64) -> CqlError {
        let by_s = by_us as f64 / 1e6;
        self.refuse(&format!("its clock is {by_s:.1} s behind what the cluster has come to"))
    }

    /// Drivers turn to another node. Nothing was done.
    fn refuse(&self, why: &str) -> CqlError {
        self.time.refused.fetch_add(1, Ordering::Relaxed);
        let max_s = self.time.max_skew_us as f64 / 1e6;
        CqlError::IsBootstrapping(format!(
            "This node does not coordinate now: {why} (max_clock_skew is {max_s} s). Nothing was done"
        ))
    }

    /// Asks others for their clocks, and judges this one's.
    pub(super) fn tend_clock(&self) {
        let (now_us, wall_us) = (self.outside.monotonic_us(), self.outside.wall_us());
        if let Some(view) = self.view() {
            self.ask_for_clocks(&view, now_us);
        }
        let verdict = self.judge_clock(now_us, wall_us);
        self.open_if_compared(verdict);
        let rested_us = wall_us.saturating_sub(self.time.issued_us.load(Ordering::Relaxed));
        let is_due = verdict == Verdict::Trusted && (0..ACTIVE_FOR_US).contains(&rested_us);
        if is_due && self.time.clock.ceiling_due(wall_us).is_some() {
            // Whoever needs it meanwhile tries again, and is told.
            let _ = self.raise_ceiling(wall_us);
        }
    }

    /// All live members know this node: it opens for clients once its clock has been compared.
    pub(super) fn on_known_to_all(&self) {
        let mut opening = self.time.opening.lock();
        if *opening == Opening::NotYet {
            *opening = Opening::AwaitsClock;
        }
    }

    fn open_if_compared(&self, verdict: Verdict) {
        let mut opening = self.time.opening.lock();
        if verdict != Verdict::Unknown && *opening == Opening::AwaitsClock {
            *opening = Opening::Open;
            drop(opening);
            self.outside.on_ready();
        }
    }

    fn ask_for_clocks(&self, view: &View, now_us: u64) {
        let mut peers = self.time.peers.lock();
        if now_us < peers.next_ask_us {
            return;
        }
        peers.next_ask_us = now_us + if peers.clocks.known() == 0 { ASK_SOON_US } else { ASK_EVERY_US };
        let members = view.topology().members();
        peers.clocks.forget(now_us, |host| view.topology().index_of(host).is_some());
        let others =
            members.iter().enumerate().filter(|(index, m)| m.host_id != self.local && view.is_alive(*index as u16));
        let others: Vec<HostId> = others.map(|(_, member)| member.host_id).collect();
        let first = self.outside.random() as usize % others.len().max(1);
        for step in 0..others.len().min(ASKED_AT_A_TIME) {
            let host = others[(first + step) % others.len()];
            peers.clocks.ask(host, now_us);
            self.send(Destination::Host(host), PeerMessage::Clock(ClockMessage::Ask { asked_us: now_us }));
        }
    }

    /// Another node asks for this one's wall clock, or answers with its own.
    pub(super) fn on_clock_message(&self, from: HostId, message: ClockMessage) {
        match message {
            ClockMessage::Ask { asked_us } => {
                let answer = ClockMessage::Answer { asked_us, wall_us: self.outside.wall_us() };
                self.send(Destination::Host(from), PeerMessage::Clock(answer));
            }
            ClockMessage::Answer { asked_us, wall_us } => {
                let now_us = self.outside.monotonic_us();
                let mut peers = self.time.peers.lock();
                let taken = peers.clocks.answered(from, asked_us, now_us, wall_us);
                drop(peers);
                if taken {
                    self.judge_clock(now_us, self.outside.wall_us());
                }
            }
        }
    }

    /// The clocks, for the metrics page.
    pub fn clock_figures(&self) -> ClockFigures {
        let (now_us, wall_us) = (self.outside.monotonic_us(), self.outside.wall_us());
        let peers = self.time.peers.lock();
        ClockFigures {
            is_trusted: self.time.is_as_judged(now_us, wall_us) && self.time.clock.beyond_us(wall_us).is_none(),
            ahead_us: peers.clocks.ahead_us(now_us, wall_us),
            drawn_us: self.time.clock.last().saturating_sub(u64::try_from(wall_us).unwrap_or(0)),
            compared: peers.clocks.known(),
            beyond: self.time.beyond.load(Ordering::Relaxed),
            refused: self.time.refused.load(Ordering::Relaxed),
        }
    }
}
