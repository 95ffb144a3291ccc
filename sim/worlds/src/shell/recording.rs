//! What the shell did, recorded line by line as other hosts record it, and done again by the simulator at the end: both
//! worlds run the same machine, so each effect, each alarm and each restored row must be the same.

use super::totals::Totals;
use crate::{
    history::storage::{Rows, restorable},
    verify::verify,
};
use proxy_fetch::{Config, Recorded};

#[derive(Default)]
pub struct Recording {
    pub lines: Vec<String>,
    /// Which stretch of the record this is, as an object of its own.
    stretch: u32,
}

impl Recording {
    pub fn incarnation(&mut self, config: Config, rows: &Rows) {
        let rows = restorable(rows).map(|row| (row.key.table as u8, row.key.id.0, row.value)).collect();
        self.push(&Recorded::Incarnation { config, rows });
    }

    pub fn push(&mut self, entry: &Recorded) {
        self.lines.push(format!("proxy-fetch record shell-{} {}", self.stretch, entry.to_line()));
    }

    /// A turn was stored and the shell was told that it was not: its effects never were, so nothing can be compared
    /// across it.
    pub const fn cut(&mut self) {
        self.stretch += 1;
    }

    /// Does all of it again.
    pub fn verify(&self, totals: &mut Totals) {
        let verified = match verify(self.lines.join("\n").as_bytes()) {
            Ok(verified) => verified,
            Err(error) => panic!("S25: the record {error}"),
        };
        assert!(verified.is_identical(), "S25: the simulator does not do what the shell did:\n{verified}");
        for findings in verified.objects.values().map(|seen| &seen.findings) {
            totals.verified_turns += findings.turns;
            totals.verified_effects += findings.effects;
            totals.verified_restarts += findings.restarts;
            totals.verified_lost_turns += findings.lost;
        }
    }
}
