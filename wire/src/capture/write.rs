//! Writes traces: the blocks of a pcapng file, as the processes themselves leave it.
//!
//! A trace is a section, one interface, which is the process, and a packet after the other: raw IPv4 with headers made
//! here, for a socket does not show those that came. Times are nanoseconds since 1970. All is little endian.
//!
//! Blocks are appended to a vector, whose capacity is the caller's care: nothing else here asks for memory.

use super::LinkType;
use super::pcapng::{BYTE_ORDER, ENHANCED_PACKET, FILLER, INTERFACE, SECTION, STATISTICS, option};
use std::net::SocketAddrV4;

/// By this an application's name begins that writes traces of a process.
pub const APPLICATION: &str = "paxos";
/// Bytes of the IPv4 and UDP headers of every packet.
pub const HEADERS: usize = 28;
/// Bytes of a comment at most; what is longer is cut.
pub const COMMENT_MAX: usize = 400;
/// Bytes that a packet's block has at most beside the packet and its headers.
pub const PACKET_OVERHEAD: usize = 12 + 20 + 3 + 8 + 4 + (4 + COMMENT_MAX);
/// Bytes of a block of statistics at most.
pub const STATISTICS_MAX: usize = 12 + 12 + 2 * 12 + 4 + (4 + COMMENT_MAX);
/// Bytes of the shortest filler.
pub const FILLER_MIN: usize = 12;

/// Which way a packet went, seen from the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// A packet's way and time.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// Since 1970, ns.
    pub time_ns: u64,
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub direction: Direction,
}

/// Begins a file.
pub fn section(file: &mut Vec<u8>, application: &str) {
    block(file, SECTION, |file| {
        put(file, &BYTE_ORDER.to_le_bytes());
        put(file, &[1, 0, 0, 0]); // version 1.0
        put(file, &u64::MAX.to_le_bytes()); // of unknown length
        text(file, option::APPLICATION, application);
        end_of_options(file);
    });
}

/// Describes the process, interface 0. `snap`: bytes of a packet that are kept, its headers included; 0: all.
pub fn interface(file: &mut Vec<u8>, name: &str, description: &str, snap: usize) {
    block(file, INTERFACE, |file| {
        put(file, &(LinkType::IPV4.0 as u16).to_le_bytes());
        put(file, &[0; 2]);
        put(file, &(snap as u32).to_le_bytes());
        text(file, option::INTERFACE_NAME, name);
        text(file, option::INTERFACE_DESCRIPTION, description);
        head(file, option::RESOLUTION, 1);
        put(file, &[9, 0, 0, 0]); // 10^-9 s
        end_of_options(file);
    });
}

/// Adds a packet, cut to `snap` bytes, its headers included, unless that is 0. An empty comment is none.
///
/// # Panics
/// When `bytes` is longer than UDP over IPv4 can carry, or `snap` leaves not even the headers.
pub fn packet(file: &mut Vec<u8>, passage: &Passage, bytes: &[u8], snap: usize, comment: &str) {
    let original = HEADERS + bytes.len();
    assert!(original <= usize::from(u16::MAX) && (snap == 0 || snap >= HEADERS));
    let captured = if snap == 0 { original } else { original.min(snap) };
    let comment = shortened(comment);
    let comment_bytes = if comment.is_empty() { 0 } else { 4 + comment.len().next_multiple_of(4) };
    let length = 12 + 20 + captured.next_multiple_of(4) + 8 + comment_bytes + 4;
    let mut front = [0; 28 + HEADERS];
    let (fields, ip) = front.split_at_mut(28);
    let field = [
        ENHANCED_PACKET,
        length as u32,
        0,
        (passage.time_ns >> 32) as u32,
        passage.time_ns as u32,
        captured as u32,
        original as u32,
    ];
    for (to, field) in fields.chunks_exact_mut(4).zip(field) {
        to.copy_from_slice(&field.to_le_bytes());
    }
    headers(ip, passage, original as u16);
    put(file, &front);
    put(file, &bytes[..captured - HEADERS]);
    pad(file, captured);
    let inbound = passage.direction == Direction::In;
    // The lowest two bits say which way it went, the next three how it was addressed.
    let flags: u32 =
        if inbound { 1 } else { 2 } | if passage.to.ip().is_multicast() { 2 << 2 } else { 1 << 2 };
    let mut back = [0; 16];
    back[..2].copy_from_slice(&option::FLAGS.to_le_bytes());
    back[2] = 4;
    back[4..8].copy_from_slice(&flags.to_le_bytes());
    back[12..].copy_from_slice(&(length as u32).to_le_bytes());
    if comment.is_empty() {
        put(file, &back); // the end of options is zeros
    } else {
        put(file, &back[..8]);
        text(file, option::COMMENT, comment);
        put(file, &back[8..]);
    }
}

