//! What is chosen, counted from the packets alone (invariants 1, 2 and 5).

use super::Checked;
use super::bounds::Pace;
use crate::protocol::Nanos;
use crate::sim::failure::hold;
use wire::{Ballot, Batch, Packet, Phase2a, Range, RangeRecord};
use zerocopy::byteorder::big_endian::U64;

/// Where a batch lies in [`Chosen::bytes`].
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    length: usize,
}

/// What was proposed for an instance in one ballot.
#[derive(Clone, Debug)]
struct Proposal {
    ballot: Ballot,
    batch: Place,
    /// Who accepted it, as what: places in [`Chosen::stances`].
    votes: heapless::Vec<u16, VOTES>,
    sends: Pace,
}

/// Votes for one proposal that are remembered: of each acceptor, and of a few that lost their memory since.
const VOTES: usize = 12;

/// What an acceptor was when it voted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stance {
    acceptor: usize,
    life: u64,
    /// The lives of all that it knew of.
    lives: Vec<u64>,
}

#[derive(Debug, Default)]
struct Instance {
    proposals: Vec<Proposal>,
    /// The lowest ballot in which a majority accepted, and what.
    chosen: Option<(Ballot, Place)>,
}

/// Every proposal, every vote, and what a majority accepted in one ballot [Lamport01 §2.2].
pub struct Chosen {
    acceptors: Vec<u16>,
    instances: Vec<Instance>,
    /// All batches that were ever proposed.
    bytes: Vec<u8>,
    /// What each acceptor voted for in its last 2b: most of it comes again in the next.
    voted: Vec<(Ballot, Vec<Range>)>,
    frontier: u64,
    stances: Vec<Stance>,
    /// By acceptor: what it is now.
    present: Vec<Option<u16>>,
}

/// No leader proposes so far beyond what is chosen: what does would be a bug, and take all memory here.
const FAR: u64 = 1 << 20;

impl Chosen {
    pub fn new(acceptors: &[u16]) -> Chosen {
        Chosen {
            acceptors: acceptors.to_vec(),
            instances: Vec::new(),
            bytes: Vec::new(),
            voted: vec![(Ballot::ZERO, Vec::new()); acceptors.len()],
            frontier: 0,
            stances: Vec::new(),
            present: vec![None; acceptors.len()],
        }
    }

    /// Every instance below is chosen.
    pub fn frontier(&self) -> u64 {
        self.frontier
    }

    /// What is chosen for an instance.
    pub fn chosen(&self, instance: u64) -> Option<&[u8]> {
        let (_, place) = self.instances.get(instance as usize)?.chosen?;
        Some(self.batch(place))
    }

    /// What was proposed for an instance in a ballot.
    pub fn proposed(&self, instance: u64, ballot: Ballot) -> Option<&[u8]> {
        let proposals = &self.instances.get(instance as usize)?.proposals;
        let proposal = proposals.iter().find(|proposal| proposal.ballot == ballot)?;
        Some(self.batch(proposal.batch))
    }

    /// A leader proposes.
    ///
    /// # Errors
    /// When it proposed something else in this ballot before, or a lower ballot chose something else.
    pub fn propose(&mut self, now: Nanos, packet: &Packet<'_>, body: &Phase2a, batch: Batch<'_>) -> Checked {
        let (number, ballot) = (body.instance.get(), body.ballot(packet.sender));
        hold!(number < self.frontier + FAR, Bounds, "{packet}: far beyond all that is chosen");
        let at = number as usize;
        if self.instances.len() <= at {
            self.instances.resize_with(at + 1, Instance::default);
        }
        let batch = batch.as_bytes();
        if let Some(proposed) = self.proposed(number, ballot) {
            hold!(proposed == batch, OneValuePerBallot, "{packet}: it proposed another value in this ballot");
            let again = self.instances[at].proposals.iter_mut().find(|other| other.ballot == ballot);
            return again.map_or(Ok(()), |again| again.sends.send(now, packet));
        }
        if let Some((lowest, place)) = self.instances[at].chosen {
            let same = self.batch(place) == batch;
            hold!(ballot < lowest || same, TotalOrder, "{packet}: another value was chosen in {lowest:?}");
        }
        let same = self.instances[at].proposals.iter().find(|other| self.batch(other.batch) == batch);
        let place = same.map_or(Place { at: self.bytes.len(), length: batch.len() }, |other| other.batch);
        if place.at == self.bytes.len() {
            self.bytes.extend_from_slice(batch);
        }
        let mut sends = Pace::default();
        sends.send(now, packet)?;
        self.instances[at].proposals.push(Proposal {
            ballot,
            batch: place,
            votes: heapless::Vec::new(),
            sends,
        });
        Ok(())
    }

