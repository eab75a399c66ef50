//! The kinds of packets: one file each, or each phase.

pub mod ack;
pub mod catch_up;
pub mod heartbeat;
pub mod hello;
pub mod nack;
pub mod phase1;
pub mod phase2;
pub mod probe;
pub mod rejoin;
pub mod report;
pub mod status;
pub mod submit;
pub mod tally;
pub mod value;
pub mod watermark;

use crate::{Refusal, Role};
use core::fmt;
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The kinds, with their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Hello = 1,
    Submit = 2,
    Ack = 3,
    Phase1a = 4,
    Phase1b = 5,
    Phase2a = 6,
    Phase2b = 7,
    Nack = 8,
    Heartbeat = 9,
    Watermark = 10,
    CatchUp = 11,
    Fetch = 12,
    Value = 13,
    Report = 14,
    Join = 15,
    Helped = 16,
    Found = 17,
    Over = 18,
    ProcessStatus = 19,
    Probe = 20,
    Tally = 21,
}

impl Kind {
    pub const ALL: [Kind; 21] = [
        Kind::Hello,
        Kind::Submit,
        Kind::Ack,
        Kind::Phase1a,
        Kind::Phase1b,
        Kind::Phase2a,
        Kind::Phase2b,
        Kind::Nack,
        Kind::Heartbeat,
        Kind::Watermark,
        Kind::CatchUp,
        Kind::Fetch,
        Kind::Value,
        Kind::Report,
        Kind::Join,
        Kind::Helped,
        Kind::Found,
        Kind::Over,
        Kind::ProcessStatus,
        Kind::Probe,
        Kind::Tally,
    ];

