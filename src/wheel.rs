//! A hierarchical hashed timer wheel: a fixed set of timers, each with at most one deadline, and no clock.
//!
//! Time is cut into ticks of 2^18 ns (262 µs), and a deadline is rounded *up* to a tick, so that nothing
//! fires early and nothing fires more than a tick late. A tick number is read as eight digits of six bits;
//! level 0 is the last digit. A timer waits on the level of the highest digit in which its tick differs from
//! the wheel's own, in the slot that this digit names. Two things follow, and all the rest is built on them:
//!
//! - a timer on a lower level is due before every timer on a higher one, and on one level a lower slot is due
//!   before a higher one: the next thing to happen is the lowest bit of the lowest level's bitmap;
//! - advancing the wheel up to, but not into, that slot moves no timer. A jump of hours therefore costs a
//!   step per slot that is occupied, not per tick that has passed.
//!
//! Eight digits hold every tick of a `u64` of nanoseconds (584 years), so no timer lies beyond the horizon.
//! After Varghese and Lauck, *Hashed and Hierarchical Timing Wheels* (1987), scheme 7.
//!
//! Cost: `arm`, `cancel` and `next` take constant time; a timer is moved at most seven times on its way down.
//! Memory: 1,104 bytes and 16 bytes per timer, all of it inside the struct.

/// log2 of a tick in nanoseconds.
const TICK_BITS: u32 = 18;
/// Nanoseconds in a tick: 262,144.
pub const TICK_NS: u64 = 1 << TICK_BITS;

const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_MASK: u64 = SLOTS as u64 - 1;
/// Rounding up can give the tick 2^46, one more than 46 bits hold: 47 bits, 6 to a level.
const LEVELS: usize = (u64::BITS - TICK_BITS + 1).div_ceil(SLOT_BITS) as usize;
/// The list of timers that are due, after those of the slots.
const DUE: u16 = (LEVELS * SLOTS) as u16;
const LISTS: usize = DUE as usize + 1;
/// No timer, or no list.
const NONE: u16 = u16::MAX;

/// `N` timers with the numbers 0 to `N` - 1, each with at most one deadline.
pub struct Wheel<const N: usize> {
    /// The tick up to which everything has been handed out or put in the list `DUE`. Never falls.
    tick: u64,
    /// Bit l is set when a slot of level l is occupied.
    levels: u8,
    /// Per level, a bit per occupied slot. Every set bit lies above the digit of `tick` on that level.
    occupied: [u64; LEVELS],
    /// The first timer of each list, or `NONE`. Lists are rings, so the last is the one before the first.
    first: [u16; LISTS],
    timers: [Timer; N],
}

#[derive(Clone, Copy)]
struct Timer {
    at_ns: u64,
    previous: u16,
    next: u16,
    /// The list it is in, `NONE` when it is not armed.
    list: u16,
}

impl<const N: usize> Wheel<N> {
    /// A wheel with no timer armed, at this time in nanoseconds of whatever clock the caller uses.
    pub fn new(now_ns: u64) -> Wheel<N> {
        const { assert!(N < NONE as usize, "timers are numbered by a u16") };
        Wheel {
            tick: now_ns >> TICK_BITS,
            levels: 0,
            occupied: [0; LEVELS],
            first: [NONE; LISTS],
            timers: [Timer { at_ns: 0, previous: NONE, next: NONE, list: NONE }; N],
        }
    }

    /// Gives a timer its deadline, in place of the one it had. A deadline in the past fires at the next
    /// `expired`: one who re-arms for now, each time it fires, never sees `expired` return `None`.
    ///
    /// Panics when there is no such timer.
    pub fn arm(&mut self, timer: usize, at_ns: u64) {
        self.cancel(timer);
        self.timers[timer].at_ns = at_ns;
        self.place(timer as u16);
    }

    /// Takes the deadline away; a timer that has none is left alone. Panics when there is no such timer.
    pub fn cancel(&mut self, timer: usize) {
        if self.timers[timer].list != NONE {
            self.unlink(timer as u16);
        }
    }

