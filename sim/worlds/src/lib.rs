//! proxy-fetch on the simulated platform of [`durable_sim`].
//!
//! [`proxy`] is the world of proxy-fetch, and [`laws`] is what must hold in that world.
//! [`history`] is what happened in a run, as the laws read it.
//! [`queue`] is the world of the Queue variant, with laws of its own.
//! [`story`] plays short stories, of which the worker plays the same files.
//! [`bugs`] has mistakes that the laws must find, for [`durable_sim::planter`] to plant, and `mutants` has ways to look for
//! them.
//! [`told`] says in tests what merely follows from a broken law.
//! `reference` compares the machine with a model of plain lists, on generated sequences.
//! `shell` runs the native host's shell on madsim.
//! [`explore`] goes through every schedule of a small scope.
//! [`verify`] replays the turns that a host on the real runtime recorded.

#![forbid(unsafe_code)]

pub mod bugs;
pub mod explore;
pub mod history;
pub mod laws;
#[cfg(feature = "lenses")]
pub mod mutants;
pub mod proxy;
pub mod queue;
pub mod readable;
#[cfg(feature = "lenses")]
pub mod reference;
#[cfg(all(feature = "lenses", madsim))]
pub mod shell;
pub mod story;
pub mod told;
pub mod verify;

#[cfg(all(feature = "lenses", not(madsim)))]
compile_error!(
    "madsim simulates only with --cfg madsim, which .cargo/config.toml sets: RUSTFLAGS in the environment replaces it; \
     unset it, and build from within the workspace"
);
