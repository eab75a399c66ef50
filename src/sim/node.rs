//! One start of one process: a role, its outbox, its timers, its receive buffers, its own clock.

use super::stream::{Feed, Stream};
use crate::limits::PACKET_COST;
use crate::protocol::acceptor::Acceptor;
use crate::protocol::client::Client;
use crate::protocol::deliver::Format;
use crate::protocol::learner::Learner;
use crate::protocol::proposer::Proposer;
use crate::protocol::{Nanos, Outbox, Process, Setup, Stop, TIMERS};
use core::net::SocketAddrV4;
use std::collections::VecDeque;
use std::rc::Rc;
use wire::{Packet, Role, Sender};

pub enum Actor {
    Client(Box<Client>),
    Proposer(Box<Proposer>),
    Acceptor(Box<Acceptor>),
    Learner(Box<Learner>),
}

impl Actor {
    fn new(setup: Setup) -> Actor {
        match setup.me.role {
            Role::Client => Actor::Client(Box::new(Client::new(setup))),
            Role::Proposer => Actor::Proposer(Box::new(Proposer::new(setup))),
            Role::Acceptor => Actor::Acceptor(Box::new(Acceptor::new(setup))),
            Role::Learner => Actor::Learner(Box::new(Learner::new(setup, Format::Value, 0))),
        }
    }

    pub fn process(&mut self) -> &mut dyn Process {
        match self {
            Actor::Client(role) => &mut **role,
            Actor::Proposer(role) => &mut **role,
            Actor::Acceptor(role) => &mut **role,
            Actor::Learner(role) => &mut **role,
        }
    }
}

/// Which groups a role listens to, in the order in which the reactor reads them; its own address comes last.
pub fn listens_to(role: Role) -> &'static [Role] {
    match role {
        Role::Client => &[Role::Client],
        Role::Proposer => &[Role::Acceptor, Role::Learner, Role::Proposer],
        Role::Acceptor => &[Role::Acceptor],
        Role::Learner => &[Role::Acceptor, Role::Learner],
    }
}

/// A packet on its way into a process: from where, over which of its sockets.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub from: SocketAddrV4,
    pub socket: usize,
    pub bytes: Rc<[u8]>,
}

/// The most sockets that a process reads.
const SOCKETS: usize = 4;
/// A turn keeps its process busy for so long, and for so much longer with each packet, nanoseconds.
const TURN: u64 = 2_000;
const PER_PACKET: u64 = 500;

pub struct Node {
    pub me: Sender,
    pub address: SocketAddrV4,
    pub actor: Actor,
    pub out: Outbox,
    /// The world's time when it started: there its clock begins.
    pub born: Nanos,
    pub timers: [Option<Nanos>; TIMERS],
    inbox: VecDeque<Arrival>,
    used: [u64; SOCKETS],
    pub space: u32,
    drops: u32,
    drops_told: bool,
    /// When its next turn is due.
    pub wake: Option<Nanos>,
    pub busy_until: Nanos,
    pub paused_until: Nanos,
    pub feed: Option<Feed>,
    /// Bytes that it printed.
    pub printed: usize,
}

impl Node {
    pub fn new(setup: Setup, now: Nanos, space: u32, feed: Option<Feed>) -> Node {
        let mut node = Node {
            me: setup.me,
            address: setup.address,
            out: Outbox::new(setup.layout, setup.me),
            actor: Actor::new(setup),
            born: now,
            timers: [None; TIMERS],
            inbox: VecDeque::new(),
            used: [0; SOCKETS],
            space,
            drops: 0,
            drops_told: false,
            wake: None,
            busy_until: now,
            paused_until: now,
            feed,
            printed: 0,
        };
        node.actor.process().receive_space(space, 0);
        node.actor.process().start(0, &mut node.out);
        node
    }

    /// A packet reaches a socket. `false` when its buffer is full.
    pub fn arrive(&mut self, arrival: Arrival) -> bool {
        let cost = arrival.bytes.len() as u64 + PACKET_COST;
        let used = &mut self.used[arrival.socket];
        if *used + cost > self.space.into() {
            self.drops += 1;
            self.drops_told = false;
            return false;
        }
        *used += cost;
        self.inbox.push_back(arrival);
        true
    }

    /// One turn, as the reactor runs it. What it wants sent and printed is in the outbox then.
    pub fn turn(&mut self, now: Nanos, streams: &mut [Stream]) {
        let local = now - self.born;
        if !core::mem::replace(&mut self.drops_told, true) {
            self.actor.process().receive_space(self.space, self.drops);
        }
        let mut packets = core::mem::take(&mut self.inbox);
        self.used = [0; SOCKETS];
        self.busy_until = now + TURN + PER_PACKET * packets.len() as u64;
        packets.make_contiguous().sort_by_key(|arrival| arrival.socket);
        for arrival in &packets {
            let packet = Packet::parse(&arrival.bytes).expect("it was parsed when it was sent");
            self.actor.process().packet(local, arrival.from, &packet, &mut self.out);
        }
        let mut due: heapless::Vec<(Nanos, usize), TIMERS> = heapless::Vec::new();
        for timer in 0..TIMERS {
            if let Some(at) = self.timers[timer].take_if(|at| *at <= local) {
                let _ = due.push((at, timer));
            }
        }
        due.sort_unstable();
        for (_, timer) in due {
            self.actor.process().timer(local, timer, &mut self.out);
        }
        self.feed(now, streams);
        self.actor.process().turn(local, &mut self.out);
        let timers = &mut self.timers;
        self.out.take_timers(|timer, at| timers[timer] = at.map(|at| at.max(local + 1)));
    }

    /// Hands a client what its input has.
    fn feed(&mut self, now: Nanos, streams: &mut [Stream]) {
        let (Some(feed), Actor::Client(client)) = (&mut self.feed, &mut self.actor) else { return };
        let stream = &mut streams[feed.stream];
        loop {
            feed.taken += client.offer(&feed.pending[feed.taken..]);
            if feed.taken < feed.pending.len() {
                return;
            }
            feed.pending.clear();
            feed.taken = 0;
            let allowed = feed.allowed(now).min(stream.values);
            while stream.offered < allowed && feed.pending.len() < 4096 {
                feed.pending.extend_from_slice(&stream.value(stream.offered));
                feed.pending.push(b'\n');
                stream.offered += 1;
            }
            if feed.pending.is_empty() {
                if stream.offered == stream.values && !core::mem::replace(&mut feed.ended, true) {
                    client.end();
                }
                return;
            }
        }
    }

    /// When it wants its next turn, if nothing comes.
    pub fn next(&mut self, streams: &[Stream]) -> Option<Nanos> {
        let again = self.out.take_again().then_some(self.busy_until);
        let timer = self.timers.iter().flatten().min().map(|at| at + self.born);
        let input = self.feed.as_ref().filter(|feed| !feed.ended && feed.pending.is_empty());
        let input = input.and_then(|feed| feed.next(streams[feed.stream].offered));
        [again, timer, input].into_iter().flatten().min()
    }

    pub fn stopping(&self) -> Option<Stop> {
        self.out.stopping()
    }
}
