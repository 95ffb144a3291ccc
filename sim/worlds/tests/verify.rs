//! `cargo sim verify`: what objects recorded is done again, and whatever is tampered with is found.
#![allow(missing_docs, reason = "a test")]

mod reviewed;

use durable_sim::{Chance, Faults, Recorder, verify::Findings};
use proxy_fetch::{Event, Options, Recorded, Timestamp};
use proxy_fetch_sim::{
    story::{
        Story, all,
        file::{Action, Answer, AnswerKind, Callback, Enqueue, Step},
        play,
        recording::OBJECT_NAME,
    },
    verify::{Seen, Verified, verify},
};
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

fn check(lines: &[String]) -> Result<Verified, String> {
    verify(lines.join("\n").as_bytes()).map_err(|error| error.to_string())
}

fn seen(lines: &[String]) -> Seen {
    check(lines).unwrap_or_else(|problem| panic!("{problem}")).objects.remove(OBJECT_NAME).expect("an object")
}

fn recording_of(name: &str) -> Vec<String> {
    let stories = all().unwrap_or_else(|problem| panic!("{problem}"));
    play(3, &stories[name], Faults::default(), Recorder::default()).recording
}

fn findings(lines: &[String]) -> Findings {
    seen(lines).findings
}

/// Many requests in a second, whose upstreams and origins do all that they can.
fn crowd() -> Story {
    let status = |status| AnswerKind::Status { status, retry_after: None, body_bytes: 2 };
    let kinds = [status(200), status(503), AnswerKind::Hangs, AnswerKind::Breaks, status(429)];
    let step = |n: u64| {
        let kind = |n: u64| kinds[n as usize % kinds.len()].clone();
        let options = Options {
            timeout_ms: 500,
            max_retries: 4,
            retry_delay_ms: 100,
            max_retry_delay_ms: 400,
            at_most_once: n.is_multiple_of(7),
            ..Options::default()
        };
        let enqueue = Enqueue {
            id: format!("a{n}"),
            copies: None,
            body: (n.is_multiple_of(3)).then(|| "body".into()),
            options,
            upstream: vec![
                Answer { after_ms: n % 50, kind: kind(n) },
                Answer { after_ms: 10, kind: kind(n / 5) },
                Answer { after_ms: 20, kind: status(200) },
            ],
            callbacks: if n.is_multiple_of(6) {
                Vec::new()
            } else {
                vec![[Callback::Throws, Callback::Answers][n as usize % 2]]
            },
        };
        Step { at_ms: n * 20, action: Action::Enqueue(Box::new(enqueue)), reply: "accepted".into() }
    };
    Story {
        about: "A crowd.".into(),
        not_here: None,
        steps: (0..50).map(step).collect(),
        expect: Default::default(),
        at_once: None,
    }
}

#[test]
fn what_is_recorded_is_done_again() {
    for (name, story) in all().unwrap_or_else(|problem| panic!("{problem}")) {
        let played = play(7, &story, Faults::default(), Recorder::default());
        let found = findings(&played.recording);
        assert_eq!(found.difference, None, "{name}");
        assert!(found.turns > 3 && found.incarnations > 0, "{name}: {found}");
    }
}

#[test]
fn so_it_is_under_faults() {
    let rare = Chance::percent(3);
    let faults = Faults {
        crash_after_commit: rare,
        crash_before_commit: rare,
        commit_fails: rare,
        exception: rare,
        alarm_twice: rare,
        alarm_late: rare,
        clock_skew_ms: 500,
        ..Faults::default()
    };
    let story = crowd();
    let (mut lost, mut restarts) = (0, 0);
    for seed in 0..30 {
        let played = play(seed, &story, faults.clone(), Recorder::default());
        assert_eq!(played.problems, Vec::<String>::new(), "seed {seed}");
        let found = findings(&played.recording);
        assert_eq!(found.difference, None, "seed {seed}");
        (lost, restarts) = (lost + found.lost, restarts + found.restarts);
    }
    assert!(restarts > 100 && lost > 20, "{restarts} restarts, {lost} turns that were not stored");
}

/// Changes one entry of a record; `None`: there is nothing of the kind in it.
type Tamper = fn(&mut Recorded) -> Option<()>;

/// A turn's events, its effects and its alarm.
type TurnParts<'a> = (&'a mut Vec<Event>, &'a mut Vec<String>, &'a mut Option<Timestamp>);

