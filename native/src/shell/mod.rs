//! The shell: a loop around the machine, on any runtime.
//!
//! Each round takes everything that waits as one batch, steps, commits once, and then performs the effects; it awaits
//! none of them. One shell owns the machine and the database, so the order of commits is the order of its rounds.
//!
//! Keeps S2, S4, S5 (through [`proxy_fetch::turn`]), S25 (a failed commit restores the machine from the database), and
//! the cost of two commits per request: an event that may wait shares the commit of the next one.

mod mailbox;
mod perform;
mod platform;
mod take;

pub use mailbox::{CallError, Health, MAX_WAITING_CALLS, Mailbox};
pub use platform::{Database, Delivery, Fetch, Platform, Response};

use futures_channel::oneshot;
use futures_util::{Stream, StreamExt, future::AbortHandle, stream};
use mailbox::{Answer, Call};
use perform::Ended;
use proxy_fetch::{
    Alarm, Attempt, Caller, Config, Event, Machine, Output, RestoreError, Store, Timestamp, limits, turn,
};
use std::{collections::BTreeMap, mem, pin::Pin};
use tracing::{debug, info, warn};

/// Events that may share one commit.
pub const MAX_BATCH: usize = 1_024;
/// Commits that may fail one after the other, each followed by a restore, before the shell gives up.
pub const MAX_FAILURES: u32 = 7;
/// The wait before the first restore after a failure, in ms; it doubles with each further failure.
const RESTORE_DELAY_MS: u64 = 100;

/// Why a shell cannot start. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError<E> {
    /// The database cannot be opened or read.
    #[error("{0}")]
    Database(E),
    /// What it holds cannot be taken up.
    #[error("{0}")]
    Restore(RestoreError),
}

/// The database failed too often in a row. What was accepted is stored; a later start goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database failed {MAX_FAILURES} times in a row: {0}")]
pub struct GaveUp(String);

/// The loop and all that it owns.
pub struct Shell<P: Platform> {
    incarnation: Incarnation<P::Database>,
    desk: Desk<P>,
}

/// What stands and falls together: after a failed commit it is dropped as one, and restored from what is stored.
struct Incarnation<D> {
    database: D,
    machine: Machine,
    alarm: Alarm,
}

/// What outlives it: the way in, the callers that wait, and the tasks under way.
struct Desk<P: Platform> {
    platform: P,
    config: Config,
    inbox: Pin<Box<dyn Stream<Item = Message> + Send>>,
    /// The way in for calls, to close it at the end.
    calls: async_channel::Receiver<Call>,
    ended: async_channel::Sender<Ended>,
    /// Events for the next turn.
    batch: Vec<Event>,
    /// Events that may wait for company, and until when.
    lingering: Vec<Event>,
    linger_until: Option<Timestamp>,
    callers: BTreeMap<Caller, oneshot::Sender<Answer>>,
    last_caller: u64,
    health: Vec<oneshot::Sender<Health>>,
    /// Tasks under way.
    fetches: BTreeMap<Attempt, AbortHandle>,
    callbacks: BTreeMap<Attempt, AbortHandle>,
    /// Responses between their fetch and their callback.
    responses: BTreeMap<Attempt, Response>,
    /// When to end at the latest, once told to.
    closing: Option<Timestamp>,
    failures: u32,
}

enum Message {
    Call(Call),
    Ended(Ended),
}

/// The error of a platform's database.
type DatabaseError<P> = <<P as Platform>::Database as Store>::Error;

impl<P: Platform> Shell<P> {
    /// Opens the database and restores the machine. Nothing happens before [`Shell::run`].
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(platform: P, config: Config) -> Result<(Self, Mailbox), StartError<DatabaseError<P>>> {
        let incarnation = Incarnation::restore(&platform, &config)?;
        let (mailbox, calls) = Mailbox::new();
        // Bounded by the machine: so many fetches and callbacks can be under way.
        let (ended, ends) = async_channel::unbounded();
        let desk = Desk {
            platform,
            config,
            inbox: Box::pin(stream::select(calls.clone().map(Message::Call), ends.map(Message::Ended))),
            calls,
            ended,
            batch: Vec::new(),
            lingering: Vec::new(),
            linger_until: None,
            callers: BTreeMap::new(),
            last_caller: 0,
            health: Vec::new(),
            fetches: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            responses: BTreeMap::new(),
            closing: None,
            failures: 0,
        };
        Ok((Self { incarnation, desk }, mailbox))
    }

    /// Requests that have not ended.
    #[must_use]
    pub fn live_len(&self) -> usize {
        self.incarnation.machine.live_len()
    }

    /// Turns until it is told to close.
    ///
    /// # Errors
    /// [`GaveUp`]: the process should end too.
    pub async fn run(self) -> Result<(), GaveUp> {
        let Self { incarnation, mut desk } = self;
        desk.live_on(incarnation).await
    }
}

