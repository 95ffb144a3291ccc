//! The loop, and what a turn and a commit do: the implicit transaction and the output gate.
//!
//! A turn's writes and its alarm become durable together or not at all, in the order of the turns. Its effects wait
//! for that, and for all earlier commits (the gate). A reset loses memory, and a suffix of what was not confirmed.
//!
//! - *Why the turn runs before its commit's fate is decided:* it is so on the platform, where code cannot know whether
//!   its writes will last. A turn learns of it only if the storage refuses at once.
//! - *Why effects are released one by one:* a crash can come between any two of them, and often only that one order
//!   shows what is wrong.
//! - *Why commits overlap unless the world says otherwise:* a durable object goes on with its next turn while the last
//!   one is still being stored, and what it then reads from memory may never become durable.
//! - *Why what goes wrong is keyed by what a turn is about:* taking one call or one fault out of a run leaves the others
//!   where they were.

use super::{
    Chance, Commit, Fault, InstanceId, Micros, Object, ObjectId, SECOND, Sim, Turn, World,
    points::{COMMIT, CommitFails, Exception, TURN},
    state::{AlarmRun, Fate, Happening},
    trace::digest_of,
};
use crate::decide::{Key, Place};

/// A commit that takes longer resets the object.
pub(crate) const COMMIT_LIMIT: Micros = 30 * SECOND;

impl<W: World> Sim<W> {
    /// Runs until nothing is left to happen, [`Sim::stop`] is called, or `max_steps` are done. Says whether nothing is
    /// left.
    pub fn run(&mut self, world: &mut W, max_steps: u64) -> bool {
        while !self.stopped && self.recorder.steps < max_steps {
            let Some((at, happening)) = self.queue.pop() else { return true };
            if let Happening::Look { object, entry } = happening
                && !self.look(at, object, entry)
            {
                continue;
            }
            if at > self.promised_until {
                // It is the time that was promised, and not yet that of what comes next.
                self.now = self.promised_until;
                self.look_at_promises(Some(at));
                if self.stopped {
                    break;
                }
            }
            self.now = at;
            self.recorder.begin_step();
            self.recorder.mix(at);
            let quiet = self.recorder.wants_lines().then(|| happening.to_string());
            let lines = self.recorder.lines().len();
            self.happen(world, happening);
            if let Some(what) = quiet.filter(|_| self.recorder.lines().len() == lines) {
                self.recorder.line(at, "", what);
            }
            self.recorder.end_step();
        }
        false
    }

    fn happen(&mut self, world: &mut W, happening: Happening<W::Message>) {
        match happening {
            Happening::Message { message, cause } => {
                self.cause = cause;
                world.receive(self, message);
            }
            Happening::Turn { instance, at } => self.turn(world, instance, at),
            Happening::CommitDone { instance } => self.commits_done(world, instance),
            Happening::Alarm { object, key, token } => self.alarm_fires(world, object, key, Some(token)),
            Happening::AlarmAgain { object, key } => self.alarm_fires(world, object, key, None),
            Happening::HangEnds { instance } => {
                if self.is_alive(instance) && self.objects[instance.object as usize].alarm_hangs_until == self.now {
                    self.cause = self.objects[instance.object as usize].alarm_key;
                    self.reset(world, instance.object, Fault::ALARM_HANGS);
                }
            }
            Happening::Look { object, .. } => {
                self.cause = self.objects[object as usize].last_entry_key;
                self.reset(world, object, Fault::EVICTION);
            }
        }
    }

