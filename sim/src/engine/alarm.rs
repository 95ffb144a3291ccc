//! The one alarm: at least once, late or twice, retried after a failure, abandoned after seven, hung for 15 minutes.

use super::{
    Chance, Commit, Fault, MINUTE, Micros, ObjectId, SECOND, Sim, World,
    points::{COMMIT, FIRING, REPLACED},
    run::COMMIT_LIMIT,
    state::{AlarmRun, Happening},
};
use crate::decide::{Decision, Key, Place};

/// Failed runs after the first that are retried.
const MAX_RETRIES: u32 = 6;
/// The wait before a retry doubles so often.
const MAX_BACKOFF: u32 = 9;
/// A handler is killed after this.
pub(super) const HANDLER_LIMIT: Micros = 15 * MINUTE;

/// The wait before the retry that follows so many doublings, without its jitter.
const fn wait(doublings: u32) -> Micros {
    (2 * SECOND) << doublings
}

/// The same, with the most jitter: a quarter.
const fn longest_wait(doublings: u32) -> Micros {
    wait(doublings) + wait(doublings) / 4
}

impl<W: World> Sim<W> {
    /// The longest time until a stored alarm that is due by now runs, if nothing goes wrong from now on. A handler that threw waits
    /// for its last retry at most, one that could not run or commit for the longest wait of all, one that a reset interrupted
    /// for its next run, and one that hangs is killed before.
    pub(super) fn recovery(&self) -> Micros {
        let most_doublings = self.objects.iter().map(|hosted| hosted.alarm_backoff).max().unwrap_or(0);
        let retry = if self.has_retried {
            COMMIT_LIMIT + longest_wait(MAX_BACKOFF)
        } else {
            longest_wait(most_doublings.max(MAX_RETRIES - 1))
        };
        // An alarm that was set by a clock that was ahead comes when the clock of now has caught up.
        let behind = self.objects.iter().map(|hosted| hosted.most_skew_ms.abs_diff(hosted.skew_ms)).max();
        let retry = retry + behind.unwrap_or(0) * 1_000;
        let rerun = self.objects.iter().map(|hosted| hosted.alarm_reruns_at.saturating_sub(self.now)).max();
        let retry = retry.max(rerun.unwrap_or(0));
        if self.has_hung { retry + HANDLER_LIMIT } else { retry }
    }

    /// What a commit does to the stored alarm: the one that ran is deleted, a new one is stored.
    pub(super) fn store_alarm(&mut self, world: &mut W, object: ObjectId, commit: &Commit<W::Object>) {
        let hosted = &mut self.objects[object as usize];
        if !commit.consumes_alarm && commit.alarm_set.is_none() {
            return;
        }
        let mut decide = self.decisions.at(Place::new(&COMMIT, commit.key));
        if commit.consumes_alarm {
            let ran = hosted.alarm_running.take();
            hosted.alarm_failures = 0;
            hosted.alarm_backoff = 0;
            hosted.alarm_not_before = 0;
            // Read in workerd (`ActorSqlite::armAlarmHandler`): an alarm that was on its way to the disk when the handler
            // began is not deleted after it.
            if ran.is_none_or(|(_, token)| token == hosted.alarm_token) {
                hosted.alarm = None;
                hosted.alarm_token += 1;
            }
            let again = decide.sometimes(&COMMIT.alarm_again, self.faults.alarm_twice, 1, SECOND);
            if again > 0 {
                let key = hosted.alarm_key;
                self.queue.push(self.now + again, Happening::AlarmAgain { object, key });
                world.fault(self, object, Fault::ALARM_TWICE);
            }
        }
        let Some(at_ms) = commit.alarm_set else { return };
        let hosted = &mut self.objects[object as usize];
        hosted.alarm = Some(at_ms);
        hosted.alarm_key = commit.key.alarm();
        hosted.alarm_token += 1;
        hosted.alarm_lost = false;
        // Seen on workerd: an alarm set by its handler to the time of the one that runs is stored and never fires. A
        // time in the past counts as the present.
        let lost = commit.consumes_alarm && hosted.alarm_ran == Some(at_ms.max(commit.now_ms));
        if lost {
            self.say("platform", || "the alarm that was set is the one that runs: it is lost".into());
            return;
        }
        if decide.happens(&COMMIT.alarm_stuck, self.faults.alarm_stuck) {
            hosted.alarm_lost = true;
            world.fault(self, object, Fault::ALARM_STUCK);
            return;
        }
        let late = decide.sometimes(&COMMIT.alarm_late, self.faults.alarm_late, 1, MINUTE);
        let (key, token) = (hosted.alarm_key, hosted.alarm_token);
        let fires = self.micros_of(object, at_ms).max(self.objects[object as usize].alarm_not_before) + late;
        self.queue.push(fires, Happening::Alarm { object, key, token });
        if late > 0 {
            world.fault(self, object, Fault::ALARM_LATE);
        }
    }

    /// True time at which the object's clock shows `at_ms`, not before now.
    fn micros_of(&self, object: ObjectId, at_ms: u64) -> Micros {
        let skew = self.objects[object as usize].skew_ms;
        let true_ms = at_ms.saturating_add_signed(skew.saturating_neg());
        (true_ms.saturating_sub(self.start_ms).saturating_mul(1_000)).max(self.now)
    }

