//! A frame: the records of one turn.

use super::SECTOR;
use super::aligned::Aligned;
use super::record::{DECIDED, Kind, Record, RecordHeader, Standing, padded, parse};
use crate::planted::{Bug, planted};
use twox_hash::XxHash3_64;
use wire::{Ballot, Batch};
use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a frame begins with.
pub const FRAME_MAGIC: [u8; 4] = *b"PXFR";
/// What a frame ends with, up to a whole number of sectors. Not zeros: a last sector with little in it must not
/// look as if it had never been written.
const PADDING: u8 = 0xA5;
/// Bytes of a [`FrameHeader`].
pub const FRAME_LEN: usize = 64;

/// What stands before the records of a frame. It can be checked without any other frame, so that frames are
/// found behind damage.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FrameHeader {
    pub magic: [u8; 4],
    /// Of the frame, bytes, this header and the padding included: a multiple of [`SECTOR`].
    pub length: U32,
    /// Which use of the directory it belongs to.
    pub epoch: U64,
    /// Counts the frames of an epoch, from 1.
    pub number: U64,
    /// The check of the last record (or header) of the frame before; 0 for the first.
    pub chain: U64,
    /// Bytes of the records.
    pub used: U32,
    /// How many records there are.
    pub records: U32,
    /// Sectors behind the first one that hold no more than one byte that is not zero, checks not counted.
    pub blank: U32,
    pub reserved: [u8; 12],
    /// Over the rest of the header, seeded with the epoch.
    pub check: U64,
}

const _: () = assert!(size_of::<FrameHeader>() == FRAME_LEN);

/// What [`FrameHeader::records`] found of a frame whose headers are all whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The check of the last record, or of the header when there is none.
    pub chain: u64,
    /// Records whose body is damaged.
    pub bodies: u32,
    /// Whether all padding is as it was written.
    pub padded: bool,
}

/// Collects the records of a turn, and makes a frame of them.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Room for the header, then the records with their checks not filled in yet.
    bytes: Aligned,
    records: u32,
    wanted: bool,
}

/// Bytes that a frame has room for before it must grow: more than two sockets bring in one turn.
const CAPACITY: usize = 4 << 20;

impl Default for Frame {
    fn default() -> Frame {
        Frame::with_capacity(CAPACITY)
    }
}

impl Frame {
    /// With room for so many bytes before it must grow.
    pub fn with_capacity(capacity: usize) -> Frame {
        let mut bytes = Aligned::with_capacity(capacity);
        bytes.resize(FRAME_LEN, 0);
        Frame { bytes, records: 0, wanted: false }
    }

    /// Whether there is something to write: records, or the wish for an empty frame.
    pub fn wanted(&self) -> bool {
        self.wanted
    }

    /// How many records it holds.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Bytes that it will take in a segment.
    pub fn length(&self) -> usize {
        self.bytes.len().next_multiple_of(SECTOR)
    }

    /// Whether it is no longer than `room` bytes with one more record that has so long a body.
    pub fn fits(&self, body: usize, room: u64) -> bool {
        (self.bytes.len() + padded(body)).next_multiple_of(SECTOR) as u64 <= room
    }

    /// Wants a frame even without records: one that stands behind the last one and so proves it.
    pub fn mark(&mut self) {
        self.wanted = true;
    }

    pub fn promised(&mut self, ballot: Ballot) {
        self.push(Kind::Promised, 0, 0, ballot, &[]);
    }

    pub fn accepted(&mut self, instance: u64, ballot: Ballot, decided: bool, batch: Batch<'_>) {
        let flags = if decided { DECIDED } else { 0 };
        self.push(Kind::Accepted, flags, instance, ballot, batch.as_bytes());
    }

    pub fn decided(&mut self, until: u64) {
        self.push(Kind::Decided, 0, until, Ballot::ZERO, &[]);
    }

    pub fn standing(&mut self, standing: &Standing) {
        self.push(Kind::Standing, 0, 0, Ballot::ZERO, &standing.body());
    }

    fn push(&mut self, kind: Kind, flags: u8, instance: u64, ballot: Ballot, body: &[u8]) {
        let length = u16::try_from(body.len()).expect("a body is no longer than a packet");
        let header = RecordHeader {
            check: 0.into(),
            body_check: 0.into(),
            kind: kind as u8,
            flags,
            length: length.into(),
            reserved: 0.into(),
            instance: instance.into(),
            ballot: ballot.into(),
        };
        let end = self.bytes.len() + padded(body.len());
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(body);
        self.bytes.resize(end, 0);
        self.records += 1;
        self.wanted = true;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.truncate(FRAME_LEN);
        (self.records, self.wanted) = (0, false);
    }

