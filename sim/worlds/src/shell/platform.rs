//! What the shell asks of the world, answered by madsim: its clock, its tasks, its network, and the node's disk.

use super::{
    ORIGIN, UPSTREAM, ask, chance,
    disk::{Disk, DiskError},
    ms, now,
    oracle::{Oracle, Shared, message_of},
    process::config,
    threads::Threads,
};
use madsim::{
    net::Endpoint,
    rand::random,
    time::{Duration, TimeHandle, sleep},
};
use proxy_fetch::{
    Alarm, Attempt, CallbackResult, Effect, Event, Failure, FetchResult, Hop, Machine, Timestamp, json::parse_callback,
    limits,
};
use proxy_fetch_native::shell::{Delivery, Fetch, Platform, Response};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// The shell asks for the time a few times a round; so often only if it never waits.
const MAX_ASKED_AT_ONCE: u32 = 10_000;

/// The platform of one process.
#[derive(Clone)]
pub struct Simulated(Arc<Process>);

struct Process {
    world: Shared,
    net: Endpoint,
    number: u64,
    is_calm: bool,
    threads: Threads,
    /// Fetches and callbacks that have left and are not over.
    under_way: AtomicUsize,
    /// How often the shell has asked for the time at this instant.
    asked: Mutex<(Duration, u32)>,
}

impl Simulated {
    /// The platform of a process that starts now.
    pub fn new(world: Shared, net: Endpoint) -> Self {
        let (number, is_calm) = world.see(|it| (it.process_started(), it.is_calm()));
        let (threads, under_way, asked) = (Threads::default(), AtomicUsize::new(0), Mutex::default());
        Self(Arc::new(Process { world, net, number, is_calm, threads, under_way, asked }))
    }

    pub fn see<T>(&self, look: impl FnOnce(&mut Oracle) -> T) -> T {
        self.0.world.see(look)
    }

    /// `None`: the process is gone, and what it does is seen by nobody.
    pub fn see_alive<T>(&self, look: impl FnOnce(&mut Oracle) -> T) -> Option<T> {
        self.see(|it| it.is_alive(self.0.number).then(|| look(it)))
    }

    /// Starts a task of this process that is not the shell's.
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.threads.spawn(self.0.world.watched(task), false);
    }

    /// Nobody looks any more: a law was broken.
    pub fn is_over(&self) -> bool {
        self.0.world.is_over()
    }

    /// The other threads go on.
    pub fn go_on(&self) {
        self.0.threads.go_on();
    }

    pub fn assert_nothing_is_under_way(&self, when: &str) {
        // After a pause the shell may run before the other threads hear that they were stopped.
        if self.see(|it| it.was_just_resumed()) {
            return;
        }
        let under_way = self.0.under_way.load(Ordering::Relaxed);
        assert_eq!(under_way, 0, "S3: fetches or callbacks of an ended incarnation run on {when}");
    }
}

/// A fetch or a callback that has left; dropped, it is cut off.
struct UnderWay {
    platform: Simulated,
    /// The incarnation that sent it.
    incarnation: u64,
    attempt: Attempt,
    is_fetch: bool,
    is_over: bool,
}

impl UnderWay {
    fn new(platform: &Simulated, attempt: Attempt, is_fetch: bool) -> Self {
        platform.0.under_way.fetch_add(1, Ordering::Relaxed);
        let incarnation = platform.see(|it| it.incarnation);
        Self { platform: platform.clone(), incarnation, attempt, is_fetch, is_over: false }
    }

    fn fetched(mut self, result: &FetchResult) {
        self.is_over = true;
        self.platform.see(|it| it.fetch_ended(self.incarnation, self.attempt, Some(result)));
    }

    fn called_back(mut self, result: CallbackResult) {
        self.is_over = true;
        self.platform.see(|it| it.callback_ended(self.incarnation, self.attempt, Some(result)));
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.platform.0.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.is_over || self.platform.is_over() {
            return;
        }
        self.platform.see(|it| match self.is_fetch {
            true => it.fetch_ended(self.incarnation, self.attempt, None),
            false => it.callback_ended(self.incarnation, self.attempt, None),
        });
    }
}

