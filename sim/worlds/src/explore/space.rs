//! The space of proxy-fetch: what may happen in a state, and what follows.

use super::{
    action::{Action, Answer, Fate, What, When},
    scope::{Kind, Scope},
    state::State,
    step::{Broken, Did},
};
use crate::laws::Violation;
use durable_sim::{panic_text, search::Space};
use proxy_fetch::{
    AllowedCallback, Callback, CallbackResult, Caller, Config, Event, Failure, FetchResult, ObjectCallback, Options,
    Phase, Policy, Request, Timestamp, Ulid, backoff_ms, expires_at, limits,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So many alarms in a row that find nothing are a loop.
const MAX_IDLE_ALARMS: u32 = 10_000;
/// The delay before a retry, in ms: a capacity poll.
pub(super) const RETRY_DELAY_MS: u64 = limits::CAPACITY_POLL_MS;
/// So many numbers are tried for a ULID without jitter; more than enough for two retries.
const MAX_TRIES: u128 = 400_000;
/// How late a late alarm is, in ms: the most that the platform promises.
pub(super) const LATE_MS: u64 = 60_000;

/// The space of a scope.
#[derive(Clone, Debug)]
pub struct ProxySpace {
    scope: Scope,
    config: Config,
    policy: Policy,
}

impl ProxySpace {
    /// The space of this scope.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        let config = Config {
            max_in_flight: usize::from(scope.slots),
            max_live: 2 * usize::from(scope.requests),
            callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
            ..Config::default()
        };
        let Ok(policy) = options(&scope).check() else { panic!("a scope's options are in their bounds: {scope}") };
        Self { scope, config, policy }
    }

    fn request(&self, planned: u8) -> Request {
        let target = ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "done".into() };
        Request {
            request_id: format!("r{planned}"),
            method: "GET".into(),
            url: format!("https://u{planned}.test/"),
            callback: Some(Callback::Object(target)),
            options: options(&self.scope),
            ..Request::default()
        }
    }

    /// A call with such randomness that the request's ULID adds no jitter to its first two retries: so all that happens
    /// lies on a grid of 500 ms, and states do not differ in what is chance.
    fn enqueue(&self, state: &State, planned: u8) -> Event {
        let caller = Caller(u64::from(planned) * 2);
        let last = state.ledger.meta.last_id;
        let first = if last >> 80 >= u128::from(state.now.0) { last + 1 } else { u128::from(state.now.0) << 80 };
        let retries = 1..self.scope.attempts.min(3);
        let is_plain = |id: &u128| retries.clone().all(|n| backoff_ms(&self.policy, Ulid(*id), n) == RETRY_DELAY_MS);
        let entropy = (first..first + MAX_TRIES).find(is_plain).unwrap_or(first);
        Event::Enqueue { caller, request: Box::new(self.request(planned)), entropy }
    }

    /// The step that an action is; `None`: it is not possible.
    fn act(&self, from: &State, Action { what, fate }: Action) -> Result<Option<State>, Broken> {
        let mut state = from.clone();
        let did = match what {
            What::Enqueue => {
                let before = state.ledger.entries.len();
                let did = state.turn(&self.config, self.enqueue(from, from.arrived), None, fate)?;
                // A call whose commit failed was not handed in.
                state.arrived += u8::from(state.ledger.entries.len() > before);
                did
            }
            What::Repeat(planned) => {
                if from.answered.get(usize::from(planned)) == Some(&true) && !state.spend() {
                    return Ok(None);
                }
                state.turn(&self.config, self.enqueue(from, planned), None, fate)?
            }
            What::Cancel(planned) => {
                if !state.spend() {
                    return Ok(None);
                }
                let caller = Caller(u64::from(planned) * 2 + 1);
                state.turn(&self.config, Event::Cancel { caller, request_id: format!("r{planned}") }, None, fate)?
            }
            What::Fetched(entry, answer) => {
                if answer == Answer::TimedOut && !from.is_out_of_time(usize::from(entry), from.now) {
                    return Ok(None);
                }
                let result = result_of(answer);
                let Some(attempt) = state.end_fetch(usize::from(entry), Some(result.clone()))? else { return Ok(None) };
                if matches!(result, FetchResult::Response { .. }) {
                    state.held.insert(attempt);
                }
                state.turn(&self.config, Event::Fetched { attempt, result }, None, fate)?
            }
            What::StaleFetched(entry, place) => {
                if !state.spend() {
                    return Ok(None);
                }
                let fetches = from.ledger.entries.get(usize::from(entry)).map(|entry| &entry.fetches);
                let Some(fetch) = fetches.and_then(|fetches| fetches.get(usize::from(place))) else { return Ok(None) };
                if fetch.running {
                    return Ok(None);
                }
                let event = Event::Fetched { attempt: fetch.attempt, result: result_of(Answer::Ok) };
                state.turn(&self.config, event, None, fate)?
            }
            What::Delivered(entry, answered) => {
                let Some(entry) = from.ledger.entries.get(usize::from(entry)) else { return Ok(None) };
                let Some(attempt) = from.calling.iter().find(|attempt| attempt.id == entry.id).copied() else {
                    return Ok(None);
                };
                state.calling.remove(&attempt);
                state.held.remove(&attempt);
                let result = if answered { CallbackResult::Answered } else { CallbackResult::Failed };
                state.turn(&self.config, Event::Delivered { attempt, result }, None, fate)?
            }
            What::StaleDelivered(entry, place) => {
                if !state.spend() {
                    return Ok(None);
                }
                let callbacks = from.ledger.entries.get(usize::from(entry)).map(|entry| &entry.callbacks);
                let Some(callback) = callbacks.and_then(|callbacks| callbacks.get(usize::from(place))) else {
                    return Ok(None);
                };
                if from.calling.contains(&callback.attempt) {
                    return Ok(None);
                }
                let event = Event::Delivered { attempt: callback.attempt, result: CallbackResult::Answered };
                state.turn(&self.config, event, None, fate)?
            }
            What::Alarm(when) => self.alarm(&mut state, when, fate)?,
            What::Crash => {
                if fate != Fate::Done || state.incarnation.is_none() {
                    return Ok(None);
                }
                let Some(left) = state.budget.crashes.checked_sub(1) else { return Ok(None) };
                state.budget.crashes = left;
                state.lose()?;
                return Ok(Some(state));
            }
        };
        if did == Did::Impossible {
            return Ok(None);
        }
        if fate != Fate::Done {
            let Some(left) = state.budget.crashes.checked_sub(1) else { return Ok(None) };
            state.budget.crashes = left;
        }
        Ok(Some(state))
    }

    fn alarm(&self, state: &mut State, when: When, fate: Fate) -> Result<Did, Broken> {
        let Some(at) = state.alarm else { return Ok(Did::Impossible) };
        let (now, fired) = match when {
            When::OnTime => return self.alarms(state, fate),
            When::Idle => (at.max(state.now), Some(at)),
            When::Early => (Timestamp(at.0 - 1), Some(at)),
            When::Late => (at.plus_ms(LATE_MS), Some(at)),
            When::AtExpiry => {
                let oldest = state.ledger.oldest_live().map(|entry| expires_at(entry.id));
                let Some(expiry) = oldest.filter(|expiry| *expiry > at) else { return Ok(Did::Impossible) };
                (expiry, Some(at))
            }
            When::Again => (state.now, None),
        };
        if now < state.now || !state.spend() {
            return Ok(Did::Impossible);
        }
        let before = std::mem::replace(&mut state.now, now);
        state.say(|| format!("the clock is {now}"));
        let did = state.turn(&self.config, Event::Tick, fired, fate)?;
        // An alarm that finds something is no idle one.
        let finds = did == Did::Something || state.newly_out_of_time(before);
        Ok(if when == When::Idle && finds { Did::Impossible } else { did })
    }

    /// Alarms on time, until one finds something, or until an attempt is out of time.
    fn alarms(&self, state: &mut State, fate: Fate) -> Result<Did, Broken> {
        let begun = state.now;
        for _ in 0..MAX_IDLE_ALARMS {
            let Some(at) = state.alarm else { return Ok(Did::Nothing) };
            let before = (fate != Fate::Done).then(|| state.clone());
            state.now = at.max(state.now);
            let now = state.now;
            state.say(|| format!("the clock is {now}"));
            let did = state.turn(&self.config, Event::Tick, Some(at), Fate::Done)?;
            if did == Did::Nothing && !state.newly_out_of_time(begun) && state.alarm.is_some() {
                continue;
            }
            if let Some(before) = before {
                // The last of them is the one that fails.
                *state = before;
                state.say(|| "… or rather:".into());
                state.now = now;
                return state.turn(&self.config, Event::Tick, Some(at), fate);
            }
            return Ok(Did::Something);
        }
        Err(Violation { law: "S20", what: format!("{MAX_IDLE_ALARMS} alarms, one after the other, changed nothing") })
    }
}

