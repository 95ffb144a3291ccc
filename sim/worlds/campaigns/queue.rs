//! The tests of the queue's world, as those of the object's in `campaign.rs`.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::queue::QueueRuns;

durable_sim::tests! {
    QueueRuns::SWARM,
    seeds: 2_000,
    command: "cargo sim --world queue",
    profiles: [("calm", 400), ("soak", 40)],
    scenarios: "sim/worlds/scenarios/queue",
    snapshots: "snapshots/queue",
}
