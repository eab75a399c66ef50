//! Who is who: other configurations are named, not mixed in; of two processes with one id the later start
//! ends.

use super::{Nanos, Notice, Outbox, Setup, Stop, To};
use crate::limits::MS;
use core::net::SocketAddrV4;
use wire::{Body, Hello, Packet, Role, Sender};

/// What every role checks before it looks at a packet.
pub struct Identity {
    me: Sender,
    cluster: u32,
    /// The longest packet of this configuration.
    longest: usize,
    quiet_until: Nanos,
    quiet_for: Nanos,
}

/// Another configuration is mentioned this long after the last mention at the earliest, then ever more
/// rarely.
const QUIET: core::ops::Range<Nanos> = 1_000 * MS..64_000 * MS;

impl Identity {
    pub fn new(setup: &Setup) -> Identity {
        Identity {
            me: setup.me,
            cluster: setup.layout.cluster,
            longest: setup.layout.packet,
            quiet_until: 0,
            quiet_for: QUIET.start,
        }
    }

    /// Tells our group that we are there.
    pub fn hello(&self, flags: u8, out: &mut Outbox) {
        out.send_flagged(To::Group(self.me.role), flags, &Hello { answered: 0.into() }, &[]);
    }

    /// Tells somebody that we are there, and nothing else.
    pub fn answer(&self, to: SocketAddrV4, out: &mut Outbox) {
        out.send(To::Peer(to), &Hello { answered: 0.into() }, &[]);
    }

    /// Whether the packet is one that the role should look at.
    pub fn admit(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>, out: &mut Outbox) -> bool {
        let sender = packet.sender;
        // Whoever only looks at the network concerns nobody, whatever its configuration.
        if sender.role == Role::Observer {
            return false;
        }
        if packet.header.cluster.get() != self.cluster {
            if now >= self.quiet_until {
                self.quiet_until = now + self.quiet_for;
                self.quiet_for = (2 * self.quiet_for).min(QUIET.end);
                out.notice(Notice::OtherConfiguration { sender, at: from });
            }
            return false;
        }
        if let Body::ProcessStatus(_) = packet.body {
            return false; // for whoever watches; nothing may depend on it
        }
        if usize::from(packet.header.length.get()) > self.longest {
            return false; // no window has room for it
        }
        if (sender.role, sender.id) != (self.me.role, self.me.id) {
            return true;
        }
        if let Body::Hello(hello) = packet.body {
            if sender.incarnation > self.me.incarnation {
                // Named, so that only that start ends, whoever else hears it.
                out.send(To::Peer(from), &Hello { answered: sender.incarnation.into() }, &[]);
            } else if hello.answered.get() == self.me.incarnation && sender.incarnation < self.me.incarnation
            {
                out.stop(Stop::SameId { at: from });
            }
        }
        false
    }
}
