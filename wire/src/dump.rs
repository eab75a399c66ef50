//! `wire dump`: one line per packet, and on demand what is in it.

mod depth;

pub use depth::Depth;

mod colour;
mod filter;
pub(crate) mod json;
mod lines;
mod merge;
mod output;
mod unsealed;

pub use filter::{BallotId, Filter, Instances, SenderId};
pub(crate) use merge::Merge;
use merge::Next;
pub use merge::{Input, Step, Stream};
pub use output::{FlushFirst, Output};
pub use unsealed::Unsealed;

use crate::capture::{self, Datagram, Tally};
use crate::{Outline, Packet, Refusal};
use json::Json;
pub(crate) use json::Object;
use lines::Lines;
use std::fmt;
use std::io::{self, Write};

/// What is printed, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub filter: Filter,
    pub format: Format,
    /// How much of each packet stands below its line. Objects have it all.
    pub depth: Depth,
    /// Lines with the colours of a terminal. Objects have none.
    pub colour: bool,
}

/// What a packet looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Lines,
    /// An object a line, as docs/wire-json.md describes it.
    Json,
}

/// What a dump asks of its surroundings.
pub trait Host {
    /// Hears why the rest of an input cannot be read. The others go on.
    fn failed(&mut self, name: &str, error: capture::Error);
    /// Called when no input has anything to read yet; returns after a moment, or false to end the dump.
    fn wait(&mut self) -> bool;
}

/// Prints every packet of ours that the inputs hold and the filter wants, by time, as the data arrive.
///
/// The summary is of what was printed, also when reading or writing failed half way.
pub fn dump<W: Write>(
    inputs: Vec<Input>,
    options: &Options,
    output: &Output<W>,
    host: &mut dyn Host,
) -> (Summary, io::Result<()>) {
    let mut merge = Merge::new(inputs);
    let mut printer = Printer::new(options);
    loop {
        match merge.next(host) {
            Next::Datagram(at, datagram) => {
                let file = merge.name(at);
                output.with(|text| printer.print(text, file, &datagram));
                merge.reuse(datagram);
                if !output.flush_when_full() {
                    break;
                }
            }
            Next::Waits if output.flush() && host.wait() => {}
            Next::Waits | Next::End => break,
        }
    }
    (Summary { frames: merge.tally(), ..printer.summary }, output.finish())
}

/// What was printed, and what was not and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Well-formed packets, a line each.
    pub packets: u64,
    /// Bytes that begin as a packet of ours and were refused, a line each.
    pub malformed: u64,
    /// Packets, well-formed or not, that the filter did not want.
    pub left_out: u64,
    /// Packets of which only the header could be read, for want of their key.
    pub sealed: u64,
    pub frames: Tally,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { foreign, fragments, truncated } = self.frames;
        let plural = |count| if count == 1 { "" } else { "s" };
        write!(f, "{} packet{}, {} malformed, ", self.packets, plural(self.packets), self.malformed)?;
        if self.left_out > 0 {
            write!(f, "{} more that the filters left out, ", self.left_out)?;
        }
        if self.sealed > 0 {
            write!(f, "{} sealed with keys that are not at hand (--key FILE opens them), ", self.sealed)?;
        }
        write!(f, "{foreign} foreign frame{}, ", plural(foreign))?;
        write!(f, "{fragments} IP fragment{}, {truncated} truncated", plural(fragments))?;
        if fragments > 0 {
            f.write_str(" (fragments are not reassembled: is `mtu` larger than that of the link?)")?;
        }
        Ok(())
    }
}

/// Where and when a datagram was captured.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    file: &'a str,
    datagram: &'a Datagram,
    /// Since the start of the capture, ns. Negative where the clock of a file steps back.
    time_ns: i128,
}

/// The last packet of a datagram whose end was not captured.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'a> {
    outline: Outline,
    bytes: &'a [u8],
}

/// The packets of a datagram, through the filter, in the format asked for.
struct Printer<'a> {
    filter: &'a Filter,
    /// Of the first datagram, ns; the times told are relative to it.
    start_ns: Option<i64>,
    summary: Summary,
    format: Printed,
}

enum Printed {
    Lines(Lines),
    Json(Json),
}

