//! Shrinks a failing plan within a limit of wall time: what is tried, what is kept, and when to stop.
//!
//! Whoever knows the plan says what may be removed from it or made plain; what is the same for every plan is here.

use super::shrink::{try_ddmin, try_smallest};
use crate::watch::is_to_stop;
use std::time::{Duration, Instant};

/// The time for making a plan small is up, or [the process is to end](is_to_stop). What was found until then is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeUp;

#[expect(clippy::disallowed_methods, reason = "minimising is bounded in wall time; nothing simulated")]
fn now() -> Instant {
    Instant::now()
}

/// A plan that fails, as small as it is known to be.
///
/// Each plan that is tried and fails takes the place of the last one, so that there is something to show whenever time is
/// up. All that tries something ends with [`TimeUp`] then, and tries nothing more: `?` takes that through the callers.
pub struct Minimiser<'a, P> {
    plan: P,
    fails: Box<dyn FnMut(&P) -> bool + 'a>,
    runs: u64,
    deadline: Instant,
}

impl<'a, P: Clone + PartialEq> Minimiser<'a, P> {
    /// Of a plan that fails; it is not asked whether it does.
    pub fn new(plan: P, deadline: Instant, fails: impl FnMut(&P) -> bool + 'a) -> Self {
        Self { plan, fails: Box::new(fails), runs: 0, deadline }
    }

    /// The smallest plan so far that fails.
    pub const fn plan(&self) -> &P {
        &self.plan
    }

    /// The same, when there is nothing more to try.
    pub fn into_plan(self) -> P {
        self.plan
    }

    /// How many plans were run.
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// Counts a run that the caller makes himself.
    ///
    /// # Errors
    /// Time is up: it should not be made.
    pub fn begin_run(&mut self) -> Result<(), TimeUp> {
        if now() >= self.deadline || is_to_stop() {
            return Err(TimeUp);
        }
        self.runs += 1;
        Ok(())
    }

    /// Whether the plan fails; if so it is kept.
    ///
    /// # Errors
    /// Time is up.
    pub fn fails(&mut self, plan: P) -> Result<bool, TimeUp> {
        self.begin_run()?;
        let fails = (self.fails)(&plan);
        if fails {
            self.plan = plan;
        }
        Ok(fails)
    }

    /// Keeps a change if the plan fails with it; says whether it does. What changes nothing is not tried.
    ///
    /// # Errors
    /// Time is up.
    pub fn attempt(&mut self, change: impl FnOnce(&mut P)) -> Result<bool, TimeUp> {
        let mut plan = self.plan.clone();
        change(&mut plan);
        if plan == self.plan { Ok(false) } else { self.fails(plan) }
    }

    /// Keeps of a list what is needed; `put` puts a part of it into a plan. See [`ddmin`](super::ddmin).
    ///
    /// # Errors
    /// Time is up.
    pub fn thin_out<T: Clone>(&mut self, items: Vec<T>, put: impl Fn(&mut P, &[T])) -> Result<(), TimeUp> {
        let base = self.plan.clone();
        try_ddmin(items, |part| {
            let mut plan = base.clone();
            put(&mut plan, part);
            self.fails(plan)
        })?;
        Ok(())
    }

    /// Makes a number as small as can be, from `value` down to `low`; `set` puts it into a plan. See
    /// [`smallest`](super::smallest).
    ///
    /// # Errors
    /// Time is up.
    pub fn lower(&mut self, low: u64, value: u64, set: impl Fn(&mut P, u64)) -> Result<(), TimeUp> {
        let base = self.plan.clone();
        try_smallest(low, value, |number| {
            let mut plan = base.clone();
            set(&mut plan, number);
            self.fails(plan)
        })?;
        Ok(())
    }
}

/// How small a plan was made, and what that took, in a line.
#[must_use]
pub fn effort(left: usize, of: usize, runs: u64, took: Duration, is_complete: bool) -> String {
    let verb = if left == 1 { "item is" } else { "items are" };
    let more = match (is_complete, is_to_stop()) {
        (true, _) => "",
        (false, true) => "; it was interrupted, more may be possible",
        (false, false) => "; time was up, more may be possible with --within SECONDS",
    };
    format!("{left} {verb} left of {of}; {runs} runs in {} ms{more}", took.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_found_is_kept() {
        let mut small = Minimiser::new((0..100).collect::<Vec<u64>>(), now() + LONG, |plan| plan.contains(&70));
        assert_eq!(small.attempt(|plan| plan.retain(|number| number % 2 == 0)), Ok(true));
        assert_eq!(small.attempt(|plan| plan.retain(|number| number % 3 == 0)), Ok(false));
        let items = small.plan().clone();
        assert_eq!(items.len(), 50);
        assert_eq!(small.thin_out(items, |plan, part| *plan = part.to_vec()), Ok(()));
        assert_eq!(small.plan(), &[70]);
        assert_eq!(small.attempt(|_| {}), Ok(false));
    }

    /// When time is up nothing more is run, through all layers, and the plan is the last that failed.
    #[test]
    fn the_end_of_time_ends_it_at_once() {
        let runs = std::cell::Cell::new(0);
        let mut small = Minimiser::new((0..100_000).collect::<Vec<u64>>(), now() + LONG, |_| {
            runs.set(runs.get() + 1);
            true
        });
        assert_eq!(small.attempt(|plan| plan.truncate(10)), Ok(true));
        small.deadline = now();
        let items = small.plan().clone();
        assert_eq!(small.thin_out(items, |plan, part| *plan = part.to_vec()), Err(TimeUp));
        assert_eq!(small.lower(0, 9, |plan, number| plan[0] = number), Err(TimeUp));
        assert_eq!(small.attempt(Vec::clear), Err(TimeUp));
        assert_eq!((runs.get(), small.runs(), small.into_plan().len()), (1, 1, 10));
    }
}
