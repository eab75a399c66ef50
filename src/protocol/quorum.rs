//! Quorums: which acceptors voted for what, in which ballot.
//!
//! Counts distinct acceptors of the configured set, never packets, and of each only what it said in a life
//! that nobody else knows to be over [DISC17 §3]. Works on ranges, so a vote for two hundred instances costs
//! as much as a vote for one.

use crate::limits::{ACCEPTORS_MAX, VOTES_CROWDED};
use crate::planted::{Bug, planted};
use wire::{Ballot, RANGES_MAX, Range};
use zerocopy::byteorder::big_endian::U64;

/// The fixed set of acceptors.
#[derive(Clone, Debug, Hash)]
pub struct Acceptors {
    ids: heapless::Vec<u16, ACCEPTORS_MAX>,
}

impl Acceptors {
    /// # Panics
    /// When there are none, more than [`ACCEPTORS_MAX`], or they do not ascend: the configuration sees to
    /// that.
    pub fn new(ids: &[u16]) -> Acceptors {
        assert!(!ids.is_empty() && ids.is_sorted_by(|a, b| a < b));
        Acceptors { ids: heapless::Vec::from_slice(ids).expect("no more acceptors than the maximum") }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Any two majorities share an acceptor.
    pub fn majority(&self) -> usize {
        self.ids.len() / 2 + 1
    }

    /// Where an acceptor stands in the set; `None` for a stranger.
    pub fn index(&self, id: u16) -> Option<usize> {
        self.ids.iter().position(|own| *own == id)
    }

    /// How many of the *others* must help an acceptor that lost its memory: so many that they meet every
    /// quorum that it was part of in another member.
    pub fn helpers(&self) -> usize {
        self.ids.len().saturating_sub(1) / 2 + 1
    }

    pub fn ids(&self) -> &[u16] {
        &self.ids
    }
}

/// The latest life that is known of each acceptor. A life is a memory without a gap: one that lost its memory
/// begins another, larger one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lives(heapless::Vec<u64, ACCEPTORS_MAX>);

impl Lives {
    /// Nothing is known of any of them.
    pub fn new(acceptors: &Acceptors) -> Lives {
        Lives(acceptors.ids().iter().map(|_| 0).collect())
    }

    pub fn of(&self, acceptor: usize) -> u64 {
        self.0[acceptor]
    }

    pub fn all(&self) -> &[u64] {
        &self.0
    }

    /// Whether this life of an acceptor is known to be over.
    pub fn over(&self, acceptor: usize, life: u64) -> bool {
        life < self.0[acceptor] && !planted(Bug::DeadLivesCount)
    }

    /// Somebody knows of this life of an acceptor. Returns whether it is news.
    pub fn learn(&mut self, acceptor: usize, life: u64) -> bool {
        let news = life > self.0[acceptor];
        self.0[acceptor] = self.0[acceptor].max(life);
        news
    }

    /// Learns all that an acceptor knows. What has not one life for each acceptor says nothing.
    pub fn learn_all(&mut self, told: impl ExactSizeIterator<Item = u64>) -> bool {
        let fits = told.len() == self.0.len();
        told.enumerate().filter(|_| fits).fold(false, |news, (at, life)| self.learn(at, life) | news)
    }

    /// As they stand in a packet.
    pub fn records(&self) -> heapless::Vec<U64, ACCEPTORS_MAX> {
        self.0.iter().map(|life| U64::new(*life)).collect()
    }
}

/// The lives of a packet.
pub fn lives(told: &[U64]) -> impl ExactSizeIterator<Item = u64> + '_ {
    told.iter().map(|life| life.get())
}

/// Before, between and behind the ranges of a 2b.
const GAPS_MAX: usize = RANGES_MAX + 1;

/// What one acceptor said in its latest 2b.
#[derive(Clone, Debug, Default)]
struct Votes {
    life: u64,
    incarnation: u64,
    sequence: u64,
    heard: bool,
    ballot: Ballot,
    ranges: heapless::Vec<Range, RANGES_MAX>,
}

