//! A small world for the roles: simulated time, a network that loses, doubles, delays and cuts, processes
//! that crash, sleep and come back. The same seed gives the same run.

mod chance;
mod checker;
mod network;
mod node;
mod random_script;
mod script;
mod stream;

pub use chance::Chance;
pub use random_script::{random_script, struggle};

use checker::Checker;
use core::cmp::Reverse;
use core::net::{Ipv4Addr, SocketAddrV4};
use network::{Network, Who};
use node::{Actor, Arrival, Node, listens_to};
use paxos::protocol::{Nanos, Notice, Setup, Stop, To};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::rc::Rc;
use stream::{Feed, Shape, Stream};
use wire::{Layout, Packet, Role, Sender};

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1000 * MS;
/// What Linux grants by default, as the kernel counts.
const SPACE: u32 = 212_992;
/// Ports of processes: the first start has this one, each later start the next.
const PORT: u16 = 10_000;
/// Packets of the past that may come back.
const PAST: usize = 4096;
/// Lines of the story that a failure tells.
const STORY: usize = 120;

#[derive(Clone, Debug)]
enum What {
    Turn,
    Arrive(Arrival),
}

#[derive(Clone, Debug)]
struct Event {
    at: Nanos,
    /// Makes the order of events of one moment that in which they were made.
    order: u64,
    node: usize,
    what: What,
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.order == other.order
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Event) -> core::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What happened lately, for when it goes wrong.
enum Told {
    Sent(Rc<[u8]>, To),
    Lost(Rc<[u8]>, Sender),
    Noticed(Sender, Notice),
    Said(String),
}

/// A process that ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub who: Sender,
    pub stop: Stop,
}

pub struct World {
    pub seed: u64,
    script: String,
    now: Nanos,
    chance: Chance,
    network: Network,
    events: BinaryHeap<Reverse<Event>>,
    orders: u64,
    acceptors: Vec<u16>,
    /// Acceptors that were started.
    voters: Vec<u16>,
    /// By start. `None`: crashed, or ended.
    nodes: Vec<Option<Box<Node>>>,
    /// Receive space of those who start from now on.
    spaces: Vec<(Who, u32)>,
    packet: usize,
    streams: Vec<Stream>,
    checker: Checker,
    past: Vec<(SocketAddrV4, Sender, To, Rc<[u8]>)>,
    story: VecDeque<(Nanos, Told)>,
    loud: bool,
    /// Two processes may meet under one id.
    doubles: bool,
    ended: Vec<Ended>,
    sent: BTreeMap<&'static str, u64>,
    overflowed: u64,
}

impl World {
    pub fn new(seed: u64, script: &str) -> World {
        World {
            seed,
            script: script.into(),
            now: 0,
            chance: Chance::new(seed),
            network: Network::default(),
            events: BinaryHeap::new(),
            orders: 0,
            acceptors: Vec::new(),
            voters: Vec::new(),
            nodes: Vec::new(),
            spaces: Vec::new(),
            packet: 1472,
            streams: Vec::new(),
            checker: Checker::new(Vec::new()),
            past: Vec::new(),
            story: VecDeque::new(),
            loud: std::env::var_os("PAXOS_STORY").is_some(),
            doubles: false,
            ended: Vec::new(),
            sent: BTreeMap::new(),
            overflowed: 0,
        }
    }

    /// Processes that ended by themselves, in order.
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// Values that came out of the log.
    pub fn lines(&self) -> u64 {
        self.checker.lines
    }

    /// Instances decided.
    pub fn frontier(&self) -> u64 {
        self.checker.frontier()
    }

    /// Packets sent of this kind.
    pub fn sent(&self, kind: &str) -> u64 {
        self.sent.get(kind).copied().unwrap_or(0)
    }

    pub fn all_sent(&self) -> u64 {
        self.sent.values().sum()
    }

    /// Packets lost because a receive buffer was full.
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    // ------------------------------------------------------------------ processes

    /// The configured set of acceptors; nobody starts yet.
    fn acceptors(&mut self, ids: Vec<u16>) {
        assert!(self.acceptors.is_empty(), "one set of acceptors");
        self.checker = Checker::new(ids.clone());
        self.acceptors = ids;
    }

