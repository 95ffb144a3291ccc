//! What holds of the runs of every simulation: a seed written out is the same run, and what fails is made small.

use durable_sim::{
    Recorder,
    plan::{Simulation, read, write},
};
use std::time::Duration;

/// The items that suffice to show a bug of an example.
const SMALL: usize = 4;
/// Of so many failing seeds …
const SEEDS: usize = 20;
/// … at least so many come to it.
const ENOUGH: usize = 18;

/// Each of these seeds fails; of the first 20 at least 18 are left with four items, which break the same law.
pub fn from_nearly_every_seed<S: Simulation>(name: &str, runs: &S, failing: &[u64]) {
    assert!(failing.len() >= SEEDS, "{name}: only {} seeds fail", failing.len());
    let mut sizes = Vec::new();
    let mut large = String::new();
    for seed in &failing[..SEEDS] {
        let drawn = runs.draw(*seed);
        let law = runs.run(&drawn, Recorder::default()).breaks().map(|breaks| breaks.law);
        let Ok(small) = runs.minimise(&drawn, Duration::from_secs(60)) else {
            panic!("{name}: seed {seed} does not fail again when it is written out")
        };
        assert!(small.is_complete, "{name}: time was up for seed {seed}");
        let file = write(S::SCHEMA, &[], &[], &small.document);
        let again = read(S::SCHEMA, &file).map(|(_, document)| document);
        assert_eq!(again.as_ref(), Ok(&small.document), "{name}: seed {seed} is not read as it was written");
        let breaks = runs.run(&small.document, Recorder::default()).breaks().cloned();
        assert_eq!(breaks.map(|breaks| breaks.law), law, "{name}: seed {seed} breaks another law when it is small");
        if small.document.items() > SMALL {
            large.push_str(&format!("\nseed {seed}:\n{file}"));
        }
        sizes.push(small.document.items());
    }
    let enough = sizes.iter().filter(|size| **size <= SMALL).count();
    println!("{name}: {sizes:?}, {enough} of {SEEDS}{large}");
    assert!(enough >= ENOUGH, "{name}: {sizes:?} items are left{large}");
}

/// Each seed, written out as a text and read again, gives the digest that it gave.
pub fn written_out_is_the_same_run<S: Simulation>(runs: &S, seeds: u64) {
    for seed in 0..seeds {
        let drawn = runs.draw(seed);
        let digest = runs.run(&drawn, Recorder::default()).sim.recorder.digest();
        let (document, recording) = runs.written_out(&drawn);
        assert_eq!(recording.sim.recorder.digest(), digest, "seed {seed}: recording changes the run");
        assert_eq!(document.seed, None, "seed {seed}");
        let file = write(S::SCHEMA, &[], &[], &document);
        let again = match read(S::SCHEMA, &file) {
            Ok((_, again)) => again,
            Err(error) => panic!("seed {seed}: {error}\n{file}"),
        };
        assert_eq!(again, document, "seed {seed} is not read as it was written");
        let played = runs.run(&again, Recorder::default()).sim;
        assert_eq!(played.recorder.digest(), digest, "seed {seed} is another run when it is written out");
        assert!(played.decisions.unplayed().is_empty(), "seed {seed}: {:?}", played.decisions.unplayed());
        assert_eq!(played.decisions.notes(), [], "seed {seed}");
    }
}
