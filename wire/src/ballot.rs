//! Ballots: who may propose, in what order [Lamport01 §2.2].

use core::fmt;
use zerocopy::byteorder::big_endian::U128;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A ballot: (round, proposer, incarnation), ordered lexicographically.
///
/// The incarnation is unique to one start of the proposer, so a restarted proposer cannot use a ballot of its
/// former life again, whatever it has forgotten. Held as one integer (48 + 16 + 64 bits), which makes the
/// lexicographic order the order of integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ballot(u128);

impl Ballot {
    /// Below every ballot that a proposer can use: "nothing promised yet".
    pub const ZERO: Ballot = Ballot(0);
    /// The last round. A proposer that reached it would have to stop; at a round a millisecond that is 8,900
    /// years.
    pub const ROUND_MAX: u64 = (1 << 48) - 1;

    /// # Panics
    /// When `round` does not fit in 48 bits.
    pub const fn new(round: u64, proposer: u16, incarnation: u64) -> Ballot {
        assert!(round <= Ballot::ROUND_MAX);
        Ballot((round as u128) << 80 | (proposer as u128) << 64 | incarnation as u128)
    }

    pub const fn round(self) -> u64 {
        (self.0 >> 80) as u64
    }

    pub const fn proposer(self) -> u16 {
        (self.0 >> 64) as u16
    }

    pub const fn incarnation(self) -> u64 {
        self.0 as u64
    }

    /// Whether an honest proposer could have come from `known` to this ballot: rounds rise by one per
    /// campaign. It keeps a made-up ballot from using up all rounds at once.
    pub const fn follows(self, known: Ballot) -> bool {
        self.round() < Ballot::ROUND_MAX && self.round() <= known.round() + Ballot::JUMP_MAX
    }

    /// How far a round may rise at once: more campaigns than one every 5 ms makes in half a year.
    pub const JUMP_MAX: u64 = 1 << 32;

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// `3.P1`: round and proposer; with `{:#}` also the incarnation.
impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("none");
        }
        write!(f, "{}.P{}", self.round(), self.proposer())?;
        if f.alternate() { write!(f, "/{:016x}", self.incarnation()) } else { Ok(()) }
    }
}

impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

/// A ballot as 16 bytes in a packet, big endian, so that the bytes sort as the ballots do.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct BallotField(U128);

impl BallotField {
    pub fn get(self) -> Ballot {
        Ballot(self.0.get())
    }
}

impl From<Ballot> for BallotField {
    fn from(ballot: Ballot) -> BallotField {
        BallotField(U128::new(ballot.0))
    }
}

impl fmt::Debug for BallotField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.get())
    }
}

const _: () = assert!(size_of::<BallotField>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_round_then_proposer_then_incarnation() {
        let sorted = [
            Ballot::ZERO,
            Ballot::new(1, 0, 9),
            Ballot::new(1, 1, 0),
            Ballot::new(1, 1, u64::MAX),
            Ballot::new(1, 65535, 0),
            Ballot::new(2, 0, 0),
            Ballot::new(Ballot::ROUND_MAX, 65535, u64::MAX),
        ];
        for pair in sorted.windows(2) {
            assert!(pair[0] < pair[1], "{:?} is not below {:?}", pair[0], pair[1]);
            let bytes = pair.iter().map(|b| BallotField::from(*b).as_bytes().to_vec()).collect::<Vec<_>>();
            assert!(bytes[0] < bytes[1], "bytes must sort as ballots do");
        }
    }

    #[test]
    fn a_round_cannot_jump_to_the_end_of_all_rounds() {
        let known = Ballot::new(5, 1, 1);
        assert!(Ballot::new(6, 2, 1).follows(known) && Ballot::new(1, 2, 1).follows(known));
        assert!(Ballot::new(5 + Ballot::JUMP_MAX, 2, 1).follows(known));
        assert!(!Ballot::new(6 + Ballot::JUMP_MAX, 2, 1).follows(known));
        assert!(!Ballot::new(Ballot::ROUND_MAX, 2, 1).follows(Ballot::new(Ballot::ROUND_MAX - 1, 1, 1)));
    }

    #[test]
    fn parts_come_back_as_they_went_in() {
        let ballot = Ballot::new(0xABCD_EF01_2345, 0x6789, 0xFEDC_BA98_7654_3210);
        assert_eq!((ballot.round(), ballot.proposer()), (0xABCD_EF01_2345, 0x6789));
        assert_eq!(ballot.incarnation(), 0xFEDC_BA98_7654_3210);
        assert_eq!(BallotField::from(ballot).get(), ballot);
        assert_eq!(ballot.to_string(), "188900966474565.P26505");
        assert_eq!(Ballot::ZERO.to_string(), "none");
    }
}
