//! The acceptor: promises, votes, and remembers [Lamport01 §2.2].
//!
//! Invariants: `promised` never falls; nothing is accepted below it; every instance in the ranges of a 2b was
//! accepted in the 2b's ballot. An instance is marked decided when it was accepted in the ballot of a
//! watermark that covers it (see [`super::window`] for why that suffices), or when a process that knew it
//! decided sent it.

use super::catch_up::{CatchUp, Step};
use super::identity::Identity;
use super::outbox::{Notice, Outbox, Stop, To};
use super::ranges::{RangeSet, append, records};
use super::store::{Refused, Store};
use super::{Nanos, Process, Setup};
use crate::limits::{AHEAD_MAX, FETCH_BURST, FETCH_JOBS, MS};
use core::net::SocketAddrV4;
use wire::report::Room;
use wire::{
    Ballot, Batch, Body, Fetch, Nack, Packet, Phase1b, Phase2a, Phase2b, RANGES_MAX, Range, RangeRecord,
    Role, Value, flags,
};
use zerocopy::IntoBytes;

const HEARTBEAT: usize = 0;
const CATCH_UP: usize = 1;
const SETTLE: usize = 2;

/// How long a new acceptor waits for an earlier one with its id to answer, before it promises or votes in
/// that one's name.
const SETTLE_TIME: Nanos = 20 * MS;

/// How far a search for missing instances looks in one go.
const SCAN: u64 = 4096;

/// Instances to send to somebody, as a [`Fetch`] asked for.
#[derive(Clone, Debug)]
struct Job {
    to: SocketAddrV4,
    /// Only what is known decided, or all that is accepted.
    undecided: bool,
    ranges: heapless::Vec<Range, RANGES_MAX>,
}

pub struct Acceptor {
    setup: Setup,
    identity: Identity,
    promised: Ballot,
    store: Store,
    /// Accepted in `promised`, and not below its watermark.
    votes: RangeSet,
    /// The watermark heard in `promised`.
    watermark: u64,
    /// The highest claim of what is decided.
    known: u64,
    /// Every instance below is stored and known decided.
    complete: u64,
    read_until: u64,
    space: u32,
    drops: u32,
    /// A vote is owed.
    vote_due: bool,
    /// A refusal is owed: to whom, for which ballot.
    nack_due: Option<(SocketAddrV4, Ballot)>,
    catch_up: CatchUp,
    jobs: heapless::Deque<Job, FETCH_JOBS>,
    full: bool,
    conflict: Option<u64>,
    /// Nobody with our id has answered in time.
    settled: bool,
}

impl Acceptor {
    pub fn new(setup: Setup) -> Acceptor {
        Acceptor {
            identity: Identity::new(&setup),
            catch_up: CatchUp::new(setup.seed),
            setup,
            promised: Ballot::ZERO,
            store: Store::default(),
            votes: RangeSet::default(),
            watermark: 0,
            known: 0,
            complete: 0,
            read_until: 0,
            space: 0,
            drops: 0,
            vote_due: false,
            nack_due: None,
            jobs: heapless::Deque::new(),
            full: false,
            conflict: None,
            settled: false,
        }
    }

    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// What was accepted for an instance.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Phase 1a [Lamport01 §2.2, phase 1 (b)].
    fn prepare(&mut self, from: SocketAddrV4, ballot: Ballot, first: u64, out: &mut Outbox) {
        if !ballot.follows(self.promised) {
            return;
        }
        if ballot < self.promised {
            self.nack_due = Some((from, ballot));
            return;
        }
        self.promise(ballot);
        let (runs, until) = self.store.page(first);
        let body = Phase1b {
            ballot: ballot.into(),
            from: first.into(),
            until: until.into(),
            complete_until: self.complete.into(),
            top: self.store.top().into(),
            life: self.setup.me.incarnation.into(),
            blind_until: 0.into(),
            lives: 0.into(),
            reserved: [0; 6],
        };
        out.send(To::Peer(from), &body, &[runs.as_bytes()]);
    }

