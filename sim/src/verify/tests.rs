//! A counter that is told to count, and counts once more a minute later.

use super::*;
use std::convert::Infallible;

const MINUTE_MS: u64 = 60_000;

#[derive(Debug)]
struct Counter(u64);

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Event {
    Start,
    Alarm,
    Count(u64),
    Heard(u64),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Object for Counter {
    type Settings = u64;
    type Storage = u64;
    type Write = u64;
    type Event = Event;
    type Effect = String;
    type Note = ();

    const START: Event = Event::Start;
    const ALARM: Event = Event::Alarm;

    fn construct(most: &u64, stored: &u64) -> Result<Self, String> {
        if stored > most { Err(format!("{stored} is more than {most}")) } else { Ok(Self(*stored)) }
    }

    fn apply(stored: &mut u64, write: &u64) {
        *stored = *write;
    }

    fn turn(&mut self, now_ms: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        for event in events.drain(..) {
            match event {
                Event::Count(0) => panic!("nothing to count"),
                Event::Count(by) => {
                    self.0 += by;
                    turn.alarm = Some(now_ms + MINUTE_MS);
                    turn.effects.push(format!("tell {}", self.0));
                }
                Event::Alarm => self.0 += 1,
                Event::Start | Event::Heard(_) => continue,
            }
            turn.writes.push(self.0);
        }
    }

    fn note(_: &Event) {}
}

impl Recorded for Counter {
    type Proof = String;

    fn is_alarm(event: &Event) -> bool {
        *event == Event::Alarm
    }

    fn leaves(effect: &String) -> Option<String> {
        Some(effect.clone())
    }

    fn proves(event: &Event) -> Option<String> {
        match event {
            Event::Heard(count) => Some(format!("tell {count}")),
            Event::Start | Event::Alarm | Event::Count(_) => None,
        }
    }

    fn differences(found: &u64, expected: &u64) -> Vec<String> {
        if found == expected { Vec::new() } else { vec![format!("expected: {expected}"), format!("got:      {found}")] }
    }
}

/// An object without an end of its calls.
#[test]
fn an_object_may_prove_nothing() {
    #[derive(Debug)]
    struct Silent;
    impl Object for Silent {
        type Settings = ();
        type Storage = ();
        type Write = Infallible;
        type Event = &'static str;
        type Effect = Infallible;
        type Note = ();
        const START: &'static str = "start";
        const ALARM: &'static str = "alarm";
        fn construct((): &(), (): &()) -> Result<Self, String> {
            Ok(Self)
        }
        fn apply((): &mut (), write: &Infallible) {
            match *write {}
        }
        fn turn(&mut self, _: u64, _: &mut Vec<&'static str>, _: &mut Turn<Self>) {}
        fn note(_: &&'static str) {}
    }
    impl Recorded for Silent {
        type Proof = ();
        fn is_alarm(event: &&'static str) -> bool {
            *event == Self::ALARM
        }
        fn differences((): &(), (): &()) -> Vec<String> {
            Vec::new()
        }
    }
    let mut verifier = Verifier::<Silent>::default();
    assert_eq!(verifier.take(Record::Incarnation { settings: (), storage: () }), Ok(()));
    let (events, effects) = (vec!["start"], Vec::new());
    assert_eq!(verifier.take(Record::Turn { now_ms: 1, fired: None, events, effects, alarm: None }), Ok(()));
    assert_eq!((verifier.findings().turns, &verifier.findings().difference), (1, &None));
}

fn begins(stored: u64) -> Record<Counter> {
    Record::Incarnation { settings: 100, storage: stored }
}

fn turn(now_ms: u64, events: &[Event], effects: &[&str], alarm: Option<u64>) -> Record<Counter> {
    let fired = events.contains(&Event::Alarm).then_some(now_ms);
    let effects = effects.iter().map(ToString::to_string).collect();
    Record::Turn { now_ms, fired, events: events.to_vec(), effects, alarm }
}

/// Two incarnations: the first counts to 5, by an alarm to 6, and to 8, of which nobody heard.
fn records() -> Vec<Record<Counter>> {
    vec![
        begins(3),
        turn(10, &[Event::Start, Event::Count(2)], &["tell 5"], Some(60_010)),
        turn(20, &[Event::Heard(5)], &[], Some(60_010)),
        turn(60_010, &[Event::Alarm], &[], None),
        turn(60_020, &[Event::Count(2)], &["tell 8"], Some(120_020)),
        begins(6),
        turn(70_000, &[Event::Start], &[], None),
    ]
}

fn found(records: Vec<Record<Counter>>) -> String {
    let mut verifier = Verifier::default();
    for record in records {
        if let Err(error) = verifier.take(record) {
            return error.to_string();
        }
    }
    verifier.findings().to_string()
}

#[test]
fn what_was_recorded_is_done_again() {
    assert_eq!(found(records()), "incarnations=2 turns=5 events=6 effects=2 restarts=1 lost=1: identical");
}

#[test]
fn what_is_not_done_again_is_shown() {
    let with = |at: usize, record: Record<Counter>| {
        let mut records = records();
        records[at] = record;
        found(records).split_once("DIFFERENT ").map_or_else(|| "nothing".to_owned(), |(_, what)| what.to_owned())
    };
    let differs = |what: String, lines: &[&str]| {
        let said: Vec<&str> = what.lines().map(str::trim).filter(|line| !line.starts_with(['<', '>'])).collect();
        assert_eq!(said, lines);
    };
    let head = "in turn 1 of incarnation 1:";
    let first = |effects: &[&str], alarm| turn(10, &[Event::Start, Event::Count(2)], effects, alarm);
    differs(with(1, first(&["tell 6"], Some(60_010))), &[head, "at 10 ms", "expected: > tell 6", "got:      > tell 5"]);
    differs(
        with(1, first(&[], Some(60_010))),
        &[head, "at 10 ms", "expected: no further effect", "got:      > tell 5"],
    );
    differs(
        with(1, first(&["tell 5"], None)),
        &[head, "at 10 ms", "expected: no alarm is known", "got:      | alarm at 60010 ms"],
    );
    differs(
        with(1, turn(10, &[Event::Count(0)], &[], None)),
        &[head, "at 10 ms", "expected: a turn", "got:      a panic: nothing to count"],
    );
    differs(
        with(0, begins(101)),
        &[
            head,
            "at 10 ms",
            "expected: a turn of the constructed object",
            "got:      none; it cannot be constructed: 101 is more than 100",
        ],
    );
    let restart = "in the restart that begins incarnation 2:";
    differs(
        with(5, begins(7)),
        &[restart, "it is not stored as after any of the 4 turns before", "expected: 8", "got:      7"],
    );
    // Somebody has heard of 5, so it is stored.
    let lost = "it is stored as after turn 0 of the incarnation before, though what turn 1 sent was answered";
    differs(with(5, begins(3)), &[restart, lost, "expected: 8", "got:      3"]);
    assert_eq!(with(5, begins(8)), "nothing", "all of it may be stored");
    assert_eq!(found(records().split_off(1)), "a turn is recorded before the incarnation that took it");
}
