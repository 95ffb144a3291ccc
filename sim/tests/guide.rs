//! The code of `GUIDE.md` is that of `examples/limiter.rs`, and it runs.
#![allow(missing_docs, reason = "a test")]

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/limiter.rs"]
mod limiter;

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
    let printed = limiter::report();
    assert_eq!(printed.trim_end(), blocks("text").trim_end(), "what GUIDE.md shows");
}
