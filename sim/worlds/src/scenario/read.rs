//! From the text of a scenario to its plan. Every bound is checked as its value is read, so that an error has its line.

use super::{
    error::ScenarioError,
    file::{MALFORMED, Scenario},
    places::{parse_place, request_of},
    schema,
};
use crate::{
    bugs::{Machine, bug},
    laws::Laws,
    proxy::{Plan, Profile, plan::PlannedRequest},
};
use durable_sim::{Eviction, Fault, Micros, Place, Script, Sizes};
use proxy_fetch::Options;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use std::{collections::BTreeMap, fmt};
use toml::Spanned;

/// Requests are numbered below this; more than any seed plans.
const MOST_REQUESTS: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct File {
    #[serde(default)]
    about: String,
    law: Option<LawId>,
    bug: Option<BugName>,
    #[serde(default)]
    calm: bool,
    heal_at_ms: Option<Ms>,
    network_ms: Option<Ms>,
    connection_until_head: Option<bool>,
    gather_ms: Option<Ms>,
    commit_ms: Option<Ms>,
    slowest_commit_ms: Option<Ms>,
    serial_commits: Option<bool>,
    connections: Option<Whole<1, 1_000>>,
    calls_per_second: Option<Whole<1, 1_000_000>>,
    max_live: Option<Whole<1, 100_000>>,
    max_finished: Option<Whole<0, 100_000>>,
    #[serde(default)]
    eviction: Evicts,
    #[serde(default)]
    alarms_are_abandoned: bool,
    clocks_apart_ms: Option<Whole<0, 86_400_000>>,
    #[serde(default)]
    resets: Vec<Reset>,
    #[serde(default)]
    storage_full: Vec<Span>,
    requests: BTreeMap<RequestName, Request>,
    #[serde(default)]
    decisions: BTreeMap<PlaceName, BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Evicts {
    #[default]
    Never,
    Idle,
    Busy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Reset {
    at_ms: Ms,
    how: How,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Crash,
    Deploy,
    IsolateKilled,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Span {
    from_ms: Ms,
    until_ms: Ms,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Request {
    at_ms: Option<Ms>,
    malformed: Option<Malformed>,
    body_bytes: Option<Whole<0, 100_000>>,
    callback: Option<bool>,
    at_most_once: Option<bool>,
    max_retries: Option<i64>,
    retry_delay_ms: Option<i64>,
    max_retry_delay_ms: Option<i64>,
    retry_on_5xx: Option<bool>,
    timeout_ms: Option<i64>,
    service_ms: Option<Ms>,
    status_at_ms: Option<Ms>,
    conflict_at_ms: Option<Ms>,
    cancel_at_ms: Option<Ms>,
}

/// A time in ms, as µs.
#[derive(Clone, Copy)]
struct Ms(Micros);

impl<'de> Deserialize<'de> for Ms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;
        impl Visitor<'_> for Time {
            type Value = Ms;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a time in ms, 0 to {}", schema::MOST_MS)
            }

            fn visit_f64<E: Error>(self, ms: f64) -> Result<Ms, E> {
                schema::us_of(ms).map(Ms).map_err(E::custom)
            }

            #[allow(clippy::cast_precision_loss, reason = "bounded right after")]
            fn visit_i64<E: Error>(self, ms: i64) -> Result<Ms, E> {
                self.visit_f64(ms as f64)
            }
        }
        deserializer.deserialize_any(Time)
    }
}

/// A whole number from `LOW` to `HIGH`.
#[derive(Clone, Copy)]
struct Whole<const LOW: u32, const HIGH: u32>(u32);

impl<'de, const LOW: u32, const HIGH: u32> Deserialize<'de> for Whole<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<const LOW: u32, const HIGH: u32>;
        impl<const LOW: u32, const HIGH: u32> Visitor<'_> for Number<LOW, HIGH> {
            type Value = Whole<LOW, HIGH>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number, {LOW} to {HIGH}")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                let number = u32::try_from(number).ok().filter(|number| (LOW..=HIGH).contains(number)).ok_or(number);
                number.map(Whole).map_err(|number| E::custom(format!("{number} is not between {LOW} and {HIGH}")))
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// A word of the file, read by `read`.
fn word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

struct LawId(String);

impl<'de> Deserialize<'de> for LawId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, |id| {
            let is_known = Laws::ids().contains(&id);
            is_known.then(|| Self(id.to_owned())).ok_or_else(|| format!("{id:?} is no law: S1 to S25, L1 to L8, calm"))
        })
    }
}

struct BugName(String);

impl<'de> Deserialize<'de> for BugName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, |name| known_bug(name).map(|()| Self(name.to_owned())))
    }
}

/// Whether a scenario can show this bug.
fn known_bug(name: &str) -> Result<(), String> {
    let bug = bug(name)?;
    match bug.machine {
        Machine::Object => Ok(()),
        Machine::Queue | Machine::Shell => {
            Err(format!("{name} is a bug of {}, and a scenario is of the object", bug.machine.name()))
        }
    }
}

struct Malformed(u8);

