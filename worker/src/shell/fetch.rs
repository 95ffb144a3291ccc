//! Fetches of the object: each attempt is a task that reports once.

use super::{Incarnation, Shell};
use crate::{
    fetch::{fly, take_off},
    glue::Flight,
};
use proxy_fetch::{Attempt, Event, Failure, FetchResult, Hop};
use worker::wasm_bindgen_futures::spawn_local;

impl Shell {
    pub(super) fn fetch(&self, incarnation: &mut Incarnation, attempt: Attempt, timeout_ms: u32) {
        let config = incarnation.machine.config();
        let first = match incarnation.payload(attempt.id) {
            Some(payload) => Hop::first(config, attempt.id, &payload).map(|hop| (payload, hop)),
            None => Err(Failure::Unreadable),
        };
        let (payload, hop) = match first {
            Ok(first) => first,
            Err(failure) => {
                incarnation.inbox.push(Event::Fetched { attempt, result: FetchResult::Failed(failure) });
                return;
            }
        };
        let flight = Flight::new(timeout_ms);
        incarnation.flights.insert(attempt, flight.clone());
        // The first hop is called in the turn that stored the start, so that the gate holds it until the commit.
        let landing = take_off(&flight, config, &hop, &payload);
        let shell = self.clone();
        let config = config.clone();
        spawn_local(async move {
            let result = fly(&flight, &config, hop, &payload, landing).await;
            flight.land();
            shell.landed(attempt, result);
        });
    }

    fn landed(&self, attempt: Attempt, result: FetchResult) {
        {
            let mut incarnation = self.0.borrow_mut();
            if !incarnation.flights.contains_key(&attempt) {
                // Aborted: there is nothing to report.
                return;
            }
            if matches!(result, FetchResult::Failed(_)) {
                incarnation.flights.remove(&attempt);
            }
        }
        self.ended(Event::Fetched { attempt, result });
    }
}
