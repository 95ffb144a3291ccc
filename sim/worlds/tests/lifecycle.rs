//! The diagram in `docs/request.md` is what runs do: each of its arrows happens, and a commit does nothing else to a
//! request, but for what is listed here.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::proxy::{
    ProxyRuns,
    coverage::State::{self, Delivering, Finished, Idle, InFlight},
    run_seed,
};
use std::{collections::BTreeSet, fs, path::Path};

type Arrow = (State, State);

const PAGE: &str = "docs/request.md";
/// Enough for each arrow to be seen often.
const SEEDS: u64 = 600;

/// What is no step of a request, and happens all the same.
const BESIDES: [Arrow; 2] = [
    // Handed in and cancelled in one turn.
    (Idle, Delivering),
    (Idle, Finished),
];

/// The same, and too rare for each campaign to see.
const RARE: [Arrow; 1] = [
    // Its row was damaged, and the object's own: so nobody knows when it was accepted. Only its bytes are kept.
    (InFlight, Idle),
];

fn state(name: &str) -> State {
    let found = State::ALL.into_iter().find(|state| format!("{state:?}") == name);
    match (found, name) {
        (Some(state), _) => state,
        (None, "[*]") => Idle,
        (None, _) => panic!("{PAGE}: {name} is no state"),
    }
}

fn arrows(page: &str) -> BTreeSet<Arrow> {
    let lines = page.lines().filter_map(|line| line.trim().split_once(':')?.0.split_once(" --> "));
    lines.map(|(from, to)| (state(from), state(to))).collect()
}

#[test]
fn the_diagram_has_the_steps_that_requests_take_and_no_others() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let drawn = arrows(&page);
    let runs = ProxyRuns { features: true, ..ProxyRuns::SWARM };
    let seen: BTreeSet<Arrow> = (0..SEEDS)
        .flat_map(|seed| run_seed(seed, runs).world.features())
        .filter_map(|feature| feature.transition())
        .filter(|(from, to)| from != to)
        .collect();
    let besides = BTreeSet::from(BESIDES);
    assert!(drawn.is_disjoint(&besides), "{PAGE} has an arrow for what is no step");
    let expected: BTreeSet<Arrow> = drawn.union(&besides).copied().collect();
    let never: Vec<_> = expected.difference(&seen).collect();
    assert!(never.is_empty(), "{SEEDS} runs never did what {PAGE} or this test says: {never:?}");
    let unknown: Vec<_> = seen.difference(&expected).filter(|arrow| !RARE.contains(arrow)).collect();
    assert!(unknown.is_empty(), "{PAGE} lacks what runs did: {unknown:?}");
}
