//! Recorded turns of a real host, taken again: does the object do what it did then?
//!
//! A host that records writes down, for each incarnation, what its object was constructed from, and for each turn what went
//! in and what came out ([`Record`]). How a record becomes a line of a log is the host's own. A [`Verifier`] constructs the
//! object anew, takes each turn again, and compares effects, alarm and, at each restart, what was stored.
//!
//! A record is written in the turn, before its commit is durable, so a restart may find that the last turns are not stored.
//! What it finds must be as after one of the turns, and no turn may be missing whose effects the world has seen: an event
//! that only such an effect can lead to proves that the turn was durable ([`Recorded::proves`]).

use crate::engine::{Object, Turn, panic_text};
use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// An object whose turns can be taken again.
pub trait Recorded: Object<Storage: Clone> {
    /// What ties an event to the effect that it follows from: the id of a call, say.
    type Proof: Ord;

    /// Whether this event is that of an alarm.
    fn is_alarm(event: &Self::Event) -> bool;

    /// What proves that this effect has left.
    fn leaves(_effect: &Self::Effect) -> Option<Self::Proof> {
        None
    }

    /// The effect that must have left before this event could be.
    fn proves(_event: &Self::Event) -> Option<Self::Proof> {
        None
    }

    /// What differs between what a restart has found and what should be stored, in lines; none: nothing does.
    fn differences(found: &Self::Storage, expected: &Self::Storage) -> Vec<String>;
}

/// What a host has recorded.
pub enum Record<O: Object> {
    /// The object was constructed.
    Incarnation {
        /// With these settings.
        settings: O::Settings,
        /// From this storage.
        storage: O::Storage,
    },
    /// It took a turn.
    Turn {
        /// The time of the turn, in ms since the Unix epoch.
        now_ms: u64,
        /// The stored alarm whose handler the turn is, in ms.
        fired: Option<u64>,
        /// What went in.
        events: Vec<O::Event>,
        /// The effects that left, as texts.
        effects: Vec<String>,
        /// The alarm that is stored after it, as far as this incarnation knows: the last that it set and that has not fired.
        alarm: Option<u64>,
    },
}

/// What was found of one object, up to its first difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Incarnations: how often the object was constructed.
    pub incarnations: u64,
    /// Turns that were taken again.
    pub turns: u64,
    /// Events that they took in.
    pub events: u64,
    /// Effects that left them.
    pub effects: u64,
    /// Restarts whose storage was compared with what the incarnation before had written.
    pub restarts: u64,
    /// Turns at the ends of incarnations that were recorded, but not stored.
    pub lost: u64,
    /// The first difference.
    pub difference: Option<Difference>,
}

/// Where the object did not do what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which of the incarnations, from 1.
    pub incarnation: u64,
    /// The turn in it, from 1; 0: the restart itself.
    pub turn: u64,
    /// What differs, line by line.
    pub what: Vec<String>,
}

/// A turn is recorded before the incarnation that took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoIncarnation;

impl fmt::Display for NoIncarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a turn is recorded before the incarnation that took it")
    }
}

impl std::error::Error for NoIncarnation {}

/// One object as its records tell of it.
pub struct Verifier<O: Recorded> {
    findings: Findings,
    incarnation: Option<Incarnation<O>>,
}

impl<O: Recorded> Default for Verifier<O> {
    fn default() -> Self {
        Self { findings: Findings::default(), incarnation: None }
    }
}

