//! A cluster in one thread: shipped roles, wheels and packets, no sockets. A turn is what the reactor makes of it,
//! between the read of a socket and the send; packets are carried from one step to the next, and none is lost.

use paxos::protocol::acceptor::Acceptor;
use paxos::protocol::client::Client;
use paxos::protocol::deliver::Format;
use paxos::protocol::learner::Learner;
use paxos::protocol::proposer::Proposer;
use paxos::protocol::{Nanos, Outbox, Process, Setup, TIMERS, To};
use paxos::wheel::Wheel;
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::{Layout, Packet, Role, Sender};

pub const LAYOUT: Layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
const MS: Nanos = 1_000_000;
/// Between two turns of everybody.
const STEP: Nanos = 20_000;
/// Nothing is under way when no packet was for so long: longer than an acceptor has a vote wait for more.
const QUIET: Nanos = 2 * MS;
/// A turn reads no more.
const READ: usize = 1024;
/// What flow control takes the room of a socket for, bytes.
const SPACE: u32 = 1 << 20;
/// Bytes of a value.
const VALUE: usize = 64;
/// Values that a client is offered at once at most: a good 90 packets of them.
const OFFERED: usize = 2048;

/// Watches what a process does, but not how its packets are carried.
pub trait Gauge: Default {
    fn watch<T>(&mut self, work: impl FnOnce() -> T) -> T;
}

/// A process whose packets are carried by the test.
pub struct Node<R, G> {
    pub gauge: G,
    me: Sender,
    role: R,
    address: SocketAddrV4,
    out: Outbox,
    wheel: Wheel<TIMERS>,
    inbox: Vec<(SocketAddrV4, Vec<u8>)>,
    /// Something but a packet or a timer asks for a turn.
    again: bool,
}

fn setup(role: Role, id: u16) -> Setup {
    Setup {
        me: Sender { role, id, incarnation: 1000 + u64::from(id) },
        layout: LAYOUT,
        address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, role as u16 * 100 + id),
        acceptors: vec![1, 2, 3],
        heartbeat: 2_000 * MS,
        suspect: 5_000 * MS,
        seed: u64::from(id),
    }
}

fn listens(role: Role, group: Role) -> bool {
    match group {
        Role::Client | Role::Proposer => role == group,
        Role::Acceptor => role != Role::Client,
        Role::Learner => matches!(role, Role::Learner | Role::Proposer),
        Role::Observer => false,
    }
}

impl<R: Process, G: Gauge> Node<R, G> {
    fn new(setup: Setup, make: impl FnOnce(Setup) -> R) -> Node<R, G> {
        let (me, address) = (setup.me, setup.address);
        let mut node = Node {
            me,
            role: make(setup),
            gauge: G::default(),
            address,
            out: Outbox::new(LAYOUT, me),
            wheel: Wheel::new(0),
            inbox: Vec::new(),
            again: true,
        };
        node.role.receive_space(SPACE, 0);
        node.role.start(0, &mut node.out);
        node
    }

    /// One turn, when there is a reason for it.
    fn turn(&mut self, now: Nanos) {
        let due = self.wheel.next().is_some_and(|at| at <= now);
        if self.inbox.is_empty() && !due && !self.again {
            return;
        }
        let Node { role, out, wheel, inbox, .. } = self;
        let read = inbox.len().min(READ);
        self.again = self.gauge.watch(|| {
            for (from, bytes) in &inbox[..read] {
                role.packet(now, *from, &Packet::parse(bytes).expect("what roles send can be read"), out);
            }
            while let Some(timer) = wheel.expired(now) {
                role.timer(now, timer, out);
            }
            role.turn(now, out);
            out.take_timers(|timer, at| match at {
                Some(at) => wheel.arm(timer, at.max(now + 1)),
                None => wheel.cancel(timer),
            });
            out.output().printed(role.held());
            out.take_again()
        });
        self.inbox.drain(..read);
        self.out.take_notices();
        assert_eq!(self.out.stopping(), None);
    }

    fn hears(&mut self, from: (Sender, SocketAddrV4), to: To, bytes: &[u8]) {
        let ours = match to {
            To::Group(group) => listens(self.me.role, group) && from.0 != self.me,
            To::Peer(address) => address == self.address,
        };
        if ours {
            self.inbox.push((from.1, bytes.to_vec()));
        }
    }
}

