//! A world in which one has to come to one thing after the other: what steering is for.

use super::*;
use crate::{
    Grid, Recorder, Sim, World,
    campaign::{Campaign, Finding, Listener, run},
    decide::{Decisions, Draws},
    engine::{InstanceId, NoObject},
    fields,
    plan::{Feature, Fields, List, Moment, Run, Schema},
    time::SECOND,
};
use std::{collections::BTreeMap, convert::Infallible};

/// A door is gone through by whoever has this number.
const RIGHT: i64 = 7;
const DOORS: usize = 9;

static WAY: Grid = Grid {
    name: "doors",
    rows: &["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    columns: &["times"],
    cannot: |_, _| None,
};

#[derive(Debug, Default)]
struct Guest {
    at: u64,
    number: i64,
}

fields!(Guest {
    /// When it comes.
    at: moment "at_ms" (0..=10 * SECOND),
    /// What it knows.
    number: whole "number" (0..=30),
});

static GUESTS: List = List { name: "guests", prefix: "guest", fields: Guest::FIELDS, says: "Who comes." };
static SCHEMA: Schema = Schema { has_objects: false, lists: &[&GUESTS], ..Schema::EMPTY };

#[derive(Clone, Default)]
struct Doors {
    leaves_features: bool,
}

struct House {
    guests: Vec<i64>,
    doors: usize,
}

impl World for House {
    type Object = NoObject;
    type Message = usize;

    fn receive(&mut self, sim: &mut Sim<Self>, guest: usize) {
        let number = self.guests[guest];
        sim.recorder.mix(number.cast_unsigned());
        self.doors = if number == RIGHT { self.doors + 1 } else { 0 };
        sim.count(&WAY, WAY.rows[self.doors.min(DOORS)], "times");
    }

    fn perform(&mut self, _: &mut Sim<Self>, _: InstanceId, effect: Infallible) {
        match effect {}
    }
}

impl Simulation for Doors {
    type World = House;
    const SCHEMA: &'static Schema = &SCHEMA;
    const GRIDS: &'static [&'static Grid] = &[&WAY];

    fn draw(&self, seed: u64) -> Document {
        let mut draw = Draws::new(seed).at("guests", 0);
        let guest = |number| (number, Guest { at: u64::from(number) * SECOND, number: draw.below(31).cast_signed() });
        let guests: BTreeMap<u32, Guest> = (0..9).map(guest).collect();
        let mut document = Document::drawn(seed);
        document.put_list(&GUESTS, guests.iter().map(|(number, guest)| (*number, guest)));
        document
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<House>, House) {
        let mut sim = Sim::of(document, decisions, recorder);
        let guests = document.list::<Guest>(&GUESTS);
        for (number, guest) in guests.values().enumerate() {
            sim.after(guest.at, number);
        }
        (sim, House { guests: guests.values().map(|guest| guest.number).collect(), doors: 0 })
    }

    fn leave_features(&mut self) {
        self.leaves_features = true;
    }

    fn features(&self, run: &Run<House>) -> Vec<Feature> {
        let doors = run.world.doors as u64;
        let is_left = self.leaves_features && doors > 0;
        is_left
            .then(|| Feature { kind: 0, number: doors, moment: Moment { at: run.sim.now(), ..Moment::default() } })
            .into_iter()
            .collect()
    }
}

/// The counts of the doors that a campaign came to.
fn doors(seeds: u64, steer: bool, jobs: usize) -> Vec<u64> {
    let campaign = Campaign { seeds, steer, jobs, ..Campaign::default() };
    let summary = run(&Doors::default(), &campaign, &()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((summary.seeds, summary.findings.len()), (seeds, 0));
    summary.coverage.counts().collect()
}

#[test]
fn what_leads_on_is_gone_after() {
    let farthest = |counts: Vec<u64>| counts.iter().rposition(|times| *times > 0);
    let (drawn, steered) = (farthest(doors(3_000, false, 2)), farthest(doors(3_000, true, 2)));
    assert!(steered >= Some(6) && drawn <= Some(3), "{steered:?} doors, and {drawn:?} without steering");
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    assert_eq!(doors(700, true, 1), doors(700, true, 3));
}

/// Its document is all of a run, however the runs before it led there.
#[test]
fn a_run_repeats_alone() {
    struct Last(std::sync::Mutex<Option<Finding>>);
    impl Listener for Last {
        fn found(&self, finding: &Finding) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(finding.clone());
        }
    }
    #[derive(Clone)]
    struct Closed;
    impl Simulation for Closed {
        type World = House;
        const SCHEMA: &'static Schema = &SCHEMA;
        const GRIDS: &'static [&'static Grid] = &[&WAY];
        fn draw(&self, seed: u64) -> Document {
            Doors::default().draw(seed)
        }
        fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<House>, House) {
            Doors::default().begin(document, decisions, recorder)
        }
        fn over(&self, sim: &mut Sim<House>, house: &mut House) {
            if house.doors >= 4 {
                sim.break_law("the fourth door is closed", format!("{} are open", house.doors));
            }
        }
    }
    let last = Last(std::sync::Mutex::default());
    let campaign = Campaign { seeds: 20_000, steer: true, fail_fast: true, ..Campaign::default() };
    let summary = run(&Closed, &campaign, &last).unwrap_or_else(|error| panic!("{error}"));
    let finding = summary.findings.first().unwrap_or_else(|| panic!("it is not found"));
    assert!(summary.seeds < 20_000 && last.0.into_inner().is_ok_and(|told| told.is_some()));
    let document = finding.document.as_ref().unwrap_or_else(|| panic!("a drawn run got there"));
    assert_eq!(Closed.run(document, Recorder::default()).breaks(), Some(&finding.breaks));
}
