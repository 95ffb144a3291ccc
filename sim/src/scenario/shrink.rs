//! A failing plan made small: what is not needed for the same law to break is taken out here, and what is left is made
//! plain in `simplify.rs`.

use super::{file::Scenario, says::to_first_break};
use crate::{
    campaign::command,
    engine::{Faults, Place, Script, Value, ddmin},
    planting::planted_name,
    proxy::{
        Plan, Report, Watch,
        plan::{PlannedRequest, WorldFaults},
        run_plan,
    },
};
use std::{
    fmt,
    path::Path,
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
    /// The run of the small plan, with its trace, which ends as the law breaks.
    pub report: Report,
    /// The command that made it, if a seed alone says what it was made of.
    pub command: Option<String>,
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
    let profile = plan.profile;
    let command = (plan == Plan::draw(seed, profile)).then(|| command("shrink", seed, profile));
    let (plan, report) = written_out(seed, plan);
    let (step, violation) = report.violation?;
    let shrunk = shrink(plan, violation.law, step, most)?;
    Some(Shrunk { command, ..shrunk })
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
    work.put_in_order();
    let mut report = run_plan(0, work.plan.clone(), Watch { lines: true, ..Watch::default() });
    report.lines = to_first_break(&report.lines);
    // The trace has the names of requests; the violation has their ULIDs.
    let about = report.lines.last().map(|line| line.what.replace('\n', "; ")).unwrap_or_default();
    let scenario =
        Scenario { about, law: Some(law.to_owned()), bug: planted_name().map(str::to_owned), plan: work.plan };
    Some(Shrunk {
        items_before,
        items: scenario.plan.items(),
        scenario,
        runs: work.runs,
        took: began.elapsed(),
        report,
        command: None,
    })
}

impl Shrunk {
    /// The scenario with the commands that run it and that made it, to be written to this file.
    #[must_use]
    pub fn to_text(&self, file: Option<&Path>) -> String {
        let mut text = self.scenario.to_text();
        // Below what the law and the bug are.
        let head: usize = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.len() + 1).sum();
        let run = file.map(|file| format!("# cargo sim scenario {} runs it.\n", file.display()));
        let made = self.command.as_ref().map(|command| format!("# {command} made it.\n"));
        text.insert_str(head, &run.into_iter().chain(made).collect::<String>());
        text
    }
}

impl fmt::Display for Shrunk {
    /// The scenario, its trace, and how small it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.to_text(None))?;
        for line in &self.report.lines {
            writeln!(f, "{line}")?;
        }
        let Self { items, items_before, runs, took, .. } = self;
        writeln!(f, "\n{items} items are left of {items_before}; {runs} runs in {} ms", took.as_millis())
    }
}

/// One decision of a script.
pub(super) type Decided = (Place, String, Value);

/// A plan that is being made small.
pub(super) struct Work {
    pub(super) plan: Plan,
    law: &'static str,
    /// Runs are given up after this step.
    until: u64,
    runs: u64,
    deadline: Instant,
}

impl Work {
    /// Whether the plan breaks the law. When time is up nothing does.
    pub(super) fn fails(&mut self, plan: &Plan) -> bool {
        if now() >= self.deadline {
            return false;
        }
        self.runs += 1;
        let report = run_plan(0, plan.clone(), Watch { until: Some(self.until), ..Watch::default() });
        report.violation.is_some_and(|(_, violation)| violation.law == self.law)
    }

    /// Keeps a change if the law still breaks.
    pub(super) fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
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

    /// Of most decisions it takes one run to know that they are not needed: it did not come to them.
    fn take_out_unplayed(&mut self) {
        let report = run_plan(0, self.plan.clone(), Watch { until: Some(self.until), ..Watch::default() });
        self.runs += 1;
        let never =
            |(place, name, _): &Decided| report.unplayed.0.get(place).is_some_and(|names| names.contains_key(name));
        self.attempt(|plan| keep_decisions(plan, |decided| !never(decided)));
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
        self.take_out_unplayed();
        self.thin_out(self.plan.resets.clone(), |plan, left| plan.resets = left.to_vec());
        self.take_out_lives();
        self.thin_out(self.plan.storage_full.clone(), |plan, left| plan.storage_full = left.to_vec());
        self.thin_out(decisions(&self.plan), set_decisions);
        self.take_out_with_turns();
    }
}

pub(super) fn decisions(plan: &Plan) -> Vec<Decided> {
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
