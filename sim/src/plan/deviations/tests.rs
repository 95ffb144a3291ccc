//! All runs of a small world without an object: a walk of a few steps, each of which asks for what the last ones lead to.

use super::*;
use crate::{
    Decisions, Faults, InstanceId, Key, NoObject, Point, Recorder, SECOND, START_MS, Sim, Sizes, Subject, World,
    plan::{Document, Schema, Simulation},
    points,
};
use std::{collections::BTreeSet, convert::Infallible};

static STEP: Subject = Subject::new("step {}");

points! {
    /// A step.
    TURN: Turn = "turn at" {
        /// To the left.
        left: Flag,
        /// So far. Asked for after a turn to the left.
        far: Whole(0..=9, tries [4]),
    }
}

static POINTS: [&Point; 1] = [&TURN.point];
static SCHEMA: Schema = Schema { has_objects: false, points: &POINTS, subjects: &[&STEP], ..Schema::EMPTY };

#[derive(Default)]
struct Walk(Vec<(u32, i64)>);

impl World for Walk {
    type Object = NoObject;
    type Message = u32;

    fn receive(&mut self, sim: &mut Sim<Self>, step: u32) {
        let mut decide = sim.decide(&TURN, STEP.key(step));
        if decide.happens(&TURN.left, crate::Chance::NEVER) {
            // 7 at the most, whatever a script says.
            let far = decide.up_to(&TURN.far, 7).cast_signed();
            self.0.push((step, far));
        }
        if self.0 == [(1, 4), (3, 0)] {
            sim.break_law("not there", format!("{:?}", self.0));
        }
    }

    fn perform(&mut self, _: &mut Sim<Self>, _: InstanceId, effect: Infallible) {
        match effect {}
    }
}

struct Walks(u32);

impl Simulation for Walks {
    type World = Walk;
    const SCHEMA: &'static Schema = &SCHEMA;

    fn draw(&self, seed: u64) -> Document {
        Document::drawn(seed)
    }

    fn begin(&self, _: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Walk>, Walk) {
        let mut sim = Sim::new(decisions, START_MS, Faults::default(), Sizes::default(), recorder);
        (0..self.0).for_each(|step| sim.plan(u64::from(step) * SECOND, Key::WORLD, step));
        (sim, Walk::default())
    }
}

/// The walks of so many steps with no more than so many deviations: a turn is one, and to go far is another.
fn walks(steps: u32, deviations: usize) -> BTreeSet<Vec<(u32, i64)>> {
    let mut all = BTreeSet::from([Vec::new()]);
    for step in 0..steps {
        let before: Vec<_> = all.iter().cloned().collect();
        for walk in before {
            all.extend([0, 4, 7].map(|far| walk.iter().copied().chain([(step, far)]).collect()));
        }
    }
    all.retain(|walk: &Vec<(u32, i64)>| {
        walk.iter().map(|(_, far)| 1 + usize::from(*far > 0)).sum::<usize>() <= deviations
    });
    all
}

#[test]
fn each_run_is_made_and_none_is_counted_twice() {
    for (steps, most) in [(1, 0), (1, 1), (3, 1), (3, 2), (4, 3), (3, 6), (2, 9)] {
        let budget = Budget { deviations: most, runs: u64::MAX, but_for: &[] };
        let mut had = BTreeSet::new();
        let searched =
            deviations(&Walks(steps), &Document::default(), budget, |document, _| had.insert(document.script.clone()));
        assert!(searched.is_complete);
        let expected = walks(steps, most);
        // What would come after the broken law is not run.
        let is_after = |walk: &Vec<(u32, i64)>| walk.starts_with(&[(1, 4), (3, 0)]) && walk.len() > 2;
        let expected = expected.iter().filter(|walk| !is_after(walk)).count() as u64;
        assert_eq!(searched.distinct, expected, "{steps} steps, {most} deviations: {searched:?}");
    }
}

#[test]
fn what_breaks_a_law_is_found_with_the_fewest_deviations() {
    let search = |most| {
        let mut found = Vec::new();
        let budget = Budget { deviations: most, runs: u64::MAX, but_for: &[] };
        deviations(&Walks(5), &Document::default(), budget, |document, breaks| {
            found.push((document.script.len(), breaks.law));
            true
        });
        found
    };
    assert_eq!(search(2), []);
    assert_eq!(search(3), [(3, "not there")]);
}

#[test]
fn a_search_that_is_cut_off_is_not_complete() {
    let budget = Budget { deviations: 3, runs: 20, but_for: &[] };
    let searched = deviations(&Walks(5), &Document::default(), budget, |_, _| true);
    assert_eq!((searched.runs, searched.is_complete), (20, false));
    let stopped = deviations(&Walks(5), &Document::default(), Budget { runs: u64::MAX, ..budget }, |_, _| false);
    assert!(!stopped.is_complete);
}

#[test]
fn a_documents_own_decisions_stay() {
    let place = Place::new(&TURN.point, STEP.key(1));
    let script: Script =
        [(place, "left", crate::Value::Flag(true)), (place, "far", crate::Value::Number(4))].into_iter().collect();
    let document = Document { seed: Some(1), script, ..Document::default() };
    let mut found = Vec::new();
    deviations(&Walks(4), &document, Budget { deviations: 1, runs: u64::MAX, but_for: &[] }, |document, _| {
        found.push(document.script.len());
        true
    });
    assert_eq!(found, [3]);
}