    /// Fills in all checks. Returns the bytes to write, and the chain for the next frame.
    pub fn seal(&mut self, epoch: u64, number: u64, chain: u64) -> (&[u8], u64) {
        let used = self.bytes.len() - FRAME_LEN;
        self.bytes.resize(self.length(), PADDING);
        let mut header = FrameHeader {
            magic: FRAME_MAGIC,
            length: (self.bytes.len() as u32).into(),
            epoch: epoch.into(),
            number: number.into(),
            chain: chain.into(),
            used: (used as u32).into(),
            records: self.records.into(),
            blank: (self.bytes[SECTOR..].chunks(SECTOR).filter(|sector| !holds(2, sector)).count() as u32)
                .into(),
            reserved: [0; 12],
            check: 0.into(),
        };
        header.check = header.expected(epoch).into();
        self.bytes[..FRAME_LEN].copy_from_slice(header.as_bytes());
        let mut chain = header.check.get();
        let mut rest = &mut self.bytes[FRAME_LEN..FRAME_LEN + used];
        while !rest.is_empty() {
            let (record, after) = RecordHeader::mut_from_prefix(rest).expect("records were pushed whole");
            let length = usize::from(record.length.get());
            record.body_check = XxHash3_64::oneshot_with_seed(epoch, &after[..length]).into();
            chain = record.expected(chain);
            record.check = chain.into();
            rest = &mut rest[padded(length)..];
        }
        (&self.bytes, chain)
    }
}

impl FrameHeader {
    fn expected(&self, epoch: u64) -> u64 {
        XxHash3_64::oneshot_with_seed(epoch, &self.as_bytes()[..FRAME_LEN - size_of::<U64>()])
    }

    /// The header at the front of `bytes`, if a frame of this epoch begins there and lies within `bytes`.
    pub fn find(bytes: &[u8], epoch: u64) -> Option<&FrameHeader> {
        let (header, _) = FrameHeader::ref_from_prefix(bytes).ok()?;
        let length = header.length.get() as usize;
        let epoch = if planted(Bug::RecycledTail) { header.epoch.get() } else { epoch };
        let right = header.magic == FRAME_MAGIC
            && header.epoch.get() == epoch
            && header.check.get() == header.expected(epoch);
        let fits = || {
            let used = FRAME_LEN + header.used.get() as usize;
            length <= bytes.len() && length == used.next_multiple_of(SECTOR)
        };
        (right && fits()).then_some(header)
    }

    /// Whether the frame that begins with `bytes`, in space that was zeros before, was only written in part: more
    /// of its sectors are zeros than can be when all were written and one byte was damaged since.
    pub fn torn(&self, bytes: &[u8]) -> bool {
        let sectors = bytes[..self.length.get() as usize].chunks(SECTOR);
        sectors.filter(|sector| !holds(1, sector)).count() > self.blank.get() as usize
    }

    /// The records of the frame that begins with `bytes`, each with its place in them.
    ///
    /// # Errors
    /// The place in `bytes` of the first record whose header is damaged. Those before it were handed out.
    pub fn records<'a>(
        &self,
        bytes: &'a [u8],
        mut each: impl FnMut(usize, Record<'a>),
    ) -> Result<Condition, usize> {
        let epoch = self.epoch.get();
        let end = FRAME_LEN + self.used.get() as usize;
        let (mut rest, padding) = (&bytes[FRAME_LEN..end], &bytes[end..self.length.get() as usize]);
        let mut condition = Condition { chain: self.check.get(), bodies: 0, padded: true };
        for _ in 0..self.records.get() {
            let at = end - rest.len();
            let parsed = parse(rest, epoch, condition.chain).ok_or(at)?;
            (condition.chain, rest) = (parsed.check, parsed.rest);
            condition.bodies += u32::from(matches!(parsed.record, Record::Damaged { .. }));
            condition.padded &= parsed.padded;
            each(at, parsed.record);
        }
        condition.padded &= padding.iter().all(|byte| *byte == PADDING);
        if rest.is_empty() { Ok(condition) } else { Err(end - rest.len()) }
    }
}

/// Whether a frame was begun in the sector, which was zeros before. What it begins with is more than two bytes
/// that are not zero, whichever of them was damaged since; less is damage to zeros.
pub fn begun(sector: &[u8]) -> bool {
    holds(3, sector)
}

/// Whether at least so many bytes are not zero.
fn holds(count: usize, bytes: &[u8]) -> bool {
    bytes.iter().filter(|byte| **byte != 0).nth(count - 1).is_some()
}

/// A header that says nothing, for reading into.
impl Default for FrameHeader {
    fn default() -> FrameHeader {
        FrameHeader::new_zeroed()
    }
}
