//! madsim as one would use it: callers, object, upstream and origin are nodes with messages between them.

use super::{
    Done, NETWORK, REQUESTS, SERVICE, SLOTS, SPREAD, TIMEOUT,
    tasks::{Semaphore, on_madsim},
};
use madsim::{
    net::{Endpoint, NetSim},
    rand::{Rng, random, thread_rng},
    runtime::{Handle, NodeHandle},
    task::spawn,
    time::{Duration, sleep, timeout},
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const REQUEST: u64 = 1;
pub const OBJECT: SocketAddr = address(1);
pub const UPSTREAM: SocketAddr = address(2);
pub const ORIGIN: SocketAddr = address(3);
const CALLERS: SocketAddr = address(4);

const fn address(number: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)), 80)
}

pub fn bound<T>(result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the simulated network failed: {error}"),
    }
}

/// A call of another node: a message, and a reply under the tag that it names.
pub async fn call(net: &Endpoint, to: SocketAddr, number: u64) {
    let tag = random::<u64>() | 1 << 63;
    let mut message = [0; 16];
    message[..8].copy_from_slice(&tag.to_le_bytes());
    message[8..].copy_from_slice(&number.to_le_bytes());
    let answered = timeout(Duration::from_micros(TIMEOUT), async {
        bound(net.send_to(to, REQUEST, &message).await);
        bound(net.recv_from(tag, &mut message).await);
    });
    assert!(answered.await.is_ok(), "nothing is lost here");
}

/// Answers each call by `handle`, each in a task of its own.
pub async fn serve<F: Future<Output = ()> + Send + 'static>(net: Endpoint, handle: impl Fn(u64) -> F) {
    let mut message = [0; 16];
    loop {
        let (_, from) = bound(net.recv_from(REQUEST, &mut message).await);
        let tag = u64::from_le_bytes(message[..8].try_into().unwrap_or_default());
        let number = u64::from_le_bytes(message[8..].try_into().unwrap_or_default());
        let (net, handled) = (net.clone(), handle(number));
        spawn(async move {
            handled.await;
            bound(net.send_to(from, tag, &[]).await);
        });
    }
}

async fn object(done: Semaphore) {
    let net = bound(Endpoint::bind(OBJECT).await);
    let slots = Semaphore::new(SLOTS);
    serve(net.clone(), move |number| {
        let (net, slots, done) = (net.clone(), slots.clone(), done.clone());
        // Accepted at once; the rest of its life goes on by itself.
        spawn(async move {
            slots.acquire().await;
            call(&net, UPSTREAM, number).await;
            slots.release();
            call(&net, ORIGIN, number).await;
            done.release();
        });
        std::future::ready(())
    })
    .await;
}

async fn upstream() {
    let net = bound(Endpoint::bind(UPSTREAM).await);
    let service = |_| async {
        let micros = thread_rng().gen_range(SERVICE.0..=SERVICE.1);
        sleep(Duration::from_micros(micros)).await;
    };
    serve(net, service).await;
}

async fn origin() {
    serve(bound(Endpoint::bind(ORIGIN).await), |_| std::future::ready(())).await;
}

fn node(at: SocketAddr) -> NodeHandle {
    Handle::current().create_node().ip(at.ip()).build()
}

/// The other nodes around this object, which says of each request when it is over.
pub async fn world<F: Future<Output = ()> + Send + 'static>(object: impl FnOnce(Semaphore) -> F) {
    NetSim::current().update_config(|config| {
        config.send_latency = Duration::from_micros(NETWORK.0)..Duration::from_micros(NETWORK.1);
    });
    let done = Semaphore::new(0);
    node(OBJECT).spawn(object(done.clone()));
    node(UPSTREAM).spawn(upstream());
    node(ORIGIN).spawn(origin());
    let callers = node(CALLERS);
    let net = callers.spawn(async { bound(Endpoint::bind(CALLERS).await) });
    let Ok(net) = net.await else { panic!("no endpoint for the callers") };
    // Everybody listens before anybody asks.
    sleep(Duration::from_millis(10)).await;
    for number in 0..REQUESTS {
        let net = net.clone();
        callers.spawn(async move {
            let at = thread_rng().gen_range(0..=SPREAD);
            sleep(Duration::from_micros(at)).await;
            call(&net, OBJECT, number).await;
        });
    }
    for _ in 0..REQUESTS {
        done.acquire().await;
    }
    // As in the other loops, the time-outs that nobody waits for happen too.
    sleep(Duration::from_micros(TIMEOUT)).await;
}

pub fn run(seed: u64) -> Done {
    on_madsim(seed, world(object))
}
