//! Nack: an acceptor refuses a ballot and says which one it has promised [PMMC §4.2].

use super::{body, demand, fixed, nothing_after};
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Acceptor → the proposer refused.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Nack {
    pub refused: BallotField,
    pub promised: BallotField,
}

body!(Nack = 32 bytes);

impl Nack {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Nack, Refusal> {
        let (body, tail) = fixed::<Nack>(bytes, "nack")?;
        nothing_after(tail, "nack")?;
        demand(body.refused.get() < body.promised.get(), "a refusal without reason")?;
        Ok(body)
    }
}

impl fmt::Display for Nack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} promised {}", self.refused.get(), self.promised.get())
    }
}
