//! Scenario files: `sim/worlds/scenarios/README.md` says what stands in them. The workerd suite has its own reader.

use super::json::Fields;
use proxy_fetch::Options;
use serde_json::Value;
use std::{collections::BTreeMap, fs, ops::RangeInclusive, path::Path};

/// A story of a few requests, and what must have become of them.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    /// Why it cannot be told here; `None`: it can.
    pub not_here: Option<String>,
    pub steps: Vec<Step>,
    /// By base id.
    pub expect: BTreeMap<String, Expected>,
    pub at_once: Option<RangeInclusive<u64>>,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub at_ms: u64,
    pub action: Action,
    /// `accepted`, `cancelled`, or the name of a refusal.
    pub reply: String,
}

#[derive(Clone, Debug)]
pub enum Action {
    Enqueue(Box<Enqueue>),
    Repeat(String),
    Conflict(String),
    Cancel(String),
    Crash,
}

#[derive(Clone, Debug)]
pub struct Enqueue {
    pub id: String,
    pub copies: Option<u64>,
    /// `None`: a GET.
    pub body: Option<String>,
    pub options: Options,
    pub upstream: Vec<Answer>,
    pub callbacks: Vec<Callback>,
}

/// What an upstream does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub after_ms: u64,
    pub kind: AnswerKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    Status { status: u16, retry_after: Option<String>, body_bytes: usize },
    Hangs,
    Breaks,
}

/// What an origin does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    Answers,
    Throws,
    Hangs,
}

#[derive(Clone, Debug)]
pub struct Expected {
    pub outcome: String,
    pub attempts: RangeInclusive<u64>,
    pub upstream_calls: RangeInclusive<u64>,
    pub callbacks: RangeInclusive<u64>,
    pub gaps_ms: Vec<u64>,
}

impl Enqueue {
    /// The ids of the request, or of its copies.
    pub fn ids(&self) -> Vec<String> {
        match self.copies {
            None => vec![self.id.clone()],
            Some(copies) => (1..=copies).map(|copy| format!("{}-{copy}", self.id)).collect(),
        }
    }
}

/// All scenarios, by name.
pub fn all() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(&folder).expect("the folder of scenarios");
    let mut scenarios: Vec<Scenario> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in plain characters");
            let text = fs::read_to_string(&path).expect("a readable file");
            Scenario::read(name, &text).unwrap_or_else(|problem| panic!("{problem}"))
        })
        .collect();
    scenarios.sort_by(|one, other| one.name.cmp(&other.name));
    scenarios
}

impl Scenario {
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        let mut fields = Fields::of(name, value)?;
        let about = fields.text("about")?;
        fields.need("about", about)?;
        let not_here = fields.take("only").map(|only| only_there(&fields.at("only"), only)).transpose()?.flatten();
        let steps = fields.list("steps")?;
        let steps = fields.need("steps", steps)?;
        let steps: Vec<Step> = steps
            .into_iter()
            .enumerate()
            .map(|(number, step)| read_step(&format!("{name}.steps[{number}]"), step))
            .collect::<Result<_, _>>()?;
        let at_once = fields.take("at_once").map(|value| count(&fields.at("at_once"), &value)).transpose()?;
        let expect = fields.take("expect");
        let expect = Fields::of(&fields.at("expect"), fields.need("expect", expect)?)?;
        fields.end()?;
        let expect = expect
            .rest()
            .map(|(id, value)| Ok((id.clone(), read_expected(&format!("{name}.expect.{id}"), value)?)))
            .collect::<Result<_, String>>()?;
        let scenario = Self { name: name.to_owned(), not_here, steps, expect, at_once };
        scenario.check()?;
        Ok(scenario)
    }

    /// Ids stand for what they should, and time goes on.
    fn check(&self) -> Result<(), String> {
        let Self { name, .. } = self;
        let mut known = Vec::new();
        let mut accepted = Vec::new();
        let mut last_ms = 0;
        for (number, Step { at_ms, action, reply }) in self.steps.iter().enumerate() {
            let fault = |what: String| Err(format!("{name}.steps[{number}]: {what}"));
            if *at_ms < last_ms {
                return fault(format!("{at_ms} ms is before the step before"));
            }
            last_ms = *at_ms;
            match action {
                Action::Crash => {}
                Action::Enqueue(enqueue) => {
                    for id in enqueue.ids() {
                        if known.contains(&id) {
                            return fault(format!("{id} is there already"));
                        }
                        known.push(id);
                    }
                    if reply == "accepted" {
                        accepted.push(enqueue.id.clone());
                    }
                }
                Action::Cancel(_) if reply == "not_found" => {}
                Action::Repeat(id) | Action::Conflict(id) | Action::Cancel(id) => {
                    if !known.contains(id) {
                        return fault(format!("there is no request {id}"));
                    }
                }
            }
        }
        accepted.sort();
        if accepted.iter().ne(self.expect.keys()) {
            return Err(format!("{name}.expect: is not about the requests that are accepted: {}", accepted.join(", ")));
        }
        Ok(())
    }
}

