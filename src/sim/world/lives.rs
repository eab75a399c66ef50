//! Starting, crashing and pausing processes.

use super::World;
use crate::limits::{MS, PACKET_COST, TURN_ENOUGH, TURN_PACKETS};
use crate::planted::{Bug, planted};
use crate::protocol::memory::Memory;
use crate::protocol::{Nanos, Setup};
use crate::sim::budget::Budget;
use crate::sim::chance::Chance;
use crate::sim::check::Checker;
use crate::sim::clock::Clock;
use crate::sim::failure::Failure;
use crate::sim::network::Who;
use crate::sim::node::{self, Actor, Birth, Node, listens_to};
use crate::sim::script::{DiskFate, Input};
use crate::sim::stream::{Feed, Stream};
use wire::{Layout, Role, Sender};

/// What Linux grants by default, as the kernel counts.
const SPACE: u32 = 212_992;
/// Of the configuration that all must agree on.
const CLUSTER: u32 = 5;

impl World {
    /// The configured set of acceptors; nobody starts yet.
    pub(in crate::sim) fn acceptors(&mut self, ids: Vec<u16>) -> Result<(), Failure> {
        if !self.acceptors.is_empty() {
            return Err(Failure::Script("there is one set of acceptors".into()));
        }
        self.checker = Checker::new(&ids);
        self.budget = Budget::new(ids.len(), self.budget.promised);
        self.acceptors = ids;
        Ok(())
    }

    pub(in crate::sim) fn start(&mut self, role: Role, id: u16, feed: Option<Feed>) -> Result<(), Failure> {
        if self.acceptors.is_empty() {
            return Err(Failure::Script("first say which acceptors there are".into()));
        }
        if role == Role::Acceptor && !self.acceptors.contains(&id) {
            return Err(Failure::Script(format!("acceptor {id} is none of the acceptors")));
        }
        let start = self.nodes.len();
        let reused = planted(Bug::BallotReused) && role == Role::Proposer;
        let set_back = self.conditions.set_back && role == Role::Acceptor;
        let incarnation = match start {
            _ if reused => u64::from(id),
            start if set_back => incarnation(start).saturating_sub((2 * start as u64) << 22),
            start => incarnation(start),
        };
        let me = Sender { role, id, incarnation };
        let packet = self.conditions.packet_length;
        let spaces = self.conditions.spaces.iter().rev();
        let space = spaces.clone().find(|(who, _)| who.is(me)).map_or(SPACE, |(_, space)| *space);
        if u64::from(space) < packet as u64 + PACKET_COST {
            return Err(Failure::Script(format!("a packet of {packet} bytes never fits {space}")));
        }
        let setup = Setup {
            me,
            layout: Layout { packet, cluster: CLUSTER, trailer: 0 },
            address: node::address(start),
            acceptors: self.acceptors.clone(),
            heartbeat: 2_000 * MS,
            suspect: 5_000 * MS,
            seed: self.chance.draw(),
        };
        self.tell(format_args!("--- {me} starts"));
        let (journal, memory) = if self.storage.durable && role == Role::Acceptor {
            let (journal, memory) = self.open(me, CLUSTER)?;
            (Some(journal), memory)
        } else {
            (None, Memory::default())
        };
        let place = self.place(role, id);
        let clock = Clock::new(self.now, self.conditions.drift, &mut self.chance);
        let read_max = if self.conditions.alone { TURN_ENOUGH } else { TURN_PACKETS };
        let birth = Birth { setup, place, clock, now: self.now, space, read_max, feed, journal, memory };
        self.nodes.push(Some(Box::new(Node::new(birth))));
        for (socket, group) in listens_to(role).iter().enumerate() {
            self.listeners[*group as usize - 1].push((start as u16, socket as u8));
        }
        self.wake(start, self.now);
        Ok(())
    }

    fn place(&mut self, role: Role, id: u16) -> usize {
        self.places.iter().position(|place| *place == (role, id)).unwrap_or_else(|| {
            self.places.push((role, id));
            self.places.len() - 1
        })
    }

