//! Tally: an observer tells what it heard of which other, and how its host is set up.

use super::{demand, fixed, records};
use crate::Refusal;
use crate::layout::{body, record};
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use zerocopy::byteorder::big_endian::{U16, U32, U64};

/// How many other observers a tally tells of.
pub const HEARD_MAX: usize = 14;
/// The longest name of a host that a tally tells, bytes.
pub const HOST_MAX: usize = 24;

record! {
    /// The address and port of a group.
    pub struct Endpoint: 6 bytes {
        /// A multicast address.
        pub address: [u8; 4] as Address,
        /// The port.
        pub port: U16,
    }
}

impl Endpoint {
    pub fn new(at: SocketAddrV4) -> Endpoint {
        Endpoint { address: at.ip().octets(), port: at.port().into() }
    }

    pub fn get(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from(self.address), self.port.get())
    }
}

body! {
    /// Observer → observers, again and again: what it heard of each other, and how its host is set up.
    pub struct Tally: 104 bytes, then HEARD {
        /// The name of the sender's host, cut short: plain text, then zeros.
        pub host: [u8; 24] as Bytes,
        /// When this left, nanoseconds since some moment of the sender.
        pub sent_at: U64,
        /// What the clock of the sender's host showed then, nanoseconds since 1970.
        pub clock: U64,
        /// Rounds of probes that the sender has begun.
        pub rounds: U32,
        /// The smallest receive buffer of the sender, bytes as the kernel counts them.
        pub space: U32,
        /// Packets that the kernel dropped because one was full.
        pub drops: U32,
        /// The longest IP packet that the sender's interface takes, bytes; 65,535 stands for more as well.
        pub link_mtu: U16,
        /// `mtu` of the sender's configuration.
        pub mtu: U16,
        /// `heartbeat` of it, microseconds.
        pub heartbeat: U64,
        /// `suspect` of it, microseconds.
        pub suspect: U64,
        /// `ttl` of it.
        pub ttl: u8,
        /// Hash of the ids of the acceptors in it.
        pub acceptor_ids: U32 as Hex,
        /// Whether the sender stays on its own host's loopback interface: 1, or 0.
        pub loopback: u8,
        /// The group of the clients in it.
        pub clients: Endpoint,
        /// The group of the proposers in it.
        pub proposers: Endpoint,
        /// The group of the acceptors in it.
        pub acceptors: Endpoint,
        /// The group of the learners in it.
        pub learners: Endpoint,
        /// Zero.
        pub reserved: [u8; 2] as Zero,
    }
}

record! {
    /// What an observer heard of another one. Rounds are those since it was heard first, the last few left out, which
    /// may be on their way.
    pub struct Heard: 78 bytes {
        /// The incarnation of the one that was heard.
        pub incarnation: U64 as Hex,
        /// Its id.
        pub id: U16,
        /// Where it sends from.
        pub address: [u8; 4] as Address,
        /// How many rounds it has sent.
        pub rounds: U32,
        /// Of how many of them the probe to the clients' group came.
        pub clients: U32,
        /// The same of the proposers' group.
        pub proposers: U32,
        /// The same of the acceptors' group.
        pub acceptors: U32,
        /// The same of the learners' group.
        pub learners: U32,
        /// Of how many rounds a probe should have come directly.
        pub direct_rounds: U32,
        /// Of how many of them it came.
        pub direct: U32,
        /// How many probes of bursts it has sent.
        pub bursts: U32,
        /// How many of them came.
        pub burst: U32,
        /// The most rounds in a row of which nothing came by any group.
        pub silent: U32,
        /// Probes that came again.
        pub again: U32,
        /// The longest IP packet that came by a group, bytes; 0 while none has.
        pub longest: U16,
        /// The longest that came directly.
        pub longest_direct: U16,
        /// `sent_at` of its latest tally; 0 while there is none.
        pub echo: U64,
        /// How long ago that came, nanoseconds.
        pub after: U64,
    }
}

/// A host's name as a tally carries it: what is not plain text becomes `?`.
pub fn host_field(name: &str) -> [u8; HOST_MAX] {
    let mut field = [0; HOST_MAX];
    for (to, from) in field.iter_mut().zip(name.chars()) {
        *to = if from.is_ascii_graphic() { from as u8 } else { b'?' };
    }
    field
}

impl Tally {
    /// The name of the sender's host.
    pub fn host(&self) -> &str {
        let length = self.host.iter().position(|byte| *byte == 0).unwrap_or(HOST_MAX);
        core::str::from_utf8(&self.host[..length]).unwrap_or("?")
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<(&Tally, &[Heard]), Refusal> {
        let (body, tail) = fixed::<Tally>(bytes, "tally")?;
        let heard = records::<Heard>(tail, "tally")?;
        demand(heard.len() <= HEARD_MAX, "more observers than a tally tells of")?;
        let length = body.host.iter().position(|byte| *byte == 0).unwrap_or(HOST_MAX);
        let (name, rest) = body.host.split_at(length);
        demand(name.iter().all(u8::is_ascii_graphic), "the name of a host")?;
        demand(rest.iter().all(|byte| *byte == 0), "the name of a host")?;
        demand(body.loopback <= 1, "neither loopback nor not")?;
        demand(body.reserved == [0; 2], "reserved bits of a tally")?;
        Ok((body, heard))
    }

    pub(crate) fn print(&self, f: &mut fmt::Formatter<'_>, heard: &[Heard]) -> fmt::Result {
        write!(f, " of {} rounds {}", self.host(), self.rounds)?;
        for one in heard {
            let (all, rounds) = (one.groups(), one.rounds);
            write!(f, " O{}: {}+{}+{}+{} of {rounds}", one.id, all[0], all[1], all[2], all[3])?;
            write!(f, " direct {} of {}", one.direct, one.direct_rounds)?;
        }
        Ok(())
    }
}

impl Heard {
    /// Of how many rounds the probe came, in the order of [`crate::Role::GROUPS`].
    pub fn groups(&self) -> [u32; 4] {
        [self.clients.get(), self.proposers.get(), self.acceptors.get(), self.learners.get()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromZeros, IntoBytes};

    #[test]
    fn a_host_keeps_its_name_as_far_as_there_is_room() {
        let mut tally = Tally::new_zeroed();
        for (name, told) in
            [("db-1", "db-1"), ("", ""), ("hôte 1", "h?te?1"), (&"x".repeat(40), &"x".repeat(24))]
        {
            tally.host = host_field(name);
            assert_eq!(Tally::parse(tally.as_bytes()).unwrap().0.host(), told);
        }
    }

    #[test]
    fn a_name_that_could_break_a_terminal_is_refused() {
        let mut tally = Tally::new_zeroed();
        tally.host[..3].copy_from_slice(b"a\x1bb");
        assert_eq!(Tally::parse(tally.as_bytes()).unwrap_err(), Refusal::Field("the name of a host"));
        tally.host[..3].copy_from_slice(b"a\0b");
        assert!(Tally::parse(tally.as_bytes()).is_err());
    }
}
