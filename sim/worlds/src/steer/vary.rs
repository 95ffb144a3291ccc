//! Small changes of a plan.
//!
//! Draws are keyed, so a change leaves the rest of the run as it was: with the parent's seed of decisions a varied plan
//! takes the same course up to the first thing that is changed.

use crate::{
    history::ledger::Ask,
    proxy::{
        Plan, Profile,
        features::Feature,
        plan::{PlannedRequest, WorldFaults},
    },
};
use durable_sim::{Chance, Draw, Fault, MINUTE, Micros, SECOND};

/// More requests than this are not added: a run's cost grows faster than their number.
const MAX_REQUESTS: usize = 100;

/// What a plan is varied with.
pub(super) struct Material<'a> {
    /// A plan that was drawn anew.
    pub fresh: &'a Plan,
    /// Another that was kept.
    pub other: &'a Plan,
    /// The feature of the parent's run that is gone after.
    pub feature: &'a Feature,
}

/// The parent with so many changes.
pub(super) fn vary(parent: &Plan, with: &Material<'_>, changes: u64, draw: &mut Draw) -> Plan {
    let mut plan = parent.clone();
    for _ in 0..changes {
        if parent.profile == Profile::Calm {
            // Calm laws hold for calm plans alone: nothing is made up.
            mix(&mut plan, if draw.below(2) == 0 { with.fresh } else { with.other }, draw);
            continue;
        }
        match draw.below(10) {
            0 | 1 => mix(&mut plan, if draw.below(2) == 0 { with.fresh } else { with.other }, draw),
            2 | 3 => change_rate(&mut plan, with.fresh, draw),
            4 => happen_at(&mut plan, with.feature, draw),
            5 => nudge(&mut plan, with.feature, draw),
            6 => crowd(&mut plan, draw),
            7 => thin_out(&mut plan, draw),
            8 => change_request(&mut plan, with, draw),
            _ => change_size(&mut plan, with.fresh, draw),
        }
    }
    plan
}

/// A plan that was drawn, with a few parts of a parent: as varied as drawn ones, and with what the parent had.
pub(super) fn graft(fresh: Plan, parent: &Plan, draw: &mut Draw) -> Plan {
    let mut plan = fresh;
    for _ in 0..=draw.below(3) {
        mix(&mut plan, parent, draw);
    }
    plan
}

/// A whole part of another plan. Requests go with the times that they were drawn for.
fn mix(plan: &mut Plan, other: &Plan, draw: &mut Draw) {
    match draw.below(6) {
        0 => {
            plan.requests.clone_from(&other.requests);
            plan.heal_at = other.heal_at;
            plan.resets.clone_from(&other.resets);
            plan.storage_full.clone_from(&other.storage_full);
        }
        1 => plan.faults = other.faults.clone(),
        2 => plan.world = other.world.clone(),
        3 => plan.sizes = other.sizes.clone(),
        4 => plan.config = other.config.clone(),
        _ => (plan.network_us, plan.slot_until_head) = (other.network_us, other.slot_until_head),
    }
}

/// One kind of fault, more or less often.
fn change_rate(plan: &mut Plan, fresh: &Plan, draw: &mut Draw) {
    let Plan { faults, world, .. } = plan;
    let WorldFaults { zombie, fetch_fails, body_fails, odd_status, redirects, stalls, .. } = world;
    let rates = [
        &mut faults.crash_after_commit,
        &mut faults.crash_before_commit,
        &mut faults.commit_fails,
        &mut faults.commit_slow,
        &mut faults.exception,
        &mut faults.ghost_restart,
        &mut faults.constructor_throws,
        &mut faults.alarm_late,
        &mut faults.alarm_twice,
        &mut faults.alarm_stale,
        &mut faults.alarm_fails,
        &mut faults.alarm_hangs,
        &mut faults.alarm_stuck,
        zombie,
        fetch_fails,
        body_fails,
        odd_status,
        redirects,
        stalls,
        &mut world.call_lost,
        &mut world.call_repeated,
        &mut world.callback_fails,
        &mut world.callback_enqueues,
        &mut world.row_corrupt,
        &mut world.over_quota,
        &mut world.row_foreign,
    ];
    let which = draw.below(rates.len() as u64 + 2) as usize;
    let chance =
        draw.pick(&[Chance::NEVER, Chance(2_000), Chance::percent(2), Chance::percent(10), Chance::percent(40)]);
    let rate = rates.into_iter().nth(which);
    match rate {
        // What takes the whole object along is no more frequent than a drawn plan has it.
        Some(rate) if which < 6 => *rate = chance.min(Chance::percent(6)),
        Some(rate) if (11..13).contains(&which) => *rate = chance.min(Chance::percent(5)),
        Some(rate) => *rate = chance,
        None if draw.below(2) == 0 => plan.faults.clock_skew_ms = draw.pick(&[0, 500, 5_000]),
        None => plan.faults.eviction = fresh.faults.eviction,
    }
}

