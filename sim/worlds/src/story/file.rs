//! Story files: `sim/worlds/scenarios/README.md` says what stands in them. The workerd suite has its own reader.

use super::json::{Fields, Item};
use proxy_fetch::Options;
use std::{collections::BTreeMap, fs, io, ops::RangeInclusive, path::Path};

/// A story is over within a day, so no time in it is longer.
const MOST_MS: u64 = 24 * 60 * 60 * 1_000;
/// So many copies of a request are plenty.
const MOST_COPIES: u64 = 1_000;

/// A story of a few requests, and what must have become of them.
#[derive(Clone, Debug)]
pub struct Story {
    /// What happens in it, in a sentence.
    pub about: String,
    /// Why it cannot be played here; `None`: it can.
    pub not_here: Option<String>,
    /// In the order of their times.
    pub steps: Vec<Step>,
    /// What must have become of each request that is accepted, by its id in the file.
    pub expect: BTreeMap<String, Expected>,
    /// The most calls that are at the upstream at one time.
    pub at_once: Option<RangeInclusive<u64>>,
}

/// What happens at one time.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, in ms since the beginning.
    pub at_ms: u64,
    /// What.
    pub action: Action,
    /// `accepted`, `cancelled`, or the name of a refusal.
    pub reply: String,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub enum Action {
    /// A new request is handed in, or several of one kind.
    Enqueue(Box<Enqueue>),
    /// A request is handed in again.
    Repeat(String),
    /// A different request is handed in under the id of this one.
    Conflict(String),
    /// A request is cancelled.
    Cancel(String),
    /// The instance is lost, and the object starts again.
    Crash,
}

/// A request, and what its upstream and its origin do.
#[derive(Clone, Debug)]
pub struct Enqueue {
    /// Its id in the file.
    pub id: String,
    /// So many requests of the kind, each with an id of its own; `None`: one, with this id.
    pub copies: Option<u64>,
    /// The text that it sends; `None`: it is a GET.
    pub body: Option<String>,
    /// As the caller gives them.
    pub options: Options,
    /// What the upstream does, call by call; the last entry repeats for ever.
    pub upstream: Vec<Answer>,
    /// What the origin does, call by call; the last entry repeats for ever. Without any nobody is called back.
    pub callbacks: Vec<Callback>,
}

/// What an upstream does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// It does nothing before that, in ms.
    pub after_ms: u64,
    /// And then this.
    pub kind: AnswerKind,
}

/// How an upstream answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// With a response.
    Status {
        /// Its status.
        status: u16,
        /// Its header `Retry-After`.
        retry_after: Option<String>,
        /// The size of its body.
        body_bytes: usize,
    },
    /// Never.
    Hangs,
    /// The connection breaks.
    Breaks,
}

/// What an origin does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// It takes the outcome.
    Answers,
    /// It fails.
    Throws,
    /// It never ends.
    Hangs,
}

/// What must have become of a request.
#[derive(Clone, Debug)]
pub struct Expected {
    /// How it ended, in the words of its callback.
    pub outcome: String,
    /// Attempts that were started.
    pub attempts: RangeInclusive<u64>,
    /// Calls that reached the upstream.
    pub upstream_calls: RangeInclusive<u64>,
    /// Calls that reached the origin.
    pub callbacks: RangeInclusive<u64>,
    /// The least time between one call at the upstream and the next, in ms, call by call.
    pub gaps_ms: Vec<u64>,
}

impl Enqueue {
    /// The ids of the request, or of its copies.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        match self.copies {
            None => vec![self.id.clone()],
            Some(copies) => (1..=copies).map(|copy| format!("{}-{copy}", self.id)).collect(),
        }
    }
}

/// All stories of `sim/worlds/scenarios`, by the names of their files.
///
/// # Errors
/// In one line: what cannot be read, and where.
pub fn all() -> Result<BTreeMap<String, Story>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let paths = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = paths.into_iter().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = fs::read_to_string(&path).map_err(|error| error.to_string());
            let story = text.and_then(|text| Story::read(&text));
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            story.map(|story| (name, story)).map_err(|problem| format!("{}: {problem}", path.display()))
        })
        .collect()
}