    /// The deadline of a timer as it was given, `None` when it has none. Panics when there is no such timer.
    pub fn armed(&self, timer: usize) -> Option<u64> {
        let timer = &self.timers[timer];
        (timer.list != NONE).then_some(timer.at_ns)
    }

    /// When `expired` should be called next, in nanoseconds: never later than the first deadline, rounded up
    /// to a tick. It may be earlier, when a timer has to move down a level, which is at most seven times per
    /// timer; `expired` then returns `None`. `None` when no timer is armed.
    pub fn next(&self) -> Option<u64> {
        if self.first[DUE as usize] != NONE {
            return Some(self.tick << TICK_BITS);
        }
        let (_, tick) = self.first_slot()?;
        Some(tick.saturating_mul(TICK_NS))
    }

    /// Takes out one timer whose deadline has come, and disarms it. To be called until it returns `None`.
    /// Timers come in the order of their ticks; those of one tick in no promised, but always the same, order.
    ///
    /// `now_ns` must not be less than it was before; if it is, time stands still.
    pub fn expired(&mut self, now_ns: u64) -> Option<usize> {
        let now = now_ns >> TICK_BITS;
        loop {
            let due = self.first[DUE as usize];
            if due != NONE {
                self.unlink(due);
                return Some(due as usize);
            }
            match self.first_slot() {
                Some((list, tick)) if tick <= now => {
                    self.tick = tick;
                    self.empty(list);
                }
                _ => {
                    self.tick = self.tick.max(now);
                    return None;
                }
            }
        }
    }

    /// The occupied slot that comes first, as list and as the first tick it stands for.
    fn first_slot(&self) -> Option<(u16, u64)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros();
        let slot = self.occupied[level as usize].trailing_zeros();
        let digit = level * SLOT_BITS;
        let above = self.tick >> (digit + SLOT_BITS) << (digit + SLOT_BITS);
        Some(((level * SLOTS as u32 + slot) as u16, above | u64::from(slot) << digit))
    }

    /// Moves the timers of the slot that the wheel has just reached: down, or into `DUE`.
    fn empty(&mut self, list: u16) {
        loop {
            let timer = self.first[list as usize];
            if timer == NONE {
                return;
            }
            self.unlink(timer);
            self.place(timer);
        }
    }

    /// Links a timer where its deadline belongs, seen from the wheel's tick.
    fn place(&mut self, timer: u16) {
        let tick = self.timers[timer as usize].at_ns.div_ceil(TICK_NS);
        if tick <= self.tick {
            return self.link(timer, DUE);
        }
        let level = (tick ^ self.tick).ilog2() / SLOT_BITS;
        let slot = (tick >> (level * SLOT_BITS) & SLOT_MASK) as u32;
        self.occupied[level as usize] |= 1 << slot;
        self.levels |= 1 << level;
        self.link(timer, (level * SLOTS as u32 + slot) as u16);
    }

    /// Puts a timer at the end of a list.
    fn link(&mut self, timer: u16, list: u16) {
        let first = self.first[list as usize];
        if first == NONE {
            self.first[list as usize] = timer;
            self.timers[timer as usize].previous = timer;
            self.timers[timer as usize].next = timer;
        } else {
            let last = self.timers[first as usize].previous;
            self.timers[timer as usize].previous = last;
            self.timers[timer as usize].next = first;
            self.timers[last as usize].next = timer;
            self.timers[first as usize].previous = timer;
        }
        self.timers[timer as usize].list = list;
    }

    /// Takes a timer out of its list, and the list out of the bitmaps when it was the last one.
    fn unlink(&mut self, timer: u16) {
        let Timer { previous, next, list, .. } = self.timers[timer as usize];
        self.timers[timer as usize].list = NONE;
        if next != timer {
            self.timers[previous as usize].next = next;
            self.timers[next as usize].previous = previous;
            if self.first[list as usize] == timer {
                self.first[list as usize] = next;
            }
            return;
        }
        self.first[list as usize] = NONE;
        if list != DUE {
            let (level, slot) = (list as usize / SLOTS, list as usize % SLOTS);
            self.occupied[level] &= !(1 << slot);
            if self.occupied[level] == 0 {
                self.levels &= !(1 << level);
            }
        }
    }
}

