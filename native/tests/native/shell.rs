//! The shell in a world of its own: time that only passes when all wait, and a database that fails when told to.

use futures_util::FutureExt;
use proxy_fetch::{
    Callback, CallbackResult, Config, Failure, Key, Outcome, Request, Row, Stage, Store, Table, Timestamp, Ulid, Write,
};
use proxy_fetch_native::shell::{
    CallError, Database, Delivery, Fetch, GaveUp, MAX_FAILURES, MAX_WAITING_CALLS, Mailbox, Platform, Response, Shell,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};

/// What is stored, what happened, and what is to go wrong.
#[derive(Default)]
struct World {
    rows: BTreeMap<Key, Vec<u8>>,
    is_open: bool,
    commits: usize,
    /// For each coming commit whether it works; when empty, all work.
    commits_work: VecDeque<bool>,
    always_fail: bool,
    fetches: Vec<u32>,
    callbacks: Vec<String>,
    fetch_ms: u64,
}

#[derive(Clone)]
struct Fake {
    world: Arc<Mutex<World>>,
    started: Instant,
}

struct Rows(Arc<Mutex<World>>);

impl Fake {
    fn new() -> Self {
        Self { world: Arc::default(), started: Instant::now() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Commits and callbacks so far.
    fn counts(&self) -> (usize, usize) {
        let world = self.world();
        (world.commits, world.callbacks.len())
    }

    /// A shell that runs, and the way to it.
    fn start(&self) -> (Mailbox, JoinHandle<Result<(), GaveUp>>) {
        let (shell, mailbox) = Shell::open(self.clone(), config()).unwrap();
        (mailbox, tokio::spawn(shell.run()))
    }
}

fn config() -> Config {
    let origin = proxy_fetch::AllowedCallback::origin("https://origin.example").unwrap();
    Config { callbacks: vec![origin], ..Config::default() }
}

impl Platform for Fake {
    type Database = Rows;

    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000).plus_ms(self.started.elapsed().as_millis().try_into().unwrap())
    }

    fn entropy(&self) -> u128 {
        0
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn open(&self) -> Result<Rows, String> {
        let mut world = self.world();
        assert!(!world.is_open, "the old database is closed before it is opened again");
        world.is_open = true;
        Ok(Rows(Arc::clone(&self.world)))
    }

    async fn fetch(&self, fetch: Fetch) -> Result<Response, Failure> {
        let ms = {
            let mut world = self.world();
            world.fetches.push(fetch.timeout_ms);
            world.fetch_ms
        };
        self.sleep(ms).await;
        Ok(Response { status: 200, headers: Vec::new(), body: b"hi".to_vec() })
    }

    async fn deliver(&self, delivery: Delivery) -> CallbackResult {
        self.world().callbacks.push(String::from_utf8(delivery.json).unwrap());
        CallbackResult::Answered
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.0.lock().unwrap().is_open = false;
    }
}

impl Store for Rows {
    type Error = String;

    fn commit(&mut self, writes: &[Write], _: Option<Timestamp>) -> Result<(), String> {
        if writes.is_empty() {
            return Ok(());
        }
        let mut world = self.0.lock().unwrap();
        if world.always_fail || world.commits_work.pop_front() == Some(false) {
            return Err("the disk is full".into());
        }
        world.commits += 1;
        for write in writes {
            match write {
                Write::Put(record) => drop(world.rows.insert(record.key(), record.encode())),
                Write::Delete(key) => drop(world.rows.remove(key)),
            }
        }
        Ok(())
    }
}

impl Database for Rows {
    fn rows(&mut self) -> Result<Vec<Row>, String> {
        let world = self.0.lock().unwrap();
        let wanted = world.rows.iter().filter(|(key, _)| key.table != Table::Payloads);
        Ok(wanted.map(|(key, value)| Row { key: *key, value: value.clone() }).collect())
    }

    fn payload(&mut self, id: Ulid) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.lock().unwrap().rows.get(&Key { table: Table::Payloads, id }).cloned())
    }
}

