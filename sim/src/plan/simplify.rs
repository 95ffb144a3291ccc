//! What is left of a failing document made plain: settings and items as by default, times round and early, decisions
//! about the first of their kind, items numbered in the order in which they come.

use super::{
    Document, List,
    minimise::{Decided, Work},
};
use crate::{
    decide::Chance,
    decide::{Field, Key, Kind, Place, Table, Value},
    engine::TimeUp,
    time::{MINUTE, Micros, SECOND},
};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Times are rounded to the largest of these that does.
const TIMES: [Micros; 7] = [MINUTE, 10 * SECOND, SECOND, SECOND / 10, SECOND / 100, SECOND / 1_000, 1];
/// Other numbers are rounded to the largest of these.
const COUNTS: [Micros; 5] = [10_000, 1_000, 100, 10, 1];

/// A number of a document, where it stands.
#[derive(Clone, Copy)]
enum Spot {
    Setting(&'static str),
    Item(&'static str, u32, &'static str),
    Decision(Place, &'static str),
}

impl Work<'_> {
    /// Settings and items as plain as can be, and decisions the first of their words that does.
    pub(super) fn make_plain(&mut self) -> Result<(), TimeUp> {
        self.attempt(|document| document.settings.clear())?;
        let said: Vec<&'static str> = self.document().settings.keys().copied().collect();
        for name in said {
            self.attempt(|document| {
                document.settings.remove(name);
            })?;
        }
        for list in self.schema.lists {
            let moments: Vec<&str> = list.moments().map(|(name, _)| name).take(1).collect();
            let each = |document: &mut Document, change: &dyn Fn(&mut Table)| {
                document.lists.get_mut(list.name).into_iter().flat_map(BTreeMap::values_mut).for_each(change);
            };
            self.attempt(|document| each(document, &|item| item.clear()))?;
            self.attempt(|document| each(document, &|item| item.retain(|name, _| moments.contains(name))))?;
            self.attempt(|document| each(document, &|item| item.retain(|name, _| !moments.contains(name))))?;
            // What several items have to have in common, one alone cannot give up.
            for field in list.fields {
                self.attempt(|document| each(document, &|item| item.retain(|name, _| *name != field.name)))?;
            }
            let numbers: Vec<u32> =
                self.document().lists.get(list.name).into_iter().flatten().map(|(number, _)| *number).collect();
            for number in numbers {
                self.make_item_plain(list, number, &moments)?;
            }
        }
        let words: Vec<Decided> = self.document().script.decisions().collect();
        for (place, name, value) in words {
            let Some(Kind::Word(words)) = place.field(name).map(|field| field.kind) else { continue };
            for word in words.iter().skip(1).take_while(|word| Value::Word(word) != value) {
                if self.attempt(|document| Spot::Decision(place, name).set(document, Value::Word(word)))? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn make_item_plain(&mut self, list: &List, number: u32, moments: &[&str]) -> Result<(), TimeUp> {
        let item = |document: &Document| document.lists.get(list.name).and_then(|items| items.get(&number)).cloned();
        let put = |document: &mut Document, change: &dyn Fn(&mut Table)| {
            document.lists.get_mut(list.name).and_then(|items| items.get_mut(&number)).into_iter().for_each(change);
        };
        if self.attempt(|document| put(document, &Table::clear))?
            || self.attempt(|document| put(document, &|item| item.retain(|name, _| moments.contains(name))))?
        {
            return Ok(());
        }
        let said: Vec<&'static str> = item(self.document()).into_iter().flatten().map(|(name, _)| name).collect();
        for name in said {
            self.attempt(|document| put(document, &|item| item.retain(|said, _| *said != name)))?;
        }
        Ok(())
    }

    /// Times and numbers as small as can be.
    pub(super) fn make_early(&mut self) -> Result<(), TimeUp> {
        let schema = self.schema;
        let earliest = |document: &Document| {
            let times = document.lists.iter().filter_map(|(name, items)| Some((schema.list(name)?, items)));
            times.flat_map(|(list, items)| items.values().map(|item| list.comes(item))).min().unwrap_or(0)
        };
        self.least(&TIMES, 0..=i64::MAX, earliest, |document, to| {
            let from = earliest(document);
            for (name, items) in &mut document.lists {
                let Some(list) = schema.list(name) else { continue };
                items.values_mut().for_each(|item| shift(list, item, to - from));
            }
        })?;
        for list in schema.lists {
            let numbers: Vec<u32> =
                self.document().lists.get(list.name).into_iter().flatten().map(|(number, _)| *number).collect();
            for number in numbers {
                // An item with all that happens to it later, then each of its times.
                let comes = |document: &Document| {
                    document
                        .lists
                        .get(list.name)
                        .and_then(|items| items.get(&number))
                        .map_or(0, |item| list.comes(item))
                };
                self.least(&TIMES, 0..=i64::MAX, comes, |document, to| {
                    let from = comes(document);
                    let item = document.lists.get_mut(list.name).and_then(|items| items.get_mut(&number));
                    item.into_iter().for_each(|item| shift(list, item, to - from));
                })?;
            }
        }
        for spot in self.numbers() {
            self.lower(spot)?;
        }
        self.move_keys()
    }

    /// Where there are numbers.
    fn numbers(&self) -> Vec<Spot> {
        let document = self.document();
        const fn is_number(value: &Value) -> bool {
            matches!(value, Value::Number(_))
        }
        let numbers = |table: &Table| -> Vec<&'static str> {
            table.iter().filter(|(_, value)| is_number(value)).map(|(name, _)| *name).collect()
        };
        let settings = numbers(&document.settings).into_iter().map(Spot::Setting);
        let items = document.lists.iter().flat_map(|(list, items)| items.iter().map(move |item| (*list, item)));
        let items = items.flat_map(|(list, (number, item))| {
            numbers(item).into_iter().map(move |name| Spot::Item(list, *number, name))
        });
        let decisions = document.script.decisions().filter(|(_, _, value)| is_number(value));
        let decisions = decisions.map(|(place, name, _)| Spot::Decision(place, name));
        settings.chain(items).chain(decisions).collect()
    }

    /// One number as near to nothing as can be, or to its bound.
    fn lower(&mut self, spot: Spot) -> Result<(), TimeUp> {
        let (Some(value), Some(field)) = (spot.get(self.document()), spot.field(self)) else { return Ok(()) };
        let sign = value.signum();
        let bounds = match field.kind {
            Kind::Whole { low, high } if sign < 0 => high.saturating_neg().max(0)..=low.saturating_neg(),
            Kind::Whole { low, high } => low.max(0)..=high,
            Kind::Time { high } | Kind::Moment { high } => 0..=high.cast_signed(),
            Kind::Chance => 0..=Chance::ALWAYS.0.into(),
            Kind::Flag | Kind::Word(_) => return Ok(()),
        };
        let units: &[Micros] = match field.kind {
            Kind::Time { .. } | Kind::Moment { .. } => &TIMES,
            Kind::Flag | Kind::Whole { .. } | Kind::Chance | Kind::Word(_) => &COUNTS,
        };
        let get = |document: &Document| spot.get(document).unwrap_or(0) * sign;
        self.least(units, bounds, get, |document, number| spot.set(document, Value::Number(number * sign)))
    }

    /// A number of the document, not negative, as small as can be; round if that is enough.
    fn least(
        &mut self,
        units: &[Micros],
        bounds: RangeInclusive<i64>,
        get: impl Fn(&Document) -> i64,
        set: impl Fn(&mut Document, i64),
    ) -> Result<(), TimeUp> {
        let value = get(self.document());
        if value <= *bounds.start() {
            return Ok(());
        }
        let (low, high) = (bounds.start().cast_unsigned(), bounds.end().cast_unsigned());
        let value = value.cast_unsigned();
        let mut unit = 1;
        for round in units.iter().copied() {
            let rounded = value.div_ceil(round).saturating_mul(round);
            let may_be = round < value && rounded <= high;
            if rounded == value || (may_be && self.attempt(|document| set(document, rounded.cast_signed()))?) {
                unit = round;
                break;
            }
        }
        self.small
            .lower(0, value.div_ceil(unit), |document, units| set(document, (units * unit).max(low).cast_signed()))
    }

    /// What is decided about a later attempt, alarm or repetition, decided about an earlier one.
    fn move_keys(&mut self) -> Result<(), TimeUp> {
        let places: Vec<Place> = self.document().script.0.keys().copied().collect();
        for mut place in places {
            for at in 0..4 {
                let counts = |place: Place| {
                    let [second, alarms, times] = place.key.counts();
                    [second, alarms, times, place.again]
                };
                let moved = move |to: u32| {
                    let mut all = counts(place);
                    all[at] = to;
                    let [second, alarms, times, again] = all;
                    Place { again, ..place.about(place.key.with_counts([second, alarms, times])) }
                };
                let value = counts(place)[at];
                // As it was there are others already, perhaps: not at those places.
                let before = self.document().script.clone();
                let free: Vec<u32> = (0..value).filter(|to| !before.0.contains_key(&moved(*to))).collect();
                self.small.lower(0, free.len() as u64, |document, to| {
                    let to = usize::try_from(to).ok().and_then(|to| free.get(to));
                    rename(document, place, moved(to.copied().unwrap_or(value)));
                })?;
                let script = &self.document().script.0;
                if !script.contains_key(&place) {
                    let now = free.iter().map(|to| moved(*to)).find(|place| script.contains_key(place));
                    place = now.unwrap_or(place);
                }
            }
        }
        Ok(())
    }

    /// Items numbered from 0 in the order in which they come, and those without names in their order, as far as that
    /// changes nothing.
    pub(super) fn put_in_order(&mut self) -> Result<(), TimeUp> {
        for list in self.schema.lists {
            let Some(items) = self.document().lists.get(list.name) else { continue };
            let as_numbered: Vec<u32> = items.keys().copied().collect();
            let mut order = as_numbered.clone();
            order.sort_by_key(|number| items.get(number).map(|item| list.comes(item)));
            if !self.attempt(|document| renumber(document, list.name, &order))? {
                self.attempt(|document| renumber(document, list.name, &as_numbered))?;
            }
        }
        Ok(())
    }
}

impl Spot {
    fn table<'a>(&self, document: &'a Document) -> Option<&'a Table> {
        match self {
            Self::Setting(_) => Some(&document.settings),
            Self::Item(list, number, _) => document.lists.get(list)?.get(number),
            Self::Decision(place, _) => document.script.0.get(place),
        }
    }

    fn table_mut<'a>(&self, document: &'a mut Document) -> Option<&'a mut Table> {
        match self {
            Self::Setting(_) => Some(&mut document.settings),
            Self::Item(list, number, _) => document.lists.get_mut(list)?.get_mut(number),
            Self::Decision(place, _) => document.script.0.get_mut(place),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Setting(name) | Self::Item(_, _, name) | Self::Decision(_, name) => name,
        }
    }

    fn get(&self, document: &Document) -> Option<i64> {
        match self.table(document)?.get(self.name())? {
            Value::Number(number) => Some(*number),
            Value::Flag(_) | Value::Word(_) => None,
        }
    }

    fn set(&self, document: &mut Document, value: Value) {
        if let Some(table) = self.table_mut(document) {
            table.insert(self.name(), value);
        }
    }

    fn field(&self, work: &Work<'_>) -> Option<&'static Field> {
        match self {
            Self::Setting(name) => work.schema.setting(name),
            Self::Item(list, _, name) => work.schema.list(list)?.field(name),
            Self::Decision(place, name) => place.field(name),
        }
    }
}

