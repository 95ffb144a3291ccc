//! Runs of a small object: it answers each call twice.

use super::*;
use crate::{
    Chance, Draws, Fault, Faults, InstanceId, Key, Kind, MINUTE, Micros, Object, ObjectId, Place, SECOND, Sizes,
    Subject, Turn, Value,
    engine::points::{COMMIT, TURN},
    fields,
    plan::{Fields, List, read, write},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

#[derive(Hash)]
enum Event {
    Start,
    Alarm,
    Call,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Alarm => "alarm",
            Self::Call => "call",
        })
    }
}

/// What it does besides answering.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum How {
    #[default]
    Plainly,
    /// In the order of memory, which is another one in each process: so it seems.
    Reversed,
    /// It sets an alarm with each third turn, and another one in its handler.
    WithAlarms,
    /// It sets its alarm with each call, to 10 s later.
    Postponed,
}

struct Answers {
    how: How,
    turns: u64,
}

impl Object for Answers {
    type Settings = How;
    type Storage = u32;
    type Write = u32;
    type Event = Event;
    type Effect = u32;
    type Note = ();

    const START: Event = Event::Start;
    const ALARM: Event = Event::Alarm;

    fn construct(how: &How, _: &u32) -> Result<Self, String> {
        Ok(Self { how: *how, turns: 0 })
    }

    fn apply(storage: &mut u32, write: &u32) {
        *storage = *write;
    }

    fn turn(&mut self, now_ms: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        self.turns += 1;
        for event in events.drain(..) {
            if let Event::Call = event {
                turn.writes.push(1);
                turn.effects.extend([1, 2]);
            }
        }
        match self.how {
            How::Plainly => {}
            How::Reversed => turn.effects.reverse(),
            How::WithAlarms if self.turns.is_multiple_of(3) || (turn.fired.is_some() && now_ms < 120_000) => {
                turn.alarm = Some(now_ms + 700 * self.turns);
            }
            How::WithAlarms => {}
            How::Postponed => turn.alarm = turn.fired.is_none().then_some(now_ms + 10_000),
        }
        turn.failed = turn.commit_fails;
        if turn.failed {
            turn.effects.clear();
        }
    }

    fn note(_: &Event) {}
}

