//! Ack: the leader tells clients what is decided, what has come, and how much more may.

use super::{demand, fixed, records};
use crate::header::sequence;
use crate::layout::{body, record};
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::{U16, U32, U64};

/// How many entries after the first missing one an [`AckRecord`] can acknowledge.
pub const BEYOND_BITS: usize = 256;

body! {
    /// Leader → clients: what is decided, what has come and how much more may; an [`AckRecord`] per session.
    /// Without records it announces the leader.
    /// Without the LEADING flag, and without records, a proposer that would lead tells why it does not yet.
    pub struct Ack: 20 bytes, then ACKS {
        /// The ballot that the sender leads.
        pub ballot: BallotField,
        /// Bit i: something was heard lately from the acceptor that stands i-th in the configuration.
        pub heard: U16 as Bits,
        /// Zero.
        pub reserved: U16 as Zero,
    }
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It is served.
    Open = 0,
    /// A later start of the same client has taken its place; nothing more of this one will be delivered.
    Superseded = 1,
    /// It broke a limit (a value of more than 1 MiB); nothing more of it will be delivered.
    Ended = 2,
}

impl Status {
    pub const ALL: [Status; 3] = [Status::Open, Status::Superseded, Status::Ended];

    pub const fn name(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Superseded => "superseded",
            Status::Ended => "ended",
        }
    }
}

record! {
    /// What the leader says of one session.
    pub struct AckRecord: 70 bytes {
        /// The id of the client.
        pub client: U16,
        /// A [`Status`].
        pub status: u8 as Status,
        /// Zero.
        pub reserved: u8 as Zero,
        /// How much may be on the way to the leader, in bytes as the kernel counts them.
        pub credit: U32,
        /// Of the session; when superseded, of the one that took its place.
        pub incarnation: U64 as Hex,
        /// Every entry below is decided.
        pub decided_until: U64,
        /// The leader has every entry below; `received_until` itself it has not.
        pub received_until: U64,
        /// One past the sequence number of the latest packet of this session that came with an entry, 48 bits; 0 when none
        /// has. Entries sent before it that have not come were lost on the way (RFC 9002 §6.1.1).
        pub heard_until: [u8; 6] as Number,
        /// Bit i (bit i % 8 of byte i / 8): entry `received_until + 1 + i` has come, too.
        pub beyond: [u8; BEYOND_BITS / 8] as Set,
    }
}

impl AckRecord {
    pub fn status(&self) -> Option<Status> {
        Status::ALL.into_iter().find(|s| *s as u8 == self.status)
    }

    /// How far the leader has heard this session: see the field.
    pub fn heard_until(&self) -> u64 {
        sequence(self.heard_until)
    }

    /// Whether the leader has this entry.
    pub fn has(&self, number: u64) -> bool {
        let received = self.received_until.get();
        number < received
            || number.checked_sub(received + 1).is_some_and(|bit| {
                bit < BEYOND_BITS as u64 && self.beyond[bit as usize / 8] & 1 << (bit % 8) != 0
            })
    }

    /// The highest entry that the leader has, plus one.
    pub fn top(&self) -> u64 {
        let received = self.received_until.get();
        let last = self.beyond.iter().rposition(|byte| *byte != 0);
        last.map_or(received, |at| {
            received + 1 + at as u64 * 8 + (8 - self.beyond[at].leading_zeros() as u64)
        })
    }
}

impl Ack {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Ack, &[AckRecord]), Refusal> {
        let (body, tail) = fixed::<Ack>(bytes, "ack")?;
        let acks = records::<AckRecord>(tail, "ack")?;
        demand(body.reserved.get() == 0, "reserved bits of an ack")?;
        for ack in acks {
            demand(ack.status().is_some(), "an unknown session status")?;
            demand(ack.reserved == 0, "reserved bits of an ack")?;
            let (decided, received) = (ack.decided_until.get(), ack.received_until.get());
            demand(decided <= received && received < 1 << 48, "an ack of more than has come")?;
        }
        Ok((body, acks))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, acks: &[AckRecord]) -> fmt::Result {
        write!(f, " {} heard {:b}", self.ballot.get(), self.heard)?;
        for (at, ack) in acks.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma} C{}", ack.client)?;
            if let Some(status @ (Status::Superseded | Status::Ended)) = ack.status() {
                write!(f, " {}", status.name())?;
            }
            write!(f, " decided<{} received<{}", ack.decided_until, ack.received_until)?;
            let beyond: u32 = ack.beyond.iter().map(|byte| byte.count_ones()).sum();
            if beyond > 0 {
                write!(f, "+{beyond}")?;
            }
            write!(f, " heard<{} credit {}", ack.heard_until(), ack.credit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn an_ack_tells_what_came_beyond_the_first_gap() {
        let mut ack = AckRecord::new_zeroed();
        ack.received_until = 10.into();
        assert_eq!(ack.top(), 10);
        ack.beyond[0] = 0b0000_0101;
        ack.beyond[31] = 0x80;
        assert!(ack.has(9) && !ack.has(10) && ack.has(11) && !ack.has(12) && ack.has(13));
        assert!(ack.has(10 + 256) && !ack.has(10 + 255) && !ack.has(10 + 257) && !ack.has(u64::MAX));
        assert_eq!(ack.top(), 10 + 257);
    }
}
