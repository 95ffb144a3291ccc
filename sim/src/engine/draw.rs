//! Keyed randomness: each draw is a function of the seed and of what is drawn, never the next number of a stream.
//!
//! So removing one item from a run leaves every other draw unchanged.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// All draws of one run.
#[derive(Clone, Debug)]
pub struct Draws {
    key: [u64; 2],
}

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
        let mut base = ChaCha8Rng::seed_from_u64(seed);
        Self { key: [base.next_u64(), base.next_u64()] }
    }

    /// The draw of this purpose for this actor, item and attempt. The purposes below 100 are the engine's own.
    #[must_use]
    pub const fn at(&self, purpose: u16, actor: u32, item: u64, attempt: u32) -> Draw {
        let place = ((purpose as u64) << 32) | actor as u64;
        let first = mix(self.key[0] ^ place);
        let second = mix(first ^ item ^ self.key[1]);
        Draw(mix(second.wrapping_add(attempt as u64)))
    }
}

impl Draw {
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
const fn mix(mut x: u64) -> u64 {
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
        let here = draws.at(1, 2, 3, 4).any();
        assert_eq!(here, Draws::new(7).at(1, 2, 3, 4).any());
        for other in [draws.at(0, 2, 3, 4), draws.at(1, 0, 3, 4), draws.at(1, 2, 0, 4), draws.at(1, 2, 3, 0)] {
            assert_ne!(here, other.clone().any());
        }
        assert_ne!(here, Draws::new(8).at(1, 2, 3, 4).any());
    }

    #[test]
    fn draws_are_spread() {
        let draws = Draws::new(1);
        let mut counts = [0_u32; 10];
        for item in 0..10_000 {
            counts[draws.at(0, 0, item, 0).below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert!((0..1_000).all(|item| !draws.at(0, 0, item, 0).chance(Chance::NEVER)));
        assert!((0..1_000).all(|item| draws.at(0, 0, item, 0).chance(Chance::ALWAYS)));
    }
}
