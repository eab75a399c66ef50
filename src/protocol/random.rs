//! Jitter: a small generator, fixed by its seed.

use super::Nanos;

/// xorshift64* (Vigna 2016). Good enough to spread retries; nothing here needs more.
#[derive(Clone, Debug, Hash)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A time in `low..high`.
    ///
    /// # Panics
    /// When that is empty.
    pub fn between(&mut self, low: Nanos, high: Nanos) -> Nanos {
        assert!(low < high);
        low + self.draw() % (high - low)
    }
}
