//! Status: a process tells whoever watches the cluster how it is. No process acts on it.

use super::{demand, fixed, nothing_after};
use crate::layout::body;
use crate::{BallotField, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::{U16, U32, U64};

body! {
    /// Every process → proposers, once a period (`status` in paxos.conf): how it is, for whoever watches. Processes
    /// ignore it. What counts something counts from the start of the process, so a reader makes rates of any two
    /// packets, and one that is lost costs nothing; all else is as it is now.
    ///
    /// What the watermarks are depends on the sender. Proposer, learner: instances, decided and delivered. Acceptor:
    /// instances, stored and known decided. Client: entries of its session, decided.
    pub struct ProcessStatus: 208 bytes {
        /// Proposer: its own, or the highest heard of. Acceptor: the promised one. Learner, client: of the leader that is
        /// followed.
        pub ballot: BallotField,
        /// Time since the start, ms.
        pub up_ms: U64,
        /// Time between two of these packets, ms.
        pub period_ms: U32,
        /// `heartbeat` of its configuration, µs. It should be the same everywhere, but need not.
        pub heartbeat_us: U32,
        /// `suspect` of its configuration, µs. As `heartbeat_us`.
        pub suspect_us: U32,
        /// Of the program: `major.minor.patch`.
        pub version_major: U16,
        /// See `version_major`.
        pub version_minor: U16,
        /// See `version_major`.
        pub version_patch: U16,
        /// Proposer: bit i: something was heard lately from the acceptor that stands i-th in the configuration.
        pub heard: U16 as Bits,
        /// What holds of the sender. Bit 0: it leads; 1: it prepares to; 2: it knows all that is decided, and could lead;
        /// 3: it takes itself for unfit to lead; 4: it keeps a log on a disk; 5: it is a member, and may vote; 6: it does
        /// not know all that it may have accepted; 7: it has no space for what it should accept; 8: runs of packets leave
        /// as one (UDP_SEGMENT); 9: they are read as one (UDP_GRO).
        pub state: U32 as Bits,
        /// Every instance (client: entry) below is decided, as far as the sender knows.
        pub decided_until: U64,
        /// One past the highest that it heard is decided (client: that it has read). What it lags is the difference.
        pub known_until: U64,
        /// Proposer: instances that it proposed and that are not decided. Client: entries that it sent and that are not.
        pub in_flight: U32,
        /// What it may send now before somebody must read, bytes as the kernel counts them. Leader: of proposals. Client:
        /// of entries.
        pub credit: U32,
        /// Learner, proposer: digest of all that is decided below `decided_until`; 0 where there is none.
        pub digest: U64 as Hex,
        /// The same below the greatest multiple of 2^8 that is no greater than `decided_until`,
        pub digest_8: U64 as Hex,
        /// of 2^14,
        pub digest_14: U64 as Hex,
        /// and of 2^20. Of two learners, one behind the other, at least one of these is of the same instance mostly.
        pub digest_20: U64 as Hex,
        /// Client: values that are decided.
        pub values: U64,
        /// Learner: bytes of values that it printed.
        pub output_bytes: U64,
        /// Packets read, refused ones included.
        pub received: U64,
        /// Packets sent.
        pub sent: U64,
        /// Packets that the kernel did not take, or for which a turn had no room.
        pub unsent: U64,
        /// Packets read and refused.
        pub refusals: U64,
        /// Packets that bring again what was sent before, or ask for what is missing.
        pub repeats: U64,
        /// The smallest of its receive buffers, bytes as granted.
        pub space: U32,
        /// Packets, or runs of them, that its receive buffers had no room for; wraps.
        pub drops: U32,
        /// Time since the last of these, s; the highest number when there was none.
        pub dropped_s: U32,
        /// Half of the writes to its log since its packet before were durable after so long, µs; 0 without any.
        pub sync_p50_us: U32,
        /// 99 % of them.
        pub sync_p99_us: U32,
        /// All of them.
        pub sync_max_us: U32,
        /// Writes to its log that were made durable.
        pub syncs: U64,
        /// Time that these took, together, µs.
        pub sync_total_us: U64,
        /// Memory that the process takes (resident), bytes.
        pub memory: U64,
    }
}

/// Bits of [`ProcessStatus::state`].
pub mod state {
    pub const LEADING: u32 = 1;
    pub const PREPARING: u32 = 1 << 1;
    pub const READY: u32 = 1 << 2;
    pub const UNFIT: u32 = 1 << 3;
    pub const DURABLE: u32 = 1 << 4;
    pub const MEMBER: u32 = 1 << 5;
    pub const BLIND: u32 = 1 << 6;
    pub const FULL: u32 = 1 << 7;
    pub const GSO: u32 = 1 << 8;
    pub const GRO: u32 = 1 << 9;

    /// With the words that they are printed as.
    pub const ALL: [(u32, &str); 10] = [
        (LEADING, "leading"),
        (PREPARING, "preparing"),
        (READY, "ready"),
        (UNFIT, "unfit"),
        (DURABLE, "durable"),
        (MEMBER, "member"),
        (BLIND, "blind"),
        (FULL, "full"),
        (GSO, "gso"),
        (GRO, "gro"),
    ];
}

/// A digest is told for the greatest multiple of these that is no greater than `decided_until`, as powers of 2.
pub const DIGEST_STRIDES: [u32; 4] = [0, 8, 14, 20];
/// [`ProcessStatus::dropped_s`] of a process whose receive buffers never dropped anything.
pub const NEVER: u32 = u32::MAX;

impl ProcessStatus {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&ProcessStatus, Refusal> {
        let (body, tail) = fixed::<ProcessStatus>(bytes, "status")?;
        nothing_after(tail, "status")?;
        demand(body.state.get() >> state::ALL.len() == 0, "unknown bits of a state")?;
        demand(body.period_ms.get() > 0, "a status without a period")?;
        demand(body.decided_until <= body.known_until, "a status that knows less than is decided")?;
        Ok(body)
    }

    /// Whether this bit of [`state`] is set.
    pub fn is(&self, bit: u32) -> bool {
        self.state.get() & bit != 0
    }

    /// Sets this bit of [`state`] where it holds.
    pub fn mark(&mut self, bit: u32, holds: bool) {
        if holds {
            self.state = (self.state.get() | bit).into();
        }
    }

    /// The digests, each with the instance below which it is of all that is decided; without those of the empty log.
    pub fn digests(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let digests = [self.digest, self.digest_8, self.digest_14, self.digest_20].map(U64::get);
        let until = self.decided_until.get();
        let each = DIGEST_STRIDES.into_iter().zip(digests);
        each.map(move |(stride, digest)| (until >> stride << stride, digest))
            .filter(|(at, digest)| *at > 0 && *digest != 0)
    }
}

impl fmt::Display for ProcessStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            " {} decided<{} known<{} in flight {} drops {} up {} ms",
            self.ballot.get(),
            self.decided_until,
            self.known_until,
            self.in_flight,
            self.drops,
            self.up_ms
        )?;
        for (_, word) in state::ALL.iter().filter(|(bit, _)| self.is(*bit)) {
            write!(f, " ({word})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromZeros, IntoBytes};

    fn status() -> ProcessStatus {
        let mut status = ProcessStatus::new_zeroed();
        status.period_ms = 1000.into();
        status
    }

    #[test]
    fn each_digest_is_of_the_multiple_of_its_stride_before_the_watermark() {
        let mut status = status();
        (status.decided_until, status.known_until) = (0x12_3456.into(), 0x12_3456.into());
        (status.digest, status.digest_8) = (1.into(), 2.into());
        (status.digest_14, status.digest_20) = (3.into(), 4.into());
        let expected = [(0x12_3456, 1), (0x12_3400, 2), (0x12_0000, 3), (0x10_0000, 4)];
        assert_eq!(status.digests().collect::<Vec<_>>(), expected);
        status.decided_until = 0x3456.into();
        assert_eq!(
            status.digests().collect::<Vec<_>>(),
            [(0x3456, 1), (0x3400, 2)],
            "nothing of the empty log"
        );
    }

    #[test]
    fn what_no_honest_process_says_is_refused() {
        assert!(ProcessStatus::parse(status().as_bytes()).is_ok());
        let refused = |change: fn(&mut ProcessStatus)| {
            let mut status = status();
            change(&mut status);
            ProcessStatus::parse(status.as_bytes()).expect_err("it must not pass").to_string()
        };
        assert!(refused(|status| status.state = (1 << 10).into()).contains("unknown bits of a state"));
        assert!(refused(|status| status.period_ms = 0.into()).contains("without a period"));
        assert!(refused(|status| status.decided_until = 1.into()).contains("knows less"));
    }

    #[test]
    fn states_are_bits_one_after_the_other() {
        for (at, (bit, _)) in state::ALL.into_iter().enumerate() {
            assert_eq!(bit, 1 << at);
        }
    }
}
