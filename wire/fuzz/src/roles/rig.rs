//! One role, driven as the reactor drives it, and what it must keep whatever it hears.

use super::super::input::Input;
use super::Liar;
use core::convert::Infallible;
use paxos::journal::frame::FrameHeader;
use paxos::limits::{OUTPUT_TURN, VALUE_MAX};
use paxos::protocol::acceptor::Acceptor;
use paxos::protocol::client::Client;
use paxos::protocol::deliver::Format;
use paxos::protocol::learner::Learner;
use paxos::protocol::memory::Memory;
use paxos::protocol::proposer::Proposer;
use paxos::protocol::{Nanos, Outbox, Process, Setup, TIMERS};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::{Ballot, Body, Layout, Packet, RangeRecord, Role, Sender};

/// Where the role lives, and where everybody else does.
const HERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 4000);
const THERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 4001);

/// Two weeks after the start, nanoseconds: no clock in a script goes further.
const LAST: Nanos = 1 << 50;

/// Of the log of an acceptor with a disk; here each frame stands for itself.
const EPOCH: u64 = 0xe1;
const VOTES_KEPT: usize = 64;
/// Instances of a flood, and of all floods of a script: a window and a half.
const FLOOD: usize = 512;
const FLOOD_MAX: usize = 12_288;

enum Actor {
    Client(Box<Client>),
    Proposer(Box<Proposer>),
    Acceptor(Box<Acceptor>),
    Learner(Box<Learner>),
}

impl Actor {
    fn process(&mut self) -> &mut dyn Process {
        match self {
            Actor::Client(role) => &mut **role,
            Actor::Proposer(role) => &mut **role,
            Actor::Acceptor(role) => &mut **role,
            Actor::Learner(role) => &mut **role,
        }
    }

    fn held(&self) -> &[u8] {
        match self {
            Actor::Client(role) => role.held(),
            Actor::Proposer(role) => role.held(),
            Actor::Acceptor(role) => role.held(),
            Actor::Learner(role) => role.held(),
        }
    }
}

pub struct Rig {
    setup: Setup,
    actor: Actor,
    out: Outbox,
    now: Nanos,
    timers: [Option<Nanos>; TIMERS],
    drops: u32,
    ended: bool,
    told: DefaultHasher,
    /// The frames that an acceptor with a disk wrote.
    log: Vec<Vec<u8>>,
    /// Some of what an acceptor said that it accepted.
    voted: Vec<(u64, Ballot)>,
    flood_left: usize,
    /// What never falls: a promise, or how far it is.
    promised: Ballot,
    progress: u64,
}

