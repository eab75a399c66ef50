//! Phase 1: a proposer asks for promises and for what was accepted before [Lamport01 §2.2, §3].

use super::{demand, fixed, lives, nothing_after, records};
use crate::layout::{body, record};
use crate::{Ballot, BallotField, Range, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::{U16, U32, U64};

/// How many [`Run`]s a page of 1b carries at the most: they fit the smallest packet, sealed.
pub const RUNS_MAX: usize = 35;

body! {
    /// Proposer → acceptors: it asks for a promise, and for what was accepted. Once per ballot for all
    /// instances from `from` on; again with a higher `from` it asks for the next page.
    pub struct Phase1a: 24 bytes {
        /// The ballot to promise.
        pub ballot: BallotField,
        /// First instance asked for.
        pub from: U64,
    }
}

body! {
    /// Acceptor → the proposer that asked. One page of what it accepted, as [`Run`]s of instances accepted in
    /// one ballot; the payloads are asked for apart, for the proposer usually holds them.
    ///
    /// Before the runs stand the *lives* of all acceptors that the sender knows of, in the order of their
    /// ids: an answer of a life that another answer of the quorum knows to be over does not count [DISC17
    /// §3].
    pub struct Phase1b: 72 bytes, then COUNTED_LIVES, RUNS {
        /// The ballot promised.
        pub ballot: BallotField,
        /// The page tells of every accepted instance in `from..until`.
        pub from: U64,
        /// One past the last instance of the page.
        pub until: U64,
        /// The acceptor holds every instance below, and knows it decided.
        pub complete_until: U64,
        /// One past the highest instance accepted, or that may have been accepted in a former life.
        pub top: U64,
        /// Which memory the sender speaks from.
        pub life: U64 as Hex,
        /// The sender has forgotten what it accepted below: its answer counts for no instance below.
        pub blind_until: U64,
        /// How many lives follow.
        pub lives: U16,
        /// Zero.
        pub reserved: [u8; 6] as Zero,
    }
}

record! {
    /// Consecutive instances accepted in one ballot.
    pub struct Run: 28 bytes {
        /// The first instance.
        pub first: U64,
        /// How many instances; at least one.
        pub count: U32,
        /// In which all of them were accepted.
        pub ballot: BallotField,
    }
}

/// A life as it is printed: its last six hexadecimal digits tell it from the others that one meets.
pub struct Life(pub u64);

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0 & 0xFF_FFFF)
    }
}

/// ` of 1a,2b,0`: the lives that a packet tells of, in the order of the acceptors' ids.
pub(crate) fn print_lives(f: &mut fmt::Formatter<'_>, lives: &[U64]) -> fmt::Result {
    for (at, life) in lives.iter().enumerate() {
        write!(f, "{}{}", if at == 0 { " of " } else { "," }, Life(life.get()))?;
    }
    Ok(())
}

impl Run {
    pub fn new(range: Range, ballot: Ballot) -> Run {
        let count = u32::try_from(range.len()).unwrap_or(u32::MAX);
        Run { first: range.first.into(), count: count.into(), ballot: ballot.into() }
    }

    pub fn range(&self) -> Range {
        Range { first: self.first.get(), until: self.first.get().saturating_add(self.count.get().into()) }
    }
}

impl Phase1a {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Phase1a, Refusal> {
        let (body, tail) = fixed::<Phase1a>(bytes, "1a")?;
        nothing_after(tail, "1a")?;
        demand(!body.ballot.get().is_zero(), "phase 1 without a ballot")?;
        Ok(body)
    }
}

impl fmt::Display for Phase1a {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} from {}", self.ballot.get(), self.from)
    }
}

impl Phase1b {
    #[allow(clippy::type_complexity)] // the three parts of the packet
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Phase1b, &[U64], &[Run]), Refusal> {
        let (body, tail) = fixed::<Phase1b>(bytes, "1b")?;
        demand(body.reserved == [0; 6], "reserved bits of a 1b")?;
        let (lives, tail) = lives(tail, body.lives.get(), "1b")?;
        let runs = records::<Run>(tail, "1b")?;
        demand(runs.len() <= RUNS_MAX, "too many runs in a page")?;
        demand(body.from <= body.until, "a page that ends before it begins")?;
        let mut end = body.from.get();
        for run in runs {
            let range = run.range();
            demand(!range.is_empty() && range.first >= end, "runs that do not ascend")?;
            demand(!run.ballot.get().is_zero(), "accepted without a ballot")?;
            demand(run.ballot.get() <= body.ballot.get(), "accepted above the promise")?;
            end = range.until;
        }
        demand(
            end <= body.until.get() && end <= body.top.get().max(body.from.get()),
            "runs beyond their page",
        )?;
        Ok((body, lives, runs))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, lives: &[U64], runs: &[Run]) -> fmt::Result {
        let page = Range { first: self.from.get(), until: self.until.get() };
        write!(f, " {} page {page} complete<{} top {}", self.ballot.get(), self.complete_until, self.top)?;
        if self.blind_until.get() > 0 {
            write!(f, " blind<{}", self.blind_until)?;
        }
        write!(f, " life {}", Life(self.life.get()))?;
        print_lives(f, lives)?;
        write!(f, ":")?;
        for run in runs {
            write!(f, " {} in {}", run.range(), run.ballot.get())?;
        }
        if runs.is_empty() { write!(f, " nothing accepted") } else { Ok(()) }
    }
}
