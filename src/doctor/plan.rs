//! What is sent in which round: known to all, so that each can tell what should have come.

use crate::limits::MS;
use crate::protocol::Nanos;
use std::ops::Range;

/// Between two rounds: 200 small packets a second to each group.
pub const ROUND: Nanos = 5 * MS;
/// Between two tallies.
pub const TALLY: Nanos = 200 * MS;
/// Bytes of a counted probe's filling; the packet has 64.
pub const FILLING: usize = 16;

/// Every so many rounds there is a burst, 0.5 s.
const BURST_EVERY: u32 = 100;
const BURST_AT: u32 = 50;
/// Probes in a burst: one run, as the kernel takes it.
pub const BURST: u32 = 32;
/// Of a burst's packets, with IP and UDP headers: 32 of them stay below 64 KiB.
pub const BURST_LENGTH_MAX: u16 = 2000;

/// Every so many rounds each length is tried, 0.25 s.
const SIZES_EVERY: u32 = 50;
const SIZES_AT: u32 = 25;
/// Lengths of IP packets where paths are known to end: of Ethernet and what tunnels leave of it (VXLAN 1450, WireGuard
/// 1420, GRE 1476, PPPoE 1492), of jumbo frames, and steps between.
const SIZES: [u16; 17] =
    [576, 1024, 1280, 1400, 1420, 1450, 1476, 1492, 1500, 2000, 3000, 4000, 4470, 6000, 8000, 9000, 9216];
/// How many lengths may be tried at once: those above, and two of the configuration and the interface.
pub const SIZES_MAX: usize = SIZES.len() + 2;

/// Whether a burst belongs to this round.
pub fn is_burst(round: u32) -> bool {
    round % BURST_EVERY == BURST_AT
}

/// Whether lengths are tried in this round.
pub fn is_sizes(round: u32) -> bool {
    round % SIZES_EVERY == SIZES_AT
}

/// The number of a burst's probe among all of the course.
pub fn burst(round: u32, index: u16) -> Option<u32> {
    let index = u32::from(index);
    (is_burst(round) && index < BURST).then(|| round / BURST_EVERY * BURST + index)
}

/// The numbers of the bursts' probes of these rounds.
pub fn bursts(rounds: Range<u32>) -> Range<u32> {
    let before = |round: u32| (round + BURST_EVERY - BURST_AT - 1) / BURST_EVERY * BURST;
    if rounds.is_empty() { 0..0 } else { before(rounds.start)..before(rounds.end) }
}

/// The lengths of IP packets to try, ascending, up to `longest`, which is one of them, as is `also`.
pub fn sizes(also: u16, longest: u16) -> heapless::Vec<u16, SIZES_MAX> {
    let mut sizes: heapless::Vec<u16, SIZES_MAX> = SIZES.into_iter().filter(|size| *size < longest).collect();
    for size in [also, longest] {
        if size <= longest && !sizes.contains(&size) {
            // There is room for two more.
            let _ = sizes.push(size);
        }
    }
    sizes.sort_unstable();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_burst_is_counted_in_the_rounds_that_it_belongs_to() {
        assert_eq!(burst(50, 0), Some(0));
        assert_eq!(burst(150, 31), Some(63));
        assert_eq!((burst(51, 0), burst(50, 32)), (None, None));
        for rounds in [0..1000, 50..51, 51..150, 51..151, 40..60, 7..7] {
            let single: Vec<u32> = rounds
                .clone()
                .flat_map(|round| (0..40).filter_map(move |index| burst(round, index)))
                .collect();
            assert!(single.iter().copied().eq(bursts(rounds.clone())), "{rounds:?}");
        }
    }

    #[test]
    fn the_lengths_tried_include_those_of_the_configuration_and_the_interface() {
        assert_eq!(sizes(1500, 1500)[..], [576, 1024, 1280, 1400, 1420, 1450, 1476, 1492, 1500]);
        assert_eq!(sizes(1300, 1430)[..], [576, 1024, 1280, 1300, 1400, 1420, 1430]);
        assert_eq!(sizes(1500, 9216).len(), SIZES.len());
        assert_eq!(sizes(1501, 9215).len(), SIZES.len() + 1);
    }
}
