//! The text of a scenario, both ways.

use super::places::{parse_place, place_text};
use crate::{
    engine::{Eviction, Fault, Micros, Place, Script, Sizes, Value},
    proxy::{
        Plan, Profile,
        plan::{PlannedRequest, WorldFaults},
    },
};
use proxy_fetch::Options;
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, fmt::Write as _};

/// A plan, and what became of it when it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What happens in it, in words.
    pub about: String,
    /// The law that it breaks, by its id; `None`: it breaks none.
    pub law: Option<String>,
    /// The planted bug that is on.
    pub bug: Option<String>,
    /// The plan, with a script.
    pub plan: Plan,
}

/// Why a text is no scenario. Says where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError(String);

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScenarioError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    about: String,
    law: Option<String>,
    bug: Option<String>,
    calm: bool,
    heal_at_ms: f64,
    network_ms: f64,
    connection_until_head: bool,
    gather_ms: f64,
    commit_ms: f64,
    slowest_commit_ms: f64,
    serial_commits: bool,
    connections: u32,
    calls_per_second: u32,
    max_live: usize,
    max_finished: usize,
    eviction: Evicts,
    alarms_are_abandoned: bool,
    clocks_apart_ms: u64,
    resets: Vec<Reset>,
    storage_full: Vec<Span>,
    requests: BTreeMap<String, Request>,
    decisions: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Evicts {
    Never,
    Idle,
    Busy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    at_ms: f64,
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
#[serde(deny_unknown_fields)]
struct Span {
    from_ms: f64,
    until_ms: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Request {
    at_ms: f64,
    timeout_ms: i64,
    max_retries: i64,
    retry_delay_ms: i64,
    max_retry_delay_ms: i64,
    retry_on_5xx: bool,
    at_most_once: bool,
    callback: bool,
    body_bytes: u32,
    malformed: Option<u8>,
    cancel_at_ms: Option<f64>,
    status_at_ms: Option<f64>,
    conflict_at_ms: Option<f64>,
    service_ms: f64,
}

impl Default for Request {
    fn default() -> Self {
        let planned = PlannedRequest::default();
        Self {
            at_ms: ms(planned.at),
            timeout_ms: planned.options.timeout_ms,
            max_retries: planned.options.max_retries,
            retry_delay_ms: planned.options.retry_delay_ms,
            max_retry_delay_ms: planned.options.max_retry_delay_ms,
            retry_on_5xx: planned.options.retry_on_5xx,
            at_most_once: planned.options.at_most_once,
            callback: planned.callback,
            body_bytes: planned.body,
            malformed: planned.malformed,
            cancel_at_ms: None,
            status_at_ms: None,
            conflict_at_ms: None,
            service_ms: ms(planned.service_us),
        }
    }
}

impl Default for File {
    fn default() -> Self {
        let plan = Plan::plain();
        Self {
            about: String::new(),
            law: None,
            bug: None,
            calm: false,
            heal_at_ms: 0.0,
            network_ms: ms(plan.network_us),
            connection_until_head: plan.slot_until_head,
            gather_ms: ms(plan.sizes.gather_us),
            commit_ms: ms(plan.sizes.commit_us_min),
            slowest_commit_ms: ms(plan.sizes.commit_us_max),
            serial_commits: plan.sizes.serial_commits,
            connections: plan.sizes.connections,
            calls_per_second: plan.sizes.calls_per_second,
            max_live: plan.config.max_live,
            max_finished: plan.config.max_finished,
            eviction: Evicts::Never,
            alarms_are_abandoned: false,
            clocks_apart_ms: 0,
            resets: Vec::new(),
            storage_full: Vec::new(),
            requests: BTreeMap::new(),
            decisions: BTreeMap::new(),
        }
    }
}

/// µs as ms; exact up to 2^53 µs, which is 285 years.
#[allow(clippy::cast_precision_loss, reason = "see above")]
fn ms(us: Micros) -> f64 {
    us as f64 / 1_000.0
}

/// ms as µs.
fn us(field: &str, ms: f64) -> Result<Micros, ScenarioError> {
    const MOST_MS: f64 = 1e12;
    if (0.0..=MOST_MS).contains(&ms) {
        Ok((ms * 1_000.0).round() as Micros)
    } else {
        Err(ScenarioError(format!("{field}: {ms} ms is not between 0 and {MOST_MS}")))
    }
}

impl Scenario {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it is not TOML, names what there is not, or is out of bounds.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let file: File = toml::from_str(text).map_err(|error| ScenarioError(error.to_string()))?;
        let mut plan = Plan::plain();
        if file.calm {
            plan.profile = Profile::Calm;
        }
        plan.heal_at = us("heal_at_ms", file.heal_at_ms)?;
        plan.network_us = us("network_ms", file.network_ms)?;
        plan.slot_until_head = file.connection_until_head;
        plan.sizes = Sizes {
            gather_us: us("gather_ms", file.gather_ms)?,
            commit_us_min: us("commit_ms", file.commit_ms)?,
            commit_us_max: us("slowest_commit_ms", file.slowest_commit_ms.max(file.commit_ms))?,
            serial_commits: file.serial_commits,
            connections: file.connections.max(1),
            calls_per_second: file.calls_per_second.max(1),
        };
        (plan.config.max_live, plan.config.max_finished) = (file.max_live.max(1), file.max_finished);
        plan.faults.eviction = match file.eviction {
            Evicts::Never => Eviction::Never,
            Evicts::Idle => Eviction::Idle,
            Evicts::Busy => Eviction::Busy,
        };
        plan.faults.alarm_abandoned = file.alarms_are_abandoned;
        plan.faults.clock_skew_ms = file.clocks_apart_ms;
        for reset in file.resets {
            let fault = match reset.how {
                How::Crash => Fault::CRASH,
                How::Deploy => Fault::DEPLOY,
                How::IsolateKilled => Fault::ISOLATE_KILLED,
            };
            plan.resets.push((us("resets: at_ms", reset.at_ms)?, fault));
        }
        for span in file.storage_full {
            let from = us("storage_full: from_ms", span.from_ms)?;
            plan.storage_full.push((from, us("storage_full: until_ms", span.until_ms)?.max(from)));
        }
        for (name, request) in file.requests {
            plan.set_request(number_of(&name)?, request.planned(&name)?);
        }
        plan.script = Some(script(file.decisions)?);
        Ok(Self { about: file.about, law: file.law, bug: file.bug, plan })
    }

    /// The scenario as a text that [`Scenario::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = Out::default();
        let (plan, plain) = (&self.plan, Plan::plain());
        out.line("about", &self.about.as_str().into());
        for (key, value) in [("law", &self.law), ("bug", &self.bug)] {
            if let Some(value) = value {
                out.line(key, &value.as_str().into());
            }
        }
        out.unless("calm", plan.profile == Profile::Calm, false);
        out.ms("heal_at_ms", plan.heal_at, 0);
        out.ms("network_ms", plan.network_us, plain.network_us);
        out.unless("connection_until_head", plan.slot_until_head, plain.slot_until_head);
        let (sizes, plain_sizes) = (&plan.sizes, &plain.sizes);
        out.ms("gather_ms", sizes.gather_us, plain_sizes.gather_us);
        out.ms("commit_ms", sizes.commit_us_min, plain_sizes.commit_us_min);
        out.ms("slowest_commit_ms", sizes.commit_us_max, plain_sizes.commit_us_max.max(sizes.commit_us_min));
        out.unless("serial_commits", sizes.serial_commits, plain_sizes.serial_commits);
        out.unless("connections", i64::from(sizes.connections), i64::from(plain_sizes.connections));
        out.unless("calls_per_second", i64::from(sizes.calls_per_second), i64::from(plain_sizes.calls_per_second));
        out.unless("max_live", plan.config.max_live as i64, plain.config.max_live as i64);
        out.unless("max_finished", plan.config.max_finished as i64, plain.config.max_finished as i64);
        let eviction = match plan.faults.eviction {
            Eviction::Never => "never",
            Eviction::Idle => "idle",
            Eviction::Busy => "busy",
        };
        out.unless("eviction", eviction, "never");
        out.unless("alarms_are_abandoned", plan.faults.alarm_abandoned, false);
        out.unless("clocks_apart_ms", plan.faults.clock_skew_ms as i64, 0);
        for (at, fault) in &plan.resets {
            let how = match *fault {
                Fault::DEPLOY => "deploy",
                Fault::ISOLATE_KILLED => "isolate_killed",
                _ => "crash",
            };
            out.item("resets", [("at_ms", ms_value(*at)), ("how", how.into())]);
        }
        for (from, until) in &plan.storage_full {
            out.item("storage_full", [("from_ms", ms_value(*from)), ("until_ms", ms_value(*until))]);
        }
        out.end_items();
        out.text.push_str("\n[requests]\n");
        for (number, request) in plan.requests.iter().enumerate() {
            if let Some(request) = request {
                out.line(&format!("r{number}"), &request_value(request));
            }
        }
        let script = plan.script.clone().unwrap_or_default();
        if !script.0.is_empty() {
            out.text.push_str("\n[decisions]\n");
        }
        for (place, decided) in &script.0 {
            let decided = decided.iter().map(|(name, value)| decision_value(name, value));
            out.line(&format!("{:?}", place_text(*place)), &toml::Value::Table(decided.collect()));
        }
        out.text
    }
}

