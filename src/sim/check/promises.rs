//! Promises never fall, not in what an acceptor says, nor in what it holds (invariant 3).

use super::Checked;
use crate::sim::failure::hold;
use wire::{Ballot, Body, Packet, Role, Sender};

/// What an acceptor promised last, and the memory that it speaks from.
#[derive(Clone, Copy, Debug)]
struct Promise {
    life: u64,
    ballot: Ballot,
}

/// The latest promise of each acceptor.
pub struct Promises {
    acceptors: Vec<u16>,
    promises: Vec<Promise>,
}

impl Promises {
    pub fn new(acceptors: &[u16]) -> Promises {
        let nothing = Promise { life: 0, ballot: Ballot::ZERO };
        Promises { acceptors: acceptors.to_vec(), promises: vec![nothing; acceptors.len()] }
    }

    /// An acceptor says what it promised. All that a 2b votes for was accepted in the ballot it names, so a
    /// vote below an earlier promise shows here as well.
    ///
    /// # Errors
    /// When it promised more before.
    pub fn spoken(&mut self, packet: &Packet<'_>, life: u64) -> Checked {
        if packet.sender.role != Role::Acceptor {
            return Ok(());
        }
        let ballot = match packet.body {
            Body::Phase1b(body, ..) => body.ballot.get(),
            Body::Phase2b(body, ..) => body.ballot.get(),
            Body::Nack(body) => body.promised.get(),
            _ => return Ok(()),
        };
        self.promised(packet.sender, life, ballot)
    }

    /// An acceptor has promised this.
    ///
    /// # Errors
    /// When it promised more before, in this life.
    pub fn promised(&mut self, who: Sender, life: u64, ballot: Ballot) -> Checked {
        let Some(at) = self.acceptors.iter().position(|known| *known == who.id) else { return Ok(()) };
        let before = self.promises[at];
        hold!(
            before.life != life || ballot >= before.ballot,
            Promises,
            "{who} is at {ballot:?} and promised {:?} before",
            before.ballot
        );
        self.promises[at] = Promise { life, ballot };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forge::{acceptor, ballot, broken, promise, seen, vote};
    use super::*;
    use crate::sim::failure::Rule;

    #[test]
    fn a_promise_or_a_vote_below_an_earlier_promise_is_a_violation_until_a_new_life() {
        let mut promises = Promises::new(&[1, 2, 3]);
        let says =
            |promises: &mut Promises, bytes: &[u8], life| seen(bytes, |packet| promises.spoken(packet, life));
        let (high, low) = (ballot(4, 2), ballot(4, 1));
        says(&mut promises, &promise(acceptor(1), high, 0, 0, &[]), 7).unwrap();
        says(&mut promises, &promise(acceptor(2), low, 0, 0, &[]), 7).unwrap();
        assert_eq!(broken(says(&mut promises, &vote(acceptor(1), low, 0, &[]), 7)), Rule::Promises);
        assert_eq!(broken(promises.promised(acceptor(1), 7, low)), Rule::Promises);
        says(&mut promises, &vote(acceptor(1), high, 0, &[]), 7).unwrap();
        says(&mut promises, &vote(acceptor(1), low, 0, &[]), 8).unwrap();
    }
}
