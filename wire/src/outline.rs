//! What can be said of a packet whose end was not captured: nothing proves its bytes right, so only the front of it
//! is told.

use crate::{HEADER_LEN, Header, Kind, MAGIC, Phase2a, Role, Sender, Value};
use core::fmt;
use zerocopy::FromBytes;

/// The front of a packet, printed as its whole would begin.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    sender: Sender,
    kind: Kind,
    sequence: u64,
    body: &'a [u8],
}

impl<'a> Outline<'a> {
    /// None where not even the header is there, or it is not ours.
    pub fn of(bytes: &'a [u8]) -> Option<Outline<'a>> {
        let (header, body) = Header::ref_from_prefix(bytes).ok()?;
        debug_assert_eq!(bytes.len() - body.len(), HEADER_LEN);
        if header.magic != MAGIC {
            return None;
        }
        let role = Role::from_wire(header.role)?;
        let sender = Sender { role, id: header.id.get(), incarnation: header.incarnation.get() };
        Some(Outline { sender, kind: Kind::from_wire(header.kind)?, sequence: header.sequence(), body })
    }
}

impl fmt::Display for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sender, self.kind)?;
        match self.kind {
            Kind::Phase2a => match Phase2a::ref_from_prefix(self.body) {
                Ok((body, _)) => {
                    write!(
                        f,
                        " {} i{} decided<{}",
                        body.ballot(self.sender),
                        body.instance,
                        body.decided_until
                    )
                }
                Err(_) => write!(f, " in packet {}", self.sequence),
            },
            Kind::Value => match Value::ref_from_prefix(self.body) {
                Ok((body, _)) => write!(f, " i{}", body.instance),
                Err(_) => write!(f, " in packet {}", self.sequence),
            },
            _ => write!(f, " in packet {}", self.sequence),
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
}
