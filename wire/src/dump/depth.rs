//! How much of each packet is printed below its line.

use crate::layout::walk::{Part, Piece, walk};
use std::io::{self, Write};

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
    pub fn print(self, to: &mut impl Write, packet: &[u8]) -> io::Result<()> {
        if self == Depth::Line {
            return Ok(());
        }
        walk(packet).iter().try_for_each(|part| match self {
            Depth::Fields => line(to, part),
            _ => rows(to, part),
        })
    }
}

/// `    header  version 3, kind 2a, …`
fn line(to: &mut impl Write, part: &Part) -> io::Result<()> {
    write!(to, "    {:<9}", part.title)?;
    let pieces = part.pieces.iter().filter(|piece| !piece.constant);
    for (at, Piece { name, value, .. }) in pieces.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // The text of values is all ASCII, so it can be cut anywhere.
        match value.get(..TEXT_MAX).filter(|_| value.len() > TEXT_MAX) {
            Some(start) => write!(to, "{comma} {name} {start}…")?,
            None => write!(to, "{comma} {name} {value}")?,
        }
    }
    writeln!(to)
}

/// The title, then `    0028  00 00 …  instance 7` for each field.
fn rows(to: &mut impl Write, part: &Part) -> io::Result<()> {
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
    use crate::packet::tests::examples;

    fn printed(depth: Depth, packet: &[u8]) -> String {
        let mut output = Vec::new();
        depth.print(&mut output, packet).expect("a vector takes it");
        String::from_utf8(output).expect("lines are text")
    }

    fn proposal() -> Vec<u8> {
        examples().into_iter().find(|packet| packet[3] == crate::Kind::Phase2a as u8).expect("there is one")
    }
}
