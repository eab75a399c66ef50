//! `wire dump`: one line per packet.

use crate::capture::{self, Capture, Datagram, Direction, Note, Tally};
use crate::{Outline, Packet};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufWriter, Read, Write};

/// Prints every packet of ours that the capture `input` holds to `output`, as the data arrive: nothing waits
/// in a buffer while `input` is waited for.
///
/// The summary is of what was printed, also when reading or writing failed half way.
pub fn dump(input: impl Read, output: impl Write) -> (Summary, Result<(), Error>) {
    let output = RefCell::new(BufWriter::new(output));
    let mut summary = Summary::default();
    let printed = print_all(FlushFirst { input, output: &output }, &output, &mut summary);
    // The flush comes first: when nobody reads any more, nobody asks how well we read.
    let flushed = output.borrow_mut().flush().map_err(Error::Write);
    (summary, flushed.and(printed))
}

/// What was printed, and what was not and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Well-formed packets, a line each.
    pub packets: u64,
    /// Bytes that begin as a packet of ours and were refused, a line each.
    pub malformed: u64,
    pub frames: Tally,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { foreign, fragments, truncated } = self.frames;
        let plural = |count| if count == 1 { "" } else { "s" };
        write!(f, "{} packet{}, {} malformed, ", self.packets, plural(self.packets), self.malformed)?;
        write!(f, "{foreign} foreign frame{}, ", plural(foreign))?;
        write!(f, "{fragments} IP fragment{}, {truncated} truncated", plural(fragments))?;
        if fragments > 0 {
            f.write_str(" (fragments are not reassembled: is `mtu` larger than that of the link?)")?;
        }
        Ok(())
    }
}

/// Why the dump ended early.
#[derive(Debug)]
pub enum Error {
    Read(capture::Error),
    Write(io::Error),
}

fn print_all<W: Write>(input: impl Read, output: &RefCell<W>, summary: &mut Summary) -> Result<(), Error> {
    let mut capture = Capture::new(input).map_err(Error::Read)?;
    let mut lines = Lines::default();
    let result = loop {
        match capture.next() {
            None => break Ok(()),
            Some(Err(error)) => break Err(Error::Read(error)),
            Some(Ok(datagram)) => {
                // Borrowed for one datagram only: the capture borrows it too, to flush before it reads.
                let printed = lines.print(&mut *output.borrow_mut(), &datagram, summary);
                if let Err(error) = printed {
                    break Err(Error::Write(error));
                }
            }
        }
    };
    summary.frames = capture.tally();
    result
}

/// The layout of the lines. The columns of addresses are as wide as the widest so far, so a stream is aligned
/// without knowing what is to come.
struct Lines {
    /// Of the first datagram, ns; the times printed are relative to it.
    start: Option<i64>,
    source: usize,
    destination: usize,
}

impl Default for Lines {
    /// As wide as the addresses of a run on loopback.
    fn default() -> Lines {
        Lines { start: None, source: "127.0.0.1:65535".len(), destination: "239.0.0.1:7000".len() }
    }
}

impl Lines {
    fn print(&mut self, to: &mut impl Write, datagram: &Datagram, summary: &mut Summary) -> io::Result<()> {
        let start = *self.start.get_or_insert(datagram.time_ns);
        let place = self.place(datagram, Seconds(i128::from(datagram.time_ns) - i128::from(start)));
        // What is said of a datagram is said once, with its first line.
        let mut comment = Comment(datagram.note.comment.as_deref());
        let mut packets = crate::split(&datagram.bytes).peekable();
        if packets.peek().is_none() {
            summary.malformed += 1;
            writeln!(to, "{place}  malformed: empty{}", comment.take())?;
        }
        let mut cut = None;
        while let Some(bytes) = packets.next() {
            match Packet::parse(bytes) {
                Ok(packet) => {
                    summary.packets += 1;
                    writeln!(to, "{place}  {packet}{}", comment.take())?;
                }
                // The end of what was captured, not the sender's fault: the line below names it.
                Err(_) if datagram.truncated.is_some() && packets.peek().is_none() => {
                    cut = Outline::of(bytes);
                }
                Err(refusal) => {
                    summary.malformed += 1;
                    writeln!(to, "{place}  malformed: {refusal}{}", comment.take())?;
                }
            }
        }
        match (datagram.truncated, cut) {
            (Some(truncated), Some(cut)) => writeln!(to, "{place}  {cut}, {truncated}{}", comment.take()),
            (Some(truncated), None) => writeln!(to, "{place}  {truncated}{}", comment.take()),
            (None, _) => Ok(()),
        }
    }

    /// The part of the line that all packets of a datagram share.
    fn place(&mut self, datagram: &Datagram, time: Seconds) -> String {
        let (source, destination) = (datagram.source.to_string(), datagram.destination.to_string());
        self.source = self.source.max(source.len());
        self.destination = self.destination.max(destination.len());
        let trace = Process(&datagram.note);
        format!(
            "{time} {trace}{source:>from$} > {destination:<to$}",
            from = self.source,
            to = self.destination
        )
    }
}

/// Whose trace a packet stands in, and which way it went there; nothing in other captures.
struct Process<'a>(&'a Note);

impl fmt::Display for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(process) = &self.0.process else { return Ok(()) };
        let direction = match self.0.direction {
            Some(Direction::In) => "in ",
            Some(Direction::Out) => "out",
            None => "   ",
        };
        write!(f, "{} {direction} ", Plain(process))
    }
}

/// What was said of a packet, behind it.
struct Comment<'a>(Option<&'a str>);

impl Comment<'_> {
    fn take(&mut self) -> Self {
        Comment(self.0.take())
    }
}

impl fmt::Display for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |text| write!(f, "  [{}]", Plain(text)))
    }
}

/// Text of a stranger: what is not printable ASCII becomes a dot.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |character: char| if matches!(character, ' '..='~') { character } else { '.' };
        self.0.chars().try_for_each(|character| write!(f, "{}", plain(character)))
    }
}

/// A difference of two times, ns; printed in seconds, to the microsecond.
struct Seconds(i128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let us = self.0.unsigned_abs() / 1000;
        // 10 columns: aligned for the first quarter of an hour.
        write!(f, "{:>10}", format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000))
    }
}

/// Shows what was printed before it waits for more input.
struct FlushFirst<'a, R, W> {
    input: R,
    output: &'a RefCell<W>,
}

impl<R: Read, W: Write> Read for FlushFirst<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.output.borrow_mut().flush() {
            Ok(()) => self.input.read(buffer),
            // The input ends where nobody hears of it any more; the last flush of `dump` tells why.
            Err(_) => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests;
