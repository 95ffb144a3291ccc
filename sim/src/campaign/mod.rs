//! Campaigns: many seeds on all cores, what they reached and what they broke.
//!
//! Whatever happens to the process, a seed that broke a law or ended it is known: [`Listener::found`] is told the moment a
//! law is broken, a run that takes too long is named, and the seeds that run stand in files ([`Campaign::running`]).

mod collected;
mod corpus;
mod running;
mod steer;
mod watch;

pub use running::{Left, left_running};

use crate::{
    engine::{Breaks, Coverage, Recorder},
    plan::{Document, Feature, Simulation},
    time::Micros,
    watch::{Steps, is_to_stop},
};
use collected::Collected;
use running::Running;
use std::{
    num::NonZero,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use watch::Watch;

/// Of so many seeds one is run twice, and must do the same.
const REPEATED: u64 = 50;

/// Which seeds are run, and how.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first seed.
    pub start: u64,
    /// How many seeds, 1 or more.
    pub seeds: u64,
    /// Threads, 1 or more.
    pub jobs: usize,
    /// Whether runs that reached something rare are varied, in every second run. What a seed runs then follows from the seeds
    /// before it.
    pub steer: bool,
    /// Whether it ends at the first broken law; if it steers, with the round of runs in which one broke.
    pub fail_fast: bool,
    /// It ends when so many seeds in a row have reached nothing new.
    pub nothing_new: Option<u64>,
    /// A run that takes longer is named to the listener, which may end the process: a thread cannot be ended.
    pub slow: Duration,
    /// The folder for the seeds that run, a file for each thread; without one a seed that ends the process is not known.
    pub running: Option<PathBuf>,
}

impl Default for Campaign {
    /// 1,000 seeds from 0, on all cores; a run is slow after a minute.
    fn default() -> Self {
        Self {
            start: 0,
            seeds: 1_000,
            jobs: thread::available_parallelism().map_or(1, NonZero::get),
            steer: false,
            fail_fast: false,
            nothing_new: None,
            slow: Duration::from_secs(60),
            running: None,
        }
    }
}

/// Who is told of a campaign while it runs.
pub trait Listener: Sync {
    /// A law is broken.
    fn found(&self, _finding: &Finding) {}

    /// So many seeds are done.
    fn done(&self, _seeds: u64) {}

    /// The run of this seed takes longer than [`Campaign::slow`], and is in this step, 0 before the first one. It may never
    /// end, so the listener should end the process.
    fn slow(&self, _seed: u64, _step: u64) {}
}

/// Nobody is told.
impl Listener for () {}

/// A seed that broke a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The seed.
    pub seed: u64,
    /// The law.
    pub breaks: Breaks,
    /// What its run was made of, where the seed alone does not say it.
    pub document: Option<Box<Document>>,
}

/// The law that a seed's two runs are one. It is of every world.
pub const REPEATS: &str = "a seed is one run";

/// What a campaign found.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Those of them that were drawn, and not [varied](Campaign::steer) from others.
    pub drawn: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Simulated time of all runs.
    pub simulated: Micros,
    /// What they reached.
    pub coverage: Coverage,
    /// Those that broke a law, smallest seed first.
    pub findings: Vec<Finding>,
    /// Whether it ended because nothing new was reached.
    pub nothing_new: bool,
    /// Whether it ended because [the process is to end](is_to_stop).
    pub is_interrupted: bool,
}

impl Summary {
    /// What it proves that so many seeds broke no law; `None`: one did.
    ///
    /// The rule of three: with 95 % confidence, what was not seen in n independent runs happens in fewer than 3 of n. It
    /// holds from about 30 runs on; runs that were varied from others are not independent of them.
    #[must_use]
    pub fn proves(&self) -> Option<String> {
        (self.findings.is_empty() && self.seeds > 0).then(|| match self.drawn {
            0..30 => "next to nothing: so few seeds".to_owned(),
            drawn => format!("with 95 % confidence, fewer than one seed in {} breaks a law", drawn / 3),
        })
    }
}

/// What one run leaves to the summary.
struct Ran {
    is_drawn: bool,
    steps: u64,
    simulated: Micros,
    coverage: Coverage,
    features: Vec<Feature>,
    finding: Option<Finding>,
}