impl Votes {
    fn range_at(&self, ballot: Ballot, instance: u64) -> Option<Range> {
        if self.ballot != ballot && !planted(Bug::VotesWithoutBallot) {
            return None;
        }
        let at = self.ranges.partition_point(|range| range.until <= instance);
        self.ranges.get(at).copied().filter(|range| range.contains(instance))
    }

    fn top(&self, ballot: Ballot) -> u64 {
        if self.ballot == ballot { self.ranges.last().map_or(0, |range| range.until) } else { 0 }
    }
}

/// The latest votes of every acceptor.
pub struct Tally {
    majority: usize,
    votes: Box<[Votes]>,
    lives: Lives,
    /// Chosen in this ballot, as found last; a vote is never taken back, so it stays true.
    chosen: (Ballot, Range),
}

impl Tally {
    pub fn new(acceptors: &Acceptors) -> Tally {
        Tally {
            majority: acceptors.majority(),
            votes: vec![Votes::default(); acceptors.len()].into_boxed_slice(),
            lives: Lives::new(acceptors),
            chosen: (Ballot::ZERO, Range::default()),
        }
    }

    pub fn lives(&self) -> &Lives {
        &self.lives
    }

    /// Notes what an acceptor knows of the lives of all, and takes back the votes of lives that are over:
    /// what a majority accepted while nobody of it knew better stays chosen. Whoever speaks from a life that is
    /// over tells no less of the others': that a life was begun stays true. Returns whether this life of the
    /// acceptor itself goes on.
    pub fn live(&mut self, acceptor: usize, life: u64, told: impl ExactSizeIterator<Item = u64>) -> bool {
        let news = self.lives.learn(acceptor, life);
        if self.lives.learn_all(told) || news {
            for (at, votes) in self.votes.iter_mut().enumerate() {
                if self.lives.over(at, votes.life) {
                    *votes = Votes::default();
                }
            }
        }
        !self.lives.over(acceptor, life)
    }

    /// Notes a 2b: in `ballot`, this acceptor accepted all of `ranges`. An older packet than the last, or one
    /// of a lower ballot, changes nothing. Returns whether it was news.
    pub fn vote(
        &mut self,
        acceptor: usize,
        (incarnation, sequence): (u64, u64),
        ballot: Ballot,
        ranges: impl Iterator<Item = Range>,
    ) -> bool {
        let life = self.lives.of(acceptor);
        let packets = planted(Bug::QuorumCountsPackets);
        let acceptor = if packets { sequence as usize % self.votes.len() } else { acceptor };
        let votes = &mut self.votes[acceptor];
        let older = votes.heard && incarnation == votes.incarnation && sequence <= votes.sequence;
        if older || ballot < votes.ballot {
            return false;
        }
        (votes.heard, votes.life, votes.incarnation, votes.sequence, votes.ballot) =
            (true, life, incarnation, sequence, ballot);
        votes.ranges.clear();
        votes.ranges.extend(ranges.take(RANGES_MAX));
        true
    }

    /// The end of the range of instances, beginning with `instance`, that a majority accepted in `ballot`: so
    /// all of `instance..end` is chosen [Lamport01 §2.2]. `instance` itself when it is not.
    pub fn chosen_until(&mut self, ballot: Ballot, instance: u64) -> u64 {
        if self.chosen.0 == ballot && self.chosen.1.contains(instance) {
            return self.chosen.1.until;
        }
        let mut ends: heapless::Vec<u64, ACCEPTORS_MAX> =
            self.votes.iter().filter_map(|votes| votes.range_at(ballot, instance)).map(|r| r.until).collect();
        if ends.len() < self.majority {
            return instance;
        }
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let until = ends[self.majority - 1];
        self.chosen = (ballot, Range::new(instance, until));
        until
    }

    /// How many acceptors accepted this instance in this ballot.
    pub fn count(&self, ballot: Ballot, instance: u64) -> usize {
        self.votes.iter().filter(|votes| votes.range_at(ballot, instance).is_some()).count()
    }

