//! Keyed randomness: each draw is a function of the seed and of what is drawn, never the next number of a stream.
//!
//! So removing one item from a run leaves every other draw unchanged.

use super::hash_of;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// The draws that a plan is made of: what is drawn before a run. Those within a run are [`Decisions`](crate::Decisions).
#[derive(Clone, Debug)]
pub struct Draws(u64);

/// The numbers at one place of a run. The place is one decision; the few numbers that it needs follow each other.
#[derive(Clone, Debug)]
pub struct Draw(u64);

/// A probability in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(pub u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1_000_000);

    /// So many in a hundred.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self(percent * 10_000)
    }
}

impl Draws {
    /// The draws of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed_key(seed))
    }

    /// The draw of this name for this item.
    #[must_use]
    pub const fn at(&self, name: &str, item: u64) -> Draw {
        Draw(mix(mix(self.0 ^ hash_of(name)) ^ item))
    }
}

/// What a seed adds to all that is drawn from it.
pub(crate) fn seed_key(seed: u64) -> u64 {
    ChaCha8Rng::seed_from_u64(seed).next_u64()
}

impl Draw {
    /// The numbers that follow from this hash.
    pub(crate) const fn from(hash: u64) -> Self {
        Self(hash)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.skip();
        mix(self.0)
    }

    /// A number below `bound`; 0 if that is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.any() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Whether it happens. Takes one number whatever the chance, so that what is drawn after it stays the same.
    pub const fn chance(&mut self, chance: Chance) -> bool {
        if chance.0 == 0 {
            self.skip();
            return false;
        }
        self.below(1_000_000) < chance.0 as u64
    }

    /// Takes a number that nobody wants to know.
    const fn skip(&mut self) {
        self.0 = self.0.wrapping_add(STEP);
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap_or(0)]
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A bijection that spreads every input bit over all output bits (the finaliser of SplitMix64).
pub(crate) const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_each_part_of_its_place_and_on_nothing_else() {
        let draws = Draws::new(7);
        let here = draws.at("call", 2).any();
        assert_eq!(here, Draws::new(7).at("call", 2).any());
        for other in [draws.at("calls", 2), draws.at("call", 3), Draws::new(8).at("call", 2)] {
            assert_ne!(here, other.clone().any());
        }
    }

    #[test]
    fn draws_are_spread() {
        let draws = Draws::new(1);
        let mut counts = [0_u32; 10];
        for item in 0..10_000 {
            counts[draws.at("", item).below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert!((0..1_000).all(|item| !draws.at("", item).chance(Chance::NEVER)));
        assert!((0..1_000).all(|item| draws.at("", item).chance(Chance::ALWAYS)));
    }
}
