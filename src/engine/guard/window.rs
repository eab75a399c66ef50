//! Which of a sender's latest packets came to a socket.

use zerocopy::FromZeros;

/// Packets of one sender that may overtake one another, counted over all its destinations: far more than a network
/// disorders, as what waits in other sockets does not count.
pub const WINDOW: u64 = BITS - 64;

const WORDS: usize = 64;
const BITS: u64 = WORDS as u64 * 64;

/// A ring of bits, as RFC 6479 has it: the word of the newest packet holds the oldest ones no more.
#[derive(FromZeros)]
#[repr(C)]
pub struct Window {
    /// One above the highest number that came; 0 before any.
    next: u64,
    came: [u64; WORDS],
}

/// So many places of windows of which nothing came. Only what is used becomes memory.
pub fn zeroed<const N: usize>(places: usize) -> Box<[[Window; N]]> {
    <[[Window; N]]>::new_box_zeroed_with_elems(places).expect("the system has memory at the start")
}

impl Window {
    pub fn clear(&mut self) {
        if self.next > 0 {
            self.zero();
        }
    }

    /// Whether the packet of this number has surely not come yet.
    pub fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        self.next - number <= WINDOW && self.came[word(number)] & bit(number) == 0
    }

    /// The packet of this number came.
    pub fn mark(&mut self, number: u64) {
        if number >= self.next {
            // What the words between held is too old now.
            let newest = self.next.saturating_sub(1) / 64;
            let words = (number / 64 - newest).min(WORDS as u64);
            (1..=words).for_each(|ahead| self.came[(newest + ahead) as usize % WORDS] = 0);
            self.next = number + 1;
        }
        self.came[word(number)] |= bit(number);
    }
}

fn word(number: u64) -> usize {
    (number / 64) as usize % WORDS
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn window() -> Window {
        Window::new_zeroed()
    }

    #[test]
    fn every_number_is_new_once() {
        let mut window = window();
        for number in [0, 1, 5, 3, 4000, 2, 100_000, 99_999, 96_100] {
            assert!(window.is_new(number), "{number}");
            window.mark(number);
            assert!(!window.is_new(number), "{number}");
        }
    }

    #[test]
    fn what_is_older_than_the_window_is_not_new() {
        let mut window = window();
        window.mark(10_000);
        assert!(window.is_new(10_001 - WINDOW));
        assert!(!window.is_new(10_000 - WINDOW));
    }

    #[test]
    fn a_leap_forgets_nothing_that_it_must_know() {
        // Against a set that remembers all: steps of every size, forth and back.
        let (mut window, mut came, mut at) = (window(), BTreeSet::new(), 0_u64);
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        for _ in 0..200_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let step = (random >> 8) % [2, 70, 5000, 300][(random & 3) as usize];
            at = if random & 16 == 0 { at + step } else { at.saturating_sub(step) };
            let highest = came.last().copied().unwrap_or(0);
            let old = highest + 1 > at + WINDOW && !came.is_empty();
            assert_eq!(window.is_new(at), !old && !came.contains(&at), "{at} after {highest}");
            if !old {
                window.mark(at);
                came.insert(at);
            }
        }
    }

    #[test]
    fn the_last_number_of_48_bits_has_its_place() {
        let mut window = window();
        let last = wire::sealing::SEQUENCE_MAX - 1;
        window.mark(0);
        window.mark(last);
        assert!(!window.is_new(last) && window.is_new(last - 1) && !window.is_new(0));
    }
}
