//! The copy of the workspace's files. A file is written only where its content differs: cargo builds again what is newer.

use super::{about, manifest};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Git in this folder, whatever repository a hook or a rebase that runs us is in: these would lead it there.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command.current_dir(folder);
    command
}

/// The files that git knows, and those that it would add, as they are in the working tree; from the workspace's root.
fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut command = git(root);
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
    let output = command.output().map_err(|error| format!("git ls-files: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: git ls-files: {}", root.display(), text.trim().replace('\n', "; ")));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| "git ls-files: a file's name is not UTF-8".to_owned())?;
    let names = text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    // What is deleted and not yet committed so is no file.
    Ok(names.filter(|name| root.join(name).is_file()).collect())
}

/// Makes `tree` the workspace's files with these in the place of their originals.
pub(super) fn write(root: &Path, tree: &Path, planted: &BTreeMap<String, String>) -> Result<(), String> {
    let mut wanted = BTreeSet::new();
    let absolute = root.canonicalize().map_err(|error| about(root, &error))?;
    for name in files(root)? {
        let mut content = match name.to_str().and_then(|name| planted.get(name)) {
            Some(text) => text.clone().into_bytes(),
            None => fs::read(root.join(&name)).map_err(|error| about(&root.join(&name), &error))?,
        };
        if name.ends_with("Cargo.toml")
            && let Ok(text) = str::from_utf8(&content)
        {
            content = manifest::of_copy(&absolute, &name, text).into_bytes();
        }
        put(&tree.join(&name), &content)?;
        wanted.insert(name);
    }
    match planted.keys().find(|name| !wanted.contains(Path::new(name))) {
        // The copy would be built without the mistakes in it.
        Some(missing) => Err(format!("{missing}: git ignores it, so it is not in the copy")),
        None => remove_others(tree, tree, &wanted),
    }
}

fn put(path: &Path, content: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, content)).map_err(|error| about(path, &error))
}

/// Removes what the workspace has no longer.
fn remove_others(tree: &Path, folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    for entry in entries.map_err(|error| about(folder, &error))? {
        let path = entry.path();
        let is_folder = entry.file_type().map_err(|error| about(&path, &error))?.is_dir();
        if is_folder {
            remove_others(tree, &path, wanted)?;
            // If it is empty now; if not, it stays.
            let _ = fs::remove_dir(&path);
        } else if path.strip_prefix(tree).is_ok_and(|name| !wanted.contains(name)) {
            fs::remove_file(&path).map_err(|error| about(&path, &error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, process};

    /// A folder of this test's own, which is removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Self {
            let path = env::temp_dir().join(format!("planter-{test}-{}", process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            if let Err(error) = put(&self.0.join(name), text.as_bytes()) {
                panic!("{error}");
            }
        }

        fn read(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.join(name)).ok()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn run_git(folder: &Path, arguments: &[&str]) {
        let output = git(folder).args(arguments).output();
        assert!(output.is_ok_and(|output| output.status.success()), "git {arguments:?}");
    }

    #[test]
    fn the_copy_is_what_the_working_tree_is() {
        let scratch = Scratch::new("copy");
        let (root, tree) = (scratch.0.join("work"), scratch.0.join("copy"));
        for (name, text) in [
            ("work/.gitignore", "/target\n"),
            ("work/src/a.rs", "a"),
            ("work/src/b.rs", "b"),
            ("work/target/x", "x"),
            ("work/deep/er/c", "c"),
        ] {
            scratch.write(name, text);
        }
        run_git(&root, &["init", "-q"]);
        run_git(&root, &["add", "."]);
        // Neither what is not added yet nor what is changed needs a commit.
        scratch.write("work/src/new.rs", "new");
        scratch.write("work/src/a.rs", "a, changed");
        let planted = |text: &str| BTreeMap::from([("src/b.rs".to_owned(), text.to_owned())]);
        assert_eq!(write(&root, &tree, &planted("b, planted")), Ok(()));
        let copied = |name: &str| scratch.read(&format!("copy/{name}"));
        for (name, text) in
            [("src/a.rs", "a, changed"), ("src/b.rs", "b, planted"), ("src/new.rs", "new"), ("deep/er/c", "c")]
        {
            assert_eq!(copied(name).as_deref(), Some(text), "{name}");
        }
        assert_eq!(copied("target/x"), None);

        let changed = |name: &str| fs::metadata(tree.join(name)).and_then(|data| data.modified()).ok();
        let before = changed("src/a.rs");
        scratch.write("copy/src/stray.rs", "of a file that is gone");
        assert!(fs::remove_dir_all(root.join("deep")).is_ok());
        assert_eq!(write(&root, &tree, &planted("b, planted anew")), Ok(()));
        assert_eq!((copied("src/b.rs").as_deref(), copied("src/stray.rs")), (Some("b, planted anew"), None));
        assert!(!tree.join("deep").exists());
        assert_eq!(changed("src/a.rs"), before, "what is the same is not written again");

        let ignored = BTreeMap::from([("target/x".to_owned(), String::new())]);
        assert_eq!(write(&root, &tree, &ignored), Err("target/x: git ignores it, so it is not in the copy".into()));
    }

    #[test]
    fn without_git_it_is_said() {
        let scratch = Scratch::new("gone");
        let gone = scratch.0.join("gone");
        assert!(files(&gone).is_err_and(|error| error.starts_with("git ls-files: ")));
    }
}