impl State {
    /// One fault less may come; `false`: none may.
    fn spend(&mut self) -> bool {
        let left = self.budget.faults.checked_sub(1);
        self.budget.faults = left.unwrap_or_default();
        left.is_some()
    }

    /// Whether the running attempt of this entry has had all its time in the host at this time.
    fn is_out_of_time(&self, entry: usize, now: Timestamp) -> bool {
        let Some(entry) = self.ledger.entries.get(entry) else { return false };
        let runs = entry.fetches.last().is_some_and(|fetch| fetch.running);
        runs && entry.row().is_some_and(|row| match row.phase {
            Phase::InFlight { lease_until, .. } => now.plus_ms(limits::LEASE_GRACE_MS) >= lease_until,
            Phase::Queued { .. } | Phase::Delivering { .. } => false,
        })
    }

    /// Whether an attempt has come to the end of its time in the host since then.
    fn newly_out_of_time(&self, since: Timestamp) -> bool {
        (0..self.ledger.entries.len())
            .any(|entry| self.is_out_of_time(entry, self.now) && !self.is_out_of_time(entry, since))
    }
}

const fn options(scope: &Scope) -> Options {
    Options {
        timeout_ms: scope.timeout_ms as i64,
        max_retries: scope.attempts as i64 - 1,
        retry_delay_ms: RETRY_DELAY_MS as i64,
        max_retry_delay_ms: RETRY_DELAY_MS as i64,
        retry_on_5xx: true,
        at_most_once: scope.at_most_once,
    }
}

