//! How the places of decisions are written: `turn 3`, `fetch r1#2 answer`, `call enqueue r0 try 1`, …

use crate::proxy::plan::purpose as world;
use durable_sim::{Place, purpose as engine};

/// The stages of a fetch, in the order of their actor numbers.
const FETCH_STAGES: [&str; 5] = ["answer", "start", "there", "back", "hop"];
/// What the decisions about a call are on, in the order of their attempt numbers.
const CALL_STAGES: [&str; 4] = ["", "refused", "unanswered", "repeated"];
/// Kinds of call, as their keys number them.
const ASKS: [&str; 4] = ["enqueue", "conflict", "cancel", "status"];
/// The attempt number of the decision about an alarm that a reset interrupted.
const AFTER_RESET: u32 = u32::MAX;

/// The place in words.
#[must_use]
pub fn place_text(place: Place) -> String {
    let Place { purpose, actor, item, attempt } = place;
    let ask = || format!("{} r{}", ASKS[(item & 3) as usize], item >> 2);
    let tries = |actor: u32| if actor == 0 { String::new() } else { format!(" try {actor}") };
    match purpose {
        engine::TURN => format!("turn {item}"),
        engine::COMMIT => format!("commit {item}"),
        engine::RESET => format!("end of incarnation {item}"),
        engine::ALARM_STORED => format!("alarm {item} stored"),
        engine::ALARM_FIRED if attempt == AFTER_RESET => format!("alarm {item} after a reset"),
        engine::ALARM_FIRED if attempt > 0 => format!("alarm {item} fires again {attempt}"),
        engine::ALARM_FIRED => format!("alarm {item} fires"),
        engine::CONSTRUCT => format!("construction {item}"),
        engine::EVICT => format!("idle since turn {item}"),
        world::ENTROPY => format!("ulid r{item}{}", tries(actor)),
        world::CALL => {
            let stage = CALL_STAGES.get(attempt as usize).copied().unwrap_or_default();
            format!("call {}{} {stage}", ask(), tries(actor)).trim_end().to_owned()
        }
        world::REPLY => format!("reply {}{}", ask(), tries(actor)),
        world::FETCH => {
            let stage = FETCH_STAGES.get(actor as usize).copied().unwrap_or_default();
            format!("fetch r{item}#{attempt} {stage}")
        }
        world::CALLBACK if actor == 0 => format!("callback r{item}#{attempt}"),
        world::CALLBACK => format!("callback r{item}#{attempt} told"),
        world::ZOMBIE => format!("after incarnation {item}"),
        world::TAMPER => format!("rows after incarnation {item}"),
        _ => format!("{purpose} {actor} {item} {attempt}"),
    }
}

