//! The client: keeps what it submitted until it is decided, and submits it again to whoever leads.
//!
//! Its stream of values, each ended by a newline, is cut into entries wherever a packet is full. An entry is
//! never changed once it was sent, so submitting it twice is harmless.

use super::copy::copy;
use super::flow::cost;
use super::identity::Identity;
use super::outbox::{Outbox, Stop, To};
use super::rto::{LATER, PROBE, Rto, UNLUCKY};
use super::{Nanos, Process, Setup};
use crate::limits::{CLIENT_BYTES, CLIENT_WINDOW, MS, NAGLE_INSTANCES};
use core::net::SocketAddrV4;
use wire::{
    Ack, AckRecord, BEYOND_BITS, Ballot, Body, HEADER_LEN, Packet, ProcessStatus, Role, Status, Submit, flags,
};
use zerocopy::FromZeros;

const HEARTBEAT: usize = 0;
const RETRANSMIT: usize = 1;
const SETTLE: usize = 2;

/// How long a new client waits for an earlier one with its id to answer, before it submits anything that
/// would take that one's place: a round trip on a LAN, generously.
const SETTLE_TIME: Nanos = 10 * MS;

/// Entries that may be on the way to a leader which has not said yet how much it can take.
const FIRST_CREDIT: u64 = 2;
/// After so many timeouts in vain the leader is no longer addressed directly.
const DIRECT_FAILURES: u32 = 3;

/// Bytes of a packet before its entry.
const FRONT: usize = HEADER_LEN + size_of::<Submit>();

/// One entry, kept until it is decided.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    length: usize,
    /// Values that end in it.
    values: u64,
    sent: Nanos,
    sends: u16,
    /// The sequence number of the packet in which it was sent last.
    sequence: u64,
}

/// What a person wants to know of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Values handed in.
    pub offered: u64,
    /// Of these, decided.
    pub decided: u64,
}

pub struct Client {
    setup: Setup,
    identity: Identity,
    room: usize,
    slots: Box<[Slot]>,
    /// By slot: a packet, in which an entry is put where it belongs.
    bytes: Box<[u8]>,
    /// Every entry below is decided.
    decided_until: u64,
    /// Entries below were sent to the present leader.
    sent_until: u64,
    /// Entries below are sealed: they do not change any more. The entry after them may be open.
    sealed_until: u64,
    /// What the present leader said last.
    ack: AckRecord,
    ack_sequence: (u64, u64),
    /// The log in which our values are decided, and when a leader in it was heard last.
    log: (u32, Nanos),
    leader: Option<Ballot>,
    /// Where the leader is. Entries go straight there, which spares the other proposers; and to the group of
    /// all proposers while it is not known, or does not answer.
    direct: Option<SocketAddrV4>,
    direct_failures: u32,
    /// When the leader, or a would-be leader, was heard last, and which acceptors it hears.
    heard: Option<(Nanos, u16)>,
    /// Nobody with our id has answered in time.
    settled: bool,
    ended: bool,
    progress: Progress,
    rto: Rto,
    /// Something got through since the retransmission timer was set.
    moved: bool,
    timer_set: bool,
}

impl Client {
    pub fn new(setup: Setup) -> Client {
        let room = setup.layout.entry_room();
        let window = CLIENT_WINDOW.min(CLIENT_BYTES / room);
        Client {
            identity: Identity::new(&setup),
            room,
            slots: vec![Slot::default(); window].into_boxed_slice(),
            bytes: vec![0; window * (FRONT + room + setup.layout.trailer)].into_boxed_slice(),
            decided_until: 0,
            sent_until: 0,
            sealed_until: 0,
            ack: AckRecord::new_zeroed(),
            ack_sequence: (0, 0),
            log: (0, 0),
            leader: None,
            direct: None,
            direct_failures: 0,
            heard: None,
            settled: false,
            ended: false,
            progress: Progress::default(),
            rto: Rto::new(2 * MS, 100 * MS),
            moved: false,
            timer_set: false,
            setup,
        }
    }

