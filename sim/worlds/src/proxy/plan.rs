//! What a run is made of: who does what when, which faults there are and how often, how large everything is.

use super::profile::Profile;
use crate::history::ledger::Planned;
use durable_sim::{Chance, DAY, Eviction, Fault, Faults, MINUTE, Micros, SECOND, Script, Sizes, fields, words};
use proxy_fetch::{Config, Options, limits};
use std::{collections::BTreeMap, fmt};

/// How often the world around the object misbehaves, per occasion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorldFaults {
    /// F9: a replaced instance runs on, per fetch that waits for a connection.
    pub zombie: Chance,
    /// F21, per fetch.
    pub fetch_fails: Chance,
    /// F22, per fetch.
    pub body_fails: Chance,
    /// F24: a status other than 200, per fetch.
    pub odd_status: Chance,
    /// F24: a redirect, per fetch.
    pub redirects: Chance,
    /// The upstream never answers, per fetch.
    pub stalls: Chance,
    /// F25: a call or a reply is lost, per call.
    pub call_lost: Chance,
    /// F25: the caller sends the same call again, per call.
    pub call_repeated: Chance,
    /// F26, per callback.
    pub callback_fails: Chance,
    /// F26: a callback's handler enqueues a request, per callback.
    pub callback_enqueues: Chance,
    /// F27: a stored row becomes unreadable, per restart.
    pub row_corrupt: Chance,
    /// F28: a fetch or a timer is over the quota, per fetch.
    pub over_quota: Chance,
    /// F33: a stored row is of another version until the run heals, per restart.
    pub row_foreign: Chance,
}

/// A request that a caller will hand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// When.
    pub at: Micros,
    /// How it is to be fetched.
    pub options: Options,
    /// Whether anybody is called back.
    pub callback: bool,
    /// Bytes of its body.
    pub body: u32,
    /// `Some`: malformed in this way (F32), and to be refused.
    pub malformed: Option<Malformed>,
    /// When its caller gives it up.
    pub cancel_at: Option<Micros>,
    /// When its caller asks for its status.
    pub status_at: Option<Micros>,
    /// When somebody hands in a different request under its id.
    pub conflict_at: Option<Micros>,
    /// How long its upstream takes, in µs, at the most.
    pub service_us: Micros,
}

impl Default for PlannedRequest {
    /// Handed in at once, with default options, by a caller who wants to be called back; answered quickly.
    fn default() -> Self {
        Self {
            at: 0,
            options: Options::default(),
            callback: true,
            body: 0,
            malformed: None,
            cancel_at: None,
            status_at: None,
            conflict_at: None,
            service_us: 1_000,
        }
    }
}

/// How a request is malformed (F32): a number that `callers.rs` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub(super) u8);

words!(Malformed {
    Malformed(0) => "eleven_retries",
    Malformed(1) => "negative_timeout",
    Malformed(2) => "no_retry_delay",
    Malformed(3) => "loopback_address",
    Malformed(4) => "file_url",
    Malformed(5) => "connect_method",
    Malformed(6) => "body_too_large",
    Malformed(7) => "header_injection",
    Malformed(8) => "foreign_callback",
    Malformed(9) => "url_too_long",
    Malformed(10) => "too_many_headers",
    Malformed(11) => "short_max_retry_delay",
});

/// How an instance is lost in between turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// A crash (F1, F7).
    #[default]
    Crash,
    /// A deploy (F8).
    Deploy,
    /// A kill of the isolate with all objects in it (F11).
    IsolateKilled,
}

words!(How { How::Crash => "crash", How::Deploy => "deploy", How::IsolateKilled => "isolate_killed" });

impl How {
    /// The fault of the platform.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Crash => Fault::CRASH,
            Self::Deploy => Fault::DEPLOY,
            Self::IsolateKilled => Fault::ISOLATE_KILLED,
        }
    }
}

/// When an instance is lost in between turns, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reset {
    /// When.
    pub at: Micros,
    /// How.
    pub how: How,
}

/// When the storage is full (F27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Full {
    /// From when.
    pub from: Micros,
    /// For how long.
    pub length: Micros,
}

