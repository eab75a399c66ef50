//! What the leader takes in: each client's entries, put in order, and the acks that go back.

use super::Nanos;
use super::flow::{cost, share};
use super::outbox::{Outbox, To};
use super::sessions::Sessions;
use crate::limits::{INTAKE_MAX, REORDER_POOL, SESSIONS};
use core::net::SocketAddrV4;
use wire::{Ack, AckRecord, BEYOND_BITS, Ballot, HEADER_LEN, Role, Status, flags, sequence_field};
use zerocopy::{FromZeros, IntoBytes};

/// What a client may always have on the way, in packets.
const FIRST_PACKETS: u32 = 2;
const NONE: u16 = u16::MAX;
/// A client that was silent for so long does not share in the credit any more: 1 s.
const ACTIVE: Nanos = 1_000_000_000;

/// A client as the leader sees it.
struct Guest {
    client: u16,
    incarnation: u64,
    /// Entries below are in the log.
    logged: u64,
    heard: Nanos,
    /// One past the sequence number of the latest packet that came from it.
    heard_until: u64,
    /// Where it sends from.
    at: SocketAddrV4,
    /// Until then its acks go to all clients: an entry came again, so perhaps what goes to it alone is lost.
    shared_until: Nanos,
    /// What it was last told that it may have on the way. It begins small and doubles with every ack up to
    /// its share, so that clients that come together are all known before any of them has much on the way.
    credit: u32,
    /// An ack is owed.
    due: bool,
    /// By number modulo its length: where in the pool an entry waits that came too early.
    waiting: [u16; BEYOND_BITS],
    waits: u32,
}

/// An entry on its way into the log.
#[derive(Clone, Copy, Debug)]
pub struct Submitted<'a> {
    pub client: u16,
    pub incarnation: u64,
    pub number: u64,
    pub piece: &'a [u8],
}

pub struct Intake {
    room: usize,
    guests: Vec<Guest>,
    /// By client id: where its guest stands.
    index: Box<[u16]>,
    pool: Box<[u8]>,
    lengths: Box<[u16]>,
    free: Vec<u16>,
    due: Vec<u16>,
    /// Whose entries are drained first.
    first: usize,
    turned_away: heapless::Vec<(u16, u64, Status), 16>,
    /// Clients heard lately, and when they were counted.
    active: (u64, Nanos),
}

impl Intake {
    /// For entries of up to `room` bytes.
    pub fn new(room: usize) -> Intake {
        Intake {
            room,
            guests: Vec::with_capacity(INTAKE_MAX),
            index: vec![NONE; SESSIONS].into_boxed_slice(),
            pool: vec![0; REORDER_POOL * room].into_boxed_slice(),
            lengths: vec![0; REORDER_POOL].into_boxed_slice(),
            free: (0..REORDER_POOL as u16).collect(),
            due: Vec::with_capacity(INTAKE_MAX),
            first: 0,
            turned_away: heapless::Vec::new(),
            active: (1, 0),
        }
    }

    /// Forgets everything that is not decided: another leader, or a new ballot of ours, begins from the log.
    pub fn clear(&mut self) {
        for at in 0..self.guests.len() {
            self.release(at);
            self.index[usize::from(self.guests[at].client)] = NONE;
        }
        self.guests.clear();
        self.due.clear();
        self.turned_away.clear();
    }

