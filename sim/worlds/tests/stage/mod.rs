//! A stage for one machine: it plays a script and writes down what goes in and what comes out.

use proxy_fetch::{
    Alarm, Attempt, Callback, CallbackResult, Caller, Config, Effect, Event, Failure, FetchResult, Key, Machine,
    ObjectCallback, Options, Output, Request, Row, Store, Table, Timestamp, Ulid, Write, turn,
};
use std::{collections::BTreeMap, fmt::Write as _};

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

#[derive(Default)]
struct Rows {
    rows: BTreeMap<Key, Vec<u8>>,
    alarm: Option<Timestamp>,
    crash: Option<Crash>,
    log: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Crash {
    Before,
    After,
}

impl Store for Rows {
    type Error = &'static str;

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), Self::Error> {
        if self.crash == Some(Crash::Before) {
            return Err("crash before the commit");
        }
        for write in writes {
            let _ = writeln!(self.log, "           | {write}");
            match write {
                Write::Put(record) => drop(self.rows.insert(record.key(), record.encode())),
                Write::Delete(key) => drop(self.rows.remove(key)),
            }
        }
        if let Some(at) = alarm {
            let _ = writeln!(self.log, "           | alarm at {at}");
            self.alarm = alarm;
        }
        Ok(())
    }
}

pub struct Stage {
    machine: Option<Machine>,
    alarm: Alarm,
    store: Rows,
    out: Output,
    now_ms: u64,
    calls: u64,
    names: BTreeMap<String, Ulid>,
    running: BTreeMap<Ulid, Attempt>,
    calling: BTreeMap<Ulid, Attempt>,
    log: String,
    quiet: bool,
}

impl Stage {
    pub fn new() -> Self {
        let mut stage = Self {
            machine: None,
            alarm: Alarm::UNKNOWN,
            store: Rows::default(),
            out: Output::default(),
            now_ms: 0,
            calls: 0,
            names: BTreeMap::new(),
            running: BTreeMap::new(),
            calling: BTreeMap::new(),
            log: String::new(),
            quiet: false,
        };
        stage.quietly(Self::restart);
        stage
    }

    pub fn at(&mut self, ms: u64) -> &mut Self {
        self.now_ms = ms;
        self
    }

    pub fn at_minutes(&mut self, minutes: u64) -> &mut Self {
        self.at(minutes * 60_000)
    }

    pub fn after(&mut self, ms: u64) -> &mut Self {
        self.at(self.now_ms + ms)
    }

    pub fn note(&mut self, text: &str) {
        self.say(&format!("# {text}"));
    }

    pub fn quietly(&mut self, play: impl FnOnce(&mut Self)) {
        let was = std::mem::replace(&mut self.quiet, true);
        play(self);
        self.quiet = was;
    }

    pub fn enqueue(&mut self, name: &str) {
        self.enqueue_with(name, Options::default());
    }

    pub fn enqueue_with(&mut self, name: &str, options: Options) {
        let event = self.enqueue_event(name, |request| request.options = options);
        self.play(vec![event]);
    }

    pub fn enqueue_to(&mut self, name: &str, url: &str) {
        let event = self.enqueue_event(name, |request| request.url = url.into());
        self.play(vec![event]);
    }

    pub fn enqueue_different(&mut self, name: &str) {
        self.enqueue_to(name, "https://example.com/other");
    }

    pub fn enqueue_without_callback(&mut self, name: &str) {
        let event = self.enqueue_event(name, |request| request.callback = None);
        self.play(vec![event]);
    }

    /// All in one turn: one commit.
    pub fn enqueue_many(&mut self, names: &[&str]) {
        let events = names.iter().map(|name| self.enqueue_event(name, |_| ())).collect();
        self.play(events);
    }

