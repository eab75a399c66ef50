//! What a segment begins with.

use super::{Owner, SECTOR};
use twox_hash::XxHash3_64;
use zerocopy::byteorder::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What every segment begins with, in every version of the format.
pub const SEGMENT_MAGIC: [u8; 4] = *b"PXSG";
/// Of the format. Magic, version and check keep their places in all versions, so that a segment of another
/// version is told from a damaged one.
pub const FORMAT: u32 = 2;

/// The first sector of a segment. It is durable before the first frame behind it is written, and that is
/// written only when all frames before are durable: so whoever reads it knows that those must be there.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SegmentHeader {
    pub magic: [u8; 4],
    pub version: U32,
    pub cluster: U32,
    pub acceptor: U16,
    /// See [`ZEROED`].
    pub flags: U16,
    /// Which use of the directory it belongs to.
    pub epoch: U64,
    /// Of the segment: a copy of one under the number of another is not taken for it.
    pub number: U64,
    /// Bytes of the segment, so that one that lost its end is known by it.
    pub length: U64,
    /// The number of its first frame.
    pub first: U64,
    /// The check of the last record (or header) of the frame before that; 0 in front of the first of all.
    pub chain: U64,
    pub unused: [u8; SEGMENT_UNUSED],
    /// Over the rest.
    pub check: U64,
}

/// Of [`SegmentHeader::flags`]: the space behind the header was zeros when the segment was begun, so that a
/// sector that is not was written.
pub const ZEROED: u16 = 1;

const SEGMENT_UNUSED: usize = SECTOR - 64;
const _: () = assert!(size_of::<SegmentHeader>() == SECTOR);

/// The bytes begin as a segment of this other version of the format, undamaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherVersion(pub u32);

impl SegmentHeader {
    /// The header of segment `number`, `length` bytes long, whose first frame is `first` and goes on `chain`.
    pub fn new(
        owner: Owner,
        epoch: u64,
        (number, length, zeroed): (u64, u64, bool),
        (first, chain): (u64, u64),
    ) -> SegmentHeader {
        let mut header = SegmentHeader {
            magic: SEGMENT_MAGIC,
            version: FORMAT.into(),
            cluster: owner.cluster.into(),
            acceptor: owner.acceptor.into(),
            flags: if zeroed { ZEROED } else { 0 }.into(),
            epoch: epoch.into(),
            number: number.into(),
            length: length.into(),
            first: first.into(),
            chain: chain.into(),
            unused: [0; SEGMENT_UNUSED],
            check: 0.into(),
        };
        header.check = header.expected().into();
        header
    }

    fn expected(&self) -> u64 {
        XxHash3_64::oneshot(&self.as_bytes()[..SECTOR - size_of::<U64>()])
    }

    /// The header of segment `number`, if it is what `bytes` begin with.
    ///
    /// # Errors
    /// When it is whole and of another version.
    pub fn read(bytes: &[u8], number: u64) -> Result<Option<SegmentHeader>, OtherVersion> {
        let Ok((header, _)) = SegmentHeader::read_from_prefix(bytes) else { return Ok(None) };
        if header.magic != SEGMENT_MAGIC || header.check.get() != header.expected() {
            return Ok(None);
        }
        match header.version.get() {
            FORMAT => Ok((header.number.get() == number).then_some(header)),
            other => Err(OtherVersion(other)),
        }
    }

    /// Whether the space behind it was zeros when the segment was begun.
    pub fn is_zeroed(&self) -> bool {
        self.flags.get() & ZEROED != 0
    }

    pub fn owner(&self) -> Owner {
        Owner { cluster: self.cluster.get(), acceptor: self.acceptor.get() }
    }
}
