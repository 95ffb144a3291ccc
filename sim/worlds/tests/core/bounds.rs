//! Bounds under saturation (laws S12, S15, L2): far more work than fits, bounded in each step, and all of it ends.

use crate::support::{
    host::Mem,
    ops::Profile,
    world::{BEGIN, allowing, request},
};
use proxy_fetch::{
    Attempt, CallbackResult, Caller, Config, Effect, Event, Failure, FetchResult, Machine, Outcome, Output, Phase,
    RefusalKind, Reply, RestoreError, Store, Timestamp, Ulid, Wake, limits,
};
use std::collections::{BTreeMap, BTreeSet};

const PLAIN: Profile = Profile { options: DEFAULT, has_callback: true, body: false };
const QUIET: Profile = Profile { options: DEFAULT, has_callback: false, body: false };
const DEFAULT: proxy_fetch::Options = proxy_fetch::Options {
    timeout_ms: 300_000,
    max_retries: 3,
    retry_delay_ms: 1_000,
    max_retry_delay_ms: 10_000,
    retry_on_5xx: true,
    at_most_once: false,
};
/// A row or two for each deadline, and every callback that may leave.
const MOST_WRITES: usize = 10 * limits::MAX_DUE_PER_STEP;

struct Rig {
    mem: Mem,
    machine: Machine,
    now: u64,
    running: Vec<Attempt>,
    calls: BTreeMap<Ulid, (Attempt, Outcome)>,
    most_calls: usize,
    refused: Vec<RefusalKind>,
}

impl Rig {
    fn new(config: &Config) -> Self {
        let mem = Mem::default();
        let machine = mem.restore(config).unwrap();
        let (running, calls, refused) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { mem, machine, now: BEGIN, running, calls, most_calls: 0, refused }
    }

    /// One step, its writes counted, its effects in the books.
    fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Output::default();
        self.machine.step(Timestamp(self.now), event, &mut out);
        assert!(out.writes().len() <= MOST_WRITES, "S15: {} writes", out.writes().len());
        self.mem.commit(out.writes(), None).unwrap();
        let live: BTreeMap<Ulid, Phase> = self.machine.live().map(|(id, row)| (id, row.phase)).collect();
        self.calls.retain(|id, _| live.contains_key(id));
        let effects = out.take_effects();
        for effect in &effects {
            match effect {
                Effect::Fetch { attempt, .. } => self.running.push(*attempt),
                Effect::Abort { attempt } => self.running.retain(|one| one != attempt),
                Effect::Deliver { attempt, outcome, .. } => {
                    let again = self.calls.insert(attempt.id, (*attempt, *outcome));
                    assert_eq!(again, None, "S11: delivered twice");
                }
                Effect::Reply { reply: Reply::Refused(refusal), .. } => self.refused.push(refusal.kind),
                Effect::Reply { .. } | Effect::Report(_) => {}
            }
        }
        self.most_calls = self.most_calls.max(self.calls.len());
        assert!(self.running.len() <= limits::MAX_IN_FLIGHT, "S3");
        assert!(self.calls.len() <= limits::MAX_CALLBACKS, "S15: callbacks");
        let held = self.calls.values().filter(|(_, outcome)| outcome.has_response()).count();
        assert!(self.running.len() + held <= limits::MAX_HELD_RESPONSES, "S15: {held} responses held");
        effects
    }

    fn enqueue(&mut self, name: &str, profile: Profile) -> Vec<Effect> {
        let request = Box::new(request(name, 0, profile));
        self.step(Event::Enqueue { caller: Caller(0), request, entropy: 0 })
    }

    fn enqueue_many(&mut self, number: usize, profile: Profile) {
        for n in 0..number {
            self.enqueue(&format!("n{n}"), profile);
        }
        assert_eq!(self.machine.live_len(), number);
    }

    /// Reports this of everything that runs, until nothing more is started.
    fn complete_all(&mut self, result: &FetchResult) {
        while let Some(attempt) = self.running.pop() {
            self.step(Event::Fetched { attempt, result: result.clone() });
        }
    }

    /// Ticks when asked to, until nothing is live. The outside is silent.
    fn silence(&mut self) -> usize {
        let mut ticks = 0;
        while self.machine.live_len() > 0 {
            let (at, _) = self.machine.next_wake().expect("live and never woken");
            self.now = self.now.max(at.0);
            self.step(Event::Tick);
            ticks += 1;
            assert!(ticks < 20_000, "it never ends");
        }
        self.machine.check();
        ticks
    }
}

