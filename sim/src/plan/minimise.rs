//! A failing document made small: what is not needed for the same law to break is taken out here, and what is left is
//! made plain in `simplify.rs`.

use super::{Document, Item, Schema, smaller::Happened};
use crate::{
    decide::{Decisions, Place, Script, Value},
    engine::{Breaks, Minimiser, TimeUp},
    time::Micros,
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// A document is gone through again until nothing changes, but not more often.
const MAX_ROUNDS: usize = 6;

/// From so many decisions on it takes too long to begin with single ones.
const MANY_DECISIONS: usize = 3_000;

#[expect(clippy::disallowed_methods, reason = "minimising is bounded in wall time; nothing simulated")]
fn now() -> Instant {
    Instant::now()
}

/// What came of the run of a document.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// The first law that broke.
    pub breaks: Option<Breaks>,
    /// Simulated time until the run ended.
    pub simulated: Micros,
    /// Decisions of the document that the run did not come to.
    pub unplayed: Script,
    /// All that was decided in it, plain or not, if the document's decisions are [listed](crate::Decisions::listing).
    pub asked: Vec<(Place, &'static str)>,
}

/// What minimising came to.
#[derive(Clone, Debug)]
pub struct Minimised {
    /// The small document.
    pub document: Document,
    /// The items of what it was made of, as [`Document::items`] counts them.
    pub of: usize,
    /// Runs that it took.
    pub runs: u64,
    /// Time that it took.
    pub took: Duration,
    /// Whether all was tried; otherwise time was up before.
    pub is_complete: bool,
}

/// Makes a document small whose run came to `first`, within `most`. `run` runs a document with these decisions, which are
/// its own, to this step at the most.
/// `None`: it breaks no law, or not the same one when it is run again.
///
/// What is found when time is up is what is returned. A run that was begun before that is not cut off.
pub fn minimise(
    schema: &Schema,
    document: Document,
    first: &Tried,
    most: Duration,
    run: impl Fn(&Document, Decisions, u64) -> Tried,
) -> Option<Minimised> {
    let began = now();
    let Breaks { law, step, what } = first.breaks.clone()?;
    // A document that is smaller may take more steps to break the law, but not many times as many.
    let until = 2 * step + 10_000;
    let fails = |document: &Document| {
        let breaks = run(document, document.decisions(), until).breaks;
        breaks.is_some_and(|breaks| breaks.law == law)
    };
    if !fails(&document) {
        return None;
    }
    let of = document.items();
    let happened = Happened::of(&document.script);
    let small = Minimiser::new(document, began + most, fails);
    let mut work =
        Work { small, schema, run: &|document| run(document, document.decisions().listing(), until), happened };
    let named = named(schema, &what);
    let is_complete = work.all_rounds(first.simulated.cast_signed(), &named).is_ok();
    // The first run was made here.
    let runs = 1 + work.small.runs();
    let mut document = work.small.into_plan();
    document.lists.retain(|_, items| !items.is_empty());
    Some(Minimised { document, of, runs, took: began.elapsed(), is_complete })
}

/// A document that is being made small.
pub(super) struct Work<'a> {
    pub(super) small: Minimiser<'a, Document>,
    pub(super) schema: &'a Schema,
    pub(super) run: &'a dyn Fn(&Document) -> Tried,
    /// What the run was made of before.
    pub(super) happened: Happened,
}

