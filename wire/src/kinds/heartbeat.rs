//! Heartbeat: a proposer tells the others that it lives, and how fit it is to lead.

use super::{fixed, nothing_after};
use crate::layout::body;
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::U64;

body! {
    /// Proposer → proposers, again and again: it lives, and so fit it is to lead.
    pub struct Heartbeat: 24 bytes {
        /// The highest ballot that the sender knows of.
        pub ballot: BallotField,
        /// The sender knows every instance below.
        pub decided_until: U64,
    }
}

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
