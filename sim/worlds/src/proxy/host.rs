//! The object's host: it runs fetches and callbacks for the machine, in the memory of one instance.
//!
//! When the instance is lost all of this is gone (F7), but what was sent is on its way: the upstream acts, its answer
//! finds nobody.

use super::{
    coverage::{ALL_SLOTS_BUSY, Fault},
    decisions::{ATTEMPT, FETCH, HOP, REPORT},
    message::Message,
    stage::Stage,
    upstream::{Answer, Body, Breaks, OverQuota, Redirect},
    world::OBJECT,
};
use crate::history::ledger::{Fetch, Ledger, Observation};
use crate::laws::Violation;
use durable_sim::{InstanceId, Key, Micros, Place, SECOND};
use proxy_fetch::{
    AfterHead, Attempt, Event, Failure, FetchResult, Hop, Key as RowKey, Outcome, Payload, Table, Timestamp, limits,
};
use std::collections::{BTreeMap, BTreeSet};

/// A fetch or a callback under way.
#[derive(Clone, Debug)]
pub struct Task {
    pub(super) attempt: Attempt,
    pub(super) entry: usize,
    pub(super) instance: InstanceId,
    /// Nobody waits for it any more.
    pub(super) over: bool,
    connected: bool,
    /// For a connection.
    waits: bool,
    /// Its instance was replaced and runs on (F9).
    is_zombie: bool,
    /// Its machine is gone, its instance is not: its end is reported to the next machine (F10).
    pub(super) is_orphan: bool,
    pub(super) sent: bool,
    /// Where it is decided about.
    pub(super) place: Place,
    /// Where it is decided about the upstream that it has reached last.
    leg: Place,
    answer: Answer,
    /// Where a fetch goes next.
    hop: Option<Box<Hop>>,
    pub(super) outcome: Option<Outcome>,
}

impl Task {
    /// A fetch, or a callback if it has an outcome.
    pub(super) fn new(
        attempt: Attempt,
        entry: usize,
        instance: InstanceId,
        answer: Answer,
        outcome: Option<Outcome>,
    ) -> Self {
        Self {
            attempt,
            entry,
            instance,
            over: false,
            connected: false,
            waits: false,
            is_zombie: false,
            is_orphan: false,
            sent: false,
            place: Place::new(&FETCH, Key::WORLD),
            leg: Place::new(&HOP, Key::WORLD),
            answer,
            hop: None,
            outcome,
        }
    }
}

/// The object's host.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) tasks: Vec<Task>,
    /// Running fetches and callbacks of the living instance.
    fetching: BTreeMap<Attempt, u32>,
    pub(super) calling_back: BTreeMap<Attempt, u32>,
    /// Responses that it holds.
    pub(super) held: BTreeSet<Attempt>,
    /// A deployment takes the origins down too.
    pub(super) origins_down: bool,
    /// When they are back.
    pub(super) origins_back: Micros,
}

impl Host {
    pub fn start_fetch(&mut self, stage: &mut Stage<'_>, from: InstanceId, attempt: Attempt, timeout_ms: u32) {
        let Some(entry) = stage.seen.ledger.entry_of(attempt.id) else {
            let what = format!("a fetch of {} leaves, which is not stored", attempt.id);
            stage.violated(Violation { law: "S4", what });
            return;
        };
        let left = Timestamp(stage.sim.clock_ms(from.object));
        stage.seen.ledger.running += 1;
        stage.seen.ledger.entries[entry].fetches.push(Fetch {
            attempt,
            left,
            executed: 0,
            running: true,
            result: None,
        });
        stage.observe(&Observation::FetchLeft { entry });
        if stage.seen.ledger.running == limits::MAX_IN_FLIGHT {
            stage.seen.coverage.sometimes(&ALL_SLOTS_BUSY);
        }
        let planned = stage.seen.ledger.entries[entry].planned;
        let place = stage.sim.place(&FETCH, ATTEMPT.key2(planned, attempt.number.into()));
        let all = [OverQuota::Timer, OverQuota::Fetch];
        let over_quota = if stage.healthy {
            OverQuota::Nothing
        } else {
            stage.sim.decide_at(place).sometimes_one(&FETCH.over_quota, stage.plan.world.over_quota, &all)
        };
        let answer = match over_quota {
            OverQuota::Fetch => Answer::Stalls,
            OverQuota::Nothing | OverQuota::Timer => stage.decide_answer(planned, place),
        };
        let number = self.tasks.len() as u32;
        self.tasks.push(Task { place, ..Task::new(attempt, entry, from, answer, None) });
        self.fetching.insert(attempt, number);
        match first_hop(stage, attempt, entry, answer) {
            Ok(hop) => self.tasks[number as usize].hop = hop.map(Box::new),
            Err(failure) => return self.end_fetch(stage, number, Some(FetchResult::Failed(failure))),
        }
        if over_quota != OverQuota::Nothing {
            stage.seen.hit_object(Fault(28));
        }
        match over_quota {
            OverQuota::Nothing => stage.sim.after(u64::from(timeout_ms) * 1_000, Message::FetchTimer(number)),
            // No timer is to be had: only the machine's lease ends this attempt.
            OverQuota::Timer => {}
            OverQuota::Fetch => {
                return self.end_fetch(stage, number, Some(FetchResult::Failed(Failure::NotSent)));
            }
        }
        if stage.sim.connect(from, Message::FetchConnects(number)) {
            self.tasks[number as usize].waits = true;
            stage.seen.hit_if_in_flight(Fault::CONNECTIONS_FULL, entry);
            stage.sim.say("host", || format!("F20: {attempt} waits for a connection"));
        } else {
            self.tasks[number as usize].connected = true;
        }
    }

