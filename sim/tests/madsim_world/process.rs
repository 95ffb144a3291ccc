//! The object's node: a host's loop around the core. Its disk survives a kill; its memory and its tasks do not.

use super::{
    ORIGIN, ReturnTo, UPSTREAM, answer, ask, between,
    callers::Wish,
    chance, now, receive,
    witness::{Shared, message_of},
};
use madsim::{
    net::Endpoint,
    task::{AbortHandle, spawn},
    time::{Duration, sleep, timeout},
};
use proxy_fetch::{
    Alarm, AllowedCallback, Attempt, CallbackResult, Caller, Config, Effect, Event, Failure, FetchResult, Hop, Machine,
    Outcome, Output, Payload, Reply, limits, turn,
};
use proxy_fetch_sim::proxy::{ledger::Ask, object::restorable};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

pub const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 80);

pub fn config() -> Config {
    Config { callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }], ..Config::default() }
}

/// Events that wait for the next turn.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<(Vec<Event>, Option<Waker>)>>);

impl Inbox {
    fn push(&self, event: Event) {
        let mut inbox = self.0.lock().unwrap();
        inbox.0.push(event);
        if let Some(waker) = inbox.1.take() {
            waker.wake();
        }
    }

    /// Everything that waits, as soon as anything does.
    async fn take(&self) -> Vec<Event> {
        poll_fn(|context| {
            let mut inbox = self.0.lock().unwrap();
            if inbox.0.is_empty() {
                inbox.1 = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(std::mem::take(&mut inbox.0))
        })
        .await
    }
}

/// One life of the object.
struct Host {
    world: Shared,
    net: Endpoint,
    inbox: Inbox,
    /// Callers that wait for a reply.
    callers: Arc<Mutex<BTreeMap<Caller, ReturnTo>>>,
    fetches: BTreeMap<Attempt, AbortHandle>,
}

pub async fn run(world: Shared) {
    let net = Endpoint::bind(ADDRESS).await.unwrap();
    let mut host =
        Host { world: world.clone(), net, inbox: Inbox::default(), callers: Arc::default(), fetches: BTreeMap::new() };
    let mut machine = world.see(|it| {
        it.started();
        Machine::restore(config(), restorable(&it.rows)).unwrap()
    });
    let mut alarm = Alarm::UNKNOWN;
    let mut out = Output::default();
    spawn(listen(world.clone(), host.net.clone(), host.inbox.clone(), Arc::clone(&host.callers)));
    let mut events = vec![Event::Start];
    loop {
        let now = now();
        world.see(|it| {
            if it.alarm.is_some_and(|at| at <= now) {
                // Before or after what else waits: both happen. Nothing comes before the start.
                let first = usize::from(events.first() == Some(&Event::Start));
                events.insert(if chance(50) { first } else { events.len() }, Event::Tick);
            }
            let mut disk = it.disk(now, &events);
            let Ok(()) = turn(&mut machine, &mut alarm, &mut disk, now, events.drain(..), &mut out);
            disk.close();
            it.settled(&machine);
        });
        // A commit takes its time, and so does what comes after it: a kill may fall in between.
        sleep(Duration::from_millis(between(1, 8))).await;
        for effect in out.take_effects() {
            if chance(10) {
                sleep(Duration::from_millis(between(1, 3))).await;
            }
            host.perform(effect);
        }
        world.see(|it| it.effects_left());
        events = match world.see(|it| it.alarm) {
            None => host.inbox.take().await,
            Some(at) => {
                let left = Duration::from_millis(at.ms_since(super::now()));
                timeout(left, host.inbox.take()).await.unwrap_or_default()
            }
        };
    }
}

/// Takes calls in.
async fn listen(world: Shared, net: Endpoint, inbox: Inbox, callers: Arc<Mutex<BTreeMap<Caller, ReturnTo>>>) {
    loop {
        let (message, to) = receive(&net).await;
        let planned = message["planned"].as_u64().unwrap() as u32;
        let request_id = format!("r{planned}");
        let asked = match message["ask"].as_str().unwrap() {
            "enqueue" => Ask::Enqueue { planned, valid: true },
            "cancel" => Ask::Cancel { planned },
            _ => Ask::Status { planned },
        };
        let caller = world.see(|it| it.asked(asked));
        callers.lock().unwrap().insert(caller, to);
        inbox.push(match asked {
            Ask::Enqueue { .. } | Ask::Conflicting { .. } => {
                let entropy = u128::from(between(0, u64::MAX - 1));
                Event::Enqueue { caller, request: Box::new(Wish::request(&message)), entropy }
            }
            Ask::Cancel { .. } => Event::Cancel { caller, request_id },
            Ask::Status { .. } => Event::Status { caller, request_id },
        });
    }
}

impl Host {
    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Fetch { attempt, timeout_ms } => self.fetch(attempt, timeout_ms),
            Effect::Abort { attempt } => {
                if let Some(task) = self.fetches.remove(&attempt) {
                    task.abort();
                }
                self.world.see(|it| it.aborted(attempt));
            }
            Effect::Deliver { attempt, outcome, duration_ms: _ } => self.deliver(attempt, outcome),
            Effect::Reply { caller, reply } => self.reply(caller, &reply),
            Effect::Report(report) => self.world.see(|it| it.reported(&report)),
        }
    }

    fn fetch(&mut self, attempt: Attempt, timeout_ms: u32) {
        let payload = self.world.see(|it| {
            it.fetch_left(attempt);
            it.payload(attempt.id)
        });
        let (world, net, inbox) = (self.world.clone(), self.net.clone(), self.inbox.clone());
        let task = spawn(async move {
            let result = fetch(&net, attempt, &payload, Duration::from_millis(timeout_ms.into())).await;
            world.see(|it| it.fetch_ended(attempt, &result));
            inbox.push(Event::Fetched { attempt, result });
        });
        self.fetches.insert(attempt, task.abort_handle());
    }

    fn deliver(&mut self, attempt: Attempt, outcome: Outcome) {
        self.fetches.remove(&attempt);
        let payload = self.world.see(|it| {
            it.callback_left(attempt, outcome);
            it.payload(attempt.id)
        });
        assert!(payload.callback.is_some(), "{attempt} has nobody to call back");
        let message = json!({ "attempt": message_of(attempt), "outcome": outcome });
        let (world, net, inbox) = (self.world.clone(), self.net.clone(), self.inbox.clone());
        spawn(async move {
            let patience = Duration::from_millis(limits::CALLBACK_TIMEOUT_MS);
            let reply = ask(&net, ORIGIN, &message, patience).await;
            let is_ok = reply.is_some_and(|reply| reply["ok"] == true);
            world.see(|it| it.callback_ended(attempt));
            let result = if is_ok { CallbackResult::Answered } else { CallbackResult::Failed };
            inbox.push(Event::Delivered { attempt, result });
        });
    }

    fn reply(&mut self, caller: Caller, reply: &Reply) {
        self.world.see(|it| it.replied(caller, reply));
        let Some(to) = self.callers.lock().unwrap().remove(&caller) else { return };
        let message = match reply {
            Reply::Accepted { id } => json!({ "accepted": id.to_string() }),
            Reply::Cancelled { id } => json!({ "cancelled": id.to_string() }),
            Reply::Status(status) => json!({ "status": status.stage.to_string() }),
            Reply::Refused(refusal) => json!({ "refused": refusal.kind.name() }),
        };
        let net = self.net.clone();
        spawn(async move { answer(&net, to, &message).await });
    }
}

async fn fetch(net: &Endpoint, attempt: Attempt, payload: &Payload, patience: Duration) -> FetchResult {
    let hop = match Hop::first(&config(), attempt.id, payload) {
        Ok(hop) => hop,
        Err(failure) => return FetchResult::Failed(failure),
    };
    let message = json!({ "attempt": message_of(attempt), "host": hop.url.host_str(), "headers": hop.headers });
    let Some(response) = ask(net, UPSTREAM, &message, patience).await else {
        return FetchResult::Failed(Failure::TimedOut);
    };
    FetchResult::Response {
        status: response["status"].as_u64().unwrap() as u16,
        retry_after: response.get("retry_after").and_then(Value::as_str).map(Into::into),
    }
}
