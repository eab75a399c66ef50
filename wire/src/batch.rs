//! Batches: what one instance decides.
//!
//! A batch is a sequence of entries, each a numbered piece of one session's stream. An empty batch is a
//! no-op. A session is a client's start, (client id, incarnation); its stream is its values, each ended by a
//! newline, cut into entries wherever a packet was full. So a value may straddle two entries, and an entry
//! may carry many values.

use crate::layout::record;
use core::fmt;
use zerocopy::FromBytes;
use zerocopy::byteorder::big_endian::{U16, U64};

/// What an entry costs beside its bytes.
pub const ENTRY_OVERHEAD: usize = size_of::<EntryHeader>();

record! {
    /// What stands before each entry's bytes in a batch.
    pub struct EntryHeader: 18 bytes {
        /// The id of the client.
        pub client: U16,
        /// Bytes that follow; at least one.
        pub length: U16,
        /// Of the client: with its id, the session.
        pub incarnation: U64 as Hex,
        /// Counts the entries of the session, from 0; 48 bits.
        pub number: [u8; 6] as Number,
    }
}

const _: () = assert!(ENTRY_OVERHEAD == 18);

impl EntryHeader {
    /// # Panics
    /// When `length` is not within `1..=65535`, or `number` takes more than 48 bits.
    pub fn new(client: u16, incarnation: u64, number: u64, length: usize) -> EntryHeader {
        assert!(number < 1 << 48 && length > 0);
        let length = u16::try_from(length).expect("an entry is no longer than a packet");
        let number = crate::header::sequence_field(number);
        EntryHeader { client: client.into(), length: length.into(), incarnation: incarnation.into(), number }
    }

    pub fn number(&self) -> u64 {
        crate::header::sequence(self.number)
    }
}

/// One entry of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub client: u16,
    pub incarnation: u64,
    pub number: u64,
    /// A piece of the session's stream, at least one byte.
    pub bytes: &'a [u8],
}

/// The checked bytes of a batch: a whole number of well-formed entries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a>(&'a [u8]);

impl<'a> Batch<'a> {
    /// The batch that decides nothing.
    pub const NOOP: Batch<'static> = Batch(&[]);

    /// `None` when the bytes are not a whole number of entries.
    pub fn parse(bytes: &'a [u8]) -> Option<Batch<'a>> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (header, after) = EntryHeader::ref_from_prefix(rest).ok()?;
            let length = usize::from(header.length.get());
            if length == 0 {
                return None;
            }
            rest = after.get(length..)?;
        }
        Some(Batch(bytes))
    }

    pub fn entries(self) -> Entries<'a> {
        Entries(self.0)
    }

    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    pub fn is_noop(self) -> bool {
        self.0.is_empty()
    }
}

/// `C1#0 64 B, C2#5 12 B`, or `no-op`.
impl fmt::Display for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_noop() {
            return f.write_str("no-op");
        }
        for (at, entry) in self.entries().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}C{}#{} {} B", entry.client, entry.number, entry.bytes.len())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// The entries of a batch, in order.
#[derive(Clone)]
pub struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        // The batch was checked as a whole when it was parsed, so both steps succeed until the end.
        let (header, after) = EntryHeader::ref_from_prefix(self.0).ok()?;
        let (bytes, rest) = after.split_at_checked(header.length.get().into())?;
        self.0 = rest;
        let (client, incarnation) = (header.client.get(), header.incarnation.get());
        Some(Entry { client, incarnation, number: header.number(), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::IntoBytes;

    fn batch(entries: &[(u16, u64, u64, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(client, incarnation, number, piece) in entries {
            bytes.extend_from_slice(EntryHeader::new(client, incarnation, number, piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
        }
        bytes
    }

    #[test]
    fn entries_come_back_in_order() {
        let bytes = batch(&[(1, 7, 0, b"a\n"), (65535, u64::MAX, (1 << 48) - 1, b"bc\nd")]);
        let batch = Batch::parse(&bytes).unwrap();
        let entries: Vec<_> = batch.entries().collect();
        assert_eq!(entries[0], Entry { client: 1, incarnation: 7, number: 0, bytes: b"a\n" });
        assert_eq!(entries[1].number, (1 << 48) - 1);
        assert_eq!(entries[1].bytes, b"bc\nd");
        assert_eq!(entries.len(), 2);
        assert_eq!(batch.to_string(), "C1#0 2 B, C65535#281474976710655 4 B");
    }

    #[test]
    fn an_empty_batch_is_a_noop() {
        assert!(Batch::parse(&[]).unwrap().is_noop());
        assert_eq!(Batch::NOOP.to_string(), "no-op");
        assert_eq!(Batch::NOOP.entries().count(), 0);
    }

    #[test]
    fn cut_or_empty_entries_are_refused() {
        let bytes = batch(&[(1, 7, 0, b"hello\n"), (2, 8, 1, b"x")]);
        for cut in 1..bytes.len() {
            let whole_first = cut == ENTRY_OVERHEAD + 6;
            assert_eq!(Batch::parse(&bytes[..cut]).is_some(), whole_first, "cut at {cut}");
        }
        let mut empty = batch(&[(1, 7, 0, b"x")]);
        empty[3] = 0;
        assert_eq!(Batch::parse(&empty), None);
    }
}
