//! A world that goes wrong in the way that `BROKEN` says, with every thousandth seed from 1 on: what the command line then
//! does is tested with it.
#![allow(missing_docs, clippy::disallowed_methods, reason = "an example, which takes its time on purpose")]

use durable_sim::{
    Decisions, InstanceId, Law, Micros, NoObject, Recorder, Sim, Subject, World,
    cli::{Tool, main as run},
    fields, laws,
    plan::{Document, Fields, List, Schema, Simulation},
};
use std::{convert::Infallible, env, hint::black_box, process, thread, time::Duration};

laws! {
    LAWS = [
        /// Nothing goes wrong.
        RIGHT = "all is right",
    ];
}

/// Something that goes wrong.
#[derive(Default)]
struct Mishap {
    at: Micros,
}

fields!(Mishap {
    /// When.
    at: moment "at_ms",
});

static MISHAPS: List = List { name: "mishaps", prefix: "mishap", fields: Mishap::FIELDS, says: "What goes wrong." };
static MISHAP: Subject = Subject::of("mishaps", "mishap {}");
static SCHEMA: Schema = Schema { lists: &[&MISHAPS], subjects: &[&MISHAP], has_objects: false, ..Schema::EMPTY };

struct Place;

impl World for Place {
    type Object = NoObject;
    type Message = &'static str;

    fn receive(&mut self, sim: &mut Sim<Self>, message: &'static str) {
        sim.say("world", || message.to_owned());
        match env::var("BROKEN").unwrap_or_default().as_str() {
            "law" => sim.always(&RIGHT, false, || "it went wrong".into()),
            "panic" => panic!("no {}", "way"),
            "endless" => {
                eprintln!("on and on");
                loop {
                    thread::sleep(Duration::from_millis(10));
                }
            }
            "overflow" => println!("{}", deeper(0)),
            "abort" => process::abort(),
            _ => {}
        }
    }

    fn perform(&mut self, _: &mut Sim<Self>, _: InstanceId, effect: Infallible) {
        match effect {}
    }
}

#[allow(unconditional_recursion, reason = "the stack is to overflow")]
fn deeper(depth: u64) -> u64 {
    black_box([depth; 100])[99] + black_box(deeper(black_box(depth + 1)))
}

#[derive(Clone)]
struct Runs;

impl Simulation for Runs {
    type World = Place;
    const NAME: &'static str = "broken";
    const SCHEMA: &'static Schema = &SCHEMA;
    const LAWS: &'static [&'static Law] = &LAWS;
    const PLAN: &'static str = "mishaps.mishap0 = { at_ms = 5 }\n";

    fn draw(&self, seed: u64) -> Document {
        let mut document = Document::drawn(seed);
        if seed % 1_000 == 1 {
            document.put_list(&MISHAPS, [(0, &Mishap { at: 1_000 })]);
        } else if env::var_os("PAUSE").is_some() {
            thread::sleep(Duration::from_millis(20));
        }
        document
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Place>, Place) {
        let mut sim = Sim::of(document, decisions, recorder);
        for (number, mishap) in document.list::<Mishap>(&MISHAPS) {
            sim.plan(mishap.at, MISHAP.key(number), "a mishap");
        }
        (sim, Place)
    }
}

fn main() -> process::ExitCode {
    run(&Tool::new("broken", &[&Runs]))
}
