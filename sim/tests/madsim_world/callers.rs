//! A caller for each request: it repeats what got no answer, under the same id; some ask twice, ask how it is, or give
//! up.

use super::{SECOND, ask, between, chance, object, witness::Shared};
use madsim::{
    net::Endpoint,
    time::{Duration, sleep},
};
use proxy_fetch::{Callback, ObjectCallback, Options, Request};
use proxy_fetch_sim::proxy::ledger::Planned;
use serde_json::{Value, json};

/// What a caller wants of its request; a message carries it.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub callback: bool,
    pub timeout_ms: i64,
    pub max_retries: i64,
    pub at_most_once: bool,
}

impl Wish {
    fn random() -> Self {
        Self {
            callback: chance(80),
            timeout_ms: [1_000, 5_000, 30_000][between(0, 2) as usize],
            max_retries: [0, 1, 3, 3, 10][between(0, 4) as usize],
            at_most_once: chance(25),
        }
    }

    fn message(self, planned: Planned) -> Value {
        let Self { callback, timeout_ms, max_retries, at_most_once } = self;
        json!({
            "ask": "enqueue", "planned": planned, "callback": callback, "timeout_ms": timeout_ms,
            "max_retries": max_retries, "at_most_once": at_most_once,
        })
    }

    /// The request that such a message asks for.
    pub fn request(message: &Value) -> Request {
        let planned = &message["planned"];
        let number = |name: &str| message[name].as_i64().unwrap();
        let is = |name: &str| message[name].as_bool().unwrap();
        Request {
            request_id: format!("r{planned}"),
            method: "POST".into(),
            url: format!("https://u{planned}.test/"),
            headers: vec![("authorization".into(), format!("secret for u{planned}.test"))],
            body: b"x".to_vec(),
            callback: is("callback").then(|| {
                Callback::Object(ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "done".into() })
            }),
            options: Options {
                timeout_ms: number("timeout_ms"),
                max_retries: number("max_retries"),
                at_most_once: is("at_most_once"),
                ..Options::default()
            },
        }
    }
}

pub async fn run(planned: Planned, world: Shared) {
    let net = Endpoint::bind("0.0.0.0:0").await.unwrap();
    let wish = Wish::random();
    world.see(|it| it.wished(planned, wish));
    sleep(Duration::from_millis(between(0, 40_000))).await;
    let enqueue = wish.message(planned);
    until_answered(&net, &enqueue, &world).await;
    if chance(30) {
        sleep(Duration::from_millis(between(0, 20_000))).await;
        until_answered(&net, &enqueue, &world).await;
    }
    if chance(20) {
        sleep(Duration::from_millis(between(0, 20_000))).await;
        let what = if chance(70) { "cancel" } else { "status" };
        until_answered(&net, &json!({ "ask": what, "planned": planned }), &world).await;
    }
}

/// Asks until there is an answer: faults cease, so there will be one.
async fn until_answered(net: &Endpoint, message: &Value, world: &Shared) {
    let mut wait_ms = 200;
    loop {
        if let Some(reply) = ask(net, object::ADDRESS, message, 3 * SECOND).await {
            world.see(|it| it.answered(message, &reply));
            return;
        }
        sleep(Duration::from_millis(wait_ms + between(0, 200))).await;
        wait_ms = (2 * wait_ms).min(10_000);
    }
}
