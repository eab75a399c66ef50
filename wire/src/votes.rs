//! Votes as an onlooker counts them: which instances a quorum has accepted, as far as a capture shows it.

use crate::{Ballot, LIVES_MAX, Range};
use std::collections::BTreeMap;

/// How many instances are watched at once. Votes repeat what is not decided yet, so the newest matter.
pub const INSTANCES_MAX: usize = 1 << 14;

/// Counts distinct acceptors per instance and ballot. Bounded: of more than [`INSTANCES_MAX`] instances the lowest are
/// forgotten.
#[derive(Default)]
pub struct Votes {
    watched: BTreeMap<u64, Count>,
    /// Below it all is forgotten.
    floor: u64,
    /// The acceptors seen, and how many the packets tell of.
    acceptors: Vec<u16>,
    told: usize,
}

/// The votes for one instance.
#[derive(Clone, Copy, Default)]
struct Count {
    ballot: Ballot,
    /// Bit i: the acceptor that was seen i-th.
    voters: u32,
    chosen: bool,
}

/// What a vote did to its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    pub instance: u64,
    /// No other acceptor had voted for it in this ballot, as far as was seen.
    pub first: bool,
    /// It completes a quorum for the first time.
    pub chosen: bool,
}

impl Votes {
    /// A majority of the acceptors known: of those that votes tell of, or that voted, whichever are more.
    pub fn quorum(&self) -> usize {
        self.told.max(self.acceptors.len()) / 2 + 1
    }

    /// A 2b that tells of the lives of `lives` acceptors. `tell` hears of each vote that was not known.
    pub fn hear(
        &mut self,
        acceptor: u16,
        ballot: Ballot,
        lives: usize,
        ranges: impl Iterator<Item = Range>,
        mut tell: impl FnMut(Vote),
    ) {
        self.told = self.told.max(lives.min(LIVES_MAX));
        let Some(bit) = self.number(acceptor) else { return };
        let quorum = self.quorum() as u32;
        // A range may claim billions of instances: as many as are watched at once are looked at, in all.
        let mut budget = INSTANCES_MAX as u64;
        for range in ranges {
            let from = range.first.max(self.floor);
            let until = range.until.min(from.saturating_add(budget));
            budget -= until.saturating_sub(from);
            for instance in from..until {
                let count = self.watched.entry(instance).or_default();
                if ballot < count.ballot {
                    continue;
                }
                if ballot > count.ballot {
                    (count.ballot, count.voters) = (ballot, 0);
                }
                if count.voters & 1 << bit != 0 {
                    continue;
                }
                let first = count.voters == 0;
                count.voters |= 1 << bit;
                let chosen = !count.chosen && count.voters.count_ones() >= quorum;
                count.chosen |= chosen;
                tell(Vote { instance, first, chosen });
            }
            while self.watched.len() > INSTANCES_MAX {
                if let Some((instance, _)) = self.watched.pop_first() {
                    self.floor = instance + 1;
                }
            }
        }
    }

    /// The place of an acceptor among those seen. There can be no more than [`LIVES_MAX`].
    fn number(&mut self, acceptor: u16) -> Option<usize> {
        let at = self.acceptors.iter().position(|known| *known == acceptor);
        at.or_else(|| {
            let room = self.acceptors.len() < LIVES_MAX;
            room.then(|| {
                self.acceptors.push(acceptor);
                self.acceptors.len() - 1
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(votes: &mut Votes, acceptor: u16, ballot: u64, range: Range) -> Vec<Vote> {
        let mut told = Vec::new();
        votes.hear(acceptor, Ballot::new(ballot, 1, 1), 3, [range].into_iter(), |vote| told.push(vote));
        told
    }

    #[test]
    fn a_majority_of_distinct_acceptors_in_one_ballot_chooses_once() {
        let mut votes = Votes::default();
        let seven = Range::new(7, 8);
        let vote = |first, chosen| [Vote { instance: 7, first, chosen }];
        assert_eq!(hear(&mut votes, 1, 1, seven), vote(true, false));
        assert_eq!(hear(&mut votes, 1, 1, seven), [], "it says so again");
        assert_eq!(hear(&mut votes, 2, 2, seven), vote(true, false), "another ballot");
        assert_eq!(hear(&mut votes, 3, 1, seven), [], "an old ballot");
        assert_eq!(hear(&mut votes, 3, 2, seven), vote(false, true));
        assert_eq!(hear(&mut votes, 1, 2, seven), vote(false, false));
        assert_eq!(votes.quorum(), 2);
    }

    #[test]
    fn no_range_makes_it_grow_without_end() {
        let mut votes = Votes::default();
        hear(&mut votes, 1, 1, Range::new(0, u64::MAX - 1));
        hear(&mut votes, 2, 1, Range::new(u64::MAX - 70_000, u64::MAX - 1));
        hear(&mut votes, 3, 1, Range::new(u64::MAX - 2, u64::MAX - 1));
        assert!(votes.watched.len() <= INSTANCES_MAX);
    }
}
