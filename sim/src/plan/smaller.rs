//! The search for a smaller document where taking out no longer helps: with less of what happens, and other decisions.
//!
//! Taking out ends where nothing can be left out; a law may break for a simpler reason all the same, with decisions that
//! the document no longer has. So all documents are tried that have some of its items and one or two decisions, the
//! smallest first. What they decide is what the run was made of in the beginning: no kind of fault that was not in it.

use super::{Document, Item, minimise::Work};
use crate::{
    decide::{Place, Script, Value},
    engine::TimeUp,
};
use std::collections::BTreeMap;

/// So many runs are spent on it at the most.
const MOST_RUNS: u64 = 30_000;
/// A document of more items is not searched: there is too much to try.
const MOST_ITEMS: usize = 10;
/// From so few items on it is small.
const SMALL: usize = 2;
/// Values of one kind of decision that are tried.
const MOST_VALUES: usize = 4;

/// The kinds of decision of a run, and values that they had in it.
#[derive(Debug)]
pub(super) struct Happened(BTreeMap<(&'static str, &'static str), Vec<Value>>);

impl Happened {
    pub(super) fn of(script: &Script) -> Self {
        let mut all: BTreeMap<_, Vec<Value>> = BTreeMap::new();
        for (place, name, value) in script.decisions() {
            all.entry((place.point.name, name)).or_default().push(value);
        }
        for values in all.values_mut() {
            values.sort_unstable();
            values.dedup();
            // The least, the greatest, and some between them.
            let last = values.len() - 1;
            let kept = MOST_VALUES.min(values.len());
            *values = (0..kept).map(|at| values[if kept == 1 { 0 } else { last * at / (kept - 1) }]).collect();
        }
        Self(all)
    }

    fn values(&self, place: &Place, name: &'static str) -> &[Value] {
        self.0.get(&(place.point.name, name)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Work<'_> {
    /// Whether a smaller document was found. It is kept.
    pub(super) fn find_smaller(&mut self) -> Result<bool, TimeUp> {
        let items: Vec<Item> = self.document().list_items().collect();
        let size = self.document().items();
        if size <= SMALL || size > MOST_ITEMS {
            return Ok(false);
        }
        let base = Document { lists: BTreeMap::new(), script: Script::default(), ..self.document().clone() };
        let whole = self.document().clone();
        let last_run = self.small.runs() + MOST_RUNS;
        for total in 1..size - base.settings.len() {
            for deviations in 0..=total.min(2) {
                for subset in subsets(items.len(), total - deviations) {
                    let mut document = base.clone();
                    for at in subset {
                        let (list, number) = items[at];
                        let table = whole.lists.get(list).and_then(|items| items.get(&number)).cloned();
                        document.lists.entry(list).or_default().insert(number, table.unwrap_or_default());
                    }
                    if self.deviate(&document, deviations, last_run)? {
                        return Ok(true);
                    }
                    if self.small.runs() > last_run {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Tries the document with so many more decisions that are not plain.
    fn deviate(&mut self, document: &Document, deviations: usize, last_run: u64) -> Result<bool, TimeUp> {
        if deviations == 0 {
            return self.small.fails(document.clone());
        }
        self.small.begin_run()?;
        let asked = (self.run)(document).asked;
        // What was decided already is not decided otherwise: it comes before.
        let decided = document.script.decisions().last();
        let after = decided.and_then(|(place, name, _)| asked.iter().position(|asked| *asked == (place, name)));
        for (place, name) in asked.into_iter().skip(after.map_or(0, |at| at + 1)) {
            for at in 0..self.happened.values(&place, name).len() {
                if self.small.runs() > last_run {
                    return Ok(false);
                }
                let value = self.happened.values(&place, name)[at];
                let mut document = document.clone();
                document.script.0.entry(place).or_default().insert(name, value);
                if self.deviate(&document, deviations - 1, last_run)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// All ways to choose so many of so many.
fn subsets(of: usize, size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let with_last = |last: usize| {
        subsets(last, size - 1).into_iter().map(move |mut subset| {
            subset.push(last);
            subset
        })
    };
    (size - 1..of).flat_map(with_last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_subsets_of_a_size() {
        assert_eq!(subsets(4, 2), [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]);
        assert_eq!(subsets(2, 0), [[]; 1] as [[usize; 0]; 1]);
        assert!(subsets(1, 2).is_empty());
    }
}
