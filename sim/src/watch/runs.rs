//! Who is told of the runs of this process.

use super::Steps;
use std::sync::{Arc, OnceLock};

/// Who is told of the runs of this process.
pub(crate) trait Watcher: Steps {
    /// A run begins, of what this text says.
    fn begins(&self, text: &dyn Fn() -> String);

    /// It is over.
    fn ends(&self);
}

static WATCHER: OnceLock<Arc<dyn Watcher>> = OnceLock::new();

/// From now on this one is told. The first stays.
#[cfg(feature = "cli")]
pub(crate) fn watched_by(watcher: Arc<dyn Watcher>) {
    let _ = WATCHER.set(watcher);
}

/// A run that has begun; over when it is dropped.
pub(crate) struct Begun(Option<Arc<dyn Watcher>>);

impl Begun {
    pub(crate) fn new(text: &dyn Fn() -> String) -> Self {
        let watcher = WATCHER.get().cloned();
        if let Some(watcher) = &watcher {
            watcher.begins(text);
        }
        Self(watcher)
    }

    pub(crate) fn steps(&self) -> Option<Arc<dyn Steps>> {
        self.0.clone().map(|watcher| watcher as Arc<dyn Steps>)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(watcher) = &self.0 {
            watcher.ends();
        }
    }
}
