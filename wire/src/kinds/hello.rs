//! Hello: a process tells its own group that it is there, so that two processes with one id find each other.

use super::{fixed, nothing_after};
use crate::Refusal;
use crate::layout::body;
use core::fmt;
use zerocopy::byteorder::big_endian::U64;

body! {
    /// Sent to the group of one's own role at start and with every heartbeat. A process that hears a later
    /// start under its own id answers, naming that start; the later one, named, ends. (It must be named: a
    /// delayed packet of a dead predecessor must not end its successor.)
    ///
    /// With the ASK flag to the acceptors' group it asks for their votes at once; a learner's or a proposer's
    /// ASK in its own group asks the leader for the watermark.
    pub struct Hello: 8 bytes {
        /// The incarnation of the later start that is answered, or 0.
        pub answered: U64 as Hex,
    }
}

impl Hello {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Hello, Refusal> {
        let (body, tail) = fixed::<Hello>(bytes, "hello")?;
        nothing_after(tail, "hello")?;
        Ok(body)
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answered.get() {
            0 => Ok(()),
            answered => write!(f, " to the start {answered:016x} of the same id"),
        }
    }
}