impl<'a> Printer<'a> {
    fn new(options: &'a Options) -> Printer<'a> {
        let format = match options.format {
            Format::Lines => Printed::Lines(Lines::new(options.colour, options.depth)),
            Format::Json => Printed::Json(Json::default()),
        };
        Printer { filter: &options.filter, start_ns: None, summary: Summary::default(), format }
    }

    fn print(&mut self, to: &mut String, file: &str, datagram: &Datagram) {
        let start_ns = *self.start_ns.get_or_insert(datagram.time_ns);
        let time_ns = i128::from(datagram.time_ns) - i128::from(start_ns);
        let place = Place { file, datagram, time_ns };
        let in_time = self.filter.wants_time(time_ns);
        if in_time {
            self.format.begin(&place);
        }
        if datagram.bytes.is_empty() && datagram.truncated.is_none() {
            self.malformed(to, in_time, &[], Refusal::Short { length: 0 });
        }
        let mut cut = None;
        let mut packets = crate::split(&datagram.bytes).peekable();
        while let Some(bytes) = packets.next() {
            match Packet::parse(bytes) {
                Ok(packet) if in_time && self.filter.wants(&packet) => {
                    self.summary.packets += 1;
                    self.format.packet(to, &packet, bytes);
                }
                // The end of what was captured, not the sender's fault: it is told below.
                Err(_) if datagram.truncated.is_some() && packets.peek().is_none() => {
                    cut = Outline::of(bytes).map(|outline| Cut { outline, bytes });
                }
                Err(refusal) => match sealed(bytes, refusal) {
                    Some(outline) => self.sealed(to, in_time, Cut { outline, bytes }, refusal),
                    None => self.malformed(to, in_time, bytes, refusal),
                },
                Ok(_) => self.summary.left_out += 1,
            }
        }
        let Some(truncated) = datagram.truncated else { return };
        if in_time && self.filter.wants_truncated(cut.map(|cut| cut.outline)) {
            self.format.truncated(to, truncated, cut);
        } else if cut.is_some() {
            self.summary.left_out += 1;
        }
    }

    /// A packet whose key is not at hand.
    fn sealed(&mut self, to: &mut String, in_time: bool, cut: Cut, refusal: Refusal) {
        if in_time && self.filter.wants_truncated(Some(cut.outline)) {
            self.summary.sealed += 1;
            self.format.sealed(to, cut, refusal);
        } else {
            self.summary.left_out += 1;
        }
    }

    fn malformed(&mut self, to: &mut String, in_time: bool, bytes: &[u8], refusal: Refusal) {
        if in_time && self.filter.wants_malformed() {
            self.summary.malformed += 1;
            self.format.malformed(to, bytes, refusal);
        } else {
            self.summary.left_out += 1;
        }
    }
}

/// What is told of a packet that was refused because its key is not at hand.
pub(crate) fn sealed(bytes: &[u8], refusal: Refusal) -> Option<Outline> {
    if matches!(refusal, Refusal::Sealed { .. }) { Outline::of(bytes) } else { None }
}

impl Printed {
    /// Before the packets of a datagram.
    fn begin(&mut self, place: &Place) {
        match self {
            Printed::Lines(lines) => lines.begin(place),
            Printed::Json(json) => json.begin(place),
        }
    }

    fn packet(&mut self, to: &mut String, packet: &Packet, bytes: &[u8]) {
        match self {
            Printed::Lines(lines) => lines.packet(to, packet, bytes),
            Printed::Json(json) => json.packet(to, packet),
        }
    }

    fn malformed(&mut self, to: &mut String, bytes: &[u8], refusal: Refusal) {
        match self {
            Printed::Lines(lines) => lines.malformed(to, bytes, refusal),
            Printed::Json(json) => json.malformed(to, bytes.len(), refusal),
        }
    }

    fn sealed(&mut self, to: &mut String, cut: Cut, refusal: Refusal) {
        match self {
            Printed::Lines(lines) => lines.sealed(to, cut, refusal),
            Printed::Json(json) => json.sealed(to, cut, refusal),
        }
    }

    fn truncated(&mut self, to: &mut String, truncated: capture::Truncated, cut: Option<Cut>) {
        match self {
            Printed::Lines(lines) => lines.truncated(to, truncated, cut),
            Printed::Json(json) => json.truncated(to, truncated, cut),
        }
    }
}

#[cfg(test)]
mod tests;