impl Request {
    fn planned(self, name: &str) -> Result<PlannedRequest, ScenarioError> {
        let time = |field: &str, at: Option<f64>| at.map(|at| us(&format!("{name}: {field}"), at)).transpose();
        Ok(PlannedRequest {
            at: us(&format!("{name}: at_ms"), self.at_ms)?,
            options: Options {
                timeout_ms: self.timeout_ms,
                max_retries: self.max_retries,
                retry_delay_ms: self.retry_delay_ms,
                max_retry_delay_ms: self.max_retry_delay_ms,
                retry_on_5xx: self.retry_on_5xx,
                at_most_once: self.at_most_once,
            },
            callback: self.callback,
            body: self.body_bytes,
            malformed: self.malformed,
            cancel_at: time("cancel_at_ms", self.cancel_at_ms)?,
            status_at: time("status_at_ms", self.status_at_ms)?,
            conflict_at: time("conflict_at_ms", self.conflict_at_ms)?,
            service_us: us(&format!("{name}: service_ms"), self.service_ms)?,
        })
    }
}

/// `r7` is 7.
fn number_of(name: &str) -> Result<usize, ScenarioError> {
    /// More than any seed plans.
    const MOST: usize = 10_000;
    let number = name.strip_prefix('r').and_then(|number| number.parse().ok()).filter(|number| *number < MOST);
    number.ok_or_else(|| ScenarioError(format!("requests: {name:?} is not r0 to r{}", MOST - 1)))
}

