//! Shrinks what fails: delta debugging over a list, and a number moved towards its plainest value.
//!
//! Both ask a test repeatedly, always the same questions in the same order; all they need is the result of a run that a
//! seed and a plan determine. Draws are keyed by what is drawn (see [`Draws`](crate::Draws)), so removing an item from a
//! plan leaves the rest of the run's draws unchanged; a plan whose items carry their own numbers shrinks best.

use std::convert::Infallible;

/// A part of the items that still fails and is 1-minimal: without any single one of its items it would not fail.
///
/// This is `ddmin` (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002): it tries
/// nothing, then ever finer parts, each alone and each left out. The items keep their order. It takes `items` to fail
/// and does not ask; if they do not, what it returns is a part that fails, or all of them. It asks at most about n² + 3n
/// times for n items, and about log n times if one item alone is to blame.
///
/// ```
/// use durable_sim::ddmin;
///
/// let to_blame = ddmin((1..=100).collect(), |part| part.contains(&17) && part.contains(&60));
/// assert_eq!(to_blame, [17, 60]);
/// ```
pub fn ddmin<T: Clone>(items: Vec<T>, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let Ok(left) = try_ddmin(items, |part| Ok::<_, Infallible>(fails(part)));
    left
}

/// [`ddmin`] with a test that may refuse to go on, for example because its time is up. What failed last until then is
/// the smallest part that was found.
///
/// # Errors
/// The test's, at once.
pub fn try_ddmin<T: Clone, E>(mut items: Vec<T>, mut fails: impl FnMut(&[T]) -> Result<bool, E>) -> Result<Vec<T>, E> {
    if items.is_empty() || fails(&[])? {
        return Ok(Vec::new());
    }
    let mut parts = 2;
    while items.len() >= 2 {
        if let Some(part) = failing_part(&items, parts, &mut fails)? {
            items = part;
            parts = 2;
        } else if let Some(rest) = failing_rest(&items, parts, &mut fails)? {
            items = rest;
            parts = (parts - 1).max(2);
        } else if parts < items.len() {
            parts = (parts * 2).min(items.len());
        } else {
            break;
        }
    }
    Ok(items)
}

/// The smallest number from `low` to `value` that still fails, if all above it do too; in any case one that fails and
/// whose predecessor does not, unless it is `low`.
///
/// A bisection: it asks at most 65 times. It takes `value` to fail and does not ask; a `value` at or below `low` is
/// returned as it is.
///
/// ```
/// use durable_sim::smallest;
///
/// assert_eq!(smallest(0, 86_400_000, |ms| ms >= 1_500), 1_500);
/// assert_eq!(smallest(1, 50, |_| true), 1);
/// ```
pub fn smallest(low: u64, value: u64, mut fails: impl FnMut(u64) -> bool) -> u64 {
    let Ok(number) = try_smallest(low, value, |number| Ok::<_, Infallible>(fails(number)));
    number
}

/// [`smallest`] with a test that may refuse to go on, for example because its time is up. What failed last until then is
/// the smallest number that was found.
///
/// # Errors
/// The test's, at once.
pub fn try_smallest<E>(low: u64, value: u64, mut fails: impl FnMut(u64) -> Result<bool, E>) -> Result<u64, E> {
    if value <= low || fails(low)? {
        return Ok(low.min(value));
    }
    let (mut passing, mut failing) = (low, value);
    while failing - passing > 1 {
        let middle = passing + (failing - passing) / 2;
        if fails(middle)? {
            failing = middle;
        } else {
            passing = middle;
        }
    }
    Ok(failing)
}

/// Where the parts begin and end: as even as can be, none empty.
fn bounds(items: usize, parts: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..parts).map(move |part| (items * part / parts, items * (part + 1) / parts))
}

/// The first of these lists that fails.
fn first_failing<T, E>(
    lists: impl Iterator<Item = Vec<T>>,
    fails: &mut impl FnMut(&[T]) -> Result<bool, E>,
) -> Result<Option<Vec<T>>, E> {
    for list in lists {
        if fails(&list)? {
            return Ok(Some(list));
        }
    }
    Ok(None)
}