    /// What an acceptor's vote in this ballot leaves out of these instances, ascending; nothing when its latest vote
    /// is of another ballot.
    pub fn left_out(&self, acceptor: usize, ballot: Ballot, of: Range) -> heapless::Vec<Range, GAPS_MAX> {
        let votes = &self.votes[acceptor];
        let mut gaps = heapless::Vec::new();
        if votes.ballot != ballot {
            return gaps;
        }
        let mut first = of.first;
        for range in votes.ranges.iter().filter(|range| range.until > of.first) {
            let until = range.first.min(of.until);
            if first < until {
                let _ = gaps.push(Range::new(first, until)); // there is room: no more than ranges, and the end
            }
            first = range.until;
        }
        if first < of.until {
            let _ = gaps.push(Range::new(first, of.until));
        }
        gaps
    }

    /// Whether so many acceptors have nearly as many gaps in their votes as they can tell of that no majority is
    /// left: what more they are sent they would not take.
    pub fn crowded(&self, ballot: Ballot) -> bool {
        let crowded =
            self.votes.iter().filter(|votes| votes.ballot == ballot && votes.ranges.len() >= VOTES_CROWDED);
        crowded.count() > self.votes.len() - self.majority
    }

    /// One past the highest instance that any acceptor voted for in this ballot.
    pub fn top(&self, ballot: Ballot) -> u64 {
        self.votes.iter().map(|votes| votes.top(ballot)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B1: Ballot = Ballot::new(1, 1, 1);
    const B2: Ballot = Ballot::new(2, 2, 2);

    fn tally() -> Tally {
        Tally::new(&Acceptors::new(&[1, 2, 3]))
    }

    fn range(first: u64, until: u64) -> impl Iterator<Item = Range> {
        core::iter::once(Range::new(first, until))
    }

    #[test]
    fn a_majority_of_three_is_two_and_of_five_three() {
        assert_eq!(Acceptors::new(&[1]).majority(), 1);
        assert_eq!(Acceptors::new(&[1, 2]).majority(), 2);
        assert_eq!(Acceptors::new(&[1, 2, 3]).majority(), 2);
        assert_eq!(Acceptors::new(&[0, 1, 2, 3, 4]).majority(), 3);
    }

    #[test]
    fn one_acceptor_voting_twice_is_one_vote() {
        let mut tally = tally();
        tally.vote(0, (7, 1), B1, range(0, 5));
        tally.vote(0, (7, 2), B1, range(0, 5));
        assert_eq!(tally.chosen_until(B1, 0), 0);
        tally.vote(1, (7, 1), B1, range(0, 3));
        assert_eq!(tally.chosen_until(B1, 0), 3, "as far as both go");
        tally.vote(2, (7, 1), B1, range(2, 9));
        assert_eq!(tally.chosen_until(B1, 3), 5);
        assert_eq!(tally.chosen_until(B1, 5), 5, "only one went so far");
    }

    #[test]
    fn a_vote_of_a_life_that_another_voter_knows_to_be_over_does_not_count() {
        let mut tally = tally();
        assert!(tally.live(0, 5, [5, 5, 5].into_iter()));
        tally.vote(0, (1, 1), B1, range(0, 9));
        assert!(tally.live(1, 5, [7, 5, 5].into_iter()), "acceptor 0 has begun another life");
        tally.vote(1, (1, 1), B1, range(0, 9));
        assert_eq!(tally.chosen_until(B1, 0), 0);
        assert!(!tally.live(0, 5, [5, 5, 6].into_iter()), "a delayed packet of the former life");
        assert!(
            !tally.live(2, 5, [7, 5, 5].into_iter()),
            "what it knew of another's life holds all the same"
        );
        assert!(tally.live(0, 7, [7, 5, 5].into_iter()));
        tally.vote(0, (2, 1), B1, range(3, 4));
        assert_eq!((tally.chosen_until(B1, 0), tally.chosen_until(B1, 3)), (0, 4));
    }

    #[test]
    fn what_was_chosen_before_anybody_knew_stays_chosen() {
        let mut tally = tally();
        for acceptor in [0, 1] {
            tally.live(acceptor, 5, [5, 5, 5].into_iter());
            tally.vote(acceptor, (1, 1), B1, range(0, 9));
        }
        assert_eq!(tally.chosen_until(B1, 0), 9);
        tally.live(2, 5, [7, 5, 5].into_iter());
        assert_eq!(tally.chosen_until(B1, 0), 9);
    }

    #[test]
    fn lives_of_another_set_of_acceptors_say_nothing() {
        let mut lives = Lives::new(&Acceptors::new(&[1, 2, 3]));
        assert!(!lives.learn_all([9, 9].into_iter()) && lives.all() == [0, 0, 0]);
        assert!(lives.learn_all([0, 9, 0].into_iter()) && lives.over(1, 8) && !lives.over(1, 9));
    }

    #[test]
    fn helpers_meet_every_quorum_of_whom_they_help() {
        for count in 2..=ACCEPTORS_MAX {
            let ids: Vec<u16> = (0..count as u16).collect();
            let acceptors = Acceptors::new(&ids);
            // Its fellow voters, and its helpers, among the others.
            assert!(acceptors.majority() - 1 + acceptors.helpers() > count - 1);
            assert!(acceptors.helpers() < count, "the others can help");
        }
    }

    #[test]
    fn votes_of_different_ballots_do_not_add_up() {
        let mut tally = tally();
        tally.vote(0, (7, 1), B1, range(0, 5));
        tally.vote(1, (7, 1), B2, range(0, 5));
        assert_eq!(tally.chosen_until(B1, 0), 0);
        assert_eq!(tally.chosen_until(B2, 0), 0);
        tally.vote(2, (7, 1), B2, range(0, 1));
        assert_eq!(tally.chosen_until(B2, 0), 1);
    }

    #[test]
    fn an_older_packet_or_ballot_changes_nothing() {
        let mut tally = tally();
        assert!(tally.vote(0, (7, 5), B2, range(0, 5)));
        assert!(!tally.vote(0, (7, 5), B2, range(0, 9)), "a duplicate");
        assert!(!tally.vote(0, (7, 4), B2, range(0, 9)), "delayed");
        assert!(!tally.vote(0, (7, 6), B1, range(0, 9)), "of a lower ballot");
        assert_eq!(tally.count(B2, 6), 0);
    }

    #[test]
    fn acceptors_are_crowded_when_no_majority_can_tell_of_many_more_gaps() {
        let gaps = |count: u64| (0..count).map(|at| Range::new(2 * at, 2 * at + 1));
        let mut tally = tally();
        tally.vote(0, (7, 1), B1, gaps(VOTES_CROWDED as u64));
        tally.vote(1, (7, 1), B1, gaps(VOTES_CROWDED as u64 - 1));
        assert!(!tally.crowded(B1), "two of three can");
        tally.vote(1, (7, 2), B1, gaps(VOTES_CROWDED as u64));
        assert!(tally.crowded(B1) && !tally.crowded(B2));
        tally.vote(0, (7, 2), B1, range(0, 500));
        assert!(!tally.crowded(B1), "what was missed has come");
    }

    #[test]
    fn a_vote_leaves_out_what_lies_before_between_and_behind_its_ranges() {
        let mut tally = tally();
        let left_out = |tally: &Tally, ballot, first, until| {
            let gaps = tally.left_out(0, ballot, Range::new(first, until));
            gaps.iter().map(|gap| (gap.first, gap.until)).collect::<Vec<_>>()
        };
        tally.vote(0, (7, 1), B1, [Range::new(2, 4), Range::new(5, 6)].into_iter());
        assert_eq!(left_out(&tally, B1, 0, 9), [(0, 2), (4, 5), (6, 9)]);
        assert_eq!(left_out(&tally, B1, 3, 5), [(4, 5)]);
        assert_eq!(left_out(&tally, B1, 1, 2), [(1, 2)]);
        assert_eq!(left_out(&tally, B1, 5, 6), []);
        assert_eq!(left_out(&tally, B1, 8, 8), []);
        assert_eq!(left_out(&tally, B2, 0, 9), [], "of that ballot it says nothing");
        let every_other = (0..RANGES_MAX as u64).map(|at| Range::new(2 * at + 1, 2 * at + 2));
        tally.vote(0, (7, 2), B1, every_other);
        assert_eq!(left_out(&tally, B1, 0, 1000).len(), GAPS_MAX);
        tally.vote(0, (7, 3), B1, [Range::new(2, 4), Range::new(5, 6)].into_iter());
        assert_eq!((tally.top(B1), tally.top(B2)), (6, 0));
    }
}
