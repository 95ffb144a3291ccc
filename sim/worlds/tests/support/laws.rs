//! The laws, checked after each turn from what is stored: the rows are read back by a restored machine, never taken
//! from the one under test.

use super::{
    ledger::{Entry, Law, Snapshot, Spoilt, Verdict, asked_ms, expires, verdict},
    ops::{End, Input},
    world::{Turn, World},
};
use proxy_fetch::{Attempt, Effect, Event, Outcome, Payload, Phase, Reply, RequestRow, Table, Timestamp, Ulid};
use std::collections::BTreeSet;

impl World {
    pub fn after(&mut self, turn: &Turn) {
        self.machine.check();
        let shadow = self.mem.restore(&self.config).unwrap();
        self.require(Law::S25, shadow.same_rows(&self.machine), || "memory is not what is stored".into());
        let next = Snapshot::of(&shadow);
        let missing = self.machine.rows().find(|record| self.mem.rows.get(&record.key()) != Some(&record.encode()));
        self.require(Law::S25, missing.is_none(), || format!("{missing:?} is not stored so"));
        let (was, is) = (self.before.meta.epoch, next.meta.epoch);
        let counted = if turn.fresh { is == was + 1 } else { is == was };
        self.require(Law::S10, counted, || format!("epoch {was} became {is}"));
        self.learn(turn, &next);
        self.rows(turn, &next);
        for effect in turn.effects {
            self.effect(turn, &next, effect);
        }
        self.order(turn, &next);
        self.wakes(turn, &next);
        self.answers(turn, &next);
        if !turn.lost {
            self.perform(turn.effects);
            let running = self.running.len();
            self.require(Law::S3, running <= 5, || format!("{running} fetches are running"));
            let held = self.held.len();
            self.require(Law::Held, held <= 64, || format!("{held} responses are held"));
        }
        self.before = next;
    }

    /// New rows enter the ledger, with what their payload says of them.
    fn learn(&mut self, turn: &Turn, next: &Snapshot) {
        let ids: BTreeSet<Ulid> = next.live.keys().chain(next.finished.keys()).copied().collect();
        for id in ids {
            if self.entries.contains_key(&id) {
                continue;
            }
            let greatest = self.entries.keys().next_back().copied().unwrap_or_default();
            let fresh = id.timestamp_ms() == turn.now || id.0 == greatest.0 + 1;
            self.require(Law::S17, id > greatest && fresh, || format!("{id} after {greatest} at {}", turn.now));
            let name = next.live.get(&id).map(|row| row.request_id.clone());
            let name = name.or_else(|| next.finished.get(&id).map(|row| row.request_id.clone())).unwrap();
            // A request that is over at once has left no payload: the enqueue tells of it.
            let number = turn.inputs.iter().find_map(|input| {
                let Input::Enqueue { name: number, profile, .. } = input else { return None };
                (name.as_str() == format!("r{number}")).then_some(*profile)
            });
            let number = self.payload(id).map_or(number.unwrap_or_default(), |payload| last_number(&payload.url));
            let number = number % u8::try_from(self.profiles.len()).unwrap();
            let entry = Entry {
                name: name.as_str().into(),
                profile_number: number,
                profile: self.profiles[usize::from(number)],
                acknowledged: false,
                spoilt: Spoilt::No,
                sent: Vec::new(),
                earliest: 0,
                delivered: Vec::new(),
                finished: None,
            };
            self.entries.insert(id, entry);
        }
    }

    pub fn payload(&self, id: Ulid) -> Option<Payload> {
        let bytes = self.mem.rows.get(&proxy_fetch::Key { table: Table::Payloads, id })?;
        Payload::decode(bytes).ok()
    }

