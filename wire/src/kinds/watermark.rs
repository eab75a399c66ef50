//! Watermark: the leader says how far the log is decided when no 2a says so.

use super::{demand, fixed, nothing_after};
use crate::layout::body;
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::U64;

body! {
    /// Leader → acceptors, learners and proposers, right after the last decision and with every heartbeat, so
    /// that the tail of the log cannot be lost unnoticed. With the ASK flag, receivers report at once how far
    /// they have read.
    pub struct Watermark: 32 bytes {
        /// The ballot that the sender leads.
        pub ballot: BallotField,
        /// Every instance below is decided.
        pub decided_until: U64,
        /// One past the highest instance proposed in this ballot.
        pub proposed_until: U64,
    }
}

impl Watermark {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Watermark, Refusal> {
        let (body, tail) = fixed::<Watermark>(bytes, "watermark")?;
        nothing_after(tail, "watermark")?;
        demand(!body.ballot.get().is_zero(), "a watermark without a ballot")?;
        Ok(body)
    }
}

impl fmt::Display for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} decided<{} proposed<{}", self.ballot.get(), self.decided_until, self.proposed_until)
    }
}
