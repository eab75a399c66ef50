//! The invariants, held against every packet, every turn and every line of output.
//!
//! The checker stands outside the roles. It sees every packet that leaves a process, and believes no role's
//! count: from 2a and 2b alone it knows what is chosen, before any process does, and so what the learners
//! must print. It stops the run at the first packet that claims too much.
//!
//! | invariant | where |
//! |---|---|
//! | 1 total order, only chosen values, no gaps | [`chosen`], [`delivery`] |
//! | 2 one value per ballot, ballots of one start | [`chosen`], [`ballots`] |
//! | 3 promises never fall, nothing accepted below | [`promises`] |
//! | 5 quorums count distinct acceptors | [`chosen`], and [`claims`]: nobody knows more than it does |
//! | 6 nothing forgotten silently | [`memory`] |
//! | 7 acknowledged is delivered | [`claims`], [`delivery`] |
//! | 8 bounds | [`bounds`] |
//! | 9 bytes | [`super::node`], where damaged packets are read |
//! | 10 the same seed, the same run | [`super::World::digest`] |

pub mod ballots;
pub mod bounds;
pub mod chosen;
pub mod claims;
pub mod delivery;
pub mod memory;
pub mod promises;

use super::failure::Failure;
use super::node::{Actor, Node};
use super::stream::Stream;
use chosen::Chosen;
use delivery::Delivery;
use memory::Memory;
use promises::Promises;
use wire::{Body, Packet};

/// What a check says.
pub type Checked = Result<(), Failure>;

/// All that is known of a run, and what must be true of it.
pub struct Checker {
    pub chosen: Chosen,
    pub delivery: Delivery,
    promises: Promises,
    memory: Memory,
}

impl Checker {
    /// For this set of acceptors.
    pub fn new(acceptors: &[u16]) -> Checker {
        Checker {
            chosen: Chosen::new(acceptors),
            delivery: Delivery::default(),
            promises: Promises::new(acceptors),
            memory: Memory::new(acceptors),
        }
    }

    /// A packet leaves a process. `life`: the memory that its sender speaks from.
    ///
    /// # Errors
    /// What it violates.
    pub fn sent(&mut self, packet: &Packet<'_>, life: u64, streams: &mut [Stream]) -> Checked {
        ballots::owned(packet)?;
        self.promises.spoken(packet, life)?;
        match packet.body {
            Body::Phase2a(body, batch) => {
                bounds::proposal(packet, body)?;
                self.chosen.propose(packet, body, batch)?;
            }
            Body::Phase2b(body, told, ranges) => {
                let (acceptor, ballot) = (packet.sender.id, body.ballot.get());
                let memory = &mut self.memory;
                let each = |instance| memory.votes(acceptor, life, ballot, instance);
                self.chosen.vote(packet, ballot, (life, told), ranges, each)?;
                self.delivery.advance(&self.chosen, streams)?;
            }
            Body::Phase1b(body, _, runs) => self.memory.tells(packet, life, body, runs)?,
            _ => {}
        }
        claims::check(packet, &self.chosen, &self.delivery)
    }

    /// A process has taken a turn, and all that it sent was seen.
    ///
    /// # Errors
    /// What it violates.
    pub fn turned(&mut self, node: &Node, streams: &[Stream]) -> Checked {
        match &node.actor {
            Actor::Acceptor(acceptor) => {
                self.promises.promised(node.me, acceptor.life(), acceptor.promised())?;
                bounds::store(node.me, acceptor.store().top(), self.chosen.frontier())
            }
            Actor::Proposer(proposer) => claims::decided(node.me, proposer.decided_until(), &self.chosen),
            Actor::Learner(learner) => claims::decided(node.me, learner.delivered_until(), &self.chosen),
            Actor::Client(client) => {
                let stream = &streams[node.feed.as_ref().expect("a client has input").stream];
                claims::acknowledged(node.me, client.progress().decided, stream)
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod forge;
