//! Nack: an acceptor refuses a ballot and says which one it has promised [PMMC §4.2].

use super::{demand, fixed, nothing_after};
use crate::layout::body;
use crate::{BallotField, Refusal};
use core::fmt;

body! {
    /// Acceptor → the proposer whose ballot it refuses, because it has promised a higher one.
    pub struct Nack: 32 bytes {
        /// The ballot refused.
        pub refused: BallotField,
        /// The higher one that the acceptor has promised.
        pub promised: BallotField,
    }
}

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
