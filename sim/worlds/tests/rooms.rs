//! The arrows between the rooms, as imports have them: hosts and worlds use the core, the core uses none of them; the
//! worlds use the framework, which uses no crate of ours. One room of the worlds runs the native host's shell. Within a
//! crate no two modules are in a circle. Files stay small.
#![allow(missing_docs, reason = "a test")]

mod sources;

use sources::{Name, Source, re_exports, source, sources};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The folders whose files are a crate, or a part of one.
const FOLDERS: [&str; 13] = [
    "src",
    "sim/src",
    "sim/tests",
    "sim/examples",
    "sim/lock/src",
    "sim/worlds/src",
    "sim/worlds/campaigns",
    "sim/worlds/tests",
    "sim/worlds/benches",
    "native/src",
    "native/tests",
    "worker/src",
    "xtask/src",
];
/// The lines that a file may have, as STYLE says.
const MAX_LINES: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn of(folder: &str) -> Vec<Source> {
    sources(&root().join(folder))
}

/// A manifest's table of dependencies.
fn dependencies(manifest: &str, table: &str) -> BTreeMap<String, toml::Value> {
    let text = read(&root().join(manifest));
    let manifest: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{manifest}: {error}"));
    let table = manifest.get(table).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    table.into_iter().collect()
}

fn says(dependency: &toml::Value, key: &str) -> bool {
    dependency.get(key).and_then(toml::Value::as_bool).unwrap_or_default()
}

#[test]
fn the_core_depends_on_nothing_that_touches_the_world() {
    let allowed = ["jiff", "postcard", "serde", "serde_bytes", "ulid", "url", "xxhash-rust"];
    // The last three belong to the feature json.
    let allowed = allowed.into_iter().chain(["base64", "serde_json", "serde_path_to_error"]);
    let is: Vec<String> = dependencies("Cargo.toml", "dependencies").into_keys().collect();
    let mut allowed: Vec<String> = allowed.map(str::to_owned).collect();
    allowed.sort_unstable();
    assert_eq!(is, allowed);
    for source in of("src") {
        for name in source.paths() {
            let first = name.first().map(String::as_str).unwrap_or_default();
            assert!(!["std", "tokio", "madsim"].contains(&first), "src/{} uses {}", source.path, name.join("::"));
        }
        for word in ["async ", "unsafe "] {
            let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
            assert!(!code.clone().any(|line| line.contains(word)), "src/{} has {word}", source.path);
        }
    }
    let lib = read(&root().join("src/lib.rs"));
    assert!(lib.contains("#![no_std]") && lib.contains("#![forbid(unsafe_code)]"));
}

/// Whether this is a crate of this workspace, but for the framework.
fn is_ours(name: &str) -> bool {
    name.starts_with("proxy_fetch") || name.starts_with("proxy-fetch") || name == "xtask"
}

/// What a file of the engine uses of the rest of its package, or of any other of ours: it stands on decisions and time,
/// and tells whoever watches the process.
fn beyond_the_engine(source: &Source) -> Vec<String> {
    const BELOW: [&str; 4] = ["engine", "decide", "time", "watch"];
    let is_inside = |name: &&Name| match name.first().map(String::as_str) {
        Some("crate") => name.get(1).is_none_or(|module| {
            // What has no module is a macro of the declarations.
            BELOW.contains(&module.as_str()) || name.len() == 2 && ["points", "words"].contains(&module.as_str())
        }),
        Some(first) => !is_ours(first),
        None => true,
    };
    source.paths().filter(|name| !is_inside(name)).map(|name| format!("{}: {}", source.path, name.join("::"))).collect()
}