    fn enqueue_event(&mut self, name: &str, change: impl FnOnce(&mut Request)) -> Event {
        let target = ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "done".into() };
        let mut request = Request {
            request_id: name.into(),
            method: "GET".into(),
            url: format!("https://example.com/{}", name.len()),
            callback: Some(Callback::Object(target)),
            ..Request::default()
        };
        request.url = format!("https://example.com/{}", name.split(' ').next().unwrap_or_default());
        change(&mut request);
        Event::Enqueue { caller: self.caller(), request: Box::new(request), entropy: u128::from(self.calls) }
    }

    fn caller(&mut self) -> Caller {
        self.calls += 1;
        Caller(self.calls)
    }

    pub fn cancel(&mut self, name: &str) {
        let caller = self.caller();
        self.play(vec![Event::Cancel { caller, request_id: name.into() }]);
    }

    pub fn status(&mut self, name: &str) {
        let caller = self.caller();
        self.play(vec![Event::Status { caller, request_id: name.into() }]);
    }

    pub fn answer(&mut self, name: &str, status: u16) {
        let attempt = self.attempt(name);
        self.fetched(attempt, FetchResult::Response { status, retry_after: None });
    }

    pub fn answer_attempt(&mut self, name: &str, number: u8, status: u16) {
        let attempt = Attempt { number, ..self.attempt(name) };
        self.fetched(attempt, FetchResult::Response { status, retry_after: None });
    }

    pub fn answer_with(&mut self, name: &str, status: u16, retry_after: &str) {
        let attempt = self.attempt(name);
        self.fetched(attempt, FetchResult::Response { status, retry_after: Some(retry_after.into()) });
    }

    pub fn fail(&mut self, name: &str, failure: Failure) {
        let attempt = self.attempt(name);
        self.fetched(attempt, FetchResult::Failed(failure));
    }

    fn fetched(&mut self, attempt: Attempt, result: FetchResult) {
        self.play(vec![Event::Fetched { attempt, result }]);
    }

    fn attempt(&self, name: &str) -> Attempt {
        self.running[&self.names[name]]
    }

    pub fn callback(&mut self, name: &str, answered: bool) {
        let attempt = self.calling[&self.names[name]];
        let result = if answered { CallbackResult::Answered } else { CallbackResult::Failed };
        self.play(vec![Event::Delivered { attempt, result }]);
    }

    pub fn tick(&mut self) {
        self.play(vec![Event::Tick]);
    }

    /// The alarm fires at the time that it is stored for.
    pub fn wake(&mut self) {
        let Some(at) = self.store.alarm else { panic!("no alarm is stored") };
        self.at(at.0 - START_MS).tick();
    }

    pub fn crash_before_next_commit(&mut self) {
        self.store.crash = Some(Crash::Before);
    }

    pub fn crash_after_next_commit(&mut self) {
        self.store.crash = Some(Crash::After);
    }

    pub fn crash_and_restart(&mut self) {
        self.say("CRASH");
        self.restart();
    }

    pub fn restart(&mut self) {
        let rows = self.store.rows.iter().filter(|(key, _)| Table::RESTORED.contains(&key.table));
        let rows = rows.map(|(key, value)| Row { key: *key, value: value.clone() });
        let target = proxy_fetch::AllowedCallback::Binding { binding: "ORIGIN".into(), method: None };
        let config = Config { callbacks: vec![target], ..Config::default() };
        match Machine::restore(config, rows) {
            Ok(machine) => self.machine = Some(machine),
            Err(error) => panic!("{error}"),
        }
        self.alarm = Alarm::UNKNOWN;
        self.play(vec![Event::Start]);
    }

    fn play(&mut self, events: Vec<Event>) {
        let Some(machine) = &mut self.machine else { panic!("no machine lives") };
        let mut lines: Vec<String> = events.iter().map(|event| format!("< {event}")).collect();
        let now = Timestamp(START_MS + self.now_ms);
        let done = turn(machine, &mut self.alarm, &mut self.store, now, events, &mut self.out);
        lines.extend(std::mem::take(&mut self.store.log).lines().map(str::to_owned));
        let crash = self.store.crash.take();
        if let Err(error) = done {
            lines.push(format!("CRASH: {error}"));
            self.machine = None;
        } else if crash == Some(Crash::After) {
            lines.push("CRASH after the commit: no effect leaves".into());
            self.machine = None;
        } else {
            machine.check();
            for effect in self.out.take_effects() {
                lines.push(format!("> {effect}"));
                self.remember(&effect);
            }
        }
        self.learn_names();
        for line in lines {
            self.say(&line);
        }
    }

    fn remember(&mut self, effect: &Effect) {
        match effect {
            Effect::Fetch { attempt, .. } => drop(self.running.insert(attempt.id, *attempt)),
            Effect::Deliver { attempt, .. } => drop(self.calling.insert(attempt.id, *attempt)),
            Effect::Abort { .. } | Effect::Reply { .. } | Effect::Report(_) => {}
        }
    }

    fn learn_names(&mut self) {
        let Some(machine) = &self.machine else { return };
        for (id, row) in machine.live() {
            if !self.names.values().any(|known| *known == id) {
                let prime = if self.names.contains_key(row.request_id.as_str()) { "'" } else { "" };
                self.names.insert(format!("{}{prime}", row.request_id), id);
            }
        }
    }

    fn say(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        let text = text.replace("2026-01-01T", "").replace('Z', "");
        let (seconds, ms) = (self.now_ms / 1_000, self.now_ms % 1_000);
        if text.starts_with(' ') {
            let _ = writeln!(self.log, "{text}");
        } else {
            let _ = writeln!(self.log, "{seconds:>5}.{ms:03}s {text}");
        }
    }

    pub fn snapshot(mut self, name: &str) {
        let mut text = std::mem::take(&mut self.log);
        for (name, id) in &self.names {
            text = text.replace(&id.to_string(), name);
        }
        crate::reviewed::snapshot(&format!("situation_{name}"), &text);
    }
}