    fn turn(&mut self, world: &mut W, id: InstanceId, at: Micros) {
        let serial = self.sizes.serial_commits;
        let now_ms = self.clock_ms(id.object);
        let hosted = &mut self.objects[id.object as usize];
        let Some(instance) = hosted.instance.as_mut().filter(|i| i.incarnation == id.incarnation && i.turn_at == at)
        else {
            return;
        };
        instance.turn_at = Micros::MAX;
        if serial && !instance.pending.is_empty() {
            instance.turn_when_clear = true;
            return;
        }
        let alarm = instance.alarm.take();
        let key = match alarm {
            _ if !instance.inbox.is_empty() => instance.key,
            Some(AlarmRun::Stored(key) | AlarmRun::Extra(key)) => key,
            None => Key::WORLD,
        };
        let mut events = std::mem::take(&mut instance.inbox);
        if alarm.is_none() && events.is_empty() && !instance.is_new {
            return;
        }
        // A key of its own, however often there were turns about the same.
        let times = self.again(Place::new(&TURN, key.with_times(0))).again;
        let key = key.with_times(times);
        self.cause = key;
        let mut decide = self.decisions.at(Place::new(&TURN, key));
        let exception = decide.sometimes_one(
            &TURN.exception,
            self.faults.exception,
            &[Exception::AfterCommit, Exception::BeforeCommit],
        );
        if exception == Exception::BeforeCommit {
            self.reset(world, id.object, Fault::EXCEPTION);
            return;
        }
        if decide.happens(&TURN.ghost_restart, self.faults.ghost_restart) {
            self.ghost(world, id, alarm);
            return;
        }
        let named = self.named(id.object);
        let hosted = &mut self.objects[id.object as usize];
        let Some(instance) = &mut hosted.instance else { return };
        if alarm.is_some() {
            // Before or after what else waits: both happen.
            let is_first = events.is_empty() || decide.happens(&TURN.alarm_first, Chance::percent(50));
            let place = if is_first { 0 } else { events.len() };
            events.insert(place, W::Object::ALARM);
        }
        if std::mem::take(&mut instance.is_new) {
            events.insert(0, W::Object::START);
        }
        for event in &events {
            self.recorder.object_line(self.now, named, || format!("   < {event}"));
        }
        let mut commit = self.spare.pop().unwrap_or_default();
        commit.notes.extend(events.iter().map(W::Object::note));
        self.recorder.mix(digest_of(&events));
        // What cannot matter any more is not asked for: so a script that says it is told that it had no effect.
        let commit_fails = if self.is_full {
            decide.without_effect(TURN.exception.field(), "the storage is full");
            decide.pick(&TURN.commit_fails, &[CommitFails::Late, CommitFails::AtOnce])
        } else if exception == Exception::AfterCommit {
            CommitFails::Never
        } else {
            let how = [CommitFails::Late, CommitFails::AtOnce];
            decide.sometimes_one(&TURN.commit_fails, self.faults.commit_fails, &how)
        };
        let consumes_alarm = matches!(alarm, Some(AlarmRun::Stored(_)));
        let mut turn = Turn {
            fired: hosted.alarm_ran.filter(|_| consumes_alarm),
            writes: std::mem::take(&mut commit.writes),
            effects: std::mem::take(&mut commit.effects),
            alarm: None,
            commit_fails: commit_fails == CommitFails::AtOnce,
            failed: false,
        };
        instance.machine.turn(now_ms, &mut events, &mut turn);
        events.clear();
        instance.inbox = events;
        self.recorder.mix(digest_of(&(&turn.effects, turn.alarm)));
        if turn.failed {
            self.has_retried = true;
            for effect in turn.effects {
                self.release(world, id, effect);
            }
            self.reset(world, id.object, Fault::COMMIT_FAILS);
            return;
        }
        let is_empty = turn.writes.is_empty() && turn.alarm.is_none() && !consumes_alarm;
        if is_empty {
            decide.without_effect(TURN.commit_fails.field(), "the turn has nothing to commit");
        }
        if is_empty && instance.pending.is_empty() && exception == Exception::AfterCommit {
            self.reset(world, id.object, Fault::EXCEPTION);
            return;
        }
        if is_empty && instance.pending.is_empty() {
            for effect in turn.effects.drain(..) {
                self.release(world, id, effect);
            }
            (commit.writes, commit.effects) = (turn.writes, turn.effects);
            self.recycle(commit);
            self.settled(world, id);
            return;
        }
        let may_crash = !is_empty && exception != Exception::AfterCommit;
        if may_crash && decide.happens(&TURN.crash, self.faults.crash_before_commit) {
            self.reset(world, id.object, Fault::CRASH_BEFORE_COMMIT);
            return;
        }
        let mut fate = if exception == Exception::AfterCommit { Fate::ThenException } else { Fate::Durable };
        if commit_fails != CommitFails::Never && !is_empty {
            fate = Fate::Fails(Fault::COMMIT_FAILS);
        }
        let mut takes = 0;
        let mut is_slow = false;
        if !is_empty {
            let slow = decide.sometimes(&TURN.slow_commit, self.faults.commit_slow, 1, COMMIT_LIMIT - 1);
            let one_in_ten = if slow > 0 { Chance::percent(10) } else { Chance::NEVER };
            let times_out = fate == Fate::Durable && decide.happens(&TURN.commit_times_out, one_in_ten);
            is_slow = slow > 0 || times_out;
            takes = if times_out {
                decide.without_effect(TURN.slow_commit.field(), "the commit times out");
                fate = Fate::Fails(Fault::COMMIT_SLOW);
                COMMIT_LIMIT
            } else if slow > 0 {
                slow
            } else {
                let (least, most) = (self.sizes.commit_us, self.sizes.commit_us + self.sizes.commit_spread_us);
                decide.time(&TURN.commit, least, most)
            };
        }
        let last = instance.pending.back().map_or(0, |commit| commit.done_at);
        let done_at = last.max(self.now + takes);
        instance.pending.push_back(Commit {
            now_ms,
            notes: commit.notes,
            writes: turn.writes,
            alarm_set: turn.alarm,
            alarm: None,
            is_unconfirmed: false,
            key,
            effects: turn.effects,
            done_at,
            consumes_alarm,
            fate,
        });
        self.has_retried |= is_slow || matches!(fate, Fate::Fails(_));
        self.queue.push(done_at, Happening::CommitDone { instance: id });
        if is_slow {
            world.fault(self, id.object, Fault::COMMIT_SLOW);
        }
    }

