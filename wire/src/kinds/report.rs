//! Report: a learner or follower tells the leader how far it has read and what room it has.

use super::{fixed, nothing_after};
use crate::layout::{body, record};
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::{U32, U64};

record! {
    /// What a receiver of 2a tells its sender for flow control.
    pub struct Room: 16 bytes {
        /// One past the highest instance read from a 2a of the present leader.
        pub read_until: U64,
        /// What of the socket buffer may be filled, bytes as the kernel counts them: all of it (`SO_RCVBUF`
        /// as granted), or less where the network between holds less.
        pub space: U32,
        /// Packets that the kernel dropped because that was full, since the start; wraps.
        pub drops: U32,
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read<{} space {} drops {}", self.read_until, self.space, self.drops)
    }
}

body! {
    /// Learner or follower → leader: how far it has read, and what room it has.
    pub struct Report: 40 bytes {
        /// Of the leader that is told.
        pub ballot: BallotField,
        /// How far the sender has read, and what room it has.
        pub room: Room,
        /// Every instance below was delivered.
        pub delivered_until: U64,
    }
}

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
