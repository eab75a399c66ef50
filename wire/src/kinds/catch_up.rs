//! Catch-up: who misses decided instances asks for them; the leader may hand the request to an acceptor.

use super::{demand, fixed, records};
use crate::layout::body;
use crate::ranges::{ascend, print};
use crate::{BallotField, RangeRecord, Refusal};
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use zerocopy::byteorder::big_endian::{U16, U64};

body! {
    /// Learner, acceptor or follower → proposers; followed by the ranges that are missing (RFC 5401 §2).
    pub struct CatchUp: 8 bytes, then RANGES {
        /// The sender has every instance below.
        pub have_until: U64,
    }
}

body! {
    /// Proposer → one acceptor; followed by the ranges to send, as [`crate::Value`]s, to `address:port`.
    pub struct Fetch: 24 bytes, then RANGES {
        /// With a ballot: what was accepted, whether known decided or not, by an acceptor that has promised
        /// this ballot. Without: only what is known decided.
        pub ballot: BallotField,
        /// Where to send them.
        pub address: [u8; 4] as Address,
        /// Never 0.
        pub port: U16,
        /// Zero.
        pub reserved: U16 as Zero,
    }
}

impl CatchUp {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&CatchUp, &[RangeRecord]), Refusal> {
        let (body, tail) = fixed::<CatchUp>(bytes, "catch-up")?;
        let ranges = records::<RangeRecord>(tail, "catch-up")?;
        demand(ascend(ranges) && !ranges.is_empty(), "ranges that do not ascend")?;
        Ok((body, ranges))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, ranges: &[RangeRecord]) -> fmt::Result {
        write!(f, " have<{} missing ", self.have_until)?;
        print(f, ranges)
    }
}

impl Fetch {
    pub fn new(ballot: crate::Ballot, to: SocketAddrV4) -> Fetch {
        let (address, port) = (to.ip().octets(), to.port().into());
        Fetch { ballot: ballot.into(), address, port, reserved: 0.into() }
    }

    pub fn to(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from(self.address), self.port.get())
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Fetch, &[RangeRecord]), Refusal> {
        let (body, tail) = fixed::<Fetch>(bytes, "fetch")?;
        let ranges = records::<RangeRecord>(tail, "fetch")?;
        demand(ascend(ranges) && !ranges.is_empty(), "ranges that do not ascend")?;
        demand(body.reserved.get() == 0, "reserved bits of a fetch")?;
        let ip = Ipv4Addr::from(body.address);
        demand(body.port.get() != 0, "an answer to port 0")?;
        demand(!ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(), "an answer to a group")?;
        Ok((body, ranges))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, ranges: &[RangeRecord]) -> fmt::Result {
        if !self.ballot.get().is_zero() {
            write!(f, " {}", self.ballot.get())?;
        }
        write!(f, " ")?;
        print(f, ranges)?;
        write!(f, " for {}", self.to())
    }
}