/// What happens, and for whom.
struct Message(&'static str, Option<InstanceId>);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[derive(Default)]
struct Callers {
    answers: u32,
    is_chained: bool,
    hits: BTreeMap<Fault, u32>,
}

impl World for Callers {
    type Object = Answers;
    type Message = Message;

    fn receive(&mut self, sim: &mut Sim<Self>, Message(what, whose): Message) {
        match (what, whose) {
            ("connect", _) => {
                // It is never closed.
                for object in [0, 1] {
                    let Ok(instance) = sim.call(self, object, Event::Call) else { return };
                    sim.connect(instance, Message("connected", None));
                }
            }
            ("connected", _) => {}
            ("work", _) => {
                let Ok(instance) = sim.call(self, 0, Event::Call) else { return };
                sim.connect(instance, Message("works", Some(instance)));
            }
            ("works", _) => sim.after(3 * SECOND, Message("done", whose)),
            ("done", Some(instance)) => {
                sim.disconnect(instance);
                sim.resume(instance, Event::Call);
            }
            ("heal", _) => {
                let recovery = sim.heal();
                sim.after(recovery, Message("work", None));
            }
            ("panic", _) => panic!("a mistake"),
            ("odd", _) => {
                static CALLS: AtomicU32 = AtomicU32::new(0);
                let call = CALLS.fetch_add(1, Ordering::Relaxed);
                sim.say("caller", || format!("(odd call {call})"));
                sim.after(u64::from(call), Message("call", None));
            }
            ("again", _) => sim.after(SECOND, Message("again", None)),
            ("stop", _) => sim.stop(),
            _ => {
                let _ = sim.call(self, 0, Event::Call);
            }
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, answer: u32) {
        self.answers += 1;
        // One of them goes by way of the other object.
        if self.is_chained && from.object == 0 && answer == 1 {
            let _ = sim.call(self, 1, Event::Call);
        }
    }

    fn fault(&mut self, _: &mut Sim<Self>, _: ObjectId, fault: Fault) {
        *self.hits.entry(fault).or_default() += 1;
    }
}

#[derive(Default)]
struct Call {
    at: Micros,
}

fields!(Call {
    /// When.
    at: moment "at_ms",
});

static CALLS: List = List { name: "calls", prefix: "call", fields: Call::FIELDS, says: "Who calls." };
static CALL: Subject = Subject::of("calls", "call {}");

static SCHEMA: Schema = Schema { rates: &[Faults::FIELDS], lists: &[&CALLS], subjects: &[&CALL], ..Schema::EMPTY };

/// Ten calls; what becomes of them.
#[derive(Default)]
struct Runs {
    how: How,
    message: &'static str,
    answers: Option<u32>,
    /// With all faults of the platform, until they cease.
    is_rough: bool,
}

impl Simulation for Runs {
    type World = Callers;
    const SCHEMA: &'static Schema = &SCHEMA;
    const MAX_STEPS: u64 = 500;

    fn draw(&self, seed: u64) -> Document {
        let draws = Draws::new(seed);
        let calls: Vec<Call> = (0..10).map(|call| Call { at: draws.at("call", call).below(MINUTE) }).collect();
        let mut faults = Faults { crash_after_commit: Chance::percent(30), ..Faults::default() };
        if self.is_rough {
            for (at, field) in Faults::FIELDS.iter().enumerate() {
                let values = field.values();
                let mut draw = draws.at("fault", at as u64);
                let value = match field.kind {
                    Kind::Chance => Value::Number(draw.pick(&[0, 100_000, 200_000])),
                    Kind::Whole { .. } => Value::Number(draw.pick(&[0, 3_000])),
                    Kind::Flag | Kind::Time { .. } | Kind::Moment { .. } | Kind::Word(_) => draw.pick(&values),
                };
                faults.set(at, Some(value));
            }
        }
        let mut document = Document { rates: faults.table(), ..Document::drawn(seed) };
        document.put_list(&CALLS, (0..).zip(&calls));
        document
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Callers>, Callers) {
        let faults = Faults::of_table(&document.rates);
        let mut sim = Sim::new(decisions, 0, faults, Sizes::default(), recorder);
        sim.add_object(self.how, 0);
        sim.add_object(self.how, 0);
        for (number, call) in document.list::<Call>(&CALLS) {
            sim.plan(call.at, CALL.key(number), Message(self.message, None));
        }
        if self.is_rough {
            sim.plan(15 * MINUTE, Key::WORLD, Message("heal", None));
        }
        (sim, Callers { is_chained: self.is_rough, ..Callers::default() })
    }

    fn end(&self, sim: &mut Sim<Callers>, world: &mut Callers, _: bool) {
        if self.answers.is_some_and(|answers| answers != world.answers) {
            sim.break_law("all calls are answered", format!("{} answers", world.answers));
        }
    }
}

/// One call, and this decision about it.
fn one_call(decisions: &str) -> Document {
    match read(&SCHEMA, &format!("[calls]\ncall0 = {{}}\n[decisions]\n{decisions}")) {
        Ok((_, document)) => document,
        Err(error) => panic!("{error}"),
    }
}

/// A map in an order of its own would do this. The order is the only difference.
#[test]
fn what_is_done_in_another_order_has_another_digest() {
    let run = |how| {
        let runs = Runs { how, ..Runs::default() };
        runs.run(&Document { seed: None, ..runs.draw(1) }, Recorder::default().with_digests())
    };
    let (one, other) = (run(How::Plainly), run(How::Reversed));
    assert_eq!(one.world.answers, other.world.answers);
    assert_eq!(one.sim.recorder.steps, other.sim.recorder.steps);
    assert_ne!(one.sim.recorder.digest(), other.sim.recorder.digest());
    assert_eq!(run(How::Reversed).sim.recorder.digest(), other.sim.recorder.digest());
}

/// All that the engine draws is recorded and played: with every fault of the platform, alarms, work, and a second object.
#[test]
fn a_rough_run_is_the_same_when_it_is_written_out() {
    let mut hits = BTreeMap::new();
    for (seed, message) in (0..600).zip(["work", "call"].into_iter().cycle()) {
        let runs = Runs { how: How::WithAlarms, message, is_rough: true, ..Runs::default() };
        let (document, drawn) = runs.written_out(&runs.draw(seed));
        let played = runs.run(&document, Recorder::default().with_lines());
        if played.sim.recorder.digest() != drawn.sim.recorder.digest() {
            let lines = runs.run(&runs.draw(seed), Recorder::default().with_lines()).sim.recorder;
            let pairs = lines.lines().iter().zip(played.sim.recorder.lines());
            panic!("seed {seed}: {:?}", pairs.into_iter().find(|(one, other)| one != other));
        }
        assert_eq!(played.sim.now(), drawn.sim.now(), "seed {seed}");
        assert_eq!(played.world.hits, drawn.world.hits, "seed {seed}");
        assert!(played.sim.decisions.unplayed().is_empty(), "seed {seed}: {:?}", played.sim.decisions.unplayed());
        assert_eq!(played.sim.notes(), [""; 0], "seed {seed}");
        drawn.world.hits.iter().for_each(|(fault, count)| *hits.entry(*fault).or_insert(0) += count);
    }
    assert!(hits.len() >= 16, "these hit: {hits:?}");
}

#[test]
fn a_run_that_does_not_come_to_rest_breaks_a_law_and_is_made_small() {
    let runs = Runs { message: "again", ..Runs::default() };
    let breaks = runs.run(&runs.draw(1), Recorder::default()).breaks().cloned();
    assert_eq!(breaks.map(|breaks| (breaks.law, breaks.step)), Some(("a run comes to rest", 500)));
    let small = runs.minimise(&runs.draw(1), Duration::from_secs(10)).ok().map(|small| small.document);
    assert_eq!(small.map(|document| write(&SCHEMA, &[], &[], &document)), Some("[calls]\ncall0 = {}\n".into()));
}

#[test]
fn a_run_that_the_world_stops_has_an_end() {
    let runs = Runs { message: "stop", answers: Some(1), ..Runs::default() };
    let breaks = runs.run(&runs.draw(1), Recorder::default()).breaks().cloned();
    assert_eq!(breaks.map(|breaks| breaks.law), Some("all calls are answered"));
    let small = runs.minimise(&runs.draw(1), Duration::from_secs(10)).ok().map(|small| small.document.items());
    assert_eq!(small, Some(0), "no call is answered if there is none");
}

#[test]
fn what_only_the_run_knows_is_noted() {
    let runs = Runs::default();
    let run = runs.run(&one_call("\"commit of call 0\" = { crash_after_effects = 9 }"), Recorder::default());
    let notes: Vec<String> = run.sim.decisions.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["\"commit of call 0\": crash_after_effects = 9 is more than there was: 2 was taken"]);
    assert_eq!(run.world.answers, 2);
}

#[test]
fn what_a_run_did_not_come_to_is_known() {
    let run = Runs::default().run(&one_call("\"turn of call 0 (2)\" = { crash = true }"), Recorder::default());
    let unplayed: Vec<_> = run.sim.decisions.unplayed().decisions().collect();
    let place = Place::new(&TURN, CALL.key(0).with_times(1));
    assert_eq!(unplayed, [(place, "crash", Value::Flag(true))]);
}

/// What is busy is looked at again, but not when nothing else is left to happen.
#[test]
fn looks_alone_do_not_keep_a_run_going() {
    let runs = Runs { message: "connect", ..Runs::default() };
    let run = runs.run(&one_call(""), Recorder::default());
    assert_eq!(run.breaks(), None);
    assert!(run.sim.now() < MINUTE);
}

#[test]
fn healing_takes_as_long_in_a_run_that_is_played() {
    let fails = "\"turn of call 0\" = { commit_fails = \"late\" }";
    for (decisions, most) in [("", 100 * SECOND), (fails, 30 * MINUTE)] {
        let mut run = Runs::default().run(&one_call(decisions), Recorder::default());
        let recovery = run.sim.heal();
        assert!(recovery < most && recovery > most / 2, "{decisions}: {recovery}");
        assert_eq!(run.sim.heal(), recovery);
    }
}

/// A handler that a reset interrupted may come back much later than one that failed.
#[test]
fn healing_takes_as_long_as_an_interrupted_alarm() {
    let runs = Runs { how: How::Postponed, ..Runs::default() };
    let text = "[calls]\ncall0 = {}\n[decisions]\n\"turn of alarm 1 after call 0\" = { crash = true }\n\
                \"firing of alarm 1 after call 0\" = { rerun_ms = 900000 }\n";
    let Ok((_, document)) = read(&SCHEMA, text) else { panic!("it is a document") };
    let whole = runs.run(&document, Recorder::default().with_lines());
    assert_eq!(whole.sim.notes(), [""; 0]);
    let lines = whole.sim.recorder.lines();
    let Some(lost) = lines.iter().find(|line| line.what.starts_with("LOST")) else { panic!("it is interrupted") };
    let mut cut_off = runs.run_until(&document, document.decisions(), Recorder::default(), lost.step);
    assert_eq!(cut_off.sim.heal(), 900 * SECOND);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "\"commit of\" is the engine's")]