const REFUSED: FetchResult = FetchResult::Failed(Failure::AddressRefused);
const ANSWER: FetchResult = FetchResult::Response { status: 200, retry_after: None };

#[test]
fn s15_more_callbacks_hang_than_may_be_under_way() {
    let mut rig = Rig::new(&allowing());
    rig.enqueue_many(600, PLAIN);
    rig.complete_all(&REFUSED);
    assert_eq!(rig.most_calls, limits::MAX_CALLBACKS, "it is saturated");
    let (at, why) = rig.machine.next_wake().unwrap();
    assert_eq!((at.0 - rig.now, why), (35_000, Wake::CallbackDeadline));
    rig.silence();
    assert!(rig.now <= BEGIN + 3 * 35_000, "three waves of callbacks, not more");
}

#[test]
fn s15_held_responses_are_bounded_and_the_rest_waits() {
    let mut rig = Rig::new(&allowing());
    rig.enqueue_many(200, PLAIN);
    rig.complete_all(&ANSWER);
    assert_eq!(rig.calls.len(), limits::MAX_HELD_RESPONSES, "it is saturated");
    let (at, why) = rig.machine.next_wake().unwrap();
    assert_eq!((at.0 - rig.now, why), (500, Wake::CapacityPoll), "L1: eligible work waits");
    // One answer makes room for one fetch.
    let attempt = rig.calls.values().next().unwrap().0;
    rig.step(Event::Delivered { attempt, result: CallbackResult::Answered });
    assert_eq!(rig.running.len(), 1);
    rig.silence();
}

/// Each has a jitter of its own: else they would all come back together.
#[test]
fn s7_requests_that_fail_together_do_not_return_together() {
    let mut rig = Rig::new(&allowing());
    rig.enqueue_many(64, PLAIN);
    rig.complete_all(&FetchResult::Failed(Failure::NotSent));
    let returns: BTreeSet<Timestamp> = rig
        .machine
        .live()
        .filter_map(|(_, row)| match row.phase {
            Phase::Queued { not_before } => Some(not_before),
            Phase::InFlight { .. } | Phase::Delivering { .. } => None,
        })
        .collect();
    assert!(returns.len() > 8, "64 requests return at {returns:?}");
}

#[test]
fn s15_s9_hundreds_expire_at_once() {
    let mut rig = Rig::new(&allowing());
    rig.enqueue_many(500, PLAIN);
    rig.now += limits::MAX_REQUEST_AGE_MS;
    let mut expired = 0;
    let mut ticks = 0;
    while rig.machine.live().any(|(_, row)| !matches!(row.phase, Phase::Delivering { .. })) {
        assert!(rig.machine.next_wake().unwrap().0.0 <= rig.now, "what is left is due at once");
        let effects = rig.step(Event::Tick);
        assert!(effects.iter().all(|effect| !matches!(effect, Effect::Fetch { .. })), "S9: a start after the end");
        expired += effects.iter().filter(|e| matches!(e, Effect::Deliver { outcome: Outcome::Expired, .. })).count();
        ticks += 1;
        assert!(ticks <= 10, "500 in steps of 64");
    }
    assert_eq!(expired, limits::MAX_CALLBACKS, "the others wait for their turn");
    rig.machine.check();
    rig.silence();
}

