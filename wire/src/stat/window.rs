//! Which sequence numbers were seen: new ones, again, and how many are missing, in constant memory.

/// How far back a number is still told from one that was seen, in numbers.
const REACH: u64 = 1 << 14;

/// What a number is to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    New,
    Again,
    /// Too far back to tell.
    Old,
}

/// The numbers of one sender, seen in one place. A later incarnation begins anew.
pub struct Window {
    incarnation: u64,
    bits: Box<[u64]>,
    /// The lowest and the highest number of this incarnation.
    span: Option<(u64, u64)>,
    /// Different numbers seen of it.
    seen: u64,
    /// Of former incarnations.
    missing: u64,
    spanned: u64,
}

impl Window {
    pub fn new(incarnation: u64) -> Window {
        let bits = vec![0; (REACH / 64) as usize].into();
        Window { incarnation, bits, span: None, seen: 0, missing: 0, spanned: 0 }
    }

    pub fn see(&mut self, incarnation: u64, number: u64) -> Seen {
        if incarnation < self.incarnation {
            return Seen::Old;
        }
        if incarnation > self.incarnation {
            (self.missing, self.spanned) = (self.missing(), self.spanned());
            self.bits.fill(0);
            (self.incarnation, self.span, self.seen) = (incarnation, None, 0);
        }
        let (low, high) = self.span.unwrap_or((number, number));
        if number.saturating_add(REACH) <= high {
            return Seen::Old;
        }
        if number > high {
            if number - high >= REACH {
                self.bits.fill(0);
            } else {
                (high + 1..=number).for_each(|passed| self.bits[word(passed)] &= !bit(passed));
            }
        }
        self.span = Some((low.min(number), high.max(number)));
        if self.bits[word(number)] & bit(number) != 0 {
            return Seen::Again;
        }
        self.bits[word(number)] |= bit(number);
        self.seen += 1;
        Seen::New
    }

    /// From the first number seen to the last.
    pub fn spanned(&self) -> u64 {
        self.spanned.saturating_add(self.span.map_or(0, |(low, high)| high - low + 1))
    }

    /// How many of those were not seen.
    pub fn missing(&self) -> u64 {
        let now = self.span.map_or(0, |(low, high)| (high - low + 1).saturating_sub(self.seen));
        self.missing.saturating_add(now)
    }
}

fn word(number: u64) -> usize {
    (number % REACH / 64) as usize
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_and_late_numbers_fill_them() {
        let mut window = Window::new(1);
        for number in [10, 11, 14] {
            assert_eq!(window.see(1, number), Seen::New);
        }
        assert_eq!((window.missing(), window.spanned()), (2, 5));
        assert_eq!(
            (window.see(1, 12), window.see(1, 14), window.see(1, 9)),
            (Seen::New, Seen::Again, Seen::New)
        );
        assert_eq!((window.missing(), window.spanned()), (1, 6));
        assert_eq!(window.see(2, 0), Seen::New);
        assert_eq!((window.see(1, 13), window.see(2, 1)), (Seen::Old, Seen::New));
        assert_eq!((window.missing(), window.spanned()), (1, 8));
    }

    #[test]
    fn a_jump_forgets_what_was_seen_and_nothing_else_does() {
        let mut window = Window::new(0);
        for number in 0..3 * REACH {
            assert_eq!(window.see(0, number), Seen::New);
        }
        assert_eq!((window.missing(), window.see(0, 2 * REACH)), (0, Seen::Again));
        assert_eq!(window.see(0, 2 * REACH - 1), Seen::Old);
        assert_eq!(window.see(0, (1 << 48) - 1), Seen::New);
        assert_eq!(window.missing(), (1 << 48) - 1 - 3 * REACH);
        assert_eq!(window.see(0, (1 << 48) - 2), Seen::New);
    }
}
