//! The classic format: a header of 24 bytes, then per frame a header of 16 bytes and the frame.
//!
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html>

use super::input::Input;
use super::{Error, LinkType, Note, Order, RECORD_MAX, Record};
use std::io::Read;

const HEADER_LEN: usize = 24;
/// The link type shares its field with flags about frame check sequences.
const LINK_MASK: u32 = 0x03FF_FFFF;

/// What the first four bytes tell.
#[derive(Clone, Copy)]
pub struct Flavour {
    order: Order,
    /// How long the unit of the second half of a time is, ns.
    tick_ns: i64,
    /// Bytes of the header of a frame.
    record_header: usize,
}

impl Flavour {
    /// The flavour of a file that begins with `first`, if it is a pcap file.
    pub fn recognise(first: &[u8]) -> Option<Flavour> {
        let first = first.first_chunk()?;
        [(Order::Little, u32::from_le_bytes(*first)), (Order::Big, u32::from_be_bytes(*first))]
            .into_iter()
            .find_map(|(order, magic)| match magic {
                0xA1B2_C3D4 => Some(Flavour { order, tick_ns: 1000, record_header: 16 }),
                0xA1B2_3C4D => Some(Flavour { order, tick_ns: 1, record_header: 16 }),
                // Written by some old Linux systems: 8 more bytes, about the interface.
                0xA1B2_CD34 => Some(Flavour { order, tick_ns: 1000, record_header: 24 }),
                _ => None,
            })
    }
}

/// A pcap file, behind its header.
pub struct Pcap {
    flavour: Flavour,
    link: LinkType,
}

impl Pcap {
    /// Takes the header off the input.
    ///
    /// # Errors
    /// Besides what reading may meet: a link type that we cannot read, for then there is nothing to come.
    pub fn open(input: &mut Input<impl Read>) -> Result<Pcap, Error> {
        let header = input.take(HEADER_LEN)?;
        let flavour = Flavour::recognise(header).ok_or_else(|| Error::not_a_capture(header))?;
        let link = LinkType(flavour.order.u32(header, 20) & LINK_MASK);
        if !link.is_supported() {
            return Err(Error::Link { link, frames: 0 });
        }
        Ok(Pcap { flavour, link })
    }

    /// The next frame, or none where the file ends.
    pub fn next<'a>(&mut self, input: &'a mut Input<impl Read>) -> Result<Option<Record<'a>>, Error> {
        let Flavour { order, tick_ns, record_header } = self.flavour;
        if !input.begin_record()? {
            return Ok(None);
        }
        let at = input.record_at();
        let header = input.take(record_header)?;
        let [seconds, ticks, length, original] = [0, 4, 8, 12].map(|field| order.u32(header, field));
        let length = length as usize;
        if length > RECORD_MAX {
            return Err(Error::Damaged { at, what: super::too_long("a frame", length) });
        }
        Ok(Some(Record {
            time_ns: i64::from(seconds) * 1_000_000_000 + i64::from(ticks) * tick_ns,
            link: self.link,
            bytes: input.take(length)?,
            missing: (original as usize).saturating_sub(length),
            note: Note::default(),
        }))
    }
}