    fn start(&mut self, role: Role, id: u16, feed: Option<Feed>) {
        assert!(!self.acceptors.is_empty(), "first say which acceptors there are");
        let incarnation = 1_000 + self.nodes.len() as u64;
        let me = Sender { role, id, incarnation };
        if role == Role::Acceptor {
            assert!(!self.voters.contains(&id), "an acceptor without a disk starts once");
            self.voters.push(id);
        }
        let space = self.spaces.iter().rev().find(|(who, _)| who.is(me)).map_or(SPACE, |(_, space)| *space);
        let setup = Setup {
            me,
            layout: Layout { packet: self.packet, cluster: 5 },
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT + self.nodes.len() as u16),
            acceptors: self.acceptors.clone(),
            heartbeat: 2 * SECOND,
            suspect: 5 * SECOND,
            seed: self.chance.draw(),
        };
        let index = self.nodes.len();
        self.nodes.push(Some(Box::new(Node::new(setup, self.now, space, feed))));
        self.tell(Told::Said(format!("{me} starts")));
        self.wake(index, self.now);
    }

    fn submit(&mut self, client: u16, values: u64, shape: Shape, per_second: Option<u64>) {
        let start = self.streams.iter().filter(|stream| stream.client == client).count() as u64;
        let incarnation = 1_000 + self.nodes.len() as u64;
        self.streams.push(Stream { client, incarnation, start, values, shape, offered: 0, delivered: 0 });
        let stream = self.streams.len() - 1;
        let feed = Feed { stream, per_second, begun: self.now, pending: Vec::new(), taken: 0, ended: false };
        self.start(Role::Client, client, Some(feed));
    }

    /// Starts again who was crashed, or another one under the same id. A client begins its values anew.
    fn restart(&mut self, role: Role, id: u16) {
        if role != Role::Client {
            return self.start(role, id, None);
        }
        let last = self
            .streams
            .iter()
            .rfind(|stream| stream.client == id)
            .expect("it submitted something before")
            .clone();
        self.submit(id, last.values, last.shape, None);
    }

    fn crash(&mut self, who: Who) {
        for node in &mut self.nodes {
            if node.as_ref().is_some_and(|node| who.is(node.me)) {
                *node = None;
            }
        }
    }

    fn pause(&mut self, who: Who, time: Nanos) {
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

    fn alive(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten().map(|node| &**node)
    }

    /// Whether this proposer leads.
    pub fn leads(&self, id: u16) -> bool {
        self.alive().any(|node| {
            node.me.id == id && matches!(&node.actor, Actor::Proposer(proposer) if proposer.leads())
        })
    }

    // ------------------------------------------------------------------ time

    fn push(&mut self, at: Nanos, node: usize, what: What) {
        self.orders += 1;
        self.events.push(Reverse(Event { at, order: self.orders, node, what }));
    }

    fn wake(&mut self, index: usize, at: Nanos) {
        let Some(node) = &mut self.nodes[index] else { return };
        let at = at.max(self.now).max(node.busy_until).max(node.paused_until);
        if node.wake.is_none_or(|wake| at < wake) {
            node.wake = Some(at);
            self.push(at, index, What::Turn);
        }
    }

    /// Lets time pass until then, or until `enough`. Returns whether it was enough.
    fn until(&mut self, end: Nanos, mut enough: impl FnMut(&World) -> bool) -> bool {
        let mut checked = self.now;
        loop {
            // Looking whether it is enough costs more than most events.
            if self.now >= checked {
                checked = self.now + MS;
                if enough(self) {
                    return true;
                }
            }
            match self.events.peek() {
                Some(Reverse(event)) if event.at <= end => {}
                _ => break,
            }
            let Some(Reverse(event)) = self.events.pop() else { break };
            self.now = event.at;
            self.event(event);
        }
        self.now = end;
        enough(self)
    }

    fn event(&mut self, event: Event) {
        match event.what {
            What::Arrive(arrival) => {
                let Some(node) = &mut self.nodes[event.node] else { return };
                let (me, bytes) = (node.me, Rc::clone(&arrival.bytes));
                if node.arrive(arrival) {
                    self.wake(event.node, self.now);
                } else {
                    self.overflowed += 1;
                    self.tell(Told::Lost(bytes, me));
                }
            }
            What::Turn => {
                if self.nodes[event.node].as_ref().is_some_and(|node| node.wake == Some(event.at)) {
                    self.turn(event.node);
                }
            }
        }
    }

    fn turn(&mut self, index: usize) {
        let Some(mut node) = self.nodes[index].take() else { return };
        node.wake = None;
        node.turn(self.now, &mut self.streams);
        for notice in &node.out.take_notices() {
            self.tell(Told::Noticed(node.me, *notice));
        }
        let packets: Vec<(To, Rc<[u8]>)> = node.out.queued().map(|(to, bytes)| (to, bytes.into())).collect();
        node.out.sent();
        for (to, bytes) in packets {
            self.send(index, &node, to, bytes);
        }
        let output = core::mem::take(node.out.output());
        if !output.is_empty() {
            self.checker.printed(node.me.id, node.printed, &output);
            node.printed += output.len();
        }
        match &node.actor {
            Actor::Acceptor(acceptor) => self.checker.promise(node.me.id, acceptor.promised()),
            Actor::Proposer(proposer) => {
                assert!(proposer.decided_until() <= self.checker.frontier(), "{} claims too much", node.me);
            }
            Actor::Learner(learner) => {
                assert!(
                    learner.delivered_until() <= self.checker.frontier(),
                    "{} delivers too much",
                    node.me
                );
            }
            Actor::Client(client) => {
                let stream = &self.streams[node.feed.as_ref().expect("a client has input").stream];
                let decided = client.progress().decided;
                assert!(decided <= stream.delivered, "{} takes {decided} values for decided", node.me);
            }
        }
        if let Some(stop) = node.stopping() {
            self.ends(node.me, stop);
            return;
        }
        let next = node.next(&self.streams);
        self.nodes[index] = Some(node);
        if let Some(next) = next {
            self.wake(index, next);
        }
    }

    fn ends(&mut self, who: Sender, stop: Stop) {
        self.tell(Told::Said(format!("{who} ends: {stop:?}")));
        let stream = self
            .streams
            .iter()
            .find(|stream| stream.client == who.id && stream.incarnation == who.incarnation);
        match stop {
            Stop::Done => {
                let stream = stream.expect("only clients are done");
                assert_eq!(stream.delivered, stream.values, "{who} was told that all is decided");
            }
            Stop::Superseded => {
                let later = |s: &Stream| s.client == who.id && s.incarnation > who.incarnation;
                assert!(self.streams.iter().any(later), "nobody took the place of {who}");
            }
            Stop::SameId { .. } => assert!(self.doubles, "{who} is the only one of this id"),
            Stop::Ended | Stop::Conflict { .. } | Stop::OtherLog { .. } => panic!("{who} ends: {stop:?}"),
        }
        self.ended.push(Ended { who, stop });
    }

    // ------------------------------------------------------------------ the network

    fn send(&mut self, index: usize, node: &Node, to: To, bytes: Rc<[u8]>) {
        let packet = match Packet::parse(&bytes) {
            Ok(packet) => packet,
            Err(refusal) => panic!("{} sends what nobody reads: {refusal}", node.me),
        };
        *self.sent.entry(packet.kind.name()).or_default() += 1;
        self.tell(Told::Sent(Rc::clone(&bytes), to));
        self.checker.sent(&packet, &mut self.streams);
        self.carry(node.address, node.me, to, &bytes, index as u64);
        if self.past.len() < PAST {
            self.past.push((node.address, node.me, to, bytes));
        } else if self.chance.percent(5) {
            let at = self.chance.below(PAST as u64) as usize;
            self.past[at] = (node.address, node.me, to, bytes);
        }
        if self.chance.percent(self.network.replayed) {
            let at = self.chance.below(self.past.len() as u64) as usize;
            let (from, sender, to, bytes) = self.past[at].clone();
            self.carry(from, sender, to, &bytes, index as u64);
        }
    }

    fn carry(&mut self, from: SocketAddrV4, sender: Sender, to: To, bytes: &Rc<[u8]>, index: u64) {
        let kind = Packet::parse(bytes).expect("it was parsed before").kind;
        for receiver in 0..self.nodes.len() {
            let Some(node) = &self.nodes[receiver] else { continue };
            let socket = match to {
                To::Group(group) => listens_to(node.me.role).iter().position(|role| *role == group),
                To::Peer(address) => (node.address == address).then_some(listens_to(node.me.role).len()),
            };
            let Some(socket) = socket else { continue };
            if node.me == sender || !self.network.passes(sender, node.me, kind) {
                continue;
            }
            for delay in self.network.copies(&mut self.chance, index * 31 + receiver as u64) {
                let arrival = Arrival { from, socket, bytes: Rc::clone(bytes) };
                self.push(self.now + delay, receiver, What::Arrive(arrival));
            }
        }
    }

    // ------------------------------------------------------------------ judgement

    /// Whether everything came to its end: every client that still runs is done, and every learner printed
    /// all.
    fn complete(&self) -> bool {
        self.alive().all(|node| match &node.actor {
            Actor::Client(_) => false,
            Actor::Learner(learner) => {
                node.printed == self.checker.output().len()
                    && learner.delivered_until() == self.checker.frontier()
            }
            _ => true,
        })
    }

    /// What keeps it from being complete.
    fn incomplete(&self) -> String {
        let mut lacks = Vec::new();
        for node in self.alive() {
            match &node.actor {
                Actor::Client(client) => lacks.push(format!("{} has {:?}", node.me, client.progress())),
                Actor::Learner(learner) => lacks.push(format!(
                    "{} delivered {} instances and {} bytes of {} and {}",
                    node.me,
                    learner.delivered_until(),
                    node.printed,
                    self.checker.frontier(),
                    self.checker.output().len()
                )),
                Actor::Proposer(proposer) => lacks.push(format!(
                    "{} {}, decided {}, highest ballot {}",
                    node.me,
                    if proposer.leads() { "leads" } else { "does not lead" },
                    proposer.decided_until(),
                    proposer.highest()
                )),
                Actor::Acceptor(acceptor) => {
                    lacks.push(format!(
                        "{} promised {}, top {}",
                        node.me,
                        acceptor.promised(),
                        acceptor.store().top()
                    ));
                }
            }
        }
        lacks.join("\n")
    }

    fn tell(&mut self, told: Told) {
        if self.loud {
            eprintln!("{}", line(self.now, &told));
            return;
        }
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        self.story.push_back((self.now, told));
    }
}

