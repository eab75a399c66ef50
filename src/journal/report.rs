//! What reading a log found, in words.

use super::Owner;
use core::fmt;
use std::io;
use wire::Ballot;

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub segment: u64,
    /// Bytes from the beginning of the segment.
    pub offset: u64,
}

/// What reading a log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whose log it is; `None` when nothing says so, as in a new one.
    pub owner: Option<Owner>,
    /// Which use of the directory it is. 0: none yet.
    pub epoch: u64,
    /// Segments that belong to the log; one that was made and not used yet does not count.
    pub segments: u64,
    /// Whole frames, those with damaged bodies included.
    pub frames: u64,
    /// Records of those frames.
    pub records: u64,
    /// Bytes of those frames.
    pub bytes: u64,
    /// Everything that is not as it was written, in the order of the log.
    pub findings: Vec<Finding>,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    pub what: Fault,
}

/// What is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Behind the end of the log stand so many bytes, counted to the last that is not zero, that are no
    /// whole frame: what was being written when the power went, on which nothing depended.
    TornTail { bytes: u64 },
    /// The body of an accepted record is damaged. `repaired`: a later record brings the instance again.
    Body { instance: u64, ballot: Ballot, decided: bool, repaired: bool },
    /// Bytes of a frame that carry nothing are not as they were written.
    Padding,
    /// So many bytes that no frame ever took are not zero, in a segment that is full or was not used yet.
    Unused { bytes: u64 },
    /// Records are missing or unreadable, and it cannot be told which.
    Lost(Loss),
}

/// Why it cannot be told what an acceptor said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A segment before this one is not there.
    Missing,
    /// The header of a segment is damaged.
    SegmentHeader,
    /// The segment is shorter than it was made.
    Shorter { length: u64 },
    /// The segment is of another use of the directory.
    OtherEpoch,
    /// The frame of this number was written here, and cannot be read.
    Frame { number: u64 },
    /// A record's header, or a body that no other acceptor has, is damaged.
    Record,
}

impl Report {
    /// Whether everything is as it was written.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether it cannot be told what this acceptor said.
    pub fn lost(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.what, Fault::Lost(_)))
    }

    /// Whether there was no log at all.
    pub fn is_new(&self) -> bool {
        self.segments == 0 && !self.lost()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}, byte {}", self.segment, self.offset)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TornTail { bytes } => write!(
                f,
                "torn tail: {bytes} bytes behind the end that are no whole frame; nothing was answered that \
                 depends on them"
            ),
            Fault::Body { instance, ballot, decided, repaired } => {
                let known = if *decided { ", known decided," } else { "" };
                write!(f, "damaged: what was accepted for instance {instance} in ballot {ballot}{known} ")?;
                f.write_str(match repaired {
                    true => "cannot be read; a later record repairs it",
                    false => "cannot be read; the other acceptors have it",
                })
            }
            Fault::Padding => f.write_str("damaged: padding; no record is touched"),
            Fault::Unused { bytes } => {
                write!(f, "unused space holds {bytes} bytes that should be zeros; no record is touched")
            }
            Fault::Lost(loss) => write!(f, "lost: {loss}"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Missing => f.write_str("a segment before this one is missing"),
            Loss::SegmentHeader => f.write_str("the header of the segment is damaged"),
            Loss::Shorter { length } => write!(f, "the segment ends here, and was {length} bytes long"),
            Loss::OtherEpoch => f.write_str("the segment belongs to another life of this directory"),
            Loss::Frame { number } => write!(f, "frame {number} was written whole, and is damaged"),
            Loss::Record => f.write_str("the header of a record is damaged"),
        }
    }
}

/// Why a log was not opened. Nothing was changed.
#[derive(Debug)]
pub enum OpenError {
    /// It is not ours.
    Foreign {
        found: Owner,
        expected: Owner,
    },
    /// It was written in another version of the format.
    Version {
        found: u32,
    },
    /// There is no space for the first segment.
    NoSpace,
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Io(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Foreign { found, expected } if found.cluster == expected.cluster => write!(
                f,
                "this is the memory of acceptor {}, not of acceptor {}; give each acceptor a directory of its \
                 own (`%i` in its name stands for the id)",
                found.acceptor, expected.acceptor
            ),
            OpenError::Foreign { found, expected } => write!(
                f,
                "this is the memory of {found}, and this is {expected}; name another directory, or go back to \
                 the groups, acceptors and mtu that it was written with"
            ),
            OpenError::Version { found } => write!(
                f,
                "this is a log of format {found}, and this program knows format {}; use the program that wrote \
                 it, or name another directory",
                super::segment::FORMAT
            ),
            OpenError::NoSpace => f.write_str("no space for a log; make some, or name another directory"),
            OpenError::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for OpenError {}
