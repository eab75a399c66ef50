//! Reads captures: from a file to the datagrams of ours in it, one pass, in constant memory.
//!
//! ```text
//! Read ─► Input ─► pcap | pcapng ─► Record ─► link ─► datagram ─► Datagram, or counted in Tally
//!         buffer   file format      frame     type    IP, UDP, magic
//! ```
//!
//! No bytes in a file can make this panic, or allocate more than [`RECORD_MAX`] and
//! `pcapng::INTERFACES_MAX` allow: every length that a file states is checked before it is believed.
//!
//! The file formats are read here and not by the crate pcap-parser, because that one hides I/O errors and the
//! place of a cut, must hold in memory what we skip, and errs about time resolutions in powers of two, time
//! offsets in big endian and simple packets cut by a snap length.

mod datagram;
mod error;
mod input;
mod link;
mod pcap;
mod pcapng;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
pub mod write;

pub use datagram::{Cause, Datagram, Note, Truncated};
pub use error::Error;
pub use link::LinkType;
pub use write::Direction;

use datagram::Sorted;
use input::Input;
use std::io::Read;

/// The longest record of a packet, bytes. The largest snap length that libpcap and Wireshark write for the
/// link types we read is 256 KiB; a length beyond this means that the file is damaged.
pub const RECORD_MAX: usize = 1 << 20;

/// A capture: an iterator of the datagrams that begin with our magic, in the order of the file.
///
/// After the first error it ends, unless the reader only said that there is nothing to read yet
/// ([`Error::is_pending`]): then it can be asked again. Frames of link types that we cannot read are an error
/// at the end only, because a capture of several interfaces may hold some that nobody cares for.
pub struct Capture<R> {
    input: Input<R>,
    /// Known from the first bytes.
    format: Option<Format>,
    tally: Tally,
    /// Frames up to here.
    frames: u64,
    unreadable: Option<Error>,
    ended: bool,
}

/// What a capture holds besides our datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames without a datagram of ours: other protocols, IPv6, other programs.
    pub foreign: u64,
    /// IPv4 fragments of UDP datagrams: first ones of ours, and later ones, which do not show whose they are.
    pub fragments: u64,
    /// Frames that the capture cut: datagrams of ours, and frames cut before it shows whose they are.
    pub truncated: u64,
}

impl std::ops::Add for Tally {
    type Output = Tally;

    fn add(self, other: Tally) -> Tally {
        Tally {
            foreign: self.foreign + other.foreign,
            fragments: self.fragments + other.fragments,
            truncated: self.truncated + other.truncated,
        }
    }
}

impl<R: Read> Capture<R> {
    pub fn new(input: R) -> Capture<R> {
        let (input, tally) = (Input::new(input), Tally::default());
        Capture { input, format: None, tally, frames: 0, unreadable: None, ended: false }
    }

    pub fn reader(&mut self) -> &mut R {
        self.input.reader()
    }

    /// The counts up to here.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The next datagram. `spare` is room for its bytes, to be used again.
    pub fn next_with(&mut self, spare: &mut Vec<u8>) -> Option<Result<Datagram, Error>> {
        if self.ended {
            return None;
        }
        let next = self.next_datagram(spare).transpose();
        match &next {
            Some(Ok(_)) => {}
            Some(Err(error)) if error.is_pending() => self.input.rewind(),
            _ => self.ended = true,
        }
        next
    }

    fn next_datagram(&mut self, spare: &mut Vec<u8>) -> Result<Option<Datagram>, Error> {
        let format = match &mut self.format {
            Some(format) => format,
            none => none.insert(Format::recognise(&mut self.input)?),
        };
        loop {
            let record = match format {
                Format::Pcap(pcap) => pcap.next(&mut self.input)?,
                Format::PcapNg(pcapng) => pcapng.next(&mut self.input)?,
            };
            let Some(record) = record else {
                return self.unreadable.take().map_or(Ok(None), Err);
            };
            self.frames += 1;
            if !record.link.is_supported() {
                let seen = self.unreadable.get_or_insert(Error::Link { link: record.link, frames: 0 });
                if let Error::Link { frames, .. } = seen {
                    *frames += 1;
                }
                continue;
            }
            match Sorted::from(&record, spare) {
                Sorted::Ours(mut datagram) => {
                    datagram.frame = self.frames;
                    match datagram.truncated.map(|truncated| truncated.cause) {
                        Some(Cause::Capture) => self.tally.truncated += 1,
                        Some(Cause::Fragmentation) => self.tally.fragments += 1,
                        None => {}
                    }
                    return Ok(Some(datagram));
                }
                Sorted::Foreign => self.tally.foreign += 1,
                Sorted::Fragment => self.tally.fragments += 1,
                Sorted::Cut => self.tally.truncated += 1,
            }
        }
    }
}

impl<R: Read> Iterator for Capture<R> {
    type Item = Result<Datagram, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(&mut Vec::new())
    }
}

enum Format {
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
}

impl Format {
    fn recognise(input: &mut Input<impl Read>) -> Result<Format, Error> {
        let first = input.peek(error::FIRST_BYTES)?;
        if first.is_empty() {
            Err(Error::Empty)
        } else if first.starts_with(&pcapng::SECTION.to_be_bytes()) {
            Ok(Format::PcapNg(pcapng::PcapNg::default()))
        } else if pcap::Flavour::recognise(first).is_some() {
            pcap::Pcap::open(input).map(Format::Pcap)
        } else {
            Err(Error::not_a_capture(first))
        }
    }
}

/// What is said of a record that is longer than [`RECORD_MAX`].
fn too_long(kind: &str, length: usize) -> String {
    format!("{kind} of {length} bytes, more than the {RECORD_MAX} of any real one")
}

/// A frame as the file holds it.
struct Record<'a> {
    /// Since 1970, ns.
    time_ns: i64,
    link: LinkType,
    bytes: &'a [u8],
    /// How many bytes of the frame the capture left out, at its end.
    missing: usize,
    note: Note,
}

/// The order of bytes in numbers that a file states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    /// The number at `at` of `bytes`.
    ///
    /// # Panics
    /// When `bytes` ends before it, and so in the other two: callers know that it does not.
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        self.pick(field(bytes, at), u16::from_le_bytes, u16::from_be_bytes)
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        self.pick(field(bytes, at), u32::from_le_bytes, u32::from_be_bytes)
    }

    fn i64(self, bytes: &[u8], at: usize) -> i64 {
        self.pick(field(bytes, at), i64::from_le_bytes, i64::from_be_bytes)
    }

    fn pick<const N: usize, T>(self, field: [u8; N], little: fn([u8; N]) -> T, big: fn([u8; N]) -> T) -> T {
        match self {
            Order::Little => little(field),
            Order::Big => big(field),
        }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}
