//! Packets as lines of text, for people.

use super::{Depth, Place, colour};
use crate::capture::Truncated;
use crate::{Packet, Refusal};
use anstyle::Style;
use std::fmt::{self, Write};
use std::net::SocketAddrV4;

/// The layout of the lines. The columns of addresses are as wide as the widest so far, so a stream is aligned
/// without knowing what is to come.
pub struct Lines {
    depth: Depth,
    colour: bool,
    source: usize,
    destination: usize,
    /// The addresses of the last datagram, and how they print: most follow others between the same two.
    route: Option<(SocketAddrV4, SocketAddrV4)>,
    route_text: String,
    /// What all lines of the datagram begin with.
    place: String,
}

impl Lines {
    /// Columns at first as wide as the addresses of a run on loopback.
    pub fn new(colour: bool, depth: Depth) -> Lines {
        let (source, destination) = ("127.0.0.1:65535".len(), "239.0.0.1:7000".len());
        let (route_text, place) = (String::new(), String::new());
        Lines { depth, colour, source, destination, route: None, route_text, place }
    }

    /// Before the packets of a datagram.
    pub fn begin(&mut self, place: &Place) {
        let route = (place.datagram.source, place.datagram.destination);
        if self.route != Some(route) {
            self.set_route(route);
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

    fn set_route(&mut self, route: (SocketAddrV4, SocketAddrV4)) {
        let (source, destination) = (route.0.to_string(), route.1.to_string());
        self.source = self.source.max(source.len());
        self.destination = self.destination.max(destination.len());
        self.route = Some(route);
        self.route_text.clear();
        let (from, to) = (self.source, self.destination);
        push(&mut self.route_text, format_args!(" {source:>from$} > {destination:<to$}"));
    }

    /// A packet, which these bytes are.
    pub fn packet(&self, to: &mut String, packet: &Packet, bytes: &[u8]) {
        self.line(to, colour::of(packet.kind), format_args!("{packet}"));
        self.deeper(to, bytes);
    }

    pub fn malformed(&self, to: &mut String, bytes: &[u8], refusal: Refusal) {
        self.line(to, colour::MALFORMED, format_args!("malformed: {refusal}"));
        self.deeper(to, bytes);
    }

    pub fn truncated(&self, to: &mut String, truncated: Truncated) {
        self.line(to, colour::TRUNCATED, format_args!("{truncated}"));
    }

    fn deeper(&self, to: &mut String, bytes: &[u8]) {
        self.depth.print(to, bytes).expect("a string takes it");
    }

    fn line(&self, to: &mut String, style: Style, what: fmt::Arguments) {
        to.push_str(&self.place);
        if self.colour {
            push(to, format_args!("{style}{what}{style:#}"));
        } else {
            push(to, what);
        }
        to.push('\n');
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
