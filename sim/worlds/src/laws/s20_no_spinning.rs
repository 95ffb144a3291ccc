//! No loop without a delay: every retry waits, and alarms that follow each other at once do work in between.

use super::promised as limits;
use super::{Law, Move, Turn, Verdict, ensure, view::Who};
use proxy_fetch::{Phase, Timestamp};

/// So many alarms in a row, each close to the one before, may change nothing.
const MAX_IDLE_ALARMS: u32 = 50;
/// Half a capacity poll. A slow commit lies between two alarms of a loop, so 1 ms would not see it.
const CLOSE_MS: u64 = limits::CAPACITY_POLL_MS / 2;
const MIN_DELAY_MS: u64 = limits::MIN_RETRY_DELAY_MS;

/// S20.
#[derive(Clone, Debug, Default, Hash)]
pub struct NoSpinning {
    last: Timestamp,
    /// The alarm that is stored.
    stored: Option<Timestamp>,
    idle: u32,
}

impl Law for NoSpinning {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S20", "wake-ups that follow each other do work in between, and every retry waits");

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let waits_again = matches!(step.phase_before(), Some(Phase::InFlight { .. } | Phase::Delivering { .. }));
        if let Some(Phase::Queued { not_before }) = step.phase().filter(|_| waits_again) {
            ensure!(
                not_before >= turn.time.plus_ms(MIN_DELAY_MS),
                "{} failed at {} and may start again at {not_before}",
                Who(step.entry),
                turn.time
            );
        }
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let now = turn.commit.now;
        let is_close = now <= self.last.plus_ms(CLOSE_MS);
        self.last = now;
        // One that comes before it was asked for is the platform's doing (F13, F14).
        let is_asked_for = self.stored.is_some_and(|at| at <= now);
        self.stored = turn.commit.alarm;
        if is_close && turn.is_only_ticks() && turn.commit.changes.is_empty() {
            self.idle += u32::from(is_asked_for);
        } else {
            self.idle = 0;
        }
        ensure!(self.idle < MAX_IDLE_ALARMS, "{} alarms up to {now} changed nothing, one after the other", self.idle);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ledger::Note;
    use crate::laws::testing::{Story, assert_broken};

    #[test]
    fn a_retry_waits() {
        let mut story = Story::<NoSpinning>::new();
        story.in_flight(1, 1).in_flight(2, 1).commits().queued(1, 1, MIN_DELAY_MS).commits();
        assert_broken(story.queued(2, 1, MIN_DELAY_MS - 1).commit(), "may start again at");
    }

    #[test]
    fn alarms_do_work() {
        let mut story = Story::<NoSpinning>::new();
        story.sets_alarm(0).commits();
        for ms in 0..49 {
            story.at(ms).note(Note::Tick).mark(ms).commits();
        }
        story.at(49).note(Note::Tick).in_flight(1, 1).commits();
        for ms in 50..99 {
            story.at(ms).note(Note::Tick).mark(ms).commits();
        }
        assert_broken(story.at(99).note(Note::Tick).mark(99).commit(), "50 alarms up to");
        let mut story = Story::<NoSpinning>::new();
        story.sets_alarm(0).commits();
        for ms in 0..99 {
            let at = limits::CAPACITY_POLL_MS * ms;
            story.at(at).note(Note::Tick).mark(at).commits();
        }
    }

    #[test]
    fn an_alarm_that_nobody_asked_for_counts_for_nothing() {
        let mut story = Story::<NoSpinning>::new();
        story.sets_alarm(1_000).commits();
        for ms in 0..99 {
            story.at(ms).note(Note::Tick).mark(ms).commits();
        }
    }
}
