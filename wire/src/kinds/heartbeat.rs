//! Heartbeat: a proposer tells the others that it lives, and how fit it is to lead.

use super::{body, fixed, nothing_after};
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Proposer → proposers. Flags: ASK, LEADING, UNFIT, READY.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Heartbeat {
    /// The highest ballot that the sender knows of.
    pub ballot: BallotField,
    /// The sender knows every instance below.
    pub decided_until: U64,
}

body!(Heartbeat = 24 bytes);

impl Heartbeat {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Heartbeat, Refusal> {
        let (body, tail) = fixed::<Heartbeat>(bytes, "heartbeat")?;
        nothing_after(tail, "heartbeat")?;
        Ok(body)
    }
}

impl fmt::Display for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} decided<{}", self.ballot.get(), self.decided_until)
    }
}
