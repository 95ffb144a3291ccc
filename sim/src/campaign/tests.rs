//! Campaigns of a world of messages.

use super::*;
use crate::{
    decide::Decisions,
    engine::{InstanceId, Law, Mark, NoObject, Sim, World},
    plan::{Document, Schema},
    time::MINUTE,
};
use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

crate::marks! {
    MARKS = [EVEN = "an even seed", RARE = "a seed that can be divided by 90"];
}

static PROMISE: Law = Law::new("a promise", "It is kept.");
/// The message that keeps it.
const KEEPS: u64 = 99;

static SCHEMA: Schema = Schema { has_objects: false, ..Schema::EMPTY };

/// Seeds that can be divided by `fails` break a law; if `counts`, what happens depends on how many runs there were.
#[derive(Clone, Default)]
struct Numbers {
    fails: u64,
    counts: Option<Arc<AtomicU64>>,
    /// What is promised within how long, and kept when.
    promise: Option<(Micros, Micros)>,
    pause: Duration,
}

struct Seed(u64);

impl World for Seed {
    type Object = NoObject;
    type Message = u64;

    fn receive(&mut self, sim: &mut Sim<Self>, number: u64) {
        sim.recorder.mix(number);
        sim.say("world", || format!("number {number}"));
        if number == KEEPS {
            sim.kept(&PROMISE, 4);
        }
        sim.sometimes(&EVEN, self.0.is_multiple_of(2));
        sim.sometimes(&RARE, self.0.is_multiple_of(90));
    }

    fn perform(&mut self, _: &mut Sim<Self>, _: InstanceId, effect: Infallible) {
        match effect {}
    }
}

impl Simulation for Numbers {
    type World = Seed;
    const SCHEMA: &'static Schema = &SCHEMA;
    const MARKS: &'static [&'static Mark] = &MARKS;

    fn draw(&self, seed: u64) -> Document {
        Document::drawn(seed)
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Seed>, Seed) {
        #[expect(clippy::disallowed_methods, reason = "a run that takes too long does so by the wall's clock")]
        thread::sleep(self.pause);
        let mut sim = Sim::of(document, decisions, recorder);
        sim.after(1, self.counts.as_ref().map_or(7, |runs| runs.fetch_add(1, Ordering::Relaxed)));
        if let Some((within, kept)) = self.promise {
            sim.eventually(&PROMISE, 3, MINUTE);
            sim.kept(&PROMISE, 3);
            sim.eventually(&PROMISE, 4, within);
            sim.after(kept, KEEPS);
        }
        (sim, Seed(document.seed.unwrap_or_default()))
    }

    fn end(&self, sim: &mut Sim<Seed>, world: &mut Seed, _: bool) {
        if self.fails > 0 && world.0.is_multiple_of(self.fails) {
            sim.break_law("numbers", "it can be divided");
        }
    }
}

fn found(world: &Numbers, campaign: &Campaign) -> Summary {
    run(world, campaign, &()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let world = Numbers { fails: 30, ..Numbers::default() };
    for (seeds, nothing_new) in [(200, None), (10_000, Some(80)), (10_000, Some(95))] {
        let of = |jobs| found(&world, &Campaign { start: 1, seeds, jobs, nothing_new, ..Campaign::default() });
        let (one, three) = (of(1), of(3));
        assert_eq!((one.seeds, one.steps, one.simulated), (three.seeds, three.steps, three.simulated));
        assert_eq!((&one.findings, one.nothing_new), (&three.findings, nothing_new.is_some()));
        assert_eq!(
            one.coverage.marks().map(|(_, times)| times).collect::<Vec<_>>(),
            three.coverage.marks().map(|(_, times)| times).collect::<Vec<_>>()
        );
        // Up to 82 or up to the seed 90 and 95 more.
        assert_eq!(one.seeds, nothing_new.map_or(200, |most| if most == 80 { 82 } else { 90 + 95 }));
        let missing = if nothing_new == Some(80) { vec![RARE.says] } else { vec![] };
        assert_eq!(one.coverage.missing(), missing);
    }
}

#[test]
fn all_findings_are_told_and_kept_unless_the_first_is_enough() {
    struct Told(Mutex<BTreeSet<u64>>);
    impl Listener for Told {
        fn found(&self, finding: &Finding) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(finding.seed);
        }
    }
    let world = Numbers { fails: 40, ..Numbers::default() };
    let told = Told(Mutex::default());
    let campaign = Campaign { start: 10, seeds: 111, ..Campaign::default() };
    let summary = run(&world, &campaign, &told).unwrap_or_else(|error| panic!("{error}"));
    let seeds: Vec<u64> = summary.findings.iter().map(|finding| finding.seed).collect();
    assert_eq!((seeds.as_slice(), summary.proves()), (&[40, 80, 120][..], None));
    assert!(told.0.into_inner().is_ok_and(|told| told.into_iter().eq(seeds)));
    let first = found(&world, &Campaign { fail_fast: true, jobs: 1, ..campaign });
    assert_eq!((first.seeds, first.findings.len()), (31, 1));
}

