//! madsim's nodes and messages again, around the real machine: the object's node runs it and stores what it writes.

use super::{
    Done,
    machine::{Rows, START_MS, machine, request},
    nodes::{OBJECT, ORIGIN, UPSTREAM, bound, call, serve, world},
    tasks::{Semaphore, on_madsim},
};
use madsim::{net::Endpoint, rand::random, task::spawn, time::TimeHandle};
use proxy_fetch::{Alarm, CallbackResult, Caller, Effect, Event, FetchResult, Machine, Output, Reply, Timestamp, turn};
use std::sync::{Arc, Mutex, PoisonError};

struct Held {
    machine: Machine,
    alarm: Alarm,
    rows: Rows,
    out: Output,
}

#[derive(Clone)]
struct Object {
    net: Endpoint,
    held: Arc<Mutex<Held>>,
    done: Semaphore,
}

impl Object {
    /// Takes one event in, and performs what follows.
    fn turn(&self, event: Event) {
        let now = Timestamp(START_MS + TimeHandle::current().elapsed().as_millis() as u64);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { machine, alarm, rows, out } = &mut *held;
        let Ok(()) = turn(machine, alarm, rows, now, [event], out);
        for effect in out.take_effects() {
            let object = self.clone();
            match effect {
                Effect::Fetch { attempt, .. } => drop(spawn(async move {
                    call(&object.net, UPSTREAM, 0).await;
                    let result = FetchResult::Response { status: 200, retry_after: None };
                    object.turn(Event::Fetched { attempt, result });
                })),
                Effect::Deliver { attempt, .. } => drop(spawn(async move {
                    call(&object.net, ORIGIN, 0).await;
                    object.turn(Event::Delivered { attempt, result: CallbackResult::Answered });
                    object.done.release();
                })),
                // The caller hears it from the node.
                Effect::Reply { reply, .. } => assert!(matches!(reply, Reply::Accepted { .. }), "{reply}"),
                Effect::Abort { .. } | Effect::Report(_) => {}
            }
        }
    }
}

async fn object(seed: u64, done: Semaphore) {
    let net = bound(Endpoint::bind(OBJECT).await);
    let held = Held { machine: machine(seed), alarm: Alarm::UNKNOWN, rows: Rows::default(), out: Output::default() };
    let object = Object { net: net.clone(), held: Arc::new(Mutex::new(held)), done };
    object.turn(Event::Start);
    serve(net, move |number| {
        let entropy = u128::from(random::<u64>());
        let request = Box::new(request(number as u32));
        object.turn(Event::Enqueue { caller: Caller(number), request, entropy });
        std::future::ready(())
    })
    .await;
}

pub fn run(seed: u64) -> Done {
    on_madsim(seed, world(move |done| object(seed, done)))
}
