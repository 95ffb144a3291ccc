//! The reference model: what must follow from what happens, told from the laws and the design with a few plain lists
//! and no cleverness. It shares no decision with the core, and has the promised numbers written down again. Here are
//! the lists and the order of a step; `asks` has what callers are answered, `lifecycle` what becomes of a request.
//!
//! Two things it cannot know, and takes over from what is stored: a delay's jitter, for which it knows the bounds
//! (S7), and the stored alarm, for which it knows from when and until when it may stand (L1, L3).
//!
//! Not modelled, as a sequence never comes near: 64 responses held, 256 callbacks at once, 64 deadlines in one step.

use super::inputs::{End, Profile, expires};
use super::ops::Wrong;
use proxy_fetch::{Attempt, CallbackResult, Caller, Effect, Outcome, Refusal, Reply, Ulid};

const CAPACITY_POLL_MS: u64 = 500;
const HEARTBEAT_MS: u64 = 30_000;
pub(super) const DEDUPE_WINDOW_MS: u64 = 300_000;

/// Whoever asks.
pub const CALLER: Caller = Caller(7);

/// An event with everything it names found.
#[derive(Clone, Debug)]
pub enum Told {
    Start,
    Tick,
    Stop,
    Enqueue {
        name: String,
        profile: usize,
        entropy: u128,
    },
    /// An enqueue, a cancel or a status with a field that is to be refused.
    Invalid(Wrong),
    Cancel {
        name: String,
    },
    Status {
        name: String,
    },
    Fetched {
        attempt: Attempt,
        end: End,
    },
    Delivered {
        attempt: Attempt,
        result: CallbackResult,
    },
}

/// What was drawn for a whole sequence.
#[derive(Clone, Debug)]
pub struct Setup {
    pub profiles: Vec<Profile>,
    pub max_live: usize,
    pub max_known: usize,
    /// Whether a host that starts reads the stored alarm, or does not know it.
    pub reads_alarm: bool,
    /// Of each fault, against 120 for a turn without one.
    pub fault_weight: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued {
        not_before: u64,
    },
    InFlight {
        lease_until: u64,
    },
    /// `until`: of the callback that this incarnation has sent.
    Delivering {
        outcome: Outcome,
        until: Option<u64>,
    },
}

#[derive(Clone, Debug)]
pub struct Live {
    pub id: Ulid,
    pub name: String,
    pub profile: usize,
    pub attempts: u8,
    pub state: State,
}

#[derive(Clone, Debug)]
pub struct Ended {
    pub id: Ulid,
    pub name: String,
    pub profile: usize,
    pub attempts: u8,
    pub outcome: Outcome,
    pub at: u64,
}

/// What can be seen of a request after a turn.
pub trait Seen {
    /// The delay that is stored for it, if it is queued.
    fn not_before(&self, id: Ulid) -> Option<u64>;
    /// The outcome that is stored for it, if it has one.
    fn outcome(&self, id: Ulid) -> Option<Outcome>;
}

/// Nothing is seen: each delay is the shortest, and each retry that may be is. It steers generation.
pub struct Blind;

impl Seen for Blind {
    fn not_before(&self, _: Ulid) -> Option<u64> {
        None
    }

    fn outcome(&self, _: Ulid) -> Option<Outcome> {
        None
    }
}

/// What a turn must lead to.
#[derive(Debug, Default)]
pub struct Predicted {
    pub effects: Vec<Effect>,
    /// Whether anything is written.
    pub changed: bool,
    /// Whether the jitter said if a retry is in time.
    pub jitter_decided: bool,
    /// Of a turn that is the alarm's handler: which alarm the host thinks it was.
    pub fired: Option<Option<u64>>,
}

/// When the alarm may and must stand after a turn.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    pub from: u64,
    pub until: u64,
}

#[derive(Clone)]
pub struct Model {
    pub setup: Setup,
    pub clock: u64,
    /// As stored, and as the host knows it.
    pub alarm: Option<u64>,
    pub known_alarm: Option<u64>,
    pub epoch: u64,
    pub mark: u64,
    pub last_id: Ulid,
    pub live: Vec<Live>,
    pub finished: Vec<Ended>,
    /// Requests that ended because nobody could read their payload: it is kept.
    pub unread: Vec<Ulid>,
    /// Whether this incarnation of the object has taken a step.
    pub begun: bool,
    pub stopping: bool,
    /// Every attempt whose fetch left.
    pub history: Vec<Attempt>,
}

impl std::fmt::Debug for Model {
    /// What was drawn; the rest follows from the transitions.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.setup.fmt(f)
    }
}

impl Model {
    pub fn new(setup: Setup, clock: u64) -> Self {
        Self {
            setup,
            clock,
            alarm: None,
            known_alarm: None,
            epoch: 0,
            mark: 0,
            last_id: Ulid::nil(),
            live: Vec::new(),
            finished: Vec::new(),
            unread: Vec::new(),
            begun: false,
            stopping: false,
            history: Vec::new(),
        }
    }

    /// The machine's time: never below the stored mark (S17).
    pub fn now(&self) -> u64 {
        self.clock.max(self.mark)
    }

    /// The instance dies, and with it all that was under way; another one stands ready.
    pub fn restart(&mut self) {
        self.begun = false;
        self.stopping = false;
        self.known_alarm = if self.setup.reads_alarm { self.alarm } else { None };
    }

    pub fn stored_alarm(&mut self, at: u64) {
        self.alarm = Some(at);
        self.known_alarm = Some(at);
    }

