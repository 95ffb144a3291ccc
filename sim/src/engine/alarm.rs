//! The one alarm: at least once, late or twice, retried after a failure, abandoned after seven, hung for 15 minutes.

use super::{
    Chance, Fault, MINUTE, Micros, ObjectId, SECOND, World,
    platform::{AlarmRun, Commit, Happening, Sim, purpose},
};

/// Failed runs after the first that are retried.
const MAX_RETRIES: u32 = 6;
/// A handler is killed after this.
const HANDLER_LIMIT: Micros = 15 * MINUTE;

impl<W: World> Sim<W> {
    /// What a commit does to the stored alarm: the one that ran is deleted, a new one is stored.
    pub(super) fn store_alarm(&mut self, world: &mut W, object: ObjectId, commit: &Commit<W::Object>) {
        let hosted = &mut self.objects[object as usize];
        let mut draw = self.draws.at(purpose::ALARM_STORED, object, hosted.alarms, 0);
        hosted.alarms += 1;
        if commit.consumes_alarm {
            hosted.alarm_running = false;
            hosted.alarm_failures = 0;
            hosted.alarm_not_before = 0;
            hosted.alarm = None;
            hosted.alarm_token += 1;
            if draw.chance(self.faults.alarm_twice) {
                self.queue.push(self.now + draw.below(SECOND), Happening::AlarmAgain { object });
                world.fault(self, object, Fault::ALARM_TWICE);
            }
        }
        let Some(at_ms) = commit.alarm_set else { return };
        let hosted = &mut self.objects[object as usize];
        hosted.alarm = Some(at_ms);
        hosted.alarm_token += 1;
        hosted.alarm_lost = false;
        // Seen on workerd: an alarm set by its handler to the present millisecond is stored and never fires.
        let lost = commit.consumes_alarm && at_ms <= commit.now_ms;
        let stuck = draw.chance(self.faults.alarm_stuck);
        if lost || stuck {
            hosted.alarm_lost = true;
            world.fault(self, object, Fault::ALARM_STUCK);
            return;
        }
        let late = if draw.chance(self.faults.alarm_late) { draw.below(MINUTE) } else { 0 };
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
        let mut draw = self.draws.at(purpose::ALARM_FIRED, object, hosted.alarms, hosted.alarm_failures);
        if !is_stored && token.is_some() {
            if !draw.chance(self.faults.alarm_stale) {
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
        let throws = is_stored && draw.chance(self.faults.alarm_fails);
        if throws || self.ensure_instance(world, object).is_none() {
            if is_stored {
                self.alarm_failed(world, object, draw.below(250_000));
            }
            return;
        }
        self.entered(object);
        let hangs = is_stored && draw.chance(self.faults.alarm_hangs);
        let now = self.now;
        let hosted = &mut self.objects[object as usize];
        hosted.alarm_running = is_stored;
        let Some(instance) = &mut hosted.instance else { return };
        instance.alarm = Some(if is_stored { AlarmRun::Stored } else { AlarmRun::Extra });
        let interleaved = !instance.inbox.is_empty() || !instance.pending.is_empty();
        let id = super::InstanceId { object, life: instance.life };
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
            hosted.alarm_lost = true;
            self.say("platform", || "the alarm is abandoned".into());
        } else {
            let wait = (2 * SECOND) << hosted.alarm_failures;
            hosted.alarm_failures = (hosted.alarm_failures + 1).min(MAX_RETRIES);
            hosted.alarm_not_before = self.now + wait + wait * jitter_ppm / u64::from(Chance::ALWAYS.0);
            let (at, token) = (hosted.alarm_not_before, hosted.alarm_token);
            self.queue.push(at, Happening::Alarm { object, token });
        }
        world.fault(self, object, Fault::ALARM_FAILS);
    }

    /// A handler that ran but whose end is not durable runs again.
    pub(super) fn alarm_after_reset(&mut self, world: &mut W, object: ObjectId) {
        let hosted = &mut self.objects[object as usize];
        if !std::mem::take(&mut hosted.alarm_running) || hosted.alarm.is_none() {
            return;
        }
        let mut draw = self.draws.at(purpose::ALARM_FIRED, object, hosted.alarms, u32::MAX);
        let token = hosted.alarm_token;
        self.queue.push(self.now + draw.below(2 * SECOND), Happening::Alarm { object, token });
        world.fault(self, object, Fault::ALARM_TWICE);
    }
}