#[test]
fn the_framework_uses_no_crate_of_ours() {
    let beyond: Vec<String> =
        of("sim/src/engine").iter().flat_map(|file| beyond_the_engine(&inside("engine", file))).collect();
    assert!(beyond.is_empty(), "the engine uses\n{}", beyond.join("\n"));
    for (folder, files) in ["sim/src", "sim/tests", "sim/examples", "sim/lock/src"].map(|folder| (folder, of(folder))) {
        for file in files {
            let uses: Vec<String> = file.paths().filter(|name| is_ours(&name[0])).map(|name| name.join("::")).collect();
            assert!(uses.is_empty(), "{folder}/{} uses {uses:?}", file.path);
        }
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let dependencies = dependencies("sim/Cargo.toml", table);
        assert_eq!(dependencies.keys().find(|name| is_ours(name)), None, "{table} of the framework");
    }
    // Who wants the engine alone gets nothing else.
    let dependencies = dependencies("sim/Cargo.toml", "dependencies");
    let always = dependencies.iter().filter(|(_, dependency)| !says(dependency, "optional"));
    assert_eq!(always.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["rand_chacha", "rustc-hash"]);
    let worlds = of("sim/worlds/src");
    assert!(worlds.iter().any(|file| file.paths().any(|name| name[0] == "durable_sim")), "no world uses the framework");
}

#[test]
fn history_stands_below_worlds_and_laws() {
    for file in of("sim/worlds/src/history").iter().map(|file| inside("history", file)) {
        let is_above = |name: &&Name| name[0] == "crate" && name.get(1).is_some_and(|module| module != "history");
        let uses: Vec<String> = file.paths().filter(is_above).map(|name| name.join("::")).collect();
        assert!(uses.is_empty(), "{} uses {uses:?}", file.path);
    }
}

/// The file, read as one of a module's folder.
fn inside(module: &str, file: &Source) -> Source {
    source(&format!("{module}/{}", file.path), &file.text)
}

#[test]
fn what_an_engine_may_not_use_is_found() {
    let found = |text| beyond_the_engine(&source("engine/run.rs", text)).len();
    assert_eq!(found("use crate::{engine::{Sim, Turn}, laws::{self, Law}};"), 2);
    assert_eq!(found("use super::{alarm::Alarm, super::proxy::Plan};"), 1);
    assert_eq!(found("fn f() { let x: proxy_fetch::Event = crate::queue::run(); }"), 2);
    assert_eq!(found("fn f() { assert!(is(crate::proxy::X), \"{}\", crate::engine::Y); }"), 1);
    assert_eq!(found("use crate::engine::Sim; #[cfg(test)] mod tests { use crate::proxy::Plan; }"), 0);
}

#[test]
fn hosts_do_not_know_the_simulator_nor_it_them() {
    for table in ["dependencies", "dev-dependencies"] {
        let native = dependencies("native/Cargo.toml", table);
        let worker = dependencies("worker/Cargo.toml", table);
        for host in [&native, &worker] {
            let is_foreign = |name: &&String| {
                ["proxy-fetch-sim", "durable-sim"].contains(&name.as_str()) || name.starts_with("madsim")
            };
            assert_eq!(host.keys().find(is_foreign), None);
        }
        assert!(!worker.contains_key("proxy-fetch-native"), "{table} of the worker");
        let sim = dependencies("sim/worlds/Cargo.toml", table);
        let is_host = |name: &&String| ["proxy-fetch-worker", "tokio"].contains(&name.as_str());
        assert_eq!(sim.keys().find(is_host), None, "{table} of the simulator");
    }
    // Without what is asked of them these would hold of an empty table too.
    for (manifest, known) in
        [("native/Cargo.toml", "tokio"), ("worker/Cargo.toml", "worker"), ("sim/worlds/Cargo.toml", "toml")]
    {
        let dependencies = dependencies(manifest, "dependencies");
        assert!(dependencies.contains_key(known) && dependencies.contains_key("proxy-fetch"), "{manifest}");
    }
}

