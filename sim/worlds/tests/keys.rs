//! The tables of keys in `sim/worlds/scenarios/README.md` are made of the declarations. `INSTA_UPDATE=always` writes them
//! anew, as it does with snapshots.
#![allow(missing_docs, reason = "a test")]

use durable_sim::plan::{Schema, Simulation};
use proxy_fetch_sim::{proxy::ProxyRuns, queue::QueueRuns};
use std::{env, fs, path::Path};

const END: &str = "<!-- end -->";

/// The page with the tables of this world's keys.
fn with_tables(page: &str, world: &str, schema: &Schema) -> String {
    let begin = format!("<!-- keys of the {world} -->\n");
    let Some((before, rest)) = page.split_once(&begin) else { panic!("where is {begin}?") };
    let Some((_, after)) = rest.split_once(END) else { panic!("where is {END}?") };
    format!("{before}{begin}\n{}\n\n{END}{after}", schema.documentation().trim())
}

#[test]
fn the_page_documents_what_is_declared() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/README.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let declared = with_tables(&page, ProxyRuns::NAME, ProxyRuns::SCHEMA);
    let declared = with_tables(&declared, QueueRuns::NAME, QueueRuns::SCHEMA);
    if env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        let written = fs::write(&path, declared);
        assert!(written.is_ok(), "{written:?}");
    } else {
        assert!(page == declared, "{} is out of date: INSTA_UPDATE=always cargo test --test keys", path.display());
    }
}
