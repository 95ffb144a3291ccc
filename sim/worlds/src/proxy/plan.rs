//! What a seed draws: who does what when, which faults there are and how often, how large everything is.

use super::profile::Profile;
use durable_sim::{Chance, Draw, Draws, Eviction, Fault, Faults, MINUTE, Micros, SECOND, Script, Sizes};
use proxy_fetch::{Config, Options, limits};
use std::fmt;

/// How often the world around the object misbehaves, per occasion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorldFaults {
    /// F9: a replaced instance runs on, per reset.
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
    pub malformed: Option<u8>,
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
    /// The requests, in order of their numbers; `None`: it was taken out.
    pub requests: Vec<Option<PlannedRequest>>,
    /// When an instance is lost in between turns, and how: a crash (F1, F7), a deploy (F8), or a kill of the isolate
    /// with all objects in it (F11).
    pub resets: Vec<(Micros, Fault)>,
    /// F27: from when to when the storage is full.
    pub storage_full: Vec<(Micros, Micros)>,
    /// The decisions that are not plain; `None`: all are drawn from the seed.
    pub script: Option<Script>,
}

/// What a world's draw is for.
pub(crate) mod purpose {
    pub const PLAN: u16 = 100;
    pub const REQUEST: u16 = 101;
    pub const RESETS: u16 = 102;
    pub const ENTROPY: u16 = 103;
    pub const CALL: u16 = 104;
    pub const REPLY: u16 = 105;
    pub const FETCH: u16 = 106;
    pub const CALLBACK: u16 = 107;
    pub const TAMPER: u16 = 108;
    pub const ZOMBIE: u16 = 109;
}

impl Plan {
    /// The plan of this seed.
    #[must_use]
    pub fn draw(seed: u64, profile: Profile) -> Self {
        let draws = Draws::new(seed);
        let mut draw = draws.at(purpose::PLAN, 0, 0, 0);
        match profile {
            Profile::Calm => Self::calm(&draws, &mut draw),
            Profile::Swarm => {
                let (low, high) = draw.pick(&[(1, 6), (1, 6), (1, 30), (5, 60), (20, 120), (100, 250)]);
                let count = draw.between(low, high);
                let spread = draw.pick(&[0, SECOND, 20 * SECOND, 5 * MINUTE, 5 * MINUTE, 35 * MINUTE]);
                Self::faulty(&draws, &mut draw, profile, count, spread)
            }
            Profile::Soak => {
                let count = draw.between(300, 1_000);
                let spread = draw.between(60, 600) * MINUTE;
                Self::faulty(&draws, &mut draw, profile, count, spread)
            }
        }
    }

