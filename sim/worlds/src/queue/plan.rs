//! What a seed draws: the queue's settings, who sends what when, which faults there are and how often.

use durable_sim::{Chance, Draw, Draws, MINUTE, Micros, SECOND};
use proxy_fetch::Options;
use std::fmt;

/// What a draw is for.
pub(super) mod purpose {
    pub const PLAN: u16 = 200;
    pub const REQUEST: u16 = 201;
    pub const SEND: u16 = 202;
    pub const PUMP: u16 = 203;
    pub const COPY: u16 = 204;
    pub const BATCH: u16 = 205;
    pub const FETCH: u16 = 206;
    pub const CALLBACK: u16 = 207;
    pub const CRASH: u16 = 208;
    pub const BACK: u16 = 209;
}

/// How a request's bytes are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nobody can ever read them.
    Corrupt,
    /// Of a version that consumers do not know until the run heals.
    Foreign,
}

/// A request that a producer will send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// When.
    pub at: Micros,
    /// How it is to be fetched.
    pub options: Options,
    /// Whether anybody is called back.
    pub callback: bool,
    /// How long its upstream takes, in µs, at the most.
    pub service_us: Micros,
    /// What is wrong with its bytes.
    pub damage: Option<Damage>,
}

/// The queue's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Messages in a batch at the most.
    pub max_batch: u32,
    /// How long the broker waits for a batch to fill.
    pub batch_timeout: Micros,
    /// Deliveries after the first.
    pub max_retries: u32,
    /// The delay of a redelivery that no consumer asked for.
    pub retry_delay: Micros,
    /// Whether there is a dead-letter queue.
    pub dead_letters: bool,
    /// Deliveries of a dead letter after the first.
    pub dead_letter_max_retries: u32,
    /// How long a message is kept.
    pub retention: Micros,
    /// Batches that an isolate works on at once.
    pub concurrency: usize,
}

/// How often the world misbehaves, per occasion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// F29, per delivery.
    pub duplicate: Chance,
    /// F29, per batch.
    pub reorder: Chance,
    /// F29, per redelivery: up to a minute.
    pub delay: Chance,
    /// F29, per batch: fewer messages than there are.
    pub cut: Chance,
    /// F29, per send: half of them stored all the same.
    pub send_error: Chance,
    /// F29, per batch: the invocation throws, at its end or before.
    pub throw: Chance,
    /// F29, per batch: the invocation stops and is killed at 15 minutes.
    pub hang: Chance,
    /// F1 and F29: isolates that crash over the fault phase.
    pub crashes: u32,
    /// F30: whether explicit acks are forgotten if the batch fails.
    pub forgets_acks: bool,
    /// F21, per fetch.
    pub fetch_fails: Chance,
    /// The upstream never answers, per fetch.
    pub stalls: Chance,
    /// F22, per fetch.
    pub body_fails: Chance,
    /// F24, per fetch.
    pub odd_status: Chance,
    /// F23, per fetch that was given up: it ends all the same.
    pub late: Chance,
    /// F7, per fetch and callback: its end is never reported.
    pub unreported: Chance,
    /// F26, per callback.
    pub callback_fails: Chance,
}

/// A run, drawn from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The queue's settings.
    pub settings: Settings,
    /// Isolates.
    pub isolates: u32,
    /// Requests that a consumer remembers.
    pub max_remembered: usize,
    /// The faults.
    pub faults: Faults,
    /// When they cease.
    pub heal_at: Micros,
    /// The requests, by number; one that was taken out is `None`.
    pub requests: Vec<Option<PlannedRequest>>,
}

impl Plan {
    /// The plan of this seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let draws = Draws::new(seed);
        let mut draw = draws.at(purpose::PLAN, 0, 0, 0);
        let (low, high) = draw.pick(&[(1, 4), (1, 12), (5, 40), (20, 100)]);
        let count = draw.between(low, high);
        let spread = draw.pick(&[0, SECOND, 20 * SECOND, 5 * MINUTE, 35 * MINUTE]);
        let mut plan = Self {
            settings: settings(&mut draw),
            isolates: draw.between(1, 3) as u32,
            max_remembered: if draw.below(8) == 0 { draw.between(1, 5) as usize } else { 10_000 },
            faults: if draw.below(12) == 0 { Faults::default() } else { faults(&mut draw) },
            heal_at: spread + draw.pick(&[SECOND, 30 * SECOND, 3 * MINUTE, 10 * MINUTE, 40 * MINUTE]),
            requests: Vec::new(),
        };
        if draw.below(12) == 0 {
            // An outage: no upstream answers until the end, so that most requests grow old.
            plan.faults.stalls = Chance::ALWAYS;
            plan.heal_at = spread + 40 * MINUTE;
        }
        let damaged = if draw.below(5) == 0 { Chance::percent(15) } else { Chance::NEVER };
        plan.requests = (0..count).map(|number| Some(request(&draws, number, spread, damaged))).collect();
        if draw.below(10) == 0 {
            // Large batches of slow fetches: their time runs out.
            plan.settings.max_batch = 100;
            plan.settings.concurrency = 1;
            for (number, request) in (0..).zip(plan.requests.iter_mut().flatten()) {
                let mut draw = draws.at(purpose::REQUEST, 1, number, 0);
                request.at = 0;
                request.options.timeout_ms = draw.pick(&[30_000, 100_000, 300_000]);
                request.service_us = 4 * MINUTE;
            }
        }
        plan
    }
}

