//! The production shell on madsim's runtime, many seeds: `sim/worlds/src/shell` is the world.
//!
//! `MADSIM_TEST_SEED`, `MADSIM_TEST_NUM`, `MADSIM_TEST_JOBS` and `MADSIM_TEST_CHECK_DETERMINISM` are honoured.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use madsim::runtime::{Builder, Handle};
use proxy_fetch_sim::shell::{Totals, repeat_command, run_seed, scenario};
use std::{cell::Cell, env, panic, sync::Mutex};

const SEEDS: u64 = 200;
/// Runs at the same time, unless `MADSIM_TEST_JOBS` says otherwise.
const JOBS: u16 = 2;

/// What all seeds of this process reached.
static REACHED: Mutex<Totals> = Mutex::new(Totals::NONE);

#[test]
fn the_laws_hold_under_the_nemesis() {
    say_how_to_repeat();
    let mut builder = Builder::from_env();
    let is_set = |name: &str| env::var_os(name).is_some();
    let is_chosen = is_set("MADSIM_TEST_SEED");
    if !is_chosen {
        builder.seed = 0;
    }
    if !is_set("MADSIM_TEST_JOBS") {
        builder.jobs = JOBS;
    }
    let covers = !is_chosen && !is_set("MADSIM_TEST_NUM") && !builder.check;
    if covers {
        builder.count = SEEDS;
    }
    builder.run(checked);
    if covers {
        // A green run that reached little proves little.
        let reached = *REACHED.lock().unwrap();
        assert!(reached.missing().is_empty(), "never seen: {:?}", reached.missing());
        let Totals { verified_turns, verified_restarts, verified_lost_turns, .. } = reached;
        let is_enough = verified_turns > 20_000 && verified_restarts > 1_000 && verified_lost_turns > 100;
        assert!(is_enough, "{reached:?}");
        println!("{reached:?}");
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in [1, 2, 3] {
        let ((_, one), (_, other)) = (run_seed(seed).unwrap(), run_seed(seed).unwrap());
        let at = one.iter().zip(&other).position(|(one, other)| one != other);
        assert_eq!((at, one.len()), (None, other.len()), "seed {seed}: the first difference, and lengths");
    }
}

thread_local! {
    /// The seed of this thread's run: each seed has a thread of its own.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A failure, in whatever node's task, says how to repeat it.
fn say_how_to_repeat() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        if let Some(seed) = SEED.get() {
            eprintln!("repeat it with: {}", repeat_command(seed));
        }
    }));
}

async fn checked() {
    SEED.set(Some(Handle::current().seed()));
    match scenario().await {
        Ok((totals, _)) => REACHED.lock().unwrap().add(&totals),
        Err(panic) => panic::resume_unwind(panic),
    }
}
