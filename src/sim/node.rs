//! One start of one process: a role, its outbox, its timers, its receive buffers, its own clock.

use super::check::logs::Bond;
use super::clock::Clock;
use super::disk::Disk;
use super::failure::{Failure, hold};
use super::packets::{PacketId, Packets};
use super::stream::{Feed, Stream};
use crate::journal::Journal;
use crate::limits::PACKET_COST;
use crate::protocol::acceptor::Acceptor;
use crate::protocol::client::Client;
use crate::protocol::deliver::Format;
use crate::protocol::learner::Learner;
use crate::protocol::memory::Memory;
use crate::protocol::proposer::Proposer;
use crate::protocol::{Nanos, Outbox, Process, Setup, TIMERS};
use crate::wheel::Wheel;
use core::net::{Ipv4Addr, SocketAddrV4};
use wire::{Packet, Refusal, Role, Sender};

/// The process itself.
pub enum Actor {
    Client(Box<Client>),
    Proposer(Box<Proposer>),
    Acceptor(Box<Acceptor>),
    Learner(Box<Learner>),
}

impl Actor {
    fn new(setup: Setup, memory: Memory) -> Actor {
        match setup.me.role {
            Role::Client => Actor::Client(Box::new(Client::new(setup))),
            Role::Proposer => Actor::Proposer(Box::new(Proposer::new(setup))),
            Role::Acceptor => Actor::Acceptor(Box::new(Acceptor::remembering(setup, memory))),
            Role::Learner => Actor::Learner(Box::new(Learner::new(setup, Format::Value, 0))),
            Role::Observer => unreachable!("scripts name the roles of a cluster"),
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

    /// The memory in which packets and values stand that the role sends and prints.
    pub fn held(&self) -> &[u8] {
        match self {
            Actor::Client(role) => role.held(),
            Actor::Proposer(role) => role.held(),
            Actor::Acceptor(role) => role.held(),
            Actor::Learner(role) => role.held(),
        }
    }
}

/// Which groups a role listens to, in the order in which the reactor reads them; its own address comes last.
pub const fn listens_to(role: Role) -> &'static [Role] {
    match role {
        Role::Client => &[Role::Client],
        Role::Proposer => &[Role::Acceptor, Role::Learner, Role::Proposer],
        Role::Acceptor => &[Role::Acceptor],
        Role::Learner => &[Role::Acceptor, Role::Learner],
        Role::Observer => &[],
    }
}

/// The port of the first start; each later start has the next.
const PORT: u16 = 10_000;

/// Where a start of a process can be reached.
pub fn address(start: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT + start as u16)
}

/// Which start can be reached there.
pub fn start_at(address: SocketAddrV4) -> usize {
    usize::from(address.port().wrapping_sub(PORT))
}

/// A packet in a socket's receive buffer.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    from: u16,
    packet: PacketId,
}

/// One socket's receive buffer.
#[derive(Default)]
struct Socket {
    inbox: Vec<Arrival>,
    /// Bytes taken, as the kernel counts.
    used: u64,
}

/// The most sockets that a process reads.
const SOCKETS: usize = 4;
/// A turn keeps its process busy for so long, and for so much longer with each packet, nanoseconds.
const TURN: Nanos = 2_000;
const PER_PACKET: Nanos = 500;

/// What a turn of a node amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turned {
    /// Timers that fired.
    pub timers: u64,
}

pub struct Node {
    pub me: Sender,
    /// Which (role, id) it is, counted from 0.
    pub place: usize,
    pub actor: Actor,
    pub out: Outbox,
    /// Of an acceptor that keeps a log on a disk.
    pub journal: Option<Journal<Disk>>,
    pub clock: Clock,
    wheel: Wheel<TIMERS>,
    sockets: [Socket; SOCKETS],
    packet_max: usize,
    /// Packets that a turn reads from a socket at most.
    read_max: usize,
    space: u32,
    drops: u32,
    drops_told: bool,
    /// Its first turn is still to come, or it left work undone.
    restless: bool,
    /// When its next turn is due.
    pub wake: Option<Nanos>,
    pub busy_until: Nanos,
    pub paused_until: Nanos,
    pub feed: Option<Feed>,
    /// Bytes that it printed.
    pub printed: usize,
    /// Which log it belongs to for good.
    pub bond: Bond,
}

/// What a start begins with.
pub struct Birth {
    pub setup: Setup,
    pub place: usize,
    pub clock: Clock,
    pub now: Nanos,
    /// Of each socket's receive buffer, bytes.
    pub space: u32,
    /// Packets that a turn reads from a socket at most.
    pub read_max: u64,
    /// What a client submits.
    pub feed: Option<Feed>,
    /// The log of an acceptor that keeps one.
    pub journal: Option<Journal<Disk>>,
    /// What it says.
    pub memory: Memory,
}

