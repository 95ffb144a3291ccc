//! What a process left that ended while it ran something.

use super::Noted;
use crate::finding;
use std::{fs, path::Path};

/// The file where the run stands that is under way.
pub(super) const FILE: &str = "runs";

impl Noted {
    /// What this process, which is no more or does not end, was busy with, for people.
    pub(super) fn left_in(&self, folder: &Path) -> Option<String> {
        let text = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
        Some(match self {
            Self::Nothing { .. } => return None,
            Self::Step { repeat } => match text.parse::<u64>() {
                Ok(0) | Err(_) => format!("it had not come to the first step of: {repeat}"),
                Ok(step) => format!("it was in step {step}\n  what comes before: {repeat} --at {}", step - 1),
            },
            Self::Document { .. } if text.is_empty() => "it had not come to a run".to_owned(),
            Self::Document { head: _, file, scenario } => match finding::keep(file, &text) {
                Ok(path) => format!("it was running {path}\n  run it with: {scenario} {path}"),
                Err(error) => format!("it was running this scenario, which cannot be written: {error}\n{text}"),
            },
        })
    }
}
