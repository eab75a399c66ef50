//! What can be said of a packet whose end was not captured: nothing proves its bytes right, so only the front of it
//! is told.

use crate::header::MAGIC_ENCRYPTED;
use crate::{Ballot, HEADER_LEN, Header, Kind, Phase2a, Role, Sender, VERSION, Value};
use core::fmt;
use zerocopy::FromBytes;

/// The front of a packet, printed as its whole would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    pub sender: Sender,
    pub kind: Kind,
    pub sequence: u64,
    pub front: Front,
}

/// What is told of a body without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    Phase2a { ballot: Ballot, instance: u64, decided_until: u64 },
    Value { ballot: Ballot, instance: u64 },
    Other,
}

impl Outline {
    /// None where not even the header is there, or it is not ours.
    pub fn of(bytes: &[u8]) -> Option<Outline> {
        let (header, body) = Header::ref_from_prefix(bytes).ok()?;
        debug_assert_eq!(bytes.len() - body.len(), HEADER_LEN);
        if !header.is_ours() || header.version != VERSION {
            return None;
        }
        let role = Role::from_wire(header.role)?;
        let sender = Sender { role, id: header.id.get(), incarnation: header.incarnation.get() };
        let kind = Kind::from_wire(header.kind)?;
        let encrypted = header.magic == MAGIC_ENCRYPTED;
        let front = if encrypted { Front::Other } else { Front::of(sender, kind, body) };
        Some(Outline { sender, kind, sequence: header.sequence(), front })
    }
}

impl Front {
    fn of(sender: Sender, kind: Kind, body: &[u8]) -> Front {
        let front = match kind {
            Kind::Phase2a => Phase2a::ref_from_prefix(body).ok().map(|(body, _)| Front::Phase2a {
                ballot: body.ballot(sender),
                instance: body.instance.get(),
                decided_until: body.decided_until.get(),
            }),
            Kind::Value => Value::ref_from_prefix(body)
                .ok()
                .map(|(body, _)| Front::Value { ballot: body.ballot.get(), instance: body.instance.get() }),
            _ => None,
        };
        front.unwrap_or(Front::Other)
    }

    /// The instance that the packet is about, where that is told.
    pub fn instance(self) -> Option<u64> {
        match self {
            Front::Phase2a { instance, .. } | Front::Value { instance, .. } => Some(instance),
            Front::Other => None,
        }
    }

    /// The ballot that the packet names, where that is told.
    pub fn ballot(self) -> Option<Ballot> {
        match self {
            Front::Phase2a { ballot, .. } | Front::Value { ballot, .. } => Some(ballot),
            Front::Other => None,
        }
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sender, self.kind)?;
        match self.front {
            Front::Phase2a { ballot, instance, decided_until } => {
                write!(f, " {ballot} i{instance} decided<{decided_until}")
            }
            Front::Value { instance, .. } => write!(f, " i{instance}"),
            Front::Other => write!(f, " in packet {}", self.sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::packet;

    #[test]
    fn of_a_cut_packet_sender_and_kind_are_told_when_the_header_is_there() {
        let packet = packet(7);
        let told = |length: usize| Outline::of(&packet[..length]).map(|outline| outline.to_string());
        assert_eq!(told(HEADER_LEN).as_deref(), Some("A2 hello in packet 7"));
        assert_eq!((told(HEADER_LEN - 1), told(0)), (None, None));
    }

    #[test]
    fn of_another_version_nothing_is_told() {
        let mut packet = packet(7);
        packet[2] += 1;
        assert_eq!(Outline::of(&packet), None);
    }
}
