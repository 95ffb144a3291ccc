//! Snapshots, in the one folder that people review.

use insta::Settings;
use proxy_fetch_sim::finding::follows_from_a_broken_law;
use std::{fs, path::Path};

/// Holds a text to its snapshot. If they differ because a law is broken, that is said instead of the difference: the
/// campaign tells better what is wrong.
pub fn snapshot(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots");
    let reviewed = fs::read_to_string(folder.join(format!("{name}.snap"))).unwrap_or_default();
    // Below a head between two lines of dashes.
    let is_the_same = reviewed.splitn(3, "---\n").nth(2).is_some_and(|reviewed| reviewed.trim() == text.trim());
    if !is_the_same {
        follows_from_a_broken_law();
    }
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
