//! One world: processes, the network between them, and the checker that watches both.

use super::budget::Budget;
use super::chance::Chance;
use super::check::Checker;
use super::check::logs::holds;
use super::clock::Clock;
use super::failure::{Failure, hold};
use super::network::{Hop, Network, Who, damage};
use super::node::{self, Actor, Node, listens_to};
use super::packets::{PacketId, Packets};
use super::queue::{Event, Queue, What};
use super::script::{Input, Moment};
use super::story::Story;
use super::stream::{Feed, Stream};
use crate::limits::PACKET_COST;
use crate::planted::{Bug, planted};
use crate::protocol::{Nanos, Setup, Stop, To};
use wire::{Kind, Layout, Packet, Refusal, Role, Sender};

const MS: Nanos = 1_000_000;
const SECOND: Nanos = 1000 * MS;
/// What Linux grants by default, as the kernel counts.
const SPACE: u32 = 212_992;
/// Packets of the past that may come back.
const PAST: usize = 512;

/// A process that ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub who: Sender,
    pub stop: Stop,
}

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Packets that arrived, turns, and timers that fired.
    pub events: u64,
    /// Packets sent, by kind.
    pub sent: [u64; Kind::ALL.len() + 1],
    /// Packets lost because a receive buffer was full.
    pub overflowed: u64,
    /// Damaged packets, by why they were refused.
    pub refused: [u64; Refusal::COUNT],
}

/// A packet of the past, and how it went out.
#[derive(Clone, Copy)]
struct Old {
    origin: Origin,
    to: To,
    kind: Kind,
    packet: PacketId,
}

/// Who sends.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    start: usize,
    place: usize,
    me: Sender,
    /// Of an acceptor: the memory that it speaks from.
    life: u64,
}

/// Processes, a network, and the time.
pub struct World {
    pub(super) now: Nanos,
    pub(super) chance: Chance,
    pub(super) network: Network,
    pub(super) checker: Checker,
    pub(super) story: Story,
    pub(super) budget: Budget,
    pub(super) doubles: bool,
    pub(super) ended: Vec<Ended>,
    /// By start. `None`: crashed, or ended.
    pub(super) nodes: Vec<Option<Box<Node>>>,
    /// Receive space of those who start from now on.
    pub(super) spaces: Vec<(Who, u32)>,
    pub(super) packet_length: usize,
    /// How wrong the clocks of those are who start from now on, percent.
    pub(super) drift: u64,
    pub(super) set_back: bool,
    /// How late timers may wake a process.
    pub(super) late: Nanos,
    /// Who crashes in the course of its next turn that sends something.
    pub(super) doomed: Vec<(Who, Moment)>,
    queue: Queue,
    packets: Packets,
    acceptors: Vec<u16>,
    /// Every (role, id) that there ever was.
    places: Vec<(Role, u16)>,
    /// By group: which starts listen to it, and with which socket.
    listeners: [Vec<(u16, u8)>; 4],
    streams: Vec<Stream>,
    past: Vec<Old>,
    /// Bytes that the network damages.
    scratch: Vec<u8>,
    counts: Counts,
    digest: u64,
}

impl World {
    /// An empty world. The same seed, and the same things done to it, give the same life.
    pub fn new(seed: u64, story: Story) -> World {
        World {
            now: 0,
            chance: Chance::new(seed),
            network: Network::default(),
            checker: Checker::new(&[]),
            story,
            budget: Budget::default(),
            doubles: false,
            ended: Vec::new(),
            nodes: Vec::new(),
            spaces: Vec::new(),
            packet_length: 1472,
            drift: 0,
            set_back: false,
            late: 0,
            doomed: Vec::new(),
            queue: Queue::default(),
            packets: Packets::default(),
            acceptors: Vec::new(),
            places: Vec::new(),
            listeners: Default::default(),
            streams: Vec::new(),
            past: Vec::new(),
            scratch: Vec::new(),
            counts: Counts::default(),
            digest: 0,
        }
    }

    /// The simulated time since the beginning.
    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A number that two runs have in common only if they were the same in every event.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Who was told.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// Whether more acceptors were without memory at once than the engine claims to survive.
    pub fn is_beyond_claims(&self) -> bool {
        self.budget.is_exceeded()
    }

    /// Processes that ended by themselves, in order.
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// Values that came out of the log.
    pub fn lines(&self) -> u64 {
        self.checker.lines()
    }

