//! What is left of a failing plan made plain: settings and requests as by default, times round and early, requests
//! numbered in the order in which they come.

use super::{
    places::{about_request, request_of},
    shrink::{Work, decisions},
};
use crate::proxy::{
    Plan,
    plan::{PlannedRequest, purpose as world},
};
use durable_sim::{Fault, MINUTE, Micros, Place, SECOND, Script, TimeUp, Value, purpose};
use std::collections::BTreeMap;

/// Times are rounded to the largest of these that does.
const UNITS: [Micros; 7] = [MINUTE, 10 * SECOND, SECOND, SECOND / 10, SECOND / 100, SECOND / 1_000, 1];

impl Work {
    /// Settings and requests as plain as can be.
    pub(super) fn make_plain(&mut self) -> Result<(), TimeUp> {
        let plain = Plan::plain();
        self.attempt(|plan| each(plan, |request| *request = PlannedRequest::default()))?;
        self.attempt(|plan| {
            each(plan, |request| *request = PlannedRequest { at: request.at, ..PlannedRequest::default() })
        })?;
        self.attempt(|plan| each(plan, |request| request.at = 0))?;
        self.attempt(|plan| plan.heal_at = plain.heal_at)?;
        self.attempt(|plan| {
            plan.sizes = plain.sizes.clone();
            plan.config = plain.config.clone();
            plan.network_us = plain.network_us;
            plan.slot_until_head = plain.slot_until_head;
            plan.faults = plain.faults.clone();
        })?;
        self.attempt(|plan| plan.sizes = plain.sizes.clone())?;
        self.attempt(|plan| {
            (plan.sizes.commit_us_min, plan.sizes.commit_us_max) =
                (plain.sizes.commit_us_min, plain.sizes.commit_us_max);
        })?;
        self.attempt(|plan| plan.sizes.gather_us = plain.sizes.gather_us)?;
        self.attempt(|plan| plan.sizes.serial_commits = plain.sizes.serial_commits)?;
        self.attempt(|plan| plan.sizes.connections = plain.sizes.connections)?;
        self.attempt(|plan| plan.sizes.calls_per_second = plain.sizes.calls_per_second)?;
        self.attempt(|plan| plan.config = plain.config.clone())?;
        self.attempt(|plan| plan.network_us = plain.network_us)?;
        self.attempt(|plan| plan.slot_until_head = plain.slot_until_head)?;
        self.attempt(|plan| plan.faults = plain.faults.clone())?;
        self.attempt(|plan| plan.faults.eviction = plain.faults.eviction)?;
        self.attempt(|plan| plan.faults.clock_skew_ms = 0)?;
        self.attempt(|plan| plan.faults.alarm_abandoned = false)?;
        for index in 0..self.plan().resets.len() {
            self.attempt(|plan| plan.resets[index].1 = Fault::CRASH)?;
        }
        for number in 0..self.plan().requests.len() {
            self.make_request_plain(number)?;
        }
        Ok(())
    }

    fn make_request_plain(&mut self, number: usize) -> Result<(), TimeUp> {
        let plain = PlannedRequest::default();
        let changes: [fn(&mut PlannedRequest, &PlannedRequest); 15] = [
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
            |request, plain| request.callback = plain.callback,
            |request, plain| request.body = plain.body,
            |request, plain| request.malformed = plain.malformed,
            |request, plain| request.cancel_at = plain.cancel_at,
            |request, plain| request.status_at = plain.status_at,
            |request, plain| request.conflict_at = plain.conflict_at,
            |request, plain| request.service_us = plain.service_us,
        ];
        for change in changes {
            let Some(Some(request)) = self.plan().requests.get(number) else { return Ok(()) };
            let mut changed = *request;
            change(&mut changed, &plain);
            if self.attempt(|plan| plan.requests[number] = Some(changed))? && changed == plain {
                break;
            }
        }
        Ok(())
    }