/// What runs in production is what is simulated, not a copy of it: so this one room knows a host. It knows no more of
/// it than its shell, which is free of tokio; and only builds that look through all lenses have the room.
#[test]
fn one_room_runs_the_production_shell() {
    let dependencies = dependencies("sim/worlds/Cargo.toml", "dependencies");
    let [native, madsim] = ["proxy-fetch-native", "madsim"].map(|name| &dependencies[name]);
    assert!(says(native, "optional") && says(madsim, "optional"), "only lenses need them");
    assert!(native.get("default-features").is_some_and(|all| all.as_bool() == Some(false)), "its shell is enough");
    let mut users = 0;
    let folders = ["sim/worlds/src", "sim/worlds/campaigns", "sim/worlds/tests", "sim/worlds/benches"];
    for (folder, file) in folders.map(|folder| (folder, of(folder))) {
        for source in file {
            let uses: Vec<&Name> = source.paths().filter(|name| name[0] == "proxy_fetch_native").collect();
            let in_room = folder == "sim/worlds/src" && source.top() == Some("shell");
            assert!(uses.is_empty() || in_room, "{folder}/{} knows the native host", source.path);
            let beyond = uses.iter().find(|name| name.get(1).is_some_and(|module| module != "shell"));
            assert_eq!(beyond, None, "{folder}/{} knows more of the native host than its shell", source.path);
            users += usize::from(!uses.is_empty());
        }
    }
    assert!(users > 0, "nobody runs the production shell");
    let lib = read(&root().join("sim/worlds/src/lib.rs"));
    assert!(lib.contains("#[cfg(all(feature = \"lenses\", madsim))]\npub mod shell;"), "who has the room");
}

/// Which module of a crate uses which, and where.
fn uses(sources: &[Source]) -> BTreeMap<(String, String), String> {
    let modules: BTreeSet<&str> = sources.iter().filter_map(Source::top).collect();
    let re_exports = re_exports(sources);
    let mut uses = BTreeMap::new();
    for source in sources {
        let Some(from) = source.top() else { continue };
        for name in source.paths().filter(|name| name[0] == "crate") {
            let Some(to) = name.get(1) else { continue };
            let to = re_exports.get(to).unwrap_or(to);
            if modules.contains(to.as_str()) && to != from {
                uses.entry((from.to_owned(), to.clone())).or_insert_with(|| source.path.clone());
            }
        }
    }
    uses
}

/// Modules that use each other, if only through others.
fn circles(uses: &BTreeMap<(String, String), String>) -> Vec<String> {
    let reached = |from: &str| {
        let mut reached = BTreeSet::from([from.to_owned()]);
        let mut next = vec![from.to_owned()];
        while let Some(from) = next.pop() {
            let to = uses.keys().filter(|(user, _)| *user == from).map(|(_, used)| used.clone());
            next.extend(to.filter(|to| reached.insert(to.clone())));
        }
        reached
    };
    let in_circle = uses.iter().filter(|((from, to), _)| reached(to).contains(from));
    in_circle.map(|((from, to), file)| format!("{from} uses {to} in {file}")).collect()
}

#[test]
fn no_two_modules_of_a_crate_are_in_a_circle() {
    for folder in ["src", "sim/src", "sim/worlds/src", "native/src", "worker/src", "xtask/src"] {
        let sources = of(folder);
        let circles = circles(&uses(&sources));
        assert!(circles.is_empty(), "{folder}:\n{}", circles.join("\n"));
    }
}

#[test]
fn a_circle_is_found() {
    let crate_of = |files: &[(&str, &str)]| -> Vec<String> {
        circles(&uses(&files.iter().map(|(path, text)| source(path, text)).collect::<Vec<_>>()))
    };
    let lib = ("lib.rs", "mod a; mod b; mod c; pub use b::Item;");
    let line = [lib, ("a.rs", "use crate::b::x;"), ("b/mod.rs", "use crate::c; use super::c::y;"), ("c.rs", "")];
    assert_eq!(crate_of(&line), [""; 0]);
    let direct = [lib, ("a.rs", "use crate::b::x;"), ("b/d.rs", "use super::super::a::z;"), ("c.rs", "")];
    assert_eq!(crate_of(&direct), ["a uses b in a.rs", "b uses a in b/d.rs"]);
    let through =
        [lib, ("a.rs", "use crate::c;"), ("b.rs", "fn f() { crate::a::g() }"), ("c.rs", "use crate::{Item};")];
    assert_eq!(crate_of(&through).len(), 3, "c uses b by a name that the root gives out");
}

/// Functions of the core that laws may call: they say what a caller asked for or what stands in a row, or reckon with
/// times, and decide nothing.
const CARRIERS: [&str; 9] = [
    "as_str",
    "at_most_once",
    "key",
    "max_retries",
    "max_retry_delay_ms",
    "ms_since",
    "plus_ms",
    "retry_delay_ms",
    "timeout_ms",
];
/// Methods of collections and of texts that something in the core has too.
const COLLECTIONS: [&str; 4] = ["clear", "first", "parse", "remove"];
/// S25 alone is about the machine's memory, which it must ask for.
const ABOUT_MEMORY: &str = "s25_shadow.rs";

