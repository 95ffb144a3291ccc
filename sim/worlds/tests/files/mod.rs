//! Texts of scenario files, read and run.

#![allow(dead_code, reason = "each test binary uses its own part")]

use durable_sim::{
    finding::{AnyWorld, Shown},
    plan::{Document, Simulation, conflict_at, read},
};

/// The document of a text.
pub fn read_text<S: Simulation>(world: &S, text: &str) -> Result<Document, String> {
    let (_, document) = read(S::SCHEMA, text).map_err(|error| error.to_string())?;
    let conflict = world.conflict(&document).map(|conflict| conflict_at(S::SCHEMA, text, &conflict).to_string());
    conflict.map_or(Ok(document), Err)
}

/// The run of a text.
pub fn run_text<S: Simulation + Clone + Sync>(world: &S, text: &str) -> Shown {
    let document = read_text(world, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (world as &dyn AnyWorld).run(&document, None)
}
