//! The lease lock of `examples/lock`: its campaign is green, and each bug that can be planted breaks its own law, in a
//! small run whose trace a person reviews. `SIM_SEEDS` says how many seeds.
#![allow(missing_docs, reason = "a test")]

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/lock/main.rs"]
mod lock;

mod reviewed;
mod settings;
mod small;

use clap::ValueEnum;
use durable_sim::{
    Recorder,
    plan::{Budget, Schema, Simulation, deviations, read},
};
use lock::{Bug, FAULTS, LockRuns, campaign, explain, minimal};
use std::{env, fs, path::Path};

const SOUND: LockRuns = LockRuns(None);

fn seeds() -> u64 {
    settings::number("SIM_SEEDS", 1_000)
}

#[test]
fn no_seed_breaks_a_law_and_every_fault_hits() {
    let summary = campaign(&SOUND, seeds(), 1);
    if let Some((seed, document)) = minimal(&SOUND, &summary.failing) {
        panic!("{}", explain(&SOUND, seed, &document));
    }
    assert!(summary.grants as u64 > seeds(), "only {} grants", summary.grants);
    for fault in FAULTS {
        assert!(summary.hits.contains_key(&fault), "{fault} never hit");
    }
}

/// The items that suffice to show any of the bugs in its clearest run.
const SMALLEST: usize = 3;

fn law_of(bug: Bug) -> &'static str {
    match bug {
        Bug::AlarmIfNone => "the alarm is in time",
        Bug::AlarmAgain => "leases end by themselves",
        Bug::AlarmTrusted => "mutual exclusion",
        Bug::LeaseFromLast => "a lease is whole",
        Bug::LastFirst => "first come, first served",
        Bug::ReleaseAlone => "nobody waits for a free lock",
        Bug::LeavingUnwritten => "memory is storage",
        Bug::ReplyAnyway => "what was granted is durable",
        Bug::TokenForgotten => "tokens grow",
    }
}

#[test]
fn each_bug_breaks_its_law_in_a_small_run() {
    for bug in Bug::value_variants() {
        let (runs, name) = (LockRuns(Some(*bug)), format!("{bug:?}"));
        let failing = campaign(&runs, 500, 20).failing;
        let Some((seed, document)) = minimal(&runs, &failing) else { panic!("no seed finds {name}") };
        let broken = runs.run(&document, Recorder::default()).breaks().cloned();
        assert_eq!(broken.map(|breaks| breaks.law), Some(law_of(*bug)), "{name}");
        assert!(document.items() <= SMALLEST, "{name} is not small:\n{document:?}");
        let sound = SOUND.run(&document, Recorder::default()).breaks().cloned();
        assert_eq!(sound, None, "without {name} the same run breaks a law");

        let snapshot = bug.to_possible_value().map(|value| format!("lock_{}", value.get_name().replace('-', "_")));
        reviewed::snapshot(&snapshot.unwrap_or(name), &explain(&runs, seed, &document), || ());
    }
}

#[test]
fn each_bug_is_small_from_nearly_every_seed() {
    for bug in Bug::value_variants() {
        let runs = LockRuns(Some(*bug));
        small::from_nearly_every_seed(&format!("{bug:?}"), &runs, &campaign(&runs, 3_000, 20).failing);
    }
}

/// Three clients and both locks, whoever gives up or releases; and one more when all is over.
const SMALL: &str = "
[asks]
ask0 = { client = 1, lease_ms = 30000 }
ask1 = { at_ms = 1000, client = 2 }
ask2 = { at_ms = 2000, client = 3 }
ask3 = { at_ms = 3000, client = 3, what = \"release\" }
ask4 = { at_ms = 4000, lock = \"b\", client = 4, lease_ms = 5000 }
ask5 = { at_ms = 20000, client = 1, what = \"release\" }
ask6 = { at_ms = 100000, client = 1 }
";

/// Without a seed: each run of a small plan that differs from its plain one in two decisions at the most.
#[test]
fn a_search_of_a_small_plan_finds_each_bug() {
    let Ok((_, document)) = read(LockRuns::SCHEMA, SMALL) else { panic!("it is a document") };
    // It need not survive an alarm that never runs.
    let budget = |runs| Budget { deviations: 2, runs, but_for: &["alarm_stuck", "abandoned"] };
    let sound = deviations(&SOUND, &document, budget(30_000), |document, breaks| panic!("{breaks:?}: {document:?}"));
    assert!(sound.is_complete && sound.distinct > 10_000, "{sound:?}");
    let missed = Bug::value_variants().iter().filter(|bug| {
        let mut is_found = false;
        deviations(&LockRuns(Some(**bug)), &document, budget(30_000), |_, breaks| {
            is_found = breaks.law == law_of(**bug);
            false
        });
        !is_found
    });
    let missed: Vec<_> = missed.collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..50 {
        let run = |recorder| SOUND.run(&SOUND.draw(seed), recorder).sim.recorder;
        let (first, second) = (run(Recorder::default().with_lines()), run(Recorder::default().with_lines()));
        assert_eq!(first.lines(), second.lines(), "seed {seed}");
        assert_eq!(first.digest(), second.digest(), "seed {seed}");
        assert_eq!(run(Recorder::default()).digest(), first.digest(), "seed {seed} differs without its trace");
    }
}

#[test]
fn a_seed_written_out_is_the_same_run() {
    small::written_out_is_the_same_run(&SOUND, settings::number("SIM_SEEDS", 300));
    for bug in Bug::value_variants() {
        small::written_out_is_the_same_run(&LockRuns(Some(*bug)), settings::number("SIM_SEEDS", 300) / 10);
    }
}

/// What stands below this line of the example's page is made of the declarations. `INSTA_UPDATE=always` writes it anew,
/// as it does with snapshots.
const GENERATED: &str = "<!-- Made of the declarations: see tests/lock.rs. -->\n";

#[test]
fn the_page_documents_what_is_declared() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lock/README.md");
    let text = fs::read_to_string(&page).unwrap_or_default();
    let Some((head, table)) = text.split_once(GENERATED) else { panic!("{}: where is the table?", page.display()) };
    let declared = Schema::documentation(LockRuns::SCHEMA);
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        let written = fs::write(&page, format!("{head}{GENERATED}\n{}\n", declared.trim()));
        assert!(written.is_ok(), "{written:?}");
    } else {
        assert_eq!(table.trim(), declared.trim(), "{} is out of date: INSTA_UPDATE=always", page.display());
    }
}
