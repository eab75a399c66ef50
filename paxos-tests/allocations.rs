//! Nothing on the packet path allocates once it is warm: neither the roles, nor what reads and sends packets.
//!
//! What an acceptor without a disk accepts it keeps, and so must take memory for: by the block, once in many
//! hundreds of packets.

use paxos::engine::batch::{Receiver, Run, Sender as BatchSender};
use paxos::protocol::acceptor::Acceptor;
use paxos::protocol::client::Client;
use paxos::protocol::deliver::Format;
use paxos::protocol::learner::Learner;
use paxos::protocol::proposer::Proposer;
use paxos::protocol::{Nanos, Outbox, Process, Setup, TIMERS, To};
use paxos::wheel::Wheel;
use std::alloc::{GlobalAlloc, Layout as MemoryLayout, System};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use wire::{Layout, Packet, Role, Sender};

/// The system's allocator, which counts what a thread asks of it while it is told to.
struct Counting;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    if COUNTS.get() {
        COUNTED.set(COUNTED.get() + 1);
    }
}

// SAFETY: all is the system allocator's; counting touches two cells of the thread, which need no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: MemoryLayout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: MemoryLayout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: MemoryLayout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: MemoryLayout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` asked for memory.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    COUNTED.set(0);
    COUNTS.set(true);
    let result = work();
    COUNTS.set(false);
    (result, COUNTED.get())
}

const LAYOUT: Layout = Layout { packet: 1472, cluster: 5 };
const MS: Nanos = 1_000_000;
/// Between two turns of everybody.
const STEP: Nanos = 20_000;
/// A turn reads no more.
const READ: usize = 1024;

/// A process whose packets are carried by the test.
struct Node<R> {
    me: Sender,
    address: SocketAddrV4,
    role: R,
    out: Outbox,
    wheel: Wheel<TIMERS>,
    inbox: Vec<(SocketAddrV4, Vec<u8>)>,
    allocations: u64,
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
    }
}

impl<R: Process> Node<R> {
    fn new(setup: Setup, make: impl FnOnce(Setup) -> R) -> Node<R> {
        let (me, address) = (setup.me, setup.address);
        let mut node = Node {
            me,
            address,
            role: make(setup),
            out: Outbox::new(LAYOUT, me),
            wheel: Wheel::new(0),
            inbox: Vec::new(),
            allocations: 0,
        };
        node.role.receive_space(1 << 20, 0);
        node.role.start(0, &mut node.out);
        node
    }

    /// One turn, as the reactor runs it.
    fn turn(&mut self, now: Nanos) {
        let Node { role, out, wheel, inbox, .. } = self;
        let read = inbox.len().min(READ);
        let ((), allocations) = counted(|| {
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
            out.take_again();
            out.output().clear();
        });
        self.allocations += allocations;
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

struct Cluster {
    now: Nanos,
    client: Node<Client>,
    proposers: Vec<Node<Proposer>>,
    acceptors: Vec<Node<Acceptor>>,
    learners: Vec<Node<Learner>>,
    lines: Vec<u8>,
}

impl Cluster {
    fn new() -> Cluster {
        let line = [b'v'; 64];
        let mut lines = Vec::new();
        for _ in 0..1024 {
            lines.extend_from_slice(&line);
            lines.push(b'\n');
        }
        Cluster {
            now: 0,
            client: Node::new(setup(Role::Client, 1), Client::new),
            proposers: (1..=2).map(|id| Node::new(setup(Role::Proposer, id), Proposer::new)).collect(),
            acceptors: (1..=3).map(|id| Node::new(setup(Role::Acceptor, id), Acceptor::new)).collect(),
            learners: (1..=2)
                .map(|id| Node::new(setup(Role::Learner, id), |setup| Learner::new(setup, Format::Value, 0)))
                .collect(),
            lines,
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.now;
        let (taken, allocations) = counted(|| self.client.role.offer(&self.lines));
        self.client.allocations += allocations;
        let begun = taken % self.lines.len();
        self.lines.rotate_left(begun); // a value may have been taken in part
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
        for (from, to, bytes) in packets {
            self.client.hears(from, to, &bytes);
            self.proposers.iter_mut().for_each(|node| node.hears(from, to, &bytes));
            self.acceptors.iter_mut().for_each(|node| node.hears(from, to, &bytes));
            self.learners.iter_mut().for_each(|node| node.hears(from, to, &bytes));
        }
    }

    fn delivered(&self) -> u64 {
        self.learners.iter().map(|node| node.role.delivered_until()).min().unwrap_or(0)
    }

    fn until(&mut self, instances: u64) {
        for _ in 0..1_000_000 {
            if self.delivered() >= instances {
                return;
            }
            self.step();
        }
        panic!("{} instances after {} ms", self.delivered(), self.now / MS);
    }
}

type Carried = ((Sender, SocketAddrV4), To, Vec<u8>);

fn take<R: Process>(node: &mut Node<R>, packets: &mut Vec<Carried>) {
    let from = (node.me, node.address);
    packets.extend(node.out.queued().map(|(to, bytes)| (from, to, bytes.to_vec())));
    node.out.sent();
}

#[test]
fn no_role_allocates_for_a_packet_once_it_is_warm_and_acceptors_only_for_what_they_keep() {
    let mut cluster = Cluster::new();
    cluster.until(20_000);
    cluster.client.allocations = 0;
    cluster.proposers.iter_mut().for_each(|node| node.allocations = 0);
    cluster.acceptors.iter_mut().for_each(|node| node.allocations = 0);
    cluster.learners.iter_mut().for_each(|node| node.allocations = 0);
    let before = cluster.delivered();
    cluster.until(before + 20_000);
    let instances = cluster.delivered() - before;
    assert_eq!(cluster.client.allocations, 0, "client");
    for node in &cluster.proposers {
        assert_eq!(node.allocations, 0, "{}", node.me);
    }
    for node in &cluster.learners {
        assert_eq!(node.allocations, 0, "{}", node.me);
    }
    for node in &cluster.acceptors {
        let allocations = node.allocations;
        assert!(allocations > 0, "{} keeps what it accepts", node.me);
        assert!(allocations < instances / 300, "{}: {allocations} for {instances} instances", node.me);
    }
}

#[test]
fn reading_and_sending_packets_allocates_nothing() {
    let sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports"));
    let [from, to] = &sockets;
    let std::net::SocketAddr::V4(address) = to.local_addr().expect("it is bound") else { unreachable!() };
    let (mut sender, mut receiver) = (BatchSender::new(from), Receiver::new());
    let bytes = vec![7; 20 * 1000];
    let mut exchange = || {
        let run = Run { to: address, bytes: &bytes, segment: 1000 };
        let sent = sender.send(from, [run, run].into_iter());
        let mut packets = 0;
        while receiver.read(to).expect("the socket is sound") > 0 {
            packets += receiver.datagrams().flat_map(|datagram| datagram.packets()).count() as u64;
        }
        (sent.packets, packets)
    };
    exchange();
    let ((sent, received), allocations) = counted(exchange);
    assert_eq!((sent, received, allocations), (40, 40, 0));
}
