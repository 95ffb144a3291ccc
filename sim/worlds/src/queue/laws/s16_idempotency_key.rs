//! Every attempt of a request reaches its upstream with the same `Idempotency-Key`: its ULID, fixed before the send. And
//! a request that must never be sent twice never enters a queue.

use super::{Law, ensure};
use crate::queue::ledger::{Ledger, Observation};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S16",
        "each attempt has the same Idempotency-Key; an at-most-once request never enters a queue",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Executed { request, key } = seen {
        let id = ledger.entries[*request].id.to_string();
        let shown = key.as_deref().unwrap_or("none");
        ensure!(key.as_ref() == Some(&id), "r{request}, {id}, is executed under the Idempotency-Key {shown}");
    }
    if let Observation::Made { id, options, .. } = seen {
        ensure!(!options.at_most_once, "{id}, which must never be sent twice, enters the queue");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::{laws::testing::Story, ledger::Observation};
    use proxy_fetch::{Options, Ulid};

    #[test]
    fn the_ulid_and_nothing_else() {
        let mut story = Story::new(1);
        let key = Some(story.ledger.entries[0].id.to_string());
        story.sees(Observation::Executed { request: 0, key });
        story.breaks("S16", |_| Observation::Executed { request: 0, key: None });
        story.breaks("S16", |_| Observation::Executed { request: 0, key: Some("another".into()) });
    }

    #[test]
    fn at_most_once_does_not_enter() {
        let options = Options { at_most_once: true, ..Options::default() };
        let made = Observation::Made { id: Ulid::nil(), options, callback: true, unread: None };
        Story::new(0).breaks("S16", |_| made.clone());
    }
}