fn only_there(place: &str, value: Value) -> Result<Option<String>, String> {
    let mut fields = Fields::of(place, value)?;
    let (side, why) = (fields.text("side")?, fields.text("why")?);
    let (side, why) = (fields.need("side", side)?, fields.need("why", why)?);
    fields.end()?;
    match side.as_str() {
        "sim" => Ok(None),
        "workerd" => Ok(Some(why)),
        other => Err(format!("{place}.side: {other} is neither sim nor workerd")),
    }
}

fn read_step(place: &str, value: Value) -> Result<Step, String> {
    let mut fields = Fields::of(place, value)?;
    let at_ms = fields.number("at_ms")?;
    let at_ms = fields.need("at_ms", at_ms)?;
    let mut actions = Vec::new();
    if let Some(id) = fields.text("enqueue")? {
        actions.push((Action::Enqueue(Box::new(read_enqueue(&mut fields, id)?)), "accepted"));
    }
    actions.extend(fields.text("repeat")?.map(|id| (Action::Repeat(id), "accepted")));
    actions.extend(fields.text("conflict")?.map(|id| (Action::Conflict(id), "conflict")));
    actions.extend(fields.text("cancel")?.map(|id| (Action::Cancel(id), "cancelled")));
    if let Some(crash) = fields.truth("crash")? {
        if !crash || fields.has("reply") {
            return Err(format!("{place}.crash: is true, and nobody replies"));
        }
        actions.push((Action::Crash, ""));
    }
    let reply = fields.text("reply")?;
    fields.end()?;
    let mut actions = actions.into_iter();
    match (actions.next(), actions.next()) {
        (Some((action, usual)), None) => Ok(Step { at_ms, action, reply: reply.unwrap_or_else(|| usual.to_owned()) }),
        _ => Err(format!("{place}: is not one of enqueue, repeat, conflict, cancel, crash")),
    }
}

fn read_enqueue(fields: &mut Fields, id: String) -> Result<Enqueue, String> {
    let copies = fields.number("copies")?;
    let body = fields.text("body")?;
    let options = match fields.take("options") {
        Some(value) => read_options(&fields.at("options"), value)?,
        None => Options::default(),
    };
    let place = fields.at("upstream");
    let upstream = match fields.list("upstream")? {
        Some(answers) => answers.into_iter().map(|answer| read_answer(&place, answer)).collect::<Result<_, _>>()?,
        None => vec![Answer { after_ms: 0, kind: plain(200) }],
    };
    if upstream.is_empty() {
        return Err(format!("{place}: is empty"));
    }
    let place = fields.at("callbacks");
    let callbacks = match fields.list("callbacks")? {
        Some(callbacks) => {
            callbacks.iter().map(|callback| read_callback(&place, callback)).collect::<Result<_, _>>()?
        }
        None => vec![Callback::Answers],
    };
    Ok(Enqueue { id, copies, body, options, upstream, callbacks })
}