    /// Phase 2a [Lamport01 §2.2, phase 2 (b)].
    fn accept(
        &mut self,
        from: SocketAddrV4,
        ballot: Ballot,
        body: &Phase2a,
        batch: Batch<'_>,
        out: &mut Outbox,
    ) {
        if ballot < self.promised {
            self.nack_due = Some((from, ballot));
            return;
        }
        if !ballot.follows(self.promised) {
            return;
        }
        self.promise(ballot);
        let instance = body.instance.get();
        let decided_until = body.decided_until.get();
        self.read_until = self.read_until.max(instance + 1);
        self.vote_due = true;
        if instance >= decided_until.saturating_add(AHEAD_MAX) {
            return; // far ahead: no honest leader proposes there
        }
        self.learn(ballot, decided_until);
        if instance >= self.watermark && !self.votes.accepts(instance) {
            return; // as if it were lost: the leader will send it again
        }
        let decided = instance < self.watermark;
        match self.store.put(instance, ballot, batch, decided) {
            Ok(()) if decided => self.completed(),
            Ok(()) => assert!(self.votes.insert(instance), "room was looked for before"),
            Err(why) => self.not_stored(instance, why, out),
        }
    }

    fn not_stored(&mut self, instance: u64, why: Refused, out: &mut Outbox) {
        match why {
            Refused::Full => {
                if !core::mem::replace(&mut self.full, true) {
                    out.notice(Notice::Full);
                }
            }
            Refused::Late => {} // only ever said of a proposal, never of a decision
            Refused::Conflict => self.conflict = Some(instance),
        }
    }

    fn promise(&mut self, ballot: Ballot) {
        assert!(ballot >= self.promised, "a promise never falls");
        if ballot > self.promised {
            self.promised = ballot;
            self.votes.clear();
            self.watermark = 0;
            self.read_until = 0;
            self.vote_due = true;
        }
    }

    /// A watermark. In the promised ballot it marks decided what was accepted in that ballot.
    fn learn(&mut self, ballot: Ballot, decided_until: u64) {
        if ballot < self.promised {
            return; // whoever leads now knows better
        }
        self.known = self.known.max(decided_until);
        if ballot > self.promised || decided_until <= self.watermark {
            return;
        }
        for range in self.votes.ranges() {
            for instance in range.first..range.until.min(decided_until) {
                self.store.decide(instance);
            }
        }
        self.watermark = decided_until;
        self.votes.trim(decided_until);
        self.completed();
    }

    fn completed(&mut self) {
        while self.store.decided(self.complete) {
            self.complete += 1;
        }
    }

    /// A batch that some process knew decided. It is no vote: it is stored to be handed on.
    fn repaired(&mut self, instance: u64, ballot: Ballot, batch: Batch<'_>, out: &mut Outbox) {
        let near = instance >= self.complete && instance < self.complete.saturating_add(SCAN);
        if !near || !ballot.follows(self.promised) {
            return;
        }
        // As if its 2a had come: what is stored is never of a ballot above the promise.
        self.promise(ballot.max(self.promised));
        match self.store.put(instance, ballot, batch, true) {
            Ok(()) => self.completed(),
            Err(why) => self.not_stored(instance, why, out),
        }
    }

    fn fetch(&mut self, from: SocketAddrV4, fetch: &Fetch, ranges: &[RangeRecord]) {
        let ballot = fetch.ballot.get();
        if !ballot.is_zero() && ballot != self.promised {
            self.nack_due = Some((from, ballot)); // what was accepted is told to whom it was promised
            return;
        }
        let job = Job {
            to: fetch.to(),
            undecided: !ballot.is_zero(),
            ranges: RangeRecord::all(ranges).take(RANGES_MAX).collect(),
        };
        // The latest request of one process replaces its earlier one, which it no longer waits for.
        for other in self.jobs.iter_mut() {
            if other.to == job.to && other.undecided == job.undecided {
                *other = job;
                return;
            }
        }
        let _ = self.jobs.push_back(job); // when full: it will be asked again
    }

    /// Sends some of what was asked for.
    fn serve(&mut self, out: &mut Outbox) {
        let Some(mut job) = self.jobs.pop_front() else { return };
        let (mut sent, mut looked) = (0, 0);
        while let Some(range) = job.ranges.first_mut() {
            if range.is_empty() || range.first >= self.store.top() {
                job.ranges.remove(0);
                continue;
            }
            if sent >= FETCH_BURST || looked >= SCAN || out.room() < 64 {
                break;
            }
            let instance = range.first;
            range.first += 1;
            looked += 1;
            let Some(accepted) = self.store.get(instance) else { continue };
            if accepted.decided || job.undecided {
                let body = Value { instance: instance.into(), ballot: accepted.ballot.into() };
                let flags = if accepted.decided { flags::DECIDED } else { 0 };
                out.send_flagged(To::Peer(job.to), flags, &body, &[accepted.bytes]);
                sent += 1;
            }
        }
        if !job.ranges.is_empty() {
            let _ = self.jobs.push_back(job); // there is room: it came from there
        }
        if !self.jobs.is_empty() {
            out.again();
        }
    }

