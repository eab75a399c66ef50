//! Phase 2: the leader proposes, acceptors vote [Lamport01 §2.2].

use super::phase1::{Life, print_lives};
use super::report::Room;
use super::{demand, fixed, lives, records};
use crate::header::{sequence, sequence_field};
use crate::layout::body;
use crate::ranges::{INSTANCES, ascend, print};
use crate::{Ballot, BallotField, Batch, Range, RangeRecord, Refusal, Sender};
use core::fmt;
use zerocopy::byteorder::big_endian::{U16, U64};

body! {
    /// Leader → acceptors, learners and proposers; followed by the batch. The one packet that carries a
    /// payload to everybody [RingPaxos §3].
    ///
    /// Its ballot is (round, sender id, sender incarnation): nobody but the owner of a ballot may propose in
    /// it, so the header already holds the rest.
    pub struct Phase2a: 24 bytes, then ENTRIES {
        /// The instance that the batch is proposed for.
        pub instance: U64,
        /// The leader's watermark: every instance below is decided.
        pub decided_until: U64,
        /// 48 bits.
        pub round: [u8; 6] as Round,
        /// Zero.
        pub reserved: U16 as Zero,
    }
}

body! {
    /// Acceptor → learners and proposers; while much is under way and nothing is missing, the leader alone, whose next
    /// proposals tell the others what is decided. All that it accepted in its ballot and does not know decided, as
    /// ranges; so a later 2b makes up for a lost one.
    ///
    /// Before the ranges stand the lives of all acceptors that the sender knows of, as in
    /// [`crate::Phase1b`]: a vote of a life that another voter knows to be over does not count.
    pub struct Phase2b: 64 bytes, then COUNTED_LIVES, RANGES {
        /// The ballot promised, in which all of the ranges were accepted.
        pub ballot: BallotField,
        /// The watermark that the acceptor heard in that ballot: every instance below is decided.
        pub decided_until: U64,
        /// The acceptor holds every instance below, and knows it decided.
        pub complete_until: U64,
        /// How far the acceptor has read, and what room it has.
        pub room: Room,
        /// Which memory the sender speaks from.
        pub life: U64 as Hex,
        /// How many lives follow.
        pub lives: U16,
        /// One past the sequence number of the latest packet that came from that ballot's leader, 48 bits; 0
        /// when none has. What the leader sent before it and the ranges leave out was lost on the way (RFC
        /// 9002 §6.1.1).
        pub heard_until: [u8; 6] as Number,
    }
}

impl Phase2a {
    /// # Panics
    /// When `round` is over [`Ballot::ROUND_MAX`].
    pub fn new(instance: u64, decided_until: u64, round: u64) -> Phase2a {
        assert!(round <= Ballot::ROUND_MAX);
        Phase2a {
            instance: instance.into(),
            decided_until: decided_until.into(),
            round: sequence_field(round),
            reserved: 0.into(),
        }
    }

    pub fn ballot(&self, sender: Sender) -> Ballot {
        Ballot::new(sequence(self.round), sender.id, sender.incarnation)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Phase2a, Batch<'_>), Refusal> {
        let (body, tail) = fixed::<Phase2a>(bytes, "2a")?;
        let batch = Batch::parse(tail).ok_or(Refusal::Body("2a"))?;
        demand(body.reserved.get() == 0, "reserved bits of a 2a")?;
        demand(body.round != [0; 6], "phase 2 in round 0")?;
        demand(body.instance.get() < INSTANCES, "the end of all instances")?;
        Ok((body, batch))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, sender: Sender, batch: Batch<'_>) -> fmt::Result {
        write!(f, " {} i{} decided<{}: {batch}", self.ballot(sender), self.instance, self.decided_until)
    }
}

impl Phase2b {
    pub fn heard_until(&self) -> u64 {
        sequence(self.heard_until)
    }

    #[allow(clippy::type_complexity)] // the three parts of the packet
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Phase2b, &[U64], &[RangeRecord]), Refusal> {
        let (body, tail) = fixed::<Phase2b>(bytes, "2b")?;
        let (lives, tail) = lives(tail, body.lives.get(), "2b")?;
        let ranges = records::<RangeRecord>(tail, "2b")?;
        demand(ascend(ranges), "ranges that do not ascend")?;
        demand(ranges.is_empty() || !body.ballot.get().is_zero(), "votes without a ballot")?;
        Ok((body, lives, ranges))
    }

    pub(crate) fn print(
        &self,
        f: &mut fmt::Formatter<'_>,
        lives: &[U64],
        ranges: &[RangeRecord],
    ) -> fmt::Result {
        write!(f, " {} ", self.ballot.get())?;
        print(f, ranges)?;
        write!(f, " decided<{} complete<{}", self.decided_until, self.complete_until)?;
        write!(f, " heard<{} {}", self.heard_until(), self.room)?;
        write!(f, " life {}", Life(self.life.get()))?;
        print_lives(f, lives)
    }
}

/// The ranges of a tail, as [`Range`]s.
impl RangeRecord {
    pub fn all(records: &[RangeRecord]) -> impl Iterator<Item = Range> + '_ {
        records.iter().map(RangeRecord::range)
    }
}
