//! Planted bugs: each is a small mistake that a program like this could have, switched on at run time. The laws of the
//! simulator must find every one of them.
//!
//! Only the feature `planted` compiles this file, and only the simulator asks for that feature. A site asks with
//! `planted!`, which is `false` in every other build.

use core::{cell::Cell, fmt, str::FromStr};

/// What a bug is planted in, or around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// The durable object's machine, its host and its platform.
    Object,
    /// The consumer of the Queue variant.
    Queue,
    /// The native host's shell around the object's machine.
    Shell,
}

macro_rules! bugs {
    ($($name:ident: $what:literal $(of $machine:ident)?,)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Bug {
            $(#[doc = $what] $name,)+
        }

        impl Bug {
            /// All bugs.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The bug's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it is planted in.
            #[must_use]
            pub const fn machine(self) -> Machine {
                match self {
                    $(Self::$name => bugs!(@machine $($machine)?),)+
                }
            }

            /// What is wrong, in a line.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)+
                }
            }
        }
    };
    (@machine) => { Machine::Object };
    (@machine $machine:ident) => { Machine::$machine };
}

bugs! {
    // Enqueue, cancel, status.
    NameForgottenAtEnd: "a repeat of a finished request is a new one",
    NameKeptTooLong: "a finished request is remembered for 1 s more than its window",
    RepeatRevives: "a repeat of a finished request starts it once more, under its old ULID",
    ConflictMissed: "another request under a known id gets the known one's answer",
    QueueOneOver: "one request more than the bound is accepted",
    AnyCallbackTarget: "the allow-list of callback targets is not asked",
    OptionsUnbounded: "max_retries of 11 is accepted",
    OutcomeOverwritten: "a cancel replaces an outcome that is being delivered",
    CancelIgnoresFlight: "a cancel of a request in flight is acknowledged and forgotten",
    SlotLostAtCancel: "a cancelled request's slot is never free again",
    RandomUlid: "a ULID of the same ms may be smaller than the last one",
    LastUlidForgotten: "a restart forgets the last ULID",
    // Start and end of an attempt.
    SixthSlot: "six requests may be in flight",
    AttemptCountedLate: "an attempt is counted when it ends, not when it starts",
    OneRetryTooMany: "one retry more than was asked for",
    LeaseTooLong: "a lease is twice as long as it should be",
    YoungestFirst: "the largest ULID starts first",
    ShiftedQueue: "the second in the queue starts first when a slot comes free",
    SlotsFilledByAlarm: "slots are filled by alarms alone",
    StartsAtExpiry: "an attempt may start at the very ms of its expiry",
    AttemptNumberIgnored: "a report of an earlier attempt ends the one in flight",
    EarlierLifeHeeded: "a report of an earlier life ends the attempt in flight",
    LateAnswerBeatsExpiry: "an answer after the expiry counts",
    UnknownRetried: "an at-most-once request is tried again after a time-out",
    NoAbortAtLeaseEnd: "a fetch runs on when its lease has ended",
    ResponseNeverDropped: "a response that nobody is to be told is not dropped",
    TooLargeMisnamed: "a response over its bound ends as one that broke",
    TooLargeRetried: "a response over its bound is tried again",
    // Delays.
    RetryEarly: "a retry starts 1 ms early",
    JitterBelowMinimum: "jitter is taken off the delay, not added to it",
    RetryAfterIgnored: "Retry-After is not heeded",
    RetryAfterBeatsBackoff: "a short Retry-After shortens the backoff",
    RetryAfterCut: "Retry-After is cut at max_retry_delay_ms",
    GarbageRetryAfterPanics: "a Retry-After that is no ASCII makes the machine panic",
    CompletionEndsDelays: "the end of any attempt releases all delays",
    OneDelayAtATime: "one step ends one delay only",
    ExpiryMovesAtRetry: "a queued request's expiry counts from its not_before",
    RenamedAtRetry: "a retried request loses its caller's name",
    DelaysEndWithASlot: "a delay ends only while a slot is free",
    // Callbacks and the end.
    PayloadDeletedEarly: "the payload is deleted when the outcome is chosen, one commit early",
    UnsentFetchLeaves: "a fetch that is given up in its own turn leaves all the same",
    CallbackTriedAgain: "a failed callback is tried again",
    CallbackNeedsSlot: "a callback is sent only while a slot for a fetch is free",
    UnreadPayloadDeleted: "a payload that nobody could read is deleted with its request",
    OneCallbackAtATime: "a slow callback holds up all others",
    CallbackNeverGivenUp: "nothing wakes the machine for a callback without an end",
    FinishedRowMissing: "a request that ends leaves no row to remember it by",
    RequestRowStays: "a request that ends keeps its request row",
    ForgottenLate: "rows are forgotten 1 s after the alarm for it",
    ForgetWakeMissing: "nothing wakes the machine to forget the last one",
    // Time.
    MarkNotStored: "the time mark is never moved",
    FirstMetaWins: "of the meta rows of one turn the first is stored",
    MarkOnlyStored: "the time mark is stored but not kept in memory",
    IdleTickWrites: "every alarm writes the mark",
    PollComesEarly: "any alarm counts as the next poll, however early it comes",
    DueUnbounded: "one step acts on all that is due",
    DueOneLate: "what is due this ms is left for the next",
    HeartbeatMissing: "nothing wakes the machine while fetches run",
    PollMovesNothing: "a poll at capacity does not move the mark that the next one counts from",
    PollMissing: "nothing wakes the machine while work waits at capacity",
    // Restart.
    EpochNotBumped: "a restart begins no new epoch",
    InterruptedAtOnce: "a restart tries what was in flight again at once",
    RenamedAtRestart: "a restart names what was in flight after its ULID",
    InterruptedTooSoon: "a restart ends what was in flight instead of trying again",
    AtMostOnceRestarted: "an at-most-once request in flight is tried again after a restart",
    FlightForgotten: "a restart leaves what was in flight as it is",
    LostResponseDelivered: "a restart delivers a response that died with the last life",
    CorruptRowDropped: "a corrupt row is deleted without a copy",
    KeptRowsCleared: "finished rows of unknown versions are forgotten with the others",
    UnknownVersionDestroyed: "a row of an unknown version is treated as corrupt",
    UnknownMetaReplaced: "an object whose own row is of an unknown version begins anew",
    // The order of a turn, and its alarm.
    EffectsAfterFailedCommit: "effects leave though the commit failed",
    AlarmOnlyIfNone: "an alarm is set only when none is set",
    PastAlarmKept: "a stored alarm that lies in the past is left there",
    AlarmAtPresent: "an alarm is set to the present ms",
    TickKeepsAlarm: "an alarm that comes over 10 s before the stored time sets no next one",
    NextAlarmPresumed: "the handler of an early alarm takes its own time as set",
    SharedTickKeepsAlarm: "an alarm that shares its turn with earlier events sets no next one",
    AlarmAtItsOwnTime: "an early alarm's handler sets the next one to the time of the one that runs",
    // What goes out.
    RedirectUnchecked: "a redirect's address is not checked",
    SecretsCrossOrigins: "credentials follow a redirect to another origin",
    KeyLostAtRedirect: "a redirected request loses its Idempotency-Key",
    LoopbackIsPublic: "loopback addresses count as public",
    // The host.
    ResponseNotKept: "the host drops a response when it reports it",
    AbortIgnored: "the host does not stop what it is told to stop",
    FetchedTwice: "the host performs a fetch twice",
    CalledBackTwice: "the host calls back twice",
    ResponseKeptAfterCallback: "the host keeps a response after its callback",
    ConnectionKept: "the host never gives a connection back",
    // The queue's consumer.
    EndNotRemembered: "that a request is over is not remembered" of Queue,
    RepeatAckedAtOnce: "a repeat is acked before the first in its batch is over" of Queue,
    RepeatUndecided: "the repeats of a message are not acked with it" of Queue,
    RepeatOfAnotherBatch: "a repeat waits for a first that is in another batch" of Queue,
    RepeatAwayTooLong: "a repeat of what is under way stays away for the longest delay of the platform" of Queue,
    RepeatJumpsDelay: "a delivery that comes too early starts at once" of Queue,
    DelayRoundedDown: "a delay is rounded down to whole seconds" of Queue,
    DeliveryIgnoresRetryAfter: "Retry-After does not enter the delay of a delivery" of Queue,
    CutOffNotSpaced: "after an invocation that was cut off the next attempt starts at once" of Queue,
    CutOffAttemptFree: "a delivery that another life got counts as no attempt" of Queue,
    EveryDeliveryCounts: "each delivery counts as an attempt, whether or not one was started" of Queue,
    LeftToDeadLetters: "a message without a retry left is given back, for the dead letters to end it" of Queue,
    ExpiredMessageFetched: "a message too old is fetched" of Queue,
    LateAnswerDelivered: "an answer after the expiry is delivered" of Queue,
    LeaseBeyondExpiry: "an attempt is not given up as its request expires" of Queue,
    AckedBeforeCallback: "a message is acked as its callback is sent" of Queue,
    MessageCalledBackAgain: "a failed callback is made again" of Queue,
    FailedCallbackUnreported: "nobody hears of a failed callback" of Queue,
    MessageCallbackNeverGivenUp: "nothing wakes the consumer for a callback without an end" of Queue,
    SixthMessage: "six messages of a batch may be worked on" of Queue,
    CallbackHoldsNoSlot: "a callback does not hold the slot of its fetch" of Queue,
    SlotsFilledPerBatch: "slots are filled only as a batch comes" of Queue,
    OneSlotPerStep: "one step fills one slot" of Queue,
    BatchOrderKept: "messages start in the order of their batch" of Queue,
    YoungestMessageFirst: "of a batch the largest ULID starts first" of Queue,
    StartsTooLate: "what gets a slot starts, though its batch has no time for it" of Queue,
    BatchOfAnHour: "a batch is taken to have an hour" of Queue,
    CallbackTimeForgotten: "what fits into a batch is reckoned without the callback" of Queue,
    NoDelayWhenLate: "what does not fit into its batch comes back at once" of Queue,
    DeadLetterFetched: "a dead letter is fetched once more" of Queue,
    DeadLetterUnknown: "a dead letter ends as unknown" of Queue,
    DeadLetterDropped: "a dead letter is acked, and nobody is told" of Queue,
    CorruptMessageAcked: "a corrupt message is acked" of Queue,
    ForeignMessageAcked: "a message of an unknown version is acked" of Queue,
    UnreadableDelayInMs: "the delay of a message that cannot be read is in ms, not in s" of Queue,
    UnreadableAwayTooLong: "a message that cannot be read stays away for the longest delay of the platform" of Queue,
    LateReportPanics: "a report of a message that is decided makes the consumer panic" of Queue,
    AtMostOnceQueued: "an at-most-once request enters the queue" of Queue,
    // The platform.
    DeletesNotStored: "deletions are not stored",
    CommitWithoutAlarm: "a commit loses its alarm",
    AlarmNeverFires: "one stored alarm in sixteen never fires",
    EffectsBeforeCommit: "effects leave before their commit is durable",
    AlarmEffectsBeforeCommit: "effects of an alarm's turn leave before their commit is durable",
    EmptyTurnPassesGate: "what a turn says that wrote nothing leaves before earlier commits are durable",
    FailedCommitKeepsMemory: "a failed commit does not end the instance",
    TornCommit: "a crash leaves half a commit",
    // The native shell.
    RetriesBeforeCommit: "a retry leaves before its commit" of Shell,
    CallbacksBeforeCommit: "callbacks leave before their commit" of Shell,
    RepliesBeforeCommit: "callers are answered before the commit" of Shell,
    FailedCommitAnswered: "callers are answered though the commit failed" of Shell,
    FailureTakenForLoad: "after a failed commit callers are told that nothing was done" of Shell,
    FailuresRemembered: "a commit that works does not end the count of failures in a row" of Shell,
    DiskNeverGivenUp: "the database may fail any number of times in a row" of Shell,
    ReadErrorIsNoPayload: "a payload that the database fails to read counts as missing" of Shell,
    GroupCommitMissing: "each event has a commit of its own" of Shell,
    MachineKeptAfterFailure: "a failed commit keeps the machine" of Shell,
    DatabaseKeptOpen: "the database is opened again before it is closed" of Shell,
    TasksOutliveMachine: "fetches and callbacks go on though their machine is gone" of Shell,
    FetchEndLost: "the end of one fetch in seven is not taken in" of Shell,
    CallbackEndLost: "the end of one callback in seven is not taken in" of Shell,
    EndLostWhenBusy: "an end is lost when another waits to be taken in" of Shell,
    TaskFetchesTwice: "a task makes its fetch twice" of Shell,
    TaskCallsBackTwice: "a task makes its callback twice" of Shell,
    WakeNotAwaited: "the timer does not know when the machine is to be woken" of Shell,
    WakeRoundedUp: "the timer counts in whole seconds" of Shell,
    PatienceHidesWake: "while ends wait for company, the timer knows of nothing else" of Shell,
    PatienceRestarts: "each end that waits for company makes the others wait anew" of Shell,
    PatienceNotAwaited: "the timer does not know of ends that wait for company" of Shell,
    TickNotGiven: "the machine is not told that its time has come" of Shell,
    StartNotGiven: "a new life begins without its start" of Shell,
    StopDoesNotWait: "a stop waits for nothing" of Shell,
    StopWaitsOn: "a stop waits for what is under way, however long" of Shell,
    LaterStopWins: "told to stop again, it takes the later end" of Shell,
    StopNotGiven: "the machine is not told of a stop" of Shell,
    StopForgotten: "a restored machine is not told of a stop" of Shell,
    StopComesLast: "a stop comes after what waits with it" of Shell,
    EndsBeforeStop: "ends that wait for company come before a stop" of Shell,
    TaskNotAborted: "an abort forgets the fetch and lets it run" of Shell,
    OtherResponseDelivered: "a callback carries the last response that is held" of Shell,
    ResponseNotSent: "a callback leaves without its response" of Shell,
    CallersUnanswered: "callers that a failed commit leaves behind are told once the process ends" of Shell,
    CallersMixedUp: "one caller gets another's answer" of Shell,
    RetryAfterLost: "Retry-After is not passed on" of Shell,
    MailboxOfOne: "one call may wait" of Shell,
    MailboxLeftOpen: "calls that wait at the end are not told of it" of Shell,
    HealthNotAnswered: "the shell does not say how it is" of Shell,
}

std::thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants this bug in the calling thread, in the place of any other; `None` removes it.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// The bug that is planted in the calling thread.
#[must_use]
pub fn planted() -> Option<Bug> {
    PLANTED.get()
}

/// Whether this bug is planted in the calling thread.
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No bug has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchBug;

impl fmt::Display for NoSuchBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no planted bug has this name; `cargo sim mutants` lists them")
    }
}

impl core::error::Error for NoSuchBug {}

impl FromStr for Bug {
    type Err = NoSuchBug;

    fn from_str(text: &str) -> Result<Self, NoSuchBug> {
        Self::ALL.iter().find(|bug| bug.name().eq_ignore_ascii_case(text)).copied().ok_or(NoSuchBug)
    }
}
