//! Tables of who was heard, by role and id: sets of places, in which several starts and ids of one set meet.

use crate::limits::{SENDERS, SENDERS_WAYS};
use std::ops::Range;
use wire::Role;

const SETS: usize = SENDERS / SENDERS_WAYS;
const _: () = assert!(SETS.is_power_of_two() && SETS * SENDERS_WAYS == SENDERS);

/// The places that a process may have, in all its starts.
pub fn places(role: Role, id: u16) -> Range<usize> {
    let name = u32::from(id) | (role as u32) << 16;
    // By the golden ratio: ids that follow one another, or lie in steps, spread evenly.
    let first = (name.wrapping_mul(0x9E37_79B1) >> (32 - SETS.ilog2())) as usize * SENDERS_WAYS;
    first..first + SENDERS_WAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_or_in_steps_spread_over_the_sets() {
        for step in [1, 2, 16, 100] {
            let mut taken = vec![0; SENDERS];
            for id in 0..256 {
                taken[places(Role::Client, id * step).start] += 1;
            }
            assert!(taken.iter().all(|ids| *ids <= SENDERS_WAYS), "steps of {step}");
        }
    }
}
