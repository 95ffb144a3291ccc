//! The arrows between the rooms: native and sim use the core, the core uses none of them, and the simulator's engine
//! knows nothing of proxy-fetch. One room of the simulator runs the native host's shell. Files stay small.
#![allow(missing_docs, reason = "a test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// All Rust files below a folder of the repository.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { panic!("{} is not there", folder.display()) };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "{folder} has no sources");
    files
}

/// The names in a manifest's table of dependencies.
fn dependencies(manifest: &str, table: &str) -> Vec<String> {
    let text = read(&root().join(manifest));
    let section = text.split(&format!("\n[{table}]\n")).nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split(['=', '.', ' ']).next())
        .filter(|name| !name.is_empty() && *name != "#")
        .map(str::to_owned)
        .collect()
}

/// Code without its comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_core_depends_on_nothing_that_touches_the_world() {
    let allowed = ["jiff", "postcard", "serde", "serde_bytes", "ulid", "url", "xxhash-rust"];
    // The last three belong to the feature json.
    let allowed: Vec<&str> = allowed.into_iter().chain(["base64", "serde_json", "serde_path_to_error"]).collect();
    assert_eq!(dependencies("Cargo.toml", "dependencies"), allowed);
    for (path, text) in sources("src") {
        for word in ["std::", "async ", "unsafe ", "SystemTime", "Instant", "HashMap", "tokio", "madsim"] {
            let text = code(&text);
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(!shipped.contains(word), "{} uses {word}", path.display());
        }
    }
    let lib = read(&root().join("src/lib.rs"));
    assert!(lib.contains("#![no_std]") && lib.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn the_engine_knows_nothing_of_proxy_fetch() {
    for (path, text) in sources("sim/src/engine") {
        // Examples in the documentation name the crate.
        let text = text.to_lowercase().replace("use proxy_fetch_sim::engine::", "");
        for word in ["proxy", "crate::laws", "callback", "upstream", "retry-after", "enqueue"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn hosts_do_not_know_the_simulator_nor_it_them() {
    for table in ["dependencies", "dev-dependencies"] {
        let native = dependencies("native/Cargo.toml", table);
        let worker = dependencies("worker/Cargo.toml", table);
        for host in [&native, &worker] {
            assert!(host.iter().all(|name| name != "proxy-fetch-sim" && !name.starts_with("madsim")), "{host:?}");
        }
        assert!(!worker.contains(&"proxy-fetch-native".to_owned()), "{worker:?}");
        let sim = dependencies("sim/Cargo.toml", table);
        assert!(sim.iter().all(|name| !["proxy-fetch-worker", "tokio"].contains(&name.as_str())), "{sim:?}");
    }
}

/// The line of a manifest that begins so.
fn line(manifest: &str, start: &str) -> String {
    let text = read(&root().join(manifest));
    text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
}

/// What runs in production is what is simulated, not a copy of it: so this one room knows a host. It knows no more of it
/// than its shell, which is free of tokio; and only builds that look through all lenses have the room.
#[test]
fn one_room_runs_the_production_shell() {
    assert_eq!(
        line("sim/Cargo.toml", "proxy-fetch-native"),
        r#"proxy-fetch-native = { path = "../native", default-features = false, optional = true }"#
    );
    assert_eq!(line("sim/Cargo.toml", "madsim"), r#"madsim = { version = "0.2.34", optional = true }"#);
    assert_eq!(line("sim/Cargo.toml", "default"), "", "the simulator has no default features");
    let features = line("sim/Cargo.toml", "lenses");
    assert!(features.contains(r#""dep:madsim""#) && features.contains(r#""dep:proxy-fetch-native""#), "{features}");
    assert_eq!(line("native/Cargo.toml", "default"), r#"default = ["server"]"#);
    let mut users = 0;
    for (path, text) in ["sim/src", "sim/tests", "sim/benches"].into_iter().flat_map(sources) {
        if path.ends_with("rooms.rs") || !code(&text).contains("proxy_fetch_native") {
            continue;
        }
        let in_room = path.parent().is_some_and(|folder| folder.ends_with("sim/src/shell"));
        assert!(in_room, "{} knows the native host", path.display());
        let uses_only_shell =
            text.matches("proxy_fetch_native").count() == text.matches("proxy_fetch_native::shell").count();
        assert!(uses_only_shell, "{} knows more of the native host than its shell", path.display());
        users += 1;
    }
    assert!(users > 0, "nobody runs the production shell");
    let lib = read(&root().join("sim/src/lib.rs"));
    assert!(lib.contains("#[cfg(all(feature = \"lenses\", madsim))]\npub mod shell;"), "who has the room");
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    for folder in
        ["src", "sim/src", "sim/tests", "sim/examples", "native/src", "native/tests", "worker/src", "xtask/src"]
    {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 600, "{} has {lines} lines", path.display());
            assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
        }
    }
}
