//! The kinds of campaign.

use durable_sim::words;

/// The kinds of campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// No faults; the strict laws.
    Calm,
    /// Each seed draws its own mix of faults, rates and sizes.
    #[default]
    Swarm,
    /// As swarm, with hundreds of requests over hours.
    Soak,
}

impl Profile {
    /// The names of all of them, the usual one first.
    pub const NAMES: [&'static str; 3] = ["swarm", "calm", "soak"];

    /// The profile's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swarm => Self::NAMES[0],
            Self::Calm => Self::NAMES[1],
            Self::Soak => Self::NAMES[2],
        }
    }

    /// The profile of this name; the usual one, if it is of none.
    pub(crate) fn named(name: &str) -> Self {
        [Self::Calm, Self::Soak].into_iter().find(|profile| profile.name() == name).unwrap_or_default()
    }
}

words!(Profile {
    Profile::Swarm => "swarm",
    Profile::Calm => "calm",
    Profile::Soak => "soak",
});
