//! Which seed each thread runs, and since when: one that runs too long is named.

use std::{
    sync::{Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

#[expect(clippy::disallowed_methods, reason = "a run that never ends is seen by the wall's clock alone")]
fn now() -> Instant {
    Instant::now()
}

pub(super) struct Watch(Vec<Mutex<Option<(u64, Instant)>>>);

impl Watch {
    pub(super) fn new(jobs: usize) -> Self {
        Self((0..jobs).map(|_| Mutex::new(None)).collect())
    }

    pub(super) fn begin(&self, job: usize, seed: u64) {
        self.set(job, Some((seed, now())));
    }

    pub(super) fn end(&self, job: usize) {
        self.set(job, None);
    }

    fn set(&self, job: usize, runs: Option<(u64, Instant)>) {
        *self.0[job].lock().unwrap_or_else(PoisonError::into_inner) = runs;
    }

    /// Looks until the other end is dropped.
    pub(super) fn until(&self, over: mpsc::Receiver<()>, slow: Duration, named: impl Fn(u64)) {
        let every = (slow / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let mut told = vec![None; self.0.len()];
        while over.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
            for (job, told) in self.0.iter().zip(&mut told) {
                let runs = *job.lock().unwrap_or_else(PoisonError::into_inner);
                let too_long = runs.filter(|(_, since)| since.elapsed() > slow).map(|(seed, _)| seed);
                if let Some(seed) = too_long.filter(|seed| *told != Some(*seed)) {
                    *told = Some(seed);
                    named(seed);
                }
            }
        }
    }
}
