//! Small changes of a document, for a campaign that goes after what few runs reached.
//!
//! Draws are keyed, so a change leaves the rest of the run as it was: with the parent's seed a varied document takes the
//! same course up to the first thing that is changed.

use super::{Document, Item, List, Schema, simplify::shift};
use crate::{
    decide::{Chance, Draw},
    decide::{Field, Kind, Table, Value},
    time::{MINUTE, Micros, SECOND},
};
/// More items than this are not added to a list: a run's cost grows faster than their number.
const MANY_ITEMS: usize = 100;

/// What a document is varied with.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// A document that was drawn anew.
    pub fresh: &'a Document,
    /// Another that was kept.
    pub other: &'a Document,
    /// The moment of the parent's run that is gone after.
    pub moment: Moment,
    /// Whether only whole parts of the others are taken, and nothing is made up.
    pub only_parts: bool,
    /// Rates that are not made up: of what the object need not survive.
    pub but_for: &'a [&'a str],
}

/// A moment of a run at which something rare was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// When, in µs.
    pub at: Micros,
    /// How many ms after a deadline that was; 0 if there is none.
    pub late_ms: i64,
    /// The item that it came from, and which of its moments.
    pub item: Option<(Item, &'static str)>,
}

/// A small fact of a run, by which a campaign that steers tells a new kind of run from one more of the same: the word is
/// libFuzzer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is about. Kinds that have few features have as large a share of the campaign as those with many.
    pub kind: u8,
    /// Which one of its kind.
    pub number: u64,
    /// Where in its run it was left first.
    pub moment: Moment,
}

/// The parent with so many changes.
#[must_use]
pub fn vary(schema: &Schema, parent: &Document, with: &Material<'_>, changes: u64, draw: &mut Draw) -> Document {
    let mut vary = Vary { schema, document: parent.clone(), with, draw };
    for _ in 0..changes {
        vary.change();
    }
    vary.document
}

/// A document that was drawn, with a few parts of a parent: as varied as drawn ones, and with what the parent had.
#[must_use]
pub fn graft(schema: &Schema, fresh: Document, parent: &Document, draw: &mut Draw) -> Document {
    let mut document = fresh;
    for _ in 0..=draw.below(3) {
        take_part(schema, &mut document, parent, draw);
    }
    document
}

/// A whole part of another document: its lists with the times that they were drawn for, a group of its settings, or a
/// group of its rates.
fn take_part(schema: &Schema, document: &mut Document, other: &Document, draw: &mut Draw) {
    let is_moment = |field: &Field| matches!(field.kind, Kind::Moment { .. });
    let which = draw.below((1 + schema.settings.len() + schema.rates.len()) as u64) as usize;
    if which == 0 {
        document.lists.clone_from(&other.lists);
        let moments = schema.settings.iter().flat_map(|fields| fields.iter()).filter(|field| is_moment(field));
        take(&mut document.settings, &other.settings, moments);
    } else if let Some(fields) = schema.settings.get(which - 1) {
        take(&mut document.settings, &other.settings, fields.iter().filter(|field| !is_moment(field)));
    } else if let Some(fields) = schema.rates.get(which - 1 - schema.settings.len()) {
        take(&mut document.rates, &other.rates, fields.iter());
    }
}

/// What another table says of these fields.
fn take<'a>(table: &mut Table, other: &Table, fields: impl Iterator<Item = &'a Field>) {
    for field in fields {
        match other.get_key_value(field.name) {
            Some((name, value)) => table.insert(name, *value),
            None => table.remove(field.name),
        };
    }
}

struct Vary<'a, 'b> {
    schema: &'a Schema,
    document: Document,
    with: &'a Material<'a>,
    draw: &'b mut Draw,
}

impl Vary<'_, '_> {
    fn change(&mut self) {
        let what = if self.with.only_parts { 0 } else { self.draw.below(10) };
        match what {
            0 | 1 => {
                let other = self.another();
                take_part(self.schema, &mut self.document, other, self.draw);
            }
            2 | 3 => self.change_rate(),
            4 => self.happen_at(),
            5 => self.nudge(),
            6 => self.crowd(),
            7 => self.thin_out(),
            8 => self.change_items(),
            _ => self.change_setting(),
        }
    }

    /// One of the others.
    fn another<'c>(&mut self) -> &'c Document
    where
        Self: 'c,
    {
        if self.draw.below(2) == 0 { self.with.fresh } else { self.with.other }
    }

