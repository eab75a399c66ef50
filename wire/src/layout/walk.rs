//! From the bytes of a packet to its fields, each with its value as text.
//!
//! Any bytes will do: what cannot be a field is told as the rest.

use super::{Field, Form, Parts, Struct, Tail, What};
use crate::header::MAGIC_ENCRYPTED;
use crate::kinds::ack::Status;
use crate::layout::Declared;
use crate::{Ballot, HEADER_LEN, Header, Kind, Role, flags};
use std::net::Ipv4Addr;
use zerocopy::FromBytes;

/// The header, the body, a record of the tail, or what is none of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// As in `header`, `2a`, `entry 0`.
    pub title: String,
    pub pieces: Vec<Piece<'a>>,
}

/// A field with what it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// As it is declared; the fields of a struct within have its name before theirs, as in `room.space`.
    pub name: String,
    pub value: String,
    /// Bytes from the start of the packet.
    pub at: usize,
    pub bytes: &'a [u8],
    /// Whether the value shows the bytes themselves.
    pub raw: bool,
    /// Whether it is always the same, in every packet of this version.
    pub constant: bool,
}

/// The parts of one packet, in order; together they hold all its bytes.
pub(crate) fn walk(packet: &[u8]) -> Vec<Part<'_>> {
    let header = Header::ref_from_prefix(packet).ok().map(|(header, _)| header);
    let proof = header.map_or(0, Header::trailer).min(packet.len().saturating_sub(HEADER_LEN));
    let (sent, length) = (packet.len() - proof, packet.len());
    let mut walker = Walker { packet: &packet[..sent], at: 0, parts: Vec::new() };
    let whole = match header {
        Some(header) if header.magic == MAGIC_ENCRYPTED => {
            walker.take("header".into(), &Header::LAYOUT);
            let at = walker.at;
            walker.take_bytes("encrypted".into(), "bytes", sent - at)
        }
        _ => walker.packet(),
    };
    if whole.is_none() || walker.at < sent {
        let at = walker.at;
        walker.take_bytes("rest".into(), "bytes", sent - at);
    }
    if proof > 0 {
        walker.packet = packet;
        let at = walker.at;
        walker.take_bytes("proof".into(), "bytes", length - at);
    }
    walker.parts
}

struct Walker<'a> {
    packet: &'a [u8],
    at: usize,
    parts: Vec<Part<'a>>,
}

impl<'a> Walker<'a> {
    /// `None` when something does not fit.
    fn packet(&mut self) -> Option<()> {
        let header = self.take("header".into(), &Header::LAYOUT)?;
        let kind = Kind::from_wire(number(field(&Header::LAYOUT, header, "kind")?) as u8)?;
        let Parts { body, tails } = Parts::of_kind(kind);
        let body = (body, self.take(kind.name().into(), body)?);
        tails.iter().try_for_each(|tail| self.tail(tail, body))
    }

    fn tail(&mut self, tail: &Tail, (body, bytes): (&Struct, &[u8])) -> Option<()> {
        let What::Records { of, counted_by, then_bytes, .. } = tail.what else {
            return self.take_bytes(tail.name.into(), "bytes", self.packet.len() - self.at);
        };
        let count = match counted_by {
            Some(name) => number(field(body, bytes, name)?),
            None => u64::MAX,
        };
        for index in 0..count {
            if self.at == self.packet.len() && counted_by.is_none() {
                break;
            }
            let record = self.take(format!("{} {index}", tail.name), of)?;
            if let Some(name) = then_bytes {
                let length = number(field(of, record, name)?) as usize;
                let mut bytes = Vec::new();
                self.piece(&mut bytes, "bytes".into(), Form::Bytes, self.at, length)?;
                self.at += length;
                self.parts.last_mut()?.pieces.append(&mut bytes);
            }
        }
        Some(())
    }

    fn take(&mut self, title: String, of: &Struct) -> Option<&'a [u8]> {
        let bytes = self.packet.get(self.at..self.at + of.size)?;
        let mut pieces = Vec::with_capacity(of.fields.len());
        self.fields(&mut pieces, "", of, self.at)?;
        self.parts.push(Part { title, pieces });
        self.at += of.size;
        Some(bytes)
    }

    fn take_bytes(&mut self, title: String, name: &str, length: usize) -> Option<()> {
        let mut pieces = Vec::new();
        self.piece(&mut pieces, name.into(), Form::Bytes, self.at, length)?;
        self.parts.push(Part { title, pieces });
        self.at += length;
        Some(())
    }

    fn fields(&self, to: &mut Vec<Piece<'a>>, prefix: &str, of: &Struct, at: usize) -> Option<()> {
        of.fields.iter().try_for_each(|field| {
            let name = format!("{prefix}{}", field.name);
            match field.form {
                Form::Nested(inner) => self.fields(to, &format!("{name}."), inner, at + field.at),
                form => self.piece(to, name, form, at + field.at, field.length),
            }
        })
    }

    fn piece(
        &self,
        to: &mut Vec<Piece<'a>>,
        name: String,
        form: Form,
        at: usize,
        length: usize,
    ) -> Option<()> {
        let bytes = self.packet.get(at..)?.get(..length)?;
        let raw = matches!(form, Form::Bytes);
        let constant = matches!(form, Form::Zero) && bytes.iter().all(|byte| *byte == 0)
            || at == 0 && bytes == crate::MAGIC;
        to.push(Piece { name, value: value(form, bytes), at, bytes, raw, constant });
        Some(())
    }
}

