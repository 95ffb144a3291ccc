//! The object's process: the production shell, and an API before it. Its disk survives a kill; its memory and its tasks
//! do not.

use super::{
    OBJECT, ReturnTo, SECOND, answer, between, callers::Wish, ms, oracle::Shared, platform::Simulated, receive,
};
use crate::history::ledger::{Ask, Planned};
use madsim::{
    net::Endpoint,
    task::spawn,
    time::{sleep, timeout},
};
use proxy_fetch::{AllowedCallback, Config, Reply};
use proxy_fetch_native::shell::{CallError, Mailbox, Shell, StartError};
use serde_json::{Value, json};

/// A call that has no answer by then will never have one. Longer than any pause.
const CALL_PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

pub fn config() -> Config {
    Config { callbacks: vec![AllowedCallback::origin("https://origin.test").unwrap()], ..Config::default() }
}

/// Runs the process, and again whenever it gives its disk up, until it is told to stop.
pub async fn run(world: Shared) {
    while !run_once(&world).await {
        sleep(ms(between(1_000, 3_000))).await;
    }
}

/// Says whether it was told to stop.
async fn run_once(world: &Shared) -> bool {
    let bound = Endpoint::bind(OBJECT).await;
    let net = bound.unwrap_or_else(|error| panic!("S13: calls of the process before this one wait still: {error}"));
    let platform = Simulated::new(world.clone(), net.clone());
    let (shell, mailbox) = match Shell::open(platform.clone(), config()) {
        Ok(started) => started,
        Err(StartError::Database(_)) => return false,
        Err(StartError::Restore(error)) => panic!("S25: {error}"),
    };
    world.see(|it| it.listens(mailbox.clone()));
    let listener = spawn(world.watched(listen(platform.clone(), net, mailbox)));
    let end = shell.run().await;
    world.see(|it| it.shell_ended(&end));
    // Nothing runs on, even if the process needs some time to end.
    sleep(SECOND).await;
    platform.assert_nothing_is_under_way("after the end of the shell");
    listener.abort();
    world.see(|it| it.exited());
    end.is_ok()
}

/// Takes calls in.
async fn listen(platform: Simulated, net: Endpoint, mailbox: Mailbox) {
    loop {
        let (message, to) = receive(&net).await;
        let (platform, net, mailbox) = (platform.clone(), net.clone(), mailbox.clone());
        let threads = platform.clone();
        threads.start(async move { serve(&platform, &net, &mailbox, &message, to).await });
    }
}

async fn serve(platform: &Simulated, net: &Endpoint, mailbox: &Mailbox, message: &Value, to: ReturnTo) {
    let asked_at = super::now();
    let Ok(called) = timeout(CALL_PATIENCE, call(platform, mailbox, message)).await else {
        panic!("S13: a call has no answer after {CALL_PATIENCE:?}: {message}");
    };
    let reply = called.unwrap_or_else(|error| {
        platform.see(|it| it.call_failed(asked_at, &error));
        json!({ "error": error.to_string() })
    });
    answer(net, to, &reply).await;
}

async fn call(platform: &Simulated, mailbox: &Mailbox, message: &Value) -> Result<Value, CallError> {
    if message["ask"] == "health" {
        let health = mailbox.health().await?;
        platform.see(|it| it.is_well(&health));
        return Ok(json!({ "live": health.live }));
    }
    let planned = message["planned"].as_u64().unwrap() as Planned;
    let request_id = format!("r{planned}");
    let (asked, replied) = match message["ask"].as_str().unwrap() {
        "enqueue" => {
            let reply = mailbox.enqueue(Wish::request(message)).await.map(|id| Reply::Accepted { id });
            (Ask::Enqueue { planned, valid: true }, reply)
        }
        "cancel" => (Ask::Cancel { planned }, mailbox.cancel(request_id).await.map(|id| Reply::Cancelled { id })),
        _ => (Ask::Status { planned }, mailbox.status(request_id).await.map(Reply::Status)),
    };
    let reply = match replied {
        Ok(reply) => reply,
        Err(CallError::Refused(refusal)) => Reply::Refused(refusal),
        Err(error @ (CallError::Overloaded | CallError::StoreFailed | CallError::Stopped)) => return Err(error),
    };
    platform.see(|it| it.replied(asked, &reply));
    Ok(match reply {
        Reply::Accepted { id } => json!({ "accepted": id.to_string() }),
        Reply::Cancelled { id } => json!({ "cancelled": id.to_string() }),
        Reply::Status(status) => json!({ "status": status.stage.to_string() }),
        Reply::Refused(refusal) => json!({ "refused": refusal.kind.name() }),
    })
}
