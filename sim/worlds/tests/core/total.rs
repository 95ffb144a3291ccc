//! `step` is total (laws S13, S24): whatever comes in and whatever is stored, nothing panics, nothing sticks, and
//! memory stays a shadow of storage. `damage` has the smallest rows that once broke this.

use crate::support::{
    any::{TIME, any_event, any_events, any_rows},
    rig::{Rig, small},
};
use crate::{regressions, support};
use proptest::prelude::*;
use proxy_fetch::{Config, Event, Key, Machine, RestoreError, Row, Table, Ulid};
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(support::config(regressions!("core_total"), 500))]

    #[test]
    fn s13_any_events_on_a_new_object(events in any_events()) {
        let mut rig = Rig::new(small(), BTreeMap::new()).unwrap();
        for (now, event) in events {
            drop(event.to_string());
            for effect in rig.step(now, event) {
                drop(effect.to_string());
            }
        }
        rig.drain(TIME);
    }

    #[test]
    fn s13_any_events_at_any_time(events in prop::collection::vec((any::<u64>(), any_event()), 0..30)) {
        let mut rig = Rig::new(small(), BTreeMap::new()).unwrap();
        for (now, event) in events {
            rig.step(now, event);
        }
        rig.drain(0);
    }

    #[test]
    fn s13_any_rows_then_any_events(rows in any_rows(), events in any_events()) {
        let mut rig = Rig::new(small(), rows.clone()).unwrap();
        // An unknown version is kept as it is (S24), payloads are the host's.
        let kept = |(key, value): &(&Key, &Vec<u8>)| {
            let foreign = value.first().is_some_and(|version| *version != 1);
            foreign && matches!(key.table, Table::Requests | Table::Finished)
        };
        let kept: Vec<_> = rows.iter().filter(kept).collect();
        rig.step(TIME, Event::Start);
        for (now, event) in events {
            rig.step(now, event);
        }
        rig.drain(TIME);
        for (key, value) in kept {
            prop_assert_eq!(rig.mem.rows.get(key), Some(value), "S24: {} was touched", key);
        }
    }

    #[test]
    fn s24_a_meta_row_of_another_version_stops_the_object(version in 2..=u8::MAX, rest: Vec<u8>) {
        let value = [&[version], rest.as_slice()].concat();
        let key = Key { table: Table::Meta, id: Ulid::nil() };
        let restored = Machine::restore(Config::default(), [Row { key, value }]);
        prop_assert_eq!(restored.map(drop), Err(RestoreError::MetaVersion(version)));
    }
}
