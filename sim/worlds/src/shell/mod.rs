//! The production shell on madsim's runtime: callers, object, upstream and origin are nodes with messages between them.
//!
//! The object's node runs the native host's own loop (`native/src/shell`); only the adapters under it are simulated. It
//! is killed, stopped, paused and restarted at random moments, its disk is slow and fails, links are cut, and the laws
//! are those of every other run. At the end of each seed the simulator repeats what the shell did, step by step.
//!
//! A broken law is a panic whose text begins with the law's name, since it may be noticed anywhere below the shell.
#![allow(clippy::unwrap_used, reason = "messages and nodes of its own making; a panic ends the run, and is reported")]

mod callers;
mod disk;
mod guard;
mod judge;
mod nemesis;
mod oracle;
mod origin;
mod platform;
mod process;
mod recording;
mod run;
mod threads;
mod totals;
mod upstream;

pub use run::{REQUESTS, repeat_command, run_seed, scenario};
pub use totals::Totals;

use madsim::{
    net::Endpoint,
    rand::{Rng, random, thread_rng},
    time::{Duration, TimeHandle, timeout},
};
use proxy_fetch::Timestamp;
use serde_json::Value;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::UNIX_EPOCH,
};

const SECOND: Duration = Duration::from_secs(1);
const OBJECT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 80);
const UPSTREAM: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 3)), 80);
const ORIGIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 4)), 80);
/// The name of the object's node.
const OBJECT_NODE: &str = "object";

/// The tag of a request; a reply has the tag that its request names.
const REQUEST: u64 = 1;
const MAX_MESSAGE: usize = 4_096;

/// The time that all nodes share.
fn now() -> Timestamp {
    let since = TimeHandle::current().now_time().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as u64)
}

fn between(low: u64, high: u64) -> u64 {
    thread_rng().gen_range(low..=high)
}

fn chance(percent: u64) -> bool {
    between(1, 100) <= percent
}

fn one_of<T: Copy>(choices: &[T]) -> T {
    choices[between(0, choices.len() as u64 - 1) as usize]
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Where a reply goes.
#[derive(Clone, Copy, Debug)]
struct ReturnTo(SocketAddr, u64);

/// Asks another node; `None`: no answer in time, which says nothing of whether it acted.
async fn ask(net: &Endpoint, to: SocketAddr, message: &Value, time_limit: Duration) -> Option<Value> {
    let tag = random::<u64>() | 1 << 63;
    let mut bytes = tag.to_le_bytes().to_vec();
    bytes.extend(message.to_string().into_bytes());
    let answer = async {
        net.send_to(to, REQUEST, &bytes).await.ok()?;
        let mut buffer = [0; MAX_MESSAGE];
        let (len, _) = net.recv_from(tag, &mut buffer).await.ok()?;
        Some(serde_json::from_slice(&buffer[..len]).unwrap())
    };
    timeout(time_limit, answer).await.ok().flatten()
}

/// The next request to this node.
async fn receive(net: &Endpoint) -> (Value, ReturnTo) {
    let mut buffer = [0; MAX_MESSAGE];
    let (len, from) = net.recv_from(REQUEST, &mut buffer).await.unwrap();
    let (tag, message) = buffer[..len].split_first_chunk().unwrap();
    (serde_json::from_slice(message).unwrap(), ReturnTo(from, u64::from_le_bytes(*tag)))
}

async fn answer(net: &Endpoint, to: ReturnTo, message: &Value) {
    // A reply that cannot be sent is a reply that is lost.
    let _ = net.send_to(to.0, to.1, &message.to_string().into_bytes()).await;
}