    /// An acceptor votes. `each` is told the instances that are not in its 2b before.
    ///
    /// # Errors
    /// When it votes for what nobody proposed, or two values come to be chosen.
    pub fn vote(
        &mut self,
        packet: &Packet<'_>,
        ballot: Ballot,
        (life, told): (u64, &[U64]),
        ranges: &[RangeRecord],
        mut each: impl FnMut(u64),
    ) -> Checked {
        let Some(at) = self.acceptors.iter().position(|id| *id == packet.sender.id) else { return Ok(()) };
        let (last, mut known) = core::mem::take(&mut self.voted[at]);
        if self.stands(at, life, told) || last != ballot {
            known.clear();
        }
        for range in RangeRecord::all(ranges) {
            let mut instance = range.first;
            while instance < range.until {
                if let Some(before) = known.iter().find(|known| known.contains(instance)) {
                    instance = before.until;
                    continue;
                }
                self.vote_for(packet, instance, ballot, at)?;
                each(instance);
                instance += 1;
            }
        }
        known.clear();
        known.extend(RangeRecord::all(ranges));
        self.voted[at] = (ballot, known);
        while self.instances.get(self.frontier as usize).is_some_and(|next| next.chosen.is_some()) {
            self.frontier += 1;
        }
        Ok(())
    }

    /// Notes what an acceptor is. Returns whether that is news.
    fn stands(&mut self, acceptor: usize, life: u64, told: &[U64]) -> bool {
        let known = |stance: &Stance| {
            let lives = told.iter().map(|life| life.get());
            stance.acceptor == acceptor && stance.life == life && stance.lives.iter().copied().eq(lives)
        };
        if self.present[acceptor].is_some_and(|at| known(&self.stances[usize::from(at)])) {
            return false;
        }
        // Two processes with one id speak by turns.
        let before = self.stances.iter().rposition(known);
        self.present[acceptor] = Some(before.unwrap_or(self.stances.len()) as u16);
        if before.is_none() {
            let lives = told.iter().map(|life| life.get()).collect();
            self.stances.push(Stance { acceptor, life, lives });
        }
        true
    }

    /// Whether a majority voted, nobody of it in a life that another one of it knew to be over [DISC17 §3].
    fn majority(&self, votes: &[u16], chosen: &mut heapless::Vec<u16, VOTES>) -> bool {
        if chosen.len() * 2 > self.acceptors.len() {
            return true;
        }
        votes.iter().enumerate().any(|(at, vote)| {
            let stance = &self.stances[usize::from(*vote)];
            let over = |one: &Stance, other: &Stance| {
                one.lives.get(other.acceptor).is_some_and(|known| *known > other.life)
            };
            let agrees = chosen.iter().all(|other| {
                let other = &self.stances[usize::from(*other)];
                other.acceptor != stance.acceptor && !over(stance, other) && !over(other, stance)
            });
            if !agrees || chosen.push(*vote).is_err() {
                return false;
            }
            let found = self.majority(&votes[at + 1..], chosen);
            chosen.pop();
            found
        })
    }

    fn vote_for(&mut self, packet: &Packet<'_>, number: u64, ballot: Ballot, acceptor: usize) -> Checked {
        let Some(stance) = self.present[acceptor] else { return Ok(()) };
        let instance = self.instances.get_mut(number as usize);
        let proposal = instance.and_then(|i| i.proposals.iter_mut().find(|p| p.ballot == ballot));
        let Some(proposal) = proposal else {
            hold!(false, TotalOrder, "{packet}: instance {number} was not proposed in {ballot:?}");
            return Ok(());
        };
        if !proposal.votes.contains(&stance) {
            let _ = proposal.votes.push(stance); // so many lives make a majority long before
        }
        let (votes, batch) = (proposal.votes.clone(), proposal.batch);
        if votes.len() * 2 <= self.acceptors.len() || !self.majority(&votes, &mut heapless::Vec::new()) {
            return Ok(());
        }
        let (first, chosen) = self.instances[number as usize].chosen.unwrap_or((ballot, batch));
        hold!(
            self.batch(chosen) == self.batch(batch),
            TotalOrder,
            "{packet}: two values chosen for instance {number}, in {first:?} and {ballot:?}"
        );
        let lowest = first.min(ballot);
        self.instances[number as usize].chosen = Some((lowest, chosen));
        for other in &self.instances[number as usize].proposals {
            hold!(
                other.ballot < lowest || self.batch(other.batch) == self.batch(chosen),
                TotalOrder,
                "{packet}: instance {number}: {:?} proposed another value than is chosen now",
                other.ballot
            );
        }
        Ok(())
    }

    fn batch(&self, place: Place) -> &[u8] {
        &self.bytes[place.at..place.at + place.length]
    }
}

#[cfg(test)]
mod tests {
    use super::super::forge::{acceptor, ballot, proposal, proposer, seen, vote_of};
    use super::*;
    use crate::sim::failure::{Failure, Rule};

