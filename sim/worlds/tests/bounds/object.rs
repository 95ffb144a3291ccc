//! Each key of a document of the object at its bounds: whatever is declared runs, and no law of the sound machine breaks.
//! For the queue `queue.rs` does so.

use durable_sim::{
    Field, Kind, Recorder, Table, Value,
    plan::{Document, Simulation},
};
use proxy_fetch_sim::proxy::ProxyRuns;

/// So many seeds for each bound.
const SEEDS: u64 = 6;

/// The values at a field's bounds; all of its words.
fn bounds(field: &Field) -> Vec<Value> {
    match field.kind {
        Kind::Flag | Kind::Word(_) => field.values(),
        Kind::Whole { .. } | Kind::Time { .. } | Kind::Moment { .. } | Kind::Chance => {
            let values = field.values();
            // What campaigns draw at the most is among them; a platform that always fails proves nothing.
            let is_rate = field.kind == Kind::Chance && !field.tries.is_empty();
            let last = if is_rate { values[1] } else { values[values.len() - 1] };
            vec![values[0], last]
        }
    }
}

/// The document with this in the place of what it says there.
fn with(document: &Document, change: impl FnOnce(&mut Document)) -> Document {
    let mut changed = document.clone();
    change(&mut changed);
    changed
}

fn holds<S: Simulation>(runs: &S, what: &str, seed: u64, document: &Document) -> Option<String> {
    let run = runs.run(document, Recorder::default());
    run.breaks().map(|breaks| format!("{what}, seed {seed}: {}: {}", breaks.law, breaks.what))
}

fn at_its_bounds<S: Simulation>(runs: &S) {
    let (mut broken, mut tried) = (Vec::new(), 0);
    let mut look = |what: String, change: &dyn Fn(&mut Document)| {
        for seed in 0..SEEDS {
            tried += 1;
            broken.extend(holds(runs, &what, seed, &with(&runs.draw(seed), change)));
        }
    };
    type Of = fn(&mut Document) -> &mut Table;
    let groups: [(&[&[Field]], Of); 2] =
        [(S::SCHEMA.settings, |document| &mut document.settings), (S::SCHEMA.rates, |document| &mut document.rates)];
    for (groups, of) in groups {
        // That a run is calm is a promise about all the rest of its document.
        let fields = groups.iter().flat_map(|fields| fields.iter()).filter(|field| field.name != "profile");
        for field in fields {
            for value in bounds(field) {
                look(format!("{} = {}", field.name, field.text(value)), &|document| {
                    of(document).insert(field.name, value);
                });
            }
        }
    }
    for list in S::SCHEMA.lists {
        for field in list.fields {
            for value in bounds(field) {
                look(format!("{} of {} = {}", field.name, list.name, field.text(value)), &|document| {
                    let items = document.lists.entry(list.name).or_default();
                    if items.is_empty() {
                        items.insert(0, Table::new());
                    }
                    items.values_mut().take(3).for_each(|item| {
                        item.insert(field.name, value);
                    });
                });
            }
        }
    }
    assert!(tried > 100, "{tried} runs");
    assert!(broken.is_empty(), "{} of {tried}:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn the_objects_documents_at_their_bounds() {
    at_its_bounds(&ProxyRuns::SWARM);
}
