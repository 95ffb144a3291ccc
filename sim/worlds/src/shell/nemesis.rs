//! What is done to the nodes: kills, stops, pauses, a disk that breaks, links that are cut.

use super::{OBJECT_NODE, SECOND, between, chance, ms, now, one_of, oracle::Shared};
use madsim::{net::NetSim, runtime::Handle, time::sleep};

const OTHERS: [&str; 3] = ["callers", "upstream", "origin"];

/// Disturbs the object's process until it is enough. At the end it runs.
pub async fn disturb_the_process(world: Shared) {
    let handle = Handle::current();
    for _ in 0..between(6, 14) {
        sleep(ms(between(20, 6_000))).await;
        match between(1, 100) {
            1..=20 => kill(&handle, &world),
            21..=50 => kill_in_a_commit(&handle, &world, chance(50)).await,
            51..=70 => stop(&handle, &world).await,
            71..=88 => {
                handle.pause(OBJECT_NODE);
                sleep(ms(one_of(&[between(1, 300), between(1_000, 40_000)]))).await;
                world.see(|it| it.resumed());
                handle.resume(OBJECT_NODE);
                continue;
            }
            _ => {
                let broken_ms = one_of(&[500, 3_000, 15_000]);
                world.see(|it| it.mood.broken_until = Some(now().plus_ms(broken_ms)));
                continue;
            }
        }
        sleep(ms(between(1, 3_000))).await;
        handle.restart(OBJECT_NODE);
    }
}

fn kill(handle: &Handle, world: &Shared) {
    handle.kill(OBJECT_NODE);
    world.see(|it| it.killed());
}

/// At the process's next commit, if there is one soon.
async fn kill_in_a_commit(handle: &Handle, world: &Shared, kept: bool) {
    world.see(|it| it.mood.trap = Some(kept));
    for _ in 0..3_000 {
        sleep(ms(1)).await;
        if world.see(|it| it.mood.trap.is_none()) {
            return;
        }
    }
    kill(handle, world);
}

/// Tells the process to end, waits until it has, and sometimes gives up.
async fn stop(handle: &Handle, world: &Shared) {
    let grace_ms = one_of(&[0, 1_000, 10_000, 30_000]);
    let Some(mailbox) = world.see(|it| it.close(grace_ms)) else { return kill(handle, world) };
    world.see(|it| it.waits_for_end());
    mailbox.close(grace_ms).await;
    world.see(|it| it.is_told_to_end = true);
    let gives_up_after = if chance(25) { between(0, grace_ms) } else { u64::MAX };
    if chance(20) {
        sleep(ms(between(1, 2_000))).await;
        // Told again, it takes the earlier end.
        let sooner_ms = between(0, grace_ms);
        if let Some(mailbox) = world.see(|it| it.close(sooner_ms)) {
            mailbox.close(sooner_ms).await;
        }
    }
    let told = now();
    while world.see(|it| it.is_up()) {
        if now().ms_since(told) >= gives_up_after {
            return kill(handle, world);
        }
        assert!(now().ms_since(told) < 120_000, "L5: the process does not end");
        sleep(ms(between(1, 20))).await;
    }
    // It has exited: whatever is left of it goes.
    handle.kill(OBJECT_NODE);
}

/// Disturbs links and the other nodes until it is enough. At the end all is well.
pub async fn disturb_the_network(world: Shared) {
    let (handle, net) = (Handle::current(), NetSim::current());
    let node = |name| handle.get_node(name).unwrap().id();
    let rate = one_of(&[0.0, 0.0, 0.02, 0.1]);
    net.update_config(|config| config.packet_loss_rate = rate);
    for _ in 0..between(2, 5) {
        sleep(ms(between(20, 12_000))).await;
        let (object, other) = (node(OBJECT_NODE), node(one_of(&OTHERS)));
        let lasts = ms(between(200, 30_000));
        match between(1, 100) {
            1..=40 => {
                world.see(|it| it.totals.partitions += 1);
                net.clog_link(object, other);
                net.clog_link(other, object);
                sleep(lasts).await;
                net.unclog_link(object, other);
                net.unclog_link(other, object);
            }
            41..=75 => {
                world.see(|it| it.totals.clogged_links += 1);
                let (from, to) = if chance(50) { (object, other) } else { (other, object) };
                net.clog_link(from, to);
                sleep(lasts).await;
                net.unclog_link(from, to);
            }
            _ => {
                world.see(|it| it.totals.pauses_of_others += 1);
                handle.pause(other);
                sleep(lasts).await;
                handle.resume(other);
            }
        }
    }
    sleep(SECOND).await;
    net.update_config(|config| config.packet_loss_rate = 0.0);
}