    struct Bench(Chosen);

    impl Bench {
        fn new() -> Bench {
            Bench(Chosen::new(&[1, 2, 3]))
        }

        fn proposes(&mut self, id: u16, round: u64, instance: u64, text: &str) -> Result<(), Failure> {
            seen(&proposal(proposer(id), round, instance, 0, text), |packet| {
                let wire::Body::Phase2a(body, batch) = packet.body else { unreachable!() };
                self.0.propose(0, packet, body, batch)
            })
        }

        fn votes(&mut self, id: u16, ballot: Ballot, ranges: &[Range]) -> Result<(), Failure> {
            self.votes_as(id, 0, &[], ballot, ranges)
        }

        fn votes_as(
            &mut self,
            id: u16,
            life: u64,
            lives: &[u64],
            ballot: Ballot,
            ranges: &[Range],
        ) -> Result<(), Failure> {
            seen(&vote_of(acceptor(id), life, lives, ballot, 0, ranges), |packet| {
                let wire::Body::Phase2b(body, told, ranges) = packet.body else { unreachable!() };
                self.0.vote(packet, body.ballot.get(), (body.life.get(), told), ranges, |_| ())
            })
        }
    }

    fn rule(result: Result<(), Failure>) -> Rule {
        match result {
            Err(Failure::Violation { rule, .. }) => rule,
            other => panic!("{other:?}"),
        }
    }

    const FIRST: Range = Range { first: 0, until: 1 };

    #[test]
    fn what_two_of_three_accept_in_one_ballot_is_chosen_and_one_that_votes_twice_is_one() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        bench.votes(2, ballot(1, 1), &[FIRST]).unwrap();
        bench.votes(2, ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!((bench.0.frontier(), bench.0.chosen(0)), (0, None));
        bench.votes(3, ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!(bench.0.frontier(), 1);
        assert!(bench.0.chosen(0).is_some() && bench.0.chosen(0) == bench.0.proposed(0, ballot(1, 1)));
    }

    #[test]
    fn a_life_that_another_voter_knows_to_be_over_makes_no_majority() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        bench.votes_as(1, 5, &[5, 5, 5], ballot(1, 1), &[FIRST]).unwrap();
        bench.votes_as(2, 5, &[6, 5, 5], ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!(bench.0.frontier(), 0);
        bench.votes_as(3, 5, &[5, 5, 5], ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!(bench.0.frontier(), 1, "two whose word goes together are enough");
    }

    #[test]
    fn two_processes_with_one_id_that_vote_by_turns_keep_no_other_vote_from_being_counted() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        for turn in 0..2 * VOTES as u64 {
            bench.votes_as(1, 5 + turn % 2, &[5 + turn % 2, 5, 5], ballot(1, 1), &[FIRST]).unwrap();
        }
        assert_eq!(bench.0.frontier(), 0);
        bench.votes_as(2, 5, &[6, 5, 5], ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!(bench.0.frontier(), 1);
    }

    #[test]
    fn votes_in_two_ballots_do_not_add_up() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        bench.proposes(2, 2, 0, "b").unwrap();
        bench.votes(1, ballot(1, 1), &[FIRST]).unwrap();
        bench.votes(2, ballot(2, 2), &[FIRST]).unwrap();
        assert_eq!(bench.0.frontier(), 0);
    }

    #[test]
    fn two_values_in_one_ballot_are_a_violation() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        bench.proposes(1, 1, 0, "a").unwrap();
        assert_eq!(rule(bench.proposes(1, 1, 0, "b")), Rule::OneValuePerBallot);
    }

    #[test]
    fn another_value_in_a_higher_ballot_than_the_chosen_one_is_a_violation_whichever_is_seen_first() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        bench.votes(1, ballot(1, 1), &[FIRST]).unwrap();
        bench.votes(2, ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!(rule(bench.proposes(2, 2, 0, "b")), Rule::TotalOrder);

        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        bench.proposes(2, 2, 0, "b").unwrap();
        bench.votes(1, ballot(1, 1), &[FIRST]).unwrap();
        assert_eq!(rule(bench.votes(2, ballot(1, 1), &[FIRST])), Rule::TotalOrder);
    }

    #[test]
    fn a_vote_for_what_nobody_proposed_is_a_violation() {
        let mut bench = Bench::new();
        bench.proposes(1, 1, 0, "a").unwrap();
        assert_eq!(rule(bench.votes(1, ballot(1, 1), &[Range { first: 0, until: 2 }])), Rule::TotalOrder);
        assert_eq!(rule(bench.votes(1, ballot(2, 1), &[FIRST])), Rule::TotalOrder);
    }

    #[test]
    fn a_proposal_beyond_all_bounds_is_a_violation() {
        assert_eq!(rule(Bench::new().proposes(1, 1, 1 << 40, "a")), Rule::Bounds);
    }
}
