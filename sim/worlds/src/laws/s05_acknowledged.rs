//! A caller is told "accepted" or "cancelled" only once that is durable.

use super::{
    Law, Verdict, ensure, outcome_of,
    view::{Shown, Who},
};
use crate::history::ledger::{Ask, Ledger, Stored};
use proxy_fetch::{Outcome, Reply};

/// S5.
#[derive(Clone, Debug, Default, Hash)]
pub struct Acknowledged;

impl Law for Acknowledged {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S5", "a caller is told only what is stored for good");

    fn replied(&mut self, ledger: &Ledger, ask: Ask, reply: &Reply) -> Verdict {
        let (Ask::Enqueue { planned, .. }
        | Ask::Conflicting { planned }
        | Ask::Cancel { planned }
        | Ask::Status { planned }) = ask;
        let id = match reply {
            Reply::Accepted { id } | Reply::Cancelled { id } => *id,
            Reply::Status(_) | Reply::Refused(_) => return Ok(()),
        };
        let entry = ledger.entry_of(id).and_then(|at| ledger.entries.get(at)).filter(|entry| entry.planned == planned);
        let Some(entry) = entry else {
            ensure!(false, "r{planned} was acknowledged as {id}, which is not stored for it");
            return Ok(());
        };
        if matches!(reply, Reply::Cancelled { .. }) {
            let is_cancelled =
                entry.stored == Stored::Forgotten || outcome_of(&entry.stored) == Some(Outcome::Cancelled);
            ensure!(
                is_cancelled || entry.tampered,
                "{} was acknowledged as cancelled, but it is {}",
                Who(entry),
                Shown(Some(&entry.stored))
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken};

    #[test]
    fn accepted_means_stored() {
        let mut story = Story::<Acknowledged>::new();
        let id = story.id(1);
        assert_broken(story.accept(1, id), "r1 was acknowledged");
        story.queued(1, 0, 0).commits();
        assert_eq!(story.accept(1, id), Ok(()));
        assert_broken(story.accept(2, id), "r2 was acknowledged");
    }

    #[test]
    fn cancelled_means_stored() {
        let mut story = Story::<Acknowledged>::new();
        let id = story.id(1);
        let (ask, reply) = (Ask::Cancel { planned: 1 }, Reply::Cancelled { id });
        story.queued(1, 0, 0).commits();
        assert_broken(story.reply(ask, &reply), "acknowledged as cancelled");
        story.delivering(1, Outcome::Cancelled).commits();
        assert_eq!(story.reply(ask, &reply), Ok(()));
        story.finished(1, Outcome::Cancelled).commits();
        assert_eq!(story.reply(ask, &reply), Ok(()));
        assert_eq!(story.accept(1, id), Ok(()));
    }
}