    /// These effects have left.
    pub fn sent(&mut self, effects: &[Effect]) {
        self.history.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Fetch { attempt, .. } => Some(*attempt),
            Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Reply { .. } | Effect::Report(_) => None,
        }));
    }

    /// Attempts whose fetches run in this incarnation.
    pub fn running(&self) -> Vec<Attempt> {
        let live = self.live.iter().filter(|one| self.begun && matches!(one.state, State::InFlight { .. }));
        live.map(|one| self.attempt(one)).collect()
    }

    /// Attempts whose callbacks run in this incarnation, with their outcomes.
    pub fn calls(&self) -> Vec<(Attempt, Outcome)> {
        let call = |one: &Live| match one.state {
            State::Delivering { outcome, until: Some(_) } if self.begun => Some((self.attempt(one), outcome)),
            State::Delivering { .. } | State::Queued { .. } | State::InFlight { .. } => None,
        };
        self.live.iter().filter_map(call).collect()
    }

    /// Eligible requests that wait.
    pub fn eligible(&self) -> Vec<Ulid> {
        let now = self.now();
        let is_eligible = |one: &&Live| matches!(one.state, State::Queued { not_before } if not_before <= now);
        self.live.iter().filter(is_eligible).map(|one| one.id).collect()
    }

    /// All that time will bring, the earliest first.
    pub fn deadlines(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.finished.iter().map(|one| one.at + DEDUPE_WINDOW_MS).collect();
        for one in &self.live {
            match one.state {
                State::Queued { not_before } => all.extend([not_before, expires(one.id)]),
                State::InFlight { lease_until } => all.extend([lease_until, expires(one.id)]),
                State::Delivering { until, .. } => all.extend(until),
            }
        }
        all.sort_unstable();
        all
    }

    /// A turn at the present clock.
    pub fn turn(&mut self, told: &[Told], seen: &dyn Seen) -> Predicted {
        let mut out = Predicted::default();
        for one in told {
            self.step(one, seen, &mut out);
        }
        out
    }

    fn step(&mut self, told: &Told, seen: &dyn Seen, out: &mut Predicted) {
        let now = self.now();
        let before = std::mem::take(&mut out.changed);
        self.forget(now, out);
        if !self.begun {
            self.begin_incarnation(now, seen, out);
        }
        match told {
            Told::Start => {}
            Told::Tick => {
                let known = self.known_alarm.take();
                out.fired.get_or_insert(known);
            }
            Told::Stop => self.stopping = true,
            Told::Enqueue { name, profile, entropy } => {
                let reply = self.enqueue(now, name, *profile, *entropy, out);
                self.reply(reply.map(|id| Reply::Accepted { id }), out);
            }
            Told::Invalid(wrong) => self.reply(Err(wrong.refusal()), out),
            Told::Cancel { name } => {
                let reply = self.cancel(now, name, out);
                self.reply(reply.map(|id| Reply::Cancelled { id }), out);
            }
            Told::Status { name } => self.reply(self.status(name).map(Reply::Status), out),
            Told::Fetched { attempt, end } => self.fetched(now, *attempt, *end, seen, out),
            Told::Delivered { attempt, result } => self.delivered(now, *attempt, *result, out),
        }
        // What time brings comes after the event: a late success is accepted (S10).
        self.time_brings(now, seen, out);
        self.call_back(now, out);
        self.fetch(now, out);
        let polled = matches!(told, Told::Tick) && self.poll(self.mark).is_some_and(|at| at <= now);
        if out.changed || polled {
            self.mark = now;
            out.changed = true;
        }
        out.changed |= before;
    }

    fn reply(&self, reply: Result<Reply, Refusal>, out: &mut Predicted) {
        let reply = reply.unwrap_or_else(Reply::Refused);
        out.effects.push(Effect::Reply { caller: CALLER, reply });
    }

    pub(super) fn attempt(&self, one: &Live) -> Attempt {
        Attempt { id: one.id, number: one.attempts, epoch: self.epoch }
    }

    pub(super) fn options(&self, profile: usize) -> proxy_fetch::Options {
        self.setup.profiles[profile].options
    }

    pub(super) fn position(&self, id: Ulid) -> Option<usize> {
        self.live.iter().position(|one| one.id == id)
    }

    /// The dedupe window (S6).
    fn forget(&mut self, now: u64, out: &mut Predicted) {
        let before = self.finished.len();
        self.finished.retain(|one| now < one.at + DEDUPE_WINDOW_MS);
        out.changed |= self.finished.len() < before;
    }

    /// The periodic wake-up, counted from a time.
    fn poll(&self, from: u64) -> Option<u64> {
        if !self.eligible().is_empty() {
            Some(from + CAPACITY_POLL_MS)
        } else if self.live.iter().any(|one| matches!(one.state, State::InFlight { .. })) {
            Some(from + HEARTBEAT_MS)
        } else {
            None
        }
    }

    /// From when and until when an alarm must stand after a turn (L1); never for the present millisecond (L3).
    pub fn wake(&self) -> Option<Wake> {
        let now = self.now();
        let mut all = Vec::new();
        for one in &self.live {
            match one.state {
                State::Queued { not_before } if not_before > now => all.extend([not_before, expires(one.id)]),
                State::Queued { .. } => all.push(expires(one.id)),
                State::InFlight { lease_until } => all.extend([lease_until, expires(one.id)]),
                State::Delivering { until, .. } => all.extend(until),
            }
        }
        if self.live.is_empty() {
            // At rest the remembered requests are forgotten, all at once.
            all.extend(self.finished.last().map(|one| one.at + DEDUPE_WINDOW_MS));
        }
        let earliest = |poll: Option<u64>| all.iter().copied().chain(poll).min().map(|at| at.max(self.clock + 1));
        Some(Wake { from: earliest(self.poll(self.mark))?, until: earliest(self.poll(now))? })
    }
}