/// One client, two proposers, three acceptors, two learners.
pub struct Cluster<G> {
    pub client: Node<Client, G>,
    pub proposers: Vec<Node<Proposer, G>>,
    pub acceptors: Vec<Node<Acceptor, G>>,
    pub learners: Vec<Node<Learner, G>>,
    now: Nanos,
    /// When a packet was under way last.
    carried: Nanos,
    lines: Vec<u8>,
}

impl<G: Gauge> Cluster<G> {
    pub fn new() -> Cluster<G> {
        let mut line = vec![b'v'; VALUE];
        line.push(b'\n');
        Cluster {
            client: Node::new(setup(Role::Client, 1), Client::new),
            proposers: (1..=2).map(|id| Node::new(setup(Role::Proposer, id), Proposer::new)).collect(),
            acceptors: (1..=3).map(|id| Node::new(setup(Role::Acceptor, id), Acceptor::new)).collect(),
            learners: (1..=2)
                .map(|id| Node::new(setup(Role::Learner, id), |setup| Learner::new(setup, Format::Value, 0)))
                .collect(),
            now: 0,
            carried: 0,
            lines: line.repeat(OFFERED),
        }
    }

    /// A turn of everybody. The client is offered so many bytes of values.
    ///
    /// # Panics
    /// When that is more than are there to be offered.
    fn step(&mut self, offered: usize) {
        self.now += STEP;
        let now = self.now;
        if offered > 0 {
            let Node { gauge, role, .. } = &mut self.client;
            let taken = gauge.watch(|| role.offer(&self.lines[..offered]));
            let begun = taken % self.lines.len();
            self.lines.rotate_left(begun); // a value may have been taken in part
            self.client.again = true;
        }
        self.client.turn(now);
        self.proposers.iter_mut().for_each(|node| node.turn(now));
        self.acceptors.iter_mut().for_each(|node| node.turn(now));
        self.learners.iter_mut().for_each(|node| node.turn(now));
        self.carry();
    }

    /// Brings what everybody has sent to whom it is for.
    fn carry(&mut self) {
        let mut packets = Vec::new();
        take(&mut self.client, &mut packets);
        self.proposers.iter_mut().for_each(|node| take(node, &mut packets));
        self.acceptors.iter_mut().for_each(|node| take(node, &mut packets));
        self.learners.iter_mut().for_each(|node| take(node, &mut packets));
        if !packets.is_empty() {
            self.carried = self.now;
        }
        for (from, to, bytes) in packets {
            self.client.hears(from, to, &bytes);
            self.proposers.iter_mut().for_each(|node| node.hears(from, to, &bytes));
            self.acceptors.iter_mut().for_each(|node| node.hears(from, to, &bytes));
            self.learners.iter_mut().for_each(|node| node.hears(from, to, &bytes));
        }
    }

    /// Instances that every learner has delivered.
    pub fn delivered(&self) -> u64 {
        self.learners.iter().map(|node| node.role.delivered_until()).min().unwrap_or(0)
    }

    /// Everybody takes turns until so many instances are delivered; the client always has more to say.
    pub fn until(&mut self, instances: u64) {
        self.steps(self.lines.len(), |cluster| cluster.delivered() >= instances);
    }

    /// The client is offered so many bytes of values, once, and everybody takes turns until nothing is under way.
    pub fn round(&mut self, offered: usize) {
        self.step(offered);
        self.steps(0, |cluster| cluster.is_quiet());
    }

    fn is_quiet(&self) -> bool {
        self.now - self.carried >= QUIET
            && self.client.inbox.is_empty()
            && self.proposers.iter().all(|node| node.inbox.is_empty())
            && self.acceptors.iter().all(|node| node.inbox.is_empty())
            && self.learners.iter().all(|node| node.inbox.is_empty())
    }

    fn steps(&mut self, offered: usize, done: impl Fn(&Cluster<G>) -> bool) {
        for _ in 0..1_000_000 {
            if done(self) {
                return;
            }
            self.step(offered);
        }
        panic!("{} instances after {} ms", self.delivered(), self.now / MS);
    }
}

type Carried = ((Sender, SocketAddrV4), To, Vec<u8>);

fn take<R: Process, G: Gauge>(node: &mut Node<R, G>, packets: &mut Vec<Carried>) {
    let from = (node.me, node.address);
    packets.extend(node.out.queued(node.role.held()).map(|(to, bytes)| (from, to, bytes.to_vec())));
    node.out.sent();
}