fn turn(entry: &mut Recorded) -> Option<TurnParts<'_>> {
    match entry {
        Recorded::Turn { now: _, fired: _, events, effects, alarm } => Some((events, effects, alarm)),
        Recorded::Incarnation { .. } => None,
    }
}

fn rows(entry: &mut Recorded) -> Option<&mut Vec<(u8, u128, Vec<u8>)>> {
    match entry {
        Recorded::Incarnation { rows, .. } => (!rows.is_empty()).then_some(rows),
        Recorded::Turn { .. } => None,
    }
}

fn drop_event(entry: &mut Recorded, is_one: fn(&Event) -> bool) -> Option<()> {
    let (events, ..) = turn(entry)?;
    let at = events.iter().position(is_one)?;
    events.remove(at);
    Some(())
}

/// Tampers with each entry of the record by itself; `is_here`: the difference shows in this very entry.
fn each_is_found(what: &str, recording: &[String], tamper: Tamper, is_here: bool) {
    let mut tampered = 0;
    for at in 0..recording.len() {
        let mut is_there = false;
        let lines = with(recording, at, |entry| is_there = tamper(entry).is_some());
        if !is_there {
            continue;
        }
        tampered += 1;
        let Some(line) = seen(&lines).line else { panic!("{what}, line {}: not found", at + 1) };
        assert!(line > at && (!is_here || line == at + 1), "{what}: line {line}");
    }
    assert!(tampered > 0, "{what}: nothing to tamper with");
}

#[test]
fn what_is_tampered_with_is_found() {
    let recording = recording_of("crash_in_fetch");
    let cases: [(&str, bool, Tamper); 10] = [
        ("an effect changed", true, |entry| turn(entry)?.1.first_mut().map(|effect| effect.push('0'))),
        ("an effect dropped", true, |entry| turn(entry)?.1.pop().map(drop)),
        ("an effect added", true, |entry| turn(entry).map(|turn| turn.1.push("abort".into()))),
        ("the alarm moved", true, |entry| turn(entry)?.2.as_mut().map(|at| at.0 += 1)),
        ("the alarm lost", true, |entry| turn(entry)?.2.take().map(drop)),
        ("a request dropped", true, |entry| drop_event(entry, |event| matches!(event, Event::Enqueue { .. }))),
        ("an answer dropped", false, |entry| drop_event(entry, |event| matches!(event, Event::Fetched { .. }))),
        ("the end of a callback dropped", false, |entry| {
            drop_event(entry, |event| matches!(event, Event::Delivered { .. }))
        }),
        ("a byte of a row changed", true, |entry| rows(entry)?.last_mut()?.2.last_mut().map(|byte| *byte ^= 1)),
        ("a row dropped", true, |entry| rows(entry)?.pop().map(drop)),
    ];
    for (what, is_here, tamper) in cases {
        each_is_found(what, &recording, tamper, is_here);
    }
}

fn is_incarnation(line: &str) -> bool {
    let (_, hex) = line.rsplit_once(' ').expect("a record");
    matches!(Recorded::from_line(hex), Ok(Recorded::Incarnation { .. }))
}

/// A disk may lose what nobody has seen the effects of; the first answer came of the first turn's fetches.
#[test]
fn a_disk_that_went_back_too_far_is_found() {
    let mut recording = recording_of("crash_in_callback");
    let second = (1..recording.len()).find(|at| is_incarnation(&recording[*at])).expect("a second incarnation");
    recording[second] = recording[0].clone();
    let Seen { findings, line } = seen(&recording);
    let difference = findings.difference.expect("a difference");
    assert_eq!((line, difference.turn), (Some(second + 1), 0));
    assert!(
        difference.what[0].starts_with("it is stored as after turn 0 of the incarnation before, though"),
        "{difference}"
    );
}

/// The lines with this entry changed.
fn with(recording: &[String], at: usize, change: impl FnOnce(&mut Recorded)) -> Vec<String> {
    let (head, hex) = recording[at].rsplit_once(' ').expect("a record");
    let mut entry = Recorded::from_line(hex).expect("an entry");
    change(&mut entry);
    let mut lines = recording.to_vec();
    lines[at] = format!("{head} {}", entry.to_line());
    lines
}