    /// One kind of fault, more or less often: but no more often than its declaration says.
    fn change_rate(&mut self) {
        let all = self.schema.rates.iter().flat_map(|fields| fields.iter());
        let fields: Vec<&Field> = all.filter(|field| !self.with.but_for.contains(&field.name)).collect();
        if fields.is_empty() {
            return;
        }
        let field = fields[self.draw.below(fields.len() as u64) as usize];
        if field.kind != Kind::Chance {
            let other = self.another();
            return take(&mut self.document.rates, &other.rates, [field].into_iter());
        }
        let most = field.tries.iter().copied().max().unwrap_or_else(|| Chance::ALWAYS.0.into());
        let chance = self.draw.pick(&[0, 2_000, 20_000, 100_000, 400_000]).min(most);
        if chance == 0 {
            self.document.rates.remove(field.name);
        } else {
            self.document.rates.insert(field.name, Value::Number(chance));
        }
    }

    /// What came at a moment comes at the very ms of the deadline that it was compared with, or 1 ms off.
    fn nudge(&mut self) {
        let Moment { late_ms, item, .. } = self.with.moment;
        let Some(((name, number), field)) = item else { return self.happen_at() };
        let by = (self.draw.pick(&[-1, 0, 0, 1]) - late_ms).saturating_mul(1_000);
        let Some(list) = self.schema.list(name) else { return };
        let Some(item) = self.document.lists.get_mut(name).and_then(|items| items.get_mut(&number)) else { return };
        if list.moments().next().is_some_and(|(first, _)| first == field) {
            shift(list, item, by);
        } else if let Some(Value::Number(at)) = item.get_mut(field) {
            let latest = list.moments().find(|(name, _)| *name == field).map_or(i64::MAX, |(_, latest)| latest);
            *at = at.saturating_add(by).clamp(0, latest);
        }
    }