impl Story {
    /// Reads a text.
    ///
    /// # Errors
    /// In one line, with the line of the text and the place in its value: where it is not JSON, has a key that there is
    /// not, lacks one, or has a value that cannot be.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut fields = Item::of_text(text)?.fields()?;
        let about = fields.need("about")?.text()?;
        let not_here = fields.take("only").map(only_there).transpose()?.flatten();
        let steps = fields.need("steps")?.list()?;
        let read: Vec<Step> = steps.iter().cloned().map(read_step).collect::<Result<_, _>>()?;
        let at_once = fields.take("at_once").map(|item| count(&item)).transpose()?;
        let expect = fields.need("expect")?;
        fields.end()?;
        let expected = expect.clone().fields()?.rest();
        let expected =
            expected.map(|(id, item)| Ok((id, read_expected(item)?))).collect::<Result<BTreeMap<_, _>, String>>()?;
        let accepted = accepted(&read, &steps)?;
        if accepted.iter().ne(expected.keys()) {
            let what = format!("is not about the requests that are accepted: {}", accepted.join(", "));
            return Err(expect.wrong(what));
        }
        Ok(Self { about, not_here, steps: read, expect: expected, at_once })
    }
}

/// The ids of the requests that must be accepted, in their order as texts.
///
/// # Errors
/// An id does not stand for what it should, or time goes back.
fn accepted(steps: &[Step], items: &[Item<'_>]) -> Result<Vec<String>, String> {
    let mut known = Vec::new();
    let mut accepted = Vec::new();
    let mut last_ms = 0;
    for (Step { at_ms, action, reply }, item) in steps.iter().zip(items) {
        if *at_ms < last_ms {
            return Err(item.wrong(format!("{at_ms} ms is before the step before")));
        }
        last_ms = *at_ms;
        match action {
            Action::Crash => {}
            Action::Enqueue(enqueue) => {
                for id in enqueue.ids() {
                    if known.contains(&id) {
                        return Err(item.wrong(format!("{id} is there already")));
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
                    return Err(item.wrong(format!("there is no request {id}")));
                }
            }
        }
    }
    accepted.sort();
    Ok(accepted)
}

fn only_there(item: Item<'_>) -> Result<Option<String>, String> {
    let mut fields = item.fields()?;
    let (side, why) = (fields.need("side")?, fields.need("why")?.text()?);
    fields.end()?;
    match side.text()?.as_str() {
        "sim" => Ok(None),
        "workerd" => Ok(Some(why)),
        other => Err(side.wrong(format!("{other} is neither sim nor workerd"))),
    }
}

fn read_step(item: Item<'_>) -> Result<Step, String> {
    let mut fields = item.clone().fields()?;
    let at_ms = at_most(&fields.need("at_ms")?, MOST_MS)?;
    let mut actions = Vec::new();
    if let Some(id) = fields.text("enqueue")? {
        actions.push((Action::Enqueue(Box::new(read_enqueue(&mut fields, id)?)), "accepted"));
    }
    actions.extend(fields.text("repeat")?.map(|id| (Action::Repeat(id), "accepted")));
    actions.extend(fields.text("conflict")?.map(|id| (Action::Conflict(id), "conflict")));
    actions.extend(fields.text("cancel")?.map(|id| (Action::Cancel(id), "cancelled")));
    if let Some(crash) = fields.take("crash") {
        if crash.read() != Some(true) || fields.has("reply") {
            return Err(crash.wrong("is true, and nobody replies"));
        }
        actions.push((Action::Crash, ""));
    }
    let reply = fields.text("reply")?;
    fields.end()?;
    let mut actions = actions.into_iter();
    match (actions.next(), actions.next()) {
        (Some((action, usual)), None) => Ok(Step { at_ms, action, reply: reply.unwrap_or_else(|| usual.to_owned()) }),
        _ => Err(item.wrong("is not one of enqueue, repeat, conflict, cancel, crash")),
    }
}

fn read_enqueue(fields: &mut Fields<'_>, id: String) -> Result<Enqueue, String> {
    let copies = fields.take("copies").map(|item| at_most(&item, MOST_COPIES)).transpose()?;
    let body = fields.text("body")?;
    let options = fields.take("options").map(read_options).transpose()?.unwrap_or_default();
    let upstream = match fields.take("upstream") {
        Some(answers) => {
            let read: Vec<Answer> = answers.list()?.into_iter().map(read_answer).collect::<Result<_, _>>()?;
            if read.is_empty() {
                return Err(answers.wrong("is empty"));
            }
            read
        }
        None => vec![Answer { after_ms: 0, kind: plain(200) }],
    };
    let callbacks = match fields.list("callbacks")? {
        Some(callbacks) => callbacks.iter().map(read_callback).collect::<Result<_, _>>()?,
        None => vec![Callback::Answers],
    };
    Ok(Enqueue { id, copies, body, options, upstream, callbacks })
}

const fn plain(status: u16) -> AnswerKind {
    AnswerKind::Status { status, retry_after: None, body_bytes: 2 }
}

fn read_options(item: Item<'_>) -> Result<Options, String> {
    let mut fields = item.fields()?;
    let mut options = Options::default();
    let numbers = [
        ("timeout_ms", &mut options.timeout_ms),
        ("max_retries", &mut options.max_retries),
        ("retry_delay_ms", &mut options.retry_delay_ms),
        ("max_retry_delay_ms", &mut options.max_retry_delay_ms),
    ];
    for (key, option) in numbers {
        if let Some(item) = fields.take(key) {
            let number: u64 = item.typed("a whole number from 0")?;
            *option = i64::try_from(number).map_err(|error| item.wrong(error))?;
        }
    }
    for (key, option) in [("retry_on_5xx", &mut options.retry_on_5xx), ("at_most_once", &mut options.at_most_once)] {
        *option = fields.truth(key)?.unwrap_or(*option);
    }
    fields.end()?;
    Ok(options)
}

fn read_answer(item: Item<'_>) -> Result<Answer, String> {
    let mut fields = item.clone().fields()?;
    let after_ms = fields.take("after_ms").map_or(Ok(0), |item| at_most(&item, MOST_MS))?;
    let mut kinds = Vec::new();
    if let Some(status) = fields.take("status") {
        let status = status.typed("a status, a whole number to 65535")?;
        let retry_after = fields.text("retry_after")?;
        let body_bytes = match fields.take("body_bytes") {
            Some(bytes) => bytes.typed("a whole number from 0")?,
            None => 2,
        };
        kinds.push(AnswerKind::Status { status, retry_after, body_bytes });
    }
    kinds.extend(fields.truth("hangs")?.filter(|hangs| *hangs).map(|_| AnswerKind::Hangs));
    kinds.extend(fields.truth("breaks")?.filter(|breaks| *breaks).map(|_| AnswerKind::Breaks));
    fields.end()?;
    let mut kinds = kinds.into_iter();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(Answer { after_ms, kind }),
        _ => Err(item.wrong("an answer is one of status, hangs, breaks")),
    }
}

fn read_callback(item: &Item<'_>) -> Result<Callback, String> {
    match item.read::<String>().as_deref() {
        Some("answers") => Ok(Callback::Answers),
        Some("throws") => Ok(Callback::Throws),
        Some("hangs") => Ok(Callback::Hangs),
        Some(_) | None => Err(item.wrong(format!("{item} is none of answers, throws, hangs"))),
    }
}

fn read_expected(item: Item<'_>) -> Result<Expected, String> {
    let mut fields = item.fields()?;
    let outcome = fields.need("outcome")?.text()?;
    let mut counted = |key: &str| count(&fields.need(key)?);
    let (attempts, upstream_calls, callbacks) =
        (counted("attempts")?, counted("upstream_calls")?, counted("callbacks")?);
    let gaps_ms = fields.list("gaps_ms")?.unwrap_or_default();
    let gaps_ms = gaps_ms.iter().map(|gap| gap.typed("a whole number from 0")).collect::<Result<_, _>>()?;
    fields.end()?;
    Ok(Expected { outcome, attempts, upstream_calls, callbacks, gaps_ms })
}

fn at_most(item: &Item<'_>, most: u64) -> Result<u64, String> {
    let number = item.typed("a whole number from 0")?;
    if number <= most { Ok(number) } else { Err(item.wrong(format!("{number} is above {most}"))) }
}

/// A number, or the least and the most.
fn count(item: &Item<'_>) -> Result<RangeInclusive<u64>, String> {
    match (item.read::<u64>(), item.read::<[u64; 2]>()) {
        (Some(number), _) => Ok(number..=number),
        (None, Some([least, most])) if least <= most => Ok(least..=most),
        (None, Some(_) | None) => Err(item.wrong(format!("{item} is neither a number nor [least, most]"))),
    }
}
