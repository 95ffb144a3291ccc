//! The platform and the model side by side: each transition is taken by both, and everything that can be seen is
//! compared. What was reached is counted.

use super::inputs::expires;
use super::{
    compare,
    model::{Live, Model, State, Told},
    ops::{Fate, Reference, Step, Transition, begin},
    platform::Platform,
};
use proptest_state_machine::StateMachineTest;
use proxy_fetch::{CallbackResult, Effect, Reply, Stage, Timestamp};
use std::{collections::BTreeMap, fmt, panic};

/// How the machine differs from the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The law that says so by itself, if one does.
    pub law: Option<&'static str>,
    /// Predicted, and happened.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(law) = self.law {
            write!(f, "{law}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// The model that judges: unlike the one that steered, it takes over the delays and alarms that are stored.
pub struct Judge {
    model: Model,
    platform: Platform,
    trace: Vec<String>,
    /// What was reached, and how often.
    pub hits: BTreeMap<String, u64>,
}

impl StateMachineTest for Judge {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(model: &Model) -> Self {
        Self::new(model)
    }

    /// `model` only steered; the one in the judge takes the transition.
    fn apply(mut judge: Self, _: &Model, transition: Transition) -> Self {
        if let Err(difference) = judge.take(&transition) {
            // Like a panic, but without a line for each case that shrinking tries.
            panic::resume_unwind(Box::new(format!("{difference}\n\n{}\n", judge.trace.join("\n"))));
        }
        judge
    }
}

impl Judge {
    /// Both at the begin of a sequence.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let platform = Platform::new(&model.setup);
        Self { model: model.clone(), platform, trace: Vec::new(), hits: BTreeMap::new() }
    }

    fn hit(&mut self, what: impl Into<String>) {
        *self.hits.entry(what.into()).or_default() += 1;
    }

    fn note(&mut self, line: impl std::fmt::Display) {
        self.trace.push(format!("{} {line}", Timestamp(self.model.clock)));
    }

    fn restart(&mut self) {
        self.model.restart();
        self.platform.restart();
        self.note("restart");
    }

    /// Takes a transition.
    ///
    /// # Errors
    /// The first difference.
    pub fn take(&mut self, transition: &Transition) -> Result<(), Difference> {
        self.hit(match transition {
            Transition::Turn(..) => "turn",
            Transition::Pass(_) => "pass",
            Transition::PassTo { .. } => "pass to a deadline",
            Transition::Back(_) => "clock goes back",
            Transition::Alarm { .. } => "alarm",
            Transition::Restart if self.model.stopping => "orderly end",
            Transition::Restart => "restart",
        });
        match begin(&mut self.model, transition) {
            Step::Time => Ok(()),
            Step::Restart => {
                self.restart();
                compare::rows(&self.model, &self.platform.stored())
            }
            Step::Turn { told, fate, is_alarm } => self.turn(&told, fate, is_alarm),
        }
    }

    fn turn(&mut self, told: &[Told], fate: Fate, is_alarm: bool) -> Result<(), Difference> {
        self.note(format_args!("{fate:?}{}", if is_alarm { ", the alarm" } else { "" }));
        for one in told {
            self.trace.push(format!("  < {one:?}"));
        }
        self.count_before(told, is_alarm);
        let before = self.model.clone();
        let happened = self.platform.turn(self.model.clock, told, fate, is_alarm);
        self.trace.extend(happened.effects.iter().map(|effect| format!("  > {effect}")));
        if happened.is_dead {
            self.hit(format!("{fate:?}"));
        }
        if !happened.is_kept {
            if !happened.effects.is_empty() {
                // Of a commit that failed nothing may leave (S2), least of all these.
                let law = happened.effects.first().map(|effect| match effect {
                    Effect::Fetch { .. } => "S4",
                    Effect::Reply { .. } => "S5",
                    Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Report(_) => "S2",
                });
                return Err(Difference { law, what: format!("effects of a failed commit: {:?}", happened.effects) });
            }
            self.restart();
            return self.compare_stored();
        }

        let stored = self.platform.stored();
        let predicted = self.model.turn(told, &stored);
        let is_known = !(happened.is_dead && happened.effects.is_empty() && fate == Fate::CommitUnknown);
        if is_known {
            compare::effects(&predicted, &happened)?;
        }
        compare::rows(&self.model, &stored)?;
        compare::writes(&predicted, &happened, is_alarm)?;
        let known = if predicted.fired.is_some() { None } else { before.known_alarm };
        let wake = self.model.wake();
        compare::alarm(wake, self.model.clock, known, predicted.fired.flatten(), happened.commit)?;
        match happened.commit.and_then(|commit| commit.alarm) {
            Some(at) => {
                self.model.stored_alarm(at);
                self.trace.push(format!("  | alarm at {}", Timestamp(at)));
            }
            None if is_alarm && !happened.is_dead => self.model.alarm = None,
            None => {}
        }
        if !self.platform.is_shadow() {
            return Err(Difference { law: Some("S25"), what: "memory is not what is stored".into() });
        }
        self.count_after(&before, &predicted.effects);
        if predicted.jitter_decided {
            self.hit("the jitter decides");
        }
        if happened.leave {
            self.model.sent(&predicted.effects);
            self.platform.perform(&happened.effects)?;
        }
        if happened.is_dead {
            self.restart();
        }
        compare::running(&self.model, &self.platform)?;
        self.compare_stored()
    }

    fn compare_stored(&self) -> Result<(), Difference> {
        compare::rows(&self.model, &self.platform.stored())?;
        if self.model.alarm != self.platform.alarm() {
            let what = format!("alarm: {:?} is stored, not {:?}", self.platform.alarm(), self.model.alarm);
            return Err(Difference { law: None, what });
        }
        if !self.model.live.is_empty() && self.model.alarm.is_none() {
            return Err(Difference { law: Some("L1"), what: "live requests, and no alarm is stored".into() });
        }
        Ok(())
    }

    fn count_before(&mut self, told: &[Told], is_alarm: bool) {
        let model = &self.model;
        let mut hits = Vec::new();
        if told.len() > 1 {
            hits.push("several events in a turn".to_owned());
        }
        if is_alarm {
            hits.push(match model.alarm {
                Some(at) if at > model.clock => "alarm early".into(),
                Some(at) if at + 5_000 < model.clock => "alarm late".into(),
                Some(_) | None => "alarm in time".to_owned(),
            });
        }
        for one in told {
            hits.push(match one {
                Told::Start => "start".into(),
                Told::Tick => "tick".into(),
                Told::Stop => "stop".into(),
                Told::Enqueue { .. } => "enqueue".into(),
                Told::Invalid(wrong) => format!("invalid: {wrong:?}"),
                Told::Cancel { name } => {
                    let one = model.live.iter().find(|one| one.name == *name);
                    format!("cancel while {}", one.map_or("not live", |one| stage(one)))
                }
                Told::Status { .. } => "status".into(),
                Told::Fetched { attempt, .. } if model.running().contains(attempt) => {
                    let lease = model.live.iter().find(|one| one.id == attempt.id).map(|one| one.state);
                    match lease {
                        Some(State::InFlight { lease_until }) if lease_until <= model.now() => "late completion".into(),
                        Some(_) | None => "completion".to_owned(),
                    }
                }
                Told::Fetched { attempt, .. } => match model.live.iter().find(|one| one.id == attempt.id) {
                    Some(live) if live.attempts == attempt.number && attempt.epoch != model.epoch => {
                        "completion of another epoch".into()
                    }
                    Some(live) if matches!(live.state, State::Delivering { .. }) && live.attempts == attempt.number => {
                        "completion twice".into()
                    }
                    Some(_) | None => "stale completion".to_owned(),
                },
                Told::Delivered { attempt, .. } if !model.calls().iter().any(|(call, _)| call == attempt) => {
                    "stale callback".into()
                }
                Told::Delivered { result: CallbackResult::Answered, .. } => "callback answered".into(),
                Told::Delivered { result: CallbackResult::Failed, .. } => "callback failed".into(),
            });
        }
        for hit in hits {
            self.hit(hit);
        }
    }

    fn count_after(&mut self, before: &Model, effects: &[Effect]) {
        let mut hits = Vec::new();
        for effect in effects {
            hits.push(match effect {
                Effect::Fetch { attempt, .. } if attempt.number > 1 => "retry".to_owned(),
                Effect::Fetch { .. } => "first fetch".into(),
                Effect::Abort { .. } => "abort".into(),
                Effect::Deliver { outcome, .. } => format!("delivered: {}", outcome.name()),
                Effect::Reply { reply: Reply::Accepted { id }, .. } if *id > before.last_id => "accepted".into(),
                Effect::Reply { reply: Reply::Accepted { id }, .. } if before.live.iter().any(|one| one.id == *id) => {
                    "repeat while live".into()
                }
                Effect::Reply { reply: Reply::Accepted { .. }, .. } => "repeat in the window".into(),
                Effect::Reply { reply: Reply::Cancelled { .. }, .. } => "cancelled".into(),
                Effect::Reply { reply: Reply::Status(status), .. } => match status.stage {
                    Stage::Queued { .. } => "status: queued".into(),
                    Stage::InFlight => "status: in flight".into(),
                    Stage::Delivering { .. } => "status: delivering".into(),
                    Stage::Finished { .. } => "status: finished".into(),
                },
                Effect::Reply { reply: Reply::Refused(refusal), .. } if refusal.retry_after_ms.is_some() => {
                    "refused: too many ids are known".to_owned()
                }
                Effect::Reply { reply: Reply::Refused(refusal), .. } => format!("refused: {}", refusal.kind.name()),
                Effect::Report(_) => "report".into(),
            });
        }
        let after = &self.model;
        for one in &before.live {
            let ended = after.finished.iter().find(|ended| ended.id == one.id).map(|ended| ended.outcome);
            let now = after.live.iter().find(|live| live.id == one.id).map(|live| live.state);
            let outcome = match now {
                Some(State::Delivering { outcome, .. }) => Some(outcome),
                Some(State::Queued { .. } | State::InFlight { .. }) | None => ended,
            };
            if let Some(outcome) = outcome
                && !matches!(one.state, State::Delivering { .. })
            {
                hits.push(format!("{} from {}", outcome.name(), stage(one)));
            }
            if let (State::Queued { .. }, Some(State::Queued { .. })) = (one.state, now)
                && after.running().len() == 5
                && after.eligible().contains(&one.id)
            {
                hits.push("waits for a slot".into());
            }
            if let (State::InFlight { lease_until }, Some(State::Queued { .. })) = (one.state, now) {
                let is_late = lease_until <= after.mark && after.mark < expires(one.id);
                hits.push(if is_late { "requeued after its lease" } else { "requeued" }.into());
            }
            if let (false, State::Delivering { outcome, .. }) = (before.begun, one.state) {
                hits.push(match now {
                    Some(State::Delivering { outcome: now, .. }) if now == outcome => "delivered again".into(),
                    Some(State::Queued { .. } | State::InFlight { .. }) => "fetched again for its lost response".into(),
                    Some(State::Delivering { .. }) | None => "ended as its response was lost".to_owned(),
                });
            }
        }
        let forgotten = before.finished.iter().filter(|one| !after.finished.iter().any(|left| left.id == one.id));
        for one in forgotten {
            let is_due = one.at + 300_000 <= after.mark;
            hits.push(if is_due { "forgotten in time" } else { "forgotten early" }.into());
        }
        if after.unread.len() > before.unread.len() {
            hits.push("unreadable payload".into());
        }
        if after.live.is_empty() && !after.finished.is_empty() {
            hits.push("at rest".into());
        }
        for hit in hits {
            self.hit(hit);
        }
    }
}

fn stage(one: &Live) -> &'static str {
    match one.state {
        State::Queued { .. } if one.attempts == 0 => "queued",
        State::Queued { .. } => "waiting for a retry",
        State::InFlight { .. } => "in flight",
        State::Delivering { .. } => "delivering",
    }
}
