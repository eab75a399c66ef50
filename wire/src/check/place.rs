//! Where a packet stands in the captures: enough to find it again, in place of its bytes.

use std::fmt;

/// One packet of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The so-manieth packet that was checked.
    pub ordinal: u64,
    /// When it was captured, since 1970, ns.
    pub time_ns: i64,
    /// The number of the frame in its file, from 1 on, as other tools count them.
    pub frame: u32,
    /// Which input, as they were named.
    pub input: u16,
    /// Which packet of the frame, from 0 on.
    pub part: u16,
}

impl Place {
    /// The same packet of the same file, whenever it is read.
    pub fn same(&self, other: &Place) -> bool {
        (self.input, self.frame, self.part) == (other.input, other.frame, other.part)
    }
}

/// A packet that proves something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub place: Place,
    /// Its line, as `wire dump` prints it; empty where the input could not be read again.
    pub line: String,
}

/// A time relative to another, in seconds, to the microsecond.
pub(crate) struct Seconds(pub i128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.unsigned_abs() / 1000;
        let sign = if self.0 < 0 && us > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
    }
}
