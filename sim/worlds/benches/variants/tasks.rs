//! madsim at its cheapest: a task for each request, a semaphore, and sleeps in the place of messages.

use super::{Done, EVENTS_PER_REQUEST, NETWORK, REQUESTS, SERVICE, SLOTS, SPREAD, TIMEOUT};
use madsim::{
    Config,
    rand::{Rng, thread_rng},
    runtime::Runtime,
    task::spawn,
    time::{Duration, TimeHandle, sleep, timeout},
};
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, Waker},
};

/// The runtime has none of its own.
#[derive(Clone)]
pub struct Semaphore(Arc<Mutex<(usize, VecDeque<Waker>)>>);

impl Semaphore {
    pub fn new(permits: usize) -> Self {
        Self(Arc::new(Mutex::new((permits, VecDeque::new()))))
    }

    pub async fn acquire(&self) {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 == 0 {
                state.1.push_back(context.waker().clone());
                return Poll::Pending;
            }
            state.0 -= 1;
            Poll::Ready(())
        })
        .await;
    }

    pub fn release(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        if let Some(waker) = state.1.pop_front() {
            waker.wake();
        }
    }
}

async fn takes((low, high): (u64, u64)) {
    let micros = thread_rng().gen_range(low..=high);
    sleep(Duration::from_micros(micros)).await;
}

async fn request(slots: Semaphore, done: Semaphore) {
    takes((0, SPREAD)).await;
    takes(NETWORK).await;
    let reply = spawn(takes(NETWORK));
    slots.acquire().await;
    let attempt = async {
        takes(NETWORK).await;
        takes(SERVICE).await;
        takes(NETWORK).await;
    };
    let fetched = timeout(Duration::from_micros(TIMEOUT), attempt).await;
    slots.release();
    let callback = async {
        takes(NETWORK).await;
        takes(NETWORK).await;
    };
    let called = timeout(Duration::from_micros(TIMEOUT), callback).await;
    assert!(fetched.is_ok() && called.is_ok() && reply.await.is_ok(), "nothing is lost here");
    done.release();
}

async fn world() {
    let (slots, done) = (Semaphore::new(SLOTS), Semaphore::new(0));
    for _ in 0..REQUESTS {
        spawn(request(slots.clone(), done.clone()));
    }
    for _ in 0..REQUESTS {
        done.acquire().await;
    }
    // As in the other loops, the time-outs that nobody waits for happen too.
    sleep(Duration::from_micros(TIMEOUT)).await;
}

pub fn run(seed: u64) -> Done {
    on_madsim(seed, world())
}

/// Runs a world of this seed to its end.
pub fn on_madsim(seed: u64, world: impl Future<Output = ()>) -> Done {
    let simulated = Runtime::with_seed_and_config(seed, Config::default()).block_on(async {
        world.await;
        TimeHandle::current().elapsed()
    });
    Done {
        events: REQUESTS * EVENTS_PER_REQUEST,
        requests: REQUESTS,
        simulated_us: simulated.as_micros().try_into().unwrap_or(u64::MAX),
    }
}