    /// What the object is configured with.
    pub(crate) fn config() -> Config {
        Config {
            callbacks: vec![proxy_fetch::AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
            max_request_body_bytes: 4_096,
            ..Config::default()
        }
    }

    fn count(&self, fault: Fault) -> usize {
        self.resets.iter().filter(|(_, reset)| *reset == fault).count()
    }

    fn base(draw: &mut Draw, profile: Profile) -> Self {
        let commit_us_min = draw.pick(&[100, 1_000, 5_000]);
        Self {
            profile,
            faults: Faults::default(),
            world: WorldFaults::default(),
            sizes: Sizes {
                gather_us: draw.pick(&[0, 0, 100, 1_000]),
                commit_us_min,
                commit_us_max: commit_us_min * draw.pick(&[1, 3, 20]),
                serial_commits: draw.below(2) == 0,
                ..Sizes::default()
            },
            config: Self::config(),
            network_us: draw.pick(&[500, 2_000, 20_000, 200_000]),
            slot_until_head: draw.below(2) == 0,
            heal_at: 0,
            requests: Vec::new(),
            resets: Vec::new(),
            storage_full: Vec::new(),
            script: None,
        }
    }

    fn calm(draws: &Draws, draw: &mut Draw) -> Self {
        let mut plan = Self::base(draw, Profile::Calm);
        let count = draw.between(1, 40);
        let spread = draw.pick(&[0, SECOND, 10 * SECOND]);
        plan.requests = (0..count)
            .map(|number| {
                let mut draw = draws.at(purpose::REQUEST, 0, number, 0);
                Some(PlannedRequest {
                    at: draw.below(spread + 1),
                    options: Options::default(),
                    callback: draw.below(4) != 0,
                    body: draw.pick(&[0, 0, 10]),
                    malformed: None,
                    cancel_at: None,
                    status_at: (draw.below(4) == 0).then(|| draw.below(spread + 5 * SECOND)),
                    conflict_at: None,
                    service_us: 500_000,
                })
            })
            .collect();
        plan.heal_at = spread;
        plan
    }

    fn faulty(draws: &Draws, draw: &mut Draw, profile: Profile, count: u64, spread: Micros) -> Self {
        let mut plan = Self::base(draw, profile);
        plan.heal_at = spread + draw.pick(&[SECOND, 30 * SECOND, 3 * MINUTE, 10 * MINUTE, 40 * MINUTE]);
        if draw.below(5) == 0 {
            plan.config.max_live = draw.between(1, 40) as usize;
        }
        if draw.below(4) == 0 {
            plan.config.max_finished = draw.between(1, 10) as usize;
        }
        if draw.below(4) == 0 {
            plan.sizes.connections = draw.between(3, 6) as u32;
        }
        if draw.below(6) == 0 {
            plan.sizes.calls_per_second = draw.between(2, 60) as u32;
        }
        plan.faults = platform_faults(draw);
        let counts = [
            (Fault::CRASH, draw.pick(&[0, 0, 0, 1, 1, 3, 8])),
            (Fault::DEPLOY, draw.pick(&[0, 0, 0, 1, 2])),
            (Fault::ISOLATE_KILLED, draw.pick(&[0, 0, 0, 1, 2])),
        ];
        plan.world = world_faults(draw);
        let is_full_once = draw.below(8) == 0;
        if draw.below(12) == 0 {
            // An outage: no upstream answers until the end, so that most requests grow old.
            plan.world.stalls = Chance::ALWAYS;
            plan.heal_at = spread + 40 * MINUTE;
        }
        plan.requests = (0..count).map(|number| Some(request(draws, number, spread, plan.heal_at))).collect();
        let mut draw = draws.at(purpose::RESETS, 0, 0, 0);
        for (fault, count) in counts {
            plan.resets.extend((0..count).map(|_| (draw.below(plan.heal_at + 1), fault)));
        }
        if is_full_once {
            let from = draw.below(plan.heal_at + 1);
            plan.storage_full.push((from, from + draw.pick(&[SECOND, 10 * SECOND, MINUTE])));
        }
        plan
    }
}

/// A rate for one kind of fault in one seed: mostly none at all, else rare, or so frequent that little else happens.
fn rate(draw: &mut Draw) -> Chance {
    draw.pick(&[
        Chance::NEVER,
        Chance::NEVER,
        Chance::NEVER,
        Chance(2_000),
        Chance::percent(2),
        Chance::percent(10),
        Chance::percent(40),
    ])
}

/// As [`rate`], for faults that take the whole object along.
fn rare_rate(draw: &mut Draw) -> Chance {
    draw.pick(&[Chance::NEVER, Chance::NEVER, Chance::NEVER, Chance(1_000), Chance::percent(1), Chance::percent(6)])
}

fn platform_faults(draw: &mut Draw) -> Faults {
    Faults {
        crash_after_commit: rare_rate(draw),
        crash_at: None,
        crash_before_commit: rare_rate(draw),
        commit_fails: rare_rate(draw),
        commit_slow: rare_rate(draw),
        exception: rare_rate(draw),
        ghost_restart: rare_rate(draw),
        eviction: draw.pick(&[Eviction::Never, Eviction::Idle, Eviction::Busy]),
        constructor_throws: rate(draw),
        alarm_late: rate(draw),
        alarm_twice: rate(draw),
        alarm_stale: rate(draw),
        alarm_fails: rate(draw),
        alarm_abandoned: draw.below(2) == 0,
        alarm_hangs: if draw.below(6) == 0 { Chance::percent(1) } else { Chance::NEVER },
        alarm_stuck: if draw.below(5) == 0 { Chance::percent(5) } else { Chance::NEVER },
        clock_skew_ms: draw.pick(&[0, 0, 500, 5_000]),
    }
}

fn world_faults(draw: &mut Draw) -> WorldFaults {
    WorldFaults {
        zombie: rate(draw),
        fetch_fails: rate(draw),
        body_fails: rate(draw),
        odd_status: rate(draw),
        redirects: rare_rate(draw),
        stalls: rate(draw),
        call_lost: rate(draw),
        call_repeated: rate(draw),
        callback_fails: rate(draw),
        callback_enqueues: rare_rate(draw),
        row_corrupt: if draw.below(5) == 0 { Chance::percent(30) } else { Chance::NEVER },
        over_quota: rare_rate(draw),
        row_foreign: if draw.below(5) == 0 { Chance::percent(30) } else { Chance::NEVER },
    }
}

fn request(draws: &Draws, number: u64, spread: Micros, until: Micros) -> PlannedRequest {
    let mut draw = draws.at(purpose::REQUEST, 0, number, 0);
    let at = draw.below(spread + 1);
    let later = |draw: &mut Draw, one_in: u64| {
        (draw.below(one_in) == 0).then(|| {
            let most = draw.pick(&[SECOND, MINUTE, until]);
            at + draw.below(most + 1)
        })
    };
    let (retry_delay_ms, max_retry_delay_ms) = draw.pick(&[
        (1_000, 10_000),
        (1_000, 10_000),
        (100, 100),
        (100, 60_000),
        (60_000, 600_000),
        (600_000, 600_000),
    ]);
    PlannedRequest {
        at,
        options: Options {
            timeout_ms: draw.pick(&[30_000, 30_000, 100, 2_000, 300_000]),
            max_retries: draw.pick(&[3, 3, 0, 1, 10]),
            retry_delay_ms,
            max_retry_delay_ms,
            retry_on_5xx: draw.below(4) != 0,
            at_most_once: draw.below(5) == 0,
        },
        callback: draw.below(5) != 0,
        body: draw.pick(&[0, 0, 0, 100]),
        malformed: (draw.below(20) == 0).then(|| draw.below(u64::from(MALFORMED)) as u8),
        cancel_at: later(&mut draw, 8),
        status_at: later(&mut draw, 10),
        conflict_at: later(&mut draw, 15),
        service_us: draw.pick(&[1_000, 200_000, 200_000, 2 * SECOND, 20 * SECOND]),
    }
}

/// Kinds of malformed request; see `callers.rs`.
pub(super) const MALFORMED: u8 = 12;

impl fmt::Display for Plan {
    /// The mix in one line, for the head of a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_most_once = self.requests.iter().flatten().filter(|request| request.options.at_most_once).count();
        write!(
            f,
            "{} requests ({at_most_once} at most once), {} in flight at most; faults until {}.{:03}s:",
            self.requests.iter().flatten().count(),
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
            ("crashes", self.count(Fault::CRASH)),
            ("deploys", self.count(Fault::DEPLOY)),
            ("isolate kills", self.count(Fault::ISOLATE_KILLED)),
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
