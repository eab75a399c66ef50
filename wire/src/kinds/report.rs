//! Report: a learner or follower tells the leader how far it has read and what room it has.

use super::{body, fixed, nothing_after};
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a receiver of 2a tells its sender for flow control.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Room {
    /// One past the highest instance read from a 2a of the present leader.
    pub read_until: U64,
    /// What of the socket buffer may be filled, bytes as the kernel counts them: all of it (`SO_RCVBUF` as granted), or less
    /// where the network between holds less.
    pub space: U32,
    /// Packets that the kernel dropped because that was full, since the start; wraps.
    pub drops: U32,
}

const _: () = assert!(size_of::<Room>() == 16);

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read<{} space {} drops {}", self.read_until, self.space, self.drops)
    }
}

/// Learner or follower → leader.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Report {
    /// Of the leader that is told.
    pub ballot: BallotField,
    pub room: Room,
    /// Every instance below was delivered.
    pub delivered_until: U64,
}

body!(Report = 40 bytes);

impl Report {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Report, Refusal> {
        let (body, tail) = fixed::<Report>(bytes, "report")?;
        nothing_after(tail, "report")?;
        Ok(body)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} delivered<{} {}", self.ballot.get(), self.delivered_until, self.room)
    }
}
