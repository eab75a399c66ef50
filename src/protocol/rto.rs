//! When a packet is sent again: told lost by the order of packets (RFC 9002 §6.1.1), else by timeouts, by RFC 6298 (§2, §5).

use super::Nanos;
use crate::limits::MS;

/// When so many packets that left later have come, one that has not is lost.
pub const LATER: u64 = 3;
/// Packets sent when a timeout passes in vain, though fewer things wait: enough for the answer to show all that was lost
/// before, and one more.
pub const PROBE: usize = LATER as usize + 1;
/// After so many sendings who does not take something is not merely unlucky: it may have no space. When half of all
/// packets are lost, one of 65,536 comes to this.
pub const UNLUCKY: u16 = 16;
/// Timeouts in vain, one after another, that do not make the next one longer: on a LAN they mean loss, not a queue.
const UNDOUBLED: u32 = 2;
/// No timeout is longer than this before it is doubled. What seems a longer round trip is mostly answers that were lost
/// and came with a later one.
const FIRST_MAX: Nanos = 20 * MS;

/// Smoothed round trip, its variation, and the timeout that follows from them, with exponential back-off.
#[derive(Clone, Debug)]
pub struct Rto {
    smoothed: Option<Nanos>,
    variation: Nanos,
    doublings: u32,
    min: Nanos,
    max: Nanos,
}

impl Rto {
    /// A timeout never below `min` nor above `max`. Before the first measurement it is 10 × `min`.
    pub fn new(min: Nanos, max: Nanos) -> Rto {
        Rto { smoothed: None, variation: 0, doublings: 0, min, max }
    }

    /// A round trip was measured on something that was sent once (RFC 6298 §3: Karn).
    pub fn measured(&mut self, round_trip: Nanos) {
        match self.smoothed {
            None => (self.smoothed, self.variation) = (Some(round_trip), round_trip / 2),
            Some(smoothed) => {
                self.variation = (3 * self.variation + smoothed.abs_diff(round_trip)) / 4;
                self.smoothed = Some((7 * smoothed + round_trip) / 8);
            }
        }
    }

    /// Something got through: no more back-off.
    pub fn progress(&mut self) {
        self.doublings = 0;
    }

    /// A timeout passed in vain.
    pub fn expired(&mut self) {
        self.doublings = (self.doublings + 1).min(16);
    }

    pub fn timeout(&self) -> Nanos {
        let base = self.smoothed.map_or(10 * self.min, |smoothed| smoothed + 4 * self.variation);
        (base.clamp(self.min, FIRST_MAX) << self.doublings.saturating_sub(UNDOUBLED)).min(self.max)
    }

    /// A round trip as far as known, for "it should have come by now".
    pub fn round_trip(&self) -> Nanos {
        self.smoothed.unwrap_or(MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_the_round_trip_and_doubles_after_two_in_vain() {
        let mut rto = Rto::new(MS, 100 * MS);
        assert_eq!(rto.timeout(), 10 * MS);
        rto.measured(2 * MS);
        assert_eq!(rto.timeout(), 6 * MS);
        for _ in 0..100 {
            rto.measured(2 * MS);
        }
        assert_eq!(rto.timeout(), 2 * MS, "no variation left");
        rto.expired();
        rto.expired();
        assert_eq!(rto.timeout(), 2 * MS, "a packet or two may be lost");
        rto.expired();
        rto.expired();
        assert_eq!(rto.timeout(), 8 * MS);
        for _ in 0..100 {
            rto.expired();
        }
        assert_eq!(rto.timeout(), 100 * MS);
        rto.progress();
        assert_eq!(rto.timeout(), 2 * MS);
        for _ in 0..100 {
            rto.measured(1000 * MS);
        }
        assert_eq!(rto.timeout(), FIRST_MAX, "answers were lost");
    }
}