#[test]
fn s15_a_restart_under_full_load_is_bounded_too() {
    let mut rig = Rig::new(&allowing());
    rig.enqueue_many(600, PLAIN);
    rig.complete_all(&REFUSED);
    rig.machine = rig.mem.restore(&allowing()).unwrap();
    rig.calls.clear();
    rig.step(Event::Start);
    assert_eq!(rig.calls.len(), limits::MAX_CALLBACKS, "each is called again");
    rig.silence();
}

#[test]
fn s15_the_queue_is_full_by_name() {
    let mut rig = Rig::new(&Config { max_live: 10, ..allowing() });
    rig.enqueue_many(10, QUIET);
    rig.enqueue("over", QUIET);
    assert_eq!(rig.refused, [RefusalKind::QueueFull]);
    // A repeat of what is in the queue is no new request.
    assert!(rig.enqueue("n3", QUIET).iter().any(|effect| effect.to_string().contains("accepted")));
    let attempt = rig.running[0];
    rig.step(Event::Fetched { attempt, result: ANSWER });
    assert!(rig.enqueue("over", QUIET).iter().any(|effect| effect.to_string().contains("accepted")));
    assert_eq!(rig.machine.live_len(), 10);
    assert_eq!(rig.refused.len(), 1);
}

/// A row of another version takes the place of the request that it may be (S24).
#[test]
fn s15_kept_rows_take_room() {
    let config = Config { max_live: 2, ..allowing() };
    let mut rig = Rig::new(&config);
    rig.enqueue("a", QUIET);
    let row = rig.mem.rows.iter_mut().find(|(key, _)| key.table == proxy_fetch::Table::Requests).unwrap().1;
    row[0] = 2;
    rig.machine = rig.mem.restore(&config).unwrap();
    rig.running.clear();
    rig.enqueue("b", QUIET);
    rig.enqueue("c", QUIET);
    assert_eq!((rig.machine.live_len(), rig.refused.as_slice()), (1, [RefusalKind::QueueFull].as_slice()));
}

/// No name is forgotten early, however many others come: they are refused, and told when there is room (S6).
#[test]
fn s15_known_requests_are_bounded_and_none_is_forgotten_early() {
    let config = Config { max_known: 20, ..allowing() };
    let mut rig = Rig::new(&config);
    for n in 0..100 {
        rig.enqueue(&format!("n{n}"), QUIET);
        let stored = rig.mem.rows.keys().filter(|key| key.table == proxy_fetch::Table::Finished).count();
        assert!(stored <= 20, "{stored} are remembered");
        rig.complete_all(&ANSWER);
        rig.now += 1;
    }
    assert_eq!(rig.refused.len(), 80);
    let reply = |effects: &[Effect]| effects[0].to_string();
    let status =
        |rig: &mut Rig, name: &str| reply(&rig.step(Event::Status { caller: Caller(0), request_id: name.into() }));
    assert!(status(&mut rig, "n0").contains("finished response 200"), "remembered");
    assert!(status(&mut rig, "n20").contains("not_found"), "refused");
    // A repeat of what is known is no new request.
    assert!(reply(&rig.enqueue("n0", QUIET)).contains("accepted"));
    // The first may be forgotten five minutes after its end, which was 100 ms ago.
    let full = rig.enqueue("more", QUIET);
    let Effect::Reply { reply: Reply::Refused(refusal), .. } = &full[0] else { panic!("{full:?}") };
    assert_eq!(refusal.retry_after_ms, Some(limits::DEDUPE_WINDOW_MS - 100));
    rig.now += limits::DEDUPE_WINDOW_MS - 101;
    assert!(reply(&rig.enqueue("more", QUIET)).contains("refused"));
    rig.now += 1;
    assert!(reply(&rig.enqueue("more", QUIET)).contains("accepted"), "there is room when it was promised");
}

