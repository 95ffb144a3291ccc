//! The diagram in `docs/request.md` is what runs do: each of its arrows happens, and what a commit does to a request is
//! an arrow, or a few of them in a row.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::proxy::{Profile, Watch, coverage::State, run_seed};
use std::{collections::BTreeSet, fs, path::Path};

type Arrow = (State, State);

const PAGE: &str = "docs/request.md";
/// Enough for each arrow to be seen often.
const SEEDS: u64 = 300;

fn state(name: &str) -> State {
    let found = State::ALL.into_iter().find(|state| format!("{state:?}") == name);
    match (found, name) {
        (Some(state), _) => state,
        (None, "[*]") => State::Idle,
        (None, _) => panic!("{PAGE}: {name} is no state"),
    }
}

fn arrows(page: &str) -> BTreeSet<Arrow> {
    let lines = page.lines().filter_map(|line| line.trim().split_once(':')?.0.split_once(" --> "));
    lines.map(|(from, to)| (state(from), state(to))).collect()
}

/// Whether one can come from the one state to the other.
fn leads(arrows: &BTreeSet<Arrow>, (from, to): Arrow) -> bool {
    let mut reached: BTreeSet<State> = arrows.iter().filter(|arrow| arrow.0 == from).map(|arrow| arrow.1).collect();
    loop {
        // What is over stays so: a name that comes again is another request.
        let next = arrows.iter().filter(|arrow| reached.contains(&arrow.0) && arrow.0 != State::Idle);
        let before = reached.len();
        reached.extend(next.map(|arrow| arrow.1).collect::<Vec<_>>());
        if reached.contains(&to) || reached.len() == before {
            return reached.contains(&to);
        }
    }
}

#[test]
fn the_diagram_has_the_steps_that_requests_take_and_no_others() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let arrows = arrows(&page);
    let watch = Watch { features: true, ..Watch::default() };
    let seen: BTreeSet<Arrow> = (0..SEEDS)
        .flat_map(|seed| run_seed(seed, Profile::Swarm, watch).features)
        .filter_map(|feature| feature.transition())
        .filter(|(from, to)| from != to)
        .collect();
    let never: Vec<_> = arrows.difference(&seen).collect();
    assert!(never.is_empty(), "{PAGE} has arrows that {SEEDS} runs never took: {never:?}");
    let unknown: Vec<_> = seen.difference(&arrows).filter(|arrow| !leads(&arrows, **arrow)).collect();
    assert!(unknown.is_empty(), "{PAGE} lacks arrows that runs took: {unknown:?}");
}