impl<'de> Deserialize<'de> for Malformed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, |how| {
            let number = (0..).zip(MALFORMED).find(|(_, known)| *known == how).map(|(number, _)| Self(number));
            number.ok_or_else(|| format!("{how:?} is none of {}", MALFORMED.join(", ")))
        })
    }
}

/// `r7` is 7.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RequestName(usize);

impl<'de> Deserialize<'de> for RequestName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, |name| {
            let number = name.strip_prefix('r').and_then(|number| number.parse().ok());
            let number = number.filter(|number| *number < MOST_REQUESTS);
            number.map(Self).ok_or_else(|| format!("{name:?} is not r0 to r{}", MOST_REQUESTS - 1))
        })
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct PlaceName(Place);

impl<'de> Deserialize<'de> for PlaceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word(deserializer, |text| {
            let place = parse_place(text);
            let place = place.filter(|place| request_of(*place).is_none_or(|number| number < MOST_REQUESTS as u64));
            place.map(Self).ok_or_else(|| format!("there is no place {text:?}"))
        })
    }
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let file: File = toml::from_str(text).map_err(|error| ScenarioError::toml(text, &error))?;
    let mut plan = Plan::plain();
    if file.calm {
        plan.profile = Profile::Calm;
    }
    let or = |given: Option<Ms>, plain: Micros| given.map_or(plain, |ms| ms.0);
    plan.heal_at = or(file.heal_at_ms, plan.heal_at);
    plan.network_us = or(file.network_ms, plan.network_us);
    plan.slot_until_head = file.connection_until_head.unwrap_or(plan.slot_until_head);
    let commit_us = or(file.commit_ms, plan.sizes.commit_us_min);
    plan.sizes = Sizes {
        gather_us: or(file.gather_ms, plan.sizes.gather_us),
        commit_us_min: commit_us,
        commit_us_max: or(file.slowest_commit_ms, commit_us).max(commit_us),
        serial_commits: file.serial_commits.unwrap_or(plan.sizes.serial_commits),
        connections: file.connections.map_or(plan.sizes.connections, |whole| whole.0),
        calls_per_second: file.calls_per_second.map_or(plan.sizes.calls_per_second, |whole| whole.0),
    };
    plan.config.max_live = file.max_live.map_or(plan.config.max_live, |whole| whole.0 as usize);
    plan.config.max_finished = file.max_finished.map_or(plan.config.max_finished, |whole| whole.0 as usize);
    plan.faults.eviction = match file.eviction {
        Evicts::Never => Eviction::Never,
        Evicts::Idle => Eviction::Idle,
        Evicts::Busy => Eviction::Busy,
    };
    plan.faults.alarm_abandoned = file.alarms_are_abandoned;
    plan.faults.clock_skew_ms = file.clocks_apart_ms.map_or(0, |whole| whole.0.into());
    for Reset { at_ms, how } in file.resets {
        let fault = match how {
            How::Crash => Fault::CRASH,
            How::Deploy => Fault::DEPLOY,
            How::IsolateKilled => Fault::ISOLATE_KILLED,
        };
        plan.resets.push((at_ms.0, fault));
    }
    for Span { from_ms, until_ms } in file.storage_full {
        plan.storage_full.push((from_ms.0, until_ms.0.max(from_ms.0)));
    }
    for (name, request) in file.requests {
        plan.set_request(name.0, request.planned());
    }
    let mut script = Script::default();
    for (place, decided) in file.decisions {
        for (key, value) in decided {
            let read = schema::read(place.0, key.as_ref(), value.as_ref());
            let span =
                if matches!(&read, Err(what) if what.starts_with("unknown")) { key.span() } else { value.span() };
            let (name, value) = read.map_err(|what| ScenarioError::at(text, Some(span), &what))?;
            script.0.entry(place.0).or_default().insert(name, value);
        }
    }
    plan.script = Some(script);
    Ok(Scenario { about: file.about, law: file.law.map(|law| law.0), bug: file.bug.map(|bug| bug.0), plan })
}

impl Request {
    fn planned(self) -> PlannedRequest {
        let plain = PlannedRequest::default();
        let (options, time) = (plain.options, |ms: Option<Ms>| ms.map(|ms| ms.0));
        PlannedRequest {
            at: time(self.at_ms).unwrap_or(plain.at),
            options: Options {
                timeout_ms: self.timeout_ms.unwrap_or(options.timeout_ms),
                max_retries: self.max_retries.unwrap_or(options.max_retries),
                retry_delay_ms: self.retry_delay_ms.unwrap_or(options.retry_delay_ms),
                max_retry_delay_ms: self.max_retry_delay_ms.unwrap_or(options.max_retry_delay_ms),
                retry_on_5xx: self.retry_on_5xx.unwrap_or(options.retry_on_5xx),
                at_most_once: self.at_most_once.unwrap_or(options.at_most_once),
            },
            callback: self.callback.unwrap_or(plain.callback),
            body: self.body_bytes.map_or(plain.body, |whole| whole.0),
            malformed: self.malformed.map(|malformed| malformed.0),
            cancel_at: time(self.cancel_at_ms),
            status_at: time(self.status_at_ms),
            conflict_at: time(self.conflict_at_ms),
            service_us: time(self.service_ms).unwrap_or(plain.service_us),
        }
    }
}
