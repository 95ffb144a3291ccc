//! What the search costs, beside stateright's breadth-first checker: the same small machine written down once and
//! searched by both, in alternating rounds of one run, on one thread and on two; then states of the real scope.
#![allow(missing_docs, clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use durable_sim::search::{Bounds, End, Space, search};
use proxy_fetch_sim::explore::{ProxySpace, Scope};
use stateright::{Checker, Model, Property};
use std::{
    hash::{Hash, Hasher},
    time::Instant,
};
use xxhash_rust::xxh3::xxh3_128;

const ROUNDS: usize = 5;
const JOBS: usize = 7;
const SLOTS: usize = 2;
const ATTEMPTS: u8 = 2;
const CRASHES: u8 = 2;

/// Jobs that wait for a slot, run, fail and are tried again; a crash interrupts what runs.
#[derive(Clone)]
struct Toy;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Jobs {
    jobs: Vec<Job>,
    crashes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Job {
    New,
    Queued(u8),
    Running(u8),
    Done,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    HandIn(usize),
    Start(usize),
    Succeed(usize),
    Fail(usize),
    Crash,
}

impl Toy {
    fn begin() -> Jobs {
        Jobs { jobs: vec![Job::New; JOBS], crashes: CRASHES }
    }

    fn steps(state: &Jobs, steps: &mut Vec<Step>) {
        for (at, job) in state.jobs.iter().enumerate() {
            match job {
                Job::New => steps.push(Step::HandIn(at)),
                Job::Queued(_) => steps.push(Step::Start(at)),
                Job::Running(_) => steps.extend([Step::Succeed(at), Step::Fail(at)]),
                Job::Done | Job::Failed => {}
            }
        }
        if state.crashes > 0 {
            steps.push(Step::Crash);
        }
    }

    fn next(state: &Jobs, step: Step) -> Option<Jobs> {
        let mut next = state.clone();
        match step {
            Step::HandIn(at) => next.jobs[at] = Job::Queued(0),
            Step::Start(at) => {
                let Job::Queued(attempts) = state.jobs[at] else { return None };
                let running = state.jobs.iter().filter(|job| matches!(job, Job::Running(_))).count();
                if running >= SLOTS {
                    return None;
                }
                next.jobs[at] = Job::Running(attempts + 1);
            }
            Step::Succeed(at) => next.jobs[at] = Job::Done,
            Step::Fail(at) => next.jobs[at] = after_failure(state.jobs[at])?,
            Step::Crash => {
                next.crashes -= 1;
                for job in next.jobs.iter_mut().filter(|job| matches!(job, Job::Running(_))) {
                    *job = after_failure(*job)?;
                }
            }
        }
        Some(next)
    }

    fn holds(state: &Jobs) -> bool {
        state.jobs.iter().filter(|job| matches!(job, Job::Running(_))).count() <= SLOTS
    }
}

const fn after_failure(job: Job) -> Option<Job> {
    match job {
        Job::Running(attempts) if attempts < ATTEMPTS => Some(Job::Queued(attempts)),
        Job::Running(_) => Some(Job::Failed),
        Job::New | Job::Queued(_) | Job::Done | Job::Failed => None,
    }
}

impl Space for Toy {
    type State = Jobs;
    type Action = Step;
    type Broken = ();

    fn start(&self) -> Jobs {
        Self::begin()
    }

    fn actions(&self, state: &Jobs, actions: &mut Vec<Step>) {
        Self::steps(state, actions);
    }

    fn step(&self, state: &Jobs, action: &Step) -> Result<Option<Jobs>, ()> {
        Ok(Self::next(state, *action))
    }

    fn digest(&self, state: &Jobs, buffer: &mut Vec<u8>) -> u128 {
        buffer.clear();
        state.hash(&mut Bytes(buffer));
        xxh3_128(buffer)
    }

    fn check(&self, state: &Jobs) -> Result<(), ()> {
        if Self::holds(state) { Ok(()) } else { Err(()) }
    }
}

struct Bytes<'a>(&'a mut Vec<u8>);

impl Hasher for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Model for Toy {
    type State = Jobs;
    type Action = Step;

    fn init_states(&self) -> Vec<Jobs> {
        vec![Self::begin()]
    }

    fn actions(&self, state: &Jobs, actions: &mut Vec<Step>) {
        Self::steps(state, actions);
    }

    fn next_state(&self, state: &Jobs, action: Step) -> Option<Jobs> {
        Self::next(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("slots", |_, state| Self::holds(state))]
    }
}

/// States per second of one search of the toy, and how many there were.
fn ours(threads: usize) -> (f64, u64) {
    let begin = Instant::now();
    let found = search(&Toy, Bounds { threads, ..Bounds::default() }, |_, _, _| {});
    assert_eq!(found.end, End::Complete);
    (found.states as f64 / begin.elapsed().as_secs_f64(), found.states)
}

fn theirs(threads: usize) -> (f64, u64) {
    let begin = Instant::now();
    let checker = Toy.checker().threads(threads).spawn_bfs().join();
    let seconds = begin.elapsed().as_secs_f64();
    checker.assert_properties();
    let states = checker.unique_state_count() as u64;
    (states as f64 / seconds, states)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    for threads in [1, 2] {
        let (mut our_rates, mut their_rates, mut states) = (Vec::new(), Vec::new(), 0);
        for round in 0..=ROUNDS {
            let ((our_rate, our_states), (their_rate, their_states)) = (ours(threads), theirs(threads));
            assert_eq!(our_states, their_states, "two searches of one machine");
            states = our_states;
            // The first round warms up.
            if round > 0 {
                our_rates.push(our_rate);
                their_rates.push(their_rate);
            }
        }
        let (ours, theirs) = (median(our_rates), median(their_rates));
        println!("toy, {states} states, {threads} threads; medians of {ROUNDS} rounds");
        println!("  ours       {ours:>12.0} states/s");
        println!("  stateright {theirs:>12.0} states/s");
        println!("  ratio      {:>12.2}", ours / theirs);
    }
    for threads in [1, 2] {
        let scope = Scope { faults: 0, ..Scope::default() };
        let rates = (0..ROUNDS).map(|_| {
            let begin = Instant::now();
            let found = search(&ProxySpace::new(scope), Bounds { threads, ..Bounds::default() }, |_, _, _| {});
            assert_eq!(found.end, End::Complete);
            (
                found.states as f64 / begin.elapsed().as_secs_f64(),
                found.transitions as f64 / begin.elapsed().as_secs_f64(),
            )
        });
        let (states, steps): (Vec<f64>, Vec<f64>) = rates.unzip();
        println!("{scope}; {threads} threads: {:.0} states/s, {:.0} steps/s, all laws", median(states), median(steps));
    }
}
