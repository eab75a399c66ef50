//! How much of each packet is printed below its line.

use crate::layout::walk::{Part, Piece, walk};
use std::fmt::{self, Write};

/// How deep `wire dump` looks into a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Its line, nothing else.
    #[default]
    Line,
    /// A line for its header, one for its body, one for each record.
    Fields,
    /// A line for each field, with its bytes.
    Bytes,
}

/// Bytes to a line of [`Depth::Bytes`].
const ROW: usize = 16;
/// How much of an entry's text [`Depth::Fields`] shows, characters.
const TEXT_MAX: usize = 60;

impl Depth {
    /// Prints what stands below the line of a packet. Any bytes will do.
    pub fn print(self, to: &mut impl Write, packet: &[u8]) -> fmt::Result {
        if self == Depth::Line {
            return Ok(());
        }
        walk(packet).iter().try_for_each(|part| match self {
            Depth::Fields => line(to, part),
            _ => rows(to, part),
        })
    }
}

/// `    header  version 5, kind 2a, …`
fn line(to: &mut impl Write, part: &Part) -> fmt::Result {
    write!(to, "    {:<9}", part.title)?;
    let pieces = part.pieces.iter().filter(|piece| !piece.constant);
    for (at, Piece { name, value, .. }) in pieces.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // The text of values is all ASCII, so it can be cut anywhere.
        match value.get(..TEXT_MAX).filter(|_| value.len() > TEXT_MAX) {
            Some(start) => write!(to, "{comma} {name} {start}...")?,
            None => write!(to, "{comma} {name} {value}")?,
        }
    }
    writeln!(to)
}

/// The title, then `    0028  00 00 …  instance 7` for each field.
fn rows(to: &mut impl Write, part: &Part) -> fmt::Result {
    writeln!(to, "    {}", part.title)?;
    for Piece { name, value, at, bytes, raw, .. } in &part.pieces {
        for (row, chunk) in bytes.chunks(ROW).enumerate() {
            let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            let (at, hex, width) = (at + row * ROW, hex.join(" "), ROW * 3 - 1);
            match (row, raw) {
                (0, true) => writeln!(to, "    {at:04x}  {hex:<width$}  {name} \"{}\"", chunk.escape_ascii()),
                (0, false) => writeln!(to, "    {at:04x}  {hex:<width$}  {name} {value}"),
                (_, true) => {
                    let name = name.len();
                    writeln!(to, "    {at:04x}  {hex:<width$}  {:name$} \"{}\"", "", chunk.escape_ascii())
                }
                (_, false) => writeln!(to, "    {at:04x}  {hex}"),
            }?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::packet::tests::examples;

    fn printed(depth: Depth, packet: &[u8]) -> String {
        let mut output = String::new();
        depth.print(&mut output, packet).expect("a string takes it");
        output
    }

    fn proposal() -> Vec<u8> {
        examples().into_iter().find(|packet| packet[3] == Kind::Phase2a as u8).expect("there is one")
    }

    #[test]
    fn fields_are_a_line_for_each_part_of_the_packet() {
        let lines = printed(Depth::Fields, &proposal());
        let mut lines = lines.lines();
        let header = lines.next().expect("a header");
        assert!(
            header.starts_with(
                "    header    version 5, kind 2a, length 109, role proposer, flags none, id 1,"
            )
        );
        assert_eq!(lines.next(), Some("    2a        instance 7, decided_until 5, round 3"));
        let entry =
            r#"    entry 0   client 1, length 6, incarnation 000000000000004d, number 0, bytes "hello\n""#;
        assert_eq!(lines.next(), Some(entry));
        assert_eq!(lines.count(), 1);
    }

    #[test]
    fn bytes_stand_beside_the_field_that_they_belong_to() {
        let lines = printed(Depth::Bytes, &proposal());
        let body = &lines[lines.find("    2a").expect("a body")..];
        let expected = r#"    2a
    0028  00 00 00 00 00 00 00 07                          instance 7
    0030  00 00 00 00 00 00 00 05                          decided_until 5
    0038  00 00 00 00 00 03                                round 3
    003e  00 00                                            reserved 0
    entry 0
    0040  00 01                                            client 1
    0042  00 06                                            length 6
    0044  00 00 00 00 00 00 00 4d                          incarnation 000000000000004d
    004c  00 00 00 00 00 00                                number 0
    0052  68 65 6c 6c 6f 0a                                bytes "hello\n"
"#;
        assert!(body.starts_with(expected), "{body}");
    }

    #[test]
    fn every_byte_of_a_cut_packet_is_shown_and_no_control_character_is_printed() {
        for mut packet in examples() {
            packet.truncate(packet.len() - 3);
            let lines = printed(Depth::Bytes, &packet);
            assert!(lines.chars().all(|letter| letter == '\n' || !letter.is_control()), "{lines}");
            let hex = |line: &str| line.get(10..).map(|rest| rest[..rest.len().min(47)].to_string());
            let rows = lines.lines().filter(|line| line.get(8..10) == Some("  "));
            let bytes = rows.filter_map(hex).map(|hex| hex.split_whitespace().count());
            assert_eq!(bytes.sum::<usize>(), packet.len(), "{lines}");
        }
    }

    #[test]
    fn long_text_is_cut_among_the_fields_and_whole_among_the_bytes() {
        let mut packet = examples().into_iter().find(|p| p[3] == Kind::Submit as u8).expect("there is one");
        packet.resize(packet.len() + 100, b'x');
        assert!(printed(Depth::Fields, &packet).ends_with("xxx...\n"));
        let bytes = printed(Depth::Bytes, &packet);
        assert_eq!(bytes.matches('x').count(), 100);
        assert!(
            bytes.contains("bytes \"value\\nxxxxxxxxxx\"\n")
                && bytes.contains("      \"xxxxxxxxxxxxxxxx\"\n")
        );
    }
}