    pub fn fetch_connects(&mut self, stage: &mut Stage<'_>, number: u32) {
        let task = &mut self.tasks[number as usize];
        let granted = std::mem::take(&mut task.waits);
        if std::mem::take(&mut task.is_zombie) {
            stage.sim.say("host", || format!("F9: {} goes out all the same", self.tasks[number as usize].attempt));
        } else if task.over {
            // It waited for this slot; the next one gets it.
            if granted {
                let instance = task.instance;
                stage.sim.disconnect(instance);
            }
            return;
        } else {
            task.connected = true;
        }
        let task = &self.tasks[number as usize];
        let entry = task.entry;
        let delay = stage.network(&mut stage.sim.decide_at(task.place), &FETCH.there);
        match self.tasks[number as usize].answer {
            Answer::Breaks(Breaks::NoConnection) => {
                stage.seen.hit_if_in_flight(Fault(21), entry);
                stage.sim.after(delay, Message::FetchBreaks(number, false));
            }
            Answer::Breaks(Breaks::BeforeActing) => {
                stage.seen.hit_if_in_flight(Fault(21), entry);
                self.tasks[number as usize].sent = true;
                stage.sim.after(delay, Message::FetchBreaks(number, true));
            }
            Answer::Breaks(Breaks::AfterActing | Breaks::Never) | Answer::Stalls | Answer::Responds { .. } => {
                stage.sim.after(delay, Message::FetchReaches(number));
            }
        }
    }

