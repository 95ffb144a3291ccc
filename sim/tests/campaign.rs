//! Seeded campaigns. `SIM_SEEDS` and `SIM_START` say how many seeds and from where: a long campaign is this same test.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::{
    campaign::{self, Campaign, replay_command},
    proxy::{Plan, Profile},
    scenario::shrink_run,
};
use std::{env, num::NonZero, panic, sync::Once, thread, time::Duration};

fn number(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => match text.parse() {
            Ok(number) => number,
            Err(error) => panic!("{name}={text:?} is no number: {error}"),
        },
        Err(_) => default,
    }
}

/// The machine's panics are findings, and shrinking asks for them again and again: only the tests' own threads, which
/// have names, panic aloud.
fn quietly<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let aloud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name().is_some() {
                aloud(panic);
            }
        }));
    });
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// A failure shows its law, the scenario that is left of it with its trace, and the command that repeats it.
fn campaign(profile: Profile, seeds: u64) {
    let jobs = thread::available_parallelism().map_or(1, NonZero::get);
    let start = number("SIM_START", 0);
    let failure = quietly(|| {
        let found = campaign::run(Campaign { start, seeds, profile, jobs, fail_fast: true }, |_| {});
        let report = found.failures.first();
        let Some((seed, Some((step, violation)))) = report.map(|report| (report.seed, &report.violation)) else {
            assert_eq!(found.seeds, seeds);
            return None;
        };
        let small = shrink_run(seed, Plan::draw(seed, profile), Duration::from_secs(10));
        let small = small.map(|shrunk| shrunk.to_string()).unwrap_or_default();
        let command = replay_command(seed, profile);
        Some(format!(
            "seed {seed} broke a law at step {step}\n{violation}\n\nmade small:\n\n{small}\nrepeat it with: {command}"
        ))
    });
    if let Some(failure) = failure {
        panic!("{failure}");
    }
}

#[test]
fn swarm() {
    campaign(Profile::Swarm, number("SIM_SEEDS", 2_000));
}

#[test]
fn calm() {
    campaign(Profile::Calm, number("SIM_SEEDS", 2_000).div_ceil(4));
}

#[test]
fn soak() {
    campaign(Profile::Soak, number("SIM_SEEDS", 2_000).div_ceil(200));
}

/// A green run that reached little proves little.
#[test]
fn a_campaign_reaches_every_state_with_every_fault() {
    let jobs = thread::available_parallelism().map_or(1, NonZero::get);
    let found =
        campaign::run(Campaign { start: 0, seeds: 2_000, profile: Profile::Swarm, jobs, fail_fast: false }, |_| {});
    let missing = found.coverage.missing();
    assert!(missing.is_empty(), "never reached: {missing:?}");
    let missing = found.coverage.missing_events();
    assert!(missing.is_empty(), "never came: {missing:?}");
    let missing = found.coverage.missing_sometimes();
    assert!(missing.is_empty(), "never happened: {missing:?}");
    for outcome in ["response", "failed", "expired", "cancelled", "interrupted", "unknown", "unreadable"] {
        assert!(found.outcomes.contains_key(outcome), "no request ended as {outcome}");
    }
}