    /// Each request from its old row to its new one.
    fn rows(&mut self, turn: &Turn, next: &Snapshot) {
        let in_flight = next.live.values().filter(|row| matches!(row.phase, Phase::InFlight { .. })).count();
        self.require(Law::S3, in_flight <= 5, || format!("{in_flight} are in flight"));
        self.hit(if in_flight == 5 { "at capacity" } else { "below capacity" });
        let ids: Vec<Ulid> = self.entries.keys().copied().collect();
        for id in ids {
            let (was, is) = (self.before.live.get(&id).cloned(), next.live.get(&id).cloned());
            let (was_over, over) = (self.before.finished.get(&id).cloned(), next.finished.get(&id).cloned());
            self.require(Law::S1, is.is_none() || over.is_none(), || format!("{id} is live and finished"));
            let mut entry = self.entries[&id].clone();
            let readable = entry.spoilt == Spoilt::No;
            if let Some(is) = &is {
                let payload = self.payload(id).is_some();
                self.require(Law::S1, payload, || format!("{id} has no payload"));
                self.live_row(turn, &mut entry, id, was.as_ref(), is);
            }
            let lost = was.is_some() && is.is_none() && over.is_none();
            self.require(Law::S1, !lost || !readable, || format!("{id} disappeared"));
            if let Some(row) = &over {
                let first = was_over.is_none() && entry.finished.is_none();
                if first {
                    entry.finished = Some(row.clone());
                    self.outcome(turn, &entry, id, was.as_ref(), row.outcome);
                }
                let same = entry.finished.as_ref() == Some(row);
                self.require(Law::S11, same, || format!("{id} ended as {:?}, now {row:?}", entry.finished));
            }
            if was_over.is_some() && over.is_none() && readable {
                let since = turn.now - was_over.map_or(0, |row| row.finished_at.0);
                self.require(Law::S6, since >= 300_000, || format!("{id} forgotten after {since} ms"));
            }
            self.entries.insert(id, entry);
        }
    }

    fn live_row(&mut self, turn: &Turn, entry: &mut Entry, id: Ulid, was: Option<&RequestRow>, is: &RequestRow) {
        let readable = entry.spoilt == Spoilt::No;
        let attempts = was.map_or(0, |row| row.attempts);
        let bounded = is.attempts <= entry.max_attempts() && is.attempts >= attempts;
        self.require(Law::S8, bounded || !readable, || format!("{id}: attempts {attempts} -> {}", is.attempts));
        match is.phase {
            Phase::Queued { not_before } => {
                self.require(Law::S9, not_before.0 < expires(id), || format!("{id} waits beyond its end"));
                let again = is.attempts > attempts
                    || was.is_some_and(|was| !matches!(was.phase, Phase::Queued { .. })) && is.attempts > 0;
                if again {
                    self.hit("retry");
                    let (asked, heard) = self.asked(turn, id, was);
                    let (least, most) = entry.delay(is.attempts, asked);
                    let least = if heard { least } else { entry.delay(is.attempts, 0).0 };
                    let delay = not_before.0.saturating_sub(turn.now);
                    entry.earliest = turn.now.saturating_add(least);
                    let fits = delay >= least && delay <= most;
                    self.require(Law::S7, fits, || format!("{id} waits {delay} ms, not {least} to {most}"));
                    self.require(Law::S20, delay >= 100, || format!("{id} waits only {delay} ms"));
                } else if let Some(Phase::Queued { not_before: was }) = was.map(|row| row.phase) {
                    self.require(Law::S7, was == not_before, || format!("{id}: {was} became {not_before}"));
                }
                let overdue = turn.now >= expires(id);
                self.require(Law::S9, !overdue, || format!("{id} is queued after its end"));
            }
            Phase::InFlight { lease_until, .. } => {
                let overdue = turn.now >= expires(id).min(lease_until.0);
                self.require(Law::S9, !overdue, || format!("{id} is in flight after its end"));
            }
            Phase::Delivering { outcome, until } => {
                self.hit("delivering");
                let overdue = until.is_some_and(|until| turn.now >= until.0);
                self.require(Law::L2, !overdue, || format!("{id} is delivered for ever"));
                self.outcome(turn, entry, id, was, outcome);
            }
        }
    }

    /// The delay that the report of the current attempt asks for, and whether the machine must have heard it: after
    /// other events of its turn it comes too late if its lease ends in that very instant.
    fn asked(&self, turn: &Turn, id: Ulid, was: Option<&RequestRow>) -> (u64, bool) {
        let Some(RequestRow { attempts, phase: Phase::InFlight { epoch, lease_until }, .. }) = was else {
            return (0, true);
        };
        let attempt = Attempt { id, number: *attempts, epoch: *epoch };
        let end = turn.ends.get(&attempt).filter(|_| !turn.fresh);
        let heard = lease_until.0 > turn.now || turn.events.len() == 1;
        (end.map_or(0, |end| asked_ms(*end, self.clock, turn.now)), heard)
    }