/// Runs what a seed has drawn, or, if it says so, what a campaign that steers has made of others.
fn run_seed<S: Simulation>(world: &S, seed: u64, steps: Arc<dyn Steps>, document: &Document, is_drawn: bool) -> Ran {
    let run = world.run(document, Recorder::default().watched_by(Some(steps)));
    let mut breaks = run.breaks().cloned();
    if breaks.is_none() && seed.is_multiple_of(REPEATED) {
        let differs = world.differs_at(document);
        breaks = differs.map(|differs| Breaks { law: REPEATS, step: differs.step, what: differs.to_string() });
    }
    if let Some(breaks) = &mut breaks {
        breaks.what = world.reader(&run)(&breaks.what);
    }
    let document = || (!is_drawn).then(|| Box::new(document.clone()));
    let finding = breaks.map(|breaks| Finding { seed, breaks, document: document() });
    let (steps, simulated, features) = (run.sim.recorder.steps, run.sim.now(), world.features(&run));
    Ran { is_drawn, steps, simulated, coverage: run.sim.coverage().clone(), features, finding }
}

/// What the threads of a campaign share.
struct Shared<'a> {
    campaign: &'a Campaign,
    listener: &'a dyn Listener,
    watch: &'a Watch,
    running: Option<Running>,
    done: AtomicU64,
}

impl Shared<'_> {
    /// This thread is busy with this seed from now on: who is told of its steps.
    fn begin(&self, job: usize, seed: u64) -> Arc<dyn Steps> {
        if let Some(running) = &self.running {
            running.begin(job, seed);
        }
        self.watch.begin(job, seed)
    }

    /// Runs it on this thread, and tells of it.
    fn run<S: Simulation>(&self, job: usize, world: &S, seed: u64, document: &Document, is_drawn: bool) -> Ran {
        let steps = self.begin(job, seed);
        let ran = run_seed(world, seed, steps, document, is_drawn);
        self.watch.end(job);
        if let Some(finding) = &ran.finding {
            self.listener.found(finding);
        }
        self.listener.done(self.done.fetch_add(1, Ordering::Relaxed) + 1);
        ran
    }
}

/// Does it on so many threads.
fn on_threads(jobs: usize, work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..jobs).map(|job| scope.spawn(move || work(job))).collect();
        let ended: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        // A panic there is a mistake in how the world is put together.
        if let Some(panic) = ended.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Each seed's own run.
fn drawn<S: Simulation + Sync>(world: &S, shared: &Shared<'_>) -> Summary {
    let Campaign { start, seeds, jobs, fail_fast, nothing_new, .. } = *shared.campaign;
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let all = Mutex::new(Collected::new(S::MARKS, S::GRIDS, start, nothing_new));
    on_threads(jobs, |job| {
        while !stop.load(Ordering::Relaxed) && !is_to_stop() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds {
                break;
            }
            let seed = start + number;
            // What is drawn may take long, or end the process, too.
            let _ = shared.begin(job, seed);
            let ran = shared.run(job, world, seed, &world.draw(seed), true);
            let is_last = fail_fast && ran.finding.is_some();
            if all.lock().unwrap_or_else(PoisonError::into_inner).add(seed, ran) || is_last {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner).summary()
}

/// Runs it.
///
/// What it finds does not depend on the number of threads, unless it ends before its last seed.
///
/// # Errors
/// In one line: no seeds, no threads, runs in which nothing happens, or the folder of what runs cannot be written to.
pub fn run<S: Simulation + Clone + Sync>(
    world: &S,
    campaign: &Campaign,
    listener: &dyn Listener,
) -> Result<Summary, String> {
    let Campaign { start, seeds, jobs, slow, ref running, .. } = *campaign;
    if seeds == 0 || jobs == 0 {
        return Err("a campaign of no seeds, or on no threads, finds nothing".into());
    }
    if start.checked_add(seeds - 1).is_none() {
        return Err(format!("there are no {seeds} seeds from {start} on"));
    }
    let running = running.as_ref().map(|folder| Running::new(folder, jobs)).transpose()?;
    let watch = Watch::new(jobs);
    let shared = Shared { campaign, listener, watch: &watch, running, done: AtomicU64::new(0) };
    let (over, is_over) = mpsc::channel::<()>();
    let summary = thread::scope(|scope| {
        scope.spawn(|| watch.until(is_over, slow, |seed, step| listener.slow(seed, step)));
        // Dropped in a panic too: else the other thread would look for ever.
        let _over = over;
        if campaign.steer { steer::steered(world, &shared) } else { drawn(world, &shared) }
    });
    if summary.steps == 0 && summary.findings.is_empty() && !summary.is_interrupted {
        return Err("nothing happens in the run of any of these seeds: what they draw has no step".into());
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
