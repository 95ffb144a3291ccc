//! The Queue variant's host: sends messages, and performs what the consumer decides.
//!
//! Each batch is one invocation with its own fetches and callbacks; the consumer's memory is shared by all batches of
//! the isolate, and no effect ever crosses from one to another.

#![allow(missing_docs, reason = "what the macro adds to the class has none")]

use crate::{
    deliver,
    fetch::{fly, take_off},
    glue::{Flight, Origins},
    settings::Settings,
    shell::now,
    thrown::text,
};
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use js_sys::{Array, Reflect, Uint8Array};
use proxy_fetch::{
    CallbackResult, Config, Failure, FetchResult, Hop, RowError, Ulid,
    json::{Problem, parse_request},
    limits,
    queue::{BATCH_LIMIT_MS, Consumer, Delivery, Effect, Event, Handle, Message, Source},
};
use std::{cell::RefCell, collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};
use wasm_bindgen::{JsCast, prelude::*};
use worker::{Delay, Env, console_error, console_warn, wasm_bindgen_futures::JsFuture};

/// The time that the platform's own end of a batch is kept ahead of, in ms.
const MARGIN_MS: u64 = 15_000;

thread_local! {
    static CONSUMER: RefCell<Consumer> = const { RefCell::new(Consumer::new(limits::MAX_CONSUMER_MEMOS)) };
    static LAST_BATCH: RefCell<u64> = const { RefCell::new(0) };
}

/// The Queue variant, as a worker uses it.
#[wasm_bindgen]
pub struct ProxyFetchQueue;

#[wasm_bindgen]
impl ProxyFetchQueue {
    /// The message to send for one request in JSON, which holds its `request_id`: to be sent with the content type
    /// `bytes`.
    ///
    /// # Errors
    /// A JavaScript `Error` whose message is the problem's JSON.
    pub fn message(json: &str, env: Env) -> Result<Uint8Array, JsError> {
        let problem = |problem: Problem| JsError::new(&String::from_utf8_lossy(&problem.to_json()));
        let config = Settings::from_env(&env).map_err(|error| JsError::new(&error))?.config;
        let request = parse_request(json.as_bytes(), String::new).map_err(problem)?;
        let id = Ulid::from_parts(now().0, crate::shell::entropy());
        let message = Message::new(&config, id, request).map_err(|refusal| problem(refusal.into()))?;
        Ok(Uint8Array::from(message.to_bytes().as_slice()))
    }

    /// Consumes a batch, of the queue or of its dead letters. Resolves when each message is acked or retried.
    ///
    /// # Errors
    /// None that a message causes: the platform would deliver the whole batch again.
    pub async fn consume(batch: JsValue, env: Env) -> Result<(), JsValue> {
        consume(batch.unchecked_into(), env).await
    }
}

#[wasm_bindgen]
extern "C" {
    /// A `MessageBatch`.
    pub type Batch;

    #[wasm_bindgen(method, getter)]
    fn queue(this: &Batch) -> String;

    #[wasm_bindgen(method, getter)]
    fn messages(this: &Batch) -> Array;

    /// A `Message`.
    #[derive(Clone)]
    pub type Delivered;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Delivered) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn attempts(this: &Delivered) -> u32;

    #[wasm_bindgen(method, catch)]
    fn ack(this: &Delivered) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn retry(this: &Delivered, options: &JsValue) -> Result<(), JsValue>;
}

/// What ends: a fetch, a callback, or a wait.
type Task = Pin<Box<dyn Future<Output = Event>>>;

/// One invocation.
struct Invocation {
    origins: Origins,
    config: Config,
    messages: Vec<(Delivered, Result<Arc<Message>, RowError>)>,
    flights: BTreeMap<u32, Flight>,
    tasks: FuturesUnordered<Task>,
}

impl Invocation {
    fn perform(&mut self, effect: Effect) {
        let at = effect.at();
        match effect {
            Effect::Fetch { timeout_ms, .. } => self.fetch(at, timeout_ms),
            Effect::Abort { .. } => self.drop_flight(at),
            Effect::Deliver { outcome, attempts, duration_ms, .. } => {
                let flight = self.flights.remove(&at.index).filter(|_| outcome.has_response());
                let called = self.message(at).and_then(|message| {
                    let payload = message.payload();
                    // The producer's allow-list may be another one (law S18).
                    if let Some(callback) = &payload.callback {
                        self.config.check_callback(callback).map_err(|refusal| JsError::new(&refusal.to_string()))?;
                    }
                    deliver::call(&self.origins, payload, attempts, outcome, duration_ms, flight.as_ref())
                });
                self.tasks.push(Box::pin(async move {
                    let answered = match called {
                        Ok(promise) => JsFuture::from(promise).await,
                        Err(error) => Err(error),
                    };
                    let result = match answered {
                        Ok(_) => CallbackResult::Answered,
                        Err(error) => {
                            console_warn!("proxy-fetch: the callback of message {at}: {}", text(&error));
                            CallbackResult::Failed
                        }
                    };
                    Event::Delivered { at, result }
                }));
            }
            Effect::Ack { .. } => self.settle(at, Delivered::ack),
            Effect::Retry { delay_s, .. } => self.settle(at, |message| {
                let options = js_sys::Object::new();
                Reflect::set(&options, &JsValue::from_str("delaySeconds"), &JsValue::from(delay_s))?;
                message.retry(&options)
            }),
            Effect::Report(report) => console_warn!("proxy-fetch: {report}"),
        }
    }