    /// The outcome of a request, each time a row shows it.
    fn outcome(&mut self, turn: &Turn, entry: &Entry, id: Ulid, was: Option<&RequestRow>, outcome: Outcome) {
        if entry.spoilt != Spoilt::No {
            let known = outcome == Outcome::Unreadable || entry.spoilt == Spoilt::Foreign;
            return self
                .require(Law::S11, known || entry.finished.is_some(), || format!("{id} is unreadable: {outcome}"));
        }
        if let Some(Phase::Delivering { outcome: was, .. }) = was.map(|row| row.phase) {
            // A response dies with the instance that holds it.
            let stands = was == outcome || (turn.fresh && was.has_response());
            return self.require(Law::S11, stands, || format!("{id}: {was} became {outcome}"));
        }
        let expired = outcome == Outcome::Expired;
        self.require(Law::S9, expired == (turn.now >= expires(id)), || format!("{id} is {outcome}"));
        if expired {
            self.hit("expired");
        }
        if outcome == Outcome::Cancelled {
            self.hit("cancelled");
            let asked = turn.events.iter().any(|event| matches!(event, Event::Cancel { .. }));
            self.require(Law::S11, asked, || format!("{id}: nobody cancelled it"));
        }
        if outcome == Outcome::Interrupted {
            self.hit("interrupted");
            self.require(Law::S11, turn.fresh, || format!("{id} interrupted without a restart"));
        }
        if outcome == Outcome::Unknown {
            self.hit("unknown");
            self.require(Law::S16, entry.profile.options.at_most_once, || {
                format!("{id} unknown, though it may repeat")
            });
        }
        self.judge(turn, entry, id, was, Some(outcome));
    }

    /// The end of an attempt, reported alone, against the design.
    pub fn judge(&mut self, turn: &Turn, entry: &Entry, id: Ulid, was: Option<&RequestRow>, outcome: Option<Outcome>) {
        let ([Event::Fetched { attempt, .. }], Some(was)) = (turn.events, was) else { return };
        let Phase::InFlight { epoch, lease_until } = was.phase else { return };
        let current = attempt.id == id && attempt.number == was.attempts && attempt.epoch == epoch;
        if !current || turn.fresh || turn.now >= lease_until.0 {
            return;
        }
        let end = turn.ends[attempt];
        let asked = asked_ms(end, self.clock, turn.now);
        let ok = match (verdict(entry, attempt.number, end, asked, turn.now, expires(id)), outcome) {
            (Verdict::Retry, None) | (Verdict::Either(_), None) => true,
            (Verdict::Ends(expected) | Verdict::Either(expected), Some(outcome)) => expected == outcome,
            (Verdict::Retry, Some(_)) | (Verdict::Ends(_), None) => false,
        };
        self.require(Law::Verdict, ok, || format!("{id}: {end:?} led to {outcome:?}"));
    }

    fn effect(&mut self, turn: &Turn, next: &Snapshot, effect: &Effect) {
        match effect {
            Effect::Fetch { attempt, timeout_ms } => self.fetch(turn, next, *attempt, *timeout_ms),
            Effect::Deliver { attempt, outcome, .. } => {
                let row = next.live.get(&attempt.id);
                let stored = row.is_some_and(|row| {
                    let until = Timestamp(turn.now + 35_000);
                    row.phase == Phase::Delivering { outcome: *outcome, until: Some(until) }
                        && row.attempts == attempt.number
                });
                self.require(Law::S4, stored, || format!("{effect} is not stored: {row:?}"));
                let incarnation = self.incarnation;
                let again = self.entries[&attempt.id].delivered.iter().any(|(one, _)| *one == incarnation);
                self.require(Law::S11, !again, || format!("{effect}: for the second time in one incarnation"));
            }
            Effect::Reply { reply: Reply::Accepted { id }, .. } => {
                let live = next.live.contains_key(id) && self.payload(*id).is_some();
                let over = next.finished.contains_key(id);
                self.require(Law::S5, live || over, || format!("{id} is accepted and not stored"));
            }
            Effect::Abort { .. } => self.hit("abort"),
            Effect::Reply { .. } | Effect::Report(_) => {}
        }
    }

