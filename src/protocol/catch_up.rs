//! When to ask for what is missing.
//!
//! A gap waits for a random moment before it is asked about: the packet may only be late, and another's
//! request may bring the repair for all (RFC 5401 §2). An unanswered request is repeated ever more slowly; an
//! answered one is followed by the next at once, as long as the gap is long. As long as repairs come nothing is
//! asked again: whoever reads slowly, because a disk or other processes hold it up, has the rest of the answer
//! in its receive buffer, and would soon have nothing but copies of it there.

use super::random::Random;
use super::{Nanos, Notice, Outbox};
use crate::limits::{CATCH_UP_MAX, CREDIT_SHARE, MS, PACKET_COST, US};

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is missing.
    Nothing,
    /// Look again then, or when something came.
    Wait(Nanos),
    /// Ask for what is missing below this instance.
    Ask { until: u64 },
}

pub struct CatchUp {
    random: Random,
    limit: u64,
    /// A repair came since the last step.
    flows: bool,
    waiting: Option<Waiting>,
    /// Said that we catch up.
    announced: bool,
}

struct Waiting {
    /// Where the frontier was when this wait began, or a repair came last.
    frontier: u64,
    /// When it was asked, or the frontier moved last.
    moved: Nanos,
    until: Nanos,
    /// End of what was asked for, when something was.
    asked: Option<u64>,
    /// Nothing came since it was asked for.
    silent: bool,
    doublings: u32,
}

/// A gap of this many instances is worth telling a person.
const LONG: u64 = 4096;
/// How long an answer, or more of one, is waited for, at random.
const ANSWER: core::ops::Range<Nanos> = 4 * MS..6 * MS;
/// When nothing but copies came for so long it is asked again all the same.
const COPIES: Nanos = 1_000 * MS;

impl CatchUp {
    pub fn new(seed: u64) -> CatchUp {
        CatchUp { random: Random::new(seed), limit: 16, flows: false, waiting: None, announced: false }
    }

    /// Asks for no more at a time than a receive buffer of `space` bytes can hold beside live traffic.
    pub fn space(&mut self, space: u32, packet: usize) {
        let share = u64::from(space) * CREDIT_SHARE.0 / CREDIT_SHARE.1;
        self.limit = (share / (packet as u64 + PACKET_COST) / 2).clamp(1, CATCH_UP_MAX);
    }

    /// Somebody else asked for what we miss: wait for the answer to that.
    pub fn overheard(&mut self, now: Nanos, from: u64, until: u64) {
        if let Some(waiting) = &mut self.waiting
            && waiting.asked.is_none()
            && (from..until).contains(&waiting.frontier)
        {
            waiting.until = waiting.until.max(now + self.random.between(2 * MS, 4 * MS));
        }
    }

    /// The repair of an instance came, perhaps not for the first time.
    pub fn repaired(&mut self, instance: u64) {
        let ours = |waiting: &Waiting| {
            let near = instance.saturating_add(self.limit) >= waiting.frontier;
            near && waiting.asked.is_some_and(|asked| instance < asked)
        };
        self.flows |= self.waiting.as_ref().is_some_and(ours);
    }

    /// Called with every turn: the first missing instance, and one past what is known decided.
    pub fn step(&mut self, now: Nanos, frontier: u64, known: u64, out: &mut Outbox) -> Step {
        if known <= frontier {
            if core::mem::take(&mut self.announced) {
                out.notice(Notice::CaughtUp { until: frontier });
            }
            self.waiting = None;
            return Step::Nothing;
        }
        let flows = core::mem::take(&mut self.flows);
        let Some(waiting) = &mut self.waiting else {
            return self.wait(now, frontier, None, 0);
        };
        let answered = waiting.asked.is_some_and(|asked| frontier >= asked);
        if answered && known - frontier > 16 {
            return self.ask(now, frontier, known, 0, out);
        }
        if answered || (waiting.asked.is_none() && frontier > waiting.frontier) {
            // The log flows: what is missing now is another gap, or none.
            return self.wait(now, frontier, None, 0);
        }
        if frontier > waiting.frontier {
            waiting.moved = now;
        }
        if flows && now.saturating_sub(waiting.moved) < COPIES {
            (waiting.frontier, waiting.silent, waiting.doublings) = (frontier, false, 0);
            waiting.until = now + self.random.between(ANSWER.start, ANSWER.end);
            return Step::Wait(waiting.until);
        }
        if now < waiting.until {
            return Step::Wait(waiting.until);
        }
        let in_vain = waiting.silent && frontier == waiting.frontier;
        let doublings = if in_vain { waiting.doublings + 1 } else { 0 };
        self.ask(now, frontier, known, doublings, out)
    }