    /// Takes as much of `bytes` as there is room for, and says how much. Values end with newlines; a value
    /// may be handed in piece by piece.
    pub fn offer(&mut self, bytes: &[u8]) -> usize {
        let (mut taken, stride) = (0, self.stride());
        while taken < bytes.len() && !self.is_full() {
            let at = self.slot(self.sealed_until);
            let slot = &mut self.slots[at];
            let piece = &bytes[taken..bytes.len().min(taken + self.room - slot.length)];
            let end = at * stride + FRONT + slot.length;
            copy(&mut self.bytes[end..][..piece.len()], piece);
            slot.length += piece.len();
            let values = memchr::memchr_iter(b'\n', piece).count() as u64;
            slot.values += values;
            self.progress.offered += values;
            taken += piece.len();
            if slot.length == self.room {
                self.seal();
            }
        }
        taken
    }

    /// Nothing more will be offered.
    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Every entry below is decided.
    pub fn decided_until(&self) -> u64 {
        self.decided_until
    }

    /// The ballot of the leader that was heard, and when any proposer was heard last, with the acceptors that
    /// it hears (bit i: the i-th of the configuration).
    pub fn heard(&self) -> (Option<Ballot>, Option<(Nanos, u16)>) {
        (self.leader, self.heard)
    }

    fn slot(&self, number: u64) -> usize {
        (number % self.slots.len() as u64) as usize
    }

    /// Bytes of a full packet, so that full ones adjoin.
    fn stride(&self) -> usize {
        FRONT + self.room + self.setup.layout.trailer
    }

    /// Whether every slot holds a sealed entry.
    fn is_full(&self) -> bool {
        self.sealed_until - self.decided_until == self.slots.len() as u64
    }

    fn seal(&mut self) {
        self.sealed_until += 1;
        if !self.is_full() {
            let at = self.slot(self.sealed_until);
            self.slots[at] = Slot::default();
        }
    }

    fn open(&self) -> bool {
        !self.is_full() && self.slots[self.slot(self.sealed_until)].length > 0
    }

    /// Whether an ack is of the log in which our values are decided. While none is, any log will do; later a
    /// leader in another one ends us, when none was heard in ours for the suspicion time: what we still have
    /// cannot follow what went into the former log.
    fn belongs(&mut self, now: Nanos, packet: &Packet<'_>, out: &mut Outbox) -> bool {
        let log = packet.header.log.get();
        if log == 0 || !packet.has(flags::LEADING) {
            return true;
        }
        if log != self.log.0 && self.decided_until == 0 {
            (self.log, self.leader) = ((log, now), None); // ballots of two logs do not compare
            out.set_log(log);
        }
        if log == self.log.0 {
            self.log.1 = now;
        } else if now.saturating_sub(self.log.1) >= self.setup.suspect {
            out.stop(Stop::OtherLog { own: self.log.0, new: log });
        }
        log == self.log.0
    }

