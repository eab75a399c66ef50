//! A whole packet: the one way in ([`Packet::parse`]), the one way out ([`seal`]), the one printer.

use crate::header::{MAGIC_ENCRYPTED, MAGIC_SEALED, TAG_AT, TRAILER_LEN, sequence_field};
use crate::kinds::ack::{Ack, AckRecord};
use crate::kinds::catch_up::{CatchUp, Fetch};
use crate::kinds::heartbeat::Heartbeat;
use crate::kinds::hello::Hello;
use crate::kinds::nack::Nack;
use crate::kinds::phase1::{Phase1a, Phase1b, RUNS_MAX, Run};
use crate::kinds::phase2::{Phase2a, Phase2b};
use crate::kinds::probe::Probe;
use crate::kinds::rejoin::{Found, Helped, Join, Member, Over};
use crate::kinds::report::Report;
use crate::kinds::status::ProcessStatus;
use crate::kinds::submit::Submit;
use crate::kinds::tally::{HEARD_MAX, Heard, Tally};
use crate::kinds::value::Value;
use crate::kinds::watermark::Watermark;
use crate::kinds::{FixedBody, Kind, flags};
use crate::{
    Batch, ENTRY_OVERHEAD, HEADER_LEN, Header, LIVES_MAX, MAGIC, RANGES_MAX, RangeRecord, Refusal, Role,
    Sender, VERSION, tag,
};
use core::fmt;
use zerocopy::byteorder::big_endian::U64;
use zerocopy::{FromBytes, IntoBytes};

/// The longest packet of all, bytes: `mtu 9216` less IP and UDP headers.
pub const PACKET_MAX: usize = 9216 - 28;
/// The packet length of the smallest `mtu` allowed, 1280: every kind fits with a full tail of ranges or runs.
pub const PACKET_MIN: usize = 1280 - 28;

const _: () = assert!(
    HEADER_LEN
        + size_of::<Phase2b>()
        + LIVES_MAX * size_of::<U64>()
        + RANGES_MAX * size_of::<RangeRecord>()
        + TRAILER_LEN
        <= PACKET_MIN
);
const _: () = assert!(
    HEADER_LEN
        + size_of::<Phase1b>()
        + LIVES_MAX * size_of::<U64>()
        + RUNS_MAX * size_of::<Run>()
        + TRAILER_LEN
        <= PACKET_MIN
);
const _: () = assert!(HEADER_LEN + size_of::<Tally>() + HEARD_MAX * size_of::<Heard>() <= PACKET_MIN);
// A batch that was proposed must fit a repair, too: the same batch travels in 2a and in value packets.
const _: () = assert!(size_of::<Phase2a>() == size_of::<Value>());

/// Where the batch of a 2a or value packet begins.
pub const BATCH_AT: usize = HEADER_LEN + size_of::<Phase2a>();

/// What a process needs to know of packets: the cluster's values that stand in every header, and their room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The longest packet, bytes, its trailer included.
    pub packet: usize,
    /// Hash of the configuration that all must agree on.
    pub cluster: u32,
    /// Bytes behind each packet: [`TRAILER_LEN`] where packets are sealed, else 0.
    pub trailer: usize,
}

impl Layout {
    /// Whether packets are sealed with a key.
    pub const fn is_sealed(&self) -> bool {
        self.trailer > 0
    }

    /// Bytes of a 2a or value packet that carries a batch of `batch` bytes.
    pub const fn batch_packet(&self, batch: usize) -> usize {
        BATCH_AT + batch + self.trailer
    }

    /// Bytes of a batch that fit a packet.
    pub const fn batch_room(&self) -> usize {
        self.packet - self.batch_packet(0)
    }

    /// Bytes of an entry that fit a packet, when it is alone in its batch.
    pub const fn entry_room(&self) -> usize {
        self.batch_room() - ENTRY_OVERHEAD
    }
}

