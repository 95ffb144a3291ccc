//! A failing plan made small: what is not needed for the same law to break is taken out here, and what is left is made
//! plain in `simplify.rs`.

use super::{file::Scenario, places::request_of, says::to_first_break};
use crate::{
    bugs::planted,
    campaign::command,
    proxy::{
        Plan, Report, Watch,
        plan::{PlannedRequest, WorldFaults},
        run_plan,
    },
};
use durable_sim::{Faults, Micros, Minimiser, Place, Script, TimeUp, Value, effort};
use std::{
    collections::BTreeSet,
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
    /// Whether all was tried; otherwise time was up before.
    pub is_complete: bool,
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
///
/// What is found when time is up is what is returned. A run that was begun before that is not cut off.
#[must_use]
pub fn shrink_run(seed: u64, plan: Plan, most: Duration) -> Option<Shrunk> {
    let deadline = now() + most;
    let profile = plan.profile;
    let command = (plan == Plan::draw(seed, profile)).then(|| command("shrink", seed, profile));
    let (plan, report) = written_out(seed, plan);
    Some(Shrunk { command, ..shrink_failing(plan, &report, most, deadline)? })
}

/// Shrinks a plan whose run this was.
fn shrink_failing(plan: Plan, report: &Report, most: Duration, deadline: Instant) -> Option<Shrunk> {
    let (step, violation) = report.violation.as_ref()?;
    let (law, end) = (violation.law, report.simulated);
    let items_before = plan.items();
    // A plan that is smaller may take more steps to break the law, but not many times as many.
    let watch = Watch { until: Some(2 * step + 10_000), ..Watch::default() };
    let breaks = move |plan: &Plan| {
        let violation = run_plan(0, plan.clone(), watch).violation;
        violation.is_some_and(|(_, violation)| violation.law == law)
    };
    let mut work = Work { small: Minimiser::new(plan, deadline, breaks), watch };
    let is_complete = work.all_rounds(end, &named(&violation.what)).is_ok();
    let runs = work.small.runs();
    let plan = work.small.into_plan();
    let mut report = run_plan(0, plan.clone(), Watch { lines: true, ..Watch::default() });
    report.lines = to_first_break(&report.lines);
    // The trace has the names of requests; the violation has their ULIDs.
    let about = report.lines.last().map(|line| line.what.replace('\n', "; ")).unwrap_or_default();
    let bug = planted().map(|bug| bug.name.clone());
    let scenario = Scenario { about, law: Some(law.to_owned()), bug, plan };
    Some(Shrunk {
        items_before,
        items: scenario.plan.items(),
        scenario,
        runs,
        took: (now() + most).saturating_duration_since(deadline),
        is_complete,
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

impl Shrunk {
    /// How small it is, and what that took.
    #[must_use]
    pub fn effort(&self) -> String {
        effort(self.items, self.items_before, self.runs, self.took, self.is_complete)
    }
}

/// From so many decisions on it takes too long to begin with single ones.
const MANY_DECISIONS: usize = 3_000;

/// One decision of a script.
pub(super) type Decided = (Place, String, Value);

/// A plan that is being made small.
pub(super) struct Work {
    pub(super) small: Minimiser<'static, Plan>,
    /// How each plan is run.
    watch: Watch,
}

impl Work {
    /// `end` is when the law broke, and `named` are the requests that it broke for, as far as it names them.
    fn all_rounds(&mut self, end: Micros, named: &BTreeSet<u64>) -> Result<(), TimeUp> {
        if decisions(self.plan()).len() >= MANY_DECISIONS {
            self.leave_alone(named)?;
        }
        self.take_out_what_comes_later(end)?;
        self.take_out_kinds()?;
        for _ in 0..MAX_ROUNDS {
            let before = self.plan().clone();
            self.round()?;
            if *self.plan() == before {
                break;
            }
        }
        self.put_in_order()
    }

    pub(super) const fn plan(&self) -> &Plan {
        self.small.plan()
    }

    /// Keeps a change if the law still breaks.
    pub(super) fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> Result<bool, TimeUp> {
        self.small.attempt(change)
    }

    fn round(&mut self) -> Result<(), TimeUp> {
        // What only takes time is most of a script, and seldom needed.
        self.attempt(|plan| keep_decisions(plan, |(_, _, value)| !matches!(value, Value::Number(_))))?;
        self.take_out()?;
        self.make_plain()?;
        self.make_early()
    }

    /// The run of the plan as it is now.
    fn run(&mut self) -> Result<Report, TimeUp> {
        self.small.begin_run()?;
        Ok(run_plan(0, self.plan().clone(), self.watch))
    }

    /// Most laws break for one request, whatever the others do: its run alone is short, and so is a try. First without
    /// what happens to the object, which is numbered by turns that are no more.
    fn leave_alone(&mut self, named: &BTreeSet<u64>) -> Result<(), TimeUp> {
        if named.is_empty() {
            return Ok(());
        }
        for with_object in [false, true] {
            let is_done = self.attempt(|plan| {
                for (number, request) in (0..).zip(&mut plan.requests) {
                    *request = request.filter(|_| named.contains(&number));
                }
                if !with_object {
                    plan.resets.clear();
                    plan.storage_full.clear();
                }
                keep_decisions(plan, |(place, _, _)| {
                    request_of(*place).map_or(with_object, |number| named.contains(&number))
                });
            })?;
            if is_done {
                break;
            }
        }
        Ok(())
    }

    /// What would come after the law has broken cannot be needed.
    fn take_out_what_comes_later(&mut self, end: Micros) -> Result<(), TimeUp> {
        self.attempt(|plan| {
            for request in &mut plan.requests {
                *request = request.filter(|request| request.at <= end);
            }
            plan.resets.retain(|(at, _)| *at <= end);
            plan.storage_full.retain(|(begins, _)| *begins <= end);
        })?;
        Ok(())
    }

    /// Most kinds of decision have nothing to do with it: a long run has thousands of decisions, but some dozen kinds.
    /// Shorter ones become smaller item by item: without a kind as a whole more requests may be needed.
    fn take_out_kinds(&mut self) -> Result<(), TimeUp> {
        type Kind = (u16, String);
        let kind = |(place, name, _): &Decided| -> Kind { (place.purpose, name.clone()) };
        let all = decisions(self.plan());
        if all.len() < MANY_DECISIONS {
            return Ok(());
        }
        let kinds: BTreeSet<Kind> = all.iter().map(kind).collect();
        self.small.thin_out(kinds.into_iter().collect(), |plan, left| {
            keep_decisions(plan, |decided| left.contains(&kind(decided)));
        })
    }

    /// Of most decisions it takes one run to know that they are not needed: it did not come to them.
    fn take_out_unplayed(&mut self) -> Result<(), TimeUp> {
        let report = self.run()?;
        let never =
            |(place, name, _): &Decided| report.unplayed.0.get(place).is_some_and(|names| names.contains_key(name));
        self.attempt(|plan| keep_decisions(plan, |decided| !never(decided)))?;
        Ok(())
    }

    fn take_out(&mut self) -> Result<(), TimeUp> {
        let requests: Vec<(usize, PlannedRequest)> = self
            .plan()
            .requests
            .iter()
            .enumerate()
            .filter_map(|(number, request)| request.map(|request| (number, request)))
            .collect();
        self.take_out_unplayed()?;
        self.small.thin_out(requests, |plan, left| {
            plan.requests.clear();
            for (number, request) in left {
                plan.set_request(*number, *request);
            }
        })?;
        self.take_out_unplayed()?;
        self.small.thin_out(self.plan().resets.clone(), |plan, left| plan.resets = left.to_vec())?;
        self.take_out_incarnations()?;
        self.small.thin_out(self.plan().storage_full.clone(), |plan, left| plan.storage_full = left.to_vec())?;
        self.small.thin_out(decisions(self.plan()), set_decisions)?;
        self.take_out_with_turns()
    }
}

/// The requests that a text names: `r12` is number 12.
fn named(what: &str) -> BTreeSet<u64> {
    let words = what.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.strip_prefix('r')?.parse().ok()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_that_a_violation_names() {
        assert_eq!(named("r12 (01KDVDNA00) starts before r7' does; 3 retries, rate r"), BTreeSet::from([7, 12]));
        assert_eq!(named("the stored alarm, 30.000s, is not after 30.000s"), BTreeSet::new());
    }
}
