//! `wire dump`: one line per packet, and on demand what is in it.

mod depth;

pub use depth::Depth;

use crate::Packet;
use crate::capture::{self, Capture, Datagram, Tally};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufWriter, Read, Write};

/// Prints every packet of ours that the capture `input` holds to `output`, as the data arrive: nothing waits
/// in a buffer while `input` is waited for.
///
/// The summary is of what was printed, also when reading or writing failed half way.
pub fn dump(input: impl Read, output: impl Write, depth: Depth) -> (Summary, Result<(), Error>) {
    let output = RefCell::new(BufWriter::new(output));
    let mut summary = Summary::default();
    let printed = print_all(FlushFirst { input, output: &output }, &output, depth, &mut summary);
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

fn print_all<W: Write>(
    input: impl Read,
    output: &RefCell<W>,
    depth: Depth,
    summary: &mut Summary,
) -> Result<(), Error> {
    let mut capture = Capture::new(input).map_err(Error::Read)?;
    let mut lines = Lines { depth, ..Lines::default() };
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
    depth: Depth,
}

impl Default for Lines {
    /// As wide as the addresses of a run on loopback.
    fn default() -> Lines {
        let (source, destination) = ("127.0.0.1:65535".len(), "239.0.0.1:7000".len());
        Lines { start: None, source, destination, depth: Depth::Line }
    }
}

impl Lines {
    fn print(&mut self, to: &mut impl Write, datagram: &Datagram, summary: &mut Summary) -> io::Result<()> {
        let start = *self.start.get_or_insert(datagram.time_ns);
        let place = self.place(datagram, Seconds(i128::from(datagram.time_ns) - i128::from(start)));
        let mut packets = crate::split(&datagram.bytes).peekable();
        while let Some(bytes) = packets.next() {
            match Packet::parse(bytes) {
                Ok(packet) => {
                    summary.packets += 1;
                    writeln!(to, "{place}  {packet}")?;
                }
                // The end of what was captured, not the sender's fault: the line below names it.
                Err(_) if datagram.truncated.is_some() && packets.peek().is_none() => continue,
                Err(refusal) => {
                    summary.malformed += 1;
                    writeln!(to, "{place}  malformed: {refusal}")?;
                }
            }
            self.depth.print(to, bytes)?;
        }
        match datagram.truncated {
            Some(truncated) => writeln!(to, "{place}  {truncated}"),
            None => Ok(()),
        }
    }

    /// The part of the line that all packets of a datagram share.
    fn place(&mut self, datagram: &Datagram, time: Seconds) -> String {
        let (source, destination) = (datagram.source.to_string(), datagram.destination.to_string());
        self.source = self.source.max(source.len());
        self.destination = self.destination.max(destination.len());
        format!("{time} {source:>from$} > {destination:<to$}", from = self.source, to = self.destination)
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