#[test]
fn a_difference_shows_what_was_expected() {
    let effect = with(&recording_of("plain_life"), 1, |entry| {
        let (_, effects, _) = turn(entry).expect("a turn");
        effects[1] = effects[1].replace("timeout=30000ms", "timeout=29000ms");
    });
    let recording = recording_of("crash_in_fetch");
    let second = (1..recording.len()).find(|at| is_incarnation(&recording[*at])).expect("a second incarnation");
    let row = with(&recording, second, |entry| {
        // The end of the row says until when the attempt has its slot.
        let (_, _, bytes) = &mut rows(entry).expect("rows")[1];
        bytes.last_mut().map(|byte| *byte ^= 1).expect("a byte");
    });
    let text = format!("{}{}", check(&effect).expect("a log"), check(&row).expect("a log"));
    reviewed::snapshot("verify_differences", &text);
}

#[test]
fn objects_are_told_apart_and_other_lines_passed_over() {
    let one = recording_of("plain_life");
    let two: Vec<String> = recording_of("retries").iter().map(|line| line.replace(OBJECT_NAME, "another")).collect();
    let mut log = vec!["a line of something else".to_owned()];
    for at in 0..one.len().max(two.len()) {
        log.extend(one.get(at).cloned());
        log.extend(two.get(at).map(|line| format!("2026-01-01 INFO {line}\r")));
    }
    let found = check(&log).expect("a log");
    assert!(found.is_identical(), "{found}");
    assert_eq!(found.objects[OBJECT_NAME].findings, findings(&one));
    assert!(found.objects["another"].findings.turns > 3, "{found}");
    // A difference of one does not hide the other.
    log.retain(|line| *line != one[2]);
    let found = check(&log).expect("a log");
    assert!(!found.is_identical());
    assert_eq!(found.objects["another"].line, None);
}

#[test]
fn what_is_no_record_is_named_with_its_line() {
    let recording = recording_of("plain_life");
    let (_, incarnation) = recording[0].rsplit_once(' ').expect("a record");
    let first = format!("proxy-fetch record a {incarnation}");
    let cut = |bytes: usize| format!("proxy-fetch record a {}", &incarnation[..incarnation.len() - bytes]);
    let cases = [
        (vec![], "holds no line with `proxy-fetch record`"),
        (vec!["nothing of ours".into()], "holds no line with `proxy-fetch record`"),
        (vec!["".into(), recording[1].clone()], "line 2: a turn is recorded before the incarnation that took it"),
        (vec![first.clone(), "".into(), cut(2)], "line 3: the record of a cannot be read: corrupt; is it cut short?"),
        (vec![cut(1)], "line 1: the record of a cannot be read: corrupt; is it cut short?"),
        (vec!["proxy-fetch record a".into()], "line 1: a record has an object and its bytes, not 1 words"),
        (vec![format!("{first} and more")], "line 1: a record has an object and its bytes, not 4 words"),
        (vec!["proxy-fetch record a xyz0".into()], "line 1: the record of a cannot be read: corrupt"),
        (vec!["proxy-fetch record a 02".into()], "line 1: the record of a cannot be read: unknown version 2"),
    ];
    for (lines, expected) in cases {
        match check(&lines) {
            Ok(found) => panic!("{expected}: {found}"),
            Err(problem) => assert!(problem.starts_with(expected), "{expected}: {problem}"),
        }
    }
}

/// The exit code, and what was printed.
fn run(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_proxy-fetch-sim"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    // It may have ended before it has read all.
    let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("its end");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn the_exit_code_says_what_was_found() {
    let mut recording = recording_of("plain_life");
    let (code, text) = run(&["verify", "-"], &recording.join("\n"));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("standard input:\nobject simulated: incarnations=1 turns=") && text.ends_with("identical\n"),
        "{text}"
    );
    recording.remove(2);
    let (code, text) = run(&["verify", "-"], &recording.join("\n"));
    assert!(
        code == Some(1)
            && text.contains("(line 3 of the log): ")
            && text.contains("DIFFERENT in turn 2 of incarnation 1:"),
        "{code:?} {text}"
    );
    let (code, text) = run(&["verify", "-"], &recording[1..].join("\n"));
    assert!(code == Some(2) && text.starts_with("error: standard input: line 1: a turn is"), "{code:?} {text}");
    let (code, text) = run(&["verify", "no such file"], "");
    assert!(code == Some(2) && text.starts_with("error: no such file: cannot be read: "), "{code:?} {text}");
    let (code, _) = run(&["verify"], "");
    assert_eq!(code, Some(2));
}
