//! What was predicted against what happened, in lines that a person can read.

use super::{
    judge::Difference,
    model::{Model, Predicted, State, Wake},
    platform::{Commit, Happened, Platform, Stored},
};
use proxy_fetch::{Effect, Phase, Reply};
use std::collections::{BTreeMap, BTreeSet};

fn same<T: PartialEq + std::fmt::Debug>(what: &str, predicted: &T, happened: &T) -> Result<(), Difference> {
    if predicted == happened {
        return Ok(());
    }
    Err(Difference { law: None, what: format!("{what}\n  predicted: {predicted:#?}\n  happened:  {happened:#?}") })
}

/// Replies in their order, fetches in theirs (S12), and the rest in any.
fn lanes(effects: &[Effect]) -> [Vec<String>; 3] {
    let mut lanes = [const { Vec::new() }; 3];
    for effect in effects {
        let lane = match effect {
            Effect::Reply { .. } => 0,
            Effect::Fetch { .. } => 1,
            Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Report(_) => 2,
        };
        lanes[lane].push(match effect {
            // The words of a refusal are for people.
            Effect::Reply { caller, reply: Reply::Refused(refusal) } => {
                let after = refusal.retry_after_ms;
                format!("reply caller={} refused {} {} {after:?}", caller.0, refusal.kind.name(), refusal.field)
            }
            Effect::Reply { reply: Reply::Status(status), .. } => format!("{effect} of {}", status.request_id),
            Effect::Reply { .. }
            | Effect::Fetch { .. }
            | Effect::Abort { .. }
            | Effect::Deliver { .. }
            | Effect::Report(_) => effect.to_string(),
        });
    }
    lanes[2].sort_unstable();
    lanes
}

pub fn effects(predicted: &Predicted, happened: &Happened) -> Result<(), Difference> {
    let [replies, fetches, rest] = lanes(&predicted.effects);
    let [said, started, done] = lanes(&happened.effects);
    same("replies", &replies, &said)?;
    same("fetches", &fetches, &started)?;
    same("callbacks, aborts and reports", &rest, &done)
}

/// Whether something was written: by an alarm with nothing due, nothing is (S14).
pub fn writes(predicted: &Predicted, happened: &Happened, is_alarm: bool) -> Result<(), Difference> {
    let is_written = happened.commit.is_some_and(|commit| commit.writes > 0);
    let law = (is_alarm && is_written).then_some("S14");
    same("is written", &predicted.changed, &is_written).map_err(|difference| Difference { law, ..difference })
}

pub fn rows(model: &Model, stored: &Stored) -> Result<(), Difference> {
    let mut predicted = vec![format!("epoch {} mark {} last {}", model.epoch, model.mark, model.last_id)];
    for one in &model.live {
        let has_callback = model.setup.profiles[one.profile].has_callback;
        let state = match one.state {
            State::Queued { not_before } => format!("queued {not_before}"),
            State::InFlight { lease_until } => format!("in flight {} {lease_until}", model.epoch),
            State::Delivering { outcome, until } => format!("delivering {outcome} {until:?}"),
        };
        predicted.push(format!("{} {} {has_callback} attempts={} {state}", one.id, one.name, one.attempts));
    }
    let mut finished: Vec<_> = model.finished.iter().collect();
    finished.sort_by_key(|one| one.id);
    for one in finished {
        let (outcome, at) = (one.outcome, one.at);
        predicted.push(format!("{} {} attempts={} finished {outcome} {at}", one.id, one.name, one.attempts));
    }

    let meta = &stored.meta;
    let last = proxy_fetch::Ulid(meta.last_id);
    let mut lines = vec![format!("epoch {} mark {} last {last}", meta.epoch, meta.mark.0)];
    for (id, row) in &stored.live {
        let state = match row.phase {
            Phase::Queued { not_before } => format!("queued {}", not_before.0),
            Phase::InFlight { epoch, lease_until } => format!("in flight {epoch} {}", lease_until.0),
            Phase::Delivering { outcome, until } => format!("delivering {outcome} {:?}", until.map(|until| until.0)),
        };
        lines.push(format!("{id} {} {} attempts={} {state}", row.request_id, row.has_callback, row.attempts));
    }
    for (id, row) in &stored.finished {
        let (outcome, at) = (row.outcome, row.finished_at.0);
        lines.push(format!("{id} {} attempts={} finished {outcome} {at}", row.request_id, row.attempts));
    }
    same("rows", &predicted, &lines)?;

    let payloads: BTreeSet<_> = model.live.iter().map(|one| one.id).chain(model.unread.iter().copied()).collect();
    same("payloads", &payloads, &stored.payloads)?;
    let meta = usize::from(model.epoch > 0);
    let all = meta + model.live.len() + model.finished.len() + payloads.len();
    same("the number of rows", &all, &stored.rows)
}

/// What runs in this incarnation, and whose responses the host has to hold.
pub fn running(model: &Model, platform: &Platform) -> Result<(), Difference> {
    let running: BTreeSet<_> = model.running().into_iter().collect();
    same("running fetches", &running, &platform.running)?;
    let calls: BTreeMap<_, _> = model.calls().into_iter().collect();
    same("running callbacks", &calls, &platform.calls)?;
    let held = calls.into_iter().filter(|(_, outcome)| outcome.has_response()).map(|(attempt, _)| attempt);
    same("held responses", &held.collect(), &platform.held)
}

/// The alarm after a turn, `known` as the host knew it before, if it did not fire, and `fired` if it did.
pub fn alarm(
    wake: Option<Wake>,
    clock: u64,
    known: Option<u64>,
    fired: Option<u64>,
    commit: Option<Commit>,
) -> Result<(), Difference> {
    let set = commit.and_then(|commit| commit.alarm);
    let broken = |law, why: &str| {
        let what = format!("alarm: {why}: {wake:?} clock={clock} known={known:?} fired={fired:?} set={set:?}");
        Err(Difference { law, what })
    };
    match (wake, set) {
        (None, None) => Ok(()),
        (None, Some(_)) => broken(Some("S23"), "it is set, and nobody waits for anything"),
        (Some(wake), None) => match known {
            Some(at) if at > clock && at <= wake.until => Ok(()),
            Some(at) if at <= clock => broken(Some("L3"), "it lies in the past, and must be set"),
            Some(_) | None => broken(Some("L1"), "it must be set"),
        },
        (Some(_), Some(at)) if at <= clock => broken(Some("L3"), "it is set to the present or the past"),
        (Some(_), Some(at)) if fired == Some(at) => {
            broken(Some("L3"), "it is set to the time of the one that fired, which loses it")
        }
        // By at most 1 ms another one than what is asked for, to differ from the one that fired.
        (Some(wake), Some(at)) if at > wake.until + u64::from(fired == Some(wake.until)) => {
            broken(Some("L1"), "it is late")
        }
        (Some(wake), Some(at)) if at < wake.from - u64::from(fired == Some(wake.from)) => {
            broken(Some("S20"), "it is early")
        }
        (Some(wake), Some(_)) => match known {
            Some(at) if at > clock && at <= wake.from => broken(None, "it is set again for nothing"),
            Some(_) | None => Ok(()),
        },
    }
}
