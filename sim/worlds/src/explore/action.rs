//! The steps of a path, one line each, to and from text.

use std::{fmt, str::FromStr};

/// One step: what happens, and what becomes of its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// What happens.
    pub what: What,
    /// How its turn ends.
    pub fate: Fate,
}

/// What happens. An entry is an accepted request, counted from 0 in the order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The next caller hands its request in. Requests are alike, so they come in the order of their numbers.
    Enqueue,
    /// The caller of this request hands it in again, under the same id.
    Repeat(u8),
    /// The caller of this request gives it up.
    Cancel(u8),
    /// The running attempt of this entry ends.
    Fetched(u8, Answer),
    /// The end of a fetch that no longer runs is reported: of this entry, by its place among those that left.
    StaleFetched(u8, u8),
    /// The running callback of this entry ends; `true`: answered.
    Delivered(u8, bool),
    /// The end of a callback that no longer runs is reported: of this entry, by its place among those that left.
    StaleDelivered(u8, u8),
    /// The alarm fires.
    Alarm(When),
    /// The instance is lost, between two turns.
    Crash,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Status 200.
    Ok,
    /// Status 503: worth another attempt.
    Busy,
    /// A response that is too large: final.
    TooLarge,
    /// The host's time is up. Only when it is.
    TimedOut,
}

/// When an alarm fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At its time; and as long as an alarm finds nothing and changes nothing, the next one too.
    OnTime,
    /// At its time, though it finds nothing.
    Idle,
    /// 1 ms before its time.
    Early,
    /// 60 s after its time.
    Late,
    /// When the oldest live request expires.
    AtExpiry,
    /// Now, once more: the stored alarm stays.
    Again,
}

/// What becomes of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its commit is durable and its effects leave.
    Done,
    /// Its commit fails: the object is reset, and nothing of it is kept.
    CommitFails,
    /// Its commit is durable, and the instance is lost when so many of its effects have left, but not the next.
    CrashAfter(u8),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Enqueue => f.write_str("enqueue")?,
            What::Repeat(planned) => write!(f, "repeat {planned}")?,
            What::Cancel(planned) => write!(f, "cancel {planned}")?,
            What::Fetched(entry, answer) => write!(f, "fetched {entry} {}", answer.name())?,
            What::StaleFetched(entry, place) => write!(f, "stale-fetched {entry} {place}")?,
            What::Delivered(entry, true) => write!(f, "delivered {entry} answered")?,
            What::Delivered(entry, false) => write!(f, "delivered {entry} failed")?,
            What::StaleDelivered(entry, place) => write!(f, "stale-delivered {entry} {place}")?,
            What::Alarm(when) => write!(f, "alarm {}", when.name())?,
            What::Crash => f.write_str("crash")?,
        }
        match self.fate {
            Fate::Done => Ok(()),
            Fate::CommitFails => f.write_str(", commit-fails"),
            Fate::CrashAfter(effects) => write!(f, ", crash-after {effects}"),
        }
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("{line:?} is no action");
        let (what, fate) = match line.split_once(',') {
            Some((what, fate)) => (what, Some(fate)),
            None => (line, None),
        };
        let words: Vec<&str> = what.split_whitespace().collect();
        let number = |text: &str| text.parse::<u8>().map_err(|_| wrong());
        let what = match words[..] {
            ["enqueue"] => What::Enqueue,
            ["repeat", planned] => What::Repeat(number(planned)?),
            ["cancel", planned] => What::Cancel(number(planned)?),
            ["fetched", entry, answer] => What::Fetched(number(entry)?, Answer::named(answer).ok_or_else(wrong)?),
            ["stale-fetched", entry, place] => What::StaleFetched(number(entry)?, number(place)?),
            ["delivered", entry, "answered"] => What::Delivered(number(entry)?, true),
            ["delivered", entry, "failed"] => What::Delivered(number(entry)?, false),
            ["stale-delivered", entry, place] => What::StaleDelivered(number(entry)?, number(place)?),
            ["alarm", when] => What::Alarm(When::named(when).ok_or_else(wrong)?),
            ["crash"] => What::Crash,
            _ => return Err(wrong()),
        };
        let fate = match fate.map(|fate| fate.split_whitespace().collect::<Vec<_>>()) {
            None => Fate::Done,
            Some(words) => match words[..] {
                ["commit-fails"] => Fate::CommitFails,
                ["crash-after", effects] => Fate::CrashAfter(number(effects)?),
                _ => return Err(wrong()),
            },
        };
        Ok(Self { what, fate })
    }
}

impl Answer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Busy, Self::TooLarge, Self::TimedOut];

    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Busy => "busy",
            Self::TooLarge => "too-large",
            Self::TimedOut => "timed-out",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.name() == name)
    }
}

impl When {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::OnTime, Self::Idle, Self::Early, Self::Late, Self::AtExpiry, Self::Again];

    const fn name(self) -> &'static str {
        match self {
            Self::OnTime => "on-time",
            Self::Idle => "idle",
            Self::Early => "early",
            Self::Late => "late",
            Self::AtExpiry => "at-expiry",
            Self::Again => "again",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|when| when.name() == name)
    }
}

/// Reads a path: an action a line. Empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// The first line that is no action, with its number.
pub fn read_path(text: &str) -> Result<Vec<Action>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| line.parse().map_err(|error| format!("line {}: {error}", number + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_as_it_was_written() {
        let whats = [What::Enqueue, What::Repeat(1), What::Cancel(2), What::StaleFetched(3, 4), What::Crash];
        let answers = Answer::ALL.map(|answer| What::Fetched(1, answer));
        let alarms = When::ALL.map(What::Alarm);
        let calls = [What::Delivered(0, true), What::Delivered(0, false), What::StaleDelivered(2, 1)];
        let all = whats.into_iter().chain(answers).chain(alarms).chain(calls);
        let mut text = String::from("# a path\n\n");
        let mut path = Vec::new();
        for what in all {
            for fate in [Fate::Done, Fate::CommitFails, Fate::CrashAfter(3)] {
                path.push(Action { what, fate });
                text.push_str(&format!("{}\n", Action { what, fate }));
            }
        }
        assert_eq!(read_path(&text), Ok(path));
        for wrong in ["enqueue 1", "fetched 1 maybe", "alarm", "crash, crash-after", "crash, now", "repeat x"] {
            assert!(wrong.parse::<Action>().is_err(), "{wrong}");
        }
        assert_eq!(read_path("crash\nboom").map_err(|error| error.contains("line 2")), Err(true));
    }
}
