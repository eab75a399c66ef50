//! Submit: a client hands the next piece of its stream to the leader.

use super::{body, demand, fixed};
use crate::Refusal;
use core::fmt;
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Client → proposers. The session is the header's (id, incarnation). Followed by the entry's bytes, at least
/// one.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Submit {
    /// Counts the session's entries, from 0; below 2^48.
    pub number: U64,
}

body!(Submit = 8 bytes);

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
