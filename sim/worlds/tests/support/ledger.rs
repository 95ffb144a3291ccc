//! What the tests remember of each request, from the outside, and what of a store they compare.

use super::ops::{End, Profile};
use proxy_fetch::{Attempt, FinishedRow, Machine, Meta, Outcome, Record, RequestRow, Timestamp, Ulid};
pub use proxy_fetch_sim::reference::inputs::{asked_ms, date, expires};
use std::collections::BTreeMap;

/// The laws as these tests tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    S1,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    S9,
    S10,
    S11,
    S12,
    S14,
    S16,
    S17,
    S20,
    S23,
    S25,
    L1,
    L2,
    L3,
    L8,
    /// What follows the end of an attempt: a retry or which outcome as docs/request.md has it.
    Verdict,
    /// Each response that the host holds is delivered or aborted by name.
    Held,
    NoLostRequest,
}

/// The rows as a restored machine reads them.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub meta: Meta,
    pub live: BTreeMap<Ulid, RequestRow>,
    pub finished: BTreeMap<Ulid, FinishedRow>,
}

impl Snapshot {
    pub fn of(machine: &Machine) -> Self {
        let mut snapshot = Self::default();
        for record in machine.rows() {
            match record {
                Record::Meta(meta) => snapshot.meta = meta,
                Record::Request(id, row) => drop(snapshot.live.insert(id, row)),
                Record::Finished(id, row) => drop(snapshot.finished.insert(id, row)),
                Record::Payload(..) | Record::Quarantine(..) => {}
            }
        }
        snapshot
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    No,
    Corrupt,
    Foreign,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub profile_number: u8,
    pub profile: Profile,
    pub acknowledged: bool,
    pub spoilt: Spoilt,
    /// Fetches that really left, and how they were reported.
    pub sent: Vec<(Attempt, Option<End>)>,
    /// No attempt may start before.
    pub earliest: u64,
    /// Callbacks that really left, with the incarnation of the host.
    pub delivered: Vec<(u32, Outcome)>,
    pub finished: Option<FinishedRow>,
}

impl Entry {
    /// The shortest and the longest delay after attempt `number` that the policy allows, in ms.
    pub fn delay(&self, number: u8, asked: u64) -> (u64, u64) {
        let mut plain = u64::try_from(self.profile.options.retry_delay_ms).unwrap();
        let most = u64::try_from(self.profile.options.max_retry_delay_ms).unwrap();
        for _ in 1..number {
            plain = (plain * 2).min(most);
        }
        (plain.max(asked), (plain + plain / 4).max(asked))
    }

    pub fn max_attempts(&self) -> u8 {
        u8::try_from(self.profile.options.max_retries).unwrap() + 1
    }
}

/// What may follow the end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Retry,
    Ends(Outcome),
    /// The jitter decides.
    Either(Outcome),
}

/// What must follow, told from the design and not from the core.
pub fn verdict(entry: &Entry, number: u8, end: End, asked: u64, now: u64, expires: u64) -> Verdict {
    use proxy_fetch::Failure as F;
    if now >= expires {
        return Verdict::Ends(Outcome::Expired);
    }
    let once = entry.profile.options.at_most_once;
    let (outcome, again) = match end {
        End::Status(status, _) => {
            let again = match status {
                408 | 425 | 429 => true,
                500..=599 => entry.profile.options.retry_on_5xx,
                _ => false,
            };
            (Outcome::Response { status }, again && !once)
        }
        End::Failed(failure) => match failure {
            F::NotSent => (Outcome::Failed(failure), true),
            F::Broken | F::TimedOut | F::BodyBroken if once => (Outcome::Unknown, false),
            F::Broken | F::TimedOut | F::BodyBroken => (Outcome::Failed(failure), true),
            F::BodyTooLarge | F::BadHead | F::AddressRefused | F::BadRedirect | F::Unreadable => {
                (Outcome::Failed(failure), false)
            }
        },
    };
    if !again || number >= entry.max_attempts() {
        return Verdict::Ends(outcome);
    }
    let (least, most) = entry.delay(number, asked);
    if now.saturating_add(most) < expires {
        Verdict::Retry
    } else if now.saturating_add(least) >= expires {
        Verdict::Ends(outcome)
    } else {
        Verdict::Either(outcome)
    }
}

pub fn machine_time(clock: u64, meta: &Meta) -> u64 {
    Timestamp(clock).max(meta.mark).0
}
