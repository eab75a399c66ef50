//! One acceptor: the real one, driven as the engine drives it.

use crate::packets::{LAYOUT, LOG, PacketId, Packets, address, value};
use crate::shape::{Plant, Shape};
use core::convert::Infallible;
use core::hash::{Hash, Hasher};
use paxos::journal::{Frame, FrameHeader, Record, Standing};
use paxos::protocol::acceptor::Acceptor;
use paxos::protocol::memory::Memory;
use paxos::protocol::{Outbox, Process as _, Setup, Stop, TIMERS, To};
use std::hash::DefaultHasher;
use wire::{Ballot, Body, Packet, Phase1b, Phase2b, RangeRecord, Role, Run, Sender};

/// A start of an acceptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Start {
    pub slot: u8,
    /// Its id less one.
    pub acceptor: u8,
    /// Counts its memories, from 1.
    pub memory: u8,
    /// It was started again, with its memory.
    pub again: bool,
    /// It has no memory; else it is a member from the first.
    pub blank: bool,
}

impl Start {
    /// Lives are ordered in time by the bits above these, as [`paxos::protocol::rejoin`] makes them.
    const LIFE: u32 = 22;

    pub fn life(memory: u64) -> u64 {
        memory << Start::LIFE
    }

    fn setup(self, shape: &Shape) -> Setup {
        let life = if shape.behind && self.blank { 1 } else { Start::life(self.memory.into()) };
        let incarnation = life + u64::from(self.again);
        Setup {
            me: Sender { role: Role::Acceptor, id: u16::from(self.acceptor) + 1, incarnation },
            layout: LAYOUT,
            address: address(self.slot.into()),
            acceptors: shape.ids(),
            heartbeat: HEARTBEAT,
            suspect: 5_000_000_000,
            seed: 1,
        }
    }
}

/// What an acceptor is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    Packet(PacketId),
    /// It has forgotten all that was not durable.
    Restart,
    Heartbeat,
}

/// What it holds for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    pub instance: u8,
    pub ballot: Ballot,
    pub decided: bool,
    pub value: u8,
}

pub struct Process<'a> {
    shape: &'a Shape,
    packets: &'a Packets,
    start: Start,
    acceptor: Acceptor,
    out: Outbox,
    /// The frames that are durable.
    log: Vec<Vec<u8>>,
    timers: [Option<u64>; TIMERS],
    heartbeat: usize,
    joined_blind: bool,
    /// What it did that it must not.
    pub fault: Option<&'static str>,
}

const HEARTBEAT: u64 = 2_000_000_000;

impl<'a> Process<'a> {
    /// Starts. What it says of that goes nowhere unless it is blank: all know it.
    pub fn new(shape: &'a Shape, packets: &'a Packets, start: Start) -> (Process<'a>, Vec<PacketId>) {
        let setup = start.setup(shape);
        let mut out = Outbox::new(LAYOUT, setup.me);
        if shape.durable {
            out = out.durable();
        }
        let mut process = Process {
            shape,
            packets,
            start,
            acceptor: Acceptor::new(setup.clone()),
            out,
            log: Vec::new(),
            timers: [None; TIMERS],
            heartbeat: 0,
            joined_blind: false,
            fault: None,
        };
        if !start.blank {
            let standing = Standing {
                life: Start::life(start.memory.into()),
                log: LOG,
                blind_until: 0,
                lives: shape.ids().iter().map(|_| Start::life(1)).collect(),
            };
            let mut memory = Memory::default();
            if let Some(frame) = process.out.journal() {
                frame.standing(&standing);
                process.log.push(frame.seal(1, 1, 0).0.to_vec());
                frame.clear();
            }
            memory.recall(Record::Standing(standing));
            process.acceptor = Acceptor::remembering(setup, memory);
        }
        let sent = process.begin();
        (process, if start.blank { sent } else { Vec::new() })
    }

    /// From its start to the moment when nobody has objected to its id.
    fn begin(&mut self) -> Vec<PacketId> {
        self.acceptor.start(0, &mut self.out);
        self.take_timers();
        // Its timers have no names out here: it first waits for another process with its id to speak up.
        let due = |(timer, at): (usize, &Option<u64>)| at.map(|at| (at, timer));
        let armed: Vec<(u64, usize)> = self.timers.iter().enumerate().filter_map(due).collect();
        let (_, settled) = *armed.iter().min().expect("it arms timers when it starts");
        (_, self.heartbeat) = *armed.iter().find(|(at, _)| *at == HEARTBEAT).expect("one is its heartbeat");
        self.acceptor.timer(0, settled, &mut self.out);
        self.turn()
    }

    pub fn take(&mut self, input: Input) -> Vec<PacketId> {
        let (life, promised, held) = (self.acceptor.life(), self.acceptor.promised(), self.held());
        let sent = match input {
            Input::Packet(id) => {
                let sealed = self.packets.get(id);
                self.acceptor.packet(0, sealed.from, &sealed.packet(), &mut self.out);
                self.turn()
            }
            Input::Restart => {
                self.restart();
                self.begin()
            }
            Input::Heartbeat => {
                self.acceptor.timer(0, self.heartbeat, &mut self.out);
                self.turn()
            }
        };
        if self.shape.plant != Plant::Nothing {
            return sent; // let us see what comes of it
        }
        if self.acceptor.life() == life && self.acceptor.promised() < promised {
            self.fault = Some("a promise fell");
        }
        let news = self.held().into_iter().filter(|now| !held.contains(now) && !now.decided);
        if input != Input::Restart && news.into_iter().any(|now| now.ballot < promised) {
            self.fault = Some("it accepted below its promise");
        }
        sent
    }