fn request(request_id: &str) -> Request {
    Request {
        request_id: request_id.into(),
        method: "GET".into(),
        url: "https://example.com/".into(),
        callback: Some(Callback::Url("https://origin.example/done".into())),
        ..Request::default()
    }
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

async fn stage(mailbox: &Mailbox, request_id: &str) -> Stage {
    mailbox.status(request_id.into()).await.unwrap().stage
}

const OK: Outcome = Outcome::Response { status: 200 };

#[tokio::test(start_paused = true)]
async fn a_request_alone_costs_two_commits() {
    let fake = Fake::new();
    fake.world().fetch_ms = 50;
    let (mailbox, shell) = fake.start();
    pass(10).await;
    assert_eq!(fake.world().commits, 1, "the start");
    mailbox.enqueue(request("a")).await.unwrap();
    pass(80).await;
    assert_eq!(fake.counts(), (3, 1), "accepted, and fetched");
    // The end of the first callback shares the commit of the second request.
    mailbox.enqueue(request("b")).await.unwrap();
    pass(80).await;
    assert_eq!(fake.counts(), (5, 2));
    // The second one waits for company, but not for long.
    pass(2_000).await;
    assert_eq!(fake.counts(), (6, 2));
    assert!(matches!(stage(&mailbox, "b").await, Stage::Finished { outcome: OK, .. }));
    mailbox.close(0).await;
    assert_eq!(shell.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_is_answered_and_recovered_from() {
    let fake = Fake::new();
    fake.world().fetch_ms = 5_000;
    let (mailbox, _shell) = fake.start();
    mailbox.enqueue(request("a")).await.unwrap();
    pass(10).await;
    fake.world().commits_work = [false, false].into();
    assert_eq!(mailbox.enqueue(request("b")).await, Err(CallError::StoreFailed));
    // This one waits for the restored machine, and shares the commit of its start: that fails too.
    assert_eq!(mailbox.enqueue(request("b")).await, Err(CallError::StoreFailed));
    mailbox.enqueue(request("b")).await.unwrap();
    pass(30_000).await;
    for name in ["a", "b"] {
        assert!(matches!(stage(&mailbox, name).await, Stage::Finished { outcome: OK, .. }));
    }
    let world = fake.world();
    assert_eq!(world.callbacks.len(), 2, "each is called back once: {:?}", world.callbacks);
    let of_a = world.callbacks.iter().find(|json| json.contains(r#""request_id":"a""#)).unwrap();
    assert!(of_a.contains(r#""attempts":2"#), "the first attempt counts as failed: {of_a}");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_stays_broken_ends_the_shell() {
    let fake = Fake::new();
    let (mailbox, shell) = fake.start();
    mailbox.health().await.unwrap();
    fake.world().always_fail = true;
    assert_eq!(mailbox.enqueue(request("a")).await, Err(CallError::StoreFailed));
    let problem = shell.await.unwrap().unwrap_err().to_string();
    assert!(problem.contains("the disk is full") && problem.contains(&MAX_FAILURES.to_string()), "{problem}");
    assert_eq!(mailbox.enqueue(request("a")).await, Err(CallError::Stopped));
    assert!(!fake.world().is_open);
}

#[tokio::test(start_paused = true)]
async fn a_lost_payload_ends_its_request() {
    let fake = Fake::new();
    fake.world().fetch_ms = 60_000;
    let (mailbox, shell) = fake.start();
    mailbox.enqueue(request("a")).await.unwrap();
    mailbox.close(0).await;
    shell.await.unwrap().unwrap();
    fake.world().rows.retain(|key, _| key.table != Table::Payloads);
    let (mailbox, _shell) = fake.start();
    pass(10_000).await;
    let failed = Outcome::Failed(Failure::Unreadable);
    assert!(matches!(stage(&mailbox, "a").await, Stage::Finished { outcome, .. } if outcome == failed));
}

#[tokio::test(start_paused = true)]
async fn closing_flushes_and_starts_nothing() {
    let fake = Fake::new();
    fake.world().fetch_ms = 100;
    let (mailbox, shell) = fake.start();
    for number in 0..7 {
        mailbox.enqueue(request(&number.to_string())).await.unwrap();
    }
    mailbox.close(1_000).await;
    let started = Instant::now();
    shell.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_millis(900), "no longer than what was under way");
    let world = fake.world();
    assert_eq!((world.fetches.len(), world.callbacks.len()), (5, 5));
    let finished = world.rows.keys().filter(|key| key.table == Table::Finished).count();
    assert_eq!(finished, 5, "the ends of the callbacks are stored");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_in_time() {
    let fake = Fake::new();
    fake.world().fetch_ms = 60_000;
    let (mailbox, shell) = fake.start();
    mailbox.enqueue(request("a")).await.unwrap();
    mailbox.close(1_000).await;
    let started = Instant::now();
    shell.await.unwrap().unwrap();
    assert!(started.elapsed() <= Duration::from_millis(1_010));
    assert_eq!(fake.world().callbacks.len(), 0);
    assert!(fake.world().rows.keys().any(|key| key.table == Table::Requests), "it stays stored");
}

#[tokio::test]
async fn a_full_mailbox_refuses_and_a_dropped_one_answers() {
    let (shell, mailbox) = Shell::open(Fake::new(), config()).unwrap();
    // The shell does not run yet: the calls wait.
    let mut waiting: Vec<_> = (0..MAX_WAITING_CALLS).map(|_| Box::pin(mailbox.health())).collect();
    for call in &mut waiting {
        assert!(futures_util::poll!(call).is_pending());
    }
    assert_eq!(mailbox.health().await, Err(CallError::Overloaded));
    drop(shell);
    assert_eq!(mailbox.health().await, Err(CallError::Stopped));
    // Those that wait still are told so, too.
    for call in waiting {
        assert_eq!(call.now_or_never(), Some(Err(CallError::Stopped)));
    }
}