/// All that happens to an item, so much later, as far as its bounds allow.
pub(super) fn shift(list: &List, item: &mut Table, by: i64) {
    for (at, (name, high)) in list.moments().enumerate() {
        let was = match item.get(name) {
            Some(Value::Number(time)) => *time,
            None if at == 0 => 0,
            Some(Value::Flag(_) | Value::Word(_)) | None => continue,
        };
        let time = was.saturating_add(by).clamp(0, high);
        if at == 0 && time == 0 {
            item.remove(name);
        } else {
            item.insert(name, Value::Number(time));
        }
    }
}

/// What is decided at one place, decided at another one at which nothing is.
fn rename(document: &mut Document, from: Place, to: Place) {
    let script = &mut document.script.0;
    if !script.contains_key(&to)
        && let Some(table) = script.remove(&from)
    {
        script.insert(to, table);
    }
}

/// Other numbers for the items of a list: the first of `order` becomes 0.
fn renumber(document: &mut Document, list: &'static str, order: &[u32]) {
    let Some(items) = document.lists.remove(list) else { return };
    // Items that come up in a run are numbered after those of the plan.
    let planned = items.keys().next_back().map_or(0, |last| last + 1);
    let left = order.len() as u32;
    let new = |old: u32| match order.iter().position(|number| *number == old) {
        Some(new) => Some(new as u32),
        None => (old >= planned).then(|| old - planned + left),
    };
    let renumbered: BTreeMap<u32, Table> =
        (0..).zip(order.iter().filter_map(|number| items.get(number).cloned())).collect();
    document.lists.insert(list, renumbered);
    let about = |key: Key| match key.item() {
        Some((of, number)) if of == list => new(number).map_or(key, |number| key.of_item(number)),
        Some(_) | None => key,
    };
    let script = std::mem::take(&mut document.script).0;
    document.script.0 = script.into_iter().map(|(place, table)| (place.about(about(place.key)), table)).collect();
}

#[cfg(test)]
mod tests;