impl<O: Recorded> Verifier<O> {
    /// Takes the next record. After the first difference nothing more is looked at.
    ///
    /// # Errors
    /// [`NoIncarnation`].
    pub fn take(&mut self, record: Record<O>) -> Result<(), NoIncarnation> {
        if self.findings.difference.is_some() {
            return Ok(());
        }
        match record {
            Record::Incarnation { settings, storage } => {
                self.findings.incarnations += 1;
                if let Some(before) = self.incarnation.take() {
                    match before.left(&storage) {
                        Ok(lost) => {
                            self.findings.restarts += 1;
                            self.findings.lost += lost;
                        }
                        Err(what) => return self.differs(0, what),
                    }
                }
                self.incarnation = Some(Incarnation::begin(&settings, storage));
                Ok(())
            }
            Record::Turn { now_ms, fired, events, effects, alarm } => {
                let incarnation = self.incarnation.as_mut().ok_or(NoIncarnation)?;
                let taken = events.len() as u64;
                let done = incarnation.turn(now_ms, fired, events, &effects, alarm);
                let number = incarnation.turns;
                if let Err(what) = done {
                    return self.differs(number, what);
                }
                self.findings.turns += 1;
                self.findings.events += taken;
                self.findings.effects += effects.len() as u64;
                Ok(())
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what its callers return")]
    fn differs(&mut self, turn: u64, what: Vec<String>) -> Result<(), NoIncarnation> {
        self.findings.difference = Some(Difference { incarnation: self.findings.incarnations, turn, what });
        Ok(())
    }

    /// What was found so far.
    #[must_use]
    pub const fn findings(&self) -> &Findings {
        &self.findings
    }
}

/// An incarnation that is lived again.
struct Incarnation<O: Recorded> {
    /// Or why there is none.
    object: Result<O, String>,
    alarm: Option<u64>,
    /// What was stored when it began, with the turns that are durable for certain.
    stored: O::Storage,
    /// The writes of those that are not.
    pending: Vec<Vec<O::Write>>,
    turns: u64,
    /// The turns that let these effects out.
    left_in: BTreeMap<O::Proof, u64>,
    /// So many turns are durable for certain.
    durable: u64,
}

impl<O: Recorded> Incarnation<O> {
    fn begin(settings: &O::Settings, stored: O::Storage) -> Self {
        let object = caught(|| O::construct(settings, &stored)).and_then(|constructed| constructed);
        let (pending, left_in) = (Vec::new(), BTreeMap::new());
        Self { object, alarm: None, stored, pending, turns: 0, left_in, durable: 0 }
    }

    /// Takes a turn again; the error says what differs.
    fn turn(
        &mut self,
        now_ms: u64,
        fired: Option<u64>,
        mut events: Vec<O::Event>,
        effects: &[String],
        alarm: Option<u64>,
    ) -> Result<(), Vec<String>> {
        self.turns += 1;
        for proof in events.iter().filter_map(O::proves) {
            self.durable = self.durable.max(self.left_in.get(&proof).copied().unwrap_or_default());
        }
        let mut what = vec![format!("at {now_ms} ms")];
        what.extend(events.iter().map(|event| format!("< {event}")));
        let differs = |mut what: Vec<String>, expected: String, got: String| {
            what.extend([format!("expected: {expected}"), format!("got:      {got}")]);
            Err(what)
        };
        let object = match &mut self.object {
            Ok(object) => object,
            Err(error) => {
                let got = format!("none; it cannot be constructed: {error}");
                return differs(what, "a turn of the constructed object".into(), got);
            }
        };
        if events.iter().any(O::is_alarm) {
            self.alarm = None;
        }
        let mut turn = Turn { fired, ..Turn::default() };
        if let Err(panic) = caught(|| object.turn(now_ms, &mut events, &mut turn)) {
            return differs(what, "a turn".into(), format!("a panic: {panic}"));
        }
        for proof in turn.effects.iter().filter_map(O::leaves) {
            self.left_in.insert(proof, self.turns);
        }
        self.pending.push(turn.writes);
        self.alarm = turn.alarm.or(self.alarm);
        let got: Vec<String> = turn.effects.iter().map(ToString::to_string).collect();
        for at in 0..got.len().max(effects.len()) {
            let (expected, got) = (effects.get(at), got.get(at));
            if expected != got {
                let text = |effect: Option<&String>| effect.map_or("no further effect".into(), |it| format!("> {it}"));
                return differs(what, text(expected), text(got));
            }
            what.extend(got.map(|effect| format!("> {effect}")));
        }
        if self.alarm != alarm {
            let text = |at: Option<u64>| at.map_or("no alarm is known".into(), |at| format!("| alarm at {at} ms"));
            return differs(what, text(alarm), text(self.alarm));
        }
        Ok(())
    }

    /// Compares what the incarnation has written with what the next one found; says how many turns are not stored.
    fn left(mut self, found: &O::Storage) -> Result<u64, Vec<String>> {
        let first = self.turns - self.pending.len() as u64;
        let mut kept = O::differences(found, &self.stored).is_empty().then_some(first);
        for (turn, writes) in (first + 1..).zip(std::mem::take(&mut self.pending)) {
            for write in &writes {
                O::apply(&mut self.stored, write);
            }
            if O::differences(found, &self.stored).is_empty() {
                kept = Some(turn);
            }
        }
        match kept {
            Some(kept) if kept >= self.durable => Ok(self.turns - kept),
            Some(kept) => {
                let mut what = vec![format!(
                    "it is stored as after turn {kept} of the incarnation before, though what turn {} sent was answered",
                    self.durable
                )];
                // The difference to all that was written is what helps most.
                what.extend(O::differences(found, &self.stored));
                Err(what)
            }
            None => {
                let mut what = vec![format!("it is not stored as after any of the {} turns before", self.turns)];
                what.extend(O::differences(found, &self.stored));
                Err(what)
            }
        }
    }
}

fn caught<R>(done: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(done)).map_err(|panic| panic_text(&*panic))
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incarnations, turns, events, effects, restarts, lost, difference } = self;
        write!(f, "incarnations={incarnations} turns={turns} events={events} effects={effects} ")?;
        write!(f, "restarts={restarts} lost={lost}: ")?;
        match difference {
            None => f.write_str("identical"),
            Some(difference) => write!(f, "DIFFERENT {difference}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incarnation, turn, what } = self;
        match turn {
            0 => write!(f, "in the restart that begins incarnation {incarnation}:")?,
            turn => write!(f, "in turn {turn} of incarnation {incarnation}:")?,
        }
        for line in what {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
