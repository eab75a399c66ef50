//! Whether somebody sets the host's clock.

use crate::protocol::Nanos;

/// A change of the difference between two clocks that is no mere delay between two readings: 5 ms.
const STEP: i64 = 5_000_000;
/// Steps that are kept.
const STEPS_MAX: usize = 16;

/// Compares a clock that somebody may set with one that nobody can.
#[derive(Debug, Default)]
pub struct Steps {
    difference: Option<i64>,
    steps: Vec<i64>,
}

impl Steps {
    /// Both were read within a moment: `clock`: nanoseconds since 1970.
    pub fn look(&mut self, now: Nanos, clock: u64) {
        let difference = clock.cast_signed().wrapping_sub(now.cast_signed());
        if let Some(before) = self.difference {
            let step = difference.wrapping_sub(before);
            if step.unsigned_abs() < STEP.unsigned_abs() {
                return; // slow changes would be those of the readings
            }
            if self.steps.len() < STEPS_MAX {
                self.steps.push(step);
            }
        }
        self.difference = Some(difference);
    }

    /// How far it was set forward, or back, each time; nanoseconds.
    pub fn steps(&self) -> &[i64] {
        &self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_runs_is_not() {
        let mut steps = Steps::default();
        let begun = 1_700_000_000 * SECOND;
        for at in 0..100 {
            steps.look(at * SECOND, begun + at * SECOND + at % 7 * 100_000);
        }
        assert!(steps.steps().is_empty());
        steps.look(100 * SECOND, begun + 40 * SECOND);
        steps.look(101 * SECOND, begun + 41 * SECOND);
        steps.look(102 * SECOND, begun + 43 * SECOND);
        assert_eq!(steps.steps(), [-60_000_000_000, 1_000_000_000]);
    }
}