impl Platform for Simulated {
    type Database = Disk;

    fn now(&self) -> Timestamp {
        // Time passes only while the shell waits; one that never does would hang the run.
        let instant = TimeHandle::current().elapsed();
        let mut asked = self.0.asked.lock().unwrap();
        *asked = if asked.0 == instant { (instant, asked.1 + 1) } else { (instant, 1) };
        assert!(asked.1 < MAX_ASKED_AT_ONCE, "S20: the shell goes round and round, and waits for nothing");
        now()
    }

    fn entropy(&self) -> u128 {
        random()
    }

    async fn sleep(&self, duration_ms: u64) {
        sleep(ms(duration_ms)).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Without the nemesis, fetches leave in the order in which they were started. A killed process starts nothing.
        let is_alive = self.see_alive(|_| ()).is_some();
        self.0.threads.spawn(self.0.world.watched(task), is_alive && (self.0.is_calm || chance(30)));
    }

    fn open(&self) -> Result<Disk, DiskError> {
        Disk::open(self)
    }

    async fn fetch(&self, fetch: Fetch) -> Result<Response, Failure> {
        let attempt = self.see(|it| it.fetch_left(fetch.id));
        let under_way = UnderWay::new(self, attempt, true);
        let ended = self.attempt(attempt, fetch).await;
        let result = match &ended {
            Ok(response) => {
                let retry_after = response.headers.iter().find(|(name, _)| name == "retry-after");
                FetchResult::Response {
                    status: response.status,
                    retry_after: retry_after.map(|(_, value)| value.clone()),
                }
            }
            Err(failure) => FetchResult::Failed(*failure),
        };
        under_way.fetched(&result);
        ended
    }

    async fn deliver(&self, Delivery { url, json }: Delivery) -> CallbackResult {
        assert_eq!(url, super::callers::CALLBACK_URL, "S18: whom to call back");
        let item = parse_callback(&json).unwrap();
        let attempt = self.see(|it| it.callback_left(&item));
        let under_way = UnderWay::new(self, attempt, false);
        let message = json!({ "json": String::from_utf8(json).unwrap() });
        let reply = ask(&self.0.net, ORIGIN, &message, ms(limits::CALLBACK_TIMEOUT_MS)).await;
        let is_ok = reply.is_some_and(|reply| reply["ok"] == true);
        let result = if is_ok { CallbackResult::Answered } else { CallbackResult::Failed };
        under_way.called_back(result);
        result
    }

    fn turn_begins(&self, now: Timestamp, events: &[Event]) {
        self.see_alive(|it| it.turn_begins(now, events));
    }

    fn turn_committed(&self, machine: &Machine, alarm: Alarm, effects: &[Effect]) {
        self.see(|it| it.turn_committed(self.0.number, machine, alarm, effects));
    }
}

impl Simulated {
    async fn attempt(&self, attempt: Attempt, fetch: Fetch) -> Result<Response, Failure> {
        let hop = Hop::first(&config(), fetch.id, &fetch.payload)?;
        if !self.0.is_calm && chance(3) {
            sleep(ms(20)).await;
            return Err(Failure::NotSent);
        }
        let body = String::from_utf8(fetch.payload.body).unwrap();
        let message = json!({
            "attempt": message_of(attempt), "method": hop.method.as_str(), "host": hop.url.host_str(),
            "headers": hop.headers, "body": body,
        });
        let reply = ask(&self.0.net, UPSTREAM, &message, ms(fetch.timeout_ms.into())).await.ok_or(Failure::TimedOut)?;
        let retry_after = reply.get("retry_after").and_then(Value::as_str);
        Ok(Response {
            status: reply["status"].as_u64().unwrap() as u16,
            headers: retry_after.map(|value| ("retry-after".into(), value.into())).into_iter().collect(),
            body: reply["body"].as_str().unwrap().into(),
        })
    }
}
