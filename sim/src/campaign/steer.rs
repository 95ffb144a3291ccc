//! Campaigns that steer: runs that reached something rare are varied further.
//!
//! What a run reached is its coverage and its features. Half of the runs are drawn from their seeds as in any campaign. Each
//! of the others goes after something that few runs reached, and takes the cheapest run that reached it: parts of its
//! document are put into a drawn one, or its document is changed a little, half the time with its decisions kept.
//! Documents are made in rounds from what earlier rounds reached, so the result does not depend on the number of threads.

use super::{Campaign, Shared, Summary, collected::Collected, corpus::Corpus, on_threads};
use crate::{
    plan::{Document, Simulation},
    watch::is_to_stop,
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Runs that are planned together.
pub(super) const ROUND: u64 = 32;

/// One run in so many is drawn, as in any campaign.
pub(super) const DRAWN_OF: u64 = 2;

pub(super) fn steered<S: Simulation + Clone + Sync>(world: &S, shared: &Shared<'_>) -> Summary {
    let Campaign { start, seeds, jobs, fail_fast, nothing_new, .. } = *shared.campaign;
    let mut world = world.clone();
    world.leave_features();
    let mut all = Collected::new(S::MARKS, S::GRIDS, start, nothing_new);
    let mut corpus = Corpus::default();
    let (mut done, mut is_over) = (0, false);
    while done < seeds && !is_over && !is_to_stop() {
        let plan = |number: u64| {
            // What is drawn may take long, or end the process, too.
            let _ = shared.begin(0, start + number);
            let (document, is_drawn) = corpus.plan(&world, start + number, !number.is_multiple_of(DRAWN_OF));
            (start + number, Arc::new(document), is_drawn)
        };
        let round: Vec<(u64, Arc<Document>, bool)> = (done..seeds.min(done + ROUND)).map(plan).collect();
        shared.watch.end(0);
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(round.len())));
        on_threads(jobs, |job| {
            while let Some((number, (seed, document, is_drawn))) = {
                let number = next.fetch_add(1, Ordering::Relaxed);
                round.get(number).map(|planned| (number, planned))
            } {
                let ran = shared.run(job, &world, *seed, document, *is_drawn);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((number, ran));
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(number, _)| *number);
        for ((seed, document, _), (_, ran)) in round.iter().zip(results) {
            // A run that broke a law stopped there: to vary it would find the same again, and cheaply.
            if ran.finding.is_none() {
                corpus.learn(document, &ran);
            }
            is_over |= fail_fast && ran.finding.is_some();
            is_over |= all.add(*seed, ran);
        }
        done += round.len() as u64;
    }
    all.summary()
}

#[cfg(test)]
mod tests;