    /// Instances decided in the log in which something was decided last.
    pub fn frontier(&self) -> u64 {
        self.checker.current().chosen.frontier()
    }

    /// Packets sent of this kind.
    pub fn sent(&self, kind: Kind) -> u64 {
        self.counts.sent[kind as usize]
    }

    pub fn all_sent(&self) -> u64 {
        self.counts.sent.iter().sum()
    }

    // ------------------------------------------------------------------ processes

    /// The configured set of acceptors; nobody starts yet.
    pub(super) fn acceptors(&mut self, ids: Vec<u16>) -> Result<(), Failure> {
        if !self.acceptors.is_empty() {
            return Err(Failure::Script("there is one set of acceptors".into()));
        }
        self.checker = Checker::new(&ids);
        self.budget = Budget::new(ids.len(), self.budget.promised);
        self.acceptors = ids;
        Ok(())
    }

    pub(super) fn start(&mut self, role: Role, id: u16, feed: Option<Feed>) -> Result<(), Failure> {
        if self.acceptors.is_empty() {
            return Err(Failure::Script("first say which acceptors there are".into()));
        }
        let start = self.nodes.len();
        let reused = planted(Bug::BallotReused) && role == Role::Proposer;
        let set_back = self.set_back && role == Role::Acceptor;
        let incarnation = match start {
            _ if reused => u64::from(id),
            start if set_back => incarnation(start).saturating_sub((2 * start as u64) << 22),
            start => incarnation(start),
        };
        let me = Sender { role, id, incarnation };
        let space = self.spaces.iter().rev().find(|(who, _)| who.is(me)).map_or(SPACE, |(_, space)| *space);
        if u64::from(space) < self.packet_length as u64 + PACKET_COST {
            return Err(Failure::Script(format!(
                "a packet of {} bytes never fits {space}",
                self.packet_length
            )));
        }
        let setup = Setup {
            me,
            layout: Layout { packet: self.packet_length, cluster: 5 },
            address: node::address(start),
            acceptors: self.acceptors.clone(),
            heartbeat: 2 * SECOND,
            suspect: 5 * SECOND,
            seed: self.chance.draw(),
        };
        let place = self.place(role, id);
        let clock = Clock::new(self.now, self.drift, &mut self.chance);
        self.tell(format_args!("--- {me} starts"));
        self.nodes.push(Some(Box::new(Node::new(setup, place, clock, self.now, space, feed))));
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

    pub(super) fn submit(&mut self, client: u16, input: Input) -> Result<(), Failure> {
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
    pub(super) fn restart(&mut self, role: Role, id: u16) -> Result<(), Failure> {
        if role != Role::Client {
            return self.start(role, id, None);
        }
        match self.streams.iter().rfind(|stream| stream.client == id) {
            Some(&Stream { values, shape, .. }) => self.submit(id, Input { values, shape, per_second: None }),
            None => Err(Failure::Script(format!("client {id} submitted nothing before"))),
        }
    }

    pub(super) fn crash(&mut self, who: Who) -> Result<(), Failure> {
        for start in 0..self.nodes.len() {
            if self.nodes[start].as_ref().is_some_and(|node| who.is(node.me)) {
                self.bury(start)?;
            }
        }
        Ok(())
    }

    /// What remains of a process when it ends.
    fn bury(&mut self, start: usize) -> Result<(), Failure> {
        for listeners in &mut self.listeners {
            listeners.retain(|(listener, _)| usize::from(*listener) != start);
        }
        let Some(mut node) = self.nodes[start].take() else { return Ok(()) };
        node.bury(&mut self.packets);
        match self.acceptor_at(node.me) {
            Some(at) => self.budget.set(at, true),
            None => Ok(()),
        }
    }

    /// The place of an acceptor in the set.
    fn acceptor_at(&self, who: Sender) -> Option<usize> {
        let at = self.acceptors.iter().position(|id| *id == who.id);
        at.filter(|_| who.role == Role::Acceptor)
    }

    /// Notes how an acceptor's memory stands.
    fn account(&mut self, node: &Node) -> Result<(), Failure> {
        let (Actor::Acceptor(acceptor), Some(at)) = (&node.actor, self.acceptor_at(node.me)) else {
            return Ok(());
        };
        if acceptor.store().top() > 0 {
            self.budget.begin();
        }
        self.budget.set(at, !acceptor.is_member() || acceptor.blind_until() > 0)
    }

    pub(super) fn pause(&mut self, who: Who, time: Nanos) {
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
    pub(super) fn wake_all(&mut self) {
        for index in 0..self.nodes.len() {
            if let Some(node) = &mut self.nodes[index]
                && node.paused_until > self.now
            {
                node.paused_until = self.now;
                self.wake(index, self.now);
            }
        }
    }

    /// Whether every acceptor that runs is a member, and knows what it accepted.
    pub(super) fn whole(&self) -> bool {
        self.alive().all(|node| match &node.actor {
            Actor::Acceptor(acceptor) => acceptor.is_member() && acceptor.blind_until() == 0,
            _ => true,
        })
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten().map(|node| &**node)
    }

    // ------------------------------------------------------------------ time

    fn wake(&mut self, start: usize, at: Nanos) {
        let Some(node) = &mut self.nodes[start] else { return };
        let at = at.max(self.now).max(node.busy_until).max(node.paused_until);
        if node.wake.is_none_or(|wake| at < wake) {
            node.wake = Some(at);
            self.queue.push(at, start, What::Turn);
        }
    }

    /// Lets time pass until then, or until `enough`. Returns whether it was enough.
    pub(super) fn until(
        &mut self,
        end: Nanos,
        mut enough: impl FnMut(&World) -> bool,
    ) -> Result<bool, Failure> {
        let mut checked = self.now;
        loop {
            // Looking whether it is enough costs more than most events.
            if self.now >= checked {
                checked = self.now + MS;
                if enough(self) {
                    return Ok(true);
                }
            }
            let Some(event) = self.queue.pop(end) else { break };
            self.now = event.at;
            self.event(event)?;
        }
        self.now = end;
        Ok(enough(self))
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        let start = usize::from(event.node);
        match event.what {
            What::Arrive { packet, from, socket } => {
                self.counts.events += 1;
                self.arrive(start, packet, from, socket);
                Ok(())
            }
            What::Turn if self.nodes[start].as_ref().is_some_and(|node| node.wake == Some(event.at)) => {
                self.turn(start)
            }
            What::Turn => Ok(()),
        }
    }

    fn arrive(&mut self, start: usize, packet: PacketId, from: u16, socket: u8) {
        let Some(node) = &mut self.nodes[start] else { return self.packets.release(packet) };
        let bytes = self.packets.bytes(packet);
        if node.arrive(usize::from(socket), from, packet, bytes.len()) {
            let at = node.busy_until;
            return self.wake(start, at);
        }
        self.counts.overflowed += 1;
        let me = node.me;
        if self.story.is_told()
            && let Ok(packet) = Packet::parse(bytes)
        {
            self.story.tell(self.now, format_args!("    buffer of {me} is full: lost {packet}"));
        }
        self.packets.release(packet);
    }

    fn turn(&mut self, start: usize) -> Result<(), Failure> {
        let Some(mut node) = self.nodes[start].take() else { return Ok(()) };
        node.wake = None;
        let turned = node.turn(self.now, &mut self.packets, &mut self.streams, &mut self.counts.refused);
        // It is in its place again whatever happens, so that a failure can tell how it stands.
        let result = turned.and_then(|turned| {
            self.counts.events += 1 + turned.timers;
            self.act(start, &mut node)
        });
        let stop = node.out.stopping();
        let next = node.next(&self.streams);
        self.nodes[start] = Some(node);
        let lives = result?;
        if let Some(stop) = stop {
            self.ends(start, stop)?;
        } else if !lives {
            self.bury(start)?;
        } else if let Some(next) = next {
            let late = if self.late > 0 { self.chance.below(self.late) } else { 0 };
            self.wake(start, next + late);
        }
        Ok(())
    }

    /// Does what a node's turn wants done. Returns whether it survives that.
    fn act(&mut self, start: usize, node: &mut Node) -> Result<bool, Failure> {
        let me = node.me;
        for notice in &node.out.take_notices() {
            self.tell(format_args!("    {me}: {notice}"));
        }
        let life = match &node.actor {
            Actor::Acceptor(acceptor) => acceptor.life(),
            _ => me.incarnation,
        };
        let origin = Origin { start, place: node.place, me, life };
        let mut leave = usize::MAX;
        let mut lives = true;
        let count = node.out.queued().count();
        if count > 0
            && let Some(at) = self.doomed.iter().position(|(who, _)| who.is(me))
        {
            let (_, moment) = self.doomed.remove(at);
            leave = if moment == Moment::Sending { self.chance.below(count as u64 + 1) as usize } else { 0 };
            lives = false;
            self.tell(format_args!("--- {me} crashes when {leave} of {count} packets have left"));
        }
        let mut result = Ok(());
        let sent: Result<(), core::convert::Infallible> = node.out.persist_then_send(
            |_| Ok(()),
            |out| result = out.queued().take(leave).try_for_each(|(to, bytes)| self.send(origin, to, bytes)),
        );
        let Ok(()) = sent;
        result?;
        if !lives {
            return Ok(false);
        }
        let output = core::mem::take(node.out.output());
        if !output.is_empty() {
            self.checker.printed(node, &output)?;
            node.printed += output.len();
        }
        *node.out.output() = output;
        node.out.output().clear();
        node.bond.keep(me, node.out.log(), holds(node))?;
        self.checker.turned(node, &self.streams)?;
        self.account(node)?;
        Ok(true)
    }

    fn ends(&mut self, start: usize, stop: Stop) -> Result<(), Failure> {
        let Some(node) = &self.nodes[start] else { return Ok(()) };
        let (who, log) = (node.me, node.out.log());
        self.tell(format_args!("--- {who} ends: {stop:?}"));
        let of = |stream: &&Stream| stream.client == who.id;
        let own = |stream: &&Stream| stream.incarnation == who.incarnation;
        match stop {
            Stop::Done => {
                let stream = self.streams.iter().position(|stream| of(&stream) && own(&stream));
                let all = stream.zip(self.checker.log(log)).is_some_and(|(stream, log)| {
                    log.delivery.delivered(stream) == self.streams[stream].values
                });
                hold!(all, Acknowledged, "{who} was told that all is decided");
            }
            Stop::Superseded => {
                let later = self.streams.iter().filter(of).any(|s| s.incarnation > who.incarnation);
                hold!(later, TotalOrder, "nobody took the place of {who}");
            }
            Stop::SameId { .. } => {
                hold!(self.doubles, TotalOrder, "{who} ends, and it is the only one of its id");
            }
            Stop::OtherLog { .. } => {
                let beyond = self.budget.is_exceeded();
                hold!(beyond, TotalOrder, "{who} ends: {stop:?}, and a majority remembers");
            }
            Stop::Ended | Stop::Conflict { .. } => hold!(false, TotalOrder, "{who} ends: {stop:?}"),
        }
        self.ended.push(Ended { who, stop });
        self.bury(start)
    }

    // ------------------------------------------------------------------ the network

    fn send(&mut self, origin: Origin, to: To, bytes: &[u8]) -> Result<(), Failure> {
        let me = origin.me;
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(refusal) => {
                hold!(false, Bytes, "{me} sends what nobody reads: {refusal}");
                return Ok(());
            }
        };
        self.counts.sent[packet.kind as usize] += 1;
        let tag = u64::from_le_bytes(packet.header.tag[..8].try_into().expect("8 of 16 bytes"));
        self.digest = (self.digest ^ tag ^ self.now).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        self.checker.sent(&packet, origin.life, &self.streams)?;
        let id = self.packets.put(bytes);
        let sent = Old { origin, to, kind: packet.kind, packet: id };
        let told = self.story.is_told().then(|| format!("{packet} →"));
        self.carry(&sent, told);
        self.remember(sent);
        if self.chance.percent(self.network.weather.replayed) {
            let at = self.chance.below(self.past.len() as u64) as usize;
            let old = self.past[at];
            let told = self.story.is_told().then(|| "    an old packet comes again:".to_owned());
            self.carry(&old, told);
        }
        Ok(())
    }

    /// Keeps some packets of the past. Takes over the hold of the packet.
    fn remember(&mut self, sent: Old) {
        if self.past.len() < PAST {
            self.past.push(sent);
        } else if self.chance.once_in(16) {
            let at = self.chance.below(PAST as u64) as usize;
            let forgotten = core::mem::replace(&mut self.past[at], sent);
            self.packets.release(forgotten.packet);
        } else {
            self.packets.release(sent.packet);
        }
    }

    /// Carries a packet to all who listen. `told`: the beginning of a line of the story.
    fn carry(&mut self, sent: &Old, mut told: Option<String>) {
        match sent.to {
            To::Peer(address) => {
                let start = node::start_at(address);
                if let Some(Some(node)) = self.nodes.get(start) {
                    let socket = listens_to(node.me.role).len();
                    self.carry_to(sent, start, socket, None, told.as_mut());
                }
            }
            To::Group(group) => {
                for at in 0..self.listeners[group as usize - 1].len() {
                    let (start, socket) = self.listeners[group as usize - 1][at];
                    self.carry_to(sent, start.into(), socket.into(), Some(group), told.as_mut());
                }
            }
        }
        if let Some(line) = told {
            self.tell(format_args!("{line}"));
        }
    }

    fn carry_to(
        &mut self,
        sent: &Old,
        start: usize,
        socket: usize,
        group: Option<Role>,
        told: Option<&mut String>,
    ) {
        let Some(node) = &self.nodes[start] else { return };
        if start == sent.origin.start {
            return;
        }
        let link = (sent.origin.place, node.place);
        let hop = Hop { from: sent.origin.me, to: node.me, kind: sent.kind, group, link };
        let passes = self.network.passes(&hop);
        let fate = if passes { self.network.fate(&mut self.chance, link) } else { Default::default() };
        if let Some(told) = told {
            use core::fmt::Write;
            let copies = fate.copies.iter().flatten().count();
            let how = match copies {
                _ if !passes => " (cut)",
                0 => " (lost)",
                _ if fate.damaged => " (damaged)",
                2 => " (twice)",
                _ => "",
            };
            // Writing to a string cannot fail.
            let _ = write!(told, " {}{how}", node.me);
        }
        let from = sent.origin.start as u16;
        for (copy, delay) in fate.copies.into_iter().flatten().enumerate() {
            let packet = if fate.damaged && copy == 0 { self.damaged(sent.packet) } else { sent.packet };
            if packet == sent.packet {
                self.packets.hold(packet);
            }
            self.queue.push(self.now + delay, start, What::Arrive { packet, from, socket: socket as u8 });
        }
    }

    /// A damaged copy of a packet.
    fn damaged(&mut self, packet: PacketId) -> PacketId {
        self.scratch.clear();
        self.scratch.extend_from_slice(self.packets.bytes(packet));
        damage(&mut self.chance, &mut self.scratch);
        self.packets.put_damaged(&self.scratch)
    }

    // ------------------------------------------------------------------ judgement

    /// Whether everything came to its end: every client that still runs is done, and every learner printed
    /// all.
    pub(super) fn complete(&self) -> bool {
        let mut reachable = self.alive().filter(|node| !self.network.cut_off(node.me));
        reachable.all(|node| match &node.actor {
            Actor::Client(_) => false,
            Actor::Learner(learner) => {
                node.printed == self.checker.current().delivery.output().len()
                    && learner.delivered_until() == self.frontier()
            }
            _ => true,
        })
    }

    /// How every process stands, a line each.
    pub fn standing(&self) -> Vec<String> {
        let line = |node: &Node| match &node.actor {
            Actor::Client(client) => format!("{} has {:?}", node.me, client.progress()),
            Actor::Learner(learner) => format!(
                "{} delivered {} of {} instances and {} of {} bytes",
                node.me,
                learner.delivered_until(),
                self.frontier(),
                node.printed,
                self.checker.current().delivery.output().len()
            ),
            Actor::Proposer(proposer) => format!(
                "{} {}, decided {}, highest ballot {}",
                node.me,
                if proposer.leads() { "leads" } else { "does not lead" },
                proposer.decided_until(),
                proposer.highest()
            ),
            Actor::Acceptor(acceptor) => {
                format!(
                    "{} promised {}, top {}, complete {}, {}",
                    node.me,
                    acceptor.promised(),
                    acceptor.store().top(),
                    acceptor.complete_until(),
                    match (acceptor.is_member(), acceptor.blind_until()) {
                        (false, _) => "blank".into(),
                        (true, 0) => "member".to_owned(),
                        (true, until) => format!("member, blind below {until}"),
                    }
                )
            }
        };
        self.alive().map(line).collect()
    }

    pub(super) fn tell(&mut self, text: core::fmt::Arguments<'_>) {
        self.story.tell(self.now, text);
    }
}

/// Of the process that is started as the so-manieth: later starts have larger ones, whose lowest 22 bits are
/// anything, as those of real clocks are.
fn incarnation(start: usize) -> u64 {
    let start = 1_000 + start as u64;
    start << 22 | Chance::new(start).below(1 << 22)
}