fields!(PlannedRequest {
    /// When it is handed in.
    at: moment "at_ms",
    /// It is malformed in this way, and to be refused.
    malformed: word<Malformed> "malformed",
    /// Bytes of its body.
    body: whole "body_bytes" (0..=100_000),
    /// Whether anybody is called back.
    callback: flag "callback",
    /// Whether it may be sent at most once.
    options.at_most_once: flag "at_most_once",
    /// Attempts after the first.
    options.max_retries: whole "max_retries" (0..=1_000, tries [0, 1, 10]),
    /// The least time before the first retry, in ms.
    options.retry_delay_ms: whole "retry_delay_ms" (0..=1_000_000_000),
    /// The least time before a later retry, at the most, in ms.
    options.max_retry_delay_ms: whole "max_retry_delay_ms" (0..=1_000_000_000),
    /// Whether an answer from 500 to 599 is retried.
    options.retry_on_5xx: flag "retry_on_5xx",
    /// The time of an attempt, in ms.
    options.timeout_ms: whole "timeout_ms" (0..=1_000_000_000),
    /// How long its upstream takes at the most. Plain is the least, which is a 50th.
    service_us: time "service_ms" (0..=DAY),
    /// When its caller asks how it is.
    status_at: moment "status_at_ms",
    /// When somebody hands in another request under its id.
    conflict_at: moment "conflict_at_ms",
    /// When its caller gives it up.
    cancel_at: moment "cancel_at_ms",
});

fields!(Reset {
    /// When.
    at: moment "at_ms",
    /// How.
    how: word<How> "how",
});

fields!(Full {
    /// From when.
    from: moment "from_ms",
    /// For how long.
    length: time "for_ms",
});

fields!(Plan {
    /// Which laws: without faults, the strict ones too.
    profile: word<Profile> "profile",
    /// When faults cease.
    heal_at: moment "heal_at_ms",
    /// One-way time of a message at the most. Plain is the least, which is a quarter.
    network_us: time "network_ms" (0..=DAY),
    /// Whether a connection is free again when the response's head has come, or only at its end.
    slot_until_head: flag "connection_until_head",
    /// Live requests at the most.
    config.max_live: whole "max_live" (1..=100_000),
    /// Requests, live and remembered ones, whose ids are known at the most.
    config.max_known: whole "max_known" (1..=1_000_000),
});

fields!(WorldFaults {
    /// A replaced instance runs on, per fetch that waits for a connection.
    zombie: chance "zombie",
    /// A fetch fails.
    fetch_fails: chance "fetch_fails",
    /// A response's body fails.
    body_fails: chance "body_fails",
    /// A status other than 200, per fetch.
    odd_status: chance "odd_status",
    /// A redirect, per fetch.
    redirects: chance "redirects",
    /// The upstream never answers, per fetch.
    stalls: chance "stalls",
    /// A call or a reply is lost, per call.
    call_lost: chance "call_lost",
    /// The caller sends the same call again, per call.
    call_repeated: chance "call_repeated",
    /// A callback fails.
    callback_fails: chance "callback_fails",
    /// A callback's handler enqueues a request, per callback.
    callback_enqueues: chance "callback_enqueues",
    /// A stored row becomes unreadable, per restart.
    row_corrupt: chance "row_corrupt",
    /// A fetch or a timer is over the quota, per fetch.
    over_quota: chance "over_quota",
    /// A stored row is of another version until the run heals, per restart.
    row_foreign: chance "row_foreign",
});

/// A run, drawn from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The profile it was drawn for.
    pub profile: Profile,
    /// The platform's faults.
    pub faults: Faults,
    /// The world's faults.
    pub world: WorldFaults,
    /// The platform's sizes.
    pub sizes: Sizes,
    /// The object's configuration.
    pub config: Config,
    /// One-way time of a message at the most, in µs.
    pub network_us: Micros,
    /// Whether a connection is free again when the response's head has come (or only at its end).
    pub slot_until_head: bool,
    /// When faults cease.
    pub heal_at: Micros,
    /// The requests, by their numbers.
    pub requests: BTreeMap<Planned, PlannedRequest>,
    /// When an instance is lost in between turns, by number.
    pub resets: BTreeMap<u32, Reset>,
    /// When the storage is full.
    pub storage_full: Vec<Full>,
    /// The seed that decisions are drawn from; `None`: there are none but those of the script.
    pub seed: Option<u64>,
    /// What is decided already.
    pub script: Script,
}

