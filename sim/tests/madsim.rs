//! The object on madsim's runtime: callers, object, upstream and origin are nodes with messages between them, the
//! object's node is killed and restarted at random moments, links are cut, and the laws are those of every other run.
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
        ORIGIN, SECOND, UPSTREAM, between, callers, chance, object, origin, upstream,
        witness::{Shared, Totals},
    };
    use madsim::{
        net::NetSim,
        runtime::{Builder, Handle, NodeHandle},
        task::NodeId,
        time::{Duration, sleep},
    };
    use proxy_fetch_sim::proxy::ledger::Planned;
    use std::{cell::Cell, env, panic, sync::Mutex};

    const REQUESTS: Planned = 30;
    const SEEDS: u64 = 200;

    /// What all seeds of this process reached.
    static REACHED: Mutex<Totals> = Mutex::new(Totals::NONE);

    #[test]
    fn the_laws_hold_when_the_object_is_killed_and_links_are_cut() {
        say_how_to_repeat();
        let mut builder = Builder::from_env();
        let is_chosen = env::var_os("MADSIM_TEST_SEED").is_some();
        let is_counted = env::var_os("MADSIM_TEST_NUM").is_some();
        if !is_chosen {
            builder.seed = 0;
        }
        let covers = !is_chosen && !is_counted && !builder.check;
        if covers {
            builder.count = SEEDS;
        }
        builder.run(scenario);
        if covers {
            // A green run that reached little proves little.
            let reached = *REACHED.lock().unwrap();
            assert!(reached.is_wide(), "{reached:?}");
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

    async fn scenario() {
        let handle = Handle::current();
        SEED.set(Some(handle.seed()));
        let world = Shared::default();
        let nodes = build(&handle, &world);
        NetSim::current().update_config(|config| {
            config.packet_loss_rate = if chance(50) { 0.02 } else { 0.0 };
        });
        let calls: Vec<_> =
            (0..REQUESTS).map(|planned| nodes.callers.spawn(callers::run(planned, world.clone()))).collect();

        do_harm(&handle, &nodes, &world).await;
        NetSim::current().update_config(|config| config.packet_loss_rate = 0.0);
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
        world.see(|it| it.ended(REQUESTS));
        world.see(|it| REACHED.lock().unwrap().add(&it.totals));
    }

    struct Nodes {
        callers: NodeHandle,
        object: NodeId,
        upstream: NodeId,
        origin: NodeId,
    }

    fn build(handle: &Handle, world: &Shared) -> Nodes {
        let node = |name: &str, ip: &str| handle.create_node().name(name).ip(ip.parse().unwrap());
        let (at_upstream, at_origin, in_object) = (world.clone(), world.clone(), world.clone());
        Nodes {
            callers: node("callers", "10.0.0.1").build(),
            upstream: node("upstream", &UPSTREAM.ip().to_string())
                .init(move || upstream::run(at_upstream.clone()))
                .build()
                .id(),
            origin: node("origin", &ORIGIN.ip().to_string()).init(move || origin::run(at_origin.clone())).build().id(),
            object: node("object", &object::ADDRESS.ip().to_string())
                .init(move || object::run(in_object.clone()))
                .build()
                .id(),
        }
    }

    /// Kills and restarts the object, and cuts links, until it is enough.
    async fn do_harm(handle: &Handle, nodes: &Nodes, world: &Shared) {
        let net = NetSim::current();
        let mut kills = between(5, 15);
        while kills > 0 {
            sleep(Duration::from_millis(between(20, 6_000))).await;
            if chance(30) {
                let other = [nodes.callers.id(), nodes.upstream, nodes.origin][between(0, 2) as usize];
                let (from, to) = if chance(50) { (nodes.object, other) } else { (other, nodes.object) };
                net.clog_link(from, to);
                sleep(Duration::from_millis(between(200, 45_000))).await;
                net.unclog_link(from, to);
                continue;
            }
            if chance(60) {
                // Between a commit and its effects, if it comes to that.
                let before = world.see(|it| it.totals.commits);
                for _ in 0..2_000 {
                    if world.see(|it| it.totals.commits) != before {
                        break;
                    }
                    sleep(Duration::from_millis(1)).await;
                }
            }
            handle.kill(nodes.object);
            world.see(|it| it.lost());
            sleep(Duration::from_millis(between(1, 3_000))).await;
            handle.restart(nodes.object);
            kills -= 1;
        }
    }
}
