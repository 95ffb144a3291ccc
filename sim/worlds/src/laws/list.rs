//! The list of laws, in the order in which they report.

use super::{
    End, Law, Move, Reached, Settled, Turn, Verdict, Watch, calm::Calm, l01_alarm::AlarmStored, l02_ends::Ends,
    l03_alarm_ahead::AlarmAhead, l04_no_starvation::NoStarvation, l05_leases::Leases, l06_next_alarm::NextAlarm,
    l07_crash_loops::CrashLoops, l08_no_idle_slot::NoIdleSlot, s01_one_state::OneState, s02_atomic::Atomic,
    s03_slots::Slots, s04_durable_start::DurableStart, s05_acknowledged::Acknowledged, s06_idempotent::Idempotent,
    s07_not_before::NotBefore, s08_attempts::Attempts, s09_expiry::Expiry, s10_completions::Completions,
    s11_one_outcome::OneOutcome, s12_order::Order, s13_quarantine::Quarantine, s14_idle_tick::IdleTick,
    s15_bounded::Bounded, s16_at_most_once::AtMostOnce, s17_time::Time, s18_callback_target::CallbackTarget,
    s19_fixed_name::FixedName, s20_no_spinning::NoSpinning, s21_bounded_response::BoundedResponse,
    s22_addresses::Addresses, s23_rest::Rest, s24_unknown_versions::UnknownVersions, s25_shadow::Shadow,
};
use crate::history::ledger::{Ask, Callback, Entry, Fetch, Ledger};
use proxy_fetch::{Key, Reply, Timestamp};

macro_rules! laws {
    ($($field:ident: $law:ty,)+) => {
        /// All laws, as one.
        #[derive(Clone, Debug, Default, Hash)]
        pub struct All {
            $($field: $law,)+
            /// Laws that are not looked at, a bit each.
            off: u64,
        }

        #[allow(non_camel_case_types, reason = "the fields, numbered")]
        #[derive(Clone, Copy)]
        enum Number {
            $($field,)+
        }

        impl Watch<All> {
            /// One law alone, by its id; with an id that is none of [`LAWS`] none is looked at. For measuring.
            #[must_use]
            pub fn only(id: &str) -> Self {
                let mut watch = Self::new();
                $(if <$law as Law>::LAW.name != id {
                    watch.law.off |= 1 << Number::$field as u64;
                })+
                watch
            }

        }

        /// All laws, with what each promises.
        pub const LAWS: &[&durable_sim::Law] = &[$(<$law as Law>::LAW),+];

        impl Law for All {
            const LAW: &'static durable_sim::Law = &durable_sim::Law::new("all", "all of them hold");

            #[inline]
            fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.moved(turn, step)?;
                })+
                Ok(())
            }

            #[inline]
            fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.committed(turn)?;
                })+
                Ok(())
            }

            fn lost(&mut self, ledger: &Ledger) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.lost(ledger)?;
                })+
                Ok(())
            }

            fn tampered(&mut self, key: Key, bytes: &[u8]) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.tampered(key, bytes)?;
                })+
                Ok(())
            }

            fn fetch_left(&mut self, ledger: &Ledger, entry: &Entry, fetch: &Fetch) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.fetch_left(ledger, entry, fetch)?;
                })+
                Ok(())
            }

            fn executed(&mut self, entry: &Entry, reached: &Reached<'_>) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.executed(entry, reached)?;
                })+
                Ok(())
            }

            fn callback_left(&mut self, ledger: &Ledger, entry: &Entry, callback: &Callback) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.callback_left(ledger, entry, callback)?;
                })+
                Ok(())
            }

            fn told(&mut self, entry: &Entry) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.told(entry)?;
                })+
                Ok(())
            }

            fn replied(&mut self, ledger: &Ledger, ask: Ask, reply: &Reply) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.replied(ledger, ask, reply)?;
                })+
                Ok(())
            }

            fn settled(&mut self, ledger: &Ledger, settled: &Settled<'_>) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.settled(ledger, settled)?;
                })+
                Ok(())
            }

            fn healed(&mut self, now: Timestamp, recovery_ms: u64) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.healed(now, recovery_ms)?;
                })+
                Ok(())
            }

            fn ended(&mut self, ledger: &Ledger, end: &End<'_>) -> Verdict {
                $(if self.off & (1 << Number::$field as u64) == 0 {
                    self.$field.ended(ledger, end)?;
                })+
                Ok(())
            }
        }
    };
}

laws! {
    s01: OneState,
    s02: Atomic,
    s03: Slots,
    s04: DurableStart,
    s05: Acknowledged,
    s06: Idempotent,
    s07: NotBefore,
    s08: Attempts,
    s09: Expiry,
    s10: Completions,
    s11: OneOutcome,
    s12: Order,
    s13: Quarantine,
    s14: IdleTick,
    s15: Bounded,
    s16: AtMostOnce,
    s17: Time,
    s18: CallbackTarget,
    s19: FixedName,
    s20: NoSpinning,
    s21: BoundedResponse,
    s22: Addresses,
    s23: Rest,
    s24: UnknownVersions,
    s25: Shadow,
    l01: AlarmStored,
    l02: Ends,
    l03: AlarmAhead,
    l04: NoStarvation,
    l05: Leases,
    l06: NextAlarm,
    l07: CrashLoops,
    l08: NoIdleSlot,
    calm: Calm,
}

/// Every law, over one run.
pub type Laws = Watch<All>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ledger::Note;
    use crate::laws::testing::{Story, response};

    #[test]
    fn each_law_has_a_name_of_its_own_and_says_what_it_promises_in_a_line() {
        let mut names: Vec<&str> = LAWS.iter().map(|law| law.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!((LAWS.len(), names.len()), (34, 34));
        for law in LAWS {
            let promises = law.promises;
            assert!(
                !promises.is_empty() && promises.len() <= 110 && !promises.ends_with('.'),
                "{}: {promises}",
                law.name
            );
        }
    }

    #[test]
    fn the_first_of_the_list_reports() {
        let mut story = Story::<All>::new();
        story.note(Note::Call(1)).in_flight(1, 1).sets_alarm(9).commits();
        // No report ended it (S10), and it was not called back (S11).
        let violation = story.note(Note::Tick).finished(1, response(200)).commit().expect_err("broken");
        assert_eq!((violation.law, violation.to_string().starts_with("S10: attempt 1 of r1")), ("S10", true));
    }
}