    /// The upstream acts, whether or not anybody still waits for its answer.
    pub fn fetch_reaches(&mut self, stage: &mut Stage<'_>, number: u32) {
        let task = &mut self.tasks[number as usize];
        if !task.over {
            task.sent = true;
        }
        let (attempt, entry, answer) = (task.attempt, task.entry, task.answer);
        let planned = stage.seen.ledger.entries[entry].planned;
        let hop = task.hop.take();
        let redirects = hop.as_ref().map_or(0, |hop| hop.redirects);
        // A redirect goes on with the same attempt; what counts is how often the request itself was executed.
        let first = stage.seen.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.attempt == attempt);
        if let Some(fetch) = first.filter(|_| redirects == 0) {
            fetch.executed += 1;
        }
        stage.sim.say("upstream", || {
            let host =
                hop.as_ref().and_then(|hop| hop.url.host_str()).map_or(format!("u{planned}.test"), str::to_owned);
            format!("{host} acts on {attempt}")
        });
        if let Some(hop) = &hop {
            let host = hop.url.host_str().unwrap_or_default();
            stage.observe(&Observation::Executed { entry, number: attempt.number, host, headers: &hop.headers });
        }
        self.tasks[number as usize].hop = hop;
        let leg = stage.sim.place(&HOP, ATTEMPT.key2(planned, attempt.number.into()));
        self.tasks[number as usize].leg = leg;
        let back = stage.network(&mut stage.sim.decide_at(leg), &HOP.back);
        match answer {
            Answer::Breaks(Breaks::NoConnection | Breaks::BeforeActing) | Answer::Stalls => {}
            Answer::Breaks(Breaks::AfterActing | Breaks::Never) => {
                stage.seen.hit_if_in_flight(Fault(21), entry);
                stage.sim.after(back, Message::FetchBreaks(number, true));
            }
            Answer::Responds { head_us, .. } => stage.sim.after(head_us + back, Message::FetchHead(number)),
        }
    }

    pub fn fetch_head(&mut self, stage: &mut Stage<'_>, number: u32) {
        let task = &self.tasks[number as usize];
        let (entry, instance) = (task.entry, task.instance);
        let Answer::Responds { status, body, body_us, redirect, .. } = task.answer else { return };
        if task.over {
            self.answer_is_late(stage, number, FetchResult::Response { status: 200, retry_after: None });
            return;
        }
        if redirect != Redirect::None {
            stage.seen.hit_if_in_flight(Fault(24), entry);
            let Some(hop) = self.tasks[number as usize].hop.take() else { return };
            let location = redirect.location(&hop);
            match hop.after_head(&stage.plan.config, status, location.as_deref()) {
                AfterHead::Follow(next) => {
                    let over = redirect.ends_after(next.redirects);
                    self.tasks[number as usize].hop = Some(Box::new(next));
                    if over && let Answer::Responds { status, redirect, .. } = &mut self.tasks[number as usize].answer {
                        (*status, *redirect) = (200, Redirect::None);
                    }
                    let leg = self.tasks[number as usize].leg;
                    let delay = stage.network(&mut stage.sim.decide_at(leg), &HOP.there);
                    stage.sim.after(delay, Message::FetchReaches(number));
                    return;
                }
                AfterHead::Fail(failure) => {
                    return self.end_fetch(stage, number, Some(FetchResult::Failed(failure)));
                }
                AfterHead::Read => {}
            }
        } else if status != 200 {
            stage.seen.hit_if_in_flight(Fault(24), entry);
        }
        if stage.plan.slot_until_head {
            self.tasks[number as usize].connected = false;
            stage.sim.disconnect(instance);
        }
        match body {
            Body::Hangs => stage.seen.hit_if_in_flight(Fault(22), entry),
            Body::Whole => stage.sim.after(body_us, Message::FetchBody(number)),
            Body::Truncated | Body::TooLarge | Body::BadHead => {
                stage.seen.hit_if_in_flight(Fault(22), entry);
                stage.sim.after(body_us, Message::FetchBody(number));
            }
        }
    }

    pub fn fetch_body(&mut self, stage: &mut Stage<'_>, number: u32) {
        let task = &self.tasks[number as usize];
        let Answer::Responds { status, body, retry_after, .. } = task.answer else { return };
        if task.over {
            self.answer_is_late(stage, number, FetchResult::Response { status: 200, retry_after: None });
            return;
        }
        let result = match body {
            Body::Whole => FetchResult::Response { status, retry_after: retry_after.text(stage.sim.true_ms()) },
            Body::Truncated => FetchResult::Failed(Failure::BodyBroken),
            Body::TooLarge => FetchResult::Failed(Failure::BodyTooLarge),
            Body::BadHead => FetchResult::Failed(Failure::BadHead),
            Body::Hangs => return,
        };
        self.end_fetch(stage, number, Some(result));
    }

    pub fn fetch_breaks(&mut self, stage: &mut Stage<'_>, number: u32, sent: bool) {
        let task = &self.tasks[number as usize];
        if task.over {
            self.answer_is_late(stage, number, FetchResult::Failed(Failure::Broken));
            return;
        }
        let failure = if sent { Failure::Broken } else { Failure::NotSent };
        self.end_fetch(stage, number, Some(FetchResult::Failed(failure)));
    }

    pub fn fetch_timer(&mut self, stage: &mut Stage<'_>, number: u32) {
        let task = &self.tasks[number as usize];
        if task.over {
            self.orphan_ends(stage, number, FetchResult::Failed(Failure::TimedOut));
            return;
        }
        // A request that still waits for its connection was certainly not sent.
        let failure = if task.connected || task.sent { Failure::TimedOut } else { Failure::NotSent };
        self.end_fetch(stage, number, Some(FetchResult::Failed(failure)));
    }

    /// The machine gives an attempt up: its fetch is cancelled, its response dropped.
    pub fn abort(&mut self, stage: &mut Stage<'_>, attempt: Attempt) {
        self.held.remove(&attempt);
        if let Some(number) = self.fetching.get(&attempt).copied() {
            self.end_fetch(stage, number, None);
        }
    }

    fn end_fetch(&mut self, stage: &mut Stage<'_>, number: u32, result: Option<FetchResult>) {
        let task = &mut self.tasks[number as usize];
        let (attempt, entry, instance) = (task.attempt, task.entry, task.instance);
        task.over = true;
        let connected = std::mem::take(&mut task.connected);
        self.fetching.remove(&attempt);
        stage.seen.ledger.running -= 1;
        if let Some(fetch) = stage.seen.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.attempt == attempt)
        {
            fetch.running = false;
            fetch.result.clone_from(&result);
        }
        if connected {
            stage.sim.disconnect(instance);
        }
        stage.observe(&Observation::FetchEnded { entry, attempt });
        if let Some(result) = result {
            if matches!(result, FetchResult::Response { .. }) {
                self.held.insert(attempt);
            }
            stage.sim.about(report(&stage.seen.ledger, entry, attempt));
            stage.sim.resume(instance, Event::Fetched { attempt, result });
        }
    }

    fn answer_is_late(&mut self, stage: &mut Stage<'_>, number: u32, result: FetchResult) {
        let task = &self.tasks[number as usize];
        let (entry, attempt) = (task.entry, task.attempt);
        if !stage.seen.is_in_flight(entry) {
            stage.seen.hit(Fault(23), entry);
        }
        if !self.orphan_ends(stage, number, result) {
            stage.sim.say("host", || format!("F23: an answer to {attempt} finds nobody"));
        }
    }

    /// A fetch whose machine is gone ends: the next machine of the instance is told, and its connection is free.
    /// Whether it was such a fetch.
    fn orphan_ends(&mut self, stage: &mut Stage<'_>, number: u32, result: FetchResult) -> bool {
        let task = &mut self.tasks[number as usize];
        let (attempt, instance, entry) = (task.attempt, task.instance, task.entry);
        if !std::mem::take(&mut task.is_orphan) {
            return false;
        }
        if std::mem::take(&mut task.connected) {
            stage.sim.disconnect(instance);
        }
        stage.sim.about(report(&stage.seen.ledger, entry, attempt));
        stage.sim.resume(instance, Event::Fetched { attempt, result });
        true
    }

    /// F10: the work goes on, and will be reported to the next machine of the instance.
    pub fn orphan_work(&mut self) {
        for number in self.fetching.values().chain(self.calling_back.values()) {
            self.tasks[*number as usize].is_orphan = true;
        }
    }

    /// F9: the instance that is replaced runs on for a while, and fetches that waited for a connection get one.
    pub fn zombies(&mut self, stage: &mut Stage<'_>) {
        const RUNS_ON: Micros = 30 * SECOND;
        if stage.healthy {
            return;
        }
        let waiting: Vec<u32> =
            self.fetching.values().copied().filter(|number| self.tasks[*number as usize].waits).collect();
        for number in waiting {
            let task = &mut self.tasks[number as usize];
            let mut decide = stage.sim.decide_at(task.place);
            let later = decide.sometimes(&FETCH.runs_on, stage.plan.world.zombie, 1, RUNS_ON);
            if later == 0 {
                continue;
            }
            (task.waits, task.is_zombie) = (false, true);
            let entry = task.entry;
            stage.seen.hit(Fault::ZOMBIE, entry);
            stage.sim.after(later, Message::FetchConnects(number));
        }
    }

    /// All of the instance's work is gone (F7).
    pub fn lose_work(&mut self, stage: &mut Stage<'_>) {
        let fetching = std::mem::take(&mut self.fetching);
        let calling_back = std::mem::take(&mut self.calling_back);
        self.held.clear();
        for (attempt, number) in fetching.into_iter().chain(calling_back) {
            let task = &mut self.tasks[number as usize];
            let entry = task.entry;
            task.over = true;
            let is_fetch = task.outcome.is_none();
            stage.seen.hit_running(Fault::WORK_VANISHES, entry);
            if is_fetch {
                stage.seen.ledger.running -= 1;
                let fetches = &mut stage.seen.ledger.entries[entry].fetches;
                if let Some(fetch) = fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
                    fetch.running = false;
                }
                stage.observe(&Observation::FetchEnded { entry, attempt });
            }
        }
    }
}

/// What a real host sends first. Where nothing of it can matter (an unharmed row, the first attempt, no redirect)
/// it is not made: that is most of the time.
fn first_hop(stage: &Stage<'_>, attempt: Attempt, entry: usize, answer: Answer) -> Result<Option<Hop>, Failure> {
    let entry = &stage.seen.ledger.entries[entry];
    let redirects = matches!(answer, Answer::Responds { redirect, .. } if redirect != Redirect::None);
    if entry.payload && !entry.tampered && attempt.number == 1 && !redirects {
        return Ok(None);
    }
    let payload = stage.payload(attempt).ok_or(Failure::Unreadable)?;
    Hop::first(&stage.plan.config, attempt.id, &payload).map(Some)
}

impl Stage<'_> {
    /// What is stored of the request itself, if it can be read.
    pub fn payload(&self, attempt: Attempt) -> Option<Payload> {
        let key = RowKey { table: Table::Payloads, id: attempt.id };
        Payload::decode(&self.sim.storage(OBJECT).get(&key)?).ok()
    }
}

/// What a report of an attempt is about.
fn report(ledger: &Ledger, entry: usize, attempt: Attempt) -> Key {
    REPORT.key2(ledger.entries[entry].planned, attempt.number.into())
}
