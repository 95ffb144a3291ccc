//! What a schema may not be.

use super::*;
use crate::plan::testing::{ASK, ASKS, SCHEMA};

static OTHER_ASK: Subject = Subject::of("asks", "ask {}");
static OF_NONE: Subject = Subject::of("tasks", "task {}");
static TIMES: [Field; 1] = [Field { name: "delay", kind: Kind::Time { high: 5 }, tries: &[], says: "" }];
static MOMENTS: List = List { name: "moments", prefix: "m", fields: &TIMES, says: "" };

static ALIKE: Schema = Schema { subjects: &[&ASK, &OTHER_ASK], lists: &[&ASKS], ..Schema::EMPTY };
static NO_LIST: Schema = Schema { subjects: &[&OF_NONE], ..Schema::EMPTY };
static NO_UNIT: Schema = Schema { lists: &[&MOMENTS], ..Schema::EMPTY };
static TWICE: Schema = Schema { lists: &[&MOMENTS, &MOMENTS], ..Schema::EMPTY };
static TWO_SETTINGS: Schema = Schema { settings: &[&TIMES, &TIMES], ..Schema::EMPTY };

#[test]
fn a_schema_that_cannot_be_read_is_told() {
    assert_eq!(SCHEMA.check_itself(), Ok(()));
    for (schema, what) in [
        (&ALIKE, "two subjects are written \"ask {}\""),
        (&NO_LIST, "the subject \"task {}\" is of the list \"tasks\", which is not in the schema's `lists`"),
        (&NO_UNIT, "the key `delay` is of a time, and does not end in `_ms`"),
        (&TWICE, "two lists are written \"moments\""),
        (&TWO_SETTINGS, "two settings are written \"delay\""),
    ] {
        assert_eq!(schema.check_itself(), Err(what.to_owned()));
    }
}
