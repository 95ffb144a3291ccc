//! The workload, and the ways to simulate it. A request's lifecycle in all of them: its caller asks, the object accepts
//! and replies, starts it when one of five slots is free, the upstream takes its time, the response comes, and the
//! origin is called back and answers; attempt and callback have a time-out each.

mod calendar;
mod heap;
mod machine;
mod nodes;
mod nodes_machine;
mod ours;
mod shell;
mod tasks;

pub const REQUESTS: u64 = 100;
pub const SLOTS: usize = 5;
/// Callers ask at random within this time, in µs.
pub const SPREAD: u64 = 5_000_000;
/// How long the upstream takes, in µs.
pub const SERVICE: (u64, u64) = (10_000, 500_000);
/// One-way time of a message, in µs.
pub const NETWORK: (u64, u64) = (1_000, 2_000);
/// Of an attempt, and of a callback, in µs.
pub const TIMEOUT: u64 = 30_000_000;
/// What `heap` takes from its queue for each request.
pub const EVENTS_PER_REQUEST: u64 = 9;

pub struct Variant {
    pub name: &'static str,
    /// Runs the workload once with this seed.
    pub run: fn(u64) -> Done,
}

/// What a run was.
pub struct Done {
    /// Events that it took.
    pub events: u64,
    /// Requests that it was about.
    pub requests: u64,
    /// Time that passed in it.
    pub simulated_us: u64,
}

pub const VARIANTS: [Variant; 9] = [
    Variant { name: "a heap loop", run: heap::run },
    Variant { name: "a' heap loop around the machine", run: machine::run },
    Variant { name: "b engine, all laws", run: ours::run_with_laws },
    Variant { name: "b engine, no laws", run: ours::run_without_laws },
    Variant { name: "b' default campaign, all laws", run: ours::run_default },
    Variant { name: "c madsim, nodes and messages", run: nodes::run },
    Variant { name: "c' madsim's nodes around the machine", run: nodes_machine::run },
    Variant { name: "c\" madsim, tasks and timers only", run: tasks::run },
    Variant { name: "d the shell on madsim, all laws", run: shell::run },
];

/// SplitMix64: as cheap as random numbers can be.
pub struct Rng(pub u64);

impl Rng {
    pub const fn between(&mut self, (low, high): (u64, u64)) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (z ^ (z >> 31)) % (high - low + 1)
    }
}
