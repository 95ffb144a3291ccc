//! The upstream: it acts on every request that reaches it, and answers as it pleases.

use super::{
    SECOND, UPSTREAM, answer, between, ms,
    oracle::{Shared, attempt_of, body_of},
    receive,
};
use madsim::{
    net::Endpoint,
    task::spawn,
    time::{Duration, sleep},
};
use serde_json::{Value, json};

pub async fn run(world: Shared) {
    let net = Endpoint::bind(UPSTREAM).await.unwrap();
    loop {
        let (request, to) = receive(&net).await;
        let attempt = attempt_of(&request["attempt"]);
        let is_calm = world.see(|it| {
            it.executed(attempt, &request);
            it.is_calm()
        });
        let (delay, mut reply) = match between(1, 100) {
            _ if is_calm => (soon(), plain(200)),
            // It stalls.
            1..=8 => continue,
            // It is later than any attempt waits.
            9..=12 => (31 * SECOND, plain(200)),
            13..=24 => (soon(), json!({ "status": 503, "retry_after": between(0, 4).to_string() })),
            25..=28 => (soon(), plain(500)),
            29..=31 => (soon(), json!({ "status": 429, "retry_after": "soon" })),
            32..=34 => (soon(), plain(404)),
            _ => (soon(), plain(200)),
        };
        reply["body"] = body_of(attempt).into();
        let net = net.clone();
        spawn(async move {
            sleep(delay).await;
            answer(&net, to, &reply).await;
        });
    }
}

fn soon() -> Duration {
    ms(between(10, 2_000))
}

fn plain(status: u16) -> Value {
    json!({ "status": status })
}