    fn acked(
        &mut self,
        now: Nanos,
        (from, packet): (SocketAddrV4, &Packet<'_>),
        (ack, records): (&Ack, &[AckRecord]),
        out: &mut Outbox,
    ) {
        self.heard = Some((now, ack.heard.get()));
        let ballot = ack.ballot.get();
        if !packet.has(flags::LEADING) || self.leader.is_some_and(|leader| ballot < leader) {
            return;
        }
        if self.leader != Some(ballot) {
            // The new leader knows only what is decided; everything else is submitted to it again.
            self.leader = Some(ballot);
            self.ack = AckRecord::new_zeroed();
            self.ack.credit = (FIRST_CREDIT as u32 * cost(self.setup.layout.packet) as u32).into();
            self.ack.received_until = self.decided_until.into();
            self.sent_until = self.decided_until;
            self.rto.progress();
            self.ack_sequence = (packet.sender.incarnation, 0);
            self.direct_failures = 0;
        }
        self.direct = Some(from);
        let mine = records.iter().find(|record| record.client.get() == self.setup.me.id);
        let Some(record) = mine else { return };
        let sequence = (packet.sender.incarnation, packet.header.sequence());
        match record.status() {
            Some(Status::Superseded) if record.incarnation.get() > self.setup.me.incarnation => {
                out.stop(Stop::Superseded);
                return;
            }
            Some(Status::Ended) if record.incarnation.get() == self.setup.me.incarnation => {
                out.stop(Stop::Ended);
                return;
            }
            Some(Status::Open) => {}
            _ => return, // of an earlier session of ours
        }
        if record.incarnation.get() != self.setup.me.incarnation || sequence < self.ack_sequence {
            return;
        }
        self.ack_sequence = sequence;
        let decided = record.decided_until.get().min(self.sealed_until);
        let received = record.received_until.get().min(self.sealed_until);
        self.moved |= received > self.ack.received_until.get() || decided > self.decided_until;
        if received < self.ack.received_until.get() {
            self.sent_until = self.sent_until.min(received.max(decided)); // it forgot us: begin where it stands
        }
        // Only what was sent once, and came later than all before it, tells how long a round trip takes: an
        // entry below waited for others.
        if let Some(last) = record.top().checked_sub(1)
            && record.top() > self.ack.top()
            && (self.decided_until..self.sent_until).contains(&last)
            && self.slots[self.slot(last)].sends == 1
        {
            self.rto.measured(now.saturating_sub(self.slots[self.slot(last)].sent));
        }
        self.ack = *record;
        while self.decided_until < decided {
            let was_full = self.is_full();
            let at = self.slot(self.decided_until);
            self.progress.decided += self.slots[at].values;
            self.decided_until += 1;
            if was_full {
                let at = self.slot(self.sealed_until);
                self.slots[at] = Slot::default();
            }
        }
        self.sent_until = self.sent_until.max(self.decided_until);
    }

    /// What is on the way to the leader and not known to have come, as a cost.
    fn in_flight(&self) -> u64 {
        let first = self.decided_until.max(self.ack.received_until.get());
        (first..self.sent_until)
            .filter(|number| !self.ack.has(*number))
            .map(|number| cost(self.slots[self.slot(number)].length + HEADER_LEN))
            .sum()
    }

    fn send(&mut self, now: Nanos, number: u64, out: &mut Outbox) {
        let (at, stride) = (self.slot(number), self.stride());
        let slot = &mut self.slots[at];
        let again = slot.sends > 0;
        out.repeats += u64::from(again);
        (slot.sent, slot.sends, slot.sequence) = (now, slot.sends.saturating_add(1), out.sequence());
        let to = match self.direct {
            Some(leader) if self.direct_failures < DIRECT_FAILURES => To::Peer(leader),
            _ => To::Group(Role::Proposer),
        };
        let body = Submit { number: number.into() };
        let (place, end) = (at * stride, FRONT + slot.length);
        let packet = &mut self.bytes[place..][..end + self.setup.layout.trailer];
        if again {
            out.send(to, &body, &[&packet[FRONT..end]]); // perhaps more than once in this turn
        } else {
            out.send_held(to, &body, packet, place);
        }
    }

    fn send_new(&mut self, now: Nanos, out: &mut Outbox) {
        let credit = match self.leader {
            Some(_) => u64::from(self.ack.credit.get()),
            None => FIRST_CREDIT * cost(self.setup.layout.packet),
        };
        let mut in_flight = self.in_flight();
        // No further than an ack can tell of.
        let reach = self.ack.received_until.get().max(self.decided_until) + BEYOND_BITS as u64;
        while self.sent_until < self.sealed_until.min(reach) {
            let price = cost(self.slots[self.slot(self.sent_until)].length + HEADER_LEN);
            if in_flight > 0 && in_flight + price > credit {
                return;
            }
            in_flight += price;
            self.send(now, self.sent_until, out);
            self.sent_until += 1;
        }
    }

    /// Sends again at once what was lost on the way to the leader: it has not come, though packets that left later were
    /// heard. Like the leader's own packets it is told by their order, not by the time that has passed.
    fn send_missed(&mut self, now: Nanos, out: &mut Outbox) {
        let first = self.decided_until.max(self.ack.received_until.get());
        for number in first..self.sent_until {
            let slot = &self.slots[self.slot(number)];
            let lost = slot.sequence + LATER < self.ack.heard_until();
            if !lost && slot.sends == 1 {
                break; // all that comes after it was sent later
            }
            let waited = now.saturating_sub(slot.sent) > self.rto.round_trip();
            if lost && !self.ack.has(number) && (slot.sends < UNLUCKY || waited) {
                self.send(now, number, out);
            }
        }
    }
}

impl Process for Client {
    fn start(&mut self, now: Nanos, out: &mut Outbox) {
        self.identity.hello(0, out);
        out.arm(HEARTBEAT, now + self.setup.heartbeat);
        out.arm(SETTLE, now + SETTLE_TIME);
    }

