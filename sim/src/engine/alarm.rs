//! The one alarm: at least once, late or twice, retried after a failure, abandoned after seven, hung for 15 minutes.

use super::{
    Chance, Fault, MINUTE, Micros, ObjectId, Place, SECOND, World,
    platform::{AlarmRun, Commit, Happening, Sim, purpose},
};

/// Failed runs after the first that are retried.
pub(super) const MAX_RETRIES: u32 = 6;
/// The wait before a retry doubles so often.
pub(super) const MAX_BACKOFF: u32 = 9;
/// A handler is killed after this.
pub(super) const HANDLER_LIMIT: Micros = 15 * MINUTE;

/// The wait before the retry that follows so many doublings, without its jitter.
const fn wait(doublings: u32) -> Micros {
    (2 * SECOND) << doublings
}

/// The same, with the most jitter: a quarter.
pub(super) const fn longest_wait(doublings: u32) -> Micros {
    wait(doublings) + wait(doublings) / 4
}

impl<W: World> Sim<W> {
    /// What a commit does to the stored alarm: the one that ran is deleted, a new one is stored.
    pub(super) fn store_alarm(&mut self, world: &mut W, object: ObjectId, commit: &Commit<W::Object>) {
        let hosted = &mut self.objects[object as usize];
        let mut draw = self.decisions.at(&self.draws, Place::new(purpose::ALARM_STORED, object, hosted.alarms, 0));
        hosted.alarms += 1;
        if commit.consumes_alarm {
            hosted.alarm_running = false;
            hosted.alarm_failures = 0;
            hosted.alarm_backoff = 0;
            hosted.alarm_not_before = 0;
            hosted.alarm = None;
            hosted.alarm_token += 1;
            if draw.chance("runs_twice", self.faults.alarm_twice) {
                self.queue.push(self.now + draw.below("again_us", SECOND), Happening::AlarmAgain { object });
                world.fault(self, object, Fault::ALARM_TWICE);
            }
        }
        let Some(at_ms) = commit.alarm_set else { return };
        let hosted = &mut self.objects[object as usize];
        hosted.alarm = Some(at_ms);
        hosted.alarm_token += 1;
        hosted.alarm_lost = false;
        // Seen on workerd: an alarm set by its handler to the time of the one that runs is stored and never fires. A
        // time in the past counts as the present.
        let lost = commit.consumes_alarm && hosted.alarm_ran == Some(at_ms.max(commit.now_ms));
        if lost {
            self.say("platform", || "the alarm that was set is the one that runs: it is lost".into());
            return;
        }
        if draw.chance("stuck", self.faults.alarm_stuck) {
            hosted.alarm_lost = true;
            world.fault(self, object, Fault::ALARM_STUCK);
            return;
        }
        let late = if draw.chance("late", self.faults.alarm_late) { draw.below("late_us", MINUTE) } else { 0 };
        let token = hosted.alarm_token;
        let fires = self.micros_of(object, at_ms).max(self.objects[object as usize].alarm_not_before) + late;
        self.queue.push(fires, Happening::Alarm { object, token });
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
    pub(super) fn alarm_fires(&mut self, world: &mut W, object: ObjectId, token: Option<u64>) {
        let hosted = &mut self.objects[object as usize];
        let is_stored = token == Some(hosted.alarm_token) && hosted.alarm.is_some();
        let mut draw = self
            .decisions
            .at(&self.draws, Place::new(purpose::ALARM_FIRED, object, hosted.alarms, hosted.alarm_failures));
        if !is_stored && token.is_some() {
            if !draw.chance("runs_though_replaced", self.faults.alarm_stale) {
                return;
            }
            world.fault(self, object, Fault::ALARM_STALE);
        }
        let hosted = &mut self.objects[object as usize];
        let runs_already = hosted.alarm_running || hosted.instance.as_ref().is_some_and(|i| i.alarm.is_some());
        if self.now < hosted.alarm_hangs_until || runs_already {
            if let Some(token) = token.filter(|_| is_stored) {
                let again = hosted.alarm_hangs_until.max(self.now + SECOND / 100);
                self.queue.push(again, Happening::Alarm { object, token });
            }
            return;
        }
        let may_throw = self.faults.alarm_abandoned || hosted.alarm_failures < MAX_RETRIES;
        let throws = is_stored && draw.chance("fails", self.faults.alarm_fails) && may_throw;
        if throws || self.ensure_instance(world, object).is_none() {
            if is_stored {
                self.alarm_failed(world, object, draw.below("jitter_ppm", 250_000));
            }
            return;
        }
        self.entered(object);
        let hangs = is_stored && draw.chance("hangs", self.faults.alarm_hangs);
        let now = self.now;
        let hosted = &mut self.objects[object as usize];
        hosted.alarm_running = is_stored;
        hosted.alarm_ran = hosted.alarm.filter(|_| is_stored);
        let Some(instance) = &mut hosted.instance else { return };
        instance.alarm = Some(if is_stored { AlarmRun::Stored } else { AlarmRun::Extra });
        let interleaved = !instance.inbox.is_empty() || !instance.pending.is_empty();
        let id = super::InstanceId { object, incarnation: instance.incarnation };
        if hangs {
            hosted.alarm_hangs_until = now + HANDLER_LIMIT;
            self.queue.push(now + HANDLER_LIMIT, Happening::HangEnds { instance: id });
            world.fault(self, object, Fault::ALARM_HANGS);
        }
        if interleaved {
            world.fault(self, object, Fault::ALARM_INTERLEAVED);
        }
        self.ask_turn(id, now);
    }

    /// The stored alarm's handler failed before it did anything: it is retried, or abandoned.
    fn alarm_failed(&mut self, world: &mut W, object: ObjectId, jitter_ppm: u64) {
        let may_abandon = self.faults.alarm_abandoned;
        let hosted = &mut self.objects[object as usize];
        if hosted.alarm_failures >= MAX_RETRIES && may_abandon {
            hosted.alarm = None;
            hosted.alarm_token += 1;
            hosted.alarm_failures = 0;
            hosted.alarm_backoff = 0;
            hosted.alarm_lost = true;
            self.say("platform", || "the alarm is abandoned".into());
        } else {
            hosted.alarm_failures = (hosted.alarm_failures + 1).min(MAX_RETRIES);
            self.alarm_backs_off(object, jitter_ppm);
        }
        world.fault(self, object, Fault::ALARM_FAILS);
    }

    /// The stored alarm is run again after 2 s and up to a quarter more, then 4 s, 8 s, …; no other before.
    fn alarm_backs_off(&mut self, object: ObjectId, jitter_ppm: u64) {
        let hosted = &mut self.objects[object as usize];
        let wait = wait(hosted.alarm_backoff);
        hosted.alarm_backoff = (hosted.alarm_backoff + 1).min(MAX_BACKOFF);
        hosted.alarm_not_before = self.now + wait + wait * jitter_ppm / u64::from(Chance::ALWAYS.0);
        let (at, token) = (hosted.alarm_not_before, hosted.alarm_token);
        self.queue.push(at, Happening::Alarm { object, token });
    }

    /// A handler that ran but whose end is not durable runs again: soon, or, if it was its commit that failed, after
    /// the wait of a retry that does not count.
    pub(super) fn alarm_after_reset(&mut self, world: &mut W, object: ObjectId, fault: Fault) {
        let hosted = &mut self.objects[object as usize];
        if !std::mem::take(&mut hosted.alarm_running) || hosted.alarm.is_none() {
            return;
        }
        let mut draw =
            self.decisions.at(&self.draws, Place::new(purpose::ALARM_FIRED, object, hosted.alarms, u32::MAX));
        let token = hosted.alarm_token;
        if matches!(fault, Fault::COMMIT_FAILS | Fault::COMMIT_SLOW) {
            self.alarm_backs_off(object, draw.below("jitter_ppm", 250_000));
        } else {
            self.queue.push(self.now + draw.below("again_us", 2 * SECOND), Happening::Alarm { object, token });
        }
        world.fault(self, object, Fault::ALARM_TWICE);
    }
}