    fn vote(&mut self, out: &mut Outbox) {
        let body = Phase2b {
            ballot: self.promised.into(),
            decided_until: self.watermark.into(),
            complete_until: self.complete.into(),
            room: Room {
                read_until: self.read_until.into(),
                space: self.space.into(),
                drops: self.drops.into(),
            },
        };
        out.send(To::Group(Role::Learner), &body, &[self.votes.records().as_bytes()]);
        self.vote_due = false;
    }

    /// Asks for decided instances that were missed, so that every acceptor can serve all of the log.
    fn heal(&mut self, now: Nanos, out: &mut Outbox) {
        match self.catch_up.step(now, self.complete, self.known, out) {
            Step::Nothing => out.disarm(CATCH_UP),
            Step::Wait(until) => out.arm(CATCH_UP, until),
            Step::Ask { until } => {
                let missing = self.missing(until);
                let body = wire::CatchUp { have_until: self.complete.into() };
                out.send(To::Group(Role::Proposer), &body, &[records(&missing).as_bytes()]);
                if let Some(deadline) = self.catch_up.deadline() {
                    out.arm(CATCH_UP, deadline);
                }
            }
        }
    }

    fn missing(&self, until: u64) -> heapless::Vec<Range, RANGES_MAX> {
        let mut ranges: heapless::Vec<Range, RANGES_MAX> = heapless::Vec::new();
        for instance in self.complete..until {
            if self.store.decided(instance) {
                continue;
            }
            if !append(&mut ranges, instance) {
                break;
            }
        }
        ranges
    }
}

impl Process for Acceptor {
    fn start(&mut self, now: Nanos, out: &mut Outbox) {
        self.identity.hello(0, out);
        out.arm(SETTLE, now + SETTLE_TIME);
        out.arm(HEARTBEAT, now + self.setup.heartbeat);
    }

    fn packet(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        if !self.identity.admit(now, from, packet, out) || !self.settled {
            return;
        }
        match packet.body {
            Body::Phase1a(body) => self.prepare(from, body.ballot.get(), body.from.get(), out),
            Body::Phase2a(body, batch) => self.accept(from, body.ballot(packet.sender), body, batch, out),
            Body::Watermark(body) => {
                if body.ballot.get() < self.promised {
                    self.nack_due = Some((from, body.ballot.get()));
                }
                self.learn(body.ballot.get(), body.decided_until.get());
                if body.ballot.get() == self.promised && packet.has(flags::ASK) {
                    self.vote_due = true;
                }
            }
            Body::Value(body, batch) if packet.has(flags::DECIDED) => {
                self.repaired(body.instance.get(), body.ballot.get(), batch, out);
            }
            Body::Fetch(body, ranges) => self.fetch(from, body, ranges),
            Body::Hello(_) if packet.has(flags::ASK) => self.vote_due = true,
            _ => {}
        }
    }

    fn timer(&mut self, now: Nanos, timer: usize, out: &mut Outbox) {
        if timer == SETTLE {
            (self.settled, self.vote_due) = (true, true);
        }
        if timer == HEARTBEAT {
            self.identity.hello(0, out);
            self.vote_due = true;
            out.arm(HEARTBEAT, now + self.setup.heartbeat);
        }
    }

    fn turn(&mut self, now: Nanos, out: &mut Outbox) {
        if let Some(instance) = self.conflict {
            out.stop(Stop::Conflict { instance });
            return;
        }
        if self.vote_due && self.settled {
            self.vote(out);
        }
        if let Some((to, refused)) = self.nack_due.take()
            && refused < self.promised
        {
            out.send(To::Peer(to), &Nack { refused: refused.into(), promised: self.promised.into() }, &[]);
        }
        self.heal(now, out);
        self.serve(out);
    }

    fn receive_space(&mut self, space: u32, drops: u32) {
        self.catch_up.space(space, self.setup.layout.packet);
        (self.space, self.drops) = (space, drops);
    }
}

#[cfg(test)]
mod tests;
