//! The kinds of campaign.

use durable_sim::words;
use std::str::FromStr;

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
    /// The profile's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Swarm => "swarm",
            Self::Soak => "soak",
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "calm" => Ok(Self::Calm),
            "swarm" => Ok(Self::Swarm),
            "soak" => Ok(Self::Soak),
            other => Err(format!("{other:?} is none of calm, swarm, soak")),
        }
    }
}

words!(Profile {
    Profile::Swarm => "swarm",
    Profile::Calm => "calm",
    Profile::Soak => "soak",
});