    fn fetch(&mut self, turn: &Turn, next: &Snapshot, attempt: Attempt, timeout_ms: u32) {
        let Attempt { id, number, epoch } = attempt;
        let row = next.live.get(&id);
        let stored = row.is_some_and(|row| {
            row.attempts == number && matches!(row.phase, Phase::InFlight { epoch: stored, .. } if stored == epoch)
        });
        // What a later event of the same turn gives up never leaves; only its own report may have ended it.
        let ended = turn.ends.contains_key(&attempt);
        self.require(Law::S4, stored || ended, || format!("{attempt} is not stored as in flight: {row:?}"));
        let entry = self.entries[&id].clone();
        let earlier = self.before.live.get(&id).cloned();
        let early = matches!(earlier.as_ref().map(|row| row.phase), Some(Phase::Queued { not_before }) if not_before.0 > turn.now);
        let early = early || turn.now < entry.earliest;
        self.require(Law::S7, !early, || format!("{attempt} starts at {}, not from {}", turn.now, entry.earliest));
        let counted = number <= entry.max_attempts() && number > earlier.map_or(0, |row| row.attempts);
        self.require(Law::S8, counted, || format!("{attempt} is beyond {}", entry.max_attempts()));
        let own = i64::from(timeout_ms) == entry.profile.options.timeout_ms;
        self.require(Law::S8, own, || format!("{attempt} has {timeout_ms} ms"));
        self.require(Law::S9, turn.now < expires(id), || format!("{attempt} starts after the end"));
        let unsent = |end: &Option<End>| matches!(end, Some(End::Failed(proxy_fetch::Failure::NotSent)));
        let twice = entry.profile.options.at_most_once && !entry.sent.iter().all(|(_, end)| unsent(end));
        self.require(Law::S16, !twice, || format!("{attempt} repeats {:?}", entry.sent));
        if entry.profile.options.at_most_once && number > 1 {
            self.hit("at most once, again");
        }
    }

    /// Smallest first, and no idle slot.
    fn order(&mut self, turn: &Turn, next: &Snapshot) {
        let eligible = next
            .live
            .iter()
            .filter(|(_, row)| matches!(row.phase, Phase::Queued { not_before } if not_before.0 <= turn.now));
        let eligible: Vec<Ulid> = eligible.map(|(id, _)| *id).collect();
        for effect in turn.effects {
            if let Effect::Fetch { attempt, .. } = effect {
                let passed = eligible.iter().find(|id| **id < attempt.id);
                self.require(Law::S12, passed.is_none(), || format!("{attempt} starts before {passed:?}"));
            }
        }
        let in_flight = next.live.values().filter(|row| matches!(row.phase, Phase::InFlight { .. })).count();
        self.require(Law::L8, in_flight == 5 || eligible.is_empty(), || format!("{eligible:?} wait at {in_flight}"));
    }

    fn wakes(&mut self, turn: &Turn, next: &Snapshot) {
        let bounds = next.live.iter().filter_map(|(id, row)| match row.phase {
            Phase::Queued { not_before } if not_before.0 <= turn.now => Some((turn.now + 500).min(expires(*id))),
            Phase::Queued { not_before } => Some(not_before.0.min(expires(*id))),
            Phase::InFlight { lease_until, .. } => Some(lease_until.0.min(expires(*id)).min(turn.now + 30_000)),
            Phase::Delivering { until, .. } => until.map(|until| until.0),
        });
        let bound = bounds.min();
        let wake = self.machine.next_wake().map(|(at, _)| at.0);
        if let Some(bound) = bound {
            self.require(Law::L1, wake.is_some_and(|at| at <= bound), || format!("wake {wake:?}, not by {bound}"));
        }
        let alarm = self.mem.alarm.map(|at| at.0);
        if let Some(wake) = wake {
            let clock = self.clock;
            let ok = alarm.is_some_and(|at| at > clock && at <= wake.max(clock + 2));
            self.require(Law::L3, ok, || format!("alarm {alarm:?} for {wake} at {clock}"));
        }
        if turn.events == [Event::Tick] {
            let writes = !self.mem.writes.is_empty();
            let spins = wake.is_some_and(|at| at <= turn.now) && !writes;
            self.require(Law::S20, !spins, || format!("wake {wake:?} again without work"));
            if turn.idle {
                self.hit("idle tick");
                let quiet = !writes && turn.effects.is_empty();
                let written = self.mem.writes.clone();
                self.require(Law::S14, quiet, || format!("nothing was due: {written:?} {:?}", turn.effects));
            }
        }
    }
}

fn last_number(url: &str) -> u8 {
    url.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
