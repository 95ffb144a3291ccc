//! A story told for people: of the runs that several seeds make of it, the one that is worth reading.

use super::{file::Story, play::play, verdict::judge};
use durable_sim::{Faults, Line, Recorder};

/// So many seeds play a story: they draw how long commits take, and what jitter adds to a delay.
pub const SEEDS: u64 = 20;

/// A run of a story, for people.
#[derive(Debug)]
pub struct Told {
    /// The seed.
    pub seed: u64,
    /// The trace.
    pub lines: Vec<Line>,
    /// What did not come as the story says.
    pub problems: Vec<String>,
}

/// Plays a story with each of the [`SEEDS`], and tells the first run in which something did not come as the story says;
/// if there is none, the first of all.
#[must_use]
pub fn tell(story: &Story) -> Told {
    let is_wrong = |seed: &u64| {
        let played = play(*seed, story, Faults::default(), Recorder::default());
        !judge(story, &played).is_empty()
    };
    let seed = (0..SEEDS).find(is_wrong).unwrap_or_default();
    let played = play(seed, story, Faults::default(), Recorder::default().with_lines());
    let problems = judge(story, &played);
    Told { seed, lines: played.lines, problems }
}