    /// Makes durable what is due, and releases its effects.
    fn commits_done(&mut self, world: &mut W, id: InstanceId) {
        loop {
            let Some(instance) =
                self.objects[id.object as usize].instance.as_mut().filter(|i| i.incarnation == id.incarnation)
            else {
                return;
            };
            if instance.pending.front().is_none_or(|commit| commit.done_at > self.now) {
                break;
            }
            let Some(mut commit) = instance.pending.pop_front() else { break };
            self.cause = commit.key;
            if let Fate::Fails(fault) = commit.fate {
                // Nothing after it becomes durable either.
                instance.pending.clear();
                self.reset(world, id.object, fault);
                return;
            }
            self.make_durable(world, id.object, &mut commit);
            let crash_after = match commit.fate {
                Fate::ThenException => None,
                Fate::Durable | Fate::Fails(_) => self.crash_point(commit.key, commit.effects.len()),
            };
            for (done, effect) in commit.effects.drain(..).enumerate() {
                if commit.fate == Fate::ThenException {
                    break;
                }
                if crash_after == Some(done) || !self.is_alive(id) {
                    break;
                }
                self.cause = commit.key;
                self.release(world, id, effect);
            }
            if commit.fate == Fate::ThenException {
                self.reset(world, id.object, Fault::EXCEPTION);
                return;
            }
            if crash_after.is_some() {
                self.reset(world, id.object, Fault::CRASH);
                return;
            }
            self.recycle(commit);
        }
        let clear =
            self.objects[id.object as usize].instance.as_mut().is_some_and(|instance| instance.pending.is_empty());
        if clear {
            self.settled(world, id);
            let now = self.now;
            let waits = self.objects[id.object as usize]
                .instance
                .as_mut()
                .is_some_and(|instance| std::mem::take(&mut instance.turn_when_clear));
            if waits {
                self.ask_turn(id, now);
            }
        }
    }

    fn recycle(&mut self, mut commit: Commit<W::Object>) {
        commit.notes.clear();
        commit.writes.clear();
        commit.effects.clear();
        self.spare.push(commit);
    }

    /// After how many effects of a commit the instance crashes, if it does.
    fn crash_point(&self, key: Key, effects: usize) -> Option<usize> {
        let mut decide = self.decisions.at(Place::new(&COMMIT, key));
        let rate = self.faults.crash_after_commit;
        let after = decide.sometimes_up_to(&COMMIT.crash_after_effects, rate, effects as u64)?;
        Some(usize::try_from(after).unwrap_or(effects))
    }