    fn wait(&mut self, now: Nanos, frontier: u64, asked: Option<u64>, doublings: u32) -> Step {
        let until = match asked {
            None => now + self.random.between(500 * US, 2 * MS),
            Some(_) => now + (self.random.between(ANSWER.start, ANSWER.end) << doublings.min(6)),
        };
        self.waiting = Some(Waiting { frontier, moved: now, until, asked, silent: true, doublings });
        Step::Wait(until)
    }

    fn ask(&mut self, now: Nanos, frontier: u64, known: u64, doublings: u32, out: &mut Outbox) -> Step {
        if known - frontier >= LONG && !core::mem::replace(&mut self.announced, true) {
            out.notice(Notice::CatchingUp { from: frontier, until: known });
        }
        let until = known.min(frontier + self.limit);
        self.wait(now, frontier, Some(until), doublings);
        Step::Ask { until }
    }

    /// When to look again, if at all.
    pub fn deadline(&self) -> Option<Nanos> {
        self.waiting.as_ref().map(|waiting| waiting.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Layout, Role, Sender};

    fn outbox() -> Outbox {
        let me = Sender { role: Role::Learner, id: 1, incarnation: 9 };
        Outbox::new(Layout { packet: 1472, cluster: 5, trailer: 0 }, me)
    }

    fn wait(step: Step) -> Nanos {
        match step {
            Step::Wait(until) => until,
            other => panic!("{other:?} instead of a wait"),
        }
    }

    #[test]
    fn a_gap_that_closes_by_itself_is_never_asked_about() {
        let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
        let until = wait(catch_up.step(0, 5, 6, &mut out));
        assert!((500 * US..2 * MS).contains(&until));
        assert_eq!(catch_up.step(until - 1, 6, 6, &mut out), Step::Nothing);
        assert_eq!(catch_up.step(until + 1, 6, 6, &mut out), Step::Nothing);
    }

    #[test]
    fn a_gap_that_stays_is_asked_about_ever_more_slowly() {
        let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
        let mut now = wait(catch_up.step(0, 5, 9, &mut out));
        let mut last = 0;
        for _ in 0..5 {
            assert_eq!(catch_up.step(now, 5, 9, &mut out), Step::Ask { until: 9 });
            let next = wait(catch_up.step(now, 5, 9, &mut out));
            assert!(next - now > last, "each wait is longer");
            (last, now) = (next - now, next);
        }
    }

    #[test]
    fn an_answer_is_followed_by_the_next_request_at_once() {
        let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
        let now = wait(catch_up.step(0, 0, 1000, &mut out));
        assert_eq!(catch_up.step(now, 0, 1000, &mut out), Step::Ask { until: 16 });
        assert_eq!(catch_up.step(now + 1, 16, 1000, &mut out), Step::Ask { until: 32 });
    }

    #[test]
    fn nothing_is_asked_again_while_repairs_come_and_soon_when_they_end_short() {
        let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
        let mut now = wait(catch_up.step(0, 0, 1000, &mut out));
        assert_eq!(catch_up.step(now, 0, 1000, &mut out), Step::Ask { until: 16 });
        for frontier in [1, 2, 2, 2, 3, 3, 3, 3, 3, 3] {
            now += 4 * MS - 1; // a slow turn, and what it reads may be a copy
            catch_up.repaired(frontier - 1);
            wait(catch_up.step(now, frontier, 1000, &mut out));
        }
        let until = wait(catch_up.step(now, 3, 1000, &mut out));
        assert!(until - now < 6 * MS);
        assert_eq!(catch_up.step(until, 3, 1000, &mut out), Step::Ask { until: 19 });
        let deadline = catch_up.deadline();
        catch_up.repaired(19);
        catch_up.step(until + 1, 3, 1000, &mut out);
        assert_eq!(catch_up.deadline(), deadline, "that was for somebody else");
        let (ask, mut asks) = (until, 0);
        for millisecond in 0..1010 {
            catch_up.repaired(2);
            let step = catch_up.step(ask + millisecond * MS, 3, 1000, &mut out);
            asks += u64::from(matches!(step, Step::Ask { .. }));
        }
        assert_eq!(asks, 1, "copies alone do not keep it quiet for ever");
    }

    #[test]
    fn no_more_is_asked_for_at_once_than_a_receive_buffer_holds() {
        for (space, limit) in [(0, 1), (8 << 10, 1), (32 << 10, 4), (212_992, 28), (64 << 20, CATCH_UP_MAX)] {
            let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
            catch_up.space(space, 1472);
            let now = wait(catch_up.step(0, 0, 10_000, &mut out));
            assert_eq!(catch_up.step(now, 0, 10_000, &mut out), Step::Ask { until: limit }, "{space} bytes");
        }
    }

    #[test]
    fn anothers_request_is_waited_out() {
        let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
        let before = wait(catch_up.step(0, 5, 9, &mut out));
        catch_up.overheard(before - 1, 5, 9);
        assert!(wait(catch_up.step(before, 5, 9, &mut out)) > before);
    }
}