/// The functions of the core that the file calls, of whose methods these are the names; and what it imports so that
/// nobody can tell.
fn calls(law: &Source, methods_of_core: &BTreeSet<String>) -> Vec<String> {
    let is_function = |name: &&Name| name.last().is_some_and(|last| last.starts_with(char::is_lowercase));
    let is_of_core = |name: &&Name| name[0] == "proxy_fetch";
    let types: BTreeSet<&String> = law.imports.iter().filter(is_of_core).filter_map(|name| name.last()).collect();
    let named = law.names.iter().filter(|name| is_of_core(name) || name.len() > 1 && types.contains(&name[0]));
    let paths = law.imports.iter().filter(is_of_core).chain(named).filter(is_function);
    let methods = law.methods.iter().filter(|name| methods_of_core.contains(*name) && !law.has.contains(*name));
    let disguised = law.disguised.iter().filter(is_of_core).map(|name| format!("{} in disguise", name.join("::")));
    paths.map(|name| name.join("::")).chain(methods.cloned()).chain(disguised).collect()
}

#[test]
fn laws_call_no_function_of_the_core() {
    let mut methods: BTreeSet<String> = of("src").into_iter().flat_map(|source| source.offers).collect();
    // A call says the name of a method, not whose it is.
    for other in ["sim/src", "sim/worlds/src"].into_iter().flat_map(of).flat_map(|source| source.offers) {
        methods.remove(&other);
    }
    let judged = ["is_ambiguous", "is_retryable", "has_response", "delay_ms", "next_wake"];
    assert_eq!(judged.iter().find(|judged| !methods.contains(**judged)), None, "something else has this name too");
    let mut wrong = Vec::new();
    for folder in ["sim/worlds/src/laws", "sim/worlds/src/queue/laws"] {
        for law in of(folder).iter().filter(|law| law.path != ABOUT_MEMORY) {
            let calls = calls(law, &methods)
                .into_iter()
                .filter(|call| !CARRIERS.iter().chain(&COLLECTIONS).any(|carrier| carrier == call));
            wrong.extend(calls.map(|call| format!("{folder}/{}: {call}", law.path)));
        }
    }
    assert!(wrong.is_empty(), "a law calls what it should judge:\n{}", wrong.join("\n"));
}

#[test]
fn a_call_of_the_core_is_found() {
    let methods = BTreeSet::from(["is_ambiguous".to_owned()]);
    let found = |text| calls(&source("laws/s99.rs", text), &methods);
    assert_eq!(found("use proxy_fetch::{Phase, backoff_ms};"), ["proxy_fetch::backoff_ms"]);
    assert_eq!(found("use proxy_fetch::RetryAfter; fn f() { RetryAfter::parse(x) }"), ["RetryAfter::parse"]);
    assert_eq!(found("fn f() { ensure!(proxy_fetch::expires_at(id), 1) }"), ["proxy_fetch::expires_at"]);
    assert_eq!(found("fn f() { failure.is_ambiguous() }"), ["is_ambiguous"]);
    assert_eq!(found("fn f() { ensure!(a && !failure.is_ambiguous()) }"), ["is_ambiguous"]);
    assert_eq!(found("use proxy_fetch::RetryAfter as R;"), ["proxy_fetch::RetryAfter in disguise"]);
    assert_eq!(found("use proxy_fetch::*;").len(), 2, "the crate itself is no type");
    assert_eq!(found("use proxy_fetch::Phase; fn f() { matches!(phase, Phase::Queued) }"), [""; 0]);
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    let style = read(&root().join("STYLE.md"));
    assert!(style.contains(&format!("at most {MAX_LINES} lines a file")), "STYLE names another bound");
    for folder in FOLDERS {
        for source in of(folder) {
            let lines = source.text.lines().count();
            assert!(lines <= MAX_LINES, "{folder}/{} has {lines} lines", source.path);
            assert!(source.text.starts_with("//!"), "{folder}/{} does not say what it is for", source.path);
        }
    }
}
