//! A failing plan made small: what is not needed for the same law to break is taken out, and what is left is made plain.

use super::file::Scenario;
use crate::{
    engine::{Faults, Micros, Place, Script, Value, ddmin, purpose, smallest},
    planting::planted_name,
    proxy::{
        Plan, Report, Watch,
        plan::{PlannedRequest, WorldFaults},
        run_plan,
    },
};
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// A plan is gone through again until nothing changes, but not more often.
const MAX_ROUNDS: usize = 6;

#[expect(clippy::disallowed_methods, reason = "shrinking is bounded in wall time; nothing simulated")]
fn now() -> Instant {
    Instant::now()
}

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The small plan, and the law that it breaks.
    pub scenario: Scenario,
    /// Items of the plan that the seed drew, as [`Plan::items`] counts them.
    pub items_before: usize,
    /// Items that are left.
    pub items: usize,
    /// Runs that it took.
    pub runs: u64,
    /// Time that it took.
    pub took: Duration,
    /// The run of the small plan, with its trace.
    pub report: Report,
}

/// A plan with the decisions that its run with this seed took, so that no seed plays a part any more; and that run.
#[must_use]
pub fn written_out(seed: u64, plan: Plan) -> (Plan, Report) {
    let report = run_plan(seed, plan.clone(), Watch { script: true, ..Watch::default() });
    let faults = Faults {
        eviction: plan.faults.eviction,
        alarm_abandoned: plan.faults.alarm_abandoned,
        clock_skew_ms: plan.faults.clock_skew_ms,
        ..Faults::default()
    };
    (Plan { faults, world: WorldFaults::default(), script: Some(report.script.clone()), ..plan }, report)
}

/// Shrinks the failing run of a plan with this seed, within `most`; `None`: it breaks no law.
#[must_use]
pub fn shrink_run(seed: u64, plan: Plan, most: Duration) -> Option<Shrunk> {
    let (plan, report) = written_out(seed, plan);
    let (step, violation) = report.violation?;
    shrink(plan, violation.law, step, most)
}

/// Shrinks a plan that breaks this law at this step, within `most`; `None`: it does not break it.
#[must_use]
pub fn shrink(plan: Plan, law: &'static str, step: u64, most: Duration) -> Option<Shrunk> {
    let began = now();
    let items_before = plan.items();
    let mut work = Work { plan, law, until: 2 * step + 10_000, runs: 0, deadline: began + most };
    if !work.fails(&work.plan.clone()) {
        return None;
    }
    for _ in 0..MAX_ROUNDS {
        let before = work.plan.clone();
        work.round();
        if work.plan == before || now() >= work.deadline {
            break;
        }
    }
    let report = run_plan(0, work.plan.clone(), Watch { lines: true, ..Watch::default() });
    let about = report.violation.as_ref().map(|(_, violation)| violation.to_string()).unwrap_or_default();
    let scenario =
        Scenario { about, law: Some(law.to_owned()), bug: planted_name().map(str::to_owned), plan: work.plan };
    Some(Shrunk {
        items_before,
        items: scenario.plan.items(),
        scenario,
        runs: work.runs,
        took: began.elapsed(),
        report,
    })
}

impl fmt::Display for Shrunk {
    /// The scenario, its trace, and how small it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario.to_text())?;
        for line in &self.report.lines {
            writeln!(f, "{line}")?;
        }
        let Self { items, items_before, runs, took, .. } = self;
        writeln!(f, "\n{items} items are left of {items_before}; {runs} runs in {} ms", took.as_millis())
    }
}

/// One decision of a script.
type Decided = (Place, String, Value);

struct Work {
    plan: Plan,
    law: &'static str,
    /// Runs are given up after this step.
    until: u64,
    runs: u64,
    deadline: Instant,
}

impl Work {
    /// Whether the plan breaks the law. When time is up nothing does.
    fn fails(&mut self, plan: &Plan) -> bool {
        if now() >= self.deadline {
            return false;
        }
        self.runs += 1;
        let report = run_plan(0, plan.clone(), Watch { until: Some(self.until), ..Watch::default() });
        report.violation.is_some_and(|(_, violation)| violation.law == self.law)
    }