    /// Something happens at the moment that is gone after or at its deadline, or very near it.
    fn happen_at(&mut self) {
        let Moment { at, late_ms, .. } = self.with.moment;
        let deadline = at.saturating_add_signed(late_ms.saturating_mul(-1_000));
        let moment = if self.draw.below(2) == 0 { at } else { deadline };
        let off = self.draw.pick(&[0, 1, 1_000, 5_000, 100_000, SECOND]);
        let by = self.draw.below(off + 1);
        let at = if self.draw.below(2) == 0 { moment.saturating_sub(by) } else { moment + by };
        let lists: Vec<&List> =
            self.schema.lists.iter().copied().filter(|list| list.moments().next().is_some()).collect();
        if lists.is_empty() {
            return;
        }
        let list = lists[self.draw.below(lists.len() as u64) as usize];
        let at = self.before_the_end(at).cast_signed();
        // What has one moment is an event by itself: there can be one more of it.
        if list.moments().count() == 1 {
            self.add_item(list, at);
        } else if let Some(number) = self.some_item(list) {
            let fields: Vec<(&'static str, i64)> = list.moments().collect();
            let which = self.draw.below(fields.len() as u64) as usize;
            let items = self.document.lists.entry(list.name).or_default();
            let Some(item) = items.get_mut(&number) else { return };
            if which == 0 {
                shift(list, item, at - list.comes(item));
            } else {
                let (name, latest) = fields[which];
                item.insert(name, Value::Number(at.max(list.comes(item)).min(latest)));
            }
        }
    }

    /// Something more, like something that there was, at this time.
    fn add_item(&mut self, list: &List, at: i64) {
        let model = self.another().lists.get(list.name).and_then(|items| items.values().next()).cloned();
        let mut item = model.unwrap_or_default();
        let mut later = at;
        for (name, latest) in list.moments() {
            item.insert(name, Value::Number(later.min(latest)));
            later += self.draw.pick(&[SECOND, 10 * SECOND, MINUTE]).cast_signed();
        }
        for field in list.fields {
            if let Kind::Time { high } = field.kind
                && !item.contains_key(field.name)
            {
                let long = self.draw.pick(&[SECOND, 10 * SECOND, MINUTE]).min(high);
                item.insert(field.name, Value::Number(long.cast_signed()));
            }
        }
        let items = self.document.lists.entry(list.name).or_default();
        if items.len() < MANY_ITEMS {
            let number = items.keys().next_back().map_or(0, |last| last + 1);
            items.insert(number, item);
        }
    }

    /// Not after the first moment that the settings name, which is when faults cease.
    fn before_the_end(&self, at: Micros) -> Micros {
        let all = self.schema.settings.iter().flat_map(|fields| fields.iter());
        let mut moments = all.filter(|field| matches!(field.kind, Kind::Moment { .. }));
        match moments.next().and_then(|field| self.document.settings.get(field.name)) {
            Some(Value::Number(end)) => at.min(end.cast_unsigned()),
            Some(Value::Flag(_) | Value::Word(_)) | None => at,
        }
    }

    fn some_item(&mut self, list: &List) -> Option<u32> {
        let items = self.document.lists.get(list.name).filter(|items| !items.is_empty())?;
        items.keys().nth(self.draw.below(items.len() as u64) as usize).copied()
    }

    /// More items at one time: some are copied, or some are moved together.
    fn crowd(&mut self) {
        let named: Vec<&List> = self.schema.lists.iter().copied().filter(|list| !list.prefix.is_empty()).collect();
        let Some(list) = named.first().map(|_| named[self.draw.below(named.len() as u64) as usize]) else { return };
        let Some(number) = self.some_item(list) else { return };
        let Some(items) = self.document.lists.get_mut(list.name) else { return };
        let Some(model) = items.get(&number).cloned() else { return };
        if self.draw.below(2) == 0 {
            let more = self.draw.pick(&[1, 2, 5, 20, items.len()]);
            let first = items.keys().next_back().map_or(0, |last| last + 1);
            let room = MANY_ITEMS.saturating_sub(items.len());
            items.extend((first..).zip(std::iter::repeat_n(model, more.min(room))));
            return;
        }
        let one_in = self.draw.pick(&[1, 2, 4]);
        for item in items.values_mut() {
            if self.draw.below(one_in) == 0 {
                shift(list, item, list.comes(&model) - list.comes(item));
            }
        }
    }

    /// Fewer items of one list: what is left stands out.
    fn thin_out(&mut self) {
        if self.schema.lists.is_empty() {
            return;
        }
        let list = &self.schema.lists[self.draw.below(self.schema.lists.len() as u64) as usize];
        let Some(items) = self.document.lists.get_mut(list.name) else { return };
        let one_in = self.draw.pick(&[2, 4]);
        let first = items.keys().next().copied();
        items.retain(|number, _| Some(*number) == first || self.draw.below(one_in) != 0);
    }

    /// One item or all of them otherwise, as one of another document is: in one thing, or in all but its times.
    fn change_items(&mut self) {
        let named: Vec<&List> = self.schema.lists.iter().copied().filter(|list| !list.prefix.is_empty()).collect();
        let Some(list) = named.first().map(|_| named[self.draw.below(named.len() as u64) as usize]) else { return };
        let other = self.another();
        let Some(models) = other.lists.get(list.name).filter(|items| !items.is_empty()) else { return };
        let Some(model) = models.values().nth(self.draw.below(models.len() as u64) as usize) else { return };
        let fields: Vec<&Field> =
            list.fields.iter().filter(|field| !matches!(field.kind, Kind::Moment { .. })).collect();
        if fields.is_empty() {
            return;
        }
        let one = fields[self.draw.below(fields.len() as u64) as usize];
        let in_one_thing = self.draw.below(4) != 0;
        let only = if self.draw.below(2) == 0 { None } else { self.some_item(list) };
        for (number, item) in self.document.lists.get_mut(list.name).into_iter().flatten() {
            if only.is_some_and(|only| only != *number) {
                continue;
            }
            if in_one_thing {
                take(item, model, [one].into_iter());
            } else {
                take(item, model, fields.iter().copied());
            }
        }
    }

    /// One setting; that faults cease may come later, as after an outage.
    fn change_setting(&mut self) {
        let fields: Vec<&Field> = self.schema.settings.iter().flat_map(|fields| fields.iter()).collect();
        if fields.is_empty() {
            return;
        }
        let field = fields[self.draw.below(fields.len() as u64) as usize];
        if let (Kind::Moment { .. }, Some(Value::Number(at))) = (field.kind, self.document.settings.get_mut(field.name))
        {
            *at += self.draw.pick(&[SECOND, MINUTE, 35 * MINUTE]).cast_signed();
            *at = (*at).min((80 * MINUTE).cast_signed());
        } else {
            take(&mut self.document.settings, &self.with.fresh.settings, [field].into_iter());
        }
    }
}
