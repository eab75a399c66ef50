//! One record: something that an acceptor must not forget.

use core::fmt;
use twox_hash::XxHash3_64;
use wire::{Ballot, BallotField, Batch, LIVES_MAX, Life};
use zerocopy::byteorder::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What stands before the body of each record.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RecordHeader {
    /// Over the rest of the header, seeded with the check before it.
    pub check: U64,
    /// Over the body, seeded with the epoch.
    pub body_check: U64,
    /// A [`Kind`].
    pub kind: u8,
    /// See [`DECIDED`].
    pub flags: u8,
    /// Bytes of the body.
    pub length: U16,
    pub reserved: U32,
    pub instance: U64,
    pub ballot: BallotField,
}

/// Bytes of a [`RecordHeader`].
pub const RECORD_LEN: usize = 48;
const _: () = assert!(size_of::<RecordHeader>() == RECORD_LEN);

/// Of [`RecordHeader::flags`]: the batch is known decided.
pub const DECIDED: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Promised = 1,
    Accepted = 2,
    Decided = 3,
    Standing = 4,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Promised, Kind::Accepted, Kind::Decided, Kind::Standing];

    pub fn from_log(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// Who an acceptor is to the others: see [`crate::protocol::rejoin`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The memory that it speaks from. 0: none yet.
    pub life: u64,
    /// The log that it is a member of. 0: none yet, it is blank.
    pub log: u32,
    /// It does not know what it accepted below.
    pub blind_until: u64,
    /// The latest life that it knows of each acceptor, in the order of their ids. Its own is `life`.
    pub lives: heapless::Vec<u64, LIVES_MAX>,
}

/// A [`Standing`] as the body of a record, followed by the lives.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct StandingBody {
    life: U64,
    blind_until: U64,
    log: U32,
    lives: U16,
    reserved: U16,
}

/// A record that passed its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Nothing below this ballot will be accepted.
    Promised {
        ballot: Ballot,
    },
    /// This batch was accepted in this ballot; it implies a promise of it. `decided`: it is known to be
    /// what the instance decided.
    Accepted {
        instance: u64,
        ballot: Ballot,
        decided: bool,
        batch: Batch<'a>,
    },
    /// An [`Record::Accepted`] whose body is damaged.
    Damaged {
        instance: u64,
        ballot: Ballot,
        decided: bool,
    },
    /// Every instance below is accepted, and known decided.
    Decided {
        until: u64,
    },
    Standing(Standing),
}

impl Standing {
    /// Its bytes as the body of a record.
    pub(super) fn body(&self) -> heapless::Vec<u8, { size_of::<StandingBody>() + LIVES_MAX * 8 }> {
        let fixed = StandingBody {
            life: self.life.into(),
            blind_until: self.blind_until.into(),
            log: self.log.into(),
            lives: (self.lives.len() as u16).into(),
            reserved: 0.into(),
        };
        let mut body: heapless::Vec<u8, _> = fixed.as_bytes().iter().copied().collect();
        for life in &self.lives {
            body.extend(life.to_be_bytes());
        }
        body
    }

    fn parse(body: &[u8]) -> Option<Standing> {
        let (fixed, lives) = StandingBody::ref_from_prefix(body).ok()?;
        let lives = <[U64]>::ref_from_bytes(lives).ok()?;
        if lives.len() != usize::from(fixed.lives.get()) || lives.len() > LIVES_MAX {
            return None;
        }
        Some(Standing {
            life: fixed.life.get(),
            log: fixed.log.get(),
            blind_until: fixed.blind_until.get(),
            lives: lives.iter().map(|life| life.get()).collect(),
        })
    }
}

impl RecordHeader {
    /// The check that this header must have, given the one before it.
    pub(super) fn expected(&self, chain: u64) -> u64 {
        XxHash3_64::oneshot_with_seed(chain, &self.as_bytes()[size_of::<U64>()..])
    }
}

/// Bytes that a record of so long a body takes in a frame.
pub(super) const fn padded(body: usize) -> usize {
    RECORD_LEN + body.next_multiple_of(8)
}

/// What [`parse`] found.
pub(super) struct Parsed<'a> {
    pub record: Record<'a>,
    /// Seeds the check of the record behind.
    pub check: u64,
    /// Whether the bytes between the body and the next record are the zeros they should be.
    pub padded: bool,
    pub rest: &'a [u8],
}

/// The record at the front of `bytes`; `None` when its header is damaged, or a body that nothing but this
/// acceptor could bring back.
pub(super) fn parse(bytes: &[u8], epoch: u64, chain: u64) -> Option<Parsed<'_>> {
    let (header, rest) = RecordHeader::ref_from_prefix(bytes).ok()?;
    if header.check.get() != header.expected(chain) {
        return None;
    }
    let length = usize::from(header.length.get());
    let (body, rest) = rest.split_at_checked(length)?;
    let (padding, rest) = rest.split_at_checked(padded(length) - RECORD_LEN - length)?;
    let whole = header.body_check.get() == XxHash3_64::oneshot_with_seed(epoch, body);
    let (instance, ballot) = (header.instance.get(), header.ballot.get());
    let decided = header.flags & DECIDED != 0;
    let record = match Kind::from_log(header.kind)? {
        Kind::Promised | Kind::Decided if length > 0 => return None,
        Kind::Promised => Record::Promised { ballot },
        Kind::Accepted => match Batch::parse(body).filter(|_| whole) {
            Some(batch) => Record::Accepted { instance, ballot, decided, batch },
            None => Record::Damaged { instance, ballot, decided },
        },
        Kind::Decided => Record::Decided { until: instance },
        Kind::Standing => Record::Standing(Standing::parse(body).filter(|_| whole)?),
    };
    let padded = padding.iter().all(|byte| *byte == 0);
    Some(Parsed { record, check: header.check.get(), padded, rest })
}

/// One line, in the words of the packets' printer.
impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |decided: &bool| if *decided { " (decided)" } else { "" };
        match self {
            Record::Promised { ballot } => write!(f, "promised {ballot}"),
            Record::Accepted { instance, ballot, decided, batch } => {
                write!(f, "accepted i{instance} of {ballot}: {batch}{}", known(decided))
            }
            Record::Damaged { instance, ballot, decided } => {
                write!(f, "accepted i{instance} of {ballot}: DAMAGED{}", known(decided))
            }
            Record::Decided { until } => write!(f, "decided<{until}"),
            Record::Standing(standing) => {
                let Standing { life, log, blind_until, .. } = standing;
                write!(f, "life {} log {log:08x} blind<{blind_until} of ", Life(*life))?;
                for (at, life) in standing.lives.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { "," }, Life(*life))?;
                }
                Ok(())
            }
        }
    }
}