    pub fn from_wire(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// As it is printed, and as the literature calls it where it has a name.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Hello => "hello",
            Kind::Submit => "submit",
            Kind::Ack => "ack",
            Kind::Phase1a => "1a",
            Kind::Phase1b => "1b",
            Kind::Phase2a => "2a",
            Kind::Phase2b => "2b",
            Kind::Nack => "nack",
            Kind::Heartbeat => "heartbeat",
            Kind::Watermark => "watermark",
            Kind::CatchUp => "catch-up",
            Kind::Fetch => "fetch",
            Kind::Value => "value",
            Kind::Report => "report",
            Kind::Join => "join",
            Kind::Helped => "helped",
            Kind::Found => "found",
            Kind::Over => "over",
            Kind::ProcessStatus => "status",
            Kind::Probe => "probe",
            Kind::Tally => "tally",
        }
    }

    /// Whether a process of this role has any business sending this kind.
    pub const fn sent_by(self, role: Role) -> bool {
        match self {
            Kind::Hello => !matches!(role, Role::Observer),
            Kind::ProcessStatus => !matches!(role, Role::Observer),
            Kind::Submit => matches!(role, Role::Client),
            Kind::Ack | Kind::Phase1a | Kind::Phase2a => matches!(role, Role::Proposer),
            Kind::Heartbeat | Kind::Watermark | Kind::Over => matches!(role, Role::Proposer),
            Kind::Phase1b | Kind::Phase2b | Kind::Nack => matches!(role, Role::Acceptor),
            Kind::Join | Kind::Helped | Kind::Found => matches!(role, Role::Acceptor),
            Kind::CatchUp => matches!(role, Role::Proposer | Role::Acceptor | Role::Learner),
            Kind::Fetch => matches!(role, Role::Proposer),
            Kind::Value => matches!(role, Role::Proposer | Role::Acceptor),
            Kind::Report => matches!(role, Role::Proposer | Role::Learner),
            Kind::Probe | Kind::Tally => matches!(role, Role::Observer),
        }
    }

    /// The flags that this kind knows.
    pub const fn flags(self) -> u8 {
        match self {
            Kind::Hello => flags::ASK,
            Kind::Ack => flags::LEADING,
            Kind::Heartbeat => flags::ASK | flags::LEADING | flags::UNFIT | flags::READY | flags::WAITING,
            Kind::Watermark => flags::ASK,
            Kind::Value => flags::DECIDED,
            Kind::Phase2b | Kind::Nack => flags::FENCE,
            Kind::Join => flags::DURABLE,
            _ => 0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Declares the flags once, for the code and for all that prints them.
macro_rules! flags {
    ($($(#[doc = $doc:literal])+ $name:ident = $bit:literal $word:literal,)+) => {
        $($(#[doc = $doc])+ pub const $name: u8 = $bit;)+

        /// A flag: its bit, the word that it is printed as, and its doc comment.
        pub(crate) struct Flag {
            pub bit: u8,
            pub word: &'static str,
            pub doc: &'static str,
        }

        pub(crate) const ALL: &[Flag] =
            &[$(Flag { bit: $bit, word: $word, doc: concat!($($doc, "\n"),+) }),+];
    };
}

/// Bits of [`crate::Header::flags`].
pub mod flags {
    flags! {
        /// The sender wants an answer at once.
        ASK = 1 "ask",
        /// Heartbeat, ack: the sender leads.
        LEADING = 2 "leading",
        /// Heartbeat: the sender had work and no quorum for the suspicion time; do not follow it.
        UNFIT = 4 "unfit",
        /// Heartbeat: the sender knows all that is decided, and could lead.
        READY = 8 "ready",
        /// Value: decided, not only accepted.
        DECIDED = 16 "decided",
        /// Heartbeat: the sender hears a client whose entries the leader does not take.
        WAITING = 32 "waiting",
        /// 2b, nack: the promised ballot is one that an acceptor asked for to join; nobody leads it.
        FENCE = 64 "fence",
        /// Join: the sender keeps what it accepts on a disk.
        DURABLE = 128 "durable",
    }
}

/// The fixed body of a kind. What may follow it is the kind's tail.
pub trait FixedBody: IntoBytes + Immutable {
    const KIND: Kind;
}

/// What a view over packet bytes must be: any bytes are valid, at any address.
pub(crate) trait View: FromBytes + KnownLayout + Immutable + Unaligned {}
impl<T: FromBytes + KnownLayout + Immutable + Unaligned> View for T {}

/// Splits the bytes after the header into the fixed body and its tail.
pub(crate) fn fixed<'a, T: View>(bytes: &'a [u8], name: &'static str) -> Result<(&'a T, &'a [u8]), Refusal> {
    T::ref_from_prefix(bytes).map_err(|_| Refusal::Body(name))
}

/// The tail as a whole number of records.
pub(crate) fn records<'a, T: View>(tail: &'a [u8], name: &'static str) -> Result<&'a [T], Refusal> {
    <[T]>::ref_from_bytes(tail).map_err(|_| Refusal::Body(name))
}

/// Splits a tail into the lives of acceptors at its front and the rest.
pub(crate) fn lives<'a>(
    tail: &'a [u8],
    count: u16,
    name: &'static str,
) -> Result<(&'a [U64], &'a [u8]), Refusal> {
    demand(usize::from(count) <= crate::LIVES_MAX, "more lives than acceptors")?;
    <[U64]>::ref_from_prefix_with_elems(tail, count.into()).map_err(|_| Refusal::Body(name))
}

/// A kind without a tail must end where its body ends.
pub(crate) fn nothing_after(tail: &[u8], name: &'static str) -> Result<(), Refusal> {
    if tail.is_empty() { Ok(()) } else { Err(Refusal::Body(name)) }
}

/// `Ok` when the claim holds, else the refusal that names it.
pub(crate) fn demand(claim: bool, what: &'static str) -> Result<(), Refusal> {
    if claim { Ok(()) } else { Err(Refusal::Field(what)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_numbers() {
        for (number, kind) in (1..).zip(Kind::ALL) {
            assert_eq!(kind as u8, number);
            assert_eq!(Kind::from_wire(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_wire(0), None);
        assert_eq!(Kind::from_wire(22), None);
    }
}
