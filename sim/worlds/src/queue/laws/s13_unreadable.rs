//! A message that cannot be read is reported and given back untouched: never acked, nothing done for it. The others go
//! on. (And no event makes the consumer panic; a panic is reported under this name.)

use super::{Law, Who, ensure};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::RowError;

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S13",
        "nothing makes the consumer panic, and a message that cannot be read is given back and reported",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Ack { at } = seen {
        let corrupt = ledger.message(*at).is.unread == Some(RowError::Corrupt);
        ensure!(!corrupt, "{} is acked, though nobody can read it", Who(ledger, *at));
    }
    if let Observation::Fetch { at, .. } | Observation::Deliver { at, .. } = seen {
        let unread = ledger.message(*at).is.unread;
        ensure!(unread.is_none(), "{} is begun, though nobody can read it", Who(ledger, *at));
    }
    if let Observation::Unreadable { at } = seen {
        ensure!(ledger.message(*at).is.unread.is_some(), "{} is reported as unreadable", Who(ledger, *at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::{
        laws::testing::{Story, at},
        ledger::Observation,
    };
    use proxy_fetch::RowError;

    #[test]
    fn it_is_given_back_untouched() {
        let mut story = Story::new(2);
        story.unread(&[0], RowError::Corrupt);
        story.queue(&[1]);
        story.breaks("S13", |story| story.fetch(at(0, 0), 1));
        story.breaks("S13", |story| story.ack(at(0, 0)));
        story.breaks("S13", |_| Observation::Unreadable { at: at(1, 0) });
        story.sees(Observation::Unreadable { at: at(0, 0) });
        story.retries(at(0, 0), 60);
    }
}
