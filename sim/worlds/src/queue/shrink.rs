//! A failing seed made small: the requests, faults and settings that the broken law does not need are taken out of its
//! plan. The seed still draws what happens to those that are left.

use super::{
    Plan, Report, Watch, campaign,
    plan::{Faults, PlannedRequest},
    run_plan,
};
use crate::scenario::to_first_break;
use durable_sim::{Chance, Micros, Minimiser, SECOND, TimeUp, effort};
use proxy_fetch::Options;
use std::time::{Duration, Instant};

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
    /// Whether all was tried; otherwise time was up before.
    pub is_complete: bool,
    /// The run of the small plan, with its trace.
    pub report: Report,
}

struct Work {
    small: Minimiser<'static, Plan>,
}

#[expect(clippy::disallowed_methods, reason = "shrinking is bounded in wall time; nothing simulated")]
fn now() -> Instant {
    Instant::now()
}

/// Shrinks the failing run of a seed, within `most`; `None`: it breaks no law.
///
/// What is found when time is up is what is returned. One run that was begun before is not cut off.
#[must_use]
pub fn shrink_seed(seed: u64, most: Duration) -> Option<Shrunk> {
    let began = now();
    let plan = Plan::draw(seed);
    let items_before = items(&plan);
    let (step, violation) = run_plan(seed, plan.clone(), Watch::default()).violation?;
    let law = violation.law;
    // A plan that is smaller may take more steps to break the law, but not many times as many.
    let watch = Watch { until: Some(2 * step + 10_000), ..Watch::default() };
    let breaks = move |plan: &Plan| {
        let violation = run_plan(seed, plan.clone(), watch).violation;
        violation.is_some_and(|(_, violation)| violation.law == law)
    };
    let mut work = Work { small: Minimiser::new(plan, began + most, breaks) };
    let is_complete = work.all_rounds().is_ok();
    let runs = work.small.runs();
    let plan = work.small.into_plan();
    let mut report = run_plan(seed, plan.clone(), Watch { lines: true, ..Watch::default() });
    report.lines = to_first_break(&report.lines);
    Some(Shrunk { seed, items: items(&plan), plan, items_before, runs, took: began.elapsed(), is_complete, report })
}

impl Work {
    fn all_rounds(&mut self) -> Result<(), TimeUp> {
        for _ in 0..MAX_ROUNDS {
            let before = self.small.plan().clone();
            self.round()?;
            if *self.small.plan() == before {
                break;
            }
        }
        Ok(())
    }

    /// Keeps a change if the law still breaks.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> Result<bool, TimeUp> {
        self.small.attempt(change)
    }

    fn round(&mut self) -> Result<(), TimeUp> {
        let numbers: Vec<usize> = planned(self.small.plan()).map(|(number, _)| number).collect();
        self.small.thin_out(numbers, |plan, left| {
            for (number, request) in plan.requests.iter_mut().enumerate() {
                *request = request.filter(|_| left.contains(&number));
            }
        })?;
        self.attempt(|plan| plan.faults = Faults::default())?;
        for index in 0..rates(&mut Faults::default()).len() {
            self.attempt(|plan| *rates(&mut plan.faults)[index] = Chance::NEVER)?;
        }
        self.attempt(|plan| plan.faults.crashes = 0)?;
        self.attempt(|plan| plan.faults.forgets_acks = false)?;
        self.attempt(|plan| plan.isolates = 1)?;
        self.attempt(|plan| plan.max_remembered = 10_000)?;
        self.attempt(|plan| plan.settings.concurrency = 1)?;
        self.attempt(|plan| plan.settings.batch_timeout = 0)?;
        self.attempt(|plan| plan.settings.retry_delay = 0)?;
        let left: Vec<usize> = planned(self.small.plan()).map(|(number, _)| number).collect();
        for number in left {
            let changes: [fn(&mut PlannedRequest); 4] = [
                |request| request.options = Options::default(),
                |request| request.service_us = 1_000,
                |request| request.damage = None,
                |request| request.callback = true,
            ];
            for change in changes {
                self.attempt(|plan| plan.requests[number].iter_mut().for_each(change))?;
            }
            self.least(
                |plan| plan.requests[number].map_or(0, |request| request.at),
                |plan, at| plan.requests[number].iter_mut().for_each(|request| request.at = at),
            )?;
        }
        self.least(|plan| plan.heal_at, |plan, at| plan.heal_at = at)
    }

    /// A time, as small as can be: in whole seconds if that is enough.
    fn least(&mut self, get: impl Fn(&Plan) -> Micros, set: impl Fn(&mut Plan, Micros)) -> Result<(), TimeUp> {
        let value = get(self.small.plan());
        for unit in [SECOND, 1_000] {
            let most = value.div_ceil(unit);
            if value == 0 || !(most * unit == value || self.attempt(|plan| set(plan, most * unit))?) {
                continue;
            }
            return self.small.lower(0, most, |plan, units| set(plan, units * unit));
        }
        Ok(())
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

impl Shrunk {
    /// How small it is, and what that took.
    #[must_use]
    pub fn effort(&self) -> String {
        effort(self.items, self.items_before, self.runs, self.took, self.is_complete)
    }

    /// What is left of the plan, in words: the seed still draws what happens to it.
    #[must_use]
    pub fn plan_text(&self) -> String {
        let mut text = format!("# {} made it.\n{}\n", campaign::shrink_command(self.seed), self.plan);
        for (number, request) in planned(&self.plan) {
            text.push_str(&format!("  request {number} of the plan: {request}\n"));
        }
        text
    }
}
