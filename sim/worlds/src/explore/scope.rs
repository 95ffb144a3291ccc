//! What a search contains: how many of everything. All of it is finite, so that the search can end.

use durable_sim::nearest;
use proxy_fetch::limits;
use std::{fmt, str::FromStr};

/// A scope: what is there, and what may happen at any moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Requests, 1 to 8. They are alike, and each has a callback.
    pub requests: u8,
    /// Requests in flight at once, 1 to 5.
    pub slots: u8,
    /// Attempts of each request, 1 to 11.
    pub attempts: u8,
    /// Instances that are lost: by a crash between turns, by one after a commit and before or between its effects, or
    /// by a commit that fails. (A crash before a commit leaves the same as a commit that fails.)
    pub crashes: u8,
    /// Faults of the kinds below, all together.
    pub faults: u8,
    /// Which kinds of fault there are.
    pub kinds: Kinds,
    /// Time of an attempt in the host, in ms, 100 to 300,000. On the grid of 500 ms on which everything else happens
    /// there are the fewest states.
    pub timeout_ms: u32,
    /// Whether requests are sent at most once.
    pub at_most_once: bool,
    /// Whether only states that are equal in everything count as one; see `digest.rs`.
    pub exact: bool,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call that was answered comes again under the same id: its reply was lost, or it came twice. (A call whose
    /// reply was lost by a crash may always be repeated.)
    Repeat,
    /// The end of an attempt or a callback is reported that is no longer under way: of an earlier incarnation, given
    /// up, or reported before.
    Stale,
    /// An alarm comes 1 ms early.
    Early,
    /// An alarm comes 60 s late, or only when the oldest request expires.
    Late,
    /// An alarm comes though none is due and none is used up: the second of one alarm.
    Twice,
    /// An alarm that finds nothing is taken by itself; else time passes to the next alarm that finds something.
    Idle,
    /// A request is cancelled.
    Cancel,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Repeat, Self::Stale, Self::Early, Self::Late, Self::Twice, Self::Idle, Self::Cancel];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Stale => "stale",
            Self::Early => "early",
            Self::Late => "late",
            Self::Twice => "twice",
            Self::Idle => "idle",
            Self::Cancel => "cancel",
        }
    }
}

impl Kinds {
    /// All kinds.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether this kind is among them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromStr for Kinds {
    type Err = String;

    /// Reads `repeat,stale`, or `all`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::ALL);
        }
        let mut kinds = Self(0);
        for name in text.split(',') {
            let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
                let all = Kind::ALL.map(Kind::name);
                let near = nearest(name, all.into_iter().chain(["all"]));
                let near = Some(near).filter(|near| near.contains(" meant?")).unwrap_or_default();
                return Err(format!("{name:?} is none of {}, all{near}", all.join(", ")));
            };
            kinds.0 |= 1 << kind as u8;
        }
        Ok(kinds)
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Kind::ALL.into_iter().filter(|kind| self.has(*kind)).map(Kind::name).collect();
        f.write_str(&names.join(","))
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            requests: 2,
            slots: 1,
            attempts: 2,
            crashes: 1,
            faults: 0,
            kinds: Kinds::ALL,
            timeout_ms: 500,
            at_most_once: false,
            exact: false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, slots, attempts, crashes, faults, kinds, timeout_ms, at_most_once, exact } = *self;
        write!(f, "{requests} requests, {slots} slots, {attempts} attempts of {timeout_ms} ms")?;
        write!(f, "{}; ", if at_most_once { ", at most once" } else { "" })?;
        write!(f, "{crashes} crashes or failing commits, {faults} faults of the kinds {kinds}")?;
        f.write_str(if exact { "; exact" } else { "" })
    }
}

impl Scope {
    /// How long so many requests can be under way from some moment on, in ms: each attempt after the other, with its
    /// lease and the delay after it; then their callbacks, once more for each crash; and each alarm that is late by
    /// what the platform promises.
    pub(super) fn busy_ms(&self, requests: usize, crashes: u8, faults: u8) -> u64 {
        let attempt = u64::from(self.timeout_ms) + limits::LEASE_GRACE_MS + 2 * super::space::RETRY_DELAY_MS;
        let callback = limits::CALLBACK_TIMEOUT_MS + limits::LEASE_GRACE_MS;
        requests as u64 * u64::from(self.attempts) * attempt
            + callback * (1 + u64::from(crashes))
            + super::space::LATE_MS * u64::from(faults)
    }

    /// The options of `cargo sim search` that name this scope.
    #[must_use]
    pub fn options(&self) -> String {
        let Self { requests, slots, attempts, crashes, faults, kinds, timeout_ms, at_most_once, exact } = *self;
        let mut text = format!(
            "--requests {requests} --slots {slots} --attempts {attempts} --crashes {crashes} --faults {faults} \
             --kinds {kinds} --timeout-ms {timeout_ms}"
        );
        for (is_set, option) in [(at_most_once, " --at-most-once"), (exact, " --exact")] {
            if is_set {
                text.push_str(option);
            }
        }
        text
    }
}
