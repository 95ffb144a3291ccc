//! One generated sequence, by its number.

use super::{
    judge::{Difference, Judge},
    ops::Reference,
};
use durable_sim::panic_text;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use proptest_state_machine::ReferenceStateMachine;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Operations in a sequence, at the most.
const LONGEST: usize = 120;

/// Runs the sequence of this number. A panic of the machine is a difference in S13.
///
/// # Errors
/// The first difference between the machine and the model.
pub fn run_sequence(number: u64) -> Result<(), Difference> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let sequence = match Reference::sequential_strategy(LONGEST / 2..LONGEST).new_tree(&mut runner) {
        Ok(tree) => tree.current(),
        Err(reason) => panic!("no sequence can be generated: {reason}"),
    };
    let (model, transitions, _) = sequence;
    let run = || {
        let mut judge = Judge::new(&model);
        transitions.iter().try_for_each(|transition| judge.take(transition))
    };
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(Difference { law: Some("S13"), what: format!("panic: {}", panic_text(&*panic)) }))
}
