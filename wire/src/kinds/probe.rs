//! Probe: an observer sends numbered packets, for others to see what arrives.

use super::{demand, fixed};
use crate::layout::body;
use crate::{Refusal, Role};
use core::fmt;
use zerocopy::byteorder::big_endian::{U16, U32};

body! {
    /// Observer → a group, or another observer: one of many, for others to count. Nobody acts on it. Followed by filling, at least one byte.
    pub struct Probe: 8 bytes, then FILLING {
        /// How it was sent, a [`crate::Way`].
        pub way: u8,
        /// What it is for, a [`crate::Purpose`].
        pub purpose: u8,
        /// Its place among those of this round with this way and purpose, from 0.
        pub index: U16,
        /// Counts the rounds of this observer, from 0; each brings one packet by every way.
        pub round_number: U32,
    }
}

/// Where a probe was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the group of this role.
    Group(Role),
    /// To the address of one observer.
    Direct,
}

impl Way {
    /// The number of a role for its group, 5 directly.
    pub fn to_wire(self) -> u8 {
        match self {
            Way::Group(role) => role as u8,
            Way::Direct => 5,
        }
    }

    pub fn from_wire(number: u8) -> Option<Way> {
        match number {
            5 => Some(Way::Direct),
            _ => Role::from_wire(number).map(Way::Group),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Group(role) => write!(f, "to {role}s"),
            Way::Direct => f.write_str("directly"),
        }
    }
}

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// A small one in every round: what part of them arrives?
    Count = 1,
    /// Many at once: does a burst arrive whole?
    Burst = 2,
    /// Of a chosen length: does that length arrive?
    Size = 3,
}

impl Purpose {
    const ALL: [Purpose; 3] = [Purpose::Count, Purpose::Burst, Purpose::Size];

    pub fn from_wire(number: u8) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| *purpose as u8 == number)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Purpose::Count => "count",
            Purpose::Burst => "burst",
            Purpose::Size => "size",
        }
    }
}

impl Probe {
    pub fn new(way: Way, purpose: Purpose, round: u32, index: u16) -> Probe {
        Probe { way: way.to_wire(), purpose: purpose as u8, index: index.into(), round_number: round.into() }
    }

    /// `None` never comes out of [`crate::Packet::parse`].
    pub fn way(&self) -> Option<Way> {
        Way::from_wire(self.way)
    }

    /// `None` never comes out of [`crate::Packet::parse`].
    pub fn purpose(&self) -> Option<Purpose> {
        Purpose::from_wire(self.purpose)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Probe, &[u8]), Refusal> {
        let (body, filling) = fixed::<Probe>(bytes, "probe")?;
        demand(!filling.is_empty(), "a probe without filling")?;
        demand(body.way().is_some(), "the way of a probe")?;
        demand(body.purpose().is_some(), "the purpose of a probe")?;
        Ok((body, filling))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, filling: &[u8]) -> fmt::Result {
        if let (Some(way), Some(purpose)) = (self.way(), self.purpose()) {
            write!(f, " {} {way}", purpose.name())?;
        }
        write!(f, " round {} #{} {} B", self.round_number, self.index, filling.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_and_purposes_keep_their_numbers() {
        for number in 1..=5 {
            assert_eq!(Way::from_wire(number).map(Way::to_wire), Some(number));
        }
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_wire(purpose as u8), Some(purpose));
        }
        assert_eq!((Way::from_wire(0), Way::from_wire(6)), (None, None));
        assert_eq!((Purpose::from_wire(0), Purpose::from_wire(4)), (None, None));
    }
}