// The levels have a bit each in a u8, and the wheel is as large as the page says.
const _: () = assert!(LEVELS == u8::BITS as usize);
const _: () = assert!(size_of::<Wheel<0>>() == 1104 && size_of::<Wheel<10>>() == 1104 + 160);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const HOUR: u64 = 3_600_000 * MS;

    /// All that is due now, in the order it fires.
    fn drain<const N: usize>(wheel: &mut Wheel<N>, now_ns: u64) -> Vec<usize> {
        std::iter::from_fn(|| wheel.expired(now_ns)).collect()
    }

    /// splitmix64: the same numbers in every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ x >> 31
        }

        fn below(&mut self, end: u64) -> u64 {
            self.next() % end
        }

        /// Spans of every magnitude up to 2^bits, small ones as often as large ones.
        fn span(&mut self, bits: u64) -> u64 {
            let bits = self.below(bits + 1) as u32;
            self.next() & (1_u64 << bits).wrapping_sub(1)
        }
    }

    #[test]
    fn a_new_wheel_has_nothing_to_do() {
        let mut wheel = Wheel::<3>::new(5 * HOUR);
        assert_eq!(wheel.next(), None);
        assert_eq!(wheel.expired(u64::MAX), None);
        assert_eq!([0, 1, 2].map(|timer| wheel.armed(timer)), [None; 3]);
    }

    #[test]
    fn a_timer_fires_once_not_before_its_deadline_and_at_most_a_tick_after() {
        for at_ns in [1, TICK_NS - 1, TICK_NS, TICK_NS + 1, 20 * MS, 5_000 * MS, 3 * HOUR, 90_000 * HOUR] {
            let mut wheel = Wheel::<1>::new(0);
            wheel.arm(0, at_ns);
            assert_eq!(wheel.armed(0), Some(at_ns));
            assert_eq!(wheel.expired(at_ns - 1), None, "{at_ns}");
            assert_eq!(wheel.expired(at_ns + TICK_NS - 1), Some(0), "{at_ns}");
            assert_eq!(wheel.expired(at_ns + TICK_NS - 1), None);
            assert_eq!(wheel.armed(0), None);
        }
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_call() {
        let mut wheel = Wheel::<2>::new(HOUR);
        wheel.arm(0, 0);
        wheel.arm(1, HOUR - TICK_NS);
        assert!(wheel.next().is_some_and(|next| next <= HOUR));
        assert_eq!(drain(&mut wheel, HOUR), [0, 1]);
    }

    #[test]
    fn arming_again_replaces_the_deadline_in_either_direction() {
        let mut wheel = Wheel::<1>::new(0);
        wheel.arm(0, 10 * MS);
        wheel.arm(0, 500 * MS);
        assert_eq!(wheel.expired(499 * MS), None);
        wheel.arm(0, 700 * MS);
        wheel.arm(0, 600 * MS);
        assert_eq!(wheel.expired(601 * MS), Some(0));
        assert_eq!(wheel.expired(HOUR), None);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_even_when_it_was_due() {
        let mut wheel = Wheel::<3>::new(0);
        (0..3).for_each(|timer| wheel.arm(timer, 10 * MS));
        wheel.cancel(1);
        assert_eq!(wheel.expired(11 * MS), Some(0));
        wheel.cancel(2);
        wheel.cancel(2);
        assert_eq!(wheel.expired(HOUR), None);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn timers_fire_in_the_order_of_their_ticks_across_a_jump_of_hours() {
        let mut wheel = Wheel::<6>::new(0);
        for (timer, at_ns) in [3 * HOUR, 2 * MS, 7 * HOUR, 20 * MS, HOUR, 900 * MS].into_iter().enumerate() {
            wheel.arm(timer, at_ns);
        }
        assert_eq!(drain(&mut wheel, 6 * HOUR), [1, 3, 5, 4, 0]);
        assert_eq!(drain(&mut wheel, 8 * HOUR), [2]);
    }

    #[test]
    fn a_jump_costs_a_step_per_occupied_slot_not_per_tick() {
        let mut wheel = Wheel::<2>::new(0);
        let begin = std::time::Instant::now();
        // A century in 876,000 jumps of an hour, with a timer beyond it. Tick by tick it would take hours.
        wheel.arm(0, u64::MAX - TICK_NS);
        (0..876_000).for_each(|hour| assert_eq!(wheel.expired(hour * HOUR), None));
        assert!(begin.elapsed().as_secs() < 10);
    }

    #[test]
    fn sleeping_until_next_finds_every_timer_within_a_tick() {
        let mut wheel = Wheel::<4>::new(0);
        let deadlines = [3 * MS, 17 * MS, 5_000 * MS, 2 * HOUR];
        deadlines.iter().enumerate().for_each(|(timer, &at_ns)| wheel.arm(timer, at_ns));
        let (mut fired, mut wakes) = (0, 0);
        while let Some(now_ns) = wheel.next() {
            wakes += 1;
            while let Some(timer) = wheel.expired(now_ns) {
                assert_eq!(timer, fired);
                assert!((deadlines[timer]..deadlines[timer] + TICK_NS).contains(&now_ns));
                fired += 1;
            }
        }
        assert_eq!(fired, 4);
        assert!(wakes <= 4 * LEVELS, "{wakes}");
    }

    #[test]
    fn a_timer_may_be_armed_again_while_others_of_its_tick_wait() {
        let mut wheel = Wheel::<3>::new(0);
        (0..3).for_each(|timer| wheel.arm(timer, MS));
        assert_eq!(wheel.expired(2 * MS), Some(0));
        wheel.arm(0, 2 * MS + TICK_NS);
        assert_eq!(drain(&mut wheel, 2 * MS), [1, 2]);
        assert_eq!(drain(&mut wheel, 3 * MS), [0]);
    }

    #[test]
    fn time_that_runs_backwards_stands_still() {
        let mut wheel = Wheel::<1>::new(HOUR);
        assert_eq!(wheel.expired(2 * HOUR), None);
        wheel.arm(0, 2 * HOUR + 5 * MS);
        assert_eq!(wheel.expired(HOUR), None);
        assert_eq!(wheel.expired(2 * HOUR + 6 * MS), Some(0));
    }

    #[test]
    fn the_end_of_time_is_no_panic_and_still_not_early() {
        let mut wheel = Wheel::<3>::new(u64::MAX - HOUR);
        wheel.arm(0, u64::MAX);
        wheel.arm(1, u64::MAX - TICK_NS);
        wheel.arm(2, u64::MAX - MS);
        assert!(wheel.next().is_some());
        assert_eq!(wheel.expired(u64::MAX - 2 * MS), None);
        assert_eq!(drain(&mut wheel, u64::MAX), [2, 1]);
        // Rounded up, the last instant lies beyond what a u64 can tell: it never comes.
        assert_eq!(wheel.next(), Some(u64::MAX));
        assert_eq!(wheel.armed(0), Some(u64::MAX));
        let mut wheel = Wheel::<1>::new(u64::MAX);
        wheel.arm(0, 0);
        assert_eq!(wheel.next(), Some(u64::MAX - (TICK_NS - 1)));
        assert_eq!(drain(&mut wheel, u64::MAX), [0]);
    }

    #[test]
    #[should_panic]
    fn a_timer_that_does_not_exist_is_our_own_bug() {
        Wheel::<4>::new(0).arm(4, MS);
    }

    /// The naive model: a deadline per timer, and nothing else.
    struct Model<const N: usize> {
        deadlines: [Option<u64>; N],
        /// The tick each was to fire in, seen from when it was armed: one armed in the past fires among those
        /// of that tick.
        ticks: [u64; N],
    }

    impl<const N: usize> Model<N> {
        /// The first tick at which the wheel may and must fire something.
        fn first_tick(&self) -> Option<u64> {
            self.deadlines.iter().flatten().map(|at_ns| at_ns.div_ceil(TICK_NS)).min()
        }
    }

    /// Millions of random steps, each held against the model: what is armed, when to wake, what fires and in
    /// what order.
    fn agrees_with_the_model<const N: usize>(seed: u64, start_ns: u64, steps: u32, bits: u64) {
        let mut random = Random(seed);
        let mut wheel = Wheel::<N>::new(start_ns);
        let mut model = Model { deadlines: [None; N], ticks: [0; N] };
        let mut now_ns = start_ns;
        for step in 0..steps {
            let timer = random.below(N as u64) as usize;
            match random.below(8) {
                0..=3 => {
                    let at_ns = match random.below(8) {
                        0 => now_ns.saturating_sub(random.span(bits)),
                        _ => now_ns.saturating_add(random.span(bits)),
                    };
                    wheel.arm(timer, at_ns);
                    model.deadlines[timer] = Some(at_ns);
                    model.ticks[timer] = at_ns.div_ceil(TICK_NS).max(now_ns / TICK_NS);
                }
                4 => {
                    wheel.cancel(timer);
                    model.deadlines[timer] = None;
                }
                action => {
                    now_ns = match wheel.next() {
                        Some(next) if action == 5 => now_ns.max(next),
                        _ => now_ns.saturating_add(random.span(bits - 4)),
                    };
                    let mut last_tick = 0;
                    while let Some(fired) = wheel.expired(now_ns) {
                        let at_ns = model.deadlines[fired].take().expect("only armed timers fire");
                        assert!(at_ns <= now_ns, "step {step}: {at_ns} fired early at {now_ns}");
                        assert!(model.ticks[fired] >= last_tick, "step {step}: out of order");
                        last_tick = model.ticks[fired];
                    }
                    let left = model.first_tick();
                    assert!(left.is_none_or(|tick| tick > now_ns / TICK_NS), "step {step}: one did not fire");
                    let sleeps = wheel.next().is_none_or(|next| next > now_ns || next == u64::MAX);
                    assert!(sleeps, "step {step}: nothing is due, and yet it would wake at once");
                }
            }
            assert_eq!(wheel.armed(timer), model.deadlines[timer], "step {step}");
            let first = model.first_tick().map(|tick| tick.saturating_mul(TICK_NS));
            match (wheel.next(), first) {
                (None, None) => {}
                (Some(next), Some(first)) => {
                    assert!(next <= first.max(now_ns), "step {step}: would oversleep")
                }
                (next, first) => panic!("step {step}: next {next:?}, the model has {first:?}"),
            }
        }
        let armed: Vec<usize> = (0..N).filter(|&timer| wheel.armed(timer).is_some()).collect();
        let expect: Vec<usize> = (0..N).filter(|&timer| model.deadlines[timer].is_some()).collect();
        assert_eq!(armed, expect);
    }

    #[test]
    fn it_agrees_with_a_naive_model_over_two_million_steps_of_every_magnitude() {
        agrees_with_the_model::<1>(1, 0, 200_000, 44);
        agrees_with_the_model::<7>(2, 12_345, 1_000_000, 36);
        agrees_with_the_model::<40>(3, 77 * HOUR, 500_000, 30);
        agrees_with_the_model::<300>(4, 1 << 50, 50_000, 46);
        agrees_with_the_model::<5>(5, 0, 300_000, 24);
    }

    #[test]
    fn it_agrees_with_a_naive_model_at_the_end_of_time() {
        for seed in 0..50 {
            agrees_with_the_model::<9>(seed, u64::MAX - (1 << 40), 5_000, 34);
        }
    }
}
