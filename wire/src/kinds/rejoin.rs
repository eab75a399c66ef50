//! Rejoin: how an acceptor that has no memory becomes one that may vote.
//!
//! An acceptor speaks from a *life*: a memory without a gap. One that begins without memory (a volatile
//! start, a lost or damaged disk) begins a new life, and asks the others to note it down and to promise it a
//! ballot; or, where nobody has any memory, several found a new log together.

use super::phase1::{Life, print_lives};
use super::{demand, fixed, nothing_after, records};
use crate::layout::{body, record};
use crate::{BallotField, LIVES_MAX, Refusal};
use core::fmt;
use zerocopy::byteorder::big_endian::{U16, U64};

body! {
    /// A blank acceptor → acceptors, again and again until it is one of them. Flag: DURABLE.
    pub struct Join: 24 bytes {
        /// The life that it begins: larger than those of its former lives.
        pub life: U64 as Hex,
        /// The ballot that it asks to be promised: its own, in which nobody ever proposes.
        pub ballot: BallotField,
    }
}

body! {
    /// Acceptor → the blank acceptor that asked; followed by the lives that the sender knows of, its own
    /// included, in the order of the acceptors' ids. It helps when `ballot` and `joiner` are those asked for;
    /// larger ones say why it does not. With `joiner` 0, to all acceptors with every heartbeat, it says how
    /// the sender stands.
    pub struct Helped: 56 bytes, then LIVES {
        /// The life of the one who asked that the sender has noted down; 0 when nobody asked.
        pub joiner: U64 as Hex,
        /// The latest earlier life of the one who asked that the sender knows of; 0 when it knows of none.
        pub former: U64 as Hex,
        /// The ballot promised.
        pub ballot: BallotField,
        /// Of the sender.
        pub life: U64 as Hex,
        /// One past the highest instance accepted, or that may have been accepted in a former life.
        pub top: U64,
        /// The sender holds every instance below, and knows it decided.
        pub complete_until: U64,
    }
}

body! {
    /// Founder → acceptors: a new log begins, the one that the header names, and these blank acceptors are
    /// its first members. Followed by a [`Member`] each.
    pub struct Found: 8 bytes, then MEMBERS {
        /// The life of the founder.
        pub life: U64 as Hex,
    }
}

body! {
    /// Proposer → an acceptor that speaks from a life that is over, as the sender knows and perhaps nobody
    /// else any more: it must begin a larger one than this, or the sender never believes it.
    pub struct Over: 16 bytes {
        /// The latest life of the acceptor that the sender knows of.
        pub life: U64 as Hex,
        /// The acceptor's id.
        pub acceptor: U16,
        /// Zero.
        pub reserved: [u8; 6] as Zero,
    }
}

record! {
    /// A founding member: the life in which it was blank.
    pub struct Member: 16 bytes {
        /// The id of the acceptor.
        pub id: U16,
        /// Zero.
        pub reserved: [u8; 6] as Zero,
        /// Its first life in the new log.
        pub life: U64 as Hex,
    }
}

impl Member {
    pub fn new(id: u16, life: u64) -> Member {
        Member { id: id.into(), reserved: [0; 6], life: life.into() }
    }
}

impl Join {
    pub(crate) fn parse(bytes: &[u8]) -> Result<&Join, Refusal> {
        let (body, tail) = fixed::<Join>(bytes, "join")?;
        nothing_after(tail, "join")?;
        demand(body.life.get() > 0, "a join without a life")?;
        demand(!body.ballot.get().is_zero(), "a join without a ballot")?;
        Ok(body)
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " life {} asks for {}", Life(self.life.get()), self.ballot.get())
    }
}

impl Helped {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Helped, &[U64]), Refusal> {
        let (body, tail) = fixed::<Helped>(bytes, "helped")?;
        let lives = records::<U64>(tail, "helped")?;
        demand(lives.len() <= LIVES_MAX, "more lives than acceptors")?;
        demand(body.complete_until <= body.top, "more complete than accepted")?;
        Ok((body, lives))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, lives: &[U64]) -> fmt::Result {
        if self.joiner.get() > 0 {
            write!(f, " life {}", Life(self.joiner.get()))?;
        }
        if self.former.get() > 0 {
            write!(f, " after {}", Life(self.former.get()))?;
        }
        write!(f, " promised {}", self.ballot.get())?;
        write!(f, " complete<{} top {} life {}", self.complete_until, self.top, Life(self.life.get()))?;
        print_lives(f, lives)
    }
}

impl Over {
    pub fn new(acceptor: u16, life: u64) -> Over {
        Over { life: life.into(), acceptor: acceptor.into(), reserved: [0; 6] }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<&Over, Refusal> {
        let (body, tail) = fixed::<Over>(bytes, "over")?;
        nothing_after(tail, "over")?;
        demand(body.reserved == [0; 6], "reserved bits of an over")?;
        Ok(body)
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " A{} has had life {}", self.acceptor, Life(self.life.get()))
    }
}

impl Found {
    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Found, &[Member]), Refusal> {
        let (body, tail) = fixed::<Found>(bytes, "found")?;
        let members = records::<Member>(tail, "found")?;
        demand(members.len() <= LIVES_MAX, "more members than acceptors")?;
        demand(members.iter().all(|member| member.reserved == [0; 6]), "reserved bits of a member")?;
        Ok((body, members))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, log: u32, members: &[Member]) -> fmt::Result {
        write!(f, " log {log:08x} with")?;
        for member in members {
            write!(f, " A{} life {}", member.id, Life(member.life.get()))?;
        }
        Ok(())
    }
}
