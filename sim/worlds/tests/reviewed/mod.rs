//! Snapshots of what rests on the laws, in the one folder that people review.

#[path = "../../../tests/reviewed/mod.rs"]
mod held;

use proxy_fetch_sim::told::follows_from_a_broken_law;

/// Holds a text to its snapshot. If they differ because a law is broken, that is said instead of the difference: the
/// campaign tells better what is wrong.
pub fn snapshot(name: &str, text: &str) {
    held::snapshot(name, text, follows_from_a_broken_law);
}
