//! Submit: a client hands the next piece of its stream to the leader.

use super::{demand, fixed};
use crate::Refusal;
use crate::layout::body;
use core::fmt;
use zerocopy::byteorder::big_endian::U64;

body! {
    /// Client → proposers: the next piece of its stream. The session is the header's (id, incarnation).
    /// Followed by the entry's bytes, at least one.
    pub struct Submit: 8 bytes, then BYTES {
        /// Counts the session's entries, from 0; below 2^48.
        pub number: U64,
    }
}

impl Submit {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Submit, &[u8]), Refusal> {
        let (body, piece) = fixed::<Submit>(bytes, "submit")?;
        demand(!piece.is_empty(), "a submit without bytes")?;
        demand(body.number.get() < 1 << 48, "an entry number of more than 48 bits")?;
        Ok((body, piece))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, piece: &[u8]) -> fmt::Result {
        write!(f, " #{} {} B", self.number, piece.len())
    }
}