fn a_world_decides_nothing_where_the_engine_does() {
    let sim: Sim<Callers> = Sim::new(Decisions::drawn(1), 0, Faults::default(), Sizes::default(), Recorder::default());
    drop(sim.decide(&COMMIT, CALL.key(0)));
}

#[test]
#[should_panic(expected = "\"turn of call 0\": the subject \"call {}\" is not in the schema's subjects")]
fn what_is_not_in_the_schema_is_not_written() {
    let document = one_call("\"turn of call 0\" = { crash = true }");
    let _ = write(&Schema { lists: SCHEMA.lists, ..Schema::EMPTY }, &[], &[], &document);
}

/// What its world does wrong is said where it is done, and is no finding about the object.
#[test]
#[cfg(debug_assertions)]
#[should_panic(
    expected = "durable-sim: the document has what its schema has not: the list `tasks` is not in the schema's lists"
)]
fn a_document_of_another_world_is_no_broken_law() {
    let mut document = Document::default();
    document.lists.insert("tasks", BTreeMap::from([(0, BTreeMap::new())]));
    drop(Runs::default().run(&document, Recorder::default()));
}

#[test]
fn a_panic_of_the_object_breaks_a_law() {
    let runs = Runs { message: "panic", ..Runs::default() };
    let breaks = runs.run(&runs.draw(1), Recorder::default()).breaks().cloned();
    let what = format!("panic: a mistake ({}:", file!());
    assert!(breaks.is_some_and(|breaks| breaks.law == "nothing panics" && breaks.what.starts_with(&what)));
    let small = runs.minimise(&runs.draw(1), Duration::from_secs(10)).map(|small| small.document.items());
    assert_eq!(small, Ok(1));
    let sound = Runs::default();
    let why = sound.minimise(&sound.draw(1), Duration::from_secs(10)).map(|small| small.runs);
    assert_eq!(why, Err(NotMinimised::BreaksNoLaw));
}

