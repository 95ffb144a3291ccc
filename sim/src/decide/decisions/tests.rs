//! What is drawn, recorded, played, and noted.

use super::*;
use crate::{Chance, Subject, Value, points, words};

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Never,
    Slowly,
    Fast,
}
words!(How { How::Never => "never", How::Slowly => "slowly", How::Fast => "fast" });

points! {
    /// A test.
    TRY: Try = "try" {
        /// It happens.
        happens: Flag,
        /// How.
        how: Choice<How>,
        /// How long it takes.
        takes: Time(0..=60_000_000),
        /// How many.
        count: Whole(-9..=9),
        /// Of those that there are.
        which: Whole(0..=1_000),
    }
}

static ITEM: Subject = Subject::new("item {}");

fn decide(decisions: &Decisions) -> Vec<String> {
    (0..50)
        .map(|item| {
            let mut at = decisions.at(Place::new(&TRY, ITEM.key(item)));
            let happens = at.happens(&TRY.happens, Chance::percent(30));
            let how = at.sometimes_one(&TRY.how, Chance::percent(30), &[How::Slowly, How::Fast]);
            let (takes, count) =
                (at.time(&TRY.takes, 5, 9), at.sometimes_whole(&TRY.count, Chance::percent(50), -3, 3));
            format!("{happens} {how:?} {takes} {count:?} {}", at.up_to(&TRY.which, 2))
        })
        .collect()
}

#[test]
fn what_was_recorded_is_played() {
    let recording = Decisions::drawn(1).recording();
    let drawn = decide(&recording);
    assert_eq!(drawn, decide(&Decisions::drawn(1)), "recording changes nothing");
    let playing = Decisions::playing(recording.recorded()).recording();
    assert_eq!(drawn, decide(&playing), "the seed plays no part");
    assert_eq!(playing.recorded(), recording.recorded());
    assert_eq!(playing.unplayed(), Script::default());
}

#[test]
fn what_is_in_no_script_is_plain_or_drawn() {
    assert_eq!(decide(&Decisions::playing(Script::default())), vec!["false Never 5 None 0"; 50]);
    let place = Place::new(&TRY, ITEM.key(7));
    let script: Script = [(place, "takes_ms", Value::Number(1_000))].into_iter().collect();
    let (mixed, drawn) = (decide(&Decisions::drawn_but(3, script)), decide(&Decisions::drawn(3)));
    let differs: Vec<usize> = (0..50).filter(|item| mixed[*item] != drawn[*item]).collect();
    assert_eq!(differs, [7]);
    assert!(mixed[7].contains(" 1000 "), "the call's bounds are the seed's, not the script's: {}", mixed[7]);
}

#[test]
fn what_nobody_asked_for_is_known() {
    let known = [(Place::new(&TRY, ITEM.key(1)), "happens", Value::Flag(true))];
    let never = [(Place::new(&TRY, ITEM.key(99)), "happens", Value::Flag(true))];
    let playing = Decisions::playing(known.into_iter().chain(never).collect());
    decide(&playing);
    assert_eq!(playing.unplayed(), never.into_iter().collect());
}

#[test]
fn what_only_the_run_knows_is_noted() {
    let said = [(Place::new(&TRY, ITEM.key(1)), "which", Value::Number(99))];
    let playing = Decisions::playing(said.into_iter().collect());
    assert!(decide(&playing)[1].ends_with(" 2"));
    let notes: Vec<String> = playing.notes().iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["\"try item 1\": which = 99 is more than there was: 2 was taken"]);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "asked twice in a run: happens at \"try item 0\"")]
fn nothing_is_asked_twice_at_one_place() {
    let decisions = Decisions::drawn(1);
    decide(&decisions);
    decide(&decisions);
}

/// What always happens is plain if it does, and a script may deny it: that is recorded, and played again.
#[test]
fn what_always_happens_can_be_denied() {
    let place = Place::new(&TRY, ITEM.key(0));
    let always = |decisions: &Decisions| decisions.at(place).happens(&TRY.happens, Chance::ALWAYS);
    assert!(always(&Decisions::playing(Script::default())));
    let denied: Script = [(place, "happens", Value::Flag(false))].into_iter().collect();
    let playing = Decisions::playing(denied.clone()).recording();
    assert!(!always(&playing));
    assert_eq!(playing.recorded(), denied);
    // That something happens that need not is recorded too: the next run may have no rates.
    let drawn = Decisions::drawn(1).recording();
    assert!(always(&drawn));
    assert!(Decisions::playing(drawn.recorded()).at(place).happens(&TRY.happens, Chance::NEVER));
}

#[test]
fn a_fault_of_a_script_does_not_happen_once_faults_have_ceased() {
    let place = Place::new(&TRY, ITEM.key(1));
    let said = [("happens", Value::Flag(true)), ("takes_ms", Value::Number(7))];
    let playing = Decisions::playing(said.into_iter().map(|(name, value)| (place, name, value)).collect());
    playing.heal();
    let mut at = playing.at(place);
    assert!(!at.happens(&TRY.happens, Chance::NEVER), "a fault");
    assert_eq!(at.time(&TRY.takes, 5, 9), 7, "what always takes some time");
    assert!(playing.unplayed().decisions().any(|(_, name, _)| name == "happens"), "and that is told");
}
