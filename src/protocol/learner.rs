//! The learner: counts votes itself, delivers what is decided in instance order, asks for what it missed.

use super::catch_up::{CatchUp, Step};
use super::deliver::{Deliver, Format};
use super::digest::Digest;
use super::flow::Reader;
use super::identity::Identity;
use super::lineage::{Belongs, Lineage};
use super::outbox::{Notice, Outbox, Stop, To};
use super::quorum::{Acceptors, lives};
use super::ranges::records;
use super::window::{Space, Window};
use super::{Nanos, Process, Setup};
use crate::limits::{LEARNER_WINDOW, PATIENT};
use core::net::SocketAddrV4;
use wire::{Body, Packet, ProcessStatus, RANGES_MAX, RangeRecord, Role, flags};
use zerocopy::IntoBytes;

const HEARTBEAT: usize = 0;
const CATCH_UP: usize = 1;

pub struct Learner {
    setup: Setup,
    identity: Identity,
    acceptors: Acceptors,
    window: Window,
    deliver: Deliver,
    digest: Digest,
    catch_up: CatchUp,
    reader: Reader,
    lineage: Lineage,
    space: (u32, u32),
    /// How to print, and from where on.
    print: (Format, u64),
    /// Nobody has told yet how far the log goes.
    curious: bool,
}

impl Learner {
    /// Prints from instance `from` on, in this format.
    pub fn new(setup: Setup, format: Format, from: u64) -> Learner {
        let acceptors = Acceptors::new(&setup.acceptors);
        let room = setup.layout.batch_room();
        Learner {
            identity: Identity::new(&setup),
            window: Window::new(
                &acceptors,
                LEARNER_WINDOW,
                LEARNER_WINDOW as u64,
                Space { batch: room, ..Space::default() },
            ),
            deliver: Deliver::new(format, from),
            digest: Digest::default(),
            catch_up: CatchUp::new(setup.seed),
            reader: Reader::default(),
            lineage: Lineage::new(&acceptors),
            space: (0, 0),
            print: (format, from),
            curious: true,
            acceptors,
            setup,
        }
    }

    /// Every instance below is delivered.
    pub fn delivered_until(&self) -> u64 {
        self.window.frontier()
    }

    /// The log that is followed; 0 while none was heard of.
    pub fn log(&self) -> u32 {
        self.lineage.log()
    }

    /// Whether a packet is of the log that we follow. Whoever has delivered nothing goes where a majority of
    /// the acceptors is; whoever has must not mix two orders.
    fn belongs(&mut self, packet: &Packet<'_>, out: &mut Outbox) -> bool {
        let own = self.lineage.log();
        match self.lineage.judge(packet) {
            Belongs::Here => {
                out.set_log(self.lineage.log());
                true
            }
            Belongs::Elsewhere => {
                out.elsewhere += 1;
                false
            }
            Belongs::Moved(new) if self.window.frontier() == 0 => {
                let mut lineage = self.lineage.clone();
                lineage.follow(new);
                let (space, drops) = self.space;
                *self = Learner::new(self.setup.clone(), self.print.0, self.print.1);
                self.lineage = lineage;
                self.receive_space(space, drops);
                out.set_log(new);
                out.notice(Notice::Moved { log: new });
                true
            }
            Belongs::Moved(new) => {
                out.stop(Stop::OtherLog { own, new });
                false
            }
        }
    }

    /// One past the highest instance that somebody said is decided.
    pub fn known(&self) -> u64 {
        self.window.known()
    }
}

impl Process for Learner {
    fn start(&mut self, now: Nanos, out: &mut Outbox) {
        self.identity.hello(flags::ASK, out);
        out.arm(HEARTBEAT, now + self.setup.heartbeat.min(200 * crate::limits::MS));
    }