/// An address, a clock and the order of a map do what this counter does.
#[test]
fn a_run_that_cannot_be_repeated_is_told_with_the_lines_that_differ() {
    let sound = Runs::default();
    assert_eq!(sound.differs_at(&sound.draw(1)), None);
    let odd = Runs { message: "odd", ..Runs::default() };
    let Some(difference) = odd.differs_at(&odd.draw(1)) else { panic!("it differs") };
    let lines = difference.to_string();
    assert!(lines.contains("(odd call ") && lines.lines().count() == 4, "{lines}");
}

/// The alarm fires while the commit that replaces it is under way.
#[test]
fn an_alarm_that_is_on_its_way_to_the_disk_outlives_the_one_that_runs() {
    let runs = Runs { how: How::Postponed, ..Runs::default() };
    let text =
        "[calls]\ncall0 = {}\ncall1 = { at_ms = 9900 }\n[decisions]\n\"turn of call 1\" = { slow_commit_ms = 500 }\n";
    for (handler, times) in
        [("", [10_000, 19_900]), ("\"turn of alarm 1 after call 0\" = { commit_fails = \"late\" }\n", [10_000, 19_900])]
    {
        let Ok((_, document)) = read(&SCHEMA, &format!("{text}{handler}")) else { panic!("it is a document") };
        let run = runs.run(&document, Recorder::default().with_lines());
        let fired = run.sim.recorder.lines().iter().filter(|line| line.what.ends_with("< alarm"));
        assert_eq!(fired.map(|line| line.at / 1_000).collect::<Vec<_>>(), times, "{handler}");
    }
}