    fn make_durable(&mut self, world: &mut W, object: ObjectId, commit: &mut Commit<W::Object>) {
        let hosted = &mut self.objects[object as usize];
        for write in &commit.writes {
            W::Object::apply(&mut hosted.storage, write);
        }
        self.recorder.mix(digest_of(&commit.writes));
        if self.recorder.wants_lines() && !(commit.writes.is_empty() && commit.alarm_set.is_none()) {
            let start = self.start_ms.saturating_add_signed(self.objects[object as usize].skew_ms);
            let mut text = format!("commit of {} writes", commit.writes.len());
            if let Some(at) = commit.alarm_set {
                let ms = at.saturating_sub(start);
                text.push_str(&format!(", alarm at {}.{:03}s", ms / 1_000, ms % 1_000));
            }
            self.object_says(object, || text);
            for write in &commit.writes {
                self.object_says(object, || format!("   | {write}"));
            }
        }
        self.store_alarm(world, object, commit);
        commit.alarm = self.objects[object as usize].alarm;
        world.committed(self, object, commit);
    }

    fn release(&mut self, world: &mut W, id: InstanceId, effect: <W::Object as Object>::Effect) {
        self.object_says(id.object, || format!("   > {effect}"));
        world.perform(self, id, effect);
    }

    fn settled(&mut self, world: &mut W, id: InstanceId) {
        if self.is_alive(id) {
            world.settled(self, id.object);
        }
    }

    /// Ends the object's instance, by a fault. Of the commits that were not confirmed the first few may have become
    /// durable, without their effects. Nothing happens if there is no instance.
    pub fn reset(&mut self, world: &mut W, object: ObjectId, fault: Fault) {
        let Some(instance) = &mut self.objects[object as usize].instance else { return };
        let id = InstanceId { object, incarnation: instance.incarnation };
        let pending = std::mem::take(&mut instance.pending);
        self.object_says(object, || format!("LOST: {}", fault.says));
        world.fault(self, object, fault);
        for mut commit in pending {
            let survives =
                self.decisions.at(Place::new(&COMMIT, commit.key)).happens(&COMMIT.survives, Chance::percent(50));
            if !survives || matches!(commit.fate, Fate::Fails(_)) {
                break;
            }
            commit.is_unconfirmed = true;
            self.make_durable(world, object, &mut commit);
        }
        let hosted = &mut self.objects[object as usize];
        hosted.instance = None;
        hosted.alarm_hangs_until = 0;
        self.recorder.mix(digest_of(fault.name));
        world.lost(self, id);
        self.alarm_after_reset(world, object, fault);
    }

    /// The machine panics, and is restored in its place. What it committed becomes durable, without the effects
    /// that had not left; the turn is lost.
    fn ghost(&mut self, world: &mut W, id: InstanceId, alarm: Option<AlarmRun>) {
        let object = id.object;
        let hosted = &mut self.objects[object as usize];
        let Some(instance) = &mut hosted.instance else { return };
        let pending = std::mem::take(&mut instance.pending);
        if pending.iter().any(|commit| matches!(commit.fate, Fate::Fails(_))) {
            // The storage will not have it: that resets the object in any case.
            instance.pending = pending;
            self.reset(world, object, Fault::COMMIT_FAILS);
            return;
        }
        self.object_says(object, || format!("LOST: {}", Fault::GHOST_RESTART.says));
        world.fault(self, object, Fault::GHOST_RESTART);
        for mut commit in pending {
            commit.is_unconfirmed = true;
            self.make_durable(world, object, &mut commit);
        }
        let hosted = &mut self.objects[object as usize];
        let restored = W::Object::construct(&hosted.settings, &hosted.storage);
        let (Ok(machine), Some(instance)) = (restored, &mut hosted.instance) else {
            self.reset(world, object, Fault::ISOLATE_KILLED);
            return;
        };
        instance.machine = machine;
        instance.inbox.clear();
        instance.is_new = true;
        instance.turn_when_clear = false;
        self.recorder.mix(digest_of(Fault::GHOST_RESTART.name));
        world.ghost(self, id);
        // The handler of an alarm has failed, and is tried again.
        if let Some(AlarmRun::Stored(key)) = alarm {
            let hosted = &mut self.objects[object as usize];
            hosted.alarm_running = None;
            let (at, token) = (self.now + 2 * SECOND, hosted.alarm_token);
            self.queue.push(at, Happening::Alarm { object, key, token });
        }
    }
}
