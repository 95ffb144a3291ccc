//! What a seed makes of a plan before its run.

use super::{
    plan::{Full, How, Malformed, Plan, PlannedRequest, Reset, WorldFaults},
    profile::Profile,
};
use crate::history::ledger::Planned;
use durable_sim::{Chance, Draw, Draws, Eviction, Faults, MINUTE, Micros, SECOND, Script, Sizes};
use proxy_fetch::Options;
use std::collections::BTreeMap;

impl Plan {
    /// The plan of this seed.
    #[must_use]
    pub fn draw(seed: u64, profile: Profile) -> Self {
        let draws = Draws::new(seed);
        let mut draw = draws.at("plan", 0);
        let plan = match profile {
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
        };
        Self { seed: Some(seed), ..plan }
    }

    fn base(draw: &mut Draw, profile: Profile) -> Self {
        let commit_us = draw.pick(&[100, 1_000, 5_000]);
        Self {
            profile,
            faults: Faults::default(),
            world: WorldFaults::default(),
            sizes: Sizes {
                gather_us: draw.pick(&[0, 0, 100, 1_000]),
                commit_us,
                commit_spread_us: commit_us * draw.pick(&[0, 2, 19]),
                serial_commits: draw.below(2) == 0,
                ..Sizes::default()
            },
            config: Self::config(),
            network_us: draw.pick(&[500, 2_000, 20_000, 200_000]),
            slot_until_head: draw.below(2) == 0,
            heal_at: 0,
            requests: BTreeMap::new(),
            resets: BTreeMap::new(),
            storage_full: Vec::new(),
            seed: None,
            script: Script::default(),
        }
    }

    fn calm(draws: &Draws, draw: &mut Draw) -> Self {
        let mut plan = Self::base(draw, Profile::Calm);
        let count = draw.between(1, 40);
        let spread = draw.pick(&[0, SECOND, 10 * SECOND]);
        plan.requests = (0..count)
            .map(|number| {
                let mut draw = draws.at("request", number);
                let request = PlannedRequest {
                    at: draw.below(spread + 1),
                    options: Options::default(),
                    callback: draw.below(4) != 0,
                    body: draw.pick(&[0, 0, 10]),
                    malformed: None,
                    cancel_at: None,
                    status_at: (draw.below(4) == 0).then(|| draw.below(spread + 5 * SECOND)),
                    conflict_at: None,
                    service_us: 500_000,
                };
                (number as Planned, request)
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
            plan.config.max_known = draw.between(1, 60) as usize;
        }
        if draw.below(4) == 0 {
            plan.sizes.connections = draw.between(3, 6) as u32;
        }
        if draw.below(6) == 0 {
            plan.sizes.calls_per_second = draw.between(2, 60) as u32;
        }
        plan.faults = platform_faults(draw);
        let counts = [
            (How::Crash, draw.pick(&[0, 0, 0, 1, 1, 3, 8])),
            (How::Deploy, draw.pick(&[0, 0, 0, 1, 2])),
            (How::IsolateKilled, draw.pick(&[0, 0, 0, 1, 2])),
        ];
        plan.world = world_faults(draw);
        let is_full_once = draw.below(8) == 0;
        if draw.below(12) == 0 {
            // An outage: no upstream answers until the end, so that most requests grow old.
            plan.world.stalls = Chance::ALWAYS;
            plan.heal_at = spread + 40 * MINUTE;
        }
        let requests = (0..count).map(|number| (number as Planned, request(draws, number, spread, plan.heal_at)));
        plan.requests = requests.collect();
        let mut draw = draws.at("resets", 0);
        for (how, count) in counts {
            for _ in 0..count {
                let number = plan.resets.len() as u32;
                plan.resets.insert(number, Reset { at: draw.below(plan.heal_at + 1), how });
            }
        }
        if is_full_once {
            let from = draw.below(plan.heal_at + 1);
            plan.storage_full.push(Full { from, length: draw.pick(&[SECOND, 10 * SECOND, MINUTE]) });
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
    let mut draw = draws.at("request", number);
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
        malformed: (draw.below(20) == 0).then(|| draw.pick(<Malformed as durable_sim::Words>::ALL)),
        cancel_at: later(&mut draw, 8),
        status_at: later(&mut draw, 10),
        conflict_at: later(&mut draw, 15),
        service_us: draw.pick(&[1_000, 200_000, 200_000, 2 * SECOND, 20 * SECOND]),
    }
}
