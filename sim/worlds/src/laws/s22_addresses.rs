//! No fetch, and no redirect of one, reaches a private address; a secret reaches only the host it is for.

use super::{Law, Reached, Verdict, ensure, view::Who};
use crate::history::ledger::Entry;

/// How a plan marks a secret: `secret for host.test`.
const SECRET: &str = "secret for ";

/// S22.
#[derive(Clone, Debug, Default, Hash)]
pub struct Addresses;

impl Law for Addresses {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S22",
        "no fetch reaches a private address, and no secret another host, by a redirect either",
    );

    fn executed(&mut self, entry: &Entry, reached: &Reached<'_>) -> Verdict {
        let Reached { host, number, .. } = *reached;
        let is_private = ["private", "10.", "127."].iter().any(|start| host.starts_with(start));
        ensure!(!is_private, "attempt {number} of {} reached the private host {host}", Who(entry));
        for (name, value) in reached.headers {
            let Some(meant_for) = value.strip_prefix(SECRET) else { continue };
            ensure!(
                meant_for == host,
                "attempt {number} of {} told {host} what is for {meant_for} alone, as {name}",
                Who(entry)
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
    fn only_public_hosts_and_their_own_secrets() {
        let mut story = Story::<Addresses>::new();
        story.in_flight(1, 1).commits();
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        let secret = [("accept", "*/*"), ("authorization", "secret for a.test")];
        assert_eq!(story.executes(1, "a.test", &secret), Ok(()));
        assert_broken(story.executes(1, "b.test", &secret), "told b.test what is for a.test alone");
        for host in ["private.test", "10.0.0.1", "127.0.0.1"] {
            assert_broken(story.executes(1, host, &[]), "reached the private host");
        }
    }
}