/// The place that is written so.
#[must_use]
pub fn parse_place(text: &str) -> Option<Place> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().ok();
    let index = |words: &[&str], word: &str| words.iter().position(|known| *known == word);
    let attempt = |word: &str| {
        let (planned, attempt) = word.strip_prefix('r')?.split_once('#')?;
        Some((number(planned)?, attempt.parse::<u32>().ok()?))
    };
    let ask = |kind: &str, request: &str| {
        let planned = number(request.strip_prefix('r')?)?;
        Some(planned << 2 | index(&ASKS, kind)? as u64)
    };
    Some(match words.as_slice() {
        ["turn", item] => Place::new(engine::TURN, 0, number(item)?, 0),
        ["commit", item] => Place::new(engine::COMMIT, 0, number(item)?, 0),
        ["end", "of", "incarnation", item] => Place::new(engine::RESET, 0, number(item)?, 0),
        ["alarm", item, "stored"] => Place::new(engine::ALARM_STORED, 0, number(item)?, 0),
        ["alarm", item, "after", "a", "reset"] => Place::new(engine::ALARM_FIRED, 0, number(item)?, AFTER_RESET),
        ["alarm", item, "fires", "again", again] => {
            Place::new(engine::ALARM_FIRED, 0, number(item)?, again.parse().ok()?)
        }
        ["alarm", item, "fires"] => Place::new(engine::ALARM_FIRED, 0, number(item)?, 0),
        ["construction", item] => Place::new(engine::CONSTRUCT, 0, number(item)?, 0),
        ["idle", "since", "turn", item] => Place::new(engine::EVICT, 0, number(item)?, 0),
        ["ulid", request, rest @ ..] => {
            let tries = match rest {
                [] => 0,
                ["try", tries] => tries.parse().ok()?,
                _ => return None,
            };
            Place::new(world::ENTROPY, tries, number(request.strip_prefix('r')?)?, 0)
        }
        ["call", kind, request, rest @ ..] => {
            let (tries, rest) = match rest {
                ["try", tries, rest @ ..] => (tries.parse().ok()?, rest),
                rest => (0, rest),
            };
            let stage = match rest {
                [] => 0,
                [stage] => index(&CALL_STAGES, stage)?,
                _ => return None,
            };
            Place::new(world::CALL, tries, ask(kind, request)?, stage as u32)
        }
        ["reply", kind, request] => Place::new(world::REPLY, 0, ask(kind, request)?, 0),
        ["reply", kind, request, "try", tries] => Place::new(world::REPLY, tries.parse().ok()?, ask(kind, request)?, 0),
        ["fetch", request, stage] => {
            let (planned, number) = attempt(request)?;
            Place::new(world::FETCH, index(&FETCH_STAGES, stage)? as u32, planned, number)
        }
        ["callback", request] => {
            let (planned, number) = attempt(request)?;
            Place::new(world::CALLBACK, 0, planned, number)
        }
        ["callback", request, "told"] => {
            let (planned, number) = attempt(request)?;
            Place::new(world::CALLBACK, 1, planned, number)
        }
        ["after", "incarnation", item] => Place::new(world::ZOMBIE, 0, number(item)?, 0),
        ["rows", "after", "incarnation", item] => Place::new(world::TAMPER, 0, number(item)?, 0),
        _ => return None,
    })
}

/// The number of the request that the place is about, if it is about one.
#[must_use]
pub fn request_of(place: Place) -> Option<u64> {
    match place.purpose {
        world::CALL | world::REPLY => Some(place.item >> 2),
        world::ENTROPY | world::FETCH | world::CALLBACK => Some(place.item),
        _ => None,
    }
}

/// The same place about another request.
#[must_use]
pub fn about_request(place: Place, number: u64) -> Place {
    match place.purpose {
        world::CALL | world::REPLY => Place { item: number << 2 | place.item & 3, ..place },
        world::ENTROPY | world::FETCH | world::CALLBACK => Place { item: number, ..place },
        _ => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{Profile, Watch, run_seed};
    use std::collections::BTreeSet;

    #[test]
    fn each_place_of_a_campaign_can_be_written_and_read() {
        let mut kinds = BTreeSet::new();
        for seed in 0..60 {
            for place in run_seed(seed, Profile::Swarm, Watch { script: true, ..Watch::default() }).script.0.keys() {
                let text = place_text(*place);
                assert_eq!(parse_place(&text), Some(*place), "{text}");
                if let Some(number) = request_of(*place) {
                    assert!(text.contains(&format!("r{number}")), "{text}");
                    assert!(place_text(about_request(*place, number + 1)).contains(&format!("r{}", number + 1)));
                }
                kinds.insert(place.purpose);
            }
        }
        assert!(kinds.len() >= 12, "{kinds:?}");
    }

    #[test]
    fn there_are_no_other_places() {
        for wrong in
            ["", "turn", "turn x", "turn 1 2", "fetch r1 answer", "fetch r1#1 lunch", "call enqueue 3", "call r1"]
        {
            assert_eq!(parse_place(wrong), None, "{wrong}");
        }
    }
}