/// One decision of a script.
pub(super) type Decided = (Place, &'static str, Value);

impl Work<'_> {
    /// `end` is when the law broke, and `named` are the items that it broke for, as far as it names them.
    fn all_rounds(&mut self, end: i64, named: &BTreeSet<Item>) -> Result<(), TimeUp> {
        if self.document().script.len() >= MANY_DECISIONS {
            self.leave_alone(named)?;
        }
        self.take_out_what_comes_later(end)?;
        self.take_out_kinds()?;
        self.rounds()?;
        while self.find_smaller()? {
            self.rounds()?;
        }
        self.put_in_order()
    }

    fn rounds(&mut self) -> Result<(), TimeUp> {
        for _ in 0..MAX_ROUNDS {
            let before = self.document().clone();
            self.round()?;
            if *self.document() == before {
                break;
            }
        }
        Ok(())
    }

    pub(super) const fn document(&self) -> &Document {
        self.small.plan()
    }

    /// Keeps a change if the law still breaks.
    pub(super) fn attempt(&mut self, change: impl FnOnce(&mut Document)) -> Result<bool, TimeUp> {
        self.small.attempt(change)
    }

    fn round(&mut self) -> Result<(), TimeUp> {
        // What only takes time is most of a script, and seldom needed.
        self.attempt(|document| document.script.retain(|_, _, value| !matches!(value, Value::Number(_))))?;
        self.take_out()?;
        self.make_plain()?;
        self.make_early()
    }

    /// Most laws break for one item, whatever the others do: its run alone is short, and so is a try. First without
    /// what has nothing to do with an item.
    fn leave_alone(&mut self, named: &BTreeSet<Item>) -> Result<(), TimeUp> {
        if named.is_empty() {
            return Ok(());
        }
        for with_others in [false, true] {
            let lists = self.schema.lists;
            let is_done = self.attempt(|document| {
                for list in lists {
                    if list.prefix.is_empty() {
                        if !with_others {
                            document.lists.remove(list.name);
                        }
                    } else if let Some(items) = document.lists.get_mut(list.name) {
                        items.retain(|number, _| named.contains(&(list.name, *number)));
                    }
                }
                document
                    .script
                    .retain(|place, _, _| place.key.item().map_or(with_others, |item| named.contains(&item)));
            })?;
            if is_done {
                break;
            }
        }
        Ok(())
    }

    /// What would come after the law has broken cannot be needed.
    fn take_out_what_comes_later(&mut self, end: i64) -> Result<(), TimeUp> {
        let schema = self.schema;
        self.attempt(|document| {
            for (name, items) in &mut document.lists {
                let Some(list) = schema.list(name) else { continue };
                items.retain(|_, item| list.comes(item) <= end);
            }
        })?;
        Ok(())
    }

    /// Most kinds of decision have nothing to do with it: a long run has thousands of decisions, but some dozen kinds.
    /// Shorter ones become smaller item by item: without a kind as a whole more items may be needed.
    fn take_out_kinds(&mut self) -> Result<(), TimeUp> {
        if self.document().script.len() < MANY_DECISIONS {
            return Ok(());
        }
        let kinds: BTreeSet<(&'static str, &'static str)> =
            self.document().script.decisions().map(|(place, name, _)| (place.point.name, name)).collect();
        self.small.thin_out(kinds.into_iter().collect(), |document, left| {
            document.script.retain(|place, name, _| left.contains(&(place.point.name, name)));
        })
    }

    /// Of most decisions it takes one run to know that they are not needed: it did not come to them.
    fn take_out_unplayed(&mut self) -> Result<(), TimeUp> {
        self.small.begin_run()?;
        let never = (self.run)(self.document()).unplayed;
        self.attempt(|document| {
            document.script.retain(|place, name, _| !never.0.get(place).is_some_and(|names| names.contains_key(name)));
        })?;
        Ok(())
    }

    fn take_out(&mut self) -> Result<(), TimeUp> {
        self.take_out_unplayed()?;
        for list in self.schema.lists {
            let Some(items) = self.document().lists.get(list.name) else { continue };
            let numbers: Vec<u32> = items.keys().copied().collect();
            let all = items.clone();
            self.small.thin_out(numbers, |document, left| {
                let left = left.iter().filter_map(|number| Some((*number, all.get(number)?.clone())));
                document.lists.insert(list.name, left.collect());
            })?;
            self.take_out_unplayed()?;
        }
        let decisions: Vec<Decided> = self.document().script.decisions().collect();
        self.small.thin_out(decisions, |document, left| document.script = left.iter().copied().collect())
    }
}

/// The items that a text names: `r12` is number 12 of the list whose names begin with `r`.
fn named(schema: &Schema, what: &str) -> BTreeSet<Item> {
    let words = what.split(|c: char| !c.is_ascii_alphanumeric());
    let lists = || schema.lists.iter().filter(|list| !list.prefix.is_empty());
    words
        .flat_map(|word| {
            lists().filter_map(move |list| Some((list.name, word.strip_prefix(list.prefix)?.parse().ok()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests;
