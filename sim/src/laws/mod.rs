//! The laws, each in a file of its own, checked at each thing that can be seen from outside the machine.
//!
//! A law sees [`Observation`]s and reads the [`Ledger`]; it never asks the machine how it is, except for S25, which is
//! about the machine's memory. No law scans what did not change.

use crate::proxy::ledger::{Ledger, Observation};
use std::fmt;

/// A law that can be broken.
pub trait Law {
    /// Its name in the list of laws: `S3`.
    const ID: &'static str;

    /// Looks at one observation.
    ///
    /// # Errors
    /// What broke the law, in words, with the request and the numbers.
    fn observe(&mut self, ledger: &Ledger, seen: &Observation<'_>) -> Result<(), String>;
}

/// A broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law's name.
    pub law: &'static str,
    /// What broke it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}
