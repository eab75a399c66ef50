//! How long values took, as a histogram with three significant digits.

use crate::protocol::Nanos;
use hdrhistogram::Histogram;

/// What takes longer counts as so long: ten minutes.
const MAX: u64 = 600_000_000_000;

pub struct Latency(Histogram<u64>);

impl Latency {
    pub fn new() -> Latency {
        Latency(Histogram::new_with_bounds(1, MAX, 3).expect("these bounds are fine"))
    }

    pub fn record(&mut self, taken: Nanos, count: u64) {
        self.0.saturating_record_n(taken, count);
    }

    pub fn add(&mut self, other: &Latency) {
        self.0 += &other.0;
    }

    /// Microseconds within which this part of the values came, of 0 to 1.
    pub fn quantile_us(&self, part: f64) -> f64 {
        self.0.value_at_quantile(part) as f64 / 1e3
    }

    pub fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }

    /// How many were measured.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

impl Default for Latency {
    fn default() -> Latency {
        Latency::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_microseconds_to_three_digits() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|microseconds| latency.record(microseconds * 1000, 1));
        let mut more = Latency::new();
        more.record(5_000_000, 1);
        latency.add(&more);
        let near = |us: f64, expected: f64| assert!((us / expected - 1.0).abs() < 0.002, "{us} {expected}");
        near(latency.quantile_us(0.5), 501.0);
        near(latency.quantile_us(0.99), 991.0);
        near(latency.max_us(), 5000.0);
        assert_eq!(latency.count(), 1001);
    }
}
