//! What several captures show, one packet after another, for tools that count or draw instead of printing.

use crate::capture::{Datagram, Note, Tally};
use crate::dump::{Filter, Host, Input, Merge};
use crate::{Header, Outline, Packet};
use std::net::SocketAddrV4;
use zerocopy::FromBytes;

/// A packet in a capture. The same packet may be sighted again: on several interfaces, in several captures.
pub struct Sighting<'a> {
    /// The number of the capture, in the order in which they were named.
    pub file: usize,
    /// Since the first datagram, ns. Negative where the clock of a file steps back.
    pub time_ns: i128,
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    /// Whether the filter wants it. The others tell who is there.
    pub wanted: bool,
    /// What the capture says of its datagram; of a datagram's packets, the first has it all.
    pub note: &'a Note,
    pub what: What<'a>,
}

/// What was sighted.
pub enum What<'a> {
    Packet(Packet<'a>),
    /// A packet whose end is missing, or whose key. What its header says nothing vouches for, as the tag cannot be checked.
    Cut(Cut),
    /// Cut within its header, so nothing is known of it.
    CutShort,
    Malformed,
}

/// What is left of a packet that was cut.
#[derive(Clone, Copy)]
pub struct Cut {
    pub outline: Outline,
    /// Bytes that are there, and bytes that the header claims.
    pub captured: usize,
    pub sent: usize,
}

impl Cut {
    fn of(bytes: &[u8]) -> Option<Cut> {
        let outline = Outline::of(bytes).filter(|outline| outline.kind.sent_by(outline.sender.role))?;
        let (header, _) = Header::ref_from_prefix(bytes).ok()?;
        Some(Cut { outline, captured: bytes.len(), sent: header.length.get().into() })
    }
}

/// Shows `see` every packet that the inputs hold, by time, and what is none if the filter wants it. Returns what else they
/// hold.
pub fn each(
    inputs: Vec<Input>,
    filter: &Filter,
    host: &mut dyn Host,
    mut see: impl FnMut(Sighting),
) -> Tally {
    let mut start_ns = None;
    Merge::new(inputs).each(host, |file, datagram| {
        let start = *start_ns.get_or_insert(datagram.time_ns);
        let time_ns = i128::from(datagram.time_ns) - i128::from(start);
        packets(file, time_ns, datagram, filter, &mut see);
    })
}

fn packets(file: usize, time_ns: i128, datagram: &Datagram, filter: &Filter, see: &mut impl FnMut(Sighting)) {
    let in_time = filter.wants_time(time_ns);
    let unsaid = Note { comment: None, ..datagram.note.clone() };
    let mut note = &datagram.note;
    let mut packets = crate::split(&datagram.bytes).peekable();
    while let Some(bytes) = packets.next() {
        let last = packets.peek().is_none();
        let (what, wanted) = match Packet::parse(bytes) {
            Ok(packet) => (What::Packet(packet), in_time && filter.wants(&packet)),
            Err(_) if datagram.truncated.is_some() && last => match Cut::of(bytes) {
                Some(cut) => (What::Cut(cut), in_time && filter.wants_truncated(Some(cut.outline))),
                None if in_time && filter.wants_truncated(None) => (What::CutShort, true),
                None => continue,
            },
            Err(refusal) if crate::dump::sealed(bytes, refusal).is_some() => match Cut::of(bytes) {
                Some(cut) => (What::Cut(cut), in_time && filter.wants_truncated(Some(cut.outline))),
                None => continue,
            },
            Err(_) if in_time && filter.wants_malformed() => (What::Malformed, true),
            Err(_) => continue,
        };
        let (source, destination) = (datagram.source, datagram.destination);
        see(Sighting { file, time_ns, source, destination, wanted, note, what });
        note = &unsaid;
    }
}