/// Adds the counts of packets that came and of datagrams that the kernel dropped, since the start. An empty
/// comment is none.
pub fn statistics(file: &mut Vec<u8>, time_ns: u64, received: u64, dropped: u64, comment: &str) {
    block(file, STATISTICS, |file| {
        put(file, &[0; 4]); // interface 0
        put(file, &((time_ns >> 32) as u32).to_le_bytes());
        put(file, &(time_ns as u32).to_le_bytes());
        for (code, count) in [(option::RECEIVED, received), (option::DROPPED, dropped)] {
            head(file, code, 8);
            put(file, &count.to_le_bytes());
        }
        if !comment.is_empty() {
            text(file, option::COMMENT, shortened(comment));
        }
        end_of_options(file);
    });
}

/// Adds a block of `length` bytes that says nothing, so that what follows lies where it must.
///
/// # Panics
/// When `length` is less than [`FILLER_MIN`] or no multiple of 4.
pub fn filler(file: &mut Vec<u8>, length: usize) {
    assert!(length >= FILLER_MIN && length.is_multiple_of(4));
    block(file, FILLER, |file| file.resize(file.len() + length - FILLER_MIN, 0));
}

/// The headers that a packet of `length` bytes, them included, has on its way.
fn headers(ip: &mut [u8], passage: &Passage, length: u16) {
    ip[0] = 0x45; // version 4, 5 words
    ip[2..4].copy_from_slice(&length.to_be_bytes());
    ip[6] = 0x40; // not to be fragmented
    ip[8] = 64; // hops; how many it really had a socket does not show
    ip[9] = 17; // UDP
    ip[12..16].copy_from_slice(&passage.from.ip().octets());
    ip[16..20].copy_from_slice(&passage.to.ip().octets());
    let word = |pair: &[u8]| u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    let sum: u32 = ip[..20].chunks_exact(2).map(word).sum();
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let checksum = !(((sum & 0xFFFF) + (sum >> 16)) as u16);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    ip[20..22].copy_from_slice(&passage.from.port().to_be_bytes());
    ip[22..24].copy_from_slice(&passage.to.port().to_be_bytes());
    ip[24..26].copy_from_slice(&(length - 20).to_be_bytes());
    // The checksum of UDP stays 0, which says that there is none.
}

fn block(file: &mut Vec<u8>, kind: u32, content: impl FnOnce(&mut Vec<u8>)) {
    let at = file.len();
    put(file, &kind.to_le_bytes());
    put(file, &[0; 4]);
    content(file);
    let length = ((file.len() - at + 4) as u32).to_le_bytes();
    put(file, &length);
    file[at + 4..at + 8].copy_from_slice(&length);
}

fn text(file: &mut Vec<u8>, code: u16, text: &str) {
    head(file, code, text.len() as u16);
    put(file, text.as_bytes());
    pad(file, text.len());
}

fn head(file: &mut Vec<u8>, code: u16, length: u16) {
    put(file, &code.to_le_bytes());
    put(file, &length.to_le_bytes());
}

fn end_of_options(file: &mut Vec<u8>) {
    put(file, &[0; 4]);
}

fn pad(file: &mut Vec<u8>, length: usize) {
    if !length.is_multiple_of(4) {
        put(file, &[0; 3][..4 - length % 4]);
    }
}

fn put(file: &mut Vec<u8>, bytes: &[u8]) {
    file.extend_from_slice(bytes);
}

