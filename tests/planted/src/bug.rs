//! The bugs, each one that peers have had or that is easily made.

/// Which simulation finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Whole nodes: `data`.
    Data,
    /// The epoch log alone: `log`.
    Log,
}

/// What has to happen for it to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A node crashes, loses its disk or its disk fails.
    Crash,
    /// Messages or operations meet in a certain order.
    Interleaving,
}

macro_rules! bugs {
    ($($(#[doc = $what:literal])+ $bug:ident = $name:literal, $scenario:ident, $needs:ident, $class:literal;)+) => {
        /// A bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug {
            $($(#[doc = $what])+ $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Bug] = &[$(Bug::$bug,)+];

            /// As `--plant` takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Bug::$bug => $name,)+ }
            }

            /// The simulation that finds it.
            pub const fn scenario(self) -> Scenario {
                match self { $(Bug::$bug => Scenario::$scenario,)+ }
            }

            /// What has to happen for it to show.
            pub const fn needs(self) -> Needs {
                match self { $(Bug::$bug => Needs::$needs,)+ }
            }

            /// The class of failures of such databases that it belongs to, in few words.
            pub const fn class(self) -> &'static str {
                match self { $(Bug::$bug => $class,)+ }
            }
        }
    };
}

bugs! {
    /// A promise is not stored: after a restart the decider has made none.
    ForgetPromise = "forget-promise", Log, Crash, "two schema changes at once";
    /// A decider accepts whatever ballot asks.
    AcceptLowerBallot = "accept-lower-ballot", Log, Interleaving, "two schema changes at once";
    /// A proposer proposes its own entry, whatever the promises say was accepted before.
    IgnoreAccepted = "ignore-accepted", Log, Interleaving, "two schema changes at once";
    /// A proposer asks the deciders of the entry before the last.
    WrongDeciders = "wrong-deciders", Log, Interleaving, "two topology changes at once";
    /// A decided entry that arrives again is applied again.
    ApplyTwice = "apply-twice", Log, Interleaving, "one message, two effects";
    /// A decided entry of another node is adopted and told of, and not stored.
    ForgetEntry = "forget-entry", Log, Crash, "a restart goes back";
    /// A node that died on its way in is never forgotten.
    JoinNeverExpires = "join-never-expires", Log, Crash, "a joiner dies half-way";
    /// A table is made while a node is joining or leaving.
    TableWhileJoining = "table-while-joining", Log, Interleaving, "a range moves under writes";
    /// A node with an empty disk is let in under the address of a member.
    WipedNodeLetIn = "wiped-node-let-in", Log, Crash, "a wiped node rejoins under its old address";

    /// A stamp from a clock that is minutes ahead is adopted.
    AcceptSkew = "accept-skew", Data, Interleaving, "last write wins under clock skew";
    /// A node that starts again does not heed what its clock had come to.
    ClockRestartsInPast = "clock-restarts-in-past", Data, Crash, "last write wins under clock skew";

    /// A replica acknowledges a write before it has applied it.
    AcknowledgeBeforeApplying = "acknowledge-before-applying", Data, Crash, "acknowledged, not done";
    /// A commit is acknowledged without having been synced.
    LoseUnsyncedTail = "lose-unsynced-tail", Data, Crash, "a sync that is none";
    /// A write that the disk has failed counts as applied.
    IgnoreDiskError = "ignore-disk-error", Data, Crash, "a failing disk";
    /// A write for which there was no space counts as applied.
    IgnoreFullDisk = "ignore-full-disk", Data, Crash, "a full disk";
    /// A value that is damaged on disk counts as not there.
    DamagedIsAbsent = "damaged-is-absent", Data, Crash, "a damaged file";
    /// A coordinator is content with one answer too few.
    OneAnswerTooFew = "one-answer-too-few", Data, Interleaving, "the effective level falls";
    /// An answer that arrives twice counts twice.
    CountTwice = "count-twice", Data, Interleaving, "the effective level falls";
    /// Replicas that disagree are merged for the answer, and not repaired.
    NoReadRepair = "no-read-repair", Data, Interleaving, "quorum reads that go back";
    /// The answer does not wait for the repair.
    AnswerBeforeRepair = "answer-before-repair", Data, Interleaving, "quorum reads that go back";
    /// Digests are not compared: the first data is the answer.
    IgnoreDigests = "ignore-digests", Data, Interleaving, "digests that say nothing";
    /// Deletions are left out of repairs.
    RepairWithoutDeletions = "repair-without-deletions", Data, Interleaving, "deleted data comes back";
    /// Folding drops deletions.
    FoldDropsDeletions = "fold-drops-deletions", Data, Interleaving, "a deletion is collected too early";
    /// A write that timed out is answered as refused.
    TimeoutIsRefusal = "timeout-is-refusal", Data, Interleaving, "a write that timed out";
    /// A write that failed at some replicas is answered as Unavailable.
    FailureIsUnavailable = "failure-is-unavailable", Data, Crash, "Unavailable, and visible later";
    /// Of two cells of one timestamp the one that came first stays.
    FirstOfEqualStays = "first-of-equal-stays", Data, Interleaving, "equal timestamps";
    /// An answer that stopped at a limit counts as all there is.
    IgnoreShortReads = "ignore-short-reads", Data, Interleaving, "a limit met with rows that another replica has deleted";
    /// Elements that two coordinators add to a list at nearly the same time get one position: one replaces the other.
    SharedListPositions = "shared-list-positions", Data, Interleaving, "concurrent additions to a collection";
    /// Of two replicas' range deletions only one's are kept.
    LoseRangeDeletions = "lose-range-deletions", Data, Interleaving, "range deletions merged wrongly";
    /// Replicas leave deletions, and what has expired, out of their answers.
    AnswerWithoutDeletions = "answer-without-deletions", Data, Interleaving, "what is deleted shadows nothing";
    /// TRUNCATE is acknowledged although some node does not know of it.
    TruncateOfSome = "truncate-of-some", Data, Interleaving, "TRUNCATE races with writes";
    /// A write from before a TRUNCATE goes into the table after it.
    LateWriteAfterTruncate = "late-write-after-truncate", Data, Interleaving, "TRUNCATE races with writes";
}
