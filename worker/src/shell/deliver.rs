//! Callbacks of the object: each is a task that reports once.

use super::{Incarnation, Shell};
use crate::{deliver::call, thrown::text};
use proxy_fetch::{Attempt, CallbackResult, Event, Outcome};
use wasm_bindgen::JsValue;
use worker::{
    console_warn,
    wasm_bindgen_futures::{JsFuture, spawn_local},
};

impl Shell {
    /// Called in the turn that stored the outcome, so that the gate holds the call until the commit.
    pub(super) fn deliver(&self, incarnation: &mut Incarnation, attempt: Attempt, outcome: Outcome, duration_ms: u64) {
        // The response goes with the call, or nobody can be told.
        let flight = incarnation.flights.remove(&attempt).filter(|_| outcome.has_response());
        let called = incarnation.payload(attempt.id).ok_or_else(|| JsValue::from_str("the request cannot be read"));
        let called = called.and_then(|payload| {
            call(&incarnation.origins, &payload, attempt.number, outcome, duration_ms, flight.as_ref())
        });
        match called {
            Ok(promise) => {
                let shell = self.clone();
                spawn_local(async move {
                    let result = match JsFuture::from(promise).await {
                        Ok(_) => CallbackResult::Answered,
                        Err(error) => {
                            console_warn!("proxy-fetch: the callback of {}: {}", attempt.id, text(&error));
                            CallbackResult::Failed
                        }
                    };
                    shell.ended(Event::Delivered { attempt, result });
                });
            }
            Err(error) => {
                console_warn!("proxy-fetch: the callback of {}: {}", attempt.id, text(&error));
                incarnation.inbox.push(Event::Delivered { attempt, result: CallbackResult::Failed });
            }
        }
    }
}