impl Rig {
    /// The first byte: the role (2 bits), how many acceptors (2), which packet size (1), how it prints or
    /// keeps (1).
    pub fn new(input: &mut Input<'_>) -> Rig {
        let choice = input.byte();
        let acceptors: &[u16] = match choice >> 2 & 3 {
            0 => &[1],
            1 => &[1, 2],
            2 => &[1, 2, 3],
            _ => &[0, 1, 2, 3, 65535],
        };
        let role = Role::GROUPS[usize::from(choice & 3)];
        let packet = if choice & 16 == 0 { 1472 } else { wire::PACKET_MIN };
        let other = choice & 32 != 0;
        let setup = Setup {
            me: Sender { role, id: 1, incarnation: 1000 },
            layout: Layout { packet, cluster: 5, trailer: 0 },
            address: HERE,
            acceptors: acceptors.to_vec(),
            heartbeat: 2_000_000_000,
            suspect: 5_000_000_000,
            seed: 7,
        };
        let format = if other { Format::Json } else { Format::Value };
        let actor = match role {
            Role::Client => Actor::Client(Box::new(Client::new(setup.clone()))),
            Role::Proposer => Actor::Proposer(Box::new(Proposer::new(setup.clone()))),
            Role::Acceptor => Actor::Acceptor(Box::new(Acceptor::new(setup.clone()))),
            Role::Learner => Actor::Learner(Box::new(Learner::new(setup.clone(), format, 0))),
            Role::Observer => unreachable!("it was chosen among those with a group"),
        };
        let out = Outbox::new(setup.layout, setup.me);
        let out = if other && role == Role::Acceptor { out.durable() } else { out };
        let mut rig = Rig {
            setup,
            actor,
            out,
            now: 0,
            timers: [None; TIMERS],
            drops: 0,
            ended: false,
            told: DefaultHasher::new(),
            log: Vec::new(),
            voted: Vec::new(),
            flood_left: FLOOD_MAX,
            promised: Ballot::ZERO,
            progress: 0,
        };
        rig.actor.process().receive_space(212_992, 0);
        rig.actor.process().start(0, &mut rig.out);
        rig
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// A hash of all that the role has said.
    pub fn told(&self) -> u64 {
        self.told.finish()
    }

    pub fn stopped(&self) -> bool {
        self.out.stopping().is_some()
    }

    pub fn sleep(&mut self, time: Nanos) {
        self.now = (self.now + time).min(LAST);
    }

    pub fn sleep_till_timer(&mut self) {
        if let Some(at) = self.timers.iter().flatten().min() {
            self.now = self.now.max(*at).min(LAST);
        }
    }

    /// Another size of the receive buffers, and drops in them.
    pub fn receive_space(&mut self, choice: u8) {
        const SPACES: [u32; 8] = [0, 1, 4_608, 65_536, 212_992, 8 << 20, 1 << 30, u32::MAX];
        self.drops = self.drops.wrapping_add(u32::from(choice >> 3) << (choice >> 3));
        self.actor.process().receive_space(SPACES[usize::from(choice & 7)], self.drops);
    }

    /// What else the world does to it: gives lines to a client, room to a log, or a new start to who has one.
    pub fn feed(&mut self, choice: u8, liar: &mut Liar) {
        if self.out.is_durable() {
            match choice & 3 {
                0 => self.restart(liar),
                _ => self.actor.process().journal_room(u64::from(choice >> 2) << 9),
            }
        }
        let Actor::Client(client) = &mut self.actor else { return };
        if choice == u8::MAX {
            self.ended = true;
            client.end();
        } else if !self.ended {
            let line = [b'x'; 63].into_iter().chain([b'\n']);
            let bytes: Vec<u8> =
                line.cycle().skip(usize::from(choice % 64)).take(2 * usize::from(choice)).collect();
            let taken = client.offer(&bytes);
            assert!(taken <= bytes.len());
            taken.hash(&mut self.told);
        }
    }

    /// Many instances, one after the other, as if everybody were honest: some things only come to pass when a
    /// log is longer than what is kept of it.
    pub fn flood(&mut self, choice: u8, liar: &mut Liar) {
        let count =
            if choice & 0xf0 == 0xf0 { usize::from(choice & 15) * FLOOD } else { usize::from(choice >> 5) };
        for _ in 0..count.min(self.flood_left) {
            self.flood_left -= 1;
            for late in [false, true] {
                for packet in liar.advance(late) {
                    self.hear(&packet, liar);
                }
                self.turn(liar);
            }
        }
    }

    /// Starts an acceptor again, from what its log remembers.
    fn restart(&mut self, liar: &mut Liar) {
        let mut memory = Memory::default();
        for frame in &self.log {
            let header = FrameHeader::find(frame, EPOCH).expect("it was written whole");
            header.records(frame, |_, record| memory.recall(record)).expect("it was written whole");
        }
        self.setup.me.incarnation += 1;
        let acceptor = Acceptor::remembering(self.setup.clone(), memory);
        assert!(acceptor.promised() >= self.promised, "a promise was forgotten");
        for (instance, ballot) in &self.voted {
            assert!(acceptor.store().ballot(*instance) >= *ballot, "a vote for {instance} was forgotten");
        }
        self.actor = Actor::Acceptor(Box::new(acceptor));
        self.out = Outbox::new(self.setup.layout, self.setup.me).durable();
        self.timers = [None; TIMERS];
        liar.restarted(self.setup.me);
        self.actor.process().receive_space(212_992, self.drops);
        self.actor.process().start(self.now, &mut self.out);
    }

    /// Bytes from the network: refused, or a packet for the role. What is refused here is what the reactor
    /// refuses.
    pub fn hear(&mut self, bytes: &[u8], liar: &mut Liar) {
        if self.stopped() || bytes.len() > self.setup.layout.packet {
            return;
        }
        let Ok(packet) = Packet::parse(bytes) else { return };
        if packet.sender != self.setup.me {
            liar.overhear(bytes, &packet);
            self.actor.process().packet(self.now, THERE, &packet, &mut self.out);
        }
    }

    /// Due timers, then the role's turn, then what it wants sent.
    pub fn turn(&mut self, liar: &mut Liar) {
        // A turn that leaves work undone is followed by another one at once; by one more is enough here.
        for _ in 0..2 {
            if self.stopped() {
                return;
            }
            self.fire_timers();
            self.actor.process().turn(self.now, &mut self.out);
            self.flush(liar);
            self.judge();
            if !self.out.take_again() {
                return;
            }
        }
    }

    fn fire_timers(&mut self) {
        let mut due: Vec<(Nanos, usize)> = (0..TIMERS)
            .filter_map(|timer| Some((self.timers[timer].take_if(|at| *at <= self.now)?, timer)))
            .collect();
        due.sort_unstable();
        for (_, timer) in due {
            self.actor.process().timer(self.now, timer, &mut self.out);
        }
    }

    fn flush(&mut self, liar: &mut Liar) {
        let (setup, actor, told) = (&self.setup, &self.actor, &mut self.told);
        let (log, voted) = (&mut self.log, &mut self.voted);
        let sent = self.out.persist_then_send(
            |frame| {
                log.push(frame.seal(EPOCH, 1, 0).0.to_vec());
                Ok::<(), Infallible>(())
            },
            |out| {
                for (to, bytes) in out.queued(actor.held()) {
                    let packet = Packet::parse(bytes)
                        .unwrap_or_else(|refusal| panic!("it says what is refused, {refusal}: {bytes:x?}"));
                    assert_eq!(
                        (packet.sender, packet.header.cluster.get()),
                        (setup.me, setup.layout.cluster)
                    );
                    assert!(bytes.len() <= setup.layout.packet);
                    if let Actor::Acceptor(acceptor) = actor {
                        assert!(is_true(acceptor, &packet), "{packet} is not so");
                        if let Body::Phase2b(body, _, [.., last]) = packet.body
                            && voted.len() < VOTES_KEPT
                        {
                            voted.push((last.range().until - 1, body.ballot.get()));
                        }
                    }
                    (format!("{to:?}"), bytes).hash(told);
                    liar.overhear(bytes, &packet);
                }
            },
        );
        let Ok(()) = sent;
        self.log.last().hash(&mut self.told);
        let (timers, told) = (&mut self.timers, &mut self.told);
        self.out.take_timers(|timer, at| {
            (timer, at).hash(told);
            timers[timer] = at;
        });
        for notice in self.out.take_notices() {
            notice.to_string().hash(&mut self.told);
        }
        let output = self.out.output();
        let held = self.actor.held();
        let printed = output.joined(held);
        assert!(printed.len() <= OUTPUT_TURN + 8 * VALUE_MAX, "{} bytes printed in a turn", printed.len());
        printed.hash(&mut self.told);
        output.printed(held);
        format!("{:?}", self.out.stopping()).hash(&mut self.told);
    }

    /// What holds whatever was heard.
    fn judge(&mut self) {
        let progress = match &self.actor {
            Actor::Client(client) => {
                assert!(client.progress().decided <= client.progress().offered);
                client.decided_until()
            }
            Actor::Proposer(proposer) => proposer.decided_until(),
            Actor::Learner(learner) => learner.delivered_until(),
            Actor::Acceptor(acceptor) => {
                assert!(acceptor.promised() >= self.promised, "a promise fell");
                self.promised = acceptor.promised();
                0
            }
        };
        assert!(progress >= self.progress, "what was decided is not any more");
        self.progress = progress;
    }
}

/// Whether an acceptor's packet says what is so.
fn is_true(acceptor: &Acceptor, packet: &Packet<'_>) -> bool {
    match packet.body {
        Body::Phase1b(body, _, _) => body.ballot.get() <= acceptor.promised(),
        Body::Phase2b(body, _, ranges) => {
            let ballot = body.ballot.get();
            let accepted = |instance: u64| acceptor.store().ballot(instance) >= ballot;
            ballot <= acceptor.promised()
                && RangeRecord::all(ranges).all(|range| accepted(range.first) && accepted(range.until - 1))
        }
        _ => true,
    }
}
