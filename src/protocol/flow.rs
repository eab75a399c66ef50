//! Flow control: nothing may overflow a socket buffer.
//!
//! Everything that a leader sends to all is counted at what it costs a receive buffer. Each receiver of 2a
//! (acceptors by their 2b, learners and followers by reports) says how far it has read and what room it has;
//! the leader keeps what is unread at the slowest live receiver below a share of that room, and halves the
//! share when that receiver drops packets. A receiver that does not read at all holds the leader back for a
//! bounded time, then is left to catch up.

use super::outbox::{Notice, Outbox};
use super::{Nanos, To};
use crate::limits::{CREDIT_SHARE, MS, PACKET_COST, PATIENCE, RECEIVERS_MAX};
use core::net::SocketAddrV4;
use wire::report::Room;
use wire::{Ballot, Report, Role, Sender};

/// What a queued packet of this length costs a receive buffer.
pub fn cost(length: usize) -> u64 {
    length as u64 + PACKET_COST
}

/// What may be unread of a buffer of this many bytes.
pub fn share(space: u32) -> u64 {
    u64::from(space) * CREDIT_SHARE.0 / CREDIT_SHARE.1
}

/// A receiver's side: counts what it reads of the leader's 2a stream and says when to report it.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    leader: Option<(Ballot, SocketAddrV4)>,
    read_until: u64,
    unreported: u64,
    due: bool,
    space: u32,
    drops: u32,
}

impl Reader {
    pub fn receive_space(&mut self, space: u32, drops: u32) {
        self.due |= drops != self.drops;
        (self.space, self.drops) = (space, drops);
    }

    /// A 2a or watermark came from whoever leads `ballot`.
    pub fn heard(&mut self, ballot: Ballot, from: SocketAddrV4) {
        if self.leader.is_none_or(|(known, _)| ballot > known) {
            self.leader = Some((ballot, from));
            (self.read_until, self.due) = (0, true);
        }
    }

    pub fn read(&mut self, ballot: Ballot, instance: u64, length: usize) {
        if self.leader.is_some_and(|(known, _)| known == ballot) {
            self.read_until = self.read_until.max(instance + 1);
        }
        self.unreported += cost(length);
    }

    /// Of the leader that is heard; [`Ballot::ZERO`] when none is.
    pub fn ballot(&self) -> Ballot {
        self.leader.map_or(Ballot::ZERO, |(ballot, _)| ballot)
    }

    /// A report was asked for.
    pub fn asked(&mut self) {
        self.due = true;
    }

    /// Reports when a twelfth of the share was read (less than the leader ever allows), or something else is
    /// due.
    pub fn turn(&mut self, delivered_until: u64, out: &mut Outbox) {
        let Some((ballot, leader)) = self.leader else { return };
        if self.due || self.unreported >= share(self.space) / 12 {
            (self.due, self.unreported) = (false, 0);
            let room = Room {
                read_until: self.read_until.into(),
                space: self.space.into(),
                drops: self.drops.into(),
            };
            let report = Report { ballot: ballot.into(), room, delivered_until: delivered_until.into() };
            out.send(To::Peer(leader), &report, &[]);
        }
    }
}

/// A receiver as the leader sees it.
#[derive(Clone, Copy, Debug)]
struct Receiver {
    role: Role,
    id: u16,
    incarnation: u64,
    /// One past the highest instance read.
    read_until: u64,
    space: u32,
    drops: u32,
    /// The share of its room that is used, in 1/16.
    share: u64,
    heard: Nanos,
    /// Since when it has read nothing though something was there.
    stuck_since: Option<Nanos>,
    /// Left to catch up.
    left: bool,
}

impl Receiver {
    /// What may be sent before this one must read, as a cost. `before`: the cost of what was sent before each of the last
    /// instances; `sent`, `sent_until`: of all that was sent, and one past the last of it.
    fn credit(&self, before: &[u64], (sent, sent_until): (u64, u64)) -> u64 {
        let at = self.read_until as usize & (before.len() - 1);
        let read = if self.read_until == sent_until { sent } else { before[at] };
        let allowed = (share(self.space) * self.share / 16).max(cost(wire::PACKET_MAX));
        let forgotten = sent_until - self.read_until >= before.len() as u64;
        if forgotten { 0 } else { allowed.saturating_sub(sent - read) }
    }
}

/// The leader's side.
pub struct Flow {
    receivers: heapless::Vec<Receiver, RECEIVERS_MAX>,
    /// By instance modulo its length: the cost of all packets before that instance, within this ballot.
    before: Box<[u64]>,
    /// The cost of all sent so far.
    sent: u64,
    sent_until: u64,
    first: u64,
    suspect: Nanos,
    /// Of the sender itself: what it takes the room of receivers for while it knows none.
    own_space: u32,
}