fn shortened(comment: &str) -> &str {
    let mut end = comment.len().min(COMMENT_MAX);
    while !comment.is_char_boundary(end) {
        end -= 1;
    }
    &comment[..end]
}

#[cfg(test)]
mod tests {
    use super::super::samples::packet as sample;
    use super::super::{Capture, Note, Tally};
    use super::*;
    use crate::Packet;

    fn passage(direction: Direction) -> Passage {
        let address = |text: &str| text.parse().expect("an address");
        let (from, to) = (address("127.0.0.1:5000"), address("239.0.0.1:7000"));
        Passage { time_ns: 1_800_000_000_123_456_789, from, to, direction }
    }

    fn begun(snap: usize) -> Vec<u8> {
        let mut file = Vec::new();
        section(&mut file, "paxos 0.1.0");
        interface(&mut file, "A2", "acceptor 2, incarnation 1", snap);
        file
    }

    #[test]
    fn a_trace_is_read_back_with_process_direction_and_comments() {
        let mut file = begun(0);
        packet(&mut file, &passage(Direction::In), &sample(7), 0, "");
        packet(&mut file, &passage(Direction::Out), &sample(8), 0, "not sent: no route");
        statistics(&mut file, 1_800_000_000_123_456_790, 7, 3, "3 datagrams dropped");
        packet(&mut file, &passage(Direction::In), b"stranger", 0, "refused: not ours");
        let mut capture = Capture::new(&file[..]);
        let read: Vec<_> = capture.by_ref().map(|next| next.expect("it is whole")).collect();
        assert_eq!(capture.tally(), Tally::default());
        let note = |direction, comment: &str| Note {
            process: Some("A2".into()),
            direction: Some(direction),
            comment: (!comment.is_empty()).then(|| comment.into()),
        };
        assert_eq!(
            read.iter().map(|datagram| datagram.note.clone()).collect::<Vec<_>>(),
            [
                note(Direction::In, ""),
                note(Direction::Out, "not sent: no route"),
                note(Direction::In, "3 datagrams dropped; refused: not ours"),
            ]
        );
        for datagram in &read {
            assert_eq!(datagram.time_ns, 1_800_000_000_123_456_789);
            assert_eq!(
                (datagram.source.to_string(), datagram.destination.to_string(), datagram.truncated),
                ("127.0.0.1:5000".into(), "239.0.0.1:7000".into(), None)
            );
        }
        assert_eq!(Packet::parse(&read[0].bytes).map(|packet| packet.header.sequence()), Ok(7));
        assert_eq!(read[2].bytes, b"stranger");
    }

    #[test]
    fn the_headers_are_what_others_compute_too() {
        let mut file = Vec::new();
        packet(&mut file, &passage(Direction::In), &sample(7), 0, "");
        let ip = etherparse::Ipv4HeaderSlice::from_slice(&file[28..]).expect("a header");
        assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
        assert_eq!(usize::from(ip.total_len()), HEADERS + sample(7).len());
    }

    #[test]
    fn packets_are_cut_after_so_many_bytes_and_say_so() {
        let mut file = begun(64);
        packet(&mut file, &passage(Direction::In), &sample(7), 64, "");
        packet(&mut file, &passage(Direction::In), &sample(7)[..40], 0, "");
        let read: Vec<_> = Capture::new(&file[..]).map(Result::unwrap).collect();
        let truncated = read[0].truncated.expect("it is cut");
        assert_eq!((truncated.captured, truncated.sent), (64 - HEADERS, sample(7).len()));
        assert_eq!((read[1].bytes.len(), read[1].truncated), (40, None));
    }

    #[test]
    fn no_block_is_longer_than_is_promised_and_each_is_whole_words() {
        let comment = "ü".repeat(COMMENT_MAX);
        for length in 0..10 {
            let mut file = Vec::new();
            packet(&mut file, &passage(Direction::In), &[7; 10][..length], 0, &comment);
            assert!(file.len() <= PACKET_OVERHEAD + HEADERS + length && file.len() % 4 == 0);
        }
        let mut file = Vec::new();
        statistics(&mut file, 0, 0, 0, &comment);
        assert!(file.len() <= STATISTICS_MAX && file.len() % 4 == 0);
    }
}
