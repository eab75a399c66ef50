//! Value: an instance's payload, repaired or asked for.

use super::{demand, fixed};
use crate::layout::body;
use crate::ranges::INSTANCES;
use crate::{BallotField, Batch, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::U64;

body! {
    /// Proposer or acceptor → who asked, or the learners' group when several miss it; followed by the batch.
    /// With the DECIDED flag the batch is what the instance decided; without it, what the sender accepted in
    /// `ballot`.
    pub struct Value: 24 bytes, then ENTRIES {
        /// The instance whose batch follows.
        pub instance: U64,
        /// The ballot in which the batch was proposed.
        pub ballot: BallotField,
    }
}

impl Value {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Value, Batch<'_>), Refusal> {
        let (body, tail) = fixed::<Value>(bytes, "value")?;
        let batch = Batch::parse(tail).ok_or(Refusal::Body("value"))?;
        demand(!body.ballot.get().is_zero(), "a value without a ballot")?;
        demand(body.instance.get() < INSTANCES, "the end of all instances")?;
        Ok((body, batch))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, batch: Batch<'_>) -> fmt::Result {
        write!(f, " i{} of {}: {batch}", self.instance, self.ballot.get())
    }
}
