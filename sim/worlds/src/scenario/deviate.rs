//! Every run of a scenario's plan that differs from its plain one in a few decisions.

use super::file::Scenario;
use crate::{
    bugs::{Machine, planted},
    proxy::ProxyRuns,
    queue::QueueRuns,
};
use durable_sim::{
    Breaks,
    plan::{Budget, Document, Searched, deviations},
};

/// Makes all runs that the budget allows, until one breaks a law: that one, as a scenario.
#[must_use]
pub fn deviate(scenario: &Scenario, budget: Budget<'_>) -> (Searched, Option<Scenario>) {
    let mut broken = None;
    let found = |document: &Document, Breaks { law, what, .. }: &Breaks| {
        broken = Some(Scenario {
            about: what.replace('\n', "; "),
            law: Some((*law).to_owned()),
            bug: planted().map(|bug| bug.name.clone()),
            document: document.clone(),
            ..scenario.clone()
        });
        false
    };
    let searched = match scenario.machine {
        Machine::Object | Machine::Shell => deviations(&ProxyRuns::default(), &scenario.document, budget, found),
        Machine::Queue => {
            let runs = QueueRuns { profile: crate::proxy::Profile::default(), laws: true };
            deviations(&runs, &scenario.document, budget, found)
        }
    };
    (searched, broken)
}
