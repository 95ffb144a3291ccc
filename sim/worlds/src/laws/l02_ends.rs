//! Every accepted request ends: by its expiry, an attempt's and a callback's time, the lateness of an alarm, and what
//! the platform needs to recover.

use super::promised::{self as limits, expires_at};
use super::{
    End, Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::{Ledger, Stored};
use proxy_fetch::Timestamp;

/// The longest attempt, with the grace that the machine gives.
const ATTEMPT_MS: u64 = limits::MAX_TIMEOUT_MS + limits::LEASE_GRACE_MS;
/// One callback, with its grace.
const CALLBACK_MS: u64 = limits::CALLBACK_TIMEOUT_MS + limits::LEASE_GRACE_MS;
/// An alarm may be that late.
const LATENESS_MS: u64 = 60_000;

/// L2.
#[derive(Clone, Debug, Default, Hash)]
pub struct Ends {
    /// Since when there have been no faults, and what the platform needs to recover.
    healed: Option<(Timestamp, u64)>,
}

impl Law for Ends {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new("L2", "each accepted request ends");

    fn healed(&mut self, now: Timestamp, recovery_ms: u64) -> Verdict {
        self.healed = Some((now, recovery_ms));
        Ok(())
    }

    /// While faults last there is no bound.
    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let Some((healed, recovery_ms)) = self.healed else { return Ok(()) };
        if !matches!(step.entry.stored, Stored::Finished(_)) || step.row_before().is_none() {
            return Ok(());
        }
        // So many callbacks run at once; all may hang.
        let waves = turn.ledger.entries.len().div_ceil(limits::MAX_CALLBACKS);
        let slack = ATTEMPT_MS + CALLBACK_MS * u64::try_from(waves).unwrap_or(u64::MAX) + LATENESS_MS + recovery_ms;
        let latest = expires_at(step.entry.id).max(healed).plus_ms(slack);
        ensure!(
            turn.time <= latest,
            "{} ended at {}, later than {latest}; it expired at {}, and faults ceased at {healed}",
            Who(step.entry),
            turn.time,
            expires_at(step.entry.id)
        );
        Ok(())
    }

    fn ended(&mut self, ledger: &Ledger, end: &End<'_>) -> Verdict {
        for (at, entry) in ledger.entries.iter().enumerate() {
            // Of an unknown version: kept as it is.
            let is_kept = entry.tampered && !end.live.knows(at);
            ensure!(entry.row().is_none() || is_kept, "{} never ended: {}", Who(entry), Shown(Some(&entry.stored)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::promised::MAX_REQUEST_AGE_MS as AGE;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::Outcome;

    const RECOVERY: u64 = 7_000;
    const SLACK: u64 = ATTEMPT_MS + CALLBACK_MS + LATENESS_MS + RECOVERY;

    #[test]
    fn ended_at_the_end() {
        let mut story = Story::<Ends>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.end(), "r1");
        story.finished(1, response(200)).commits();
        assert_eq!(story.end(), Ok(()));
    }

    #[test]
    fn one_of_an_unknown_version_is_kept() {
        let mut story = Story::<Ends>::new();
        story.in_flight(1, 1).commits();
        story.ledger.entries[0].tampered = true;
        story.lose().mark(0).commits();
        assert_eq!(story.end(), Ok(()));
        story.replaced(1).commits();
        assert_broken(story.end(), "never ended");
    }

    #[test]
    fn ended_in_time_once_faults_cease() {
        let ends = |healed: Option<u64>, at: u64| {
            let mut story = Story::<Ends>::new();
            story.queued(1, 0, 0).commits();
            if let Some(healed) = healed {
                story.at(healed).heal(RECOVERY);
            }
            story.at(at).finished(1, Outcome::Expired).commit()
        };
        assert_eq!(ends(Some(0), AGE + SLACK), Ok(()));
        assert_broken(ends(Some(0), AGE + SLACK + 1), "ended at");
        assert_eq!(ends(Some(2 * AGE), 2 * AGE + SLACK), Ok(()));
        assert_broken(ends(Some(2 * AGE), 2 * AGE + SLACK + 1), "ended at");
        assert_eq!(ends(None, 9 * AGE), Ok(()));
    }
}