fn script(decisions: BTreeMap<String, BTreeMap<String, toml::Value>>) -> Result<Script, ScenarioError> {
    let mut script = BTreeMap::<Place, BTreeMap<String, Value>>::new();
    for (text, decided) in decisions {
        let wrong = |what: String| ScenarioError(format!("decisions: {text:?}: {what}"));
        let place = parse_place(&text).ok_or_else(|| wrong("there is no such place".into()))?;
        for (name, value) in decided {
            let (name, value) = match (name.strip_suffix("_ms"), value) {
                (_, toml::Value::Boolean(true)) => (name, Value::Yes),
                (_, toml::Value::String(word)) => (name, Value::Word(word)),
                (Some(stem), toml::Value::Float(number)) if name != "clock_off_ms" => {
                    (format!("{stem}_us"), Value::Number(us(&name, number)?))
                }
                (Some(stem), toml::Value::Integer(number)) if name != "clock_off_ms" => {
                    #[allow(clippy::cast_precision_loss, reason = "bounded by us()")]
                    let number = us(&name, number as f64)?;
                    (format!("{stem}_us"), Value::Number(number))
                }
                (_, toml::Value::Integer(number)) => {
                    let number = u64::try_from(number).map_err(|_| wrong(format!("{name}: {number} is negative")))?;
                    (name, Value::Number(number))
                }
                (_, other) => return Err(wrong(format!("{name}: {other} is not true, a number or a word"))),
            };
            script.entry(place).or_default().insert(name, value);
        }
    }
    Ok(Script(script))
}

fn decision_value(name: &str, value: &Value) -> (String, toml::Value) {
    match (name.strip_suffix("_us"), value) {
        (Some(stem), Value::Number(number)) => (format!("{stem}_ms"), ms_value(*number)),
        (_, Value::Yes) => (name.to_owned(), true.into()),
        (_, Value::Number(number)) => (name.to_owned(), (*number as i64).into()),
        (_, Value::Word(word)) => (name.to_owned(), word.as_str().into()),
    }
}