    /// Times and numbers as small as can be.
    pub(super) fn make_early(&mut self) -> Result<(), TimeUp> {
        self.least(0, earliest, all_earlier)?;
        if self.plan().heal_at != Plan::plain().heal_at {
            self.least(0, |plan| plan.heal_at, |plan, at| plan.heal_at = at)?;
        }
        for index in 0..self.plan().resets.len() {
            self.least(0, |plan| plan.resets[index].0, |plan, at| plan.resets[index].0 = at)?;
        }
        for number in 0..self.plan().requests.len() {
            let at = move |plan: &Plan| plan.requests[number].map_or(0, |request| request.at);
            self.least(0, at, move |plan, at| {
                if let Some(request) = &mut plan.requests[number] {
                    shift(request, request.at, at);
                }
            })?;
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
                )?;
            }
        }
        for (place, name, value) in decisions(self.plan()) {
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
                )?;
            }
        }
        self.move_places()?;
        self.move_attempts()
    }

    /// A number of the plan, as small as can be; in whole ms if that is enough.
    fn least(
        &mut self,
        low: Micros,
        get: impl Fn(&Plan) -> Micros,
        set: impl Fn(&mut Plan, Micros),
    ) -> Result<(), TimeUp> {
        let value = get(self.plan());
        if value <= low {
            return Ok(());
        }
        let mut unit = 1;
        for round in UNITS {
            let rounded = value.div_ceil(round) * round;
            if rounded == value || (round < value && self.attempt(|plan| set(plan, rounded))?) {
                unit = round;
                break;
            }
        }
        self.small.lower(0, value.div_ceil(unit), |plan, units| set(plan, (units * unit).max(low)))
    }

    /// Requests numbered from 0 in the order in which they come, and resets in their order, as far as that changes
    /// nothing.
    pub(super) fn put_in_order(&mut self) -> Result<(), TimeUp> {
        self.attempt(|plan| plan.resets.sort())?;
        let mut order: Vec<usize> =
            (0..self.plan().requests.len()).filter(|at| self.plan().requests[*at].is_some()).collect();
        let as_numbered = order.clone();
        order.sort_by_key(|number| self.plan().requests[*number].map(|request| request.at));
        if !self.attempt(|plan| *plan = renumbered(plan, &order))? {
            self.attempt(|plan| *plan = renumbered(plan, &as_numbered))?;
        }
        Ok(())
    }

    /// Resets taken out together with an incarnation: what is decided about the incarnations after it is decided about
    /// those before them.
    pub(super) fn take_out_incarnations(&mut self) -> Result<(), TimeUp> {
        for index in (0..self.plan().resets.len()).rev() {
            self.attempt(|plan| {
                plan.resets.remove(index);
                move_all(plan, one_incarnation_less);
            })?;
        }
        Ok(())
    }

    /// Requests taken out together with their turns: what is decided at a later turn, commit or alarm is decided at
    /// one as much earlier.
    pub(super) fn take_out_with_turns(&mut self) -> Result<(), TimeUp> {
        /// A request has at least three turns: it comes, it is fetched, its callback ends; and some alarms.
        const MOST_TURNS: u64 = 6;
        /// With more requests there is too much to try.
        const MOST_REQUESTS: usize = 16;
        let is_turn = |place: &Place| {
            use purpose::{ALARM_FIRED, ALARM_STORED, COMMIT, EVICT, TURN};
            matches!(place.purpose, TURN | COMMIT | EVICT | ALARM_STORED | ALARM_FIRED)
        };
        let is_told_by_turns = self.plan().script.iter().flat_map(|script| script.0.keys()).any(is_turn);
        if !is_told_by_turns || self.plan().requests.iter().flatten().count() > MOST_REQUESTS {
            return Ok(());
        }
        for number in (0..self.plan().requests.len()).rev() {
            if self.plan().requests[number].is_none() {
                continue;
            }
            let one_less = |turns: u64| {
                move |plan: &mut Plan| {
                    plan.requests[number] = None;
                    move_all(plan, |place| {
                        let by = if is_turn(&place) { turns } else { 0 };
                        Place { item: place.item.saturating_sub(by), ..place }
                    });
                }
            };
            for turns in 1..=MOST_TURNS {
                if self.attempt(one_less(turns))? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What is decided at a numbered turn, commit, alarm or incarnation, decided at an earlier one.
    fn move_places(&mut self) -> Result<(), TimeUp> {
        let mut places: Vec<Place> = self
            .plan()
            .script
            .iter()
            .flat_map(|script| script.0.keys())
            .filter(|place| is_numbered(place))
            .copied()
            .collect();
        places.dedup();
        for place in places {
            let first = u64::from(place.purpose == purpose::COMMIT);
            self.small.lower(first, place.item, |plan, item| move_place(plan, place, item))?;
        }
        Ok(())
    }

    /// What is decided about a later attempt, decided about an earlier one, in the place of what was decided there.
    fn move_attempts(&mut self) -> Result<(), TimeUp> {
        let script = self.plan().script.iter().flat_map(|script| script.0.keys());
        let later: Vec<Place> = script.filter(|place| is_attempt(place) && place.attempt > 1).copied().collect();
        for place in later {
            self.small.lower(1, place.attempt.into(), |plan, attempt| move_attempt(plan, place, attempt))?;
        }
        Ok(())
    }
}

/// Changes each request.
fn each(plan: &mut Plan, change: impl Fn(&mut PlannedRequest)) {
    plan.requests.iter_mut().flatten().for_each(change);
}

/// All that the caller of this request does, so that what was at `from` is at `to`.
fn shift(request: &mut PlannedRequest, from: Micros, to: Micros) {
    request.at = moved(request.at, from, to);
    for at in [&mut request.cancel_at, &mut request.status_at, &mut request.conflict_at] {
        *at = at.map(|at| moved(at, from, to));
    }
}

const fn moved(at: Micros, from: Micros, to: Micros) -> Micros {
    (at + to).saturating_sub(from)
}

/// When the first request comes.
fn earliest(plan: &Plan) -> Micros {
    plan.requests.iter().flatten().map(|request| request.at).min().unwrap_or(0)
}

/// Everything as much earlier as the first request, which comes at this time.
fn all_earlier(plan: &mut Plan, to: Micros) {
    let from = earliest(plan);
    each(plan, |request| shift(request, from, to));
    for (at, _) in &mut plan.resets {
        *at = moved(*at, from, to);
    }
    for (begins, ends) in &mut plan.storage_full {
        (*begins, *ends) = (moved(*begins, from, to), moved(*ends, from, to));
    }
}

/// The plan with other numbers for its requests: the first of these becomes r0.
fn renumbered(plan: &Plan, order: &[usize]) -> Plan {
    let mut renumbered = Plan { requests: order.iter().map(|number| plan.requests[*number]).collect(), ..plan.clone() };
    // Requests that a callback hands in are numbered after those that are planned.
    let (planned, left) = (plan.requests.len() as u64, order.len() as u64);
    let new = |old: u64| match order.iter().position(|number| *number as u64 == old) {
        Some(new) => Some(new as u64),
        None => (old >= planned).then(|| old - planned + left),
    };
    let script = plan.script.iter().flat_map(|script| &script.0);
    let moved = script.map(|(place, decided)| {
        let number = request_of(*place).and_then(new);
        (number.map_or(*place, |number| about_request(*place, number)), decided.clone())
    });
    renumbered.script = Some(Script(moved.collect()));
    renumbered
}

const fn is_numbered(place: &Place) -> bool {
    place.purpose < 100
}

/// All that is decided, decided elsewhere.
fn move_all(plan: &mut Plan, to: impl Fn(Place) -> Place) {
    let script = plan.script.take().unwrap_or_default();
    plan.script = Some(Script(script.0.into_iter().map(|(place, decided)| (to(place), decided)).collect()));
}

/// The place about the incarnation before, if it is about an incarnation.
fn one_incarnation_less(place: Place) -> Place {
    let is_incarnation = matches!(place.purpose, purpose::RESET | purpose::CONSTRUCT | world::ZOMBIE | world::TAMPER);
    Place { item: place.item.saturating_sub(u64::from(is_incarnation)), ..place }
}

/// Whether the place is about an attempt of a request, as a whole.
const fn is_attempt(place: &Place) -> bool {
    matches!((place.purpose, place.actor), (world::FETCH | world::CALLBACK, 0 | 1))
}

fn move_attempt(plan: &mut Plan, place: Place, attempt: u64) {
    let to = Place { attempt: u32::try_from(attempt).unwrap_or(place.attempt), ..place };
    if let Some(script) = &mut plan.script
        && let Some(decided) = script.0.remove(&place)
    {
        script.0.insert(to, decided);
    }
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
