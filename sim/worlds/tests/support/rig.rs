//! A machine over a store in memory, for tests of whatever may be stored: every invariant after each step.

use super::host::Mem;
use proxy_fetch::{
    AllowedCallback, CallbackResult, Config, Effect, Event, FetchResult, Key, Machine, Output, RestoreError, Table,
    Timestamp,
};
use std::collections::BTreeMap;

/// A machine over a store, with every invariant checked after each step.
pub struct Rig {
    pub mem: Mem,
    pub machine: Machine,
}

impl Rig {
    pub fn new(config: Config, rows: BTreeMap<Key, Vec<u8>>) -> Result<Self, RestoreError> {
        let mem = Mem { rows, ..Mem::default() };
        Ok(Self { machine: mem.restore(&config)?, mem })
    }

    pub fn step(&mut self, now: u64, event: Event) -> Vec<Effect> {
        let mut out = Output::default();
        self.machine.step(Timestamp(now), event, &mut out);
        assert!(out.writes().len() < 10 * 64, "S15: {} writes in one step", out.writes().len());
        proxy_fetch::Store::commit(&mut self.mem, out.writes(), None).unwrap();
        self.machine.check();
        let shadow = self.mem.restore(self.machine.config()).unwrap();
        assert!(shadow.same_rows(&self.machine), "S25: memory is not what is stored");
        out.take_effects()
    }

    /// Ticks when the machine asks for it and answers what it starts, until it is at rest.
    pub fn drain(&mut self, mut now: u64) {
        let mut idle = 0;
        let mut effects = Vec::new();
        for _ in 0..5_000 {
            if let Some(effect) = effects.pop() {
                match effect {
                    Effect::Fetch { attempt, .. } => {
                        let result = FetchResult::Response { status: 404, retry_after: None };
                        effects.extend(self.step(now, Event::Fetched { attempt, result }));
                    }
                    Effect::Deliver { attempt, .. } => {
                        let result = CallbackResult::Answered;
                        effects.extend(self.step(now, Event::Delivered { attempt, result }));
                    }
                    Effect::Abort { .. } | Effect::Reply { .. } | Effect::Report(_) => {}
                }
                continue;
            }
            let Some((at, why)) = self.machine.next_wake() else {
                assert_eq!(self.machine.live_len(), 0, "live and never woken");
                assert!(!self.mem.rows.keys().any(|key| key.table == Table::Finished && self.is_own(*key)), "S23");
                return;
            };
            now = now.max(at.0);
            let before = self.machine.clone();
            effects = self.step(now, Event::Tick);
            idle = if self.machine.same_rows(&before) && effects.is_empty() { idle + 1 } else { 0 };
            assert!(idle < 3, "S20: it asks for {at} ({why}) and does nothing:\n{}", self.machine);
        }
        panic!("it never rests:\n{}", self.machine);
    }

    /// Of the version that this program writes.
    fn is_own(&self, key: Key) -> bool {
        self.mem.rows.get(&key).and_then(|value| value.first()) == Some(&1)
    }
}

pub fn small() -> Config {
    Config {
        max_live: 12,
        max_known: 15,
        max_request_body_bytes: 100,
        callbacks: vec![
            AllowedCallback::origin("https://a.example").unwrap(),
            AllowedCallback::Binding { binding: "B".into(), method: None },
        ],
        ..Config::default()
    }
}
