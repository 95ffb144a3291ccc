//! A caller for each request: it repeats what got no answer, under the same id; some ask twice, ask how it is, or give
//! up.

use super::{OBJECT, SECOND, ask, between, chance, ms, one_of, oracle::Shared};
use crate::history::ledger::Planned;
use madsim::{net::Endpoint, time::sleep};
use proxy_fetch::{Callback, Options, Request};
use serde_json::{Value, json};

/// Where callers want to be called back.
pub const CALLBACK_URL: &str = "https://origin.test/done";

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
            timeout_ms: one_of(&[1_000, 5_000, 30_000]),
            max_retries: one_of(&[0, 1, 3, 3, 10]),
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
            body: format!("body of r{planned}").into_bytes(),
            callback: is("callback").then(|| Callback::Url(CALLBACK_URL.into())),
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
    let is_calm = world.see(|it| it.is_calm());
    let mut wish = Wish::random();
    if is_calm {
        // Longer than any answer takes.
        wish.timeout_ms = 30_000;
    }
    world.see(|it| it.wished(planned, wish));
    sleep(ms(between(0, if is_calm { 10_000 } else { 60_000 }))).await;
    let enqueue = wish.message(planned);
    until_answered(&net, &enqueue, &world).await;
    if chance(30) {
        sleep(ms(between(0, 20_000))).await;
        until_answered(&net, &enqueue, &world).await;
    }
    if chance(30) {
        sleep(ms(between(0, 20_000))).await;
        let what = match between(1, 100) {
            1..=50 if !is_calm => "cancel",
            ..=80 => "status",
            _ => "health",
        };
        until_answered(&net, &json!({ "ask": what, "planned": planned }), &world).await;
    }
}

/// Asks until there is an answer: faults cease, so there will be one.
async fn until_answered(net: &Endpoint, message: &Value, world: &Shared) {
    let mut wait_ms = 200;
    loop {
        let reply = ask(net, OBJECT, message, 3 * SECOND).await;
        // An error says nothing of whether it acted.
        if let Some(reply) = reply.filter(|reply| reply.get("error").is_none()) {
            world.see(|it| it.answered(message, &reply));
            return;
        }
        sleep(ms(wait_ms + between(0, 200))).await;
        wait_ms = (2 * wait_ms).min(10_000);
    }
}
