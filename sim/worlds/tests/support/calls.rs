//! The laws of single calls: what a caller is answered (S5, S6), and which reports count (S10).

use super::{
    ledger::{Law, Snapshot},
    ops::Input,
    world::{Turn, World},
};
use proxy_fetch::{
    Attempt, Effect, Event, FetchResult, Output, Phase, Refusal, RefusalKind, Reply, RequestRow, Timestamp, Ulid,
};

impl World {
    /// The reply to a single call, from what was stored before it.
    pub fn answers(&mut self, turn: &Turn, next: &Snapshot) {
        let mut names: Vec<&str> = next.live.values().map(|row| row.request_id.as_str()).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned());
        self.require(Law::S6, twice.is_none(), || format!("{twice:?} lives twice"));
        for input in turn.inputs {
            if let Input::Complete { .. } = input
                && let [Event::Fetched { attempt, .. }] = turn.events
                && matches!(next.live.get(&attempt.id).map(|row| row.phase), Some(Phase::Queued { .. }))
            {
                let (entry, was) = (self.entries[&attempt.id].clone(), self.before.live.get(&attempt.id).cloned());
                self.judge(turn, &entry, attempt.id, was.as_ref(), None);
            }
        }
        let replies: Vec<&Reply> = turn.effects.iter().filter_map(reply_of).collect();
        let ([input], [reply]) = (turn.inputs, replies.as_slice()) else { return };
        match input {
            Input::Enqueue { name, profile, .. } => {
                let name = format!("r{name}");
                let number = profile % u8::try_from(self.profiles.len()).unwrap();
                let known = self.known(&name, turn.now);
                let was_known = |id: &Ulid| self.before.live.contains_key(id) || self.before.finished.contains_key(id);
                let ok = match (known, reply) {
                    (Some(id), Reply::Accepted { id: again }) => {
                        id == *again && self.entries[&id].profile_number == number
                    }
                    (Some(id), Reply::Refused(Refusal { kind: RefusalKind::Conflict, .. })) => {
                        self.entries[&id].profile_number != number
                    }
                    (None, Reply::Accepted { id }) => !was_known(id),
                    _ => false,
                };
                self.hit(match (known, reply) {
                    (Some(_), Reply::Accepted { .. }) => "repeat",
                    (Some(_), _) => "conflict",
                    _ => "accepted",
                });
                self.require(Law::S6, ok, || format!("{name}: {reply} though known as {known:?}"));
            }
            Input::Invalid { .. } => {
                let refused = matches!(reply, Reply::Refused(Refusal { kind: RefusalKind::Invalid, .. }));
                let nothing = next.live.keys().all(|id| self.entries.contains_key(id));
                self.require(Law::S5, refused && nothing, || format!("invalid, but {reply}"));
            }
            Input::Cancel { .. }
            | Input::Status { .. }
            | Input::Start
            | Input::Tick
            | Input::Complete { .. }
            | Input::Stale { .. }
            | Input::Answer { .. }
            | Input::StaleAnswer { .. } => {}
        }
    }

    /// The request that the name stands for, from the rows before the turn.
    fn known(&self, name: &str, now: u64) -> Option<Ulid> {
        let live = self.before.live.iter().find(|(_, row)| row.request_id.as_str() == name).map(|(id, _)| *id);
        let young = |at: Timestamp| now < at.0 + 300_000;
        let mut over = self.before.finished.iter().filter(|(_, row)| row.request_id.as_str() == name);
        live.or_else(|| over.find(|(_, row)| young(row.finished_at)).map(|(id, _)| *id))
    }

    /// S10 on a copy: a report that names nothing in flight changes nothing; a late one of the current attempt counts.
    pub fn probe(&mut self, event: &Event, now: Timestamp) {
        if self.fresh {
            return;
        }
        match event {
            Event::Fetched { attempt, .. } => self.probe_fetched(event, *attempt, now),
            Event::Delivered { attempt, .. } => self.probe_delivered(event, *attempt, now),
            Event::Start
            | Event::Tick
            | Event::Stop
            | Event::Enqueue { .. }
            | Event::Cancel { .. }
            | Event::Status { .. } => {}
        }
    }

    fn probe_delivered(&mut self, event: &Event, attempt: Attempt, now: Timestamp) {
        let mut copy = self.machine.clone();
        let mut out = Output::default();
        for _ in 0..3 {
            copy.step(now, Event::Tick, &mut out);
        }
        let current = copy.live().any(|(id, row)| {
            let under_way = matches!(row.phase, Phase::Delivering { until: Some(_), .. });
            under_way && attempt == Attempt { id, number: row.attempts, epoch: self.before.meta.epoch }
        });
        out.clear();
        copy.step(now, event.clone(), &mut out);
        let ended = copy.live().all(|(id, _)| id != attempt.id);
        let quiet = out.writes().is_empty() && out.effects().is_empty();
        self.require(Law::S10, if current { ended } else { quiet }, || format!("{event}, {current}: {out:?}"));
    }

    fn probe_fetched(&mut self, event: &Event, attempt: Attempt, now: Timestamp) {
        let mut copy = self.machine.clone();
        let mut out = Output::default();
        let current = self.before.live.get(&attempt.id).is_some_and(|row| {
            row.attempts == attempt.number
                && matches!(row.phase, Phase::InFlight { epoch, .. } if epoch == attempt.epoch)
        });
        if current {
            self.hit("current report");
            let result = FetchResult::Response { status: 200, retry_after: None };
            copy.step(now, Event::Fetched { attempt, result }, &mut out);
            let row = copy.live().find(|(id, _)| *id == attempt.id).map(|(_, row)| row.phase);
            let counted = !matches!(row, Some(Phase::InFlight { .. } | Phase::Queued { .. }));
            return self.require(Law::S10, counted, || format!("{event} does not count: {row:?}"));
        }
        self.hit("stale report");
        for _ in 0..3 {
            copy.step(now, Event::Tick, &mut out);
        }
        let started = |row: &RequestRow| {
            let ours = matches!(row.phase, Phase::InFlight { epoch, .. } if epoch == attempt.epoch);
            ours && row.attempts == attempt.number
        };
        if copy.live().any(|(id, row)| id == attempt.id && started(row)) {
            // Those ticks have started the very attempt that the report made up.
            return;
        }
        out.clear();
        copy.step(now, event.clone(), &mut out);
        let quiet = out.writes().is_empty() && out.effects().iter().all(|e| *e == Effect::Abort { attempt });
        self.require(Law::S10, quiet, || format!("{event}: {out:?}"));
    }
}

fn reply_of(effect: &Effect) -> Option<&Reply> {
    match effect {
        Effect::Reply { reply, .. } => Some(reply),
        Effect::Fetch { .. } | Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Report(_) => None,
    }
}
