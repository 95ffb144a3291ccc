//! A run as it is shown: of whatever machine.

use crate::{laws::Violation, proxy, queue};
use durable_sim::Line;
use std::collections::BTreeMap;

/// A run as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The trace.
    pub lines: Vec<Line>,
    /// Steps: events that the engine took from its queue.
    pub steps: u64,
    /// The digest of everything.
    pub digest: u64,
    /// The first broken law and its step.
    pub violation: Option<(u64, Violation)>,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// What whoever wrote the scenario should know, a line each: what it says and the run did not do.
    pub notes: Vec<String>,
}

macro_rules! shown {
    ($($report:ty),+) => {$(
        impl From<$report> for Shown {
            fn from(report: $report) -> Self {
                let (lines, steps, digest) = (report.lines, report.steps, report.digest);
                let (violation, outcomes) = (report.violation, report.outcomes);
                Self { lines, steps, digest, violation, outcomes, notes: report.notes }
            }
        }
    )+};
}
shown!(proxy::Report, queue::Report);