const fn plain(status: u16) -> AnswerKind {
    AnswerKind::Status { status, retry_after: None, body_bytes: 2 }
}

fn read_options(place: &str, value: Value) -> Result<Options, String> {
    let mut fields = Fields::of(place, value)?;
    let mut options = Options::default();
    let numbers = [
        ("timeout_ms", &mut options.timeout_ms),
        ("max_retries", &mut options.max_retries),
        ("retry_delay_ms", &mut options.retry_delay_ms),
        ("max_retry_delay_ms", &mut options.max_retry_delay_ms),
    ];
    for (key, option) in numbers {
        if let Some(number) = fields.number(key)? {
            *option = i64::try_from(number).map_err(|error| format!("{place}.{key}: {error}"))?;
        }
    }
    for (key, option) in [("retry_on_5xx", &mut options.retry_on_5xx), ("at_most_once", &mut options.at_most_once)] {
        *option = fields.truth(key)?.unwrap_or(*option);
    }
    fields.end()?;
    Ok(options)
}

fn read_answer(place: &str, value: Value) -> Result<Answer, String> {
    let mut fields = Fields::of(place, value)?;
    let after_ms = fields.number("after_ms")?.unwrap_or(0);
    let mut kinds = Vec::new();
    if let Some(status) = fields.number("status")? {
        let status = u16::try_from(status).map_err(|error| format!("{place}.status: {error}"))?;
        let retry_after = fields.text("retry_after")?;
        let body_bytes = fields.number("body_bytes")?.map_or(2, |bytes| bytes as usize);
        kinds.push(AnswerKind::Status { status, retry_after, body_bytes });
    }
    kinds.extend(fields.truth("hangs")?.filter(|hangs| *hangs).map(|_| AnswerKind::Hangs));
    kinds.extend(fields.truth("breaks")?.filter(|breaks| *breaks).map(|_| AnswerKind::Breaks));
    fields.end()?;
    let mut kinds = kinds.into_iter();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(Answer { after_ms, kind }),
        _ => Err(format!("{place}: an answer is one of status, hangs, breaks")),
    }
}

fn read_callback(place: &str, value: &Value) -> Result<Callback, String> {
    match value.as_str() {
        Some("answers") => Ok(Callback::Answers),
        Some("throws") => Ok(Callback::Throws),
        Some("hangs") => Ok(Callback::Hangs),
        Some(_) | None => Err(format!("{place}: {value} is none of answers, throws, hangs")),
    }
}

fn read_expected(place: &str, value: Value) -> Result<Expected, String> {
    let mut fields = Fields::of(place, value)?;
    let outcome = fields.text("outcome")?;
    let outcome = fields.need("outcome", outcome)?;
    let mut counted = |key: &str| {
        let value = fields.take(key);
        count(&fields.at(key), &fields.need(key, value)?)
    };
    let (attempts, upstream_calls, callbacks) =
        (counted("attempts")?, counted("upstream_calls")?, counted("callbacks")?);
    let place = fields.at("gaps_ms");
    let gaps_ms = fields.list("gaps_ms")?.unwrap_or_default();
    let gap = |gap: Value| gap.as_u64().ok_or_else(|| format!("{place}: {gap} is not a whole number from 0"));
    let gaps_ms = gaps_ms.into_iter().map(gap).collect::<Result<_, _>>()?;
    fields.end()?;
    Ok(Expected { outcome, attempts, upstream_calls, callbacks, gaps_ms })
}

/// A number, or the least and the most.
fn count(place: &str, value: &Value) -> Result<RangeInclusive<u64>, String> {
    let ends = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    match ends.iter().map(Value::as_u64).collect::<Option<Vec<_>>>().as_deref() {
        Some([number]) if !value.is_array() => Ok(*number..=*number),
        Some([least, most]) if least <= most => Ok(*least..=*most),
        Some(_) | None => Err(format!("{place}: {value} is neither a number nor [least, most]")),
    }
}