    fn packet(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        if !self.identity.admit(now, from, packet, out) || !self.belongs(packet, out) {
            return;
        }
        match packet.body {
            Body::Phase2a(body, batch) => {
                let (ballot, instance) = (body.ballot(packet.sender), body.instance.get());
                self.reader.heard(ballot, from);
                self.reader.read(ballot, instance, packet.header.length.get().into());
                self.window.watermark(ballot, body.decided_until.get());
                self.window.put(instance, ballot, batch);
                self.curious = false;
            }
            Body::Phase2b(body, told, ranges) => {
                let Some(acceptor) = self.acceptors.index(packet.sender.id) else { return };
                if !self.window.tally.live(acceptor, body.life.get(), lives(told)) {
                    return;
                }
                let stamp = (packet.sender.incarnation, packet.header.sequence());
                let ballot = body.ballot.get();
                self.window.tally.vote(acceptor, stamp, ballot, RangeRecord::all(ranges));
                self.window.watermark(ballot, body.decided_until.get());
                self.window.heard(body.complete_until.get());
            }
            Body::Watermark(body) => {
                self.reader.heard(body.ballot.get(), from);
                self.window.watermark(body.ballot.get(), body.decided_until.get());
                if packet.has(flags::ASK) {
                    self.reader.asked();
                }
                self.curious = false;
            }
            Body::Value(body, batch) if packet.has(flags::DECIDED) => {
                self.catch_up.repaired(body.instance.get());
                self.window.put_decided(body.instance.get(), body.ballot.get(), batch);
            }
            Body::CatchUp(body, ranges) => {
                let end = RangeRecord::all(ranges).last().map_or(0, |range| range.until);
                self.catch_up.overheard(now, body.have_until.get(), end);
            }
            _ => {}
        }
    }

    fn timer(&mut self, now: Nanos, timer: usize, out: &mut Outbox) {
        if timer == HEARTBEAT {
            // Without a leader's word since the start, ask again soon: it may have been lost.
            let wait = if self.curious {
                self.setup.heartbeat.min(200 * crate::limits::MS)
            } else {
                self.setup.heartbeat
            };
            self.identity.hello(if self.curious { flags::ASK } else { 0 }, out);
            self.reader.asked();
            out.arm(HEARTBEAT, now + wait);
        }
    }

    fn turn(&mut self, now: Nanos, out: &mut Outbox) {
        while !out.output().is_full()
            && let Some(instance) = self.window.advance()
        {
            let (_, batch) = self.window.get(instance).expect("what was decided is held");
            let (tail, held) = (self.window.tail(instance), self.window.memory());
            self.deliver.instance(instance, (batch, tail), held, out.output());
            self.digest.instance(batch);
        }
        if let Some(instance) = self.window.conflict() {
            out.stop(Stop::Conflict { instance });
            return;
        }
        if out.output().is_full() {
            out.again();
        }
        self.reader.turn(self.window.frontier(), out);
        match self.catch_up.step(now, self.window.frontier(), self.window.known(), out) {
            Step::Nothing => out.disarm(CATCH_UP),
            Step::Wait(until) => out.arm(CATCH_UP, until),
            Step::Ask { until } => {
                let missing = self.window.missing::<RANGES_MAX>(until);
                if !missing.is_empty() {
                    // To the learners' group: the proposers listen there, and the other learners need not ask
                    // as well.
                    out.repeats += 1;
                    let body = wire::CatchUp { have_until: self.window.frontier().into() };
                    out.send(To::Group(Role::Learner), &body, &[records(&missing).as_bytes()]);
                }
                if let Some(deadline) = self.catch_up.deadline() {
                    out.arm(CATCH_UP, deadline);
                }
            }
        }
    }

    fn held(&self) -> &[u8] {
        self.window.memory()
    }

    /// A payload is decided when votes come.
    fn patience(&self, group: Role) -> Nanos {
        if group == Role::Acceptor { PATIENT } else { 0 }
    }

    fn status(&self, _now: Nanos, status: &mut ProcessStatus) {
        status.ballot = self.reader.ballot().into();
        status.known_until = self.window.known().into();
        self.digest.tell(status);
    }

    fn receive_space(&mut self, space: u32, drops: u32) {
        self.space = (space, drops);
        self.catch_up.space(space, self.setup.layout.packet);
        self.reader.receive_space(space, drops);
    }

    fn decided_until(&self) -> u64 {
        self.delivered_until()
    }
}
