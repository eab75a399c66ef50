//! The language of the scenarios: sentences, parted by semicolons, that happen one after the other.
//!
//! ```text
//! within what is claimed        beyond what is claimed       (how many acceptors lose their memory at once)
//! 3 acceptors                   3 acceptors without 2 3      (2 and 3 may start later)
//! 2 proposers                   2 learners
//! client 1 submits 100 values   client 2 submits 9 odd values at 50/s
//! 64 clients submit 10 values of 700 bytes
//! start learner 3               start another proposer 1     crash proposer 1      restart client 1
//! revive acceptor 2                                          (starts it unless it runs)
//! crash acceptor 2 before sending                            (the next time that it sends: nothing leaves)
//! crash acceptor 2 while sending                             (the next time that it sends: a part leaves)
//! 3 durable acceptors           segments of 128 KiB          cut the power of acceptors
//! crash acceptor 2 before writing                            cut the power of acceptor 2 before syncing
//! restart acceptor 2 with an empty disk                      revive acceptor 2 with 3 flipped bits
//! restart acceptor 2 with an older disk                      (nothing at all is claimed from then on)
//! disk of acceptor 2 is full    disk of acceptor 2 has space   disk of acceptor 2 fails
//! disk of acceptors takes 5ms
//! pause learner 2 for 3s        learners have 32 KiB         packets of 1252 bytes
//! packets come alone            clocks drift 5%              (for those who start from now on)
//! timers late by 3ms
//! clocks are set back                                        (each acceptor that starts begins earlier than all before it)
//! lose 30%                      lose 10% in bursts of 20     duplicate 10%         reorder 20%
//! replay 1%                     damage 2%                    delay 3ms
//! learner 1 hears nothing       proposer 1 hears no 2b       nobody hears acceptor 3
//! acceptors hear no proposer 1  learner 1 hears again        group learners is deaf
//! acceptor 1, proposer 2 are cut off                         (from all others, not from each other)
//! hold 1b from acceptor 1       hold all from proposer 2 to acceptor 1         release
//! acceptors hear of an instance far ahead
//! heal                          calm
//! wait 2s                       after 20ms crash proposer 1
//! expect all delivered within 20s        expect nothing delivered        expect 50 delivered within 3s
//! expect proposer 2 leads within 8s      expect one leader within 8s     expect proposer 1 ended
//! expect ballots still for 10s within 60s                        expect acceptors whole within 5s
//! ```
//!
//! `hold` keeps packets on their way until `release`.
//! `heal` ends losses and mends what is cut; `calm` ends everything that goes wrong: what the network does,
//! pauses, crashes that are still to come.

mod parse;

use super::failure::Failure;
use super::network::{Cut, Who};
use super::stream::Shape;
use crate::protocol::Nanos;
use core::fmt;
use wire::Role;

/// One process.
pub type One = (Role, u16);

/// What a client submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    pub values: u64,
    pub shape: Shape,
    pub per_second: Option<u64>,
}

/// Something about the network that is worse than fair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Lose(u64),
    LoseInBursts(u64, u64),
    Duplicate(u64),
    Reorder(u64),
    Replay(u64),
    Damage(u64),
    Delay(Nanos),
}

/// Where in its turn a process crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Between two turns.
    Now,
    /// Its role has acted; nothing of that is written, and nothing leaves.
    BeforeWriting,
    /// What must be durable is written, and not synced.
    BeforeSyncing,
    /// It is synced, and nothing leaves.
    BeforeSending,
    /// In the middle of its packets: some leave.
    WhileSending,
}

/// How a process crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    pub who: Who,
    pub moment: Moment,
    /// The power goes, and with it what was not synced.
    pub power: bool,
}

/// What becomes of a disk between two starts of its acceptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFate {
    /// Nothing.
    Same,
    /// It is replaced by an empty one.
    Empty,
    /// It is as it was at the last start.
    Older,
    /// So many of its bits turn over.
    Rotten(u64),
}

/// What a disk does from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskTrouble {
    /// Its next write or sync fails.
    Fails,
    /// It has, or has no, space for another segment.
    Full(bool),
    /// A sync takes so long.
    Slow(Nanos),
}

/// What must have come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    AllDelivered {
        within: Nanos,
    },
    Delivered {
        values: u64,
        within: Nanos,
    },
    NothingDelivered,
    Leads {
        proposer: u16,
        within: Nanos,
    },
    OneLeader {
        within: Nanos,
    },
    /// No acceptor promises anything new for so long.
    BallotsStill {
        time: Nanos,
        within: Nanos,
    },
    /// Every acceptor that runs is a member, and blind nowhere.
    Whole {
        within: Nanos,
    },
    Ended(Who),
}

/// A sentence, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sentence {
    After(Nanos, Box<Sentence>),
    Wait(Nanos),
    Expect(Expectation),
    /// No more acceptors are lost at once than the engine claims to survive: else the script is wrong.
    WithinClaims,
    /// More may be.
    BeyondClaims,
    /// The set of acceptors, and who of them does not start yet.
    Acceptors {
        count: u16,
        absent: Vec<u16>,
        durable: bool,
    },
    Several {
        count: u16,
        role: Role,
    },
    Start {
        one: One,
        another: bool,
    },
    Revive(One, DiskFate),
    Restart(One, DiskFate),
    Crash(Crash),
    Disk(Who, DiskTrouble),
    SegmentLength(u64),
    Pause(Who, Nanos),
    Submit {
        first: u16,
        last: u16,
        input: Input,
    },
    Space(Who, u32),
    PacketLength(usize),
    PacketsAlone,
    ClocksDrift(u64),
    ClocksSetBack,
    TimersLate(Nanos),
    Weather(Turn),
    Cut(Cut),
    Hold(Cut),
    Release,
    CutOff(Vec<Who>),
    HearsAgain(Who),
    FarAhead,
    Heal,
    Calm,
}

/// A script, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Each sentence as it was written, and what it means.
    pub sentences: Vec<(String, Sentence)>,
}

impl Script {
    /// # Errors
    /// A [`Failure::Script`] that quotes what is not understood.
    pub fn parse(text: &str) -> Result<Script, Failure> {
        let mut sentences = Vec::new();
        for sentence in text.split([';', '\n']) {
            let words: Vec<&str> = sentence.split_whitespace().collect();
            if !words.is_empty() {
                let meaning = parse::sentence(&words).map_err(Failure::Script)?;
                sentences.push((words.join(" "), meaning));
            }
        }
        Ok(Script { sentences })
    }

    /// Whether a disk goes back to what it was.
    pub fn mentions_older_disks(&self) -> bool {
        let older = |sentence: &Sentence| {
            matches!(sentence, Sentence::Restart(_, DiskFate::Older) | Sentence::Revive(_, DiskFate::Older))
        };
        self.sentences.iter().any(|(_, sentence)| match sentence {
            Sentence::After(_, then) => older(then),
            sentence => older(sentence),
        })
    }
}

/// The script on one line, as `--script` takes it.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (text, _)) in self.sentences.iter().enumerate() {
            write!(f, "{}{text}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
