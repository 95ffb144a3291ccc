//! A failing seed made small: the requests, faults and settings that the broken law does not need are taken out of its
//! plan. The seed still draws what happens to those that are left.

use super::{
    Plan, Report, Watch, campaign,
    plan::{Faults, PlannedRequest},
    run_plan,
};
use crate::engine::{Chance, Micros, SECOND, ddmin, smallest};
use proxy_fetch::Options;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// A plan is gone through again until nothing changes, but not more often.
const MAX_ROUNDS: usize = 4;

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The seed.
    pub seed: u64,
    /// The plan that is left.
    pub plan: Plan,
    /// Requests and kinds of fault that the seed drew.
    pub items_before: usize,
    /// Those that are left.
    pub items: usize,
    /// Runs that it took.
    pub runs: u64,
    /// Time that it took.
    pub took: Duration,
    /// The run of the small plan, with its trace.
    pub report: Report,
}

struct Work {
    seed: u64,
    plan: Plan,
    law: &'static str,
    until: u64,
    runs: u64,
    deadline: Instant,
}

#[expect(clippy::disallowed_methods, reason = "shrinking is bounded in wall time; nothing simulated")]
fn now() -> Instant {
    Instant::now()
}

/// Shrinks the failing run of a seed, within `most`; `None`: it breaks no law.
#[must_use]
pub fn shrink_seed(seed: u64, most: Duration) -> Option<Shrunk> {
    let began = now();
    let plan = Plan::draw(seed);
    let items_before = items(&plan);
    let (step, violation) = run_plan(seed, plan.clone(), Watch::default()).violation?;
    let mut work = Work { seed, plan, law: violation.law, until: 2 * step + 10_000, runs: 1, deadline: began + most };
    for _ in 0..MAX_ROUNDS {
        let before = work.plan.clone();
        work.round();
        if work.plan == before || now() >= work.deadline {
            break;
        }
    }
    let Work { plan, runs, .. } = work;
    let report = run_plan(seed, plan.clone(), Watch { lines: true, ..Watch::default() });
    Some(Shrunk { seed, items: items(&plan), plan, items_before, runs, took: began.elapsed(), report })
}

impl Work {
    /// Whether the plan breaks the law. When time is up nothing does.
    fn fails(&mut self, plan: &Plan) -> bool {
        if now() >= self.deadline {
            return false;
        }
        self.runs += 1;
        let report = run_plan(self.seed, plan.clone(), Watch { until: Some(self.until), ..Watch::default() });
        report.violation.is_some_and(|(_, violation)| violation.law == self.law)
    }

    /// Keeps a change if the law still breaks.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) {
        let mut plan = self.plan.clone();
        change(&mut plan);
        if plan != self.plan && self.fails(&plan) {
            self.plan = plan;
        }
    }

    fn round(&mut self) {
        let base = self.plan.clone();
        let only = |left: &[usize]| {
            let mut plan = base.clone();
            for (number, request) in plan.requests.iter_mut().enumerate() {
                *request = request.filter(|_| left.contains(&number));
            }
            plan
        };
        let left = ddmin(planned(&base).map(|(number, _)| number).collect(), |left| self.fails(&only(left)));
        self.plan = only(&left);
        self.attempt(|plan| plan.faults = Faults::default());
        for index in 0..rates(&mut self.plan.faults).len() {
            self.attempt(|plan| *rates(&mut plan.faults)[index] = Chance::NEVER);
        }
        self.attempt(|plan| plan.faults.crashes = 0);
        self.attempt(|plan| plan.faults.forgets_acks = false);
        self.attempt(|plan| plan.isolates = 1);
        self.attempt(|plan| plan.max_remembered = 10_000);
        self.attempt(|plan| plan.settings.concurrency = 1);
        self.attempt(|plan| plan.settings.batch_timeout = 0);
        self.attempt(|plan| plan.settings.retry_delay = 0);
        for number in left {
            let changes: [fn(&mut PlannedRequest); 4] = [
                |request| request.options = Options::default(),
                |request| request.service_us = 1_000,
                |request| request.damage = None,
                |request| request.callback = true,
            ];
            for change in changes {
                self.attempt(|plan| plan.requests[number].iter_mut().for_each(change));
            }
            self.least(
                |plan| plan.requests[number].map_or(0, |request| request.at),
                |plan, at| plan.requests[number].iter_mut().for_each(|request| request.at = at),
            );
        }
        self.least(|plan| plan.heal_at, |plan, at| plan.heal_at = at);
    }

    /// A time, as small as can be: in whole seconds if that is enough.
    fn least(&mut self, get: impl Fn(&Plan) -> Micros, set: impl Fn(&mut Plan, Micros)) {
        for unit in [SECOND, 1_000] {
            let base = self.plan.clone();
            let value = get(&base);
            let with = |units: u64| {
                let mut plan = base.clone();
                set(&mut plan, units * unit);
                plan
            };
            let most = value.div_ceil(unit);
            if value == 0 || !self.fails(&with(most)) {
                continue;
            }
            let units = smallest(0, most, |units| self.fails(&with(units)));
            self.plan = with(units);
            return;
        }
    }
}

/// Requests that are planned, with their numbers.
fn planned(plan: &Plan) -> impl Iterator<Item = (usize, PlannedRequest)> {
    plan.requests.iter().enumerate().filter_map(|(number, request)| Some((number, (*request)?)))
}

fn items(plan: &Plan) -> usize {
    let mut faults = plan.faults.clone();
    let rates = rates(&mut faults).iter().filter(|rate| ***rate != Chance::NEVER).count();
    planned(plan).count() + rates + usize::from(plan.faults.crashes > 0) + usize::from(plan.faults.forgets_acks)
}

const fn rates(faults: &mut Faults) -> [&mut Chance; 14] {
    [
        &mut faults.duplicate,
        &mut faults.reorder,
        &mut faults.delay,
        &mut faults.cut,
        &mut faults.send_error,
        &mut faults.throw,
        &mut faults.hang,
        &mut faults.fetch_fails,
        &mut faults.stalls,
        &mut faults.body_fails,
        &mut faults.odd_status,
        &mut faults.late,
        &mut faults.unreported,
        &mut faults.callback_fails,
    ]
}

impl fmt::Display for Shrunk {
    /// The law, what is left of the plan, the trace, and how small it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((step, violation)) = &self.report.violation {
            writeln!(f, "# {violation} (step {step})")?;
        }
        writeln!(f, "# {} made it.", campaign::shrink_command(self.seed))?;
        writeln!(f, "{}", self.plan)?;
        for (number, request) in planned(&self.plan) {
            writeln!(f, "  request {number} of the plan: {request}")?;
        }
        writeln!(f)?;
        for line in &self.report.lines {
            writeln!(f, "{line}")?;
        }
        let Self { items, items_before, runs, took, .. } = self;
        writeln!(f, "\n{items} items are left of {items_before}; {runs} runs in {} ms", took.as_millis())
    }
}
