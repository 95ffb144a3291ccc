//! One run: from a seed to a verdict.

use super::{
    OBJECT, OBJECT_NODE, ORIGIN, SECOND, Totals, UPSTREAM, callers, chance,
    disk::Mood,
    guard::Payload,
    nemesis::{disturb_the_network, disturb_the_process},
    now,
    oracle::Shared,
    origin, process, upstream,
};
use crate::{
    bugs::bug_option,
    history::ledger::Planned,
    laws::{LAWS, Violation},
};
use madsim::{
    Config,
    runtime::{Handle, NodeHandle, Runtime},
    task::spawn,
    time::sleep,
};
use std::{mem, thread};

/// Requests of each run.
pub const REQUESTS: Planned = 30;

/// The command that repeats a seed.
#[must_use]
pub fn repeat_command(seed: u64) -> String {
    format!("cargo sim shell {seed}{}", bug_option())
}

/// A run of this seed on a thread of its own: what it reached, and the record that the shell's host made, line by line.
///
/// # Errors
/// The law that was broken.
pub fn run_seed(seed: u64) -> Result<(Totals, Vec<String>), Violation> {
    let run = move || Runtime::with_seed_and_config(seed, Config::default()).block_on(scenario());
    // The order of a `HashMap` is the seed's only on a thread that has none yet.
    thread::spawn(run).join().unwrap_or_else(Err).map_err(|panic| violation(&durable_sim::panic_text(&*panic)))
}

/// The law that a panic names. One that names none is a panic of the shell or the machine.
fn violation(text: &str) -> Violation {
    let text = text.strip_prefix("assertion `left == right` failed: ").unwrap_or(text);
    let named = LAWS.iter().find_map(|law| Some((law.name, text.strip_prefix(law.name)?.strip_prefix(": ")?)));
    let (law, what) = named.unwrap_or(("S13", text));
    Violation { law, what: what.to_owned() }
}

/// The run of the current runtime's seed: what it reached, and the record that the shell's host made, line by line.
///
/// # Errors
/// The panic that ended it; if a law was broken, its text begins with the law's name.
pub async fn scenario() -> Result<(Totals, Vec<String>), Payload> {
    let world = Shared::default();
    world.guard.clone().run(under_nemesis(world)).await
}

async fn under_nemesis(world: Shared) -> (Totals, Vec<String>) {
    let began = now();
    // The strict forms of the laws want a run without a nemesis.
    let is_calm = chance(15);
    let mood = if is_calm { Mood::calm() } else { Mood::random() };
    world.see(|it| {
        it.mood = mood;
        if is_calm {
            it.be_calm();
        }
    });
    let callers = build(&Handle::current(), &world);
    let calls: Vec<_> =
        (0..REQUESTS).map(|planned| callers.spawn(world.watched(callers::run(planned, world.clone())))).collect();
    if !is_calm {
        let network = spawn(world.watched(disturb_the_network(world.clone())));
        disturb_the_process(world.clone()).await;
        network.await.unwrap();
    }
    world.see(|it| it.healed());
    for call in calls {
        call.await.unwrap();
    }
    // L2 bounds each request's lifetime; twice that is an end that never comes.
    for _ in 0..7_200 {
        if world.see(|it| it.is_at_rest()) {
            break;
        }
        sleep(SECOND).await;
    }
    world.see(|it| {
        it.ended(REQUESTS);
        it.totals.simulated_ms = now().ms_since(began);
        (it.totals, mem::take(&mut it.recording.lines))
    })
}

/// Makes the nodes; the callers' one is for the calls to come.
fn build(handle: &Handle, world: &Shared) -> NodeHandle {
    let node = |name: &str, ip: &str| handle.create_node().name(name).ip(ip.parse().unwrap());
    let (at_upstream, at_origin, in_object) = (world.clone(), world.clone(), world.clone());
    node("upstream", &UPSTREAM.ip().to_string())
        .init(move || at_upstream.watched(upstream::run(at_upstream.clone())))
        .build();
    node("origin", &ORIGIN.ip().to_string()).init(move || at_origin.watched(origin::run(at_origin.clone()))).build();
    node(OBJECT_NODE, &OBJECT.ip().to_string())
        .init(move || in_object.watched(process::run(in_object.clone())))
        .build();
    node("callers", "10.0.0.1").build()
}

#[cfg(test)]
mod tests {
    use super::violation;

    #[test]
    fn a_panic_names_its_law() {
        let law = |text| violation(text).law;
        assert_eq!(law("S1: r1 is nowhere"), "S1");
        assert_eq!(law("S11: r1 is called back"), "S11");
        assert_eq!(law("assertion `left == right` failed: calm: fetches of r1\n  left: 2\n right: 1"), "calm");
        assert_eq!(violation("S4: it left").what, "it left");
        assert_eq!(law("index out of bounds"), "S13");
    }
}
