//! A message of an unknown version is never acked: it is given back untouched, until the platform itself lets it go.

use super::{Law, Who};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::RowError;

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("S24", "a message of an unknown version is given back, not acked"), check };

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let Observation::Ack { at } = seen else { return Ok(()) };
    match ledger.message(*at).is.unread {
        Some(RowError::UnknownVersion(version)) => Err(format!("{} of version {version} is acked", Who(ledger, *at))),
        Some(RowError::Corrupt) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};
    use proxy_fetch::RowError;

    #[test]
    fn it_is_kept() {
        let mut story = Story::new(1);
        story.unread(&[0], RowError::UnknownVersion(2));
        story.breaks("S24", |story| story.ack(at(0, 0)));
        story.retries(at(0, 0), 60);
    }
}
