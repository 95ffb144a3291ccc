//! The production shell on madsim's runtime: callers, object, upstream and origin are nodes with messages between them.
//! The object's node runs the native host's own loop (`native/src/shell`); only the leaves under it are simulated. It is
//! killed, stopped, paused and restarted at random moments, its disk is slow and fails, links are cut, and the laws are
//! those of every other run. At the end of each seed the simulator does again what the shell did, step by step.
//!
//! `MADSIM_TEST_SEED`, `MADSIM_TEST_NUM`, `MADSIM_TEST_JOBS` and `MADSIM_TEST_CHECK_DETERMINISM` are honoured.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[cfg(not(madsim))]
compile_error!(
    "madsim simulates only with --cfg madsim, which .cargo/config.toml sets: RUSTFLAGS in the environment replaces it; \
     unset it, and build from within the workspace"
);

#[cfg(madsim)]
mod madsim_world;

#[cfg(madsim)]
mod on_madsim {
    use crate::madsim_world::{
        OBJECT, OBJECT_NODE, ORIGIN, SECOND, UPSTREAM, callers, chance,
        disk::Mood,
        harm::{harm_the_network, harm_the_process},
        origin, process,
        totals::Totals,
        upstream,
        witness::Shared,
    };
    use madsim::{
        Config,
        runtime::{Builder, Handle, NodeHandle, Runtime},
        task::spawn,
        time::sleep,
    };
    use proxy_fetch_sim::proxy::ledger::Planned;
    use std::{cell::Cell, env, panic, sync::Mutex, thread};

    const REQUESTS: Planned = 30;
    const SEEDS: u64 = 200;
    /// Runs at the same time, unless `MADSIM_TEST_JOBS` says otherwise.
    const JOBS: u16 = 2;

    /// What all seeds of this process reached.
    static REACHED: Mutex<Totals> = Mutex::new(Totals::NONE);

    #[test]
    fn the_laws_hold_when_the_shell_is_harmed() {
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
            let run = || {
                let run = move || Runtime::with_seed_and_config(seed, Config::default()).block_on(scenario());
                let (_, record) = thread::spawn(run).join().unwrap();
                record
            };
            let (one, other) = (run(), run());
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
                eprintln!("repeat it with: MADSIM_TEST_SEED={seed} cargo test -p proxy-fetch-sim --test madsim");
            }
        }));
    }

    async fn checked() {
        let (totals, _) = scenario().await;
        REACHED.lock().unwrap().add(&totals);
    }

    /// One run: what it reached, and the shell's record.
    async fn scenario() -> (Totals, Vec<String>) {
        let handle = Handle::current();
        SEED.set(Some(handle.seed()));
        let world = Shared::default();
        // The strict forms of the laws want a run without harm.
        let is_calm = chance(15);
        let mood = if is_calm { Mood::calm() } else { Mood::random() };
        world.see(|it| {
            it.mood = mood;
            if is_calm {
                it.be_calm();
            }
        });
        let callers = build(&handle, &world);
        let calls: Vec<_> = (0..REQUESTS).map(|planned| callers.spawn(callers::run(planned, world.clone()))).collect();
        if !is_calm {
            let network = spawn(harm_the_network(world.clone()));
            harm_the_process(world.clone()).await;
            network.await.unwrap();
        }
        world.see(|it| it.healed());
        for call in calls {
            call.await.unwrap();
        }
        // L2 bounds each request's life; twice that is an end that never comes.
        for _ in 0..7_200 {
            if world.see(|it| it.is_at_rest()) {
                break;
            }
            sleep(SECOND).await;
        }
        world.see(|it| {
            it.ended(REQUESTS);
            (it.totals, std::mem::take(&mut it.tape.lines))
        })
    }

    /// Makes the nodes; the callers' one is for the calls to come.
    fn build(handle: &Handle, world: &Shared) -> NodeHandle {
        let node = |name: &str, ip: &str| handle.create_node().name(name).ip(ip.parse().unwrap());
        let (at_upstream, at_origin, in_object) = (world.clone(), world.clone(), world.clone());
        node("upstream", &UPSTREAM.ip().to_string()).init(move || upstream::run(at_upstream.clone())).build();
        node("origin", &ORIGIN.ip().to_string()).init(move || origin::run(at_origin.clone())).build();
        node(OBJECT_NODE, &OBJECT.ip().to_string()).init(move || process::run(in_object.clone())).build();
        node("callers", "10.0.0.1").build()
    }
}