    fn packet(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) {
        if !self.identity.admit(now, from, packet, out) {
            return;
        }
        if let Body::Ack(ack, records) = packet.body
            && self.belongs(now, packet, out)
        {
            self.acked(now, (from, packet), (ack, records), out);
        }
    }

    fn timer(&mut self, now: Nanos, timer: usize, out: &mut Outbox) {
        match timer {
            SETTLE => self.settled = true,
            HEARTBEAT => {
                self.identity.hello(0, out);
                out.arm(HEARTBEAT, now + self.setup.heartbeat);
            }
            _ => {
                self.timer_set = false;
                if core::mem::take(&mut self.moved) {
                    self.rto.progress();
                    if self.direct.is_some() && self.direct_failures < DIRECT_FAILURES {
                        self.direct_failures = 0;
                    }
                    return;
                }
                self.rto.expired();
                self.direct_failures += u32::from(self.direct.take().is_some());
                let waiting = (self.decided_until..self.sent_until).filter(|number| !self.ack.has(*number));
                let mut probe: heapless::Vec<u64, PROBE> = waiting.take(PROBE).collect();
                if probe.is_empty() && self.sent_until > self.decided_until {
                    // All has come, but we do not hear that it is decided: ask, by sending the first one
                    // again.
                    let _ = probe.push(self.decided_until);
                }
                for number in probe.iter().cycle().take(PROBE) {
                    self.send(now, *number, out);
                }
            }
        }
    }

    fn held(&self) -> &[u8] {
        &self.bytes
    }

    fn turn(&mut self, now: Nanos, out: &mut Outbox) {
        if self.open() && (self.ended || self.sealed_until - self.decided_until < NAGLE_INSTANCES) {
            self.seal();
        }
        if self.settled {
            self.send_missed(now, out);
            self.send_new(now, out);
        }
        if self.ended && self.decided_until == self.sealed_until && !self.open() {
            out.stop(Stop::Done);
        }
        if self.sent_until == self.decided_until {
            out.disarm(RETRANSMIT);
            self.timer_set = false;
        } else if !self.timer_set {
            self.timer_set = true;
            out.arm(RETRANSMIT, now + self.rto.timeout());
        }
    }

    fn status(&self, _now: Nanos, status: &mut ProcessStatus) {
        status.ballot = self.leader.unwrap_or(Ballot::ZERO).into();
        status.decided_until = self.decided_until.into();
        status.known_until = (self.sealed_until + u64::from(self.open())).into();
        let in_flight = self.sent_until - self.decided_until;
        status.in_flight = u32::try_from(in_flight).expect("no more than the window has").into();
        status.credit = self.ack.credit;
        status.values = self.progress.decided.into();
    }

    fn receive_space(&mut self, _space: u32, _drops: u32) {}

    fn decided_until(&self) -> u64 {
        self.decided_until
    }
}

#[cfg(test)]
mod tests;
