//! When to ask for what is missing.
//!
//! A gap waits for a random moment before it is asked about: the packet may only be late, and another's
//! request may bring the repair for all (RFC 5401 §2). An unanswered request is repeated ever more slowly; an
//! answered one is followed by the next at once, as long as the gap is long.

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
    waiting: Option<Waiting>,
    /// Said that we catch up.
    announced: bool,
}

struct Waiting {
    /// Where the frontier was when this wait began.
    frontier: u64,
    until: Nanos,
    /// End of what was asked for, when something was.
    asked: Option<u64>,
    doublings: u32,
}

/// A gap of this many instances is worth telling a person.
const LONG: u64 = 4096;

impl CatchUp {
    pub fn new(seed: u64) -> CatchUp {
        CatchUp { random: Random::new(seed), limit: 16, waiting: None, announced: false }
    }

    /// Asks for no more at a time than a receive buffer of `space` bytes can hold beside live traffic.
    pub fn space(&mut self, space: u32, packet: usize) {
        let share = u64::from(space) * CREDIT_SHARE.0 / CREDIT_SHARE.1;
        self.limit = (share / (packet as u64 + PACKET_COST) / 2).clamp(4, CATCH_UP_MAX);
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

    /// Called with every turn: the first missing instance, and one past what is known decided.
    pub fn step(&mut self, now: Nanos, frontier: u64, known: u64, out: &mut Outbox) -> Step {
        if known <= frontier {
            if core::mem::take(&mut self.announced) {
                out.notice(Notice::CaughtUp { until: frontier });
            }
            self.waiting = None;
            return Step::Nothing;
        }
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
        if now < waiting.until {
            return Step::Wait(waiting.until);
        }
        let moved = frontier > waiting.frontier;
        let doublings = if moved { 0 } else { waiting.doublings + 1 };
        self.ask(now, frontier, known, doublings, out)
    }

    fn wait(&mut self, now: Nanos, frontier: u64, asked: Option<u64>, doublings: u32) -> Step {
        let until = match asked {
            None => now + self.random.between(500 * US, 2 * MS),
            Some(_) => now + (self.random.between(4 * MS, 6 * MS) << doublings.min(6)),
        };
        self.waiting = Some(Waiting { frontier, until, asked, doublings });
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
        Outbox::new(Layout { packet: 1472, cluster: 5 }, me)
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
    fn anothers_request_is_waited_out() {
        let (mut catch_up, mut out) = (CatchUp::new(1), outbox());
        let before = wait(catch_up.step(0, 5, 9, &mut out));
        catch_up.overheard(before - 1, 5, 9);
        assert!(wait(catch_up.step(before, 5, 9, &mut out)) > before);
    }
}