impl<D: Database> Incarnation<D> {
    fn restore<P: Platform<Database = D>>(platform: &P, config: &Config) -> Result<Self, StartError<D::Error>> {
        let mut database = platform.open().map_err(StartError::Database)?;
        let rows = database.rows().map_err(StartError::Database)?;
        let machine = Machine::restore(config.clone(), rows).map_err(StartError::Restore)?;
        Ok(Self { database, machine, alarm: Alarm::UNKNOWN })
    }
}

impl<P: Platform> Drop for Desk<P> {
    /// Calls that wait still are told that there will be no answer: a closed channel would keep them.
    fn drop(&mut self) {
        self.calls.close();
        while self.calls.try_recv().is_ok() {}
    }
}

impl<P: Platform> Desk<P> {
    /// One incarnation after the other, until it is told to close.
    async fn live_on(&mut self, mut incarnation: Incarnation<P::Database>) -> Result<(), GaveUp> {
        while let Err(error) = self.live(&mut incarnation).await {
            // First of all, so that the database can be opened again.
            drop(incarnation);
            self.reset();
            if P::Database::ends_all(&error) {
                return Err(GaveUp(error.to_string()));
            }
            incarnation = self.restore(error.to_string()).await?;
        }
        Ok(())
    }

    /// Turns until it is told to close, or until the database fails.
    async fn live(&mut self, incarnation: &mut Incarnation<P::Database>) -> Result<(), DatabaseError<P>> {
        let mut out = Output::default();
        if self.closing.is_some() {
            self.batch.push(Event::Stop);
        }
        self.batch.push(Event::Start);
        loop {
            self.gather(&incarnation.machine).await;
            if !self.batch.is_empty() {
                self.turn(incarnation, &mut out)?;
                self.perform(incarnation, &mut out)?;
                self.failures = 0;
            }
            self.answer_health(&incarnation.machine);
            if self.is_done() {
                self.reset();
                return Ok(());
            }
        }
    }

    fn turn(&mut self, incarnation: &mut Incarnation<P::Database>, out: &mut Output) -> Result<(), DatabaseError<P>> {
        for event in &self.batch {
            debug!("{event}");
        }
        let Incarnation { database, machine, alarm } = incarnation;
        let now = self.platform.now();
        self.platform.turn_begins(now, &self.batch);
        turn(machine, alarm, database, now, self.batch.drain(..), out)?;
        self.platform.turn_committed(machine, *alarm, out.effects());
        Ok(())
    }

    fn answer_health(&mut self, machine: &Machine) {
        let health = Health { epoch: machine.epoch(), live: machine.live_len(), in_flight: machine.in_flight_len() };
        for answer in self.health.drain(..) {
            if answer.send(health).is_err() {
                debug!("nobody waits for this health report any more");
            }
        }
    }

    /// Whether it was told to close and has nothing left to wait for.
    fn is_done(&self) -> bool {
        let Some(until) = self.closing else { return false };
        let is_idle = self.fetches.is_empty() && self.callbacks.is_empty();
        let is_flushed = self.batch.is_empty() && self.lingering.is_empty();
        is_flushed && (is_idle || self.platform.now() >= until)
    }

    /// Stops and drops all that was done for the incarnation that has ended.
    fn reset(&mut self) {
        let (fetches, callbacks) = (mem::take(&mut self.fetches), mem::take(&mut self.callbacks));
        if !fetches.is_empty() || !callbacks.is_empty() {
            info!("stopped under way: {} fetches, {} callbacks; they stay stored", fetches.len(), callbacks.len());
        }
        for task in fetches.into_values().chain(callbacks.into_values()) {
            task.abort();
        }
        self.responses.clear();
        self.batch.clear();
        self.lingering.clear();
        self.linger_until = None;
        for answer in mem::take(&mut self.callers).into_values() {
            if answer.send(Err(CallError::StoreFailed)).is_err() {
                debug!("nobody waits for this answer any more");
            }
        }
    }

    /// After a failed commit nobody can tell what is stored, so the database is asked.
    async fn restore(&mut self, mut problem: String) -> Result<Incarnation<P::Database>, GaveUp> {
        loop {
            self.failures += 1;
            if self.failures >= MAX_FAILURES {
                return Err(GaveUp(problem));
            }
            let delay_ms = RESTORE_DELAY_MS << (self.failures - 1);
            warn!("the database failed: {problem}; opening it again in {delay_ms} ms");
            self.platform.sleep(delay_ms).await;
            match Incarnation::restore(&self.platform, &self.config) {
                Ok(incarnation) => return Ok(incarnation),
                Err(error) => problem = error.to_string(),
            }
        }
    }

    /// When the next turn is due if nothing arrives before: by the machine, by what waits for company, or to close.
    fn due(&self, machine: &Machine) -> Option<Timestamp> {
        let wake = machine.next_wake().map(|(at, _)| at);
        [wake, self.linger_until, self.closing].into_iter().flatten().min()
    }
}

// A batch may fill all slots for callbacks at once.
const _: () = assert!(MAX_BATCH >= limits::MAX_CALLBACKS);
