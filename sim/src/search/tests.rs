//! The search itself, on a machine small enough to count by hand; and an object with its storage and its callers.

use super::*;
use crate::engine::{Object, Turn};

/// Two counters that go up to 9, one at a time; their sum must not be `forbidden`.
struct Counters {
    forbidden: Option<u8>,
}

impl Space for Counters {
    type State = [u8; 2];
    type Action = usize;
    type Broken = u8;

    fn start(&self) -> [u8; 2] {
        [0, 0]
    }

    fn actions(&self, _: &[u8; 2], actions: &mut Vec<usize>) {
        actions.extend([0, 1]);
    }

    fn step(&self, state: &[u8; 2], action: &usize) -> Result<Option<[u8; 2]>, u8> {
        let mut next = *state;
        next[*action] += 1;
        Ok((next[*action] <= 9).then_some(next))
    }

    fn digest(&self, state: &[u8; 2], _: &mut Vec<u8>) -> u128 {
        digest_of(state)
    }

    fn check(&self, state: &[u8; 2]) -> Result<(), u8> {
        let sum = state[0] + state[1];
        if Some(sum) == self.forbidden { Err(sum) } else { Ok(()) }
    }
}

fn count(forbidden: Option<u8>, bounds: Bounds) -> Found<usize, u8> {
    search(&Counters { forbidden }, bounds, |_, _, _| {})
}

#[test]
fn a_search_sees_every_state_once() {
    let found = count(None, Bounds::default());
    // Each of 100 states has two steps, but for the 20 at a border.
    assert_eq!((found.end, found.states, found.transitions), (End::Complete, 100, 180));
    assert_eq!((found.depth, found.widest), (18, 10));
}

#[test]
fn a_counterexample_is_a_shortest_one_and_the_first_of_those() {
    for threads in [1, 4] {
        let found = count(Some(7), Bounds { threads, ..Bounds::default() });
        let counterexample = found.counterexample.unwrap_or_else(|| panic!("nothing is broken"));
        assert_eq!((found.end, found.depth, counterexample.broken), (End::Broken, 7, 7));
        assert_eq!(counterexample.path, [0; 7]);
        assert_eq!(found.states, 28);
    }
    assert!(
        count(Some(0), Bounds::default()).counterexample.unwrap_or_else(|| panic!("nothing is broken")).path.is_empty()
    );
}

#[test]
fn a_bound_that_was_hit_is_said() {
    let found = count(Some(7), Bounds { depth: Some(6), ..Bounds::default() });
    assert_eq!((found.end, found.depth, found.states), (End::Depth, 6, 28));
    let found = count(None, Bounds { states: 50, ..Bounds::default() });
    assert_eq!(found.end, End::States);
    // The last level needs no step beyond it.
    assert_eq!(count(None, Bounds { depth: Some(19), ..Bounds::default() }).end, End::Complete);
}

/// A counter in memory and in storage. `forgetful`: it does not read the storage when it is constructed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tally {
    count: u8,
    forgetful: bool,
}

impl Object for Tally {
    type Settings = bool;
    type Storage = u8;
    type Write = u8;
    type Event = &'static str;
    type Effect = u8;
    type Note = ();

    const START: &'static str = "start";
    const ALARM: &'static str = "alarm";

    fn construct(forgetful: &bool, stored: &u8) -> Result<Self, String> {
        Ok(Self { count: if *forgetful { 0 } else { *stored }, forgetful: *forgetful })
    }

    fn apply(stored: &mut u8, write: &u8) {
        *stored = *write;
    }

    fn turn(&mut self, _: u64, events: &mut Vec<&'static str>, turn: &mut Turn<Self>) {
        if events.contains(&"count") {
            self.count += 1;
            turn.writes.push(self.count);
            turn.effects.push(self.count);
        }
    }

    fn note(_: &&'static str) {}
}

/// An object, its storage, and what its callers were told: all that determines the future, cloned and hashed as it is.
#[derive(Clone, Debug, Hash)]
struct Place {
    object: Tally,
    stored: u8,
    told: Vec<u8>,
}

struct Places {
    forgetful: bool,
}

impl Space for Places {
    type State = Place;
    type Action = &'static str;
    type Broken = String;

    fn start(&self) -> Place {
        let object = Tally { count: 0, forgetful: self.forgetful };
        Place { object, stored: 0, told: Vec::new() }
    }

    fn actions(&self, place: &Place, actions: &mut Vec<&'static str>) {
        if place.told.len() < 4 {
            actions.extend(["count", "count, and a crash before the reply"]);
        }
        actions.push("crash");
    }

    fn step(&self, place: &Place, action: &&'static str) -> Result<Option<Place>, String> {
        let mut next = place.clone();
        let mut turn = Turn::default();
        if action.starts_with("count") {
            next.object.turn(0, &mut vec!["count"], &mut turn);
        }
        for write in &turn.writes {
            Tally::apply(&mut next.stored, write);
        }
        if *action == "count" {
            next.told.extend(turn.effects);
        } else {
            let object = Tally::construct(&self.forgetful, &next.stored)?;
            next.object = object;
        }
        Ok((next.stored <= 5).then_some(next))
    }

    fn digest(&self, place: &Place, _: &mut Vec<u8>) -> u128 {
        digest_of(place)
    }

    fn check(&self, place: &Place) -> Result<(), String> {
        let grows = place.told.is_sorted_by(|one, next| one < next);
        if grows { Ok(()) } else { Err(format!("told {:?}", place.told)) }
    }
}

#[test]
fn an_object_with_its_world_is_a_space() {
    let sound = search(&Places { forgetful: false }, Bounds::default(), |_, _, _| {});
    assert_eq!((sound.end, sound.counterexample.is_none()), (End::Complete, true));
    let broken = search(&Places { forgetful: true }, Bounds::default(), |_, _, _| {});
    let counterexample = broken.counterexample.unwrap_or_else(|| panic!("it is sound"));
    assert_eq!(counterexample.path, ["count", "count, and a crash before the reply", "count"]);
    assert_eq!(counterexample.broken, "told [1, 1]");
}
