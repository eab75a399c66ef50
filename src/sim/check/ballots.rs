//! A ballot is used by the one start of the one proposer that it names (invariant 2).

use super::Checked;
use crate::sim::failure::hold;
use std::collections::BTreeMap;
use wire::{Ballot, Body, Packet};

/// Which start of a proposer used which ballot.
#[derive(Default)]
pub struct Users {
    users: BTreeMap<Ballot, usize>,
    /// The last one that was looked up.
    last: (Ballot, usize),
}

impl Users {
    /// The process that was started as the so-manieth proposes, or asks for promises.
    ///
    /// # Errors
    /// When another start did in the same ballot.
    pub fn uses(&mut self, packet: &Packet<'_>, start: usize) -> Checked {
        let ballot = match packet.body {
            Body::Phase1a(body) => body.ballot.get(),
            Body::Phase2a(body, _) => body.ballot(packet.sender),
            _ => return Ok(()),
        };
        if self.last != (ballot, start) {
            let user = *self.users.entry(ballot).or_insert(start);
            hold!(user == start, OneValuePerBallot, "{packet}: an earlier start used this ballot");
            self.last = (ballot, start);
        }
        Ok(())
    }
}

/// Nobody asks for promises, or leads, in a ballot of somebody else or of a former life.
///
/// # Errors
/// When it does. (A 2a cannot: its ballot *is* its sender.)
pub fn owned(packet: &Packet<'_>) -> Checked {
    let (ballot, start) = match packet.body {
        Body::Phase1a(body) => (body.ballot.get(), packet.sender.incarnation),
        // Only a leader says how far its own ballot decided.
        Body::Watermark(body) => (body.ballot.get(), packet.sender.incarnation),
        // An acceptor's fence is named after the life that it begins.
        Body::Join(body) => (body.ballot.get(), body.life.get()),
        _ => return Ok(()),
    };
    let own = (ballot.proposer(), ballot.incarnation()) == (packet.sender.id, start);
    hold!(own, OneValuePerBallot, "{packet}: {ballot:?} is not its own ballot");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::forge::{acceptor, ballot, broken, packet, proposal, proposer, seen};
    use super::*;
    use crate::sim::failure::Rule;
    use wire::{Join, Phase1a};

    #[test]
    fn a_ballot_of_another_proposer_or_of_a_former_life_is_a_violation() {
        let ask = |ballot: Ballot| {
            let body = Phase1a { ballot: ballot.into(), from: 0.into() };
            seen(&packet(proposer(1), 0, &body, &[]), owned)
        };
        ask(ballot(4, 1)).unwrap();
        assert_eq!(broken(ask(ballot(4, 2))), Rule::OneValuePerBallot);
        assert_eq!(broken(ask(Ballot::new(4, 1, 99))), Rule::OneValuePerBallot);
    }

    #[test]
    fn a_fence_of_another_life_is_a_violation() {
        let ask = |life: u64, ballot: Ballot| {
            let body = Join { life: life.into(), ballot: ballot.into() };
            seen(&packet(acceptor(1), 0, &body, &[]), owned)
        };
        ask(77, Ballot::new(4, 1, 77)).unwrap();
        assert_eq!(broken(ask(77, Ballot::new(4, 1, 78))), Rule::OneValuePerBallot);
        assert_eq!(broken(ask(77, Ballot::new(4, 2, 77))), Rule::OneValuePerBallot);
    }

    #[test]
    fn a_ballot_that_an_earlier_start_used_is_a_violation() {
        let mut users = Users::default();
        let mut proposes =
            |round, start| seen(&proposal(proposer(1), round, 0, 0, "x"), |packet| users.uses(packet, start));
        proposes(1, 5).unwrap();
        proposes(1, 5).unwrap();
        proposes(2, 6).unwrap();
        assert_eq!(broken(proposes(1, 6)), Rule::OneValuePerBallot);
    }
}