#[test]
fn s15_a_bound_of_zero_is_refused() {
    let restored = Machine::restore(Config { max_live: 0, ..Config::default() }, []);
    assert_eq!(restored.map(drop), Err(RestoreError::EmptyBound("max_live")));
    let restored = |max_in_flight| Machine::restore(Config { max_in_flight, ..Config::default() }, []).map(drop);
    assert_eq!(restored(0), Err(RestoreError::EmptyBound("max_in_flight")));
    assert_eq!((restored(1), restored(5)), (Ok(()), Ok(())));
    assert_eq!(restored(6), Err(RestoreError::TooManyInFlight(6)));
}

#[test]
fn s03_a_host_may_lower_the_bound_on_fetches() {
    let mut rig = Rig::new(&Config { max_in_flight: 2, ..allowing() });
    rig.enqueue_many(4, PLAIN);
    assert_eq!(rig.running.len(), 2);
}

/// S12 when more is due than one step may move: a request whose delay is over counts as eligible even if the step
/// has no budget left to look at it.
#[test]
fn s12_holds_when_more_is_due_than_fits_in_a_step() {
    let mut rig = Rig::new(&allowing());
    // The smallest ULID fails once and waits a second or so.
    rig.enqueue("first", QUIET);
    let first = rig.running.pop().unwrap();
    // Hanging callbacks, more than a step may end.
    for n in 0..100 {
        rig.enqueue(&format!("hangs{n}"), PLAIN);
        rig.complete_all(&REFUSED);
    }
    rig.running.push(first);
    // Attempts that run on, and one that waits for a slot.
    for n in 0..5 {
        rig.enqueue(&format!("waits{n}"), QUIET);
    }
    // `first` is queued again shortly after the callbacks' deadline; the slot it leaves is taken at once.
    rig.now = BEGIN + 34_500;
    rig.running.retain(|attempt| *attempt != first);
    rig.step(Event::Fetched { attempt: first, result: FetchResult::Failed(Failure::NotSent) });
    rig.enqueue("late", QUIET);
    assert_eq!(rig.running.len(), limits::MAX_IN_FLIGHT);
    // The alarm is late: callbacks, `first` and a freed slot all meet in one step.
    rig.now = BEGIN + 37_000;
    let attempt = rig.running.remove(0);
    let effects = rig.step(Event::Fetched { attempt, result: ANSWER });
    let started = effects.iter().find_map(|effect| match effect {
        Effect::Fetch { attempt, .. } => Some(attempt.id),
        Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Reply { .. } | Effect::Report(_) => None,
    });
    assert!(started.is_none_or(|id| id == first.id), "{started:?} starts before {}, which is eligible", first.id);
    rig.silence();
}

/// L4: bounded work per step does not mean that a slot stays idle: the next tick is asked for at once.
#[test]
fn l4_what_does_not_fit_in_a_step_is_due_in_the_next() {
    let mut rig = Rig::new(&allowing());
    for n in 0..100 {
        rig.enqueue(&format!("hangs{n}"), PLAIN);
        rig.complete_all(&REFUSED);
    }
    rig.now += 40_000;
    rig.step(Event::Tick);
    assert_eq!(rig.machine.live_len(), 100 - limits::MAX_DUE_PER_STEP);
    assert!(rig.machine.next_wake().unwrap().0.0 <= rig.now);
    rig.step(Event::Tick);
    assert_eq!(rig.machine.live_len(), 0);
}

/// What a host shows of its object: which incarnation it is, and how many requests are where.
#[test]
fn a_host_can_show_how_its_object_is() {
    let mut rig = Rig::new(&Config { max_in_flight: 2, ..allowing() });
    let shown = |rig: &Rig| (rig.machine.epoch(), rig.machine.live_len(), rig.machine.in_flight_len());
    assert_eq!(shown(&rig), (0, 0, 0));
    rig.enqueue_many(3, QUIET);
    assert_eq!(shown(&rig), (1, 3, 2));
    rig.machine = rig.mem.restore(rig.machine.config()).unwrap();
    rig.step(Event::Start);
    assert_eq!(rig.machine.epoch(), 2);
}
