//! Packets as lines of text, for people.

use super::{Cut, Depth, Place, colour};
use crate::capture::{Datagram, Direction, Note, Truncated};
use crate::{Packet, Refusal};
use anstyle::Style;
use std::fmt::{self, Write};
use std::net::SocketAddrV4;
use std::sync::Arc;

/// The layout of the lines. The columns of addresses are as wide as the widest so far, so a stream is aligned
/// without knowing what is to come.
pub struct Lines {
    depth: Depth,
    colour: bool,
    source: usize,
    destination: usize,
    /// Of the names of processes, 0 until a trace tells one.
    process: usize,
    /// Where the last datagram was seen, and how that prints: most follow others on the same way.
    route: Option<Route>,
    route_text: String,
    /// What all lines of the datagram begin with.
    place: String,
    /// What was said of the datagram, until the first line of it took it along.
    comment: String,
}

/// Whose trace a datagram stands in, and which way it went.
#[derive(PartialEq, Eq)]
struct Route {
    process: Option<Arc<str>>,
    direction: Option<Direction>,
    source: SocketAddrV4,
    destination: SocketAddrV4,
}

impl Route {
    fn is(&self, datagram: &Datagram) -> bool {
        (self.source, self.destination) == (datagram.source, datagram.destination)
            && (self.direction, &self.process) == (datagram.note.direction, &datagram.note.process)
    }
}

impl Lines {
    /// Columns at first as wide as the addresses of a run on loopback.
    pub fn new(colour: bool, depth: Depth) -> Lines {
        let (source, destination) = ("127.0.0.1:65535".len(), "239.0.0.1:7000".len());
        let (route_text, place, comment) = (String::new(), String::new(), String::new());
        Lines { depth, colour, source, destination, process: 0, route: None, route_text, place, comment }
    }

    /// Before the packets of a datagram.
    pub fn begin(&mut self, place: &Place) {
        if !self.route.as_ref().is_some_and(|route| route.is(place.datagram)) {
            self.set_route(place.datagram);
        }
        self.comment.clear();
        if let Some(comment) = &place.datagram.note.comment {
            push(&mut self.comment, format_args!("  [{}]", Plain(comment)));
        }
        self.place.clear();
        if self.colour {
            push(&mut self.place, format_args!("{}", colour::PLACE));
        }
        push_seconds(&mut self.place, place.time_ns);
        self.place.push_str(&self.route_text);
        if self.colour {
            push(&mut self.place, format_args!("{:#}", colour::PLACE));
        }
        self.place.push_str("  ");
    }

    fn set_route(&mut self, datagram: &Datagram) {
        let (source, destination) = (datagram.source.to_string(), datagram.destination.to_string());
        self.source = self.source.max(source.len());
        self.destination = self.destination.max(destination.len());
        let Note { process, direction, .. } = &datagram.note;
        self.process = self.process.max(process.as_ref().map_or(0, |name| name.chars().count()));
        self.route_text.clear();
        if self.process > 0 {
            let direction = match direction {
                Some(Direction::In) => "in ",
                Some(Direction::Out) => "out",
                None => "   ",
            };
            let (name, width) = (Plain(process.as_deref().unwrap_or_default()).to_string(), self.process);
            push(&mut self.route_text, format_args!(" {name:<width$} {direction}"));
        }
        self.route = Some(Route {
            process: process.clone(),
            direction: *direction,
            source: datagram.source,
            destination: datagram.destination,
        });
        let (from, to) = (self.source, self.destination);
        push(&mut self.route_text, format_args!(" {source:>from$} > {destination:<to$}"));
    }

    /// A packet, which these bytes are.
    pub fn packet(&mut self, to: &mut String, packet: &Packet, bytes: &[u8]) {
        self.line(to, colour::of(packet.kind), format_args!("{packet}"));
        self.deeper(to, bytes);
    }

    pub fn malformed(&mut self, to: &mut String, bytes: &[u8], refusal: Refusal) {
        self.line(to, colour::MALFORMED, format_args!("malformed: {refusal}"));
        self.deeper(to, bytes);
    }

    /// A packet whose key is not at hand.
    pub fn sealed(&mut self, to: &mut String, Cut { outline, bytes }: Cut, refusal: Refusal) {
        self.line(to, colour::of(outline.kind), format_args!("{outline}, {refusal}"));
        self.deeper(to, bytes);
    }

    pub fn truncated(&mut self, to: &mut String, truncated: Truncated, cut: Option<Cut>) {
        match cut {
            Some(Cut { outline, bytes }) => {
                self.line(to, colour::of(outline.kind), format_args!("{outline}, {truncated}"));
                self.deeper(to, bytes);
            }
            None => self.line(to, colour::TRUNCATED, format_args!("{truncated}")),
        }
    }

    fn deeper(&self, to: &mut String, bytes: &[u8]) {
        self.depth.print(to, bytes).expect("a string takes it");
    }

    fn line(&mut self, to: &mut String, style: Style, what: fmt::Arguments) {
        to.push_str(&self.place);
        if self.colour {
            push(to, format_args!("{style}{what}{style:#}"));
        } else {
            push(to, what);
        }
        to.push_str(&self.comment);
        self.comment.clear();
        to.push('\n');
    }
}

/// Text of a stranger: what is not printable ASCII becomes a dot.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |character: char| if matches!(character, ' '..='~') { character } else { '.' };
        self.0.chars().try_for_each(|character| f.write_char(plain(character)))
    }
}

fn push(to: &mut String, what: fmt::Arguments) {
    to.write_fmt(what).expect("a string takes it");
}

/// A difference of two times in seconds, cut to the microsecond. 10 columns: aligned for the first quarter of
/// an hour.
fn push_seconds(to: &mut String, time_ns: i128) {
    let sign = if time_ns < 0 { "-" } else { "" };
    // Two times of 64 bits lie less than 2^64 ns apart.
    let us = (time_ns.unsigned_abs() / 1000) as u64;
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let width = 3 - sign.len();
    if seconds >= 1000 || !sign.is_empty() {
        push(to, format_args!("{:>10}", format!("{sign}{seconds}.{us:06}")));
    } else {
        push(to, format_args!("{seconds:>width$}.{us:06}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_aligned_and_may_run_backwards() {
        let told = |time_ns| {
            let mut text = String::new();
            push_seconds(&mut text, time_ns);
            text
        };
        assert_eq!(told(0), "  0.000000");
        assert_eq!(told(999_999_999_999), "999.999999");
        assert_eq!(told(1_229_567_891_234), "1229.567891");
        assert_eq!(told(-2_000), " -0.000002");
        assert_eq!(told(-12_000_000_000), "-12.000000");
        assert_eq!(told(i128::from(i64::MAX) - i128::from(i64::MIN)), "18446744073.709551");
    }
}
