//! The code of `GUIDE.md` is that of `examples/limiter.rs`, and it runs; its bug is always made small.
#![allow(missing_docs, reason = "a test")]

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/limiter.rs"]
mod limiter;

mod settings;
mod small;

use durable_sim::{Recorder, plan::Simulation};
use limiter::{Limits, campaign, replay, report};

const GUIDE: &str = include_str!("../GUIDE.md");

/// The guide's blocks of code in this language, each after an empty line.
fn blocks(language: &str) -> String {
    let opening = format!("```{language}\n");
    let blocks = GUIDE.split(&opening).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_guide_shows_the_code_that_is_compiled() {
    let shown = blocks("rust");
    let differs = shown.lines().zip(include_str!("../examples/limiter.rs").lines()).find(|(shown, code)| shown != code);
    assert_eq!(differs, None, "GUIDE.md and examples/limiter.rs differ here for the first time");
    assert_eq!(shown.lines().count(), include_str!("../examples/limiter.rs").lines().count());
}

#[test]
fn the_code_runs_and_prints_what_the_guide_shows() {
    let printed = report();
    assert_eq!(printed.trim_end(), blocks("text").trim_end(), "what GUIDE.md shows");
}

/// The smaller file, and the mistakes: each line as it says, in the place of the one that has the same key there.
#[test]
fn the_guides_files_do_what_it_says() {
    let files: Vec<&str> = GUIDE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [small, wrong] = files[..] else { panic!("two files, not {}", files.len()) };
    let limits = Limits { forgetful: true };
    assert!(replay(&limits, small).contains("LAW        one call a minute"), "{}", replay(&limits, small));
    for line in wrong.lines() {
        let Some((wrong, error)) = line.split_once('#') else { panic!("{line}") };
        let mut lines: Vec<&str> = small.lines().collect();
        let at = if wrong.starts_with("call") { 1 } else { 5 };
        lines[at] = wrong;
        assert_eq!(replay(&limits, &lines.join("\n")), error.trim(), "{line}");
    }
}

#[test]
fn the_bug_is_small_from_nearly_every_seed() {
    let limits = Limits { forgetful: true };
    let failing = campaign(&limits);
    small::from_nearly_every_seed("forgetful", &limits, &failing);
}

#[test]
fn a_seed_written_out_is_the_same_run() {
    for forgetful in [false, true] {
        small::written_out_is_the_same_run(&Limits { forgetful }, settings::number("SIM_SEEDS", 300));
    }
}

#[test]
fn the_sound_limiter_withstands_what_breaks_the_other() {
    for seed in campaign(&Limits { forgetful: true }).into_iter().take(100) {
        let limits = Limits { forgetful: false };
        assert_eq!(limits.run(&limits.draw(seed), Recorder::default()).breaks(), None, "seed {seed}");
    }
}
