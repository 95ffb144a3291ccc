//! What is seen of a run from outside: the ground truth, the laws that are checked by it, and what was reached.
//!
//! The world's other parts show it what happens where they see it; it decides nothing, and leads to nothing but the
//! run's end.

use super::{
    coverage::UNCONFIRMED_SURVIVES,
    features::Features,
    object::ProxyObject,
    plan::Plan,
    world::{OBJECT, ProxyWorld},
};
use crate::history::ledger::{Ask, Change, Commit, Ledger, Observation};
use crate::laws::{Laws, Violation};
use durable_sim::{Coverage, Sim};
use proxy_fetch::Timestamp;

/// Comparing all of memory with all that is stored is due when an incarnation has begun, and after so many turns …
const LOOK_THOROUGHLY_EVERY: u64 = 256;
/// … but it costs as much as there is, so it waits until so many steps per request were done since the last time. That
/// bounds its share of a step, however long the run and however short the incarnations.
const STEPS_PER_REQUEST: u64 = 4;

/// What is seen of a run.
pub(super) struct Seen {
    /// The ground truth.
    pub ledger: Ledger,
    /// How often faults hit which states.
    pub coverage: Coverage,
    /// What a campaign that steers goes by, if it asks.
    pub features: Option<Features>,
    laws: Option<Laws>,
    /// What a commit changed; kept for its memory.
    changes: Vec<Change>,
    settled: u64,
    /// Whether a thorough look is due, and the step of the last.
    look_is_due: bool,
    looked_at: u64,
}

impl Seen {
    /// Nothing yet of a run of this plan.
    pub fn new(plan: &Plan, laws: Option<Laws>) -> Self {
        let mut ledger = Ledger::default();
        ledger.calm = plan.profile == super::Profile::Calm;
        (ledger.max_live, ledger.max_known) = (plan.config.max_live, plan.config.max_known);
        Self {
            ledger,
            coverage: Coverage::default(),
            features: None,
            laws,
            changes: Vec::new(),
            settled: 0,
            look_is_due: false,
            looked_at: 0,
        }
    }

    /// Shows the laws what was seen.
    pub fn observe(&mut self, sim: &mut Sim<ProxyWorld>, seen: &Observation<'_>) {
        let Some(laws) = &mut self.laws else { return };
        if let Err(violation) = laws.observe(&self.ledger, seen) {
            Self::violated(sim, violation);
        }
    }

    /// A law is broken: the run is over.
    pub fn violated(sim: &mut Sim<ProxyWorld>, violation: Violation) {
        sim.break_law(violation.law, violation.what);
    }

    /// A commit is durable; what a call of its turn asked is looked up by the call's number.
    pub fn committed(
        &mut self,
        sim: &mut Sim<ProxyWorld>,
        commit: &durable_sim::Commit<ProxyObject>,
        asked: impl Fn(u64) -> Ask,
    ) {
        let now = Timestamp(commit.now_ms);
        let mut changes = std::mem::take(&mut self.changes);
        self.entered(&commit.notes, &asked);
        self.note_events(sim.now(), now, &commit.notes, &asked);
        self.ledger.apply(now, &commit.writes, &mut changes);
        self.sometimes(now, &changes);
        if commit.is_unconfirmed {
            self.coverage.sometimes(&UNCONFIRMED_SURVIVES);
        }
        self.ledger.alarm_lost = sim.alarm_is_lost(OBJECT);
        if self.laws.is_some() || self.features.is_some() {
            let seen = Commit {
                now,
                notes: &commit.notes,
                writes: &commit.writes,
                alarm_set: commit.alarm_set.map(Timestamp),
                alarm: commit.alarm.map(Timestamp),
                changes: &changes,
            };
            self.note_changes(&seen, commit.is_unconfirmed);
            self.observe(sim, &Observation::Committed(&seen));
        }
        self.changes = changes;
    }

    /// An instance lives.
    pub fn started(&mut self, sim: &mut Sim<ProxyWorld>) {
        self.look_is_due = true;
        self.observe(sim, &Observation::Started);
    }

    /// What an incarnation of the object held in memory is gone.
    pub fn lost(&mut self, sim: &mut Sim<ProxyWorld>) {
        for entry in &mut self.ledger.entries {
            if entry.row().is_some() {
                entry.restarts += 1;
            }
        }
        self.observe(sim, &Observation::Lost);
    }

    /// A turn is over: a look, cheap each time; at everything when an incarnation has begun, now and then, and at the
    /// end.
    pub fn settled(&mut self, sim: &mut Sim<ProxyWorld>) {
        self.settled += 1;
        self.look_is_due |= self.settled.is_multiple_of(LOOK_THOROUGHLY_EVERY);
        let steps = sim.recorder.steps;
        let may = steps >= self.looked_at + STEPS_PER_REQUEST * self.ledger.entries.len() as u64;
        let thorough = self.look_is_due && may;
        if thorough {
            (self.look_is_due, self.looked_at) = (false, steps);
        }
        self.look(sim, thorough);
    }

    /// The run is over: the last look.
    pub fn ended(&mut self, sim: &mut Sim<ProxyWorld>) {
        self.look(sim, true);
        let (now, alarm) = (Timestamp(sim.true_ms()), sim.alarm(OBJECT).map(Timestamp));
        self.ledger.alarm_lost = sim.alarm_is_lost(OBJECT);
        let rows = std::mem::take(sim.storage_mut(OBJECT).rows_mut());
        self.observe(sim, &Observation::Ended { now, rows: &rows, alarm });
        *sim.storage_mut(OBJECT).rows_mut() = rows;
    }

    fn look(&mut self, sim: &mut Sim<ProxyWorld>, thorough: bool) {
        let (Some(object), Some(laws)) = (sim.machine(OBJECT), &mut self.laws) else { return };
        if thorough {
            object.machine.check();
        }
        let rows = thorough.then(|| sim.storage(OBJECT).read());
        let seen = Observation::Settled { machine: &object.machine, rows: rows.as_deref() };
        let verdict = laws.observe(&self.ledger, &seen);
        drop(rows);
        if let Err(violation) = verdict {
            Self::violated(sim, violation);
        }
    }
}
