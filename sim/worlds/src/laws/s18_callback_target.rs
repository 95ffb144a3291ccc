//! A request whose callback target or any other field is not allowed is never accepted.

use super::{Law, Verdict, ensure};
use crate::history::ledger::{Ask, Ledger};
use proxy_fetch::Reply;

/// S18.
#[derive(Clone, Debug, Default, Hash)]
pub struct CallbackTarget;

impl Law for CallbackTarget {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S18",
        "what a host does not allow, such as a foreign callback target, is never accepted",
    );

    fn replied(&mut self, _: &Ledger, ask: Ask, reply: &Reply) -> Verdict {
        if let (Ask::Enqueue { planned, valid: false }, Reply::Accepted { id }) = (ask, reply) {
            ensure!(false, "r{planned} must be refused, and was accepted as {id}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken};
    use proxy_fetch::Refusal;

    #[test]
    fn what_is_not_allowed_is_refused() {
        let mut story = Story::<CallbackTarget>::new();
        let id = story.id(1);
        let refused = Reply::Refused(Refusal::missing("callback_url"));
        let ask = Ask::Enqueue { planned: 1, valid: false };
        assert_eq!(story.reply(ask, &refused), Ok(()));
        assert_eq!(story.accept(1, id), Ok(()));
        assert_broken(story.reply(ask, &Reply::Accepted { id }), "r1 must be refused");
    }
}
