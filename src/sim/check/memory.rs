//! An acceptor forgets no vote of its life, unless it says so (invariant 6): every page of its 1b tells of
//! all that it voted for.

use super::Checked;
use crate::sim::failure::hold;
use wire::{Ballot, Packet, Phase1b, Run};

/// What one acceptor voted for in its present life.
#[derive(Clone, Debug, Default)]
struct Votes {
    life: u64,
    /// By instance: the highest ballot in which it voted.
    highest: Vec<Ballot>,
}

/// What each acceptor must remember.
pub struct Memory {
    acceptors: Vec<u16>,
    votes: Vec<Votes>,
}

impl Memory {
    pub fn new(acceptors: &[u16]) -> Memory {
        Memory { acceptors: acceptors.to_vec(), votes: vec![Votes::default(); acceptors.len()] }
    }

    /// An acceptor votes. What it votes for was proposed, so it is not far.
    pub fn votes(&mut self, acceptor: u16, life: u64, ballot: Ballot, instance: u64) {
        let Some(votes) = self.of(acceptor, life) else { return };
        let at = instance as usize;
        if votes.highest.len() <= at {
            votes.highest.resize(at + 1, Ballot::ZERO);
        }
        votes.highest[at] = votes.highest[at].max(ballot);
    }

    /// An acceptor tells what it accepted.
    ///
    /// # Errors
    /// When it leaves out a vote, or tells of a lower ballot.
    pub fn tells(&mut self, packet: &Packet<'_>, life: u64, body: &Phase1b, runs: &[Run]) -> Checked {
        let Some(votes) = self.of(packet.sender.id, life) else { return Ok(()) };
        let first = body.from.get().max(body.blind_until.get());
        let until = body.until.get().min(votes.highest.len() as u64);
        let mut runs = runs.iter().peekable();
        for instance in first..until {
            let voted = votes.highest[instance as usize];
            while runs.next_if(|run| run.range().until <= instance).is_some() {}
            let told = runs.peek().filter(|run| run.range().contains(instance));
            let told = told.map_or(Ballot::ZERO, |run| run.ballot.get());
            hold!(
                told >= voted,
                Memory,
                "{packet}: it voted for instance {instance} in {voted:?}, and tells of {told:?}"
            );
        }
        Ok(())
    }

    /// What this acceptor must remember in this life.
    fn of(&mut self, id: u16, life: u64) -> Option<&mut Votes> {
        let at = self.acceptors.iter().position(|known| *known == id)?;
        let votes = &mut self.votes[at];
        if votes.life != life {
            votes.life = life;
            votes.highest.clear();
        }
        Some(votes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::forge::{acceptor, ballot, broken, promise, seen};
    use super::*;
    use crate::sim::failure::Rule;
    use wire::{Body, Range};

    struct Bench(Memory);

    impl Bench {
        /// Acceptor 1 voted for instances 2, 3 and 4 in ballot 3.1, and for 4 in ballot 5.2.
        fn new() -> Bench {
            let mut bench = Bench(Memory::new(&[1, 2, 3]));
            for (ballot, range) in [(ballot(3, 1), 2..5), (ballot(5, 2), 4..5)] {
                range.for_each(|instance| bench.0.votes(1, 7, ballot, instance));
            }
            bench
        }

        fn tells(&mut self, life: u64, blind_until: u64, runs: &[Run]) -> Checked {
            let bytes = promise(acceptor(1), ballot(9, 3), 100, blind_until, runs);
            seen(&bytes, |packet| {
                let Body::Phase1b(body, _, runs) = packet.body else { unreachable!() };
                self.0.tells(packet, life, body, runs)
            })
        }
    }

    #[test]
    fn a_page_that_leaves_out_a_vote_or_tells_of_a_lower_ballot_is_a_violation() {
        let run = |first, until, ballot| Run::new(Range::new(first, until), ballot);
        let all = [run(2, 4, ballot(3, 1)), run(4, 5, ballot(5, 2))];
        Bench::new().tells(7, 0, &all).unwrap();
        Bench::new().tells(7, 0, &[run(2, 9, ballot(6, 1))]).unwrap();
        assert_eq!(broken(Bench::new().tells(7, 0, &all[..1])), Rule::Memory);
        assert_eq!(broken(Bench::new().tells(7, 0, &[run(2, 5, ballot(3, 1))])), Rule::Memory);
        assert_eq!(broken(Bench::new().tells(7, 0, &[])), Rule::Memory);
    }

    #[test]
    fn what_it_says_that_it_forgot_it_need_not_tell() {
        Bench::new().tells(7, 5, &[]).unwrap();
        assert_eq!(broken(Bench::new().tells(7, 4, &[])), Rule::Memory);
        Bench::new().tells(8, 0, &[]).unwrap();
    }
}
