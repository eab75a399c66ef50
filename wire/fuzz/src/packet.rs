//! Any bytes as packets.

use wire::{Batch, Body, HEADER_LEN, Kind, Layout, MAGIC, PACKET_MAX, Packet, Refusal, Role, Stamp, VERSION};
use zerocopy::IntoBytes;

/// Where the header has what this file makes right.
const KIND_AT: usize = 3;
const LENGTH_AT: usize = 4;
const ROLE_AT: usize = 6;
const FLAGS_AT: usize = 7;
const TAG_AT: usize = 32;

/// No packet of ours is told in more than this, bytes: the longest has a batch of 480 entries.
const LINE_MAX: usize = 64 << 10;
/// A refusal is one short sentence.
const REFUSAL_MAX: usize = 100;

/// Bytes either are a packet, print as one line and come out as they went in; or are refused with a reason.
///
/// The first byte says how much is made right before: nothing; or magic, version, length and tag, so that
/// what comes behind them is read; or kind, role and flags as well.
pub fn packet(bytes: &[u8]) {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    let mut bytes = bytes.to_vec();
    make_right_by(mode, &mut bytes);
    datagram(&bytes);
    whole(&bytes);
}

/// Makes right what the mode says, see [`packet`].
pub fn make_right_by(mode: u8, bytes: &mut [u8]) {
    if mode % 4 > 1
        && let Some(header) = bytes.get_mut(..HEADER_LEN)
    {
        let kind = Kind::ALL[usize::from(header[KIND_AT]) % Kind::ALL.len()];
        let senders: Vec<Role> = Role::ALL.into_iter().filter(|role| kind.sent_by(*role)).collect();
        header[KIND_AT] = kind as u8;
        header[ROLE_AT] = senders[usize::from(header[ROLE_AT]) % senders.len()] as u8;
        header[FLAGS_AT] &= kind.flags();
    }
    if !mode.is_multiple_of(4) {
        make_right(bytes);
    }
}

/// Makes magic, version, length and tag those of the rest, if there is a header.
pub fn make_right(bytes: &mut [u8]) {
    let Ok(length) = u16::try_from(bytes.len()) else { return };
    if bytes.len() >= HEADER_LEN {
        bytes[..KIND_AT].copy_from_slice(&[MAGIC[0], MAGIC[1], VERSION]);
        bytes[LENGTH_AT..ROLE_AT].copy_from_slice(&length.to_be_bytes());
        let tag = wire::tag(bytes);
        bytes[TAG_AT..HEADER_LEN].copy_from_slice(&tag);
    }
}

/// Splitting loses nothing and makes no crumbs.
fn datagram(bytes: &[u8]) {
    let pieces: Vec<&[u8]> = wire::split(bytes).collect();
    assert_eq!(pieces.concat(), bytes);
    if let Some((_, before)) = pieces.split_last() {
        assert!(before.iter().all(|piece| piece.len() >= HEADER_LEN));
    }
    if pieces.len() > 1 {
        pieces.into_iter().for_each(whole);
    }
}

fn whole(bytes: &[u8]) {
    match Packet::parse(bytes) {
        Ok(packet) => good(bytes, &packet),
        Err(refusal) => {
            assert!(refusal.index() < Refusal::COUNT);
            is_line(&refusal.to_string(), REFUSAL_MAX);
        }
    }
}

fn good(bytes: &[u8], packet: &Packet<'_>) {
    assert!(bytes.len() <= PACKET_MAX);
    is_line(&packet.to_string(), LINE_MAX);
    look(&packet.body);
    super::capture::alone(bytes);
    let mut again = [0; PACKET_MAX];
    let length = seal(&mut again, packet);
    assert_eq!(&again[..length], bytes, "{packet} is sealed to other bytes than it came in");
    // One damaged bit anywhere is found. Which one differs from packet to packet.
    let bit = usize::from(u16::from_be_bytes([bytes[TAG_AT], bytes[TAG_AT + 1]])) % (8 * length);
    again[bit / 8] ^= 1 << (bit % 8);
    assert!(Packet::parse(&again[..length]).is_err(), "{packet} is accepted with bit {bit} flipped");
}