/// The bytes of a field.
fn field<'a>(of: &Struct, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let Field { at, length, .. } = of.fields.iter().find(|field| field.name == name)?;
    bytes.get(*at..)?.get(..*length)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn value(form: Form, bytes: &[u8]) -> String {
    let unknown = |name: Option<&str>| name.map_or(format!("unknown {}", number(bytes)), Into::into);
    match form {
        Form::Number | Form::Round => number(bytes).to_string(),
        Form::Hex => format!("{:0width$x}", number(bytes), width = bytes.len() * 2),
        Form::Bits => format!("{:b}", number(bytes)),
        Form::Set => set(bytes),
        Form::Ballot => ballot(bytes),
        Form::Kind => unknown(Kind::from_wire(number(bytes) as u8).map(Kind::name)),
        Form::Role => unknown(Role::from_wire(number(bytes) as u8).map(Role::name)),
        Form::Status => {
            unknown(Status::ALL.into_iter().find(|s| *s as u64 == number(bytes)).map(Status::name))
        }
        Form::Flags => words(number(bytes) as u8),
        Form::Address => {
            bytes.try_into().map_or_else(|_| String::new(), |b: [u8; 4]| Ipv4Addr::from(b).to_string())
        }
        Form::Bytes => format!("\"{}\"", bytes.escape_ascii()),
        Form::Zero if bytes.iter().all(|byte| *byte == 0) => "0".into(),
        Form::Zero => format!("{} (not zero)", hex(bytes)),
        // Told field by field.
        Form::Nested(_) => String::new(),
    }
}

fn ballot(bytes: &[u8]) -> String {
    let Some(([round @ .., _, _], incarnation)) = bytes.split_first_chunk::<8>() else {
        return String::new();
    };
    let proposer = number(&bytes[round.len()..8]) as u16;
    format!("{:#}", Ballot::new(number(round), proposer, number(incarnation)))
}

fn words(flags: u8) -> String {
    let words: Vec<&str> =
        flags::ALL.iter().filter(|flag| flags & flag.bit != 0).map(|flag| flag.word).collect();
    if words.is_empty() { "none".into() } else { words.join("+") }
}

/// `{0, 2..=7}`: the bits that are set.
fn set(bytes: &[u8]) -> String {
    let has = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte & 1 << (bit % 8) != 0);
    let mut runs = Vec::new();
    let mut bit = 0;
    while bit < bytes.len() * 8 {
        let end = (bit..).find(|bit| !has(*bit)).unwrap_or(bit);
        match end - bit {
            0 => {}
            1 => runs.push(bit.to_string()),
            _ => runs.push(format!("{bit}..={}", end - 1)),
        }
        bit = end + 1;
    }
    format!("{{{}}}", runs.join(", "))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Packet;
    use crate::packet::tests::examples;

    #[test]
    fn the_parts_hold_all_bytes_of_a_packet_once_and_in_order() {
        for mut packet in examples() {
            for length in (0..=packet.len()).rev() {
                packet.truncate(length);
                let parts = walk(&packet);
                let pieces = parts.iter().flat_map(|part| &part.pieces);
                let end = pieces.fold(0, |end, piece| {
                    assert_eq!(piece.at, end, "{parts:?}");
                    end + piece.bytes.len()
                });
                assert_eq!(end, length);
            }
        }
    }

    #[test]
    fn a_well_formed_packet_has_no_rest() {
        for packet in examples() {
            assert!(walk(&packet).iter().all(|part| part.title != "rest"), "{:?}", Packet::parse(&packet));
        }
    }

    #[test]
    fn what_proves_a_sealed_packet_is_a_part_of_its_own_and_what_is_encrypted_is_one() {
        let mut packet = examples().swap_remove(0);
        packet.extend_from_slice(&[7; crate::TRAILER_LEN]);
        let titles = |packet: &[u8]| walk(packet).into_iter().map(|part| part.title).collect::<Vec<_>>();
        packet[..2].copy_from_slice(b"PS");
        assert_eq!(titles(&packet), ["header", "hello", "proof"]);
        packet[..2].copy_from_slice(b"PE");
        assert_eq!(titles(&packet), ["header", "encrypted", "proof"]);
    }

    #[test]
    fn any_bytes_can_be_walked() {
        let mut numbers = crate::capture::samples::Numbers(7);
        for round in 0..20_000 {
            let examples = examples();
            let mut packet = examples[round % examples.len()].clone();
            for _ in 0..1 + numbers.below(4) {
                let at = numbers.below(packet.len());
                packet[at] = [0, 1, 255, numbers.below(256) as u8][numbers.below(4)];
            }
            packet.truncate(numbers.below(packet.len() + 1));
            walk(&packet);
        }
    }

    #[test]
    fn a_set_tells_its_bits() {
        assert_eq!(set(&[0, 0]), "{}");
        assert_eq!(set(&[0b101, 0x80]), "{0, 2, 15}");
        assert_eq!(set(&[0xF0, 0xFF]), "{4..=15}");
    }
}
