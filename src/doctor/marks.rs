//! Which of many numbered packets came.

use crate::limits::DOCTOR_ROUNDS;
use std::ops::Range;

/// A set of numbers below [`DOCTOR_ROUNDS`].
#[derive(Debug)]
pub struct Marks(Box<[u64]>);

const BITS: u32 = u64::BITS;

impl Default for Marks {
    fn default() -> Marks {
        Marks(vec![0; DOCTOR_ROUNDS as usize / BITS as usize].into())
    }
}

impl Marks {
    /// Puts a number in. Returns whether it is new; one that is too large is not.
    pub fn put(&mut self, number: u32) -> bool {
        let Some(word) = self.0.get_mut((number / BITS) as usize) else { return false };
        let bit = 1 << (number % BITS);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// How many of these are in.
    pub fn count(&self, range: Range<u32>) -> u32 {
        let has = |number: &u32| {
            self.0.get((number / BITS) as usize).is_some_and(|word| word & 1 << (number % BITS) != 0)
        };
        range.filter(has).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_and_counted_in_its_range_only() {
        let mut marks = Marks::default();
        for number in [0, 63, 64, DOCTOR_ROUNDS - 1] {
            assert!(marks.put(number));
            assert!(!marks.put(number));
        }
        assert!(!marks.put(DOCTOR_ROUNDS) && !marks.put(u32::MAX));
        assert_eq!(marks.count(0..DOCTOR_ROUNDS + 10), 4);
        assert_eq!(marks.count(1..64), 1);
    }
}