    fn take_timers(&mut self) {
        let timers = &mut self.timers;
        self.out.take_timers(|timer, at| timers[timer] = at);
    }

    /// Ends a turn as the engine does: what must be remembered is durable before anything leaves.
    fn turn(&mut self) -> Vec<PacketId> {
        loop {
            self.acceptor.turn(0, &mut self.out);
            if !self.out.take_again() {
                break;
            }
        }
        self.take_timers();
        self.out.take_notices();
        self.joined_blind |= self.acceptor.blind_until() > 0;
        match self.out.stopping() {
            None => {}
            Some(Stop::Conflict { .. }) => self.fault = Some("two values met for one instance"),
            Some(_) => self.fault = Some("it ended"),
        }
        let (log, number) = (&mut self.log, self.start.slot.into());
        let mut leaving: Vec<(To, Vec<u8>)> = Vec::new();
        let persist = |frame: &mut Frame| {
            log.push(frame.seal(1, number, 0).0.to_vec());
            Ok::<(), Infallible>(())
        };
        let send = |out: &Outbox| leaving.extend(out.queued(&[]).map(|(to, bytes)| (to, bytes.to_vec())));
        let Ok(()) = self.out.persist_then_send(persist, send);
        if self.shape.durable && self.shape.plant == Plant::Nothing {
            self.check_durable(&leaving);
        }
        let slot = usize::from(self.start.slot);
        leaving.iter().flat_map(|(to, bytes)| self.packets.of_acceptor(slot, *to, bytes)).collect()
    }

    /// What its log says, as a restart reads it.
    fn memory(&self, mut keep: impl FnMut(&Record<'_>) -> bool) -> Memory {
        let mut memory = Memory::default();
        let torn = self.shape.plant == Plant::SentBeforeDurable && self.log.len() > 1;
        for bytes in &self.log[..self.log.len() - usize::from(torn)] {
            let frame = FrameHeader::find(bytes, 1).expect("a frame was written");
            let whole = frame.records(bytes, |_, record| {
                if keep(&record) {
                    memory.recall(record);
                }
            });
            assert!(whole.is_ok_and(|condition| condition.bodies == 0), "what was written is whole");
        }
        memory
    }

    fn restart(&mut self) {
        self.start.again = self.shape.restarts == crate::shape::Restarts::Once;
        let setup = self.start.setup(self.shape);
        let memory = match self.shape.plant {
            Plant::PromisesForgotten => self.memory(|record| !matches!(record, Record::Promised { .. })),
            Plant::VotesForgotten => self.memory(|record| !matches!(record, Record::Accepted { .. })),
            _ => self.memory(|_| true),
        };
        self.out = Outbox::new(LAYOUT, setup.me).durable();
        self.acceptor = Acceptor::remembering(setup, memory);
    }

    /// Nothing leaves that a crash at this very moment would make untrue (invariant 4).
    fn check_durable(&mut self, leaving: &[(To, Vec<u8>)]) {
        let setup = self.start.setup(self.shape);
        let again = Acceptor::remembering(setup, self.memory(|_| true));
        for (_, bytes) in leaving {
            let durable = match Packet::parse(bytes).expect("only what can be read is sent").body {
                Body::Phase1b(body, _, runs) => promise_holds(&again, body, runs),
                Body::Phase2b(body, _, ranges) => vote_holds(&again, body, ranges),
                Body::Helped(body, _) => body.ballot.get() <= again.promised(),
                _ => true,
            };
            if !durable {
                self.fault = Some("a packet left before what it says was durable");
            }
        }
    }

    pub fn promised(&self) -> Ballot {
        self.acceptor.promised()
    }

    pub fn life(&self) -> u64 {
        self.acceptor.life()
    }

    pub fn is_member(&self) -> bool {
        self.acceptor.is_member()
    }

    /// It joined blind, and sees by now.
    pub fn sees_again(&self) -> bool {
        self.joined_blind && self.acceptor.blind_until() == 0
    }

    pub fn start(&self) -> Start {
        self.start
    }

    pub fn held(&self) -> Vec<Held> {
        let store = self.acceptor.store();
        let instances = 0..self.shape.instances as u8;
        let held = instances.filter_map(|instance| {
            let held = store.get(instance.into())?;
            Some(Held { instance, ballot: held.ballot, decided: held.decided, value: value(held.bytes) })
        });
        held.collect()
    }

    /// What tells it from every other acceptor in every other state.
    pub fn essence(&self) -> [u64; 2] {
        let memory = self.shape.durable.then(|| self.memory(|_| true));
        [1_u64, 2].map(|salt| {
            let mut hasher = DefaultHasher::new();
            (salt, self.start, self.fault).hash(&mut hasher);
            (&self.acceptor, &memory).hash(&mut hasher);
            if self.shape.plant == Plant::SentBeforeDurable {
                self.log.last().hash(&mut hasher);
            }
            hasher.finish()
        })
    }
}

fn promise_holds(again: &Acceptor, body: &Phase1b, runs: &[Run]) -> bool {
    body.ballot.get() <= again.promised()
        && runs.iter().all(|run| {
            let range = run.range();
            (range.first..range.until).all(|at| again.store().ballot(at) >= run.ballot.get())
        })
}

fn vote_holds(again: &Acceptor, body: &Phase2b, ranges: &[RangeRecord]) -> bool {
    let mut instances = RangeRecord::all(ranges).flat_map(|range| range.first..range.until);
    body.ballot.get() <= again.promised() && instances.all(|at| again.store().ballot(at) >= body.ballot.get())
}
