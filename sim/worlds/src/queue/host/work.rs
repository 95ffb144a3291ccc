//! The isolates' host, its second part: the fetches and callbacks that it does for a consumer, and their ends.

use super::{Host, Work};
use crate::queue::{
    coverage::{Fault, State},
    decisions::{CALLBACK, FETCH, one_of},
    ledger::Observation,
    message::Happening,
    plan::micros,
    stage::Stage,
};
use durable_sim::SECOND;
use proxy_fetch::{
    CallbackResult, Failure, FetchResult, Hop, Timestamp,
    queue::{Event, Handle},
};

/// The host's time for a callback.
const CALLBACK_TIMEOUT_MS: u64 = 30_000;

impl Host {
    /// A fetch leaves.
    pub(super) fn fetch(&mut self, stage: &mut Stage<'_>, at: Handle, timeout_ms: u32) {
        let Some(invocation) = self.invocations.get_mut(&at.batch) else { return };
        invocation.running.insert((Work::Fetch, at.index));
        let Some(message) = &invocation.messages[at.index as usize] else {
            panic!("a message that the host could not read is fetched")
        };
        let request = stage.seen.ledger.message(at).is.request;
        let hop = match Hop::first(&self.config, message.id(), message.payload()) {
            Ok(hop) => hop,
            Err(failure) => panic!("the fetch of a valid message fails: {failure}"),
        };
        let key = hop.headers.into_iter().find(|(name, _)| name == "idempotency-key").map(|(_, value)| value);
        let nth = stage.seen.ledger.entries[request].starts;
        let answer = stage.decide_answer(request, nth);
        let timeout = micros(timeout_ms.into());
        if answer.acts {
            let after = answer.after.unwrap_or(timeout).min(timeout) / 2;
            stage.sim.after(after, Happening::Executes { request, key });
        }
        if let Some(fault) = answer.fault {
            stage.hit(fault, State::InFlight, request);
        }
        if !stage.healthy {
            // Mostly so late that it was given up.
            let most = one_of(&[5_010_000, 6 * SECOND, 60 * SECOND], stage.number_of(request, nth));
            let mut decide = stage.sim.decide(&FETCH, stage.key(request, nth));
            let overdue = decide.sometimes_after(&FETCH.overdue, stage.plan.faults.unreported, 5_010_000, most);
            if let Some(overdue) = overdue {
                stage.hit(Fault::Unreported, State::InFlight, request);
                let asked = answer.asked.until(stage.in_ms(timeout + overdue));
                let end = Happening::FetchEnds { at, nth, result: answer.result, asked };
                stage.sim.after(timeout + overdue, end);
                return;
            }
        }
        match answer.after.filter(|after| *after < timeout) {
            Some(after) => {
                let asked = answer.asked.until(stage.in_ms(after));
                stage.sim.after(after, Happening::FetchEnds { at, nth, result: answer.result, asked });
            }
            None => {
                let result = FetchResult::Failed(Failure::TimedOut);
                stage.sim.after(timeout, Happening::FetchEnds { at, nth, result, asked: None });
            }
        }
    }

    /// A fetch ends, the `nth` of its request.
    pub fn fetch_ends(
        &mut self,
        stage: &mut Stage<'_>,
        at: Handle,
        nth: u32,
        result: FetchResult,
        asked: Option<Timestamp>,
    ) {
        let Some(invocation) = self.invocations.get_mut(&at.batch).filter(|invocation| !invocation.hangs) else {
            return;
        };
        let isolate = invocation.isolate;
        if !invocation.running.remove(&(Work::Fetch, at.index)) {
            self.late(stage, at, nth, isolate, result);
            return;
        }
        if stage.see(Observation::Fetched { at, result: result.clone(), asked }) {
            self.step(stage, isolate, Event::Fetched { at, result });
        }
    }

    /// A fetch that was given up ends all the same, and the host has not noticed that it was given up.
    fn late(&mut self, stage: &mut Stage<'_>, at: Handle, nth: u32, isolate: usize, result: FetchResult) {
        let (state, request) = (stage.seen.state(at), stage.seen.ledger.message(at).is.request);
        if stage.healthy {
            return;
        }
        let mut decide = stage.sim.decide(&FETCH, stage.key(request, nth));
        if decide.happens(&FETCH.late, stage.plan.faults.late) {
            stage.hit(Fault::Late, state, request);
            self.step(stage, isolate, Event::Fetched { at, result });
        }
    }

    /// A callback leaves.
    pub(super) fn call_back(&mut self, stage: &mut Stage<'_>, at: Handle) {
        let Some(invocation) = self.invocations.get_mut(&at.batch) else { return };
        invocation.running.insert((Work::Callback, at.index));
        let request = stage.seen.ledger.message(at).is.request;
        let nth = stage.seen.ledger.entries[request].callbacks;
        let reply = stage.decide_reply(request, nth);
        if let Some(fault) = reply.fault {
            stage.hit(fault, State::Delivering, request);
        }
        let mut decide = stage.sim.decide(&CALLBACK, stage.key(request, nth));
        if !stage.healthy && decide.happens(&CALLBACK.unreported, stage.plan.faults.unreported) {
            stage.hit(Fault::Unreported, State::Delivering, request);
            return;
        }
        let timeout = micros(CALLBACK_TIMEOUT_MS);
        let after = reply.after.unwrap_or(timeout).min(timeout);
        stage.sim.after(after, Happening::CallbackEnds { at, answered: reply.answered });
    }

    /// A callback ends.
    pub fn callback_ends(&mut self, stage: &mut Stage<'_>, at: Handle, answered: bool) {
        let Some(invocation) = self.invocations.get_mut(&at.batch).filter(|invocation| !invocation.hangs) else {
            return;
        };
        let isolate = invocation.isolate;
        if !invocation.running.remove(&(Work::Callback, at.index)) {
            return;
        }
        let result = if answered { CallbackResult::Answered } else { CallbackResult::Failed };
        if stage.see(Observation::Delivered { at, answered }) {
            self.step(stage, isolate, Event::Delivered { at, result });
        }
    }
}
