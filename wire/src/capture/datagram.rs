//! From a frame to a datagram of ours, or to the reason why it is none.

use super::{Direction, Record};
use crate::header::{MAGIC_ENCRYPTED, MAGIC_SEALED};
use etherparse::err::packet::SliceError;
use etherparse::{IpNumber, LaxIpv4Slice, LaxNetSlice, LaxSlicedPacket, LenSource, TransportSlice, UdpSlice};
use std::fmt;
use std::net::SocketAddrV4;
use std::sync::Arc;

/// A UDP datagram that begins with our magic, or that came to a process which refused it. It holds one packet or a
/// run of them, see [`crate::split`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// When it was captured, ns since 1970. Not always rising: the kernel does not tell in order.
    pub time_ns: i64,
    /// The number of its frame in the file, from 1 on, as other tools count them.
    pub frame: u64,
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    /// The payload of UDP.
    pub bytes: Vec<u8>,
    /// Whether the end of `bytes` is missing.
    pub truncated: Option<Truncated>,
    pub note: Note,
}

/// What a capture says of a packet beside its bytes. A trace that a process wrote says all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Whose trace this is: `A2`.
    pub process: Option<Arc<str>>,
    pub direction: Option<Direction>,
    /// Why it was refused or not sent, and what happened before it.
    pub comment: Option<String>,
}

/// How much of a datagram is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated {
    pub cause: Cause,
    /// Bytes that are there, and bytes that were sent.
    pub captured: usize,
    pub sent: usize,
}

/// Why a datagram is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The frame is cut, by the snap length, or its headers say more than it holds.
    Capture,
    /// This is the first of several IP fragments.
    Fragmentation,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Truncated { captured, sent, .. } = self;
        match self.cause {
            Cause::Capture => write!(f, "truncated by the capture: {captured} of {sent} bytes"),
            Cause::Fragmentation => write!(f, "first of several IP fragments: {captured} of {sent} bytes"),
        }
    }
}

/// A frame, sorted by what is in it.
pub enum Sorted {
    Ours(Datagram),
    /// Something else.
    Foreign,
    /// A fragment of a UDP datagram that does not show whose it is.
    Fragment,
    /// The capture cut it before it shows whose it is.
    Cut,
}

impl Sorted {
    /// `spare` is room for the bytes of a datagram of ours, to be used again.
    pub fn from(record: &Record, spare: &mut Vec<u8>) -> Sorted {
        let unknown = if record.missing > 0 { Sorted::Cut } else { Sorted::Foreign };
        let Some((ether_type, bytes)) = record.link.network(record.bytes) else {
            return unknown;
        };
        // Lax: lengths in the headers may be zero or larger than what is there. So it is with segments that
        // the kernel joined, and with cut frames.
        let sliced = LaxSlicedPacket::from_ether_type(ether_type, bytes);
        match (&sliced.net, &sliced.transport, &sliced.stop_err) {
            (Some(LaxNetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp)), _) => {
                datagram(record, ip, udp, spare)
            }
            (Some(LaxNetSlice::Ipv4(ip)), None, _) if is_udp_fragment(ip) => fragment(record, ip, spare),
            (_, _, Some((SliceError::Len(_), _))) => unknown,
            _ => Sorted::Foreign,
        }
    }
}

fn is_udp_fragment(ip: &LaxIpv4Slice) -> bool {
    ip.payload().fragmented && ip.payload().ip_number == IpNumber::UDP
}

/// Only the first fragment has a UDP header and our magic.
fn fragment(record: &Record, ip: &LaxIpv4Slice, spare: &mut Vec<u8>) -> Sorted {
    if ip.header().fragments_offset().value() > 0 {
        return Sorted::Fragment;
    }
    match UdpSlice::from_slice_lax(ip.payload().payload) {
        Ok(udp) => datagram(record, ip, &udp, spare),
        Err(_) => Sorted::Fragment,
    }
}

/// Whether these bytes begin as a packet of ours, sealed or not.
pub(super) fn begins_as_ours(bytes: &[u8]) -> bool {
    [crate::MAGIC, MAGIC_SEALED, MAGIC_ENCRYPTED].iter().any(|magic| bytes.starts_with(magic))
}

fn datagram(record: &Record, ip: &LaxIpv4Slice, udp: &UdpSlice, spare: &mut Vec<u8>) -> Sorted {
    let bytes = udp.payload();
    let captured = bytes.len();
    let sent = match usize::from(udp.length()).checked_sub(8) {
        Some(length) => length.max(captured),
        // UDP does not say, so the link does; what follows an IP packet that is whole is padding.
        None if ip.payload().len_source == LenSource::Slice => captured + record.missing,
        None => captured,
    };
    let fragmented = ip.payload().fragmented && !ip.payload().incomplete;
    let cause = if fragmented { Cause::Fragmentation } else { Cause::Capture };
    let truncated = (sent > captured).then_some(Truncated { cause, captured, sent });
    let refused = record.note.process.is_some() && record.note.comment.is_some();
    if !begins_as_ours(bytes) && !refused {
        let may_be = truncated.is_some() && bytes.len() < 2 && crate::MAGIC.starts_with(bytes);
        return match cause {
            Cause::Capture if may_be => Sorted::Cut,
            Cause::Fragmentation if may_be => Sorted::Fragment,
            _ => Sorted::Foreign,
        };
    }
    let mut room = std::mem::take(spare);
    room.clear();
    room.extend_from_slice(bytes);
    Sorted::Ours(Datagram {
        time_ns: record.time_ns,
        frame: 0,
        source: SocketAddrV4::new(ip.header().source_addr(), udp.source_port()),
        destination: SocketAddrV4::new(ip.header().destination_addr(), udp.destination_port()),
        bytes: room,
        truncated,
        note: record.note.clone(),
    })
}
