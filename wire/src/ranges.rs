//! Ranges of instances: what votes, gaps and requests are made of.

use crate::layout::record;
use core::fmt;
use zerocopy::byteorder::big_endian::{U32, U64};

/// How many ranges a packet may carry: they fit the smallest packet (`mtu 1280`) beside the largest body, see
/// `packet::PACKET_MIN`.
pub const RANGES_MAX: usize = 84;

/// Instances are below: a range that ends with the last one can still be told from one whose end does not fit
/// a number. What may be proposed may be voted for.
pub(crate) const INSTANCES: u64 = u64::MAX - 1;

/// A half-open range of instances, `first..until`. Never empty on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Range {
    pub first: u64,
    pub until: u64,
}

impl Range {
    /// # Panics
    /// When the range ends before it begins.
    pub const fn new(first: u64, until: u64) -> Range {
        assert!(first <= until);
        Range { first, until }
    }

    pub const fn len(self) -> u64 {
        self.until - self.first
    }

    pub const fn is_empty(self) -> bool {
        self.until <= self.first
    }

    pub const fn contains(self, instance: u64) -> bool {
        self.first <= instance && instance < self.until
    }
}

/// `[7..9)`
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}..{})", self.first, self.until)
    }
}

record! {
    /// A range as 12 bytes in a packet: where it begins and how many instances it holds (at least one).
    pub struct RangeRecord: 12 bytes {
        /// The first instance.
        pub first: U64,
        /// How many instances; at least one.
        pub count: U32,
    }
}

impl RangeRecord {
    /// A range longer than 2^32 − 1 instances is cut to that.
    pub fn new(range: Range) -> RangeRecord {
        let count = u32::try_from(range.len()).unwrap_or(u32::MAX);
        RangeRecord { first: range.first.into(), count: count.into() }
    }

    pub fn range(&self) -> Range {
        Range { first: self.first.get(), until: self.first.get().saturating_add(self.count.get().into()) }
    }
}

/// Ranges of a packet must not be empty, must ascend and must not touch or overlap.
pub(crate) fn ascend(records: &[RangeRecord]) -> bool {
    let mut end = None;
    records.len() <= RANGES_MAX
        && records.iter().map(RangeRecord::range).all(|range| {
            let fine =
                !range.is_empty() && range.until <= INSTANCES && end.is_none_or(|end| range.first > end);
            end = Some(range.until);
            fine
        })
}

pub(crate) fn print(f: &mut fmt::Formatter<'_>, records: &[RangeRecord]) -> fmt::Result {
    if records.is_empty() {
        return f.write_str("[]");
    }
    for (at, record) in records.iter().enumerate() {
        write!(f, "{}{}", if at == 0 { "" } else { " " }, record.range())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(ranges: &[(u64, u64)]) -> Vec<RangeRecord> {
        ranges.iter().map(|&(first, until)| RangeRecord::new(Range::new(first, until))).collect()
    }

    #[test]
    fn ranges_in_a_packet_ascend_with_gaps_between_them() {
        assert!(ascend(&records(&[])));
        assert!(ascend(&records(&[(0, 1), (2, 3), (4, 900)])));
        assert!(!ascend(&records(&[(0, 0)])), "empty");
        assert!(!ascend(&records(&[(0, 2), (2, 3)])), "touching ones are one range");
        assert!(!ascend(&records(&[(5, 6), (1, 2)])), "descending");
        assert!(!ascend(&records(&[(u64::MAX - 1, u64::MAX)])), "at the end of all instances");
    }

    #[test]
    fn a_range_prints_half_open() {
        assert_eq!(Range::new(7, 9).to_string(), "[7..9)");
        assert_eq!(Range::new(7, 9).len(), 2);
        assert!(Range::new(7, 9).contains(8) && !Range::new(7, 9).contains(9));
    }
}
