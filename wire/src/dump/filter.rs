//! Which packets are printed.

use crate::{Ballot, Batch, Body, Kind, Outline, Packet, Range, RangeRecord, Role, Run, Sender};
use std::fmt;

/// What a packet must be to be printed: all of it at once. What is not said, everything fulfils.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One of these kinds; empty: any.
    pub kinds: Vec<Kind>,
    /// About one of these instances.
    pub instances: Option<Instances>,
    /// One that speaks of this ballot.
    pub ballot: Option<BallotId>,
    /// Sent by one of these; empty: anybody.
    pub from: Vec<SenderId>,
    /// Carrying or acknowledging values of one of these clients; empty: any.
    pub clients: Vec<u16>,
    /// Captured at or after this time, since the start of the capture, ns.
    pub since_ns: Option<i128>,
    /// Captured before this time.
    pub until_ns: Option<i128>,
    /// Refused as a packet. Nothing that asks for what is in a packet goes with it.
    pub malformed: bool,
}

/// The instances from `first` on, up to `last` and it included. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instances {
    pub first: u64,
    pub last: u64,
}

/// A ballot as far as a line tells it: `3.P1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BallotId {
    pub round: u64,
    pub proposer: u16,
}

/// A sender as a line tells it: `A2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SenderId {
    pub role: Role,
    pub id: u16,
}

impl Filter {
    pub(crate) fn wants_time(&self, time_ns: i128) -> bool {
        self.since_ns.is_none_or(|since| since <= time_ns)
            && self.until_ns.is_none_or(|until| time_ns < until)
    }

    pub(crate) fn wants(&self, packet: &Packet) -> bool {
        !self.malformed
            && (self.kinds.is_empty() || self.kinds.contains(&packet.kind))
            && self.wants_sender(packet.sender)
            && self.instances.is_none_or(|wanted| wanted.are_in(packet))
            && self.ballot.is_none_or(|wanted| wanted.is_in(packet))
            && (self.clients.is_empty() || self.clients.iter().any(|client| concerns(packet, *client)))
    }

    /// Bytes that are no packet have no kind, sender or instance, so any filter for one leaves them out.
    pub(crate) fn wants_malformed(&self) -> bool {
        self.malformed || !self.looks_into_packets()
    }

    /// The same for a datagram whose end is missing, which is not malformed. As far as the last packet of it can be
    /// told, that must be what is asked for; who speaks of values of clients is not known then.
    pub(crate) fn wants_truncated(&self, cut: Option<Outline>) -> bool {
        match cut {
            _ if self.malformed => false,
            Some(cut) => {
                let (instance, ballot) = (cut.front.instance(), cut.front.ballot());
                (self.kinds.is_empty() || self.kinds.contains(&cut.kind))
                    && self.wants_sender(cut.sender)
                    && self.instances.is_none_or(|wanted| instance.is_some_and(|it| wanted.meets_one(it)))
                    && self.ballot.is_none_or(|wanted| ballot.is_some_and(|it| wanted.is(it)))
                    && self.clients.is_empty()
            }
            None => !self.looks_into_packets(),
        }
    }

    fn wants_sender(&self, sender: Sender) -> bool {
        self.from.is_empty() || self.from.iter().any(|from| from.is(sender))
    }

    fn looks_into_packets(&self) -> bool {
        !self.kinds.is_empty()
            || !self.from.is_empty()
            || !self.clients.is_empty()
            || self.instances.is_some()
            || self.ballot.is_some()
    }
}

/// `A2`: the letter of the role and the id.
impl fmt::Display for SenderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.role.letter(), self.id)
    }
}

impl SenderId {
    /// From what it prints as.
    pub fn read(text: &str) -> Option<SenderId> {
        let letter = text.chars().next()?.to_ascii_uppercase();
        let role = Role::ALL.into_iter().find(|role| role.letter() == letter)?;
        Some(SenderId { role, id: text[1..].parse().ok()? })
    }

    fn is(self, sender: Sender) -> bool {
        (self.role, self.id) == (sender.role, sender.id)
    }
}

impl Instances {
    fn are_in(self, packet: &Packet) -> bool {
        match packet.body {
            Body::Phase2a(body, _) => self.meets_one(body.instance.get()),
            Body::Value(body, _) => self.meets_one(body.instance.get()),
            Body::Phase2b(_, _, ranges) | Body::CatchUp(_, ranges) | Body::Fetch(_, ranges) => {
                RangeRecord::all(ranges).any(|range| self.meets(range))
            }
            Body::Phase1b(_, _, runs) => runs.iter().map(Run::range).any(|range| self.meets(range)),
            _ => false,
        }
    }

    fn meets_one(self, instance: u64) -> bool {
        self.first <= instance && instance <= self.last
    }

    fn meets(self, range: Range) -> bool {
        !range.is_empty() && range.first <= self.last && self.first < range.until
    }
}

impl BallotId {
    /// Any ballot that the packet names: its own, one that it refuses or promises, one of its runs.
    fn is_in(self, packet: &Packet) -> bool {
        match packet.body {
            Body::Phase1a(body) => self.is(body.ballot.get()),
            Body::Phase1b(body, _, runs) => {
                self.is(body.ballot.get()) || runs.iter().any(|run| self.is(run.ballot.get()))
            }
            Body::Phase2a(body, _) => self.is(body.ballot(packet.sender)),
            Body::Phase2b(body, ..) => self.is(body.ballot.get()),
            Body::Ack(body, _) => self.is(body.ballot.get()),
            Body::Nack(body) => self.is(body.refused.get()) || self.is(body.promised.get()),
            Body::Heartbeat(body) => self.is(body.ballot.get()),
            Body::Watermark(body) => self.is(body.ballot.get()),
            Body::Fetch(body, _) => self.is(body.ballot.get()),
            Body::Value(body, _) => self.is(body.ballot.get()),
            Body::Report(body) => self.is(body.ballot.get()),
            Body::Join(body) => self.is(body.ballot.get()),
            Body::Helped(body, _) => self.is(body.ballot.get()),
            Body::ProcessStatus(body) => self.is(body.ballot.get()),
            Body::Hello(_)
            | Body::Submit(..)
            | Body::CatchUp(..)
            | Body::Found(..)
            | Body::Over(_)
            | Body::Probe(..)
            | Body::Tally(..) => false,
        }
    }

    fn is(self, ballot: Ballot) -> bool {
        !ballot.is_zero() && (self.round, self.proposer) == (ballot.round(), ballot.proposer())
    }
}

/// Whether a packet carries or acknowledges values of this client.
fn concerns(packet: &Packet, client: u16) -> bool {
    let in_batch = |batch: Batch| batch.entries().any(|entry| entry.client == client);
    match packet.body {
        Body::Submit(..) => packet.sender.id == client,
        Body::Ack(_, acks) => acks.iter().any(|ack| ack.client.get() == client),
        Body::Phase2a(_, batch) | Body::Value(_, batch) => in_batch(batch),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
