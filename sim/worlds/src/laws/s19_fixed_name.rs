//! A request keeps the name that its caller chose before the call, so that whoever is called back knows it.

use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::Stored;

/// S19.
#[derive(Clone, Debug, Default, Hash)]
pub struct FixedName;

impl Law for FixedName {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S19", "a request keeps the id that its caller gave it");

    fn moved(&mut self, _: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let name = match &step.entry.stored {
            Stored::Live(row) => row.request_id.as_str(),
            Stored::Finished(row) => row.request_id.as_str(),
            Stored::Forgotten => return Ok(()),
        };
        let is_kept = name.strip_prefix('r').and_then(|number| number.parse().ok()) == Some(step.entry.planned);
        // The name of an unreadable one is not known; its payload has it still, until it ends. Nobody can ask for what
        // has none, so then nothing is remembered of it.
        let may_be_nameless = step.entry.tampered && matches!(step.entry.stored, Stored::Live(_));
        ensure!(
            is_kept || name.is_empty() && may_be_nameless,
            "{} goes by another name: {}",
            Who(step.entry),
            Shown(Some(&step.entry.stored))
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::{Outcome, RequestId};

    #[test]
    fn the_name_stays() {
        let mut story = Story::<FixedName>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits().forgotten(1).commits();
        story.in_flight(2, 1).commits();
        let other = RequestId::new("r3").expect("valid");
        assert_broken(story.put_with(2, |row| row.request_id = other).commit(), "goes by another name: r3");
    }

    #[test]
    fn only_an_unreadable_one_has_none() {
        let mut story = Story::<FixedName>::new();
        story.in_flight(1, 1).commits();
        story.ledger.entries[0].tampered = true;
        story.replaced(1).commits();
        assert_broken(story.finished(1, Outcome::Unreadable).commit(), "goes by another name");
        let mut story = Story::<FixedName>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.replaced(1).commit(), "goes by another name");
    }
}
