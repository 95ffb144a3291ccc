//! Which seed each thread runs, in which step it is, and since when: one that runs too long is named.

use crate::watch::Steps;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

#[expect(clippy::disallowed_methods, reason = "a run that never ends is seen by the wall's clock alone")]
fn now() -> Instant {
    Instant::now()
}

/// The step of a run. Each stands in a cache line of its own: threads write them all the time.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Step(AtomicU64);

impl Steps for Step {
    fn step(&self, step: u64) {
        self.0.store(step, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Job {
    runs: Mutex<Option<(u64, Instant)>>,
    step: Arc<Step>,
}

pub(super) struct Watch(Vec<Job>);

impl Watch {
    pub(super) fn new(jobs: usize) -> Self {
        Self((0..jobs).map(|_| Job::default()).collect())
    }

    /// A run begins; who is to be told of its steps.
    pub(super) fn begin(&self, job: usize, seed: u64) -> Arc<dyn Steps> {
        self.0[job].step.step(0);
        self.set(job, Some((seed, now())));
        self.0[job].step.clone()
    }

    pub(super) fn end(&self, job: usize) {
        self.set(job, None);
    }

    fn set(&self, job: usize, runs: Option<(u64, Instant)>) {
        *self.0[job].runs.lock().unwrap_or_else(PoisonError::into_inner) = runs;
    }

    /// Looks until the other end is dropped.
    pub(super) fn until(&self, over: mpsc::Receiver<()>, slow: Duration, named: impl Fn(u64, u64)) {
        let every = (slow / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let mut told = vec![None; self.0.len()];
        while over.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
            for (Job { runs, step }, told) in self.0.iter().zip(&mut told) {
                let runs = *runs.lock().unwrap_or_else(PoisonError::into_inner);
                let too_long = runs.filter(|(_, since)| since.elapsed() > slow).map(|(seed, _)| seed);
                if let Some(seed) = too_long.filter(|seed| *told != Some(*seed)) {
                    *told = Some(seed);
                    named(seed, step.0.load(Ordering::Relaxed));
                }
            }
        }
    }
}
