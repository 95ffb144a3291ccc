//! A path told for people: each action, and under it what the object took in (`<`), stored (`|`) and let out (`>`).

use super::{
    action::Action,
    space::ProxySpace,
    state::{Lines, START},
    step::Broken,
};
use crate::{laws::Violation, proxy::names::Names};
use durable_sim::search::Space;

/// A path taken again.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What happened, line by line.
    pub lines: Vec<String>,
    /// What broke, with the number of the action from 1.
    pub broken: Option<(usize, Broken)>,
}

/// Takes a path again.
///
/// # Errors
/// An action that is not possible where it stands, with its number.
pub fn retrace(space: &ProxySpace, path: &[Action]) -> Result<Trace, String> {
    let mut state = space.start();
    let lines = Lines::default();
    state.lines = Some(lines.clone());
    let mut trace = Trace { lines: Vec::new(), broken: None };
    for (number, action) in (1..).zip(path) {
        let ms = state.now.ms_since(START);
        trace.lines.push(format!("{number}. +{}.{:03}s {action}", ms / 1_000, ms % 1_000));
        let next = space.step(&state, action).and_then(|next| {
            let Some(next) = next else { return Ok(None) };
            space.check(&next).map(|()| Some(next))
        });
        // Of a step that broke something there is no ledger: names of what it accepted are not known.
        let names = Names::of(&next.as_ref().ok().and_then(Option::as_ref).unwrap_or(&state).ledger);
        if let Ok(mut lines) = lines.lock() {
            trace.lines.extend(lines.drain(..).map(|line| format!("     {}", names.in_text(&line))));
        }
        match next {
            Ok(Some(next)) => state = next,
            Ok(None) => return Err(format!("action {number}, {action}: not possible here")),
            Err(broken) => {
                trace.broken = Some((number, Violation { what: names.in_text(&broken.what), ..broken }));
                break;
            }
        }
    }
    Ok(trace)
}
