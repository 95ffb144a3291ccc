//! What runs reached: a green run that reached little proves little.

use std::fmt;

macro_rules! totals {
    ($($name:ident),+ $(,)?) => {
        /// How often what a run is for has happened.
        #[derive(Clone, Copy, Debug)]
        pub struct Totals {
            $(#[doc = concat!("How often: `", stringify!($name), "`.")] pub $name: u64,)+
        }

        impl Default for Totals {
            fn default() -> Self {
                Self::NONE
            }
        }

        impl Totals {
            /// Nothing yet.
            pub const NONE: Self = Self { $($name: 0,)+ };

            /// Adds what another run reached.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }

            /// What may happen, and how often it did.
            fn counts(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),+]
            }

            /// What never happened.
            #[must_use]
            pub fn missing(&self) -> Vec<&'static str> {
                self.counts().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
            }
        }
    };
}

impl fmt::Display for Totals {
    /// What happened, in words, and how often.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let happened = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let happened: Vec<String> =
            happened.map(|(name, count)| format!("{} {count}", name.replace('_', " "))).collect();
        f.write_str(&happened.join(", "))
    }
}

totals! {
    runs, calm_runs, simulated_ms, commits, shared_commits,
    kills, kills_in_flight, kills_while_delivering, kills_between_commit_and_effects, kills_in_a_lost_commit,
    failed_commits, failed_commits_that_were_stored, failed_reads, failed_opens, disks_given_up,
    stops, stops_that_waited, stops_that_cut_off, kills_while_stopping,
    pauses, pauses_of_others, partitions, clogged_links,
    retries, aborts_of_running_fetches, late_answers, timeouts, unsent, failed_callbacks, second_callbacks,
    repeated_replies, unanswered_calls, cancelled, interrupted, unknown,
    verified_turns, verified_effects, verified_restarts, verified_lost_turns,
}
