//! A process's own clock: it begins at 0 when the process starts, and is as wrong as the scenario wants it.

use super::chance::Chance;
use crate::protocol::Nanos;

/// Fraction bits of a rate.
const BITS: u32 = 20;

/// A clock that runs steadily, but not at the world's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    born: Nanos,
    /// Local nanoseconds per 2^20 of the world's.
    rate: u64,
}

impl Clock {
    /// A clock that begins now and runs at any rate within so many percent of the true one.
    pub fn new(born: Nanos, percent: u64, chance: &mut Chance) -> Clock {
        let most = (percent << BITS) / 100;
        let rate = if most == 0 { 1 << BITS } else { (1 << BITS) - most + chance.below(2 * most + 1) };
        Clock { born, rate }
    }

    /// What it shows when the world's time is `now`.
    pub fn local(self, now: Nanos) -> Nanos {
        ((u128::from(now - self.born) * u128::from(self.rate)) >> BITS) as Nanos
    }

    /// The first moment of the world's time at which it shows `local`.
    pub fn world(self, local: Nanos) -> Nanos {
        if self.rate == 1 << BITS {
            return self.born.saturating_add(local);
        }
        let elapsed = (u128::from(local) << BITS).div_ceil(u128::from(self.rate));
        self.born.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_within_its_drift_and_comes_back_to_the_moment_that_it_shows() {
        let mut chance = Chance::new(1);
        for _ in 0..1000 {
            let clock = Clock::new(77, 5, &mut chance);
            let shown = clock.local(77 + 1_000_000_000);
            assert!((950_000_000..=1_050_000_000).contains(&shown), "{shown}");
            let local = chance.below(1 << 42);
            let world = clock.world(local);
            assert!(clock.local(world) >= local && clock.local(world - 1) < local.max(1));
        }
        let exact = Clock::new(77, 0, &mut chance);
        assert_eq!((exact.local(100), exact.world(23)), (23, 100));
    }
}