fn line(now: Nanos, told: &Told) -> String {
    let (seconds, micros) = (now / SECOND, now % SECOND / 1000);
    let text = match told {
        Told::Sent(bytes, to) => match (Packet::parse(bytes), to) {
            (Ok(packet), To::Group(role)) => format!("{packet} → {role}s"),
            (Ok(packet), To::Peer(address)) => format!("{packet} → :{}", address.port()),
            (Err(refusal), _) => refusal.to_string(),
        },
        Told::Lost(bytes, at) => match Packet::parse(bytes) {
            Ok(packet) => format!("    buffer of {at} is full: lost {packet}"),
            Err(refusal) => refusal.to_string(),
        },
        Told::Noticed(who, notice) => format!("    {who}: {notice}"),
        Told::Said(text) => format!("--- {text}"),
    };
    format!("{seconds}.{micros:06} {text}")
}

/// A run that fails says what led there, and how to see it again.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (now, told) in &self.story {
            eprintln!("{}", line(*now, told));
        }
        let test = std::thread::current().name().unwrap_or("").to_owned();
        eprintln!("\n{}\n{}", self.incomplete(), self.script);
        eprintln!("\nTo see it again:  PAXOS_SEED={} cargo test --test roles {test} -- --exact", self.seed);
        eprintln!("With every packet: PAXOS_STORY=1 before that\n");
    }
}
