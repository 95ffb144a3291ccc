//! What a seed draws before its run: settings, requests, crashes, and how often what goes wrong.

use super::plan::{Crash, DAY, Damage, Faults, Plan, Planned, PlannedRequest, Settings};
use crate::proxy::Profile;
use durable_sim::{Chance, Draw, Draws, MINUTE, Micros, SECOND};
use proxy_fetch::Options;
use std::collections::BTreeMap;

const HOUR: Micros = 60 * MINUTE;

impl Plan {
    /// The plan of this seed.
    #[must_use]
    pub fn draw(seed: u64, profile: Profile) -> Self {
        let draws = Draws::new(seed);
        match profile {
            Profile::Calm => Self::without_faults(&draws),
            Profile::Swarm => Self::swarm(&draws),
            Profile::Soak => Self::soak(&draws),
        }
    }

    /// Each seed draws its own mix of faults, rates and sizes.
    fn swarm(draws: &Draws) -> Self {
        let mut draw = draws.at("plan", 0);
        let has_large_batches = draw.below(10) == 0;
        let sizes = [(1, 4), (1, 12), (5, 40), (20, 100)];
        let (low, high) = if has_large_batches { (20, 60) } else { draw.pick(&sizes) };
        let count = draw.between(low, high);
        let spread = draw.pick(&[0, SECOND, 20 * SECOND, 5 * MINUTE, 35 * MINUTE]);
        let mut plan = Self::mixed(draws, &mut draw, count, spread);
        if has_large_batches {
            plan.fill_large_batches(draws);
        }
        plan
    }

    /// As swarm, with hundreds of requests over hours.
    fn soak(draws: &Draws) -> Self {
        let mut draw = draws.at("soak", 0);
        let count = draw.between(200, 500);
        let spread = draw.pick(&[HOUR, 3 * HOUR, 8 * HOUR]);
        Self::mixed(draws, &mut draw, count, spread)
    }

    /// Nothing fails, and nothing is deleted.
    fn without_faults(draws: &Draws) -> Self {
        let swarm = Self::swarm(draws);
        let settings = swarm.settings;
        let sound = |request: PlannedRequest| PlannedRequest { damage: None, ..request };
        Self {
            settings: Settings { max_retries: 50, retention: 4 * DAY, forgets_acks: false, ..settings },
            faults: Faults::default(),
            requests: swarm.requests.into_iter().map(|(number, request)| (number, sound(request))).collect(),
            crashes: Vec::new(),
        }
    }

    fn mixed(draws: &Draws, draw: &mut Draw, count: u64, spread: Micros) -> Self {
        let mut settings = settings(draw);
        settings.isolates = draw.between(1, 3) as usize;
        settings.max_remembered = if draw.below(8) == 0 { draw.between(1, 5) as usize } else { 10_000 };
        settings.heal_at = spread + draw.pick(&[SECOND, 30 * SECOND, 3 * MINUTE, 10 * MINUTE, 40 * MINUTE]);
        settings.forgets_acks = draw.below(3) == 0;
        let crashes = draw.pick(&[0, 0, 1, 3, 10]);
        let is_sound = draw.below(12) == 0;
        let mut faults = if is_sound { Faults::default() } else { faults(draw) };
        if draw.below(12) == 0 {
            // An outage: no upstream answers until the end, so that most requests grow old.
            faults.stalls = Chance::ALWAYS;
            settings.heal_at = spread + 40 * MINUTE;
        }
        let damaged = if draw.below(5) == 0 { Chance::percent(15) } else { Chance::NEVER };
        let crash = |number| {
            let mut draw = draws.at("crash", number);
            Crash { at: draw.below(settings.heal_at), isolate: draw.below(settings.isolates as u64) as usize }
        };
        Self {
            settings,
            faults,
            requests: requests(draws, count, spread, damaged),
            crashes: (0..if is_sound { 0 } else { crashes }).map(crash).collect(),
        }
    }

    /// Large batches of slow fetches: their time runs out.
    fn fill_large_batches(&mut self, draws: &Draws) {
        self.settings.max_batch = 100;
        self.settings.concurrency = 1;
        for (number, request) in &mut self.requests {
            let mut draw = draws.at("slow request", u64::from(*number));
            request.at = 0;
            request.options.timeout_ms = draw.pick(&[100_000, 300_000]);
            request.service_us = 4 * MINUTE;
        }
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
        retention: draw.pick(&[4 * DAY, 4 * DAY, 4 * DAY, 8 * MINUTE]),
        concurrency: draw.between(1, 3) as usize,
        ..Settings::default()
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
        within: draw.pick(&[SECOND / 20, SECOND, 20 * SECOND, 2 * MINUTE]),
        fetch_fails: rate(draw),
        stalls: rate(draw),
        body_fails: rate(draw),
        odd_status: rate(draw),
        late: rate(draw),
        unreported: draw.pick(&[Chance::NEVER, Chance::NEVER, Chance::percent(2), Chance::percent(10)]),
        callback_fails: rate(draw),
    }
}

/// Numbered in the order in which they come.
fn requests(draws: &Draws, count: u64, spread: Micros, damaged: Chance) -> BTreeMap<Planned, PlannedRequest> {
    let mut requests: Vec<_> = (0..count).map(|number| request(draws, number, spread, damaged)).collect();
    requests.sort_by_key(|request| request.at);
    (0..).zip(requests).collect()
}

fn request(draws: &Draws, number: u64, spread: Micros, damaged: Chance) -> PlannedRequest {
    let mut draw = draws.at("request", number);
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
