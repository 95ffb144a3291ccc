//! What became of a story, against what it says.

use super::{
    file::{Expected, Story},
    play::Played,
    world::Request,
};
use std::ops::RangeInclusive;

/// More at the upstream is wrong in any story.
const MAX_AT_ONCE: u64 = 5;
/// What two clocks may differ by, in ms.
const CLOCKS_MS: u64 = 5;

/// What did not come as the story says, a line each.
#[must_use]
pub fn judge(story: &Story, played: &Played) -> Vec<String> {
    let mut problems = played.problems.clone();
    // That nothing came after a broken law merely follows from it.
    if played.is_cut_short {
        return problems;
    }
    for request in &played.requests {
        match story.expect.get(&request.base) {
            Some(expected) => judge_request(request, expected, &mut problems),
            None if request.finished.is_some() => problems.push(format!("{} was accepted", request.id)),
            None => {}
        }
    }
    within("at once at the upstream", played.at_once, &(0..=MAX_AT_ONCE), &mut problems);
    if let Some(at_once) = &story.at_once {
        within("at once at the upstream", played.at_once, at_once, &mut problems);
    }
    problems
}

fn within(what: &str, got: u64, expected: &RangeInclusive<u64>, problems: &mut Vec<String>) {
    if !expected.contains(&got) {
        problems.push(format!("{what}: {got}, not {} to {}", expected.start(), expected.end()));
    }
}

fn judge_request(request: &Request, expected: &Expected, problems: &mut Vec<String>) {
    let Expected { outcome, attempts, upstream_calls, callbacks, gaps_ms } = expected;
    let id = &request.id;
    match &request.finished {
        None => problems.push(format!("{id} never ended")),
        Some((how, made)) => {
            if how.to_string() != *outcome {
                problems.push(format!("{id}: the outcome is {how}, not {outcome}"));
            }
            within(&format!("{id}: attempts"), u64::from(*made), attempts, problems);
        }
    }
    within(&format!("{id}: calls at the upstream"), request.arrivals.len() as u64, upstream_calls, problems);
    within(&format!("{id}: callbacks"), request.called, callbacks, problems);
    for (number, gap_ms) in gaps_ms.iter().enumerate() {
        let (Some(one), Some(next)) = (request.arrivals.get(number), request.arrivals.get(number + 1)) else {
            problems.push(format!("{id}: there is no call {} at the upstream", number + 2));
            return;
        };
        let got_ms = (next - one) / 1_000;
        if got_ms + CLOCKS_MS < *gap_ms {
            problems.push(format!("{id}: {got_ms} ms before call {}, not {gap_ms}", number + 2));
        }
    }
}