fn is_line(text: &str, most: usize) {
    assert!(text.len() <= most, "a line of {} bytes", text.len());
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?} is not one line of plain text");
}

/// The same packet, made anew of what was read.
fn seal(buffer: &mut [u8], packet: &Packet<'_>) -> usize {
    let layout = Layout { packet: PACKET_MAX, cluster: packet.header.cluster.get(), trailer: 0 };
    let stamp = Stamp {
        sequence: packet.header.sequence(),
        log: packet.header.log.get(),
        flags: packet.header.flags,
    };
    let sender = packet.sender;
    match packet.body {
        Body::Hello(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Submit(body, piece) => wire::seal(buffer, layout, sender, stamp, body, &[piece]),
        Body::Ack(body, acks) => wire::seal(buffer, layout, sender, stamp, body, &[acks.as_bytes()]),
        Body::Phase1a(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Phase1b(body, lives, runs) => {
            wire::seal(buffer, layout, sender, stamp, body, &[lives.as_bytes(), runs.as_bytes()])
        }
        Body::Phase2a(body, batch) => wire::seal(buffer, layout, sender, stamp, body, &[batch.as_bytes()]),
        Body::Phase2b(body, lives, ranges) => {
            wire::seal(buffer, layout, sender, stamp, body, &[lives.as_bytes(), ranges.as_bytes()])
        }
        Body::Nack(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Heartbeat(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Watermark(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::CatchUp(body, ranges) => wire::seal(buffer, layout, sender, stamp, body, &[ranges.as_bytes()]),
        Body::Fetch(body, ranges) => wire::seal(buffer, layout, sender, stamp, body, &[ranges.as_bytes()]),
        Body::Value(body, batch) => wire::seal(buffer, layout, sender, stamp, body, &[batch.as_bytes()]),
        Body::Report(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Join(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Helped(body, lives) => wire::seal(buffer, layout, sender, stamp, body, &[lives.as_bytes()]),
        Body::Over(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::ProcessStatus(body) => wire::seal(buffer, layout, sender, stamp, body, &[]),
        Body::Probe(body, filling) => wire::seal(buffer, layout, sender, stamp, body, &[filling]),
        Body::Tally(body, heard) => wire::seal(buffer, layout, sender, stamp, body, &[heard.as_bytes()]),
        Body::Found(body, members) => wire::seal(buffer, layout, sender, stamp, body, &[members.as_bytes()]),
    }
}

/// Behind a check nothing can fail: every accessor may be called.
fn look(body: &Body<'_>) {
    match body {
        Body::Ack(_, acks) => {
            for ack in acks.iter() {
                let top = ack.top();
                assert!(ack.status().is_some() && top >= ack.received_until.get());
                assert!(!ack.has(top) && (top == 0 || ack.has(top - 1) || top == ack.received_until.get()));
            }
        }
        Body::Phase1b(body, lives, runs) => {
            assert_eq!(lives.len(), usize::from(body.lives.get()));
            let mut end = body.from.get();
            for run in runs.iter() {
                let range = run.range();
                assert!(!range.is_empty() && range.first >= end && range.until <= body.until.get());
                end = range.until;
            }
        }
        Body::Phase2a(_, batch) | Body::Value(_, batch) => entries(*batch),
        Body::Phase2b(_, _, ranges) | Body::CatchUp(_, ranges) | Body::Fetch(_, ranges) => {
            let ranges: Vec<wire::Range> = wire::RangeRecord::all(ranges).collect();
            assert!(ranges.iter().all(|range| !range.is_empty()));
            assert!(ranges.windows(2).all(|pair| pair[0].until < pair[1].first));
        }
        _ => {}
    }
}

/// The entries are all of a batch.
fn entries(batch: Batch<'_>) {
    let length: usize = batch.entries().map(|entry| wire::ENTRY_OVERHEAD + entry.bytes.len()).sum();
    assert_eq!(length, batch.as_bytes().len());
    assert!(batch.entries().all(|entry| !entry.bytes.is_empty() && entry.number < 1 << 48));
    assert_eq!(batch.is_noop(), batch.entries().next().is_none());
}