impl Default for Plan {
    /// A plan in which nothing is but the plainest: no requests, no faults (and a minute until they would cease).
    fn default() -> Self {
        Self {
            profile: Profile::Swarm,
            faults: Faults::default(),
            world: WorldFaults::default(),
            sizes: Sizes::default(),
            config: Self::config(),
            network_us: 1_000,
            slot_until_head: false,
            heal_at: MINUTE,
            requests: BTreeMap::new(),
            resets: BTreeMap::new(),
            storage_full: Vec::new(),
            seed: None,
            script: Script::default(),
        }
    }
}

impl Plan {
    /// What the object is configured with.
    pub(crate) fn config() -> Config {
        Config {
            callbacks: vec![proxy_fetch::AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
            max_request_body_bytes: 4_096,
            ..Config::default()
        }
    }

    fn count(&self, how: How) -> usize {
        self.resets.values().filter(|reset| reset.how == how).count()
    }
}

impl fmt::Display for Plan {
    /// The mix in one line, for the head of a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_most_once = self.requests.values().filter(|request| request.options.at_most_once).count();
        write!(
            f,
            "{} requests ({at_most_once} at most once), {} in flight at most; faults until {}.{:03}s:",
            self.requests.len(),
            limits::MAX_IN_FLIGHT,
            self.heal_at / SECOND,
            self.heal_at / 1_000 % 1_000
        )?;
        let percent = |chance: Chance| f64::from(chance.0) / 10_000.0;
        let rates = [
            ("crash after commit", self.faults.crash_after_commit),
            ("crash before commit", self.faults.crash_before_commit),
            ("commit fails", self.faults.commit_fails),
            ("commit slow", self.faults.commit_slow),
            ("exception", self.faults.exception),
            ("zombie", self.world.zombie),
            ("ghost restart", self.faults.ghost_restart),
            ("constructor throws", self.faults.constructor_throws),
            ("alarm late", self.faults.alarm_late),
            ("alarm twice", self.faults.alarm_twice),
            ("alarm stale", self.faults.alarm_stale),
            ("alarm fails", self.faults.alarm_fails),
            ("alarm hangs", self.faults.alarm_hangs),
            ("alarm stuck", self.faults.alarm_stuck),
            ("fetch fails", self.world.fetch_fails),
            ("body fails", self.world.body_fails),
            ("odd status", self.world.odd_status),
            ("redirects", self.world.redirects),
            ("stalls", self.world.stalls),
            ("call lost", self.world.call_lost),
            ("call repeated", self.world.call_repeated),
            ("callback fails", self.world.callback_fails),
            ("callback enqueues", self.world.callback_enqueues),
            ("row corrupt", self.world.row_corrupt),
            ("over quota", self.world.over_quota),
            ("row foreign", self.world.row_foreign),
        ];
        let mut none = true;
        for (name, chance) in rates {
            if chance != Chance::NEVER {
                write!(f, " {name} {}%,", percent(chance))?;
                none = false;
            }
        }
        let counts = [
            ("crashes", self.count(How::Crash)),
            ("deploys", self.count(How::Deploy)),
            ("isolate kills", self.count(How::IsolateKilled)),
            ("full storage", self.storage_full.len()),
        ];
        for (name, count) in counts {
            if count > 0 {
                write!(f, " {count} {name},")?;
                none = false;
            }
        }
        if self.faults.eviction != Eviction::Never {
            write!(f, " eviction {:?},", self.faults.eviction)?;
            none = false;
        }
        if self.faults.clock_skew_ms > 0 {
            write!(f, " clocks {} ms apart,", self.faults.clock_skew_ms)?;
            none = false;
        }
        f.write_str(if none { " none" } else { " no more" })
    }
}