    pub(in crate::sim) fn submit(&mut self, client: u16, input: Input) -> Result<(), Failure> {
        let start = self.streams.iter().filter(|stream| stream.client == client).count() as u64;
        self.streams.push(Stream {
            client,
            incarnation: incarnation(self.nodes.len()),
            start,
            values: input.values,
            shape: input.shape,
            offered: 0,
        });
        let feed = Feed::new(self.streams.len() - 1, input.per_second, self.now);
        self.start(Role::Client, client, Some(feed))
    }

    /// Starts again who was crashed, or another one under the same id. A client begins its values anew.
    pub(in crate::sim) fn restart(&mut self, role: Role, id: u16, disk: DiskFate) -> Result<(), Failure> {
        if role != Role::Client {
            if disk != DiskFate::Same {
                self.fate(Sender { role, id, incarnation: 0 }, disk)?;
            }
            return self.start(role, id, None);
        }
        match self.streams.iter().rfind(|stream| stream.client == id) {
            Some(&Stream { values, shape, .. }) => self.submit(id, Input { values, shape, per_second: None }),
            None => Err(Failure::Script(format!("client {id} submitted nothing before"))),
        }
    }

    /// Ends processes at once. `power`: what was not synced is gone as well.
    pub(in crate::sim) fn crash(&mut self, who: Who, power: bool) -> Result<(), Failure> {
        for start in 0..self.nodes.len() {
            if self.nodes[start].as_ref().is_some_and(|node| who.is(node.me)) {
                self.bury(start, power)?;
            }
        }
        Ok(())
    }

    /// What remains of a process when it ends.
    pub(super) fn bury(&mut self, start: usize, power: bool) -> Result<(), Failure> {
        for listeners in &mut self.listeners {
            listeners.retain(|(listener, _)| usize::from(*listener) != start);
        }
        let Some(mut node) = self.nodes[start].take() else { return Ok(()) };
        node.bury(&mut self.packets);
        // It may have died in the turn in which it accepted something for the first time, and told somebody.
        self.may_have_begun(&node.actor);
        if let Some(journal) = node.journal.take() {
            // What it remembers, it will remember.
            self.shelve(node.me, journal.into_medium(), power);
            return Ok(());
        }
        match self.acceptor_at(node.me) {
            Some(at) => self.budget.set(at, true),
            None => Ok(()),
        }
    }

    /// Notes whether something was accepted.
    fn may_have_begun(&mut self, actor: &Actor) {
        if let Actor::Acceptor(acceptor) = actor
            && acceptor.store().top() > 0
        {
            self.budget.begin();
        }
    }

    /// Notes how an acceptor's memory stands.
    pub(super) fn account(&mut self, node: &Node) -> Result<(), Failure> {
        let (Actor::Acceptor(acceptor), Some(at)) = (&node.actor, self.acceptor_at(node.me)) else {
            return Ok(());
        };
        self.may_have_begun(&node.actor);
        // Who founded another log while nothing had been chosen anywhere has yet to join this one.
        let (own, current) = (acceptor.log(), self.checker.current().id);
        let elsewhere = current != 0 && own != current;
        self.budget.set(at, !acceptor.is_member() || acceptor.blind_until() > 0 || elsewhere)
    }

    pub(in crate::sim) fn pause(&mut self, who: Who, time: Nanos) {
        for index in 0..self.nodes.len() {
            if let Some(node) = &mut self.nodes[index]
                && who.is(node.me)
            {
                node.paused_until = self.now + time;
                node.wake = None;
                self.wake(index, self.now);
            }
        }
    }

    /// Ends all pauses.
    pub(in crate::sim) fn wake_all(&mut self) {
        for index in 0..self.nodes.len() {
            if let Some(node) = &mut self.nodes[index]
                && node.paused_until > self.now
            {
                node.paused_until = self.now;
                self.wake(index, self.now);
            }
        }
    }
}

/// Of the process that is started as the so-manieth: later starts have larger ones, whose lowest 22 bits are
/// anything, as those of real clocks are.
fn incarnation(start: usize) -> u64 {
    let start = 1_000 + start as u64;
    start << 22 | Chance::new(start).below(1 << 22)
}
