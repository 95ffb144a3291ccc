//! The manifests of the copy: a path that leads out of the workspace is an absolute one there, since the copy lies elsewhere.

use std::{
    ops::Range,
    path::{Component, Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// The manifest of this name, from the workspace's root, as it is in the copy. What is no TOML stays as it is: cargo says
/// what is wrong with it.
pub(super) fn of_copy(root: &Path, name: &Path, text: &str) -> String {
    let folder = root.join(name.parent().unwrap_or(Path::new("")));
    let mut paths = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        collect(table.get_ref(), &mut paths);
    }
    paths.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for (span, path) in paths {
        let leads_to = normal(&folder.join(path));
        if !leads_to.starts_with(root) {
            text.replace_range(span, &format!("{:?}", leads_to.display().to_string()));
        }
    }
    text
}

/// The paths in it, and where they stand.
fn collect(table: &DeTable<'_>, paths: &mut Vec<(Range<usize>, String)>) {
    for (key, value) in table {
        match value.get_ref() {
            DeValue::String(path) if key.get_ref() == "path" => paths.push((value.span(), path.to_string())),
            DeValue::Table(table) => collect(table, paths),
            DeValue::Array(values) => {
                values.iter().filter_map(|value| value.get_ref().as_table()).for_each(|table| collect(table, paths));
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_out_is_changed() {
        let text = "[dependencies]\na = { path = \"../../b\" } # a\nc = { path = \"../c\" }\n[[bin]]\npath = \"src/x.rs\"\n\
                    [dependencies.d]\npath = \"/e/../f\"\n";
        let of_copy = of_copy(Path::new("/home/own"), Path::new("one/Cargo.toml"), text);
        let wanted = text.replace("\"../../b\"", "\"/home/b\"").replace("\"/e/../f\"", "\"/f\"");
        assert_eq!(of_copy, wanted);
        assert_eq!(super::of_copy(Path::new("/home"), Path::new("Cargo.toml"), "path = "), "path = ");
    }
}
