//! The laws, a line each, for the head of a scenario file; and lines of a trace as a stranger reads them.

use super::Shown;
use durable_sim::Line;

/// What the law of this id says, in a line.
#[must_use]
pub fn law_says(id: &str) -> Option<&'static str> {
    LAWS.iter().find(|(law, _)| *law == id).map(|(_, says)| *says)
}

const LAWS: &[(&str, &str)] = &[
    ("S1", "each accepted request is in exactly one state, and none disappears without an outcome"),
    ("S2", "nothing is deleted whose successor is not in the same commit"),
    ("S3", "at most 5 requests are in flight, and at most 5 fetches run"),
    ("S4", "a fetch leaves only after its attempt is stored as started"),
    ("S5", "a caller is told only what is stored for good"),
    ("S6", "a repeated request gets the same answer and starts nothing; another one under its id is refused"),
    ("S7", "no attempt starts before its delay is over, and the delay is no shorter than backoff and Retry-After"),
    ("S8", "attempts are counted as they start, and are at most the retries asked for and one more"),
    ("S9", "a request expires 30 minutes after it was accepted: nothing starts after that, and it ends as expired"),
    ("S10", "only a report of the stored attempt of this incarnation counts"),
    ("S11", "a request has one outcome, which never changes; it is told once, or with crashes at least once"),
    ("S12", "of those that may start the smallest ULID, which is the oldest, starts first"),
    ("S13", "nothing makes the machine panic or stick, and the bytes of an unreadable row are kept"),
    ("S14", "an alarm that finds nothing due changes nothing"),
    ("S15", "what is stored, held and done in a step is bounded"),
    ("S16", "an at-most-once request is never sent twice; any other keeps its Idempotency-Key"),
    ("S17", "time and ULIDs never go back, even if the clock does"),
    ("S18", "what a host does not allow, such as a foreign callback target, is never accepted"),
    ("S19", "a request keeps the id that its caller gave it"),
    ("S20", "wake-ups that follow each other do work in between, and every retry waits"),
    ("S21", "a response over its bounds ends its request with a name for it, and frees the slot"),
    ("S22", "no fetch reaches a private address, and no secret another host, by a redirect either"),
    ("S23", "at rest nothing is left but what is remembered for a while"),
    ("S24", "a row of an unknown version stays as it is"),
    ("S25", "memory is a shadow of storage: restored from its rows the machine is the same"),
    ("L1", "while a request is live, an alarm is stored no later than what is due next"),
    ("L2", "each accepted request ends"),
    ("L3", "each turn repairs the alarm: while a request is live it is never in the past, nor at the present"),
    ("L4", "nobody waits for ever: neither for a slot nor to be called back"),
    ("L5", "a slot is free by the end of its lease, whatever the remote does"),
    ("L6", "the turn of an alarm stores the next one"),
    (
        "L7",
        "a request that kills the instance ends after its last attempt, and a new incarnation takes back every slot",
    ),
    ("L8", "no slot is idle while a request may start"),
    ("calm", "without faults: one fetch, one callback, no waiting while a slot is free"),
];

/// The trace of a run as a stranger reads it, to the first broken law; then what came of it.
#[must_use]
pub fn told(report: &Shown) -> Vec<String> {
    let lines = to_first_break(&report.lines);
    let verdict = match (&report.violation, lines.last()) {
        // The trace has the names of requests; the violation has their ULIDs.
        (Some((step, _)), Some(law)) if law.who == LAW => format!("VIOLATION at step {step}: {}", law.what),
        (Some((step, violation)), _) => format!("VIOLATION at step {step}: {}", readable(&violation.to_string())),
        (None, _) => {
            let outcomes: Vec<String> = report.outcomes.iter().map(|(how, count)| format!("{count} {how}")).collect();
            let outcomes = if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") };
            format!("no law is broken in {} steps; requests: {outcomes}", report.steps)
        }
    };
    lines.iter().map(ToString::to_string).chain([verdict]).collect()
}

/// Who a line is of that tells of a broken law.
const LAW: &str = "LAW";

/// These lines as a stranger reads them, to the first that tells of a broken law.
#[must_use]
pub fn to_first_break(lines: &[Line]) -> Vec<Line> {
    let breaks = lines.iter().position(|line| line.who == LAW);
    let lines = &lines[..breaks.map_or(lines.len(), |at| at + 1)];
    lines.iter().map(|line| Line { what: readable(&line.what), ..line.clone() }).collect()
}

/// A line of a trace, with times since the run began in the place of dates, and without ULIDs after the names that they
/// stand for.
#[must_use]
pub fn readable(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (kept, skipped) = if let Some(ms) = since_start(rest) {
            shown.push_str(&format!("{}.{:03}s", ms / 1_000, ms % 1_000));
            ("", DATE_CHARS)
        } else if let Some(skipped) = name_again(&shown, rest) {
            ("", skipped)
        } else {
            (&rest[..first.len_utf8()], first.len_utf8())
        };
        shown.push_str(kept);
        rest = &rest[skipped..];
    }
    shown
}

const DATE_CHARS: usize = "2026-01-01T00:00:00.000Z".len();
const ULID_CHARS: usize = 26;

/// The text begins with a date of the month in which runs begin: ms since its first.
fn since_start(text: &str) -> Option<u64> {
    let date = text.get(..DATE_CHARS)?.strip_prefix("2026-01-")?.strip_suffix('Z')?;
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (days, hours, minutes) = (number(0, 2)? - 1, number(3, 5)?, number(6, 8)?);
    let (seconds, ms) = (number(9, 11)?, number(12, 15)?);
    Some((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 + ms)
}

/// The text begins with the ULID or once more the name of what was named right before it, in brackets: its length.
fn name_again(before: &str, text: &str) -> Option<usize> {
    let end = text.strip_prefix(" (")?.find(')')?;
    let inner = &text[2..2 + end];
    let named = before.rsplit(' ').next().unwrap_or_default();
    let is_ulid = inner.len() == ULID_CHARS && inner.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    (is_ulid || inner == named).then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::Laws;

    #[test]
    fn each_law_is_said_in_a_line() {
        for id in Laws::ids() {
            let says = law_says(id).unwrap_or_default();
            assert!(!says.is_empty() && says.len() <= 110 && !says.ends_with('.'), "{id}: {says}");
        }
        assert_eq!(LAWS.len(), Laws::ids().len());
        assert_eq!(law_says("S99"), None);
    }

    #[test]
    fn dates_become_times_and_names_stand_alone() {
        for (line, shown) in [
            ("due at 2026-01-01T00:00:06.100Z, or 2026-01-02T01:00:00.000Z", "due at 6.100s, or 90000.000s"),
            ("mark 1970-01-01T00:00:00.000Z", "mark 1970-01-01T00:00:00.000Z"),
            ("r1 (01KDVDQ8G00000000000000000) never ended", "r1 never ended"),
            ("attempt 1 of r7 (r7) has left (so it is)", "attempt 1 of r7 has left (so it is)"),
            ("a \u{1F552} of 2026-01-0", "a \u{1F552} of 2026-01-0"),
        ] {
            assert_eq!(readable(line), shown);
        }
    }
}