impl Node {
    pub fn new(birth: Birth) -> Node {
        let Birth { setup, place, clock, now, space, read_max, feed, journal, memory } = birth;
        let out = Outbox::new(setup.layout, setup.me);
        let mut node = Node {
            me: setup.me,
            place,
            out: if journal.is_some() { out.durable() } else { out },
            journal,
            packet_max: setup.layout.packet,
            actor: Actor::new(setup, memory),
            clock,
            wheel: Wheel::new(0),
            sockets: Default::default(),
            read_max: read_max as usize,
            space,
            drops: 0,
            drops_told: false,
            restless: true,
            wake: None,
            busy_until: now,
            paused_until: now,
            feed,
            printed: 0,
            bond: Bond::default(),
        };
        node.actor.process().receive_space(space, 0);
        node.actor.process().start(0, &mut node.out);
        node
    }

    /// A packet of so many bytes reaches a socket. `false` when its buffer is full.
    pub fn arrive(&mut self, socket: usize, from: u16, packet: PacketId, length: usize) -> bool {
        let cost = length as u64 + PACKET_COST;
        let socket = &mut self.sockets[socket];
        if socket.used + cost > self.space.into() {
            self.drops += 1;
            self.drops_told = false;
            return false;
        }
        socket.used += cost;
        socket.inbox.push(Arrival { from, packet });
        true
    }

    /// One turn, as the reactor runs it. What it wants kept, sent and printed is in the outbox then.
    pub fn turn(
        &mut self,
        now: Nanos,
        packets: &mut Packets,
        streams: &mut [Stream],
        refused: &mut [u64; Refusal::COUNT],
    ) -> Result<Turned, Failure> {
        let local = self.clock.local(now);
        if !core::mem::replace(&mut self.drops_told, true) {
            self.actor.process().receive_space(self.space, self.drops);
        }
        if let Some(journal) = &mut self.journal {
            self.actor.process().journal_room(journal.room());
        }
        let mut turned = Turned::default();
        self.busy_until = now + TURN;
        for socket in 0..SOCKETS {
            self.read(socket, local, packets, refused)?;
        }
        while let Some(timer) = self.wheel.expired(local) {
            turned.timers += 1;
            self.actor.process().timer(local, timer, &mut self.out);
        }
        self.feed(now, streams);
        self.actor.process().turn(local, &mut self.out);
        let wheel = &mut self.wheel;
        self.out.take_timers(|timer, at| match at {
            Some(at) => wheel.arm(timer, at.max(local + 1)),
            None => wheel.cancel(timer),
        });
        self.restless = self.out.take_again();
        Ok(turned)
    }

    /// Reads one socket: no more than the reactor reads in one turn.
    fn read(
        &mut self,
        socket: usize,
        local: Nanos,
        packets: &mut Packets,
        refused: &mut [u64; Refusal::COUNT],
    ) -> Result<(), Failure> {
        let Node { sockets, actor, out, read_max, .. } = self;
        let socket = &mut sockets[socket];
        let count = socket.inbox.len().min(*read_max);
        self.busy_until += PER_PACKET * count as u64;
        for arrival in socket.inbox.drain(..count) {
            let bytes = packets.bytes(arrival.packet);
            socket.used -= bytes.len() as u64 + PACKET_COST;
            let parsed = if bytes.len() > self.packet_max {
                Err(Refusal::Long { length: bytes.len() })
            } else {
                Packet::parse(bytes)
            };
            match parsed {
                Ok(packet) => {
                    hold!(!packets.damaged(arrival.packet), Bytes, "{packet}: it was damaged on the way");
                    actor.process().packet(local, address(arrival.from.into()), &packet, out);
                }
                Err(refusal) => refused[refusal.index()] += 1,
            }
            packets.release(arrival.packet);
        }
        Ok(())
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
                stream.value(stream.offered, &mut feed.pending);
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
    pub fn next(&self, streams: &[Stream]) -> Option<Nanos> {
        let unread = self.sockets.iter().any(|socket| !socket.inbox.is_empty());
        let again = (self.restless || unread).then_some(self.busy_until);
        let timer = self.wheel.next().map(|local| self.clock.world(local));
        let input = self.feed.as_ref().filter(|feed| !feed.ended && feed.pending.is_empty());
        let input = input.and_then(|feed| feed.next(streams[feed.stream].offered));
        [again, timer, input].into_iter().flatten().min()
    }

    /// Gives back the packets that it has not read.
    pub fn bury(&mut self, packets: &mut Packets) {
        for arrival in self.sockets.iter_mut().flat_map(|socket| socket.inbox.drain(..)) {
            packets.release(arrival.packet);
        }
    }
}