    /// An entry came, from this address, in the packet of this sequence number. `log` appends it to the log, or says that the log is full.
    pub fn submit(
        &mut self,
        now: Nanos,
        (from, sequence): (SocketAddrV4, u64),
        entry: Submitted<'_>,
        sessions: &Sessions,
        mut log: impl FnMut(Submitted<'_>) -> bool,
    ) {
        let session = sessions.get(entry.client);
        if entry.incarnation < session.incarnation {
            let _ = self.turned_away.push((entry.client, session.incarnation, Status::Superseded));
            return;
        }
        if entry.incarnation == session.incarnation && session.ended {
            let _ = self.turned_away.push((entry.client, session.incarnation, Status::Ended));
            return;
        }
        let decided = if entry.incarnation == session.incarnation { session.next } else { 0 };
        let Some(at) = self.guest(now, (entry.client, entry.incarnation), decided, from) else { return };
        let place = (entry.number % BEYOND_BITS as u64) as usize;
        let guest = &mut self.guests[at];
        (guest.heard, guest.at) = (now, from);
        guest.heard_until = guest.heard_until.max(sequence + 1);
        if entry.number < guest.logged || guest.waiting[place] != NONE {
            guest.shared_until = now + ACTIVE;
        }
        let known = entry.piece.len() > self.room || entry.number < guest.logged;
        if !known && entry.number == guest.logged && guest.waiting[place] == NONE && log(entry) {
            guest.logged += 1;
            // Of the only one on the way its client hears when it is decided, and needs to wake once.
            if entry.number > decided || guest.waits > 0 {
                self.owe(at);
            }
        } else {
            self.owe(at);
            if known {
                return;
            }
            self.keep(at, entry);
        }
        self.drain(at, &mut log);
    }

    /// Moves entries that waited into the log, as far as they are in order and there is room.
    pub fn drain_all(&mut self, mut log: impl FnMut(Submitted<'_>) -> bool) {
        if self.free.len() == REORDER_POOL {
            return;
        }
        // Another one first each time: when the log is nearly full, the first takes all the room.
        self.first = self.first.wrapping_add(1);
        for turn in 0..self.guests.len() {
            let at = (turn + self.first % self.guests.len()) % self.guests.len();
            if self.guests[at].waits > 0 {
                self.drain(at, &mut log);
            }
        }
    }

    /// Entries of this client were decided: it will want to know.
    pub fn decided(&mut self, client: u16) {
        let at = self.index[usize::from(client)];
        if at != NONE {
            self.owe(at.into());
        }
    }

    /// This guest is owed an ack.
    fn owe(&mut self, at: usize) {
        if !core::mem::replace(&mut self.guests[at].due, true) {
            self.due.push(at as u16);
        }
    }

    /// Sends the acks that are owed. `space` is that of the sockets that clients send to, `free` the room in
    /// the log as packets.
    pub fn acknowledge(
        &mut self,
        now: Nanos,
        sessions: &Sessions,
        (ballot, heard): (Ballot, u16),
        (space, free, packet): (u32, u64, usize),
        out: &mut Outbox,
    ) {
        if self.due.is_empty() && self.turned_away.is_empty() {
            return;
        }
        if now >= self.active.1 {
            let active = self.guests.iter().filter(|guest| now.saturating_sub(guest.heard) < ACTIVE).count();
            self.active = (active.max(1) as u64, now + ACTIVE / 20);
        }
        let whole = share(space).min(free * cost(packet));
        let least = FIRST_PACKETS as u64 * cost(packet);
        let credit = (whole / self.active.0).max(least).min(u32::MAX.into()) as u32;
        let mut records: heapless::Vec<AckRecord, 18> = heapless::Vec::new();
        let per_packet = 18.min((packet - HEADER_LEN - size_of::<Ack>()) / size_of::<AckRecord>());
        let body = Ack { ballot: ballot.into(), heard: heard.into(), reserved: 0.into() };
        let mut add = |record: AckRecord, out: &mut Outbox| {
            let _ = records.push(record);
            if records.len() == per_packet {
                out.send_flagged(To::Group(Role::Client), flags::LEADING, &body, &[records.as_bytes()]);
                records.clear();
            }
        };
        for &(client, incarnation, status) in &self.turned_away {
            let mut record = AckRecord::new_zeroed();
            (record.client, record.incarnation, record.status) =
                (client.into(), incarnation.into(), status as u8);
            add(record, out);
        }
        for &at in &self.due {
            let guest = &mut self.guests[usize::from(at)];
            guest.due = false;
            let session = sessions.get(guest.client);
            let mut record = AckRecord::new_zeroed();
            guest.credit = guest.credit.saturating_mul(2).clamp(FIRST_PACKETS * cost(packet) as u32, credit);
            (record.client, record.credit) = (guest.client.into(), guest.credit.into());
            record.incarnation = guest.incarnation.into();
            if session.incarnation > guest.incarnation {
                record.status = Status::Superseded as u8;
                record.incarnation = session.incarnation.into();
            } else if session.incarnation == guest.incarnation {
                record.status = if session.ended { Status::Ended } else { Status::Open } as u8;
                record.decided_until = session.next.into();
            }
            guest.received(&mut record);
            add(record, out);
        }
        if !records.is_empty() {
            let to = self.only_due(now).map_or(To::Group(Role::Client), To::Peer);
            out.send_flagged(to, flags::LEADING, &body, &[records.as_bytes()]);
        }
        self.due.clear();
        self.turned_away.clear();
    }

    /// Where the only client is that an ack is owed to: it need not wake the others, nor take a part of their links.
    fn only_due(&self, now: Nanos) -> Option<SocketAddrV4> {
        match self.due[..] {
            [at] if self.turned_away.is_empty() => {
                let guest = &self.guests[usize::from(at)];
                (now >= guest.shared_until).then_some(guest.at)
            }
            _ => None,
        }
    }

    /// The guest of a client's session, made when it is new. `None` for an earlier start than the one served; but
    /// one of which nothing is logged, and nothing was heard for a second, has ended without a trace, and the
    /// earlier one goes on.
    fn guest(
        &mut self,
        now: Nanos,
        (client, incarnation): (u16, u64),
        decided: u64,
        from: SocketAddrV4,
    ) -> Option<usize> {
        let at = self.index[usize::from(client)];
        if at != NONE {
            let at = usize::from(at);
            let Guest { incarnation: served, logged, heard, .. } = self.guests[at];
            let gone = logged == 0 && now.saturating_sub(heard) >= ACTIVE;
            if served < incarnation || served > incarnation && gone {
                self.release(at);
                let guest = &mut self.guests[at];
                (guest.incarnation, guest.logged, guest.credit) = (incarnation, decided, 0);
                guest.heard_until = 0;
            }
            return (self.guests[at].incarnation == incarnation).then_some(at);
        }
        let at = if self.guests.len() < INTAKE_MAX {
            self.active.1 = 0; // one more shares
            self.guests.push(Guest {
                client,
                incarnation,
                logged: decided,
                heard: now,
                heard_until: 0,
                at: from,
                shared_until: 0,
                credit: 0,
                due: false,
                waiting: [NONE; BEYOND_BITS],
                waits: 0,
            });
            self.guests.len() - 1
        } else {
            // The one unheard for longest gives way. It is no loss: its session lives in the log.
            let oldest = self.guests.iter().enumerate().min_by_key(|(_, guest)| guest.heard)?.0;
            if now.saturating_sub(self.guests[oldest].heard) < ACTIVE {
                return None;
            }
            self.release(oldest);
            self.index[usize::from(self.guests[oldest].client)] = NONE;
            let guest = &mut self.guests[oldest];
            (guest.client, guest.incarnation, guest.logged, guest.credit) = (client, incarnation, decided, 0);
            guest.heard_until = 0;
            oldest
        };
        self.index[usize::from(client)] = at as u16;
        Some(at)
    }

    fn keep(&mut self, at: usize, entry: Submitted<'_>) {
        let guest = &mut self.guests[at];
        let place = (entry.number % BEYOND_BITS as u64) as usize;
        if entry.number - guest.logged >= BEYOND_BITS as u64 || guest.waiting[place] != NONE {
            return;
        }
        let Some(free) = self.free.pop() else { return };
        guest.waiting[place] = free;
        guest.waits += 1;
        self.lengths[usize::from(free)] = entry.piece.len() as u16;
        self.pool[usize::from(free) * self.room..][..entry.piece.len()].copy_from_slice(entry.piece);
    }

    fn drain(&mut self, at: usize, log: &mut impl FnMut(Submitted<'_>) -> bool) {
        let guest = &mut self.guests[at];
        while guest.waits > 0 {
            let place = (guest.logged % BEYOND_BITS as u64) as usize;
            let slot = guest.waiting[place];
            if slot == NONE {
                return;
            }
            let piece = &self.pool[usize::from(slot) * self.room..][..self.lengths[usize::from(slot)].into()];
            let (client, incarnation, number) = (guest.client, guest.incarnation, guest.logged);
            if !log(Submitted { client, incarnation, number, piece }) {
                return;
            }
            guest.waiting[place] = NONE;
            guest.waits -= 1;
            guest.logged += 1;
            self.free.push(slot);
        }
    }

    /// Gives back what waits for a guest.
    fn release(&mut self, at: usize) {
        let guest = &mut self.guests[at];
        for place in &mut guest.waiting {
            if *place != NONE {
                self.free.push(core::mem::replace(place, NONE));
            }
        }
        guest.waits = 0;
    }
}

impl Guest {
    /// Fills in what has come.
    fn received(&self, record: &mut AckRecord) {
        let came = |number: u64| self.waiting[(number % BEYOND_BITS as u64) as usize] != NONE;
        let end = self.logged + BEYOND_BITS as u64;
        let mut received = self.logged;
        if self.waits > 0 {
            while received < end && came(received) {
                received += 1;
            }
            for number in received + 1..end {
                let bit = (number - received - 1) as usize;
                record.beyond[bit / 8] |= u8::from(came(number)) << (bit % 8);
            }
        }
        record.received_until = received.max(record.decided_until.get()).into();
        record.heard_until = sequence_field(self.heard_until);
    }
}

#[cfg(test)]
mod tests;
