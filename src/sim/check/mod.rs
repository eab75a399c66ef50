//! The invariants, held against every packet, every turn and every line of output.
//!
//! The checker stands outside the roles. It sees every packet that leaves a process, and believes no role's
//! count: from 2a and 2b alone it knows what is chosen, before any process does, and so what the learners
//! must print. It stops the run at the first packet that claims too much.
//!
//! | invariant | where |
//! |---|---|
//! | 1 total order, only chosen values, no gaps | [`chosen`], [`delivery`], [`logs`] |
//! | 2 one value per ballot, ballots of one start | [`chosen`], [`ballots`] |
//! | 3 promises never fall, nothing accepted below | [`promises`] |
//! | 4 durable before it is said | [`durable`] |
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
pub mod durable;
pub mod logs;
pub mod memory;
pub mod promises;

use super::failure::Failure;
use super::node::{Actor, Node};
use super::stream::Stream;
use crate::protocol::Nanos;
use ballots::Users;
use chosen::Chosen;
use delivery::Delivery;
use durable::Shadow;
use memory::Memory;
use promises::Promises;
use wire::{Body, Packet};

/// What a check says.
pub type Checked = Result<(), Failure>;

/// One log of the acceptors: instances begin anew in each, and nothing of one has to do with another.
pub struct Log {
    /// As it stands in the headers; 0: what is said of no log.
    pub id: u32,
    pub chosen: Chosen,
    pub delivery: Delivery,
}

/// What a packet does not say of its sender.
#[derive(Clone, Copy)]
pub struct Speaker<'a> {
    /// It was started as the so-manieth process.
    pub start: usize,
    /// The memory that an acceptor speaks from.
    pub life: u64,
    /// What its disk holds, if it keeps one.
    pub durable: Option<&'a Shadow>,
}

/// All that is known of a run, and what must be true of it.
pub struct Checker {
    acceptors: Vec<u16>,
    logs: Vec<Log>,
    /// The log in which something was chosen last.
    current: usize,
    users: Users,
    promises: Promises,
    memory: Memory,
    /// Nothing holds any more.
    suspended: bool,
}

impl Checker {
    /// For this set of acceptors.
    pub fn new(acceptors: &[u16]) -> Checker {
        let mut checker = Checker {
            acceptors: acceptors.to_vec(),
            logs: Vec::new(),
            current: 0,
            users: Users::default(),
            promises: Promises::new(acceptors),
            memory: Memory::new(acceptors),
            suspended: false,
        };
        checker.place(0);
        checker
    }

    /// The log in which something was chosen last.
    pub fn current(&self) -> &Log {
        &self.logs[self.current]
    }

    /// A log, if anything was heard of it.
    pub fn log(&self, id: u32) -> Option<&Log> {
        self.logs.iter().find(|log| log.id == id)
    }

    /// Asks for nothing any more: something happened after which nothing is claimed at all.
    pub fn suspend(&mut self) {
        self.suspended = true;
    }

    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Values that came out of all logs.
    pub fn lines(&self) -> u64 {
        self.logs.iter().map(|log| log.delivery.lines()).sum()
    }

    fn place(&mut self, id: u32) -> usize {
        self.logs.iter().position(|log| log.id == id).unwrap_or_else(|| {
            self.logs.push(Log { id, chosen: Chosen::new(&self.acceptors), delivery: Delivery::default() });
            self.logs.len() - 1
        })
    }

    /// A packet leaves a process.
    ///
    /// # Errors
    /// What it violates.
    pub fn sent(
        &mut self,
        now: Nanos,
        packet: &Packet<'_>,
        speaker: Speaker<'_>,
        streams: &[Stream],
    ) -> Checked {
        if self.suspended {
            return Ok(());
        }
        let Speaker { start, life, durable } = speaker;
        if let Some(shadow) = durable {
            shadow.covers(packet)?;
        }
        ballots::owned(packet)?;
        self.users.uses(packet, start)?;
        self.promises.spoken(packet, life)?;
        let at = self.place(packet.header.log.get());
        let Log { chosen, delivery, .. } = &mut self.logs[at];
        match packet.body {
            Body::Phase2a(body, batch) => {
                bounds::proposal(packet, body)?;
                chosen.propose(now, packet, body, batch)?;
            }
            Body::Phase2b(body, told, ranges) => {
                let (acceptor, ballot) = (packet.sender.id, body.ballot.get());
                let (memory, before) = (&mut self.memory, chosen.frontier());
                let each = |instance| memory.votes(acceptor, life, ballot, instance);
                chosen.vote(packet, ballot, (life, told), ranges, each)?;
                delivery.advance(chosen, streams)?;
                if chosen.frontier() > before {
                    self.current = at;
                }
            }
            Body::Phase1b(body, _, runs) => self.memory.tells(packet, life, body, runs)?,
            _ => {}
        }
        claims::check(packet, chosen, delivery)
    }

    /// A process of this log has taken a turn, and all that it sent was seen.
    ///
    /// # Errors
    /// What it violates.
    pub fn turned(&mut self, node: &Node, streams: &[Stream]) -> Checked {
        if self.suspended {
            return Ok(());
        }
        let id = match &node.actor {
            Actor::Acceptor(acceptor) => acceptor.log(),
            _ => node.out.log(),
        };
        let at = self.place(id);
        let Log { chosen, delivery, .. } = &self.logs[at];
        match &node.actor {
            Actor::Acceptor(acceptor) => {
                self.promises.promised(node.me, acceptor.life(), acceptor.promised())?;
                if acceptor.is_member() {
                    bounds::store(node.me, acceptor.store().top(), chosen.frontier())?;
                }
                Ok(())
            }
            Actor::Proposer(proposer) => claims::decided(node.me, proposer.decided_until(), chosen),
            Actor::Learner(learner) => claims::decided(node.me, learner.delivered_until(), chosen),
            Actor::Client(client) => {
                let stream = node.feed.as_ref().expect("a client has input").stream;
                let delivered = delivery.delivered(stream).min(streams[stream].offered);
                claims::acknowledged(node.me, client.progress().decided, delivered)
            }
        }
    }

    /// A process of this log prints `new` after `printed` bytes.
    ///
    /// # Errors
    /// When that is not what was chosen there.
    pub fn printed(&mut self, node: &Node, new: &[u8]) -> Checked {
        if self.suspended {
            return Ok(());
        }
        let at = self.place(node.out.log());
        self.logs[at].delivery.printed(node.me.id, node.printed, new)
    }
}

#[cfg(test)]
pub(crate) mod forge;
