//! What comes in: from the mailbox and from ended tasks into the next batch.

use super::{Answer, Call, Desk, Ended, MAX_BATCH, Message, Platform};
use futures_channel::oneshot;
use futures_util::{FutureExt, StreamExt, future};
use proxy_fetch::{Caller, Event, FetchResult, Machine, limits};
use std::pin::pin;

/// The longest sleep, in ms. Waking without need does no harm.
const MAX_SLEEP_MS: u64 = 3_600_000;
/// How much of a `Retry-After` value the machine wants, in bytes.
const RETRY_AFTER_BYTES: usize = 64;

impl<P: Platform> Desk<P> {
    /// Waits until there is a reason for a turn, and leaves its events in the batch.
    pub(super) async fn gather(&mut self, machine: &Machine) {
        loop {
            // All that waits already shares the commit.
            while self.batch.len() < MAX_BATCH
                && let Some(Some(message)) = self.inbox.next().now_or_never()
            {
                self.take(message);
            }
            let now = self.platform.now();
            let due = self.due(machine);
            let is_due = due.is_some_and(|at| at <= now);
            if is_due || self.closing.is_some() || !self.batch.is_empty() || !self.health.is_empty() {
                self.join_lingering();
                if machine.next_wake().is_some_and(|(at, _)| at <= now) {
                    self.batch.push(Event::Tick);
                }
                if is_due || !self.batch.is_empty() || !self.health.is_empty() || self.is_done() {
                    return;
                }
            }
            let sleep_ms = due.map_or(MAX_SLEEP_MS, |at| at.ms_since(now).min(MAX_SLEEP_MS));
            let message = {
                let timer = pin!(self.platform.sleep(sleep_ms));
                match future::select(self.inbox.next(), timer).await {
                    future::Either::Left((message, _)) => message,
                    future::Either::Right(((), _)) => None,
                }
            };
            if let Some(message) = message {
                self.take(message);
            }
        }
    }

    /// Lets the events that wait for company into the batch if it has some, or if their time is up.
    fn join_lingering(&mut self) {
        let linger_is_over = self.linger_until.is_some_and(|until| until <= self.platform.now());
        if !self.batch.is_empty() || linger_is_over || self.closing.is_some() {
            self.linger_until = None;
            // What happened first comes first; but nothing comes before a stop, since it could start a fetch.
            let stops = self.batch.iter().take_while(|event| **event == Event::Stop).count();
            self.batch.splice(stops..stops, self.lingering.drain(..));
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Call(call) => self.take_call(call),
            Message::Ended(ended) => self.take_end(ended),
        }
    }

    fn take_call(&mut self, call: Call) {
        let event = match call {
            Call::Enqueue { request, answer } => {
                Event::Enqueue { caller: self.caller(answer), request, entropy: self.platform.entropy() }
            }
            Call::Cancel { request_id, answer } => Event::Cancel { caller: self.caller(answer), request_id },
            Call::Status { request_id, answer } => Event::Status { caller: self.caller(answer), request_id },
            Call::Health { answer } => return self.health.push(answer),
            Call::Close { grace_ms } => {
                let until = self.platform.now().plus_ms(grace_ms);
                self.closing = Some(self.closing.map_or(until, |told| told.min(until)));
                // Before all that waits: none of it may start a fetch.
                return self.batch.insert(0, Event::Stop);
            }
        };
        self.batch.push(event);
    }

    fn caller(&mut self, answer: oneshot::Sender<Answer>) -> Caller {
        self.last_caller += 1;
        let caller = Caller(self.last_caller);
        self.callers.insert(caller, answer);
        caller
    }

    fn take_end(&mut self, ended: Ended) {
        let event = match ended {
            Ended::Fetch { attempt, result } => {
                self.fetches.remove(&attempt);
                let result = match result {
                    Ok(response) => {
                        let retry_after = retry_after(&response.headers);
                        let status = response.status;
                        // The machine says at the end of the turn whether it is delivered or dropped.
                        self.responses.insert(attempt, response);
                        FetchResult::Response { status, retry_after }
                    }
                    Err(failure) => FetchResult::Failed(failure),
                };
                Event::Fetched { attempt, result }
            }
            Ended::Callback { attempt, result } => {
                self.callbacks.remove(&attempt);
                Event::Delivered { attempt, result }
            }
        };
        match event.linger_ms() {
            0 => self.batch.push(event),
            linger_ms => {
                let until = self.platform.now().plus_ms(linger_ms);
                self.linger_until = Some(self.linger_until.map_or(until, |earlier| earlier.min(until)));
                self.lingering.push(event);
            }
        }
    }
}

fn retry_after(headers: &[(String, String)]) -> Option<String> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    let mut end = value.len().min(RETRY_AFTER_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    Some(value[..end].to_owned())
}

// Nothing that waits for company may hold a callback's slot beyond its deadline.
const _: () = assert!(limits::LEASE_GRACE_MS > 1_000);
