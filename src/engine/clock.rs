//! Time, and what makes one start of a process unlike every other.

use crate::protocol::Nanos;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time since this clock was made. It does not jump when somebody sets the system's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    pub fn now(&self) -> Nanos {
        nanos(self.0.elapsed())
    }
}

/// A duration in nanoseconds; 584 years at most.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Unlike that of any other start, and larger than those of earlier ones: milliseconds since 1970 (42 bits,
/// until the year 2109) and 22 random bits, which tell apart what a stepped clock or two fast starts would
/// not.
pub fn incarnation() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_millis() as u64) << 22 | random() >> 42
}

/// A random number from the operating system, by way of the standard library's hash keys.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incarnations_differ_and_grow() {
        let first = incarnation();
        assert_ne!(first, incarnation());
        std::thread::sleep(Duration::from_millis(2));
        assert!(incarnation() > first);
    }
}
