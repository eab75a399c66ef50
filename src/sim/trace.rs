//! A run as a capture: every packet as its sender lets it go, once, however many are to hear it.
//!
//! It is what a capture on the one host of all processes would show: what the network loses afterwards is in it,
//! and what it brings back from the past comes again. The time is that of the world, since 1970.

use crate::protocol::{Nanos, To};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use wire::Role;
use wire::capture::write::{self, Direction, Passage};

/// How much gathers before it is written, bytes.
const FULL: usize = 64 << 10;

/// Where the packets go.
pub struct Trace {
    text: Vec<u8>,
    to: Box<dyn Write>,
    failed: io::Result<()>,
}

impl Trace {
    /// A capture in the format pcapng.
    pub fn new(to: impl Write + 'static) -> Trace {
        let mut text = Vec::with_capacity(2 * FULL);
        // Not by the name of the program: this is no trace of one process.
        write::section(&mut text, "simulated network");
        write::interface(&mut text, "all", "what the simulated network carries", 0);
        Trace { text, to: Box::new(to), failed: Ok(()) }
    }

    pub(super) fn packet(&mut self, now: Nanos, from: SocketAddrV4, to: To, bytes: &[u8]) {
        let to = match to {
            To::Peer(address) => address,
            To::Group(role) => group(role),
        };
        let passage = Passage { time_ns: now, from, to, direction: Direction::Out };
        write::packet(&mut self.text, &passage, bytes, 0, "");
        if self.text.len() >= FULL {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_ok() {
            self.failed = self.to.write_all(&self.text).and_then(|()| self.to.flush());
        }
        self.text.clear();
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first error of writing.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.failed
    }
}

/// The groups of paxos.conf.
fn group(role: Role) -> SocketAddrV4 {
    let number = role as u8;
    SocketAddrV4::new(Ipv4Addr::new(239, 0, 0, number), 5000 + 1000 * u16::from(number - 1))
}