impl Flow {
    /// Remembers the cost of the last `instances` instances: a receiver that is further behind has no credit.
    pub fn new(instances: usize, suspect: Nanos) -> Flow {
        Flow {
            receivers: heapless::Vec::new(),
            before: vec![0; instances.next_power_of_two()].into_boxed_slice(),
            sent: 0,
            sent_until: 0,
            first: 0,
            suspect,
            own_space: u32::MAX,
        }
    }

    /// What this process's own receive buffers hold.
    pub fn own_space(&mut self, space: u32) {
        self.own_space = space;
    }

    /// A new ballot begins to send with this instance.
    pub fn begin(&mut self, first: u64) {
        (self.sent, self.sent_until, self.first) = (0, first, first);
        for receiver in &mut self.receivers {
            (receiver.read_until, receiver.stuck_since, receiver.left) = (first, None, false);
        }
    }

    /// A new instance was sent, as a packet of this length. Instances are sent in order.
    pub fn sent(&mut self, instance: u64, length: usize) {
        assert_eq!(instance, self.sent_until, "first sendings are in order");
        let at = instance as usize & (self.before.len() - 1);
        self.before[at] = self.sent;
        self.sent += cost(length);
        self.sent_until += 1;
    }

    /// A receiver tells how far it has read, in the present ballot.
    pub fn heard(&mut self, now: Nanos, sender: Sender, room: &Room, out: &mut Outbox) {
        let key = |r: &&mut Receiver| (r.role, r.id) == (sender.role, sender.id);
        let read_until = room.read_until.get().clamp(self.first, self.sent_until);
        let (space, drops) = (room.space.get(), room.drops.get());
        let Some(receiver) = self.receivers.iter_mut().find(key) else {
            let (role, id, incarnation) = (sender.role, sender.id, sender.incarnation);
            let (heard, stuck_since) = (now, None);
            let read_until = self.sent_until; // what was sent before it came is not in its buffer
            let new = Receiver {
                role,
                id,
                incarnation,
                read_until,
                space,
                drops,
                share: 16,
                heard,
                stuck_since,
                left: false,
            };
            let _ = self.receivers.push(new); // one too many is served unwatched
            return;
        };
        if receiver.incarnation != sender.incarnation {
            (receiver.incarnation, receiver.drops) = (sender.incarnation, drops);
            receiver.read_until = self.sent_until;
        }
        let dropped = drops.wrapping_sub(receiver.drops);
        if dropped > u32::MAX / 2 {
            return; // an older word than the last
        }
        if dropped > 0 {
            receiver.share = (receiver.share / 2).max(2);
        } else if read_until > receiver.read_until {
            receiver.share = (receiver.share + 1).min(16);
        }
        if read_until > receiver.read_until {
            (receiver.read_until, receiver.stuck_since) = (read_until, None);
        }
        (receiver.space, receiver.drops, receiver.heard) = (space, drops, now);
        if receiver.left && self.sent_until - receiver.read_until < 64 {
            receiver.left = false;
            out.notice(Notice::Keeping { role: receiver.role, id: receiver.id });
        }
    }

    /// What may be sent now, as a cost; 0 when the slowest receiver must read first.
    pub fn credit(&mut self, now: Nanos, out: &mut Outbox) -> u64 {
        let (sent, sent_until, suspect) = (self.sent, self.sent_until, self.suspect);
        self.receivers.retain(|receiver| now.saturating_sub(receiver.heard) < suspect);
        if self.receivers.is_empty() {
            return share(self.own_space).saturating_sub(self.sent);
        }
        let mut least = u64::MAX;
        for receiver in &mut self.receivers {
            if receiver.left {
                continue;
            }
            let credit = receiver.credit(&self.before, (sent, sent_until));
            if credit < cost(wire::PACKET_MAX) && now >= *receiver.stuck_since.get_or_insert(now) + PATIENCE {
                receiver.left = true;
                out.notice(Notice::Slow { role: receiver.role, id: receiver.id });
                continue;
            }
            least = least.min(credit);
        }
        least
    }

    /// What [`Flow::credit`] would be, but that nobody is left to catch up because somebody looked.
    pub fn open(&self) -> u64 {
        let sent = (self.sent, self.sent_until);
        let receivers = self.receivers.iter().filter(|receiver| !receiver.left);
        let least = receivers.map(|receiver| receiver.credit(&self.before, sent)).min();
        least.unwrap_or(share(self.own_space).saturating_sub(self.sent))
    }

    /// How often the leader looks again when nobody says anything.
    pub const AGAIN: Nanos = 5 * MS;
}

#[cfg(test)]
mod tests;
