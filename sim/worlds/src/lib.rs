//! proxy-fetch on the simulated platform of [`durable_sim`].
//!
//! [`proxy`] is the world of proxy-fetch, [`laws`] is what must hold in that world, and [`campaign`] runs many seeds.
//! [`history`] is what happened in a run, as the laws read it.
//! [`queue`] is the world of the Queue variant, with laws of its own.
//! [`steer`] runs campaigns that learn from what they reached.
//! [`finding`] reports a broken law to people.
//! [`scenario`] writes runs of both worlds down as files, and makes failing ones small.
//! [`story`] plays short stories, of which the worker plays the same files.
//! [`bugs`] has mistakes that the laws must find, for [`durable_sim::planter`] to plant.
//! `mutants` looks for each of them through every lens.
//! `reference` compares the machine with a model of plain lists, on generated sequences.
//! `shell` runs the native host's shell on madsim.
//! [`explore`] goes through every schedule of a small scope.
//! [`verify`] replays the turns that a host on the real runtime recorded.

#![forbid(unsafe_code)]

pub mod bugs;
pub mod campaign;
pub mod explore;
pub mod finding;
pub mod history;
pub mod laws;
#[cfg(feature = "lenses")]
pub mod mutants;
pub mod proxy;
pub mod queue;
#[cfg(feature = "lenses")]
pub mod reference;
pub mod scenario;
#[cfg(all(feature = "lenses", madsim))]
pub mod shell;
pub mod steer;
pub mod story;
pub mod verify;

#[cfg(all(feature = "lenses", not(madsim)))]
compile_error!(
    "madsim simulates only with --cfg madsim, which .cargo/config.toml sets: RUSTFLAGS in the environment replaces it; \
     unset it, and build from within the workspace"
);
