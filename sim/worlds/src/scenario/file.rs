//! A scenario: a plan, and what is known of it.

use super::{error::ScenarioError, read, write};
use crate::proxy::{
    Plan, Profile,
    plan::{PlannedRequest, WorldFaults},
};
use durable_sim::{MINUTE, Script, Sizes};

/// A plan, and what became of it when it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What happens in it, in words.
    pub about: String,
    /// The law that it breaks, by its id; `None`: it breaks none.
    pub law: Option<String>,
    /// The planted bug that is on.
    pub bug: Option<String>,
    /// The plan, with a script.
    pub plan: Plan,
}

/// The kinds of malformed request, as `proxy/callers.rs` numbers them.
pub(super) const MALFORMED: [&str; 12] = [
    "eleven_retries",
    "negative_timeout",
    "no_retry_delay",
    "loopback_address",
    "file_url",
    "connect_method",
    "body_too_large",
    "header_injection",
    "foreign_callback",
    "url_too_long",
    "too_many_headers",
    "short_max_retry_delay",
];

impl Scenario {
    /// Reads a text.
    ///
    /// # Errors
    /// In one line, with the line of the text and the key: where it is not TOML, has a key that there is not or lacks one,
    /// or is out of bounds.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        read::parse(text)
    }

    /// The scenario as a text that [`Scenario::parse`] reads. Its head says in comments what the law and the bug are.
    #[must_use]
    pub fn to_text(&self) -> String {
        write::to_text(self)
    }
}

impl Plan {
    /// A plan in which nothing is but the plainest: no requests, no faults (and a minute until they would cease).
    #[must_use]
    pub fn plain() -> Self {
        Self {
            profile: Profile::Swarm,
            faults: durable_sim::Faults::default(),
            world: WorldFaults::default(),
            sizes: Sizes { commit_us_min: 1_000, commit_us_max: 1_000, ..Sizes::default() },
            config: Self::config(),
            network_us: 1_000,
            slot_until_head: false,
            heal_at: MINUTE,
            requests: Vec::new(),
            resets: Vec::new(),
            storage_full: Vec::new(),
            script: Some(Script::default()),
        }
    }

    /// Puts a request at its number, with gaps before it if need be.
    pub fn set_request(&mut self, number: usize, request: PlannedRequest) {
        if self.requests.len() <= number {
            self.requests.resize(number + 1, None);
        }
        self.requests[number] = Some(request);
    }

    /// Lines that tell it: requests, resets, decisions, and settings that are not plain.
    #[must_use]
    pub fn items(&self) -> usize {
        let text = Scenario { about: String::new(), law: None, bug: None, plan: self.clone() }.to_text();
        let is_item = |line: &&str| line.starts_with("  {") || line.contains(" = ") && !line.starts_with("about = ");
        text.lines().filter(is_item).count()
    }
}