    /// Keeps a change if the law still breaks.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.plan.clone();
        change(&mut plan);
        let fails = plan != self.plan && self.fails(&plan);
        if fails {
            self.plan = plan;
        }
        fails
    }

    /// Keeps the items of a list that are needed.
    fn thin_out<T: Clone>(&mut self, items: Vec<T>, put: impl Fn(&mut Plan, &[T])) {
        let base = self.plan.clone();
        let left = ddmin(items, |part| {
            let mut plan = base.clone();
            put(&mut plan, part);
            self.fails(&plan)
        });
        put(&mut self.plan, &left);
    }

    fn round(&mut self) {
        // What only takes time is most of a script, and seldom needed.
        self.attempt(|plan| keep_decisions(plan, |(_, _, value)| !matches!(value, Value::Number(_))));
        self.take_out();
        self.make_plain();
        self.make_early();
    }

    fn take_out(&mut self) {
        let requests: Vec<(usize, PlannedRequest)> = self
            .plan
            .requests
            .iter()
            .enumerate()
            .filter_map(|(number, request)| request.map(|request| (number, request)))
            .collect();
        self.thin_out(requests, |plan, left| {
            plan.requests.clear();
            for (number, request) in left {
                plan.set_request(*number, *request);
            }
        });
        self.thin_out(self.plan.resets.clone(), |plan, left| plan.resets = left.to_vec());
        self.thin_out(self.plan.storage_full.clone(), |plan, left| plan.storage_full = left.to_vec());
        self.thin_out(decisions(&self.plan), set_decisions);
    }

    /// Settings and requests as plain as can be.
    fn make_plain(&mut self) {
        let plain = Plan::plain();
        self.attempt(|plan| {
            plan.sizes = plain.sizes.clone();
            plan.config = plain.config.clone();
            plan.network_us = plain.network_us;
            plan.slot_until_head = plain.slot_until_head;
            plan.faults = plain.faults.clone();
        });
        self.attempt(|plan| plan.sizes = plain.sizes.clone());
        self.attempt(|plan| {
            (plan.sizes.commit_us_min, plan.sizes.commit_us_max) =
                (plain.sizes.commit_us_min, plain.sizes.commit_us_max);
        });
        self.attempt(|plan| plan.sizes.gather_us = plain.sizes.gather_us);
        self.attempt(|plan| plan.sizes.serial_commits = plain.sizes.serial_commits);
        self.attempt(|plan| plan.sizes.connections = plain.sizes.connections);
        self.attempt(|plan| plan.sizes.calls_per_second = plain.sizes.calls_per_second);
        self.attempt(|plan| plan.config = plain.config.clone());
        self.attempt(|plan| plan.network_us = plain.network_us);
        self.attempt(|plan| plan.slot_until_head = plain.slot_until_head);
        self.attempt(|plan| plan.faults = plain.faults.clone());
        self.attempt(|plan| plan.faults.eviction = plain.faults.eviction);
        self.attempt(|plan| plan.faults.clock_skew_ms = 0);
        self.attempt(|plan| plan.faults.alarm_abandoned = false);
        for number in 0..self.plan.requests.len() {
            self.make_request_plain(number);
        }
    }

    fn make_request_plain(&mut self, number: usize) {
        let plain = PlannedRequest::default();
        let changes: [fn(&mut PlannedRequest, &PlannedRequest); 12] = [
            |request, plain| *request = *plain,
            |request, plain| *request = PlannedRequest { at: request.at, ..*plain },
            |request, plain| request.options = plain.options,
            |request, plain| request.options.timeout_ms = plain.options.timeout_ms,
            |request, plain| request.options.max_retries = plain.options.max_retries,
            |request, plain| {
                request.options.retry_delay_ms = plain.options.retry_delay_ms;
                request.options.max_retry_delay_ms = plain.options.max_retry_delay_ms;
            },
            |request, plain| request.options.retry_on_5xx = plain.options.retry_on_5xx,
            |request, plain| request.options.at_most_once = plain.options.at_most_once,
            |request, plain| (request.callback, request.body) = (plain.callback, plain.body),
            |request, plain| (request.malformed, request.cancel_at) = (plain.malformed, plain.cancel_at),
            |request, plain| (request.status_at, request.conflict_at) = (plain.status_at, plain.conflict_at),
            |request, plain| request.service_us = plain.service_us,
        ];
        for change in changes {
            let Some(Some(request)) = self.plan.requests.get(number) else { return };
            let mut changed = *request;
            change(&mut changed, &plain);
            if self.attempt(|plan| plan.requests[number] = Some(changed)) && changed == plain {
                return;
            }
        }
    }

    /// Times and numbers as small as can be.
    fn make_early(&mut self) {
        self.least(0, |plan| plan.heal_at, |plan, at| plan.heal_at = at);
        for index in 0..self.plan.resets.len() {
            self.least(0, |plan| plan.resets[index].0, |plan, at| plan.resets[index].0 = at);
        }
        for number in 0..self.plan.requests.len() {
            type Time = fn(&mut PlannedRequest) -> Option<&mut Micros>;
            let times: [(Micros, Time); 5] = [
                (0, |request| Some(&mut request.at)),
                (PlannedRequest::default().service_us, |request| Some(&mut request.service_us)),
                (0, |request| request.cancel_at.as_mut()),
                (0, |request| request.status_at.as_mut()),
                (0, |request| request.conflict_at.as_mut()),
            ];
            for (low, time) in times {
                self.least(
                    low,
                    |plan| plan.requests[number].and_then(|mut request| time(&mut request).copied()).unwrap_or(0),
                    |plan, at| {
                        if let Some(Some(request)) = plan.requests.get_mut(number)
                            && let Some(time) = time(request)
                        {
                            *time = at;
                        }
                    },
                );
            }
        }
        for (place, name, value) in decisions(&self.plan) {
            if let Value::Number(_) = value {
                self.least(
                    0,
                    |plan| match decided(plan, place).and_then(|decided| decided.get(&name)) {
                        Some(Value::Number(number)) => *number,
                        Some(Value::Yes | Value::Word(_)) | None => 0,
                    },
                    |plan, number| {
                        if let Some(decided) = decided_mut(plan, place) {
                            decided.insert(name.clone(), Value::Number(number));
                        }
                    },
                );
            }
        }
        self.move_places();
    }

    /// A number of the plan, as small as can be; in whole ms if that is enough.
    fn least(&mut self, low: Micros, get: impl Fn(&Plan) -> Micros, set: impl Fn(&mut Plan, Micros)) {
        let value = get(&self.plan);
        if value <= low {
            return;
        }
        let base = self.plan.clone();
        let mut fails = |number: u64| {
            let mut plan = base.clone();
            set(&mut plan, number);
            self.fails(&plan)
        };
        let unit = [60_000_000, 1_000_000, 1_000, 1].into_iter().find(|unit| {
            let rounded = value.div_ceil(*unit) * unit;
            rounded == value || (*unit < value && fails(rounded))
        });
        let unit = unit.unwrap_or(1);
        let number = |units: u64| (units * unit).max(low);
        let units = smallest(0, value.div_ceil(unit), |units| fails(number(units)));
        set(&mut self.plan, number(units));
    }

    /// What is decided at a numbered turn, commit, alarm or life, decided at an earlier one.
    fn move_places(&mut self) {
        let mut places: Vec<Place> = self
            .plan
            .script
            .iter()
            .flat_map(|script| script.0.keys())
            .filter(|place| is_numbered(place))
            .copied()
            .collect();
        places.dedup();
        for place in places {
            let base = self.plan.clone();
            let first = u64::from(place.purpose == purpose::COMMIT);
            let item = smallest(first, place.item, |item| {
                let mut plan = base.clone();
                move_place(&mut plan, place, item);
                self.fails(&plan)
            });
            move_place(&mut self.plan, place, item);
        }
    }
}

