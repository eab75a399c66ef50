//! The language of the scenarios: sentences, parted by semicolons, that happen one after the other.
//!
//! ```text
//! within what is claimed        beyond what is claimed       (how many acceptors lose their memory at once)
//! 3 acceptors                   3 acceptors without 2 3      (2 and 3 may start later)
//! 2 proposers                   2 learners
//! client 1 submits 100 values   client 2 submits 9 odd values at 50/s
//! 64 clients submit 10 values of 700 bytes
//! start learner 3               start another proposer 1     crash proposer 1      restart client 1
//! crash acceptor 2 before sending                            (the next time that it sends: nothing leaves)
//! crash acceptor 2 while sending                             (the next time that it sends: a part leaves)
//! pause learner 2 for 3s        learners have 32 KiB         packets of 1252 bytes
//! clocks drift 5%               timers late by 3ms           (of those who start from now on)
//! clocks are set back                                        (each acceptor that starts begins earlier than all before it)
//! lose 30%                      lose 10% in bursts of 20     duplicate 10%         reorder 20%
//! replay 1%                     damage 2%                    delay 3ms
//! learner 1 hears nothing       proposer 1 hears no 2b       nobody hears acceptor 3
//! acceptors hear no proposer 1  learner 1 hears again        group learners is deaf
//! acceptor 1, proposer 2 are cut off                         (from all others, not from each other)
//! heal                          calm
//! wait 2s                       after 20ms crash proposer 1
//! expect all delivered within 20s        expect nothing delivered        expect 50 delivered within 3s
//! expect proposer 2 leads within 8s      expect one leader within 8s     expect proposer 1 ended
//! expect ballots still for 10s within 60s                        expect acceptors whole within 5s
//! ```
//!
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
    /// Its role has acted, and nothing of that reaches anybody.
    Acted,
    /// In the middle of its packets: some leave.
    Sending,
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
    },
    Several {
        count: u16,
        role: Role,
    },
    Start {
        one: One,
        another: bool,
    },
    Restart(One),
    Crash(Who, Moment),
    Pause(Who, Nanos),
    Submit {
        first: u16,
        last: u16,
        input: Input,
    },
    Space(Who, u32),
    PacketLength(usize),
    ClocksDrift(u64),
    ClocksSetBack,
    TimersLate(Nanos),
    Weather(Turn),
    Cut(Cut),
    CutOff(Vec<Who>),
    HearsAgain(Who),
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
