//! What this process runs, for whoever watches it from another thread or another process; and whether it is to end.
//!
//! Both are of the process and not of a world: an endless loop, an abort, a signal happen to all that it runs. Nobody
//! watches unless the command line does.

#[cfg(feature = "plans")]
mod runs;

#[cfg(feature = "plans")]
pub(crate) use runs::Begun;
#[cfg(feature = "cli")]
pub(crate) use runs::{Watcher, watched_by};

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Who is told of the steps of a run, each before it is made.
pub(crate) trait Steps: fmt::Debug + Send + Sync {
    fn step(&self, step: u64);
}

static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Whether the process is to end, with what it has found so far: it was interrupted, say. A campaign, a search and whatever
/// makes runs small look at it between two runs.
#[must_use]
pub fn is_to_stop() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// What [`is_to_stop`] looks at.
#[cfg(feature = "cli")]
pub(crate) fn stop() -> Arc<AtomicBool> {
    STOP.clone()
}