const fn is_numbered(place: &Place) -> bool {
    place.purpose < 100
}

fn move_place(plan: &mut Plan, place: Place, item: u64) {
    let to = Place { item, ..place };
    if let Some(script) = &mut plan.script
        && !script.0.contains_key(&to)
        && let Some(decided) = script.0.remove(&place)
    {
        script.0.insert(to, decided);
    }
}

fn decided(plan: &Plan, place: Place) -> Option<&BTreeMap<String, Value>> {
    plan.script.as_ref()?.0.get(&place)
}

fn decided_mut(plan: &mut Plan, place: Place) -> Option<&mut BTreeMap<String, Value>> {
    plan.script.as_mut()?.0.get_mut(&place)
}

fn decisions(plan: &Plan) -> Vec<Decided> {
    let places = plan.script.iter().flat_map(|script| &script.0);
    places
        .flat_map(|(place, decided)| decided.iter().map(|(name, value)| (*place, name.clone(), value.clone())))
        .collect()
}

fn set_decisions(plan: &mut Plan, left: &[Decided]) {
    let mut script = Script::default();
    for (place, name, value) in left {
        script.0.entry(*place).or_default().insert(name.clone(), value.clone());
    }
    plan.script = Some(script);
}

fn keep_decisions(plan: &mut Plan, keep: impl Fn(&Decided) -> bool) {
    let left: Vec<Decided> = decisions(plan).into_iter().filter(keep).collect();
    set_decisions(plan, &left);
}