#[test]
fn a_promise_is_kept_in_time_or_broken() {
    let breaks = |within, kept| {
        let world = Numbers { promise: Some((within, kept)), ..Numbers::default() };
        let found = found(&world, &Campaign { start: 1, seeds: 1, ..Campaign::default() }).findings;
        found.into_iter().next().map(|Finding { breaks, .. }| (breaks.law, breaks.what))
    };
    assert_eq!(breaks(5_000, 5_000), None);
    let late = "of 4: due by 0.005 s, and it did not happen".to_owned();
    assert_eq!(breaks(5_000, 5_001), Some(("a promise", late)));
    let world = Numbers::default();
    let document = world.draw(1);
    let (mut sim, seed) = world.begin(&document, document.decisions(), Recorder::default());
    sim.eventually(&PROMISE, 4, MINUTE);
    let run = world.run_begun(sim, seed, Numbers::MAX_STEPS);
    let what = run.breaks().map(|breaks| breaks.what.as_str());
    assert_eq!(what, Some("of 4: due by 60.000 s, and nothing is left to happen"));
}

#[test]
fn what_decides_without_being_a_decision_is_found() {
    let world = Numbers { counts: Some(Arc::default()), ..Numbers::default() };
    let summary = found(&world, &Campaign { seeds: 60, jobs: 1, ..Campaign::default() });
    let breaks: Vec<_> = summary.findings.iter().map(|finding| (finding.seed, finding.breaks.law)).collect();
    assert_eq!(breaks, [(0, REPEATS), (50, REPEATS)]);
    assert!(summary.findings[0].breaks.what.contains("number 1\nwhere the other has\n"), "{:?}", summary.findings[0]);
}

#[test]
fn a_run_that_takes_too_long_is_named_once() {
    struct Slow(Mutex<Vec<u64>>);
    impl Listener for Slow {
        fn slow(&self, seed: u64, _: u64) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seed);
        }
    }
    let world = Numbers { pause: Duration::from_millis(150), ..Numbers::default() };
    let slow = Slow(Mutex::default());
    let campaign = Campaign { start: 3, seeds: 1, slow: Duration::from_millis(40), ..Campaign::default() };
    assert!(run(&world, &campaign, &slow).is_ok());
    assert!(slow.0.into_inner().is_ok_and(|slow| slow == [3]));
}

#[test]
fn the_last_seed_is_one() {
    let campaign = Campaign { start: u64::MAX - 1, seeds: 2, ..Campaign::default() };
    assert_eq!(found(&Numbers::default(), &campaign).seeds, 2);
}

#[test]
fn a_campaign_of_nothing_is_an_error() {
    for campaign in [
        Campaign { seeds: 0, ..Campaign::default() },
        Campaign { jobs: 0, ..Campaign::default() },
        Campaign { start: u64::MAX, seeds: 2, ..Campaign::default() },
    ] {
        assert!(run(&Numbers::default(), &campaign, &()).is_err(), "{campaign:?}");
    }
}

#[test]
fn what_was_left_running_is_told_once() {
    let folder = std::env::temp_dir().join(format!("durable-sim-left-{}", std::process::id()));
    let running = Running::new(&folder, 2).unwrap_or_else(|error| panic!("{error}"));
    running.begin(0, 17);
    running.begin(1, u64::MAX);
    running.begin(1, 5);
    assert_eq!(left_running(&folder).seeds, [0; 0], "its process lives");
    let written = std::fs::write(folder.join("9-0.running"), format!("{:020}\n", 42));
    assert!(written.is_ok());
    assert_eq!((left_running(&folder).seeds, left_running(&folder).seeds), (vec![42], vec![]));
    drop(running);
    assert!(std::fs::remove_dir(&folder).is_ok(), "its files are gone");
}