fn result_of(answer: Answer) -> FetchResult {
    match answer {
        Answer::Ok => FetchResult::Response { status: 200, retry_after: None },
        Answer::Busy => FetchResult::Response { status: 503, retry_after: None },
        Answer::TooLarge => FetchResult::Failed(Failure::BodyTooLarge),
        Answer::TimedOut => FetchResult::Failed(Failure::TimedOut),
    }
}

impl Space for ProxySpace {
    type State = Box<State>;
    type Action = Action;
    type Broken = Broken;

    fn start(&self) -> Box<State> {
        Box::new(State::new(&self.scope))
    }

    fn actions(&self, state: &Box<State>, actions: &mut Vec<Action>) {
        let can_crash = state.budget.crashes > 0;
        let has = |kind| state.budget.faults > 0 && self.scope.kinds.has(kind);
        let mut may = |what| {
            let action = Action { what, fate: Fate::Done };
            actions.push(action);
            if !can_crash || what == What::Crash {
                return;
            }
            // Only as many places to crash as there are.
            if let Ok(Some(done)) = self.step(state, &action) {
                actions.push(Action { what, fate: Fate::CommitFails });
                actions.extend((0..done.effects).map(|effects| Action { what, fate: Fate::CrashAfter(effects) }));
            }
        };
        if usize::from(state.arrived) < state.answered.len() {
            may(What::Enqueue);
        }
        for planned in 0..state.arrived {
            if !state.answered[usize::from(planned)] || has(Kind::Repeat) {
                may(What::Repeat(planned));
            }
            if has(Kind::Cancel) {
                may(What::Cancel(planned));
            }
        }
        for (number, entry) in (0..=u8::MAX).zip(&state.ledger.entries) {
            if entry.fetches.last().is_some_and(|fetch| fetch.running) {
                Answer::ALL.into_iter().for_each(|answer| may(What::Fetched(number, answer)));
            }
            if state.calling.iter().any(|attempt| attempt.id == entry.id) {
                may(What::Delivered(number, true));
                may(What::Delivered(number, false));
            }
            if has(Kind::Stale) {
                for (place, fetch) in (0..=u8::MAX).zip(&entry.fetches) {
                    if !fetch.running {
                        may(What::StaleFetched(number, place));
                    }
                }
                for (place, callback) in (0..=u8::MAX).zip(&entry.callbacks) {
                    if !state.calling.contains(&callback.attempt) {
                        may(What::StaleDelivered(number, place));
                    }
                }
            }
        }
        if state.alarm.is_some() {
            for when in When::ALL {
                let kind = match when {
                    When::OnTime => None,
                    When::Idle => Some(Kind::Idle),
                    When::Early => Some(Kind::Early),
                    When::Late | When::AtExpiry => Some(Kind::Late),
                    When::Again => Some(Kind::Twice),
                };
                if kind.is_none_or(has) {
                    may(What::Alarm(when));
                }
            }
        }
        if can_crash {
            may(What::Crash);
        }
    }

    fn step(&self, state: &Box<State>, action: &Action) -> Result<Option<Box<State>>, Broken> {
        // A panic of the machine is a finding like any other.
        match catch_unwind(AssertUnwindSafe(|| self.act(state, *action))) {
            Ok(done) => done.map(|next| next.map(Box::new)),
            Err(panic) => Err(Violation { law: "S13", what: format!("panic: {}", panic_text(&*panic)) }),
        }
    }

    fn digest(&self, state: &Box<State>, buffer: &mut Vec<u8>) -> u128 {
        state.digest(&self.scope, buffer)
    }

    fn check(&self, state: &Box<State>) -> Result<(), Broken> {
        let looked = catch_unwind(AssertUnwindSafe(|| state.look()));
        match looked {
            Ok(done) => done,
            Err(panic) => Err(Violation { law: "S13", what: format!("panic: {}", panic_text(&*panic)) }),
        }
    }
}