/// What a caller asks comes at the very ms of the deadline that it was compared with, or 1 ms off.
fn nudge(plan: &mut Plan, feature: &Feature, draw: &mut Draw) {
    let Some(ask) = feature.ask else { return happen_at(plan, feature, draw) };
    let by_ms = draw.pick(&[-1, 0, 0, 1]) - feature.late_ms;
    let (Ask::Enqueue { planned, .. }
    | Ask::Conflicting { planned }
    | Ask::Cancel { planned }
    | Ask::Status { planned }) = ask;
    let Some(Some(request)) = plan.requests.get_mut(planned as usize) else { return };
    let nudged = |at: Micros| at.saturating_add_signed(by_ms.saturating_mul(1_000));
    match ask {
        Ask::Enqueue { .. } => move_to(request, nudged(request.at).min(plan.heal_at)),
        Ask::Conflicting { .. } => request.conflict_at = request.conflict_at.map(nudged),
        Ask::Cancel { .. } => request.cancel_at = request.cancel_at.map(nudged),
        Ask::Status { .. } => request.status_at = request.status_at.map(nudged),
    }
}

/// Something happens at the moment of this feature or of its deadline, or very near it.
fn happen_at(plan: &mut Plan, feature: &Feature, draw: &mut Draw) {
    let deadline = feature.at.saturating_add_signed(feature.late_ms.saturating_mul(-1_000));
    let moment = if draw.below(2) == 0 { feature.at } else { deadline };
    let off = draw.pick(&[0, 1, 1_000, plan.network_us, plan.sizes.commit_us_max, SECOND]);
    let at = if draw.below(2) == 0 { moment.saturating_sub(draw.below(off + 1)) } else { moment + draw.below(off + 1) };
    let what = draw.below(6);
    if what == 0 || plan.requests.is_empty() {
        let fault = draw.pick(&[Fault::CRASH, Fault::CRASH, Fault::DEPLOY, Fault::ISOLATE_KILLED]);
        plan.resets.push((at.min(plan.heal_at), fault));
        return;
    }
    let which = draw.below(plan.requests.len() as u64) as usize;
    let heal_at = plan.heal_at;
    let Some(Some(request)) = plan.requests.get_mut(which) else { return };
    match what {
        1 => request.cancel_at = Some(at.max(request.at)),
        2 => request.status_at = Some(at.max(request.at)),
        3 => request.conflict_at = Some(at.max(request.at)),
        4 => move_to(request, at.min(heal_at)),
        _ => plan.storage_full.push((at.min(heal_at), at.min(heal_at) + draw.pick(&[SECOND, 10 * SECOND, MINUTE]))),
    }
}

/// Moves a request and what is asked about it.
fn move_to(request: &mut PlannedRequest, at: Micros) {
    let was = std::mem::replace(&mut request.at, at);
    for later in [&mut request.cancel_at, &mut request.status_at, &mut request.conflict_at].into_iter().flatten() {
        *later = later.saturating_sub(was) + at;
    }
}

/// More requests at one time: some are copied, or some are moved together.
fn crowd(plan: &mut Plan, draw: &mut Draw) {
    let count = plan.requests.len() as u64;
    let Some(Some(model)) = plan.requests.get(draw.below(count) as usize).copied() else { return };
    if draw.below(2) == 0 {
        let more = draw.pick(&[1, 2, 5, 20, count as usize]);
        let room = MAX_REQUESTS.saturating_sub(plan.requests.len());
        plan.requests.extend(std::iter::repeat_n(Some(model), more.min(room)));
        return;
    }
    let one_in = draw.pick(&[1, 2, 4]);
    for request in plan.requests.iter_mut().flatten() {
        if draw.below(one_in) == 0 {
            move_to(request, model.at);
        }
    }
}

