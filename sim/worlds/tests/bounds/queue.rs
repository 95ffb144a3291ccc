//! Whatever a document of the queue may say, the consumer keeps its laws: each value is taken to its bounds, alone and with
//! others.

use durable_sim::{
    Draws, Field, Place, Recorder, Table, Value,
    plan::{Document, Simulation},
};
use proxy_fetch_sim::{
    proxy::Profile,
    queue::{Plan, QueueRuns, SCHEMA},
};

/// Where a document can be changed.
#[derive(Clone, Copy, Debug)]
enum Part {
    Settings,
    Rates,
    /// All items of a list.
    List(&'static str),
    /// All places of a point, or the first alone.
    Decisions {
        point: &'static str,
        first: bool,
    },
}

/// Every field of every part.
fn fields() -> Vec<(Part, &'static Field)> {
    let flat =
        |part, all: &'static [&'static [Field]]| all.iter().flat_map(|all| all.iter()).map(move |field| (part, field));
    let lists = SCHEMA.lists.iter().flat_map(|list| list.fields.iter().map(|field| (Part::List(list.name), field)));
    let points = SCHEMA.points.iter().flat_map(|point| {
        let fields =
            |first| point.fields.iter().map(move |field| (Part::Decisions { point: point.name, first }, field));
        fields(false).chain(fields(true))
    });
    flat(Part::Settings, SCHEMA.settings).chain(flat(Part::Rates, SCHEMA.rates)).chain(lists).chain(points).collect()
}

/// A document, and all that is decided in its run.
struct Base {
    name: String,
    document: Document,
    asked: Vec<(Place, &'static str)>,
}

/// As a seed draws it, which has rates; or written out, which has decisions.
fn base(profile: Profile, seed: u64, written_out: bool) -> Base {
    let runs = QueueRuns { profile, laws: true };
    let drawn = runs.draw(seed);
    let document = if written_out { runs.written_out(&drawn).0 } else { drawn };
    let decisions = document.decisions().listing();
    let run = runs.run_until(&document, decisions, Recorder::default(), QueueRuns::MAX_STEPS);
    let name = format!("{} {seed}{}", profile.name(), if written_out { ", written out" } else { "" });
    Base { name, document, asked: run.sim.decisions.asked() }
}

fn bases() -> Vec<Base> {
    let calm = (0..2).map(|seed| base(Profile::Calm, seed, false));
    let swarm = (0..5).flat_map(|seed| [false, true].map(|written_out| base(Profile::Swarm, seed, written_out)));
    calm.chain(swarm).collect()
}

/// The document with the nth value of this field; says which.
fn change(base: &Base, document: &mut Document, part: Part, field: &Field, nth: usize) -> Option<String> {
    let value = *field.values().get(nth)?;
    let put = |table: &mut Table| table.insert(field.name, value);
    let of = match part {
        Part::Settings => {
            put(&mut document.settings);
            "settings"
        }
        Part::Rates => {
            document.seed?;
            put(&mut document.rates);
            "rates"
        }
        Part::List(name) => {
            for item in document.lists.get_mut(name)?.values_mut() {
                put(item);
            }
            name
        }
        Part::Decisions { point, first } => {
            let is_here = |(place, name): &&(Place, &'static str)| place.point.name == point && *name == field.name;
            let most = if first { 1 } else { usize::MAX };
            for (place, _) in base.asked.iter().filter(is_here).take(most) {
                put(document.script.0.entry(*place).or_default());
            }
            if first { "the first place" } else { "each place" }
        }
    };
    Some(format!("{}: {of}: {} = {}", base.name, field.name, field.text(value)))
}

/// Each crash is of an isolate that there is: no file could say otherwise.
fn mend(document: &mut Document) {
    let last = Plan::of(document).settings.isolates as i64 - 1;
    for crash in document.lists.get_mut("crashes").into_iter().flat_map(|crashes| crashes.values_mut()) {
        if let Some(Value::Number(isolate)) = crash.get_mut("isolate") {
            *isolate = last.min(*isolate);
        }
    }
}

/// What the run breaks.
fn broken(document: &mut Document) -> Option<String> {
    mend(document);
    let run = QueueRuns::SWARM.run(document, Recorder::default());
    run.breaks().map(|breaks| format!("step {}: {}: {}", breaks.step, breaks.law, breaks.what))
}

#[test]
fn each_value_at_its_bounds() {
    let mut wrong = Vec::new();
    let bases = bases();
    let mut runs = 0;
    for (part, field) in fields() {
        let before = runs;
        for base in &bases {
            for nth in 0..field.values().len() {
                let mut document = base.document.clone();
                let Some(what) = change(base, &mut document, part, field, nth) else { continue };
                runs += 1;
                wrong.extend(broken(&mut document).map(|broken| format!("{what}: {broken}")));
            }
        }
        assert!(runs >= before + field.values().len(), "no run is of {} in {part:?}", field.name);
    }
    assert!(wrong.is_empty(), "{} of {runs}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn several_values_at_their_bounds() {
    let mut wrong = Vec::new();
    let (bases, fields) = (bases(), fields());
    for number in 0..500 {
        let mut draw = Draws::new(1).at("case", number);
        let base = &bases[draw.below(bases.len() as u64) as usize];
        let mut document = base.document.clone();
        let mut what = Vec::new();
        for _ in 0..draw.between(2, 6) {
            let (part, field) = draw.pick(&fields);
            let nth = draw.below(field.values().len() as u64) as usize;
            what.extend(change(base, &mut document, part, field, nth));
        }
        wrong.extend(broken(&mut document).map(|broken| format!("{number}: {}: {broken}", what.join("; "))));
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
