//! Whatever a document may say runs, and no law of the sound machines breaks.
#![allow(missing_docs, reason = "a test")]

mod object;
mod queue;