/// Fewer requests, or fewer resets: what is left stands out.
fn thin_out(plan: &mut Plan, draw: &mut Draw) {
    if draw.below(3) == 0 {
        plan.resets.clear();
        plan.storage_full.clear();
        return;
    }
    let one_in = draw.pick(&[2, 4]);
    let mut left = 0;
    for request in &mut plan.requests {
        if left > 0 && draw.below(one_in) == 0 {
            *request = None;
        }
        left += usize::from(request.is_some());
    }
}

/// One request or all of them asked for differently.
fn change_request(plan: &mut Plan, with: &Material<'_>, draw: &mut Draw) {
    let source = if draw.below(2) == 0 { with.fresh } else { with.other };
    let pick = |requests: &[Option<PlannedRequest>], draw: &mut Draw| {
        requests.get(draw.below(requests.len() as u64) as usize).copied().flatten()
    };
    let Some(model) = pick(&source.requests, draw) else { return };
    let all = draw.below(2) == 0;
    let which = draw.below(plan.requests.len() as u64) as usize;
    let what = draw.below(5);
    for (number, request) in plan.requests.iter_mut().enumerate() {
        let Some(request) = request.as_mut().filter(|_| all || number == which) else { continue };
        match what {
            0 => request.options = model.options,
            1 => request.options.timeout_ms = model.options.timeout_ms,
            2 => {
                request.options.max_retries = model.options.max_retries;
                request.options.retry_delay_ms = model.options.retry_delay_ms;
                request.options.max_retry_delay_ms = model.options.max_retry_delay_ms;
            }
            3 => request.service_us = model.service_us,
            _ => (request.callback, request.options.at_most_once) = (model.callback, model.options.at_most_once),
        }
    }
}

/// One size.
fn change_size(plan: &mut Plan, fresh: &Plan, draw: &mut Draw) {
    match draw.below(8) {
        0 => plan.sizes.gather_us = fresh.sizes.gather_us,
        1 => {
            (plan.sizes.commit_us_min, plan.sizes.commit_us_max) =
                (fresh.sizes.commit_us_min, fresh.sizes.commit_us_max);
        }
        2 => plan.sizes.serial_commits = !plan.sizes.serial_commits,
        3 => plan.sizes.connections = fresh.sizes.connections,
        4 => plan.config.max_live = fresh.config.max_live,
        5 => plan.config.max_finished = fresh.config.max_finished,
        6 => plan.network_us = fresh.network_us,
        // Faults for longer, as in an outage.
        _ => plan.heal_at = (plan.heal_at + draw.pick(&[SECOND, MINUTE, 35 * MINUTE])).min(80 * MINUTE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{Watch, run_plan};
    use durable_sim::Draws;

    fn varied(profile: Profile) -> impl Iterator<Item = (u64, Plan, Plan)> {
        (0..200).map(move |seed| {
            let [parent, fresh, other] = [seed, seed + 1_000, seed + 2_000].map(|seed| Plan::draw(seed, profile));
            let feature = Feature { number: 0, at: parent.heal_at / 2, late_ms: 7, ask: None };
            let with = Material { fresh: &fresh, other: &other, feature: &feature };
            let plan = vary(&parent, &with, 1 + seed % 3, &mut Draws::new(seed).at(1, 0, 0, 0));
            (seed, parent, plan)
        })
    }

    #[test]
    fn a_varied_plan_keeps_most_of_its_parent() {
        let parts = |plan: &Plan, parent: &Plan| {
            [
                plan.faults == parent.faults,
                plan.world == parent.world,
                plan.sizes == parent.sizes,
                plan.config == parent.config,
                plan.requests == parent.requests,
                plan.resets == parent.resets,
            ]
        };
        let mut changed = [false; 6];
        for (seed, parent, plan) in varied(Profile::Swarm) {
            let same = parts(&plan, &parent);
            assert!(same.iter().filter(|same| **same).count() >= 1, "seed {seed}");
            changed.iter_mut().zip(same).for_each(|(changed, same)| *changed |= !same);
            assert!(plan.resets.iter().all(|(at, _)| *at <= plan.heal_at), "seed {seed}: a reset when all is well");
            assert!(plan.requests.len() <= parent.requests.len().max(MAX_REQUESTS).max(250), "seed {seed}");
        }
        assert_eq!(changed, [true; 6]);
    }

    #[test]
    fn what_is_varied_breaks_no_law() {
        for profile in [Profile::Calm, Profile::Swarm] {
            for (seed, _, plan) in varied(profile) {
                let report = run_plan(seed, plan, Watch::default());
                assert_eq!(report.violation, None, "{} {seed}", profile.name());
            }
        }
    }
}
