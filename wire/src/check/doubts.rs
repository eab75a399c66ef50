//! Claims that what was captured up to them does not bear out. Whether they are wrong, or the capture holds
//! too little to say, shows at its end, when it is known what is missing.

use super::instances::{Instance, Stance, together};
use super::place::Place;
use super::rule::Rule;
use crate::Ballot;

/// Doubts of one kind that are held; of further ones only the number is.
const HELD: usize = 256;

/// Instances that somebody took for decided, and no majority was seen to have voted for.
#[derive(Clone, Debug)]
pub struct Doubt {
    pub rule: Rule,
    pub first: u64,
    pub until: u64,
    /// Who claimed it.
    pub claim: Place,
    /// How many voters go together at best.
    pub best: usize,
    /// Votes for it, some of them.
    pub votes: heapless::Vec<Place, 4>,
    /// How many claims there were of the kind.
    pub claims: u64,
}

/// Votes of which no proposal was seen.
#[derive(Clone, Copy, Debug)]
pub struct Unproposed {
    pub instance: u64,
    pub ballot: Ballot,
    pub vote: Place,
}

#[derive(Default)]
pub struct Doubts {
    pub list: Vec<Doubt>,
    pub unproposed: Vec<Unproposed>,
    /// Those for which there was no room.
    pub more: u64,
    pub more_unproposed: u64,
    /// Proposals with votes.
    pub voted_for: u64,
}

impl Doubts {
    pub fn raise(
        &mut self,
        rule: Rule,
        instance: u64,
        claim: Place,
        slot: Option<&Instance>,
        stances: &[Stance],
    ) {
        let proposals = slot.into_iter().flat_map(|slot| &slot.proposals);
        let best = proposals.map(|proposal| together(&proposal.votes, stances).len()).max().unwrap_or(0);
        // One packet more about the same instances says nothing new.
        let known = self.list.iter_mut().rev().take(8).find(|last| {
            last.rule == rule && last.best == best && (last.first..=last.until).contains(&instance)
        });
        if let Some(known) = known {
            known.until = known.until.max(instance + 1);
            known.claims += 1;
        } else if self.list.len() < HELD {
            let votes =
                slot.into_iter().flat_map(|slot| &slot.proposals).flat_map(|proposal| &proposal.votes);
            let votes = votes.take(4).map(|vote| vote.place).collect();
            self.list.push(Doubt {
                rule,
                first: instance,
                until: instance + 1,
                claim,
                best,
                votes,
                claims: 1,
            });
        } else {
            self.more += 1;
        }
    }

    /// A vote of which no proposal was seen.
    pub fn unproposed(&mut self, instance: u64, ballot: Ballot, vote: Place) {
        let same = |known: &Unproposed| (known.instance, known.ballot) == (instance, ballot);
        if self.unproposed.last().is_some_and(same) {
            return;
        }
        if self.unproposed.len() < HELD {
            self.unproposed.push(Unproposed { instance, ballot, vote });
        } else {
            self.more_unproposed += 1;
        }
    }

    /// An instance leaves the window.
    pub fn leaves(&mut self, instance: u64, slot: &Instance, stances: &[Stance]) {
        for proposal in slot.proposals.iter().filter(|proposal| !proposal.votes.is_empty()) {
            self.voted_for += 1;
            if !proposal.proposed && !proposal.early {
                self.unproposed(instance, proposal.ballot, proposal.votes[0].place);
            }
        }
        if let Some(claim) = slot.claimed
            && slot.chosen.is_none()
        {
            self.raise(Rule::Decided, instance, claim, Some(slot), stances);
        }
    }
}