fn settings(draw: &mut Draw) -> Settings {
    Settings {
        max_batch: draw.pick(&[1, 5, 10, 10, 100]),
        batch_timeout: draw.pick(&[0, SECOND, 5 * SECOND]),
        max_retries: draw.pick(&[50, 50, 50, 22, 3, 0]),
        retry_delay: draw.pick(&[0, SECOND, 10 * SECOND, 60 * SECOND]),
        dead_letters: draw.below(4) != 0,
        dead_letter_max_retries: draw.pick(&[100, 100, 100, 1]),
        retention: draw.pick(&[4 * 24 * 60 * MINUTE, 4 * 24 * 60 * MINUTE, 4 * 24 * 60 * MINUTE, 8 * MINUTE]),
        concurrency: draw.between(1, 3) as usize,
    }
}

/// A rate for one kind of fault in one seed: mostly none at all, else rare, or so frequent that little else happens.
fn rate(draw: &mut Draw) -> Chance {
    draw.pick(&[
        Chance::NEVER,
        Chance::NEVER,
        Chance::NEVER,
        Chance::percent(2),
        Chance::percent(10),
        Chance::percent(40),
    ])
}

fn faults(draw: &mut Draw) -> Faults {
    Faults {
        duplicate: rate(draw),
        reorder: rate(draw),
        delay: rate(draw),
        cut: rate(draw),
        send_error: rate(draw),
        throw: rate(draw),
        hang: draw.pick(&[Chance::NEVER, Chance::NEVER, Chance::percent(3), Chance::percent(20)]),
        crashes: draw.pick(&[0, 0, 1, 3, 10]),
        forgets_acks: draw.below(3) == 0,
        fetch_fails: rate(draw),
        stalls: rate(draw),
        body_fails: rate(draw),
        odd_status: rate(draw),
        late: rate(draw),
        unreported: draw.pick(&[Chance::NEVER, Chance::NEVER, Chance::percent(2), Chance::percent(10)]),
        callback_fails: rate(draw),
    }
}

fn request(draws: &Draws, number: u64, spread: Micros, damaged: Chance) -> PlannedRequest {
    let mut draw = draws.at(purpose::REQUEST, 0, number, 0);
    let (retry_delay_ms, max_retry_delay_ms) = draw.pick(&[
        (1_000, 10_000),
        (1_000, 10_000),
        (100, 100),
        (100, 60_000),
        (60_000, 600_000),
        (600_000, 600_000),
    ]);
    PlannedRequest {
        at: draw.below(spread + 1),
        options: Options {
            timeout_ms: draw.pick(&[30_000, 30_000, 100, 2_000, 300_000]),
            max_retries: draw.pick(&[3, 3, 0, 1, 10]),
            retry_delay_ms,
            max_retry_delay_ms,
            retry_on_5xx: draw.below(4) != 0,
            at_most_once: draw.below(12) == 0,
        },
        callback: draw.below(5) != 0,
        service_us: draw.pick(&[1_000, 200_000, 200_000, 2 * SECOND, 20 * SECOND]),
        damage: draw.chance(damaged).then(|| draw.pick(&[Damage::Corrupt, Damage::Foreign])),
    }
}

impl fmt::Display for PlannedRequest {
    /// When it is sent, and what of it is not as by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, options, callback, service_us, damage } = *self;
        write!(f, "at {}.{:03}s, served within {} ms", at / SECOND, at / 1_000 % 1_000, service_us / 1_000)?;
        let default = Options::default();
        let numbers = [
            ("timeout_ms", options.timeout_ms, default.timeout_ms),
            ("max_retries", options.max_retries, default.max_retries),
            ("retry_delay_ms", options.retry_delay_ms, default.retry_delay_ms),
            ("max_retry_delay_ms", options.max_retry_delay_ms, default.max_retry_delay_ms),
        ];
        for (name, value, _) in numbers.iter().filter(|(_, value, default)| value != default) {
            write!(f, ", {name} {value}")?;
        }
        if !options.retry_on_5xx {
            f.write_str(", not again after 5xx")?;
        }
        if options.at_most_once {
            f.write_str(", at most once")?;
        }
        if !callback {
            f.write_str(", nobody is called back")?;
        }
        match damage {
            None => Ok(()),
            Some(Damage::Corrupt) => f.write_str(", its bytes are corrupt"),
            Some(Damage::Foreign) => f.write_str(", of a version that is not known until faults cease"),
        }
    }
}

impl fmt::Display for Plan {
    /// The mix in one line, for the head of a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { max_batch, max_retries, dead_letters, retention, concurrency, .. } = self.settings;
        write!(
            f,
            "{} requests, batches of {max_batch}, {max_retries} redeliveries, dead letters {dead_letters}, kept {} min, \
             {} isolates × {concurrency}; faults until {}.{:03}s:",
            self.requests.iter().flatten().count(),
            retention / MINUTE,
            self.isolates,
            self.heal_at / SECOND,
            self.heal_at / 1_000 % 1_000
        )?;
        let faults = &self.faults;
        let rates = [
            ("duplicate", faults.duplicate),
            ("reorder", faults.reorder),
            ("delay", faults.delay),
            ("cut", faults.cut),
            ("send error", faults.send_error),
            ("throw", faults.throw),
            ("hang", faults.hang),
            ("fetch fails", faults.fetch_fails),
            ("stalls", faults.stalls),
            ("body fails", faults.body_fails),
            ("odd status", faults.odd_status),
            ("late", faults.late),
            ("unreported", faults.unreported),
            ("callback fails", faults.callback_fails),
        ];
        for (name, chance) in rates.iter().filter(|(_, chance)| *chance != Chance::NEVER) {
            write!(f, " {name} {}%,", f64::from(chance.0) / 10_000.0)?;
        }
        if faults.crashes > 0 {
            write!(f, " {} crashes,", faults.crashes)?;
        }
        write!(f, " acks {} if a batch fails", if faults.forgets_acks { "forgotten" } else { "kept" })
    }
}
