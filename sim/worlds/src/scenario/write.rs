//! From a plan to its text: what is not plain, in the order of a story.

use super::{
    file::{MALFORMED, Scenario},
    places::place_text,
    says::law_says,
    schema::{ms_value, rank, written},
};
use crate::{
    bugs,
    proxy::{Plan, Profile, plan::PlannedRequest},
};
use durable_sim::{Eviction, Fault, Micros, Place, Script, Value};
use std::{collections::BTreeMap, fmt::Write as _};
use toml::Value as Toml;

/// The scenario as a text that [`Scenario::parse`] reads.
pub(super) fn to_text(scenario: &Scenario) -> String {
    let mut out = Out::default();
    let (plan, plain) = (&scenario.plan, Plan::plain());
    let says = scenario.law.as_deref().and_then(|law| Some((law, law_says(law)?)));
    let is = scenario.bug.as_deref().and_then(|bug| Some((bug, bugs::bug(bug).ok()?.what.as_str())));
    for (name, what) in says.into_iter().chain(is) {
        out.comment(&format!("{name}: {what}."));
    }
    out.line("about", &scenario.about.as_str().into());
    for (key, value) in [("law", &scenario.law), ("bug", &scenario.bug)] {
        if let Some(value) = value {
            out.line(key, &value.as_str().into());
        }
    }
    out.unless("calm", plan.profile == Profile::Calm, false);
    out.ms("heal_at_ms", plan.heal_at, plain.heal_at);
    out.ms("network_ms", plan.network_us, plain.network_us);
    out.unless("connection_until_head", plan.slot_until_head, plain.slot_until_head);
    let (sizes, plain_sizes) = (&plan.sizes, &plain.sizes);
    out.ms("gather_ms", sizes.gather_us, plain_sizes.gather_us);
    out.ms("commit_ms", sizes.commit_us_min, plain_sizes.commit_us_min);
    out.ms("slowest_commit_ms", sizes.commit_us_max, sizes.commit_us_min);
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
        out.item("resets", &[("at_ms", ms_value(*at)), ("how", how.into())]);
    }
    for (from, until) in &plan.storage_full {
        out.item("storage_full", &[("from_ms", ms_value(*from)), ("until_ms", ms_value(*until))]);
    }
    out.end_items();
    out.text.push_str("\n[requests]\n");
    for (number, request) in plan.requests.iter().enumerate() {
        if let Some(request) = request {
            let _ = writeln!(out.text, "r{number} = {}", inline(&fields(request)));
        }
    }
    let script = plan.script.clone().unwrap_or_default();
    if !script.0.is_empty() {
        out.text.push_str("\n[decisions]\n");
    }
    for line in decision_lines(&script) {
        out.text.push_str(&line);
        out.text.push('\n');
    }
    out.text
}

/// The decisions as a file has them, a line for each place.
pub fn decision_lines(script: &Script) -> impl Iterator<Item = String> {
    let line = |(place, decided): (&Place, &BTreeMap<String, Value>)| {
        format!("{:?} = {}", place_text(*place), inline(&decisions(*place, decided)))
    };
    script.0.iter().map(line)
}

fn decisions(place: Place, decided: &BTreeMap<String, Value>) -> Vec<(String, Toml)> {
    let mut names: Vec<&String> = decided.keys().collect();
    names.sort_by_key(|name| rank(place, name));
    names.into_iter().map(|name| written(place, name, &decided[name])).collect()
}

/// What is not plain of a request: when it comes, what it is, how it is fetched, what its caller does later.
fn fields(request: &PlannedRequest) -> Vec<(&'static str, Toml)> {
    let plain = PlannedRequest::default();
    let (options, default) = (request.options, plain.options);
    let malformed =
        request.malformed.map(|number| MALFORMED.get(usize::from(number)).copied().unwrap_or(MALFORMED[0]).into());
    let whole = |number: u32| Toml::from(i64::from(number));
    let unless = |value: Toml, plain: Toml| (value != plain).then_some(value);
    let fields = [
        ("at_ms", unless(ms_value(request.at), ms_value(plain.at))),
        ("malformed", malformed),
        ("body_bytes", unless(whole(request.body), whole(plain.body))),
        ("callback", unless(request.callback.into(), plain.callback.into())),
        ("at_most_once", unless(options.at_most_once.into(), default.at_most_once.into())),
        ("max_retries", unless(options.max_retries.into(), default.max_retries.into())),
        ("retry_delay_ms", unless(options.retry_delay_ms.into(), default.retry_delay_ms.into())),
        ("max_retry_delay_ms", unless(options.max_retry_delay_ms.into(), default.max_retry_delay_ms.into())),
        ("retry_on_5xx", unless(options.retry_on_5xx.into(), default.retry_on_5xx.into())),
        ("timeout_ms", unless(options.timeout_ms.into(), default.timeout_ms.into())),
        ("service_ms", unless(ms_value(request.service_us), ms_value(plain.service_us))),
        ("status_at_ms", request.status_at.map(ms_value)),
        ("conflict_at_ms", request.conflict_at.map(ms_value)),
        ("cancel_at_ms", request.cancel_at.map(ms_value)),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// A table in one line, its keys in this order.
fn inline<K: AsRef<str>>(fields: &[(K, Toml)]) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{} = {value}", key.as_ref())).collect();
    format!("{{ {} }}", fields.join(", "))
}

#[derive(Default)]
struct Out {
    text: String,
    list: Option<&'static str>,
}

impl Out {
    fn comment(&mut self, text: &str) {
        let _ = writeln!(self.text, "# {text}");
    }

    fn line(&mut self, key: &str, value: &Toml) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    fn unless<T: Into<Toml> + PartialEq>(&mut self, key: &str, value: T, plain: T) {
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
    fn item(&mut self, list: &'static str, fields: &[(&str, Toml)]) {
        if self.list != Some(list) {
            self.end_items();
            let _ = writeln!(self.text, "{list} = [");
            self.list = Some(list);
        }
        let _ = writeln!(self.text, "  {},", inline(fields));
    }

    fn end_items(&mut self) {
        if self.list.take().is_some() {
            self.text.push_str("]\n");
        }
    }
}