    fn fetch(&mut self, at: Handle, timeout_ms: u32) {
        let first = self.message(at).map_err(|_| Failure::Unreadable).and_then(|message| {
            let hop = Hop::first(&self.config, message.id(), message.payload())?;
            Ok((message, hop))
        });
        let (message, hop) = match first {
            Ok(first) => first,
            Err(failure) => {
                let result = FetchResult::Failed(failure);
                self.tasks.push(Box::pin(async move { Event::Fetched { at, result } }));
                return;
            }
        };
        let flight = Flight::new(timeout_ms);
        self.flights.insert(at.index, flight.clone());
        let landing = take_off(&flight, &self.config, &hop, message.payload());
        let config = self.config.clone();
        self.tasks.push(Box::pin(async move {
            let result = fly(&flight, &config, hop, message.payload(), landing).await;
            Event::Fetched { at, result }
        }));
    }

    fn message(&self, at: Handle) -> Result<Arc<Message>, JsValue> {
        let read = self.messages.get(at.index as usize).map(|(_, read)| read);
        match read {
            Some(Ok(message)) => Ok(Arc::clone(message)),
            Some(Err(_)) | None => Err(JsError::new("the message cannot be read").into()),
        }
    }

    fn drop_flight(&mut self, at: Handle) {
        if let Some(flight) = self.flights.remove(&at.index) {
            flight.abort();
        }
    }

    /// Acks a message or gives it back. If that fails, the platform delivers it again after the batch.
    fn settle(&mut self, at: Handle, settle: impl FnOnce(&Delivered) -> Result<(), JsValue>) {
        self.drop_flight(at);
        let Some((message, _)) = self.messages.get(at.index as usize) else { return };
        if let Err(error) = settle(message) {
            console_error!("proxy-fetch: message {at} can be neither acked nor retried: {}", text(&error));
        }
    }
}

/// The bytes of a message's body; `None` if it was sent as something else.
fn bytes(body: &JsValue) -> Option<Vec<u8>> {
    if let Some(buffer) = body.dyn_ref::<js_sys::ArrayBuffer>() {
        return Some(Uint8Array::new(buffer).to_vec());
    }
    body.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

/// Tells the consumer that the invocation is over, however it ends.
struct Open(u64);

impl Drop for Open {
    fn drop(&mut self) {
        step(Event::Closed { batch: self.0 });
    }
}

fn step(event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    CONSUMER.with_borrow_mut(|consumer| consumer.step(now(), event, &mut effects));
    effects
}

pub(crate) async fn consume(batch: Batch, env: Env) -> Result<(), JsValue> {
    let (config, dead_letters) = match Settings::from_env(&env) {
        Ok(settings) => (settings.config, settings.dead_letter_queue),
        Err(problem) => {
            console_error!("proxy-fetch: {problem}");
            return Err(JsError::new(&problem).into());
        }
    };
    let source = if batch.queue() == dead_letters { Source::DeadLetters } else { Source::Queue };
    let number = LAST_BATCH.with_borrow_mut(|last| {
        *last += 1;
        *last
    });
    let messages: Vec<(Delivered, Result<Arc<Message>, RowError>)> = batch
        .messages()
        .iter()
        .map(|message| {
            let message: Delivered = message.unchecked_into();
            let read = bytes(&message.body())
                .map_or(Err(RowError::Corrupt), |bytes| Message::from_bytes(&bytes).map(Arc::new));
            (message, read)
        })
        .collect();
    let deliveries = messages
        .iter()
        .map(|(message, read)| Delivery {
            attempts: message.attempts(),
            head: read.as_ref().map(|message| message.head()).map_err(|error| *error),
        })
        .collect();
    let deadline = now().plus_ms(BATCH_LIMIT_MS - MARGIN_MS);
    let _open = Open(number);
    let origins = Origins::new(&env);
    let mut invocation =
        Invocation { origins, config, messages, flights: BTreeMap::new(), tasks: FuturesUnordered::new() };
    let mut event = Event::Batch { batch: number, source, deadline, messages: deliveries };
    loop {
        for effect in step(event) {
            invocation.perform(effect);
        }
        let (is_open, wake) = CONSUMER.with_borrow(|consumer| (consumer.is_open(number), consumer.next_wake(number)));
        if !is_open {
            return Ok(());
        }
        if invocation.tasks.is_empty() && wake.is_none() {
            // The consumer asked for nothing: the platform delivers what is left again.
            return Err(JsError::new("proxy-fetch: a batch is left without work").into());
        }
        let alarm = async {
            match wake {
                Some(at) => Delay::from(Duration::from_millis(at.ms_since(now()))).await,
                None => std::future::pending().await,
            }
        };
        let alarm = std::pin::pin!(alarm);
        event = match select(invocation.tasks.next(), alarm).await {
            Either::Left((Some(event), _)) => event,
            Either::Left((None, alarm)) => {
                alarm.await;
                Event::Tick { batch: number }
            }
            Either::Right(((), _)) => Event::Tick { batch: number },
        };
    }
}