/// The checked body of a packet, by kind, with its tail.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Hello(&'a Hello),
    Submit(&'a Submit, &'a [u8]),
    Ack(&'a Ack, &'a [AckRecord]),
    Phase1a(&'a Phase1a),
    /// With the lives that the sender knows of, and the page.
    Phase1b(&'a Phase1b, &'a [U64], &'a [Run]),
    Phase2a(&'a Phase2a, Batch<'a>),
    /// With the lives that the sender knows of, and what it accepted.
    Phase2b(&'a Phase2b, &'a [U64], &'a [RangeRecord]),
    Nack(&'a Nack),
    Heartbeat(&'a Heartbeat),
    Watermark(&'a Watermark),
    CatchUp(&'a CatchUp, &'a [RangeRecord]),
    Fetch(&'a Fetch, &'a [RangeRecord]),
    Value(&'a Value, Batch<'a>),
    Report(&'a Report),
    Join(&'a Join),
    Helped(&'a Helped, &'a [U64]),
    Found(&'a Found, &'a [Member]),
    Over(&'a Over),
    ProcessStatus(&'a ProcessStatus),
    /// With its filling.
    Probe(&'a Probe, &'a [u8]),
    Tally(&'a Tally, &'a [Heard]),
}

/// A packet that passed every check.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    pub header: &'a Header,
    pub kind: Kind,
    pub sender: Sender,
    pub body: Body<'a>,
}

impl<'a> Packet<'a> {
    /// Checks `bytes` as a whole packet that is not sealed; one that is takes its key, see [`crate::sealing`].
    ///
    /// # Errors
    /// The first [`Refusal`] found, in the order of the fields; the tag is checked before anything that
    /// depends on a kind.
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Refusal> {
        let (header, body) = whole(bytes)?;
        if header.is_sealed() {
            return Err(Refusal::Sealed { key: crate::sealing::key_of(header) });
        }
        if header.tag != tag(bytes) {
            return Err(Refusal::Tag);
        }
        Packet::proven(header, body)
    }

    /// Checks a packet whose bytes are proven to be what was sent. `body` ends with its tail.
    pub(crate) fn proven(header: &'a Header, body: &'a [u8]) -> Result<Packet<'a>, Refusal> {
        let kind = Kind::from_wire(header.kind).ok_or(Refusal::Kind(header.kind))?;
        let role = Role::from_wire(header.role).ok_or(Refusal::Role(header.role))?;
        if !kind.sent_by(role) {
            return Err(Refusal::Sender { kind: kind.name(), role: role.name() });
        }
        if header.flags & !kind.flags() != 0 {
            return Err(Refusal::Reserved("flags"));
        }
        let sender = Sender { role, id: header.id.get(), incarnation: header.incarnation.get() };
        Ok(Packet { header, kind, sender, body: Body::parse(kind, body)? })
    }

    pub fn has(&self, flag: u8) -> bool {
        self.header.flags & flag != 0
    }
}

impl<'a> Body<'a> {
    fn parse(kind: Kind, bytes: &'a [u8]) -> Result<Body<'a>, Refusal> {
        Ok(match kind {
            Kind::Hello => Body::Hello(Hello::parse(bytes)?),
            Kind::Submit => Submit::parse(bytes).map(|(body, piece)| Body::Submit(body, piece))?,
            Kind::Ack => Ack::parse(bytes).map(|(body, acks)| Body::Ack(body, acks))?,
            Kind::Phase1a => Body::Phase1a(Phase1a::parse(bytes)?),
            Kind::Phase1b => {
                Phase1b::parse(bytes).map(|(body, lives, runs)| Body::Phase1b(body, lives, runs))?
            }
            Kind::Phase2a => Phase2a::parse(bytes).map(|(body, batch)| Body::Phase2a(body, batch))?,
            Kind::Phase2b => {
                Phase2b::parse(bytes).map(|(body, lives, ranges)| Body::Phase2b(body, lives, ranges))?
            }
            Kind::Nack => Body::Nack(Nack::parse(bytes)?),
            Kind::Heartbeat => Body::Heartbeat(Heartbeat::parse(bytes)?),
            Kind::Watermark => Body::Watermark(Watermark::parse(bytes)?),
            Kind::CatchUp => CatchUp::parse(bytes).map(|(body, ranges)| Body::CatchUp(body, ranges))?,
            Kind::Fetch => Fetch::parse(bytes).map(|(body, ranges)| Body::Fetch(body, ranges))?,
            Kind::Value => Value::parse(bytes).map(|(body, batch)| Body::Value(body, batch))?,
            Kind::Report => Body::Report(Report::parse(bytes)?),
            Kind::Join => Body::Join(Join::parse(bytes)?),
            Kind::Helped => Helped::parse(bytes).map(|(body, lives)| Body::Helped(body, lives))?,
            Kind::Found => Found::parse(bytes).map(|(body, members)| Body::Found(body, members))?,
            Kind::Over => Body::Over(Over::parse(bytes)?),
            Kind::ProcessStatus => Body::ProcessStatus(ProcessStatus::parse(bytes)?),
            Kind::Probe => Probe::parse(bytes).map(|(body, filling)| Body::Probe(body, filling))?,
            Kind::Tally => Tally::parse(bytes).map(|(body, heard)| Body::Tally(body, heard))?,
        })
    }
}

/// One line: who, what, and what it says. The same words in the log, in `wire dump` and in test stories.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sender, self.kind)?;
        match self.body {
            Body::Hello(body) => write!(f, "{body}"),
            Body::Submit(body, piece) => body.print(f, piece),
            Body::Ack(body, acks) => body.print(f, acks),
            Body::Phase1a(body) => write!(f, "{body}"),
            Body::Phase1b(body, lives, runs) => body.print(f, lives, runs),
            Body::Phase2a(body, batch) => body.print(f, self.sender, batch),
            Body::Phase2b(body, lives, ranges) => body.print(f, lives, ranges),
            Body::Nack(body) => write!(f, "{body}"),
            Body::Heartbeat(body) => write!(f, "{body}"),
            Body::Watermark(body) => write!(f, "{body}"),
            Body::CatchUp(body, ranges) => body.print(f, ranges),
            Body::Fetch(body, ranges) => body.print(f, ranges),
            Body::Value(body, batch) => body.print(f, batch),
            Body::Report(body) => write!(f, "{body}"),
            Body::Join(body) => write!(f, "{body}"),
            Body::Helped(body, lives) => body.print(f, lives),
            Body::Found(body, members) => body.print(f, self.header.log.get(), members),
            Body::Over(body) => write!(f, "{body}"),
            Body::ProcessStatus(body) => write!(f, "{body}"),
            Body::Probe(body, filling) => body.print(f, filling),
            Body::Tally(body, heard) => body.print(f, heard),
        }?;
        if self.header.flags == 0 {
            return Ok(());
        }
        for flag in flags::ALL.iter().filter(|flag| self.has(flag.bit)) {
            write!(f, " ({})", flag.word)?;
        }
        Ok(())
    }
}

/// Header and rest of what is as long as it says, and of this version.
pub(crate) fn whole(bytes: &[u8]) -> Result<(&Header, &[u8]), Refusal> {
    let length = bytes.len();
    if length > PACKET_MAX {
        return Err(Refusal::Long { length });
    }
    let Ok((header, rest)) = Header::ref_from_prefix(bytes) else {
        let ours = [MAGIC, MAGIC_SEALED, MAGIC_ENCRYPTED].iter().any(|magic| bytes.starts_with(magic));
        return Err(if ours { Refusal::Short { length } } else { Refusal::Magic });
    };
    if !header.is_ours() {
        return Err(Refusal::Magic);
    }
    if header.version != VERSION {
        return Err(Refusal::Version(header.version));
    }
    if usize::from(header.length.get()) != length {
        return Err(Refusal::Length { said: header.length.get().into(), came: length });
    }
    Ok((header, rest))
}

/// Writes a packet to the front of `buffer`: header, `body`, then the pieces of the tail. Returns its length.
///
/// # Panics
/// When it does not fit in `buffer`: callers know their room.
pub fn seal<B: FixedBody>(
    buffer: &mut [u8],
    layout: Layout,
    sender: Sender,
    stamp: Stamp,
    body: &B,
    tail: &[&[u8]],
) -> usize {
    let length = compose(buffer, layout, sender, (stamp, MAGIC, [0; 8]), body, tail);
    let tag = tag(&buffer[..length]);
    buffer[TAG_AT..HEADER_LEN].copy_from_slice(&tag);
    length
}

/// Writes all but what proves a packet. Returns its length, without the trailer.
pub(crate) fn compose<B: FixedBody>(
    buffer: &mut [u8],
    layout: Layout,
    sender: Sender,
    (stamp, magic, tag): (Stamp, [u8; 2], [u8; 8]),
    body: &B,
    tail: &[&[u8]],
) -> usize {
    let mut length = HEADER_LEN;
    for piece in core::iter::once(&body.as_bytes()).chain(tail) {
        buffer[length..length + piece.len()].copy_from_slice(piece);
        length += piece.len();
    }
    head::<B>(&mut buffer[..length], layout, sender, (stamp, magic, tag));
    length
}

/// Like [`seal`], where the tail stands in its place already: in `packet`, behind room for header and body.
///
/// # Panics
/// When `packet` has no room for them, or is longer than packets are, or packets have a trailer.
pub fn seal_in_place<B: FixedBody>(
    packet: &mut [u8],
    layout: Layout,
    sender: Sender,
    stamp: Stamp,
    body: &B,
) {
    assert!(layout.trailer == 0);
    compose_in_place(packet, layout, sender, (stamp, MAGIC, [0; 8]), body);
    let tag = tag(packet);
    packet[TAG_AT..HEADER_LEN].copy_from_slice(&tag);
}

/// Like [`compose`], around a tail that stands in its place.
pub(crate) fn compose_in_place<B: FixedBody>(
    packet: &mut [u8],
    layout: Layout,
    sender: Sender,
    marks: (Stamp, [u8; 2], [u8; 8]),
    body: &B,
) {
    packet[HEADER_LEN..][..size_of::<B>()].copy_from_slice(body.as_bytes());
    head::<B>(packet, layout, sender, marks);
}

/// Writes the header of a packet whose body and tail are there.
fn head<B: FixedBody>(
    packet: &mut [u8],
    layout: Layout,
    sender: Sender,
    (stamp, magic, tag): (Stamp, [u8; 2], [u8; 8]),
) {
    let whole = packet.len() + layout.trailer;
    assert!(whole <= layout.packet, "a packet of {whole} bytes where {} fit", layout.packet);
    let header = Header {
        magic,
        version: VERSION,
        kind: B::KIND as u8,
        length: (whole as u16).into(),
        role: sender.role as u8,
        flags: stamp.flags,
        id: sender.id.into(),
        sequence: sequence_field(stamp.sequence),
        incarnation: sender.incarnation.into(),
        cluster: layout.cluster.into(),
        log: stamp.log.into(),
        tag,
    };
    packet[..HEADER_LEN].copy_from_slice(header.as_bytes());
}

/// The header fields that differ from packet to packet of one sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamp {
    pub sequence: u64,
    pub log: u32,
    pub flags: u8,
}

/// Splits a datagram into its packets by their length fields. A capture shows as one datagram what the kernel
/// was handed, or coalesced, as up to 64 packets. What does not begin like a packet comes out whole, last.
pub fn split(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let said = match Header::ref_from_prefix(rest) {
            Ok((header, _)) if header.is_ours() => usize::from(header.length.get()),
            _ => rest.len(),
        };
        let at = if said < HEADER_LEN { rest.len() } else { said.min(rest.len()) };
        let (packet, after) = rest.split_at(at);
        rest = after;
        Some(packet)
    })
}

#[cfg(test)]
pub(crate) mod tests;