/// µs as ms, whole if they are.
fn ms_value(us: Micros) -> toml::Value {
    if us.is_multiple_of(1_000) { ((us / 1_000) as i64).into() } else { ms(us).into() }
}

fn request_value(request: &PlannedRequest) -> toml::Value {
    let plain = PlannedRequest::default();
    let (options, default) = (request.options, plain.options);
    let mut table = toml::Table::new();
    let mut unless = |key: &str, value: toml::Value, plain: toml::Value| {
        if value != plain {
            table.insert(key.to_owned(), value);
        }
    };
    unless("at_ms", ms_value(request.at), ms_value(plain.at));
    unless("timeout_ms", options.timeout_ms.into(), default.timeout_ms.into());
    unless("max_retries", options.max_retries.into(), default.max_retries.into());
    unless("retry_delay_ms", options.retry_delay_ms.into(), default.retry_delay_ms.into());
    unless("max_retry_delay_ms", options.max_retry_delay_ms.into(), default.max_retry_delay_ms.into());
    unless("retry_on_5xx", options.retry_on_5xx.into(), default.retry_on_5xx.into());
    unless("at_most_once", options.at_most_once.into(), default.at_most_once.into());
    unless("callback", request.callback.into(), plain.callback.into());
    unless("body_bytes", i64::from(request.body).into(), i64::from(plain.body).into());
    unless("service_ms", ms_value(request.service_us), ms_value(plain.service_us));
    let times = [
        ("cancel_at_ms", request.cancel_at),
        ("status_at_ms", request.status_at),
        ("conflict_at_ms", request.conflict_at),
    ];
    for (key, at) in times {
        if let Some(at) = at {
            table.insert(key.to_owned(), ms_value(at));
        }
    }
    if let Some(malformed) = request.malformed {
        table.insert("malformed".to_owned(), i64::from(malformed).into());
    }
    toml::Value::Table(table)
}

#[derive(Default)]
struct Out {
    text: String,
    list: Option<&'static str>,
}

impl Out {
    fn line(&mut self, key: &str, value: &toml::Value) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    fn unless<T: Into<toml::Value> + PartialEq>(&mut self, key: &str, value: T, plain: T) {
        if value != plain {
            self.line(key, &value.into());
        }
    }

    fn ms(&mut self, key: &str, us: Micros, plain: Micros) {
        if us != plain {
            self.line(key, &ms_value(us));
        }
    }

    /// One item of a list, each on a line of its own.
    fn item<const N: usize>(&mut self, list: &'static str, fields: [(&str, toml::Value); N]) {
        if self.list != Some(list) {
            self.end_items();
            let _ = writeln!(self.text, "{list} = [");
            self.list = Some(list);
        }
        let table = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let _ = writeln!(self.text, "  {},", toml::Value::Table(table));
    }

    fn end_items(&mut self) {
        if self.list.take().is_some() {
            self.text.push_str("]\n");
        }
    }
}

impl Plan {
    /// A plan in which nothing is but the plainest: no requests, no faults.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            profile: Profile::Swarm,
            faults: crate::engine::Faults::default(),
            world: WorldFaults::default(),
            sizes: Sizes { commit_us_min: 1_000, commit_us_max: 1_000, ..Sizes::default() },
            config: Self::config(),
            network_us: 1_000,
            slot_until_head: false,
            heal_at: 0,
            requests: Vec::new(),
            resets: Vec::new(),
            storage_full: Vec::new(),
            script: Some(Script::default()),
        }
    }

    /// Puts a request at its number, with gaps before it if need be.
    pub fn set_request(&mut self, number: usize, request: PlannedRequest) {
        if self.requests.len() <= number {
            self.requests.resize(number + 1, None);
        }
        self.requests[number] = Some(request);
    }

    /// Lines that tell it: requests, resets, decisions, and settings that are not plain.
    #[must_use]
    pub fn items(&self) -> usize {
        let text = Scenario { about: String::new(), law: None, bug: None, plan: self.clone() }.to_text();
        let is_item = |line: &&str| {
            line.starts_with("  {")
                || line.contains(" = ") && !["about = ", "law = ", "bug = "].iter().any(|head| line.starts_with(head))
        };
        text.lines().filter(is_item).count()
    }
}
