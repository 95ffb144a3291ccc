//! Planted bugs that the shell has no code for: effects that do not wait for their commit, or do without it. Only the
//! simulator's builds have this file.

use super::{DatabaseError, Desk, Life, Platform};
use proxy_fetch::{Caller, Effect, Output, Reply, planted};

/// Whether a planted bug sends this effect before its commit.
pub(super) fn leaves_early(effect: &Effect) -> bool {
    match effect {
        Effect::Fetch { attempt, .. } => attempt.number > 1 && planted!(RetriesBeforeCommit),
        Effect::Deliver { .. } => planted!(CallbacksBeforeCommit),
        Effect::Reply { .. } => planted!(RepliesBeforeCommit),
        Effect::Abort { .. } | Effect::Report(_) => false,
    }
}

impl<P: Platform> Desk<P> {
    /// Finds out on a copy of the machine what the batch will say, and performs what does not wait. Returns the answers
    /// that a failed commit does not keep back.
    pub(super) fn perform_early(
        &mut self,
        life: &mut Life<P::Database>,
    ) -> Result<Vec<(Caller, Reply)>, DatabaseError<P>> {
        let is_early =
            planted!(RetriesBeforeCommit) || planted!(CallbacksBeforeCommit) || planted!(RepliesBeforeCommit);
        let mut kept = Vec::new();
        if !(is_early || planted!(FailedCommitAnswered)) {
            return Ok(kept);
        }
        let (mut machine, mut out) = (life.machine.clone(), Output::default());
        for event in self.batch.clone() {
            machine.step(self.platform.now(), event, &mut out);
        }
        for effect in out.drain_effects() {
            match effect {
                Effect::Reply { caller, reply } if planted!(FailedCommitAnswered) => kept.push((caller, reply)),
                effect if !leaves_early(&effect) => {}
                Effect::Fetch { attempt, timeout_ms } => self.fetch(&mut life.database, attempt, timeout_ms)?,
                Effect::Deliver { attempt, outcome, duration_ms } => {
                    self.deliver(&mut life.database, attempt, outcome, duration_ms)?;
                }
                Effect::Reply { caller, reply } => self.reply(caller, reply),
                Effect::Abort { .. } | Effect::Report(_) => {}
            }
        }
        Ok(kept)
    }
}
