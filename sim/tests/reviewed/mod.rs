//! Snapshots, in the one folder that people review.

use insta::Settings;
use std::{fs, path::Path};

/// Holds a text to its snapshot, in the nearest folder of snapshots above the package. What is to be said first if they
/// differ, the caller says.
pub fn snapshot(name: &str, text: &str, if_they_differ: impl FnOnce()) {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("snapshots"));
    let Some(folder) = above.into_iter().find(|folder| folder.is_dir()) else { panic!("there are no snapshots") };
    let reviewed = fs::read_to_string(folder.join(format!("{name}.snap"))).unwrap_or_default();
    // Below a head between two lines of dashes.
    let is_the_same = reviewed.splitn(3, "---\n").nth(2).is_some_and(|reviewed| reviewed.trim() == text.trim());
    if !is_the_same {
        if_they_differ();
    }
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