    /// An alarm fires: the stored one if `token` is its, else one that is replaced or was already run.
    pub(super) fn alarm_fires(&mut self, world: &mut W, object: ObjectId, key: Key, token: Option<u64>) {
        self.cause = key;
        let hosted = &mut self.objects[object as usize];
        let is_stored = token == Some(hosted.alarm_token) && hosted.alarm.is_some();
        if !is_stored && token.is_some() {
            let place = self.again(Place::new(&REPLACED, key));
            if !self.decisions.at(place).happens(&REPLACED.runs, self.faults.alarm_stale) {
                return;
            }
            world.fault(self, object, Fault::ALARM_STALE);
        }
        let hosted = &mut self.objects[object as usize];
        let runs_already =
            hosted.alarm_running.is_some() || hosted.instance.as_ref().is_some_and(|i| i.alarm.is_some());
        if self.now < hosted.alarm_hangs_until || runs_already {
            if let Some(token) = token.filter(|_| is_stored) {
                let again = hosted.alarm_hangs_until.max(self.now + SECOND / 100);
                self.queue.push(again, Happening::Alarm { object, key, token });
            }
            return;
        }
        let place = self.again(Place::new(&FIRING, key));
        let mut decide = self.decisions.at(place);
        if is_stored {
            let failures = self.objects[object as usize].alarm_failures;
            let may_throw = self.faults.alarm_abandoned || failures < MAX_RETRIES;
            let rate = if may_throw { self.faults.alarm_fails } else { Chance::NEVER };
            if decide.happens(&FIRING.fails, rate) || self.ensure_instance(world, object).is_none() {
                self.alarm_failed(world, object, &mut decide);
                return;
            }
        } else if self.ensure_instance(world, object).is_none() {
            return;
        }
        self.entered(object);
        let hangs = is_stored && decide.happens(&FIRING.hangs, self.faults.alarm_hangs);
        let now = self.now;
        let hosted = &mut self.objects[object as usize];
        hosted.alarm_running = is_stored.then_some((place, hosted.alarm_token));
        hosted.alarm_ran = hosted.alarm.filter(|_| is_stored);
        let Some(instance) = &mut hosted.instance else { return };
        instance.alarm = Some(if is_stored { AlarmRun::Stored(key) } else { AlarmRun::Extra(key) });
        let interleaved = !instance.inbox.is_empty() || !instance.pending.is_empty();
        let id = super::InstanceId { object, incarnation: instance.incarnation };
        if hangs {
            hosted.alarm_hangs_until = now + HANDLER_LIMIT;
            self.has_hung = true;
            self.queue.push(now + HANDLER_LIMIT, Happening::HangEnds { instance: id });
            world.fault(self, object, Fault::ALARM_HANGS);
        }
        if interleaved {
            world.fault(self, object, Fault::ALARM_INTERLEAVED);
        }
        self.ask_turn(id, now);
    }

    /// The stored alarm's handler failed before it did anything: it is retried, or abandoned.
    fn alarm_failed(&mut self, world: &mut W, object: ObjectId, decide: &mut Decision) {
        let always = if self.faults.alarm_abandoned { Chance::ALWAYS } else { Chance::NEVER };
        let hosted = &mut self.objects[object as usize];
        if hosted.alarm_failures >= MAX_RETRIES && decide.happens(&FIRING.abandoned, always) {
            hosted.alarm = None;
            hosted.alarm_token += 1;
            hosted.alarm_failures = 0;
            hosted.alarm_backoff = 0;
            hosted.alarm_lost = true;
            self.say("platform", || "the alarm is abandoned".into());
        } else {
            hosted.alarm_failures = (hosted.alarm_failures + 1).min(MAX_RETRIES);
            self.alarm_backs_off(object, decide);
        }
        world.fault(self, object, Fault::ALARM_FAILS);
    }

    /// The stored alarm is run again after 2 s and up to a quarter more, then 4 s, 8 s, …; no other before.
    fn alarm_backs_off(&mut self, object: ObjectId, decide: &mut Decision) {
        let jitter_ppm = decide.whole(&FIRING.jitter_ppm, 0, 249_999).unsigned_abs();
        let hosted = &mut self.objects[object as usize];
        let wait = wait(hosted.alarm_backoff);
        hosted.alarm_backoff = (hosted.alarm_backoff + 1).min(MAX_BACKOFF);
        hosted.alarm_not_before = self.now + wait + wait * jitter_ppm / u64::from(Chance::ALWAYS.0);
        let (at, key, token) = (hosted.alarm_not_before, hosted.alarm_key, hosted.alarm_token);
        self.queue.push(at, Happening::Alarm { object, key, token });
    }

    /// A handler that ran but whose end is not durable runs again: soon, or, if it was its commit that failed, after
    /// the wait of a retry that does not count.
    pub(super) fn alarm_after_reset(&mut self, world: &mut W, object: ObjectId, fault: Fault) {
        let hosted = &mut self.objects[object as usize];
        let Some((place, token)) = hosted.alarm_running.take().filter(|_| hosted.alarm.is_some()) else { return };
        // Another one was stored while it ran: that takes the place of the retry, and comes at its own time.
        if token != hosted.alarm_token {
            return;
        }
        let mut decide = self.decisions.at(place);
        let key = hosted.alarm_key;
        if matches!(fault, Fault::COMMIT_FAILS | Fault::COMMIT_SLOW) {
            self.has_retried = true;
            self.alarm_backs_off(object, &mut decide);
        } else {
            let rerun = decide.time(&FIRING.rerun, 0, 2 * SECOND - 1);
            let at = self.now + rerun;
            self.objects[object as usize].alarm_reruns_at = at;
            self.queue.push(at, Happening::Alarm { object, key, token });
        }
        world.fault(self, object, Fault::ALARM_TWICE);
    }
}
