//! Phase 1 at the proposer: which value must be proposed, instance by instance [Lamport01 §2.2, phase 2 (a)].
//!
//! A page is read at a time, for all instances of the page at once. For each instance the highest ballot that
//! an acceptor of the quorum told is remembered; the batch of that ballot must be proposed, and a no-op where
//! nothing was accepted.
//!
//! Not every answer makes the quorum larger: one of a life that is known to be over does not (what it promised
//! is forgotten), nor one of an acceptor that has forgotten what it accepted in the page. What such an answer
//! tells is true all the same, and used.

use super::quorum::{Acceptors, Lives};
use crate::limits::{ACCEPTORS_MAX, PIPELINE};
use crate::planted::{Bug, planted};
use core::net::SocketAddrV4;
use wire::{Ballot, Phase1b, Run};

/// Instances of a page.
pub const PAGE: u64 = PIPELINE;

/// What one acceptor answered.
#[derive(Clone, Copy, Debug)]
struct Answer {
    address: SocketAddrV4,
    life: u64,
    /// It does not know what it accepted below.
    blind_until: u64,
    /// The page is told up to here.
    until: u64,
    complete_until: u64,
    top: u64,
}

pub struct Phase1 {
    majority: usize,
    ballot: Ballot,
    from: u64,
    answers: [Option<Answer>; ACCEPTORS_MAX],
    /// By instance of the page: the highest ballot told, and by which acceptors (bits).
    best: Box<[(Ballot, u16)]>,
}

impl Phase1 {
    pub fn new(acceptors: &Acceptors) -> Phase1 {
        Phase1 {
            majority: acceptors.majority(),
            ballot: Ballot::ZERO,
            from: 0,
            answers: [None; ACCEPTORS_MAX],
            best: vec![(Ballot::ZERO, 0); PAGE as usize].into_boxed_slice(),
        }
    }

    /// Begins to read the page from `from` on, in this ballot.
    pub fn begin(&mut self, ballot: Ballot, from: u64) {
        (self.ballot, self.from) = (ballot, from);
        self.answers = [None; ACCEPTORS_MAX];
        self.best.fill((Ballot::ZERO, 0));
    }

    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// First instance of the page.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// A 1b came. Returns from where on this acceptor must be asked for more, if it must.
    pub fn answer(
        &mut self,
        acceptor: usize,
        address: SocketAddrV4,
        body: &Phase1b,
        runs: &[Run],
    ) -> Option<u64> {
        if body.ballot.get() != self.ballot {
            return None;
        }
        let (from, until) = (body.from.get(), body.until.get());
        let life = body.life.get();
        let fresh = Answer { address, life, blind_until: 0, until: self.from, complete_until: 0, top: 0 };
        let answer = self.answers[acceptor].get_or_insert(fresh);
        if life < answer.life {
            return None; // delayed, from before it lost its memory
        }
        if life > answer.life {
            *answer = fresh;
        }
        answer.address = address;
        answer.blind_until = body.blind_until.get();
        answer.complete_until = answer.complete_until.max(body.complete_until.get());
        answer.top = answer.top.max(body.top.get());
        if from > answer.until {
            return Some(answer.until); // something before it was lost
        }
        answer.until = answer.until.max(until);
        let end = self.from + PAGE;
        for run in runs {
            let (range, ballot) = (run.range(), run.ballot.get());
            for instance in range.first.max(self.from)..range.until.min(end) {
                let best = &mut self.best[(instance - self.from) as usize];
                if ballot > best.0 || planted(Bug::ValueByArrival) && ballot != best.0 {
                    *best = (ballot, 1 << acceptor);
                } else if ballot == best.0 {
                    best.1 |= 1 << acceptor;
                }
            }
        }
        (!answer.told(end)).then_some(answer.until)
    }

    /// Whether a majority has promised and told all of the page, as far as is known of their lives.
    pub fn quorum(&self, lives: &Lives) -> bool {
        let end = self.from + PAGE;
        let counts = |(at, answer): (usize, &Option<Answer>)| {
            answer.is_some_and(|answer| {
                answer.told(end) && answer.blind_until <= self.from && !lives.over(at, answer.life)
            })
        };
        let known = self.answers.iter().enumerate().take(lives.all().len());
        known.filter(|answer| counts(*answer)).count() >= self.majority
    }

    /// Whether an answer would count if its acceptor knew more of what is decided.
    pub fn blinded(&self) -> bool {
        self.answers.iter().flatten().any(|answer| answer.blind_until > self.from)
    }

    /// How far the log is known decided, and stored, by the acceptor that knows most; and where that one is.
    pub fn complete_until(&self) -> Option<(u64, SocketAddrV4)> {
        let answers = self.answers.iter().flatten();
        answers.map(|answer| (answer.complete_until, answer.address)).max_by_key(|(until, _)| *until)
    }

    /// An acceptor that knows more than `frontier` decided, another one with every `turn`.
    pub fn source(&self, frontier: u64, turn: usize) -> Option<SocketAddrV4> {
        let sources = self.answers.iter().flatten().filter(|answer| answer.complete_until > frontier);
        let count = sources.clone().count().max(1);
        sources.map(|answer| answer.address).nth(turn % count)
    }

    /// One past the last instance of the page that must be proposed again.
    pub fn end(&self) -> u64 {
        self.top().clamp(self.from, self.from + PAGE)
    }

    /// One past the highest instance that an acceptor of the quorum accepted.
    pub fn top(&self) -> u64 {
        self.answers.iter().flatten().map(|answer| answer.top).max().unwrap_or(0)
    }

    /// The highest ballot in which this instance of the page was accepted; zero when it was not.
    pub fn best(&self, instance: u64) -> Ballot {
        self.best[(instance - self.from) as usize].0
    }

    /// Where to fetch the batch of [`Phase1::best`]: one of those who told it, another one with every `turn`.
    pub fn holder(&self, instance: u64, turn: usize) -> Option<(usize, SocketAddrV4)> {
        let bits = self.best[(instance - self.from) as usize].1;
        let holders = (0..ACCEPTORS_MAX).filter(|at| bits & 1 << at != 0);
        let count = holders.clone().count().max(1);
        let at = holders.clone().nth(turn % count)?;
        self.answers[at].map(|answer| (at, answer.address))
    }

    /// Acceptors that do not count yet: from where on they must be asked, and where they are; `None` where
    /// that is not known, or is another process by now.
    pub fn unanswered(&self, lives: &Lives) -> impl Iterator<Item = Option<(SocketAddrV4, u64)>> {
        let end = self.from + PAGE;
        let known = self.answers.iter().enumerate().take(lives.all().len());
        known.filter_map(move |(at, answer)| match answer {
            None => Some(None),
            Some(answer) if lives.over(at, answer.life) => Some(None),
            Some(answer) if !answer.told(end) => Some(Some((answer.address, answer.until))),
            // It will see again once it has caught up: ask anew.
            Some(answer) if answer.blind_until > self.from => Some(Some((answer.address, self.from))),
            Some(_) => None,
        })
    }
}

impl Answer {
    fn told(&self, end: u64) -> bool {
        self.until >= self.top.min(end)
    }
}

#[cfg(test)]
mod tests;
