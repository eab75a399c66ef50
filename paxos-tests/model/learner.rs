//! A learner: the real [`Tally`].
//!
//! It keeps nothing either, see [`super::proposer`]: an instance is chosen in a ballot when *some* learner could
//! find it so that read some of the 2b for it, in some order. What else it may have read only tells it of
//! more lives that are over, and takes votes back. So [`Tally`] is asked about each order of each part of the
//! votes for one instance in one ballot.

use crate::packets::{Kind, PacketId, Packets};
use crate::shape::{Plant, Shape};
use paxos::protocol::quorum::{Acceptors, Tally, lives};
use std::collections::HashMap;
use std::sync::RwLock;
use wire::{Body, RangeRecord};

/// Calls `each` with every order of the numbers below `count`, until it returns `false`.
pub fn orders(count: usize, each: &mut impl FnMut(&[usize]) -> bool) -> bool {
    fn go(order: &mut Vec<usize>, at: usize, each: &mut impl FnMut(&[usize]) -> bool) -> bool {
        if at == order.len() {
            return each(order);
        }
        (at..order.len()).all(|other| {
            order.swap(at, other);
            let more = go(order, at + 1, each);
            order.swap(at, other);
            more
        })
    }
    go(&mut (0..count).collect(), 0, each)
}

/// What a learner may make of some votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub chosen: bool,
    /// A majority voted, but not in lives that go together.
    pub dropped: bool,
}

pub struct Learners {
    shape: Shape,
    acceptors: Acceptors,
    counts: RwLock<HashMap<Vec<PacketId>, Count>>,
}

impl Learners {
    pub fn new(shape: &Shape) -> Learners {
        Learners { shape: shape.clone(), acceptors: Acceptors::new(&shape.ids()), counts: RwLock::default() }
    }

    /// What may be made of these votes for one instance in one ballot.
    pub fn count(&self, packets: &Packets, votes: &[PacketId]) -> Count {
        let twice = self.shape.plant == Plant::VotersCountTwice;
        if votes.len() < self.acceptors.majority() && !twice {
            return Count::default();
        }
        if let Some(count) = self.counts.read().expect("no writer panics").get(votes) {
            return *count;
        }
        let mut sealed: Vec<_> = votes.iter().map(|id| packets.get(*id)).collect();
        if twice {
            sealed.extend(votes.iter().map(|id| packets.get(*id)));
        }
        let mut count = Count::default();
        // The count is looked at after each vote, so the orders of all of them hold those of every part that
        // a longer one begins with; of the other parts another order does.
        orders(sealed.len(), &mut |order| {
            count.chosen |= self.read(order.iter().map(|at| &*sealed[*at]));
            !count.chosen
        });
        let mut voters: Vec<_> = sealed.iter().map(|sealed| sealed.packet().sender.id).collect();
        voters.sort_unstable();
        voters.dedup();
        count.dropped = !count.chosen && voters.len() >= self.acceptors.majority();
        self.counts.write().expect("no writer panics").insert(votes.to_vec(), count);
        count
    }

    /// Whether the earlier of two votes of one kind counts wherever the later one does: it is of the same life,
    /// which knew of no more lives.
    pub fn counts_wherever(&self, packets: &Packets, earlier: PacketId, later: PacketId) -> bool {
        let (earlier, later) = (packets.get(earlier), packets.get(later));
        let (earlier, later) = (earlier.packet(), later.packet());
        let (Body::Phase2b(one, knew, _), Body::Phase2b(other, knows, _)) = (earlier.body, later.body) else {
            unreachable!("only votes are compared")
        };
        (earlier.sender.id, one.life) == (later.sender.id, other.life)
            && lives(knew).zip(lives(knows)).all(|(before, now)| before <= now)
    }

    /// Reads votes in this order. Returns whether they decided at some moment.
    fn read<'a>(&self, votes: impl Iterator<Item = &'a crate::packets::Sealed>) -> bool {
        let mut tally = Tally::new(&self.acceptors);
        for (sequence, sealed) in votes.enumerate() {
            let packet = sealed.packet();
            let (Body::Phase2b(body, told, ranges), Kind::Vote { instance, .. }) = (packet.body, sealed.kind)
            else {
                unreachable!("only votes are counted")
            };
            let at = match self.shape.plant {
                Plant::VotersCountTwice => sequence % self.acceptors.len(),
                _ => self.acceptors.index(packet.sender.id).expect("of one of the acceptors"),
            };
            let ballot = body.ballot.get();
            let lives_count = self.shape.plant != Plant::VotesOfAnyLife;
            if lives_count && !tally.live(at, body.life.get(), lives(told)) {
                continue;
            }
            // Later than all that was read of this acceptor before.
            let stamp = (packet.sender.incarnation, sequence as u64);
            tally.vote(at, stamp, ballot, RangeRecord::all(ranges));
            if tally.chosen_until(ballot, instance.into()) > instance.into() {
                return true;
            }
        }
        false
    }
}