fn failing_part<T: Clone, E>(
    items: &[T],
    parts: usize,
    fails: &mut impl FnMut(&[T]) -> Result<bool, E>,
) -> Result<Option<Vec<T>>, E> {
    first_failing(bounds(items.len(), parts).map(|(from, to)| items[from..to].to_vec()), fails)
}

fn failing_rest<T: Clone, E>(
    items: &[T],
    parts: usize,
    fails: &mut impl FnMut(&[T]) -> Result<bool, E>,
) -> Result<Option<Vec<T>>, E> {
    if parts == 2 {
        // Each rest is the other part.
        return Ok(None);
    }
    first_failing(bounds(items.len(), parts).map(|(from, to)| [&items[..from], &items[to..]].concat()), fails)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draws;

    #[test]
    fn the_part_that_is_to_blame_is_found_whatever_it_is() {
        let draws = Draws::new(1);
        for case in 0..500 {
            let mut draw = draws.at("", case);
            let count = draw.between(1, 40);
            let blamed: Vec<u64> = (0..count).filter(|_| draw.below(5) == 0).collect();
            let found = ddmin((0..count).collect(), |part| blamed.iter().all(|item| part.contains(item)));
            assert_eq!(found, blamed, "of {count}");
        }
    }

    /// The test is not monotone: a part may pass that lies between two that fail.
    #[test]
    fn the_result_fails_and_no_item_of_it_can_be_left_out() {
        let draws = Draws::new(2);
        for case in 0..500 {
            let mut draw = draws.at("", case);
            let items: Vec<u64> = (0..draw.between(1, 30)).map(|_| draw.below(100)).collect();
            let (by, rest) = (draw.between(2, 9), draw.below(9));
            let fails = |part: &[u64]| part.iter().sum::<u64>() % by == rest % by;
            if !fails(&items) {
                continue;
            }
            let found = ddmin(items.clone(), fails);
            assert!(fails(&found), "{found:?} of {items:?} passes");
            for left_out in 0..found.len() {
                let mut less = found.clone();
                less.remove(left_out);
                assert!(!fails(&less), "{found:?} of {items:?} is not 1-minimal");
            }
            let mut all = items.iter();
            assert!(found.iter().all(|item| all.any(|other| other == item)), "{found:?} is out of order");
        }
    }

    #[test]
    fn it_asks_the_same_each_time_and_not_too_often() {
        let ask = |blamed: fn(u64) -> bool| {
            let mut asked = Vec::new();
            ddmin((0..64).collect(), |part: &[u64]| {
                asked.push(part.to_vec());
                (0..64).filter(|item| blamed(*item)).all(|item| part.contains(&item))
            });
            asked
        };
        assert_eq!(ask(|item| item % 3 == 0), ask(|item| item % 3 == 0));
        assert!(ask(|item| item == 41).len() < 20, "one of 64 is found by bisection");
        assert!(ask(|_| true).len() <= 64 * 64 + 3 * 64, "at worst a square");
    }

    #[test]
    fn nothing_and_one_item() {
        assert!(ddmin(Vec::<u8>::new(), |_| true).is_empty());
        assert!(ddmin(vec![1], |_| true).is_empty(), "it fails with nothing at all");
        assert_eq!(ddmin(vec![1], |part| !part.is_empty()), [1]);
    }

    #[test]
    fn a_number_goes_down_to_where_it_still_fails() {
        for least in [0, 1, 2, 3, 700, u64::MAX - 1, u64::MAX] {
            assert_eq!(smallest(0, u64::MAX, |n| n >= least), least);
        }
        assert_eq!(smallest(10, 10, |_| panic!("nothing to ask")), 10);
        assert_eq!(smallest(10, 3, |_| panic!("nothing to ask")), 3, "it is plain enough already");
        let odd = |n: u64| n % 2 == 1;
        let found = smallest(0, 99, odd);
        assert!(odd(found) && !odd(found - 1), "not monotone, yet it fails and the one before does not");
    }
}
