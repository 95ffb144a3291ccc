//! Scenario files: what is written is what is run, and `sim/scenarios/*.toml` is the corpus: each breaks no law, and
//! its trace is a snapshot.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::{
    planting::plant_by_name,
    proxy::{Plan, Profile, Report, Watch, run_plan},
    scenario::{Scenario, written_out},
};
use std::{collections::BTreeMap, fs, path::Path};

fn corpus() -> BTreeMap<String, Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.unwrap_or_else(|error| panic!("{error}")).path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, scenario)
        })
        .collect()
}

fn trace(scenario: &Scenario, report: &Report) -> String {
    let lines = report.lines.iter().map(ToString::to_string);
    let verdict = match &report.violation {
        Some((step, violation)) => format!("VIOLATION at step {step}: {violation}"),
        None => format!("no law broken: {:?}", report.outcomes),
    };
    std::iter::once(scenario.about.clone()).chain(lines).chain([verdict]).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_scenario_of_the_corpus_keeps_the_laws() {
    let corpus = corpus();
    assert!(!corpus.is_empty());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    for (name, scenario) in corpus {
        let report = run_plan(0, scenario.plan.clone(), Watch { lines: true, ..Watch::default() });
        assert_eq!(report.violation, None, "{name}");
        // What found a planted bug once still does.
        if let Some(bug) = &scenario.bug {
            plant_by_name(Some(bug)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let with_bug = run_plan(0, scenario.plan.clone(), Watch::default());
            assert_eq!(with_bug.violation.map(|(_, violation)| violation.law.to_owned()), scenario.law, "{name}");
            assert_eq!(plant_by_name(None), Ok(()));
        }
        settings.bind(|| insta::assert_snapshot!(format!("scenario_{name}"), trace(&scenario, &report)));
    }
}

/// A seed's plan with its decisions written out is the same run, step by step, without the seed.
#[test]
fn what_a_seed_decided_can_be_written_and_read_and_is_the_same_run() {
    for profile in [Profile::Swarm, Profile::Calm] {
        for seed in 0..60 {
            let (plan, drawn) = written_out(seed, Plan::draw(seed, profile));
            let scenario = Scenario { about: "a \"seed\"".into(), law: None, bug: Some("x".into()), plan };
            let text = scenario.to_text();
            let read = Scenario::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
            assert_eq!(read, scenario, "seed {seed}");
            let played = run_plan(0, read.plan, Watch::default());
            assert_eq!((played.digest, played.steps), (drawn.digest, drawn.steps), "seed {seed}, {}", profile.name());
        }
    }
}

#[test]
fn what_is_no_scenario_is_refused_with_its_place() {
    for (text, why) in [
        ("about = 1", "about"),
        ("[requests]\nr0 = { atms = 1 }", "atms"),
        ("[requests]\nx = {}", "requests: \"x\" is not r0 to r9999"),
        ("[requests]\nr0 = { at_ms = -1 }", "r0: at_ms: -1 ms is not between 0"),
        ("heal_at_ms = nan", "heal_at_ms"),
        ("[decisions]\n\"turn x\" = { crash = true }", "decisions: \"turn x\": there is no such place"),
        ("[decisions]\n\"turn 1\" = { crash = [] }", "crash: [] is not true, a number or a word"),
        ("resets = [{ at_ms = 1, how = \"nap\" }]", "nap"),
    ] {
        match Scenario::parse(text) {
            Ok(_) => panic!("{text} is read"),
            Err(error) => assert!(error.to_string().contains(why), "{text}: {error}"),
        }
    }
}
