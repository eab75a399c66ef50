//! Who leads, by what the proposers tell one another: the bench listens to their heartbeats.

use crate::conf::BUFFER_DEFAULT;
use crate::engine::batch::Receiver;
use crate::engine::clock::Clock;
use crate::engine::sockets::{self, Which};
use crate::protocol::Nanos;
use std::collections::BTreeMap;
use std::net::{SocketAddrV4, UdpSocket};
use wire::sealing::Opener;
use wire::{Ballot, Body, Keys, Packet, Role, flags};

/// Listens to the proposers' group.
pub struct Watch {
    clock: Clock,
    socket: UdpSocket,
    receiver: Receiver,
    /// There where packets are sealed.
    opener: Option<Opener>,
    seen: Seen,
}

/// What was heard.
#[derive(Default)]
pub struct Seen {
    /// By id: when a proposer was heard last.
    heard: BTreeMap<u16, Nanos>,
    /// The highest ballot in which a proposer said that it leads.
    leading: Ballot,
    /// How often that has changed.
    changes: u64,
    /// The highest ballot that its proposer spoke of, and when it did so first.
    campaign: (Ballot, Nanos),
}

impl Watch {
    /// # Errors
    /// A sentence about what the system did not grant.
    pub fn open(group: SocketAddrV4, clock: Clock, keys: Option<Keys>) -> Result<Watch, String> {
        let via = sockets::via(&Which::Loopback).map_err(|error| error.to_string())?;
        let socket = sockets::group(group, &via, BUFFER_DEFAULT).map_err(|error| error.to_string())?;
        Ok(Watch {
            clock,
            socket,
            receiver: Receiver::new(),
            opener: keys.map(Opener::new),
            seen: Seen::default(),
        })
    }

    /// Takes note of what has come.
    ///
    /// # Errors
    /// A sentence when the socket fails.
    pub fn look(&mut self) -> Result<&Seen, String> {
        let failed = |error| format!("the proposers' group cannot be read: {error}");
        while self.receiver.read(&self.socket).map_err(failed)? > 0 {
            let now = self.clock.now();
            for (_, bytes) in self.receiver.packets_mut() {
                let packet = match &mut self.opener {
                    None => Packet::parse(bytes),
                    Some(opener) => opener.open(bytes),
                };
                if let Ok(packet) = packet {
                    self.seen.packet(now, &packet);
                }
            }
        }
        Ok(&self.seen)
    }
}

impl Seen {
    fn packet(&mut self, now: Nanos, packet: &Packet<'_>) {
        let Body::Heartbeat(body) = packet.body else { return };
        if packet.sender.role != Role::Proposer {
            return;
        }
        self.heard.insert(packet.sender.id, now);
        // A heartbeat has the highest ballot that its sender knows of, which may be another's.
        let ballot = body.ballot.get();
        if (ballot.proposer(), ballot.incarnation()) != (packet.sender.id, packet.sender.incarnation) {
            return;
        }
        if ballot > self.campaign.0 {
            self.campaign = (ballot, now);
        }
        if packet.has(flags::LEADING) && ballot > self.leading {
            self.leading = ballot;
            self.changes += 1;
        }
    }

    /// The ballot of whoever leads, as far as is known; none before the first one leads.
    pub fn leading(&self) -> Option<Ballot> {
        Some(self.leading).filter(|ballot| !ballot.is_zero())
    }

    /// How often somebody began to lead.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// When the campaign of the highest ballot began.
    pub fn campaigned(&self) -> Nanos {
        self.campaign.1
    }

    /// How many proposers were heard since then.
    pub fn heard_since(&self, since: Nanos) -> usize {
        self.heard.values().filter(|heard| **heard >= since).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Heartbeat, Layout, Sender, Stamp};

    fn hear(seen: &mut Seen, now: Nanos, (id, incarnation): (u16, u64), ballot: Ballot, flags: u8) {
        let sender = Sender { role: Role::Proposer, id, incarnation };
        let layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
        let body = Heartbeat { ballot: ballot.into(), decided_until: 0.into() };
        let mut bytes = [0; 1472];
        let length = wire::seal(&mut bytes, layout, sender, Stamp { flags, ..Stamp::default() }, &body, &[]);
        seen.packet(now, &Packet::parse(&bytes[..length]).expect("a test sends what can be read"));
    }

    #[test]
    fn whoever_says_so_in_the_highest_ballot_of_its_own_leads() {
        let mut seen = Seen::default();
        let [one, two, again] = [Ballot::new(1, 1, 10), Ballot::new(2, 2, 20), Ballot::new(3, 1, 11)];
        hear(&mut seen, 1, (1, 10), one, 0);
        assert_eq!(seen.leading(), None, "it only campaigns");
        hear(&mut seen, 2, (1, 10), one, flags::LEADING);
        assert_eq!((seen.leading(), seen.campaigned()), (Some(one), 1));
        hear(&mut seen, 3, (2, 20), two, flags::LEADING);
        hear(&mut seen, 4, (1, 10), two, flags::LEADING);
        assert_eq!(seen.leading(), Some(two), "a former leader does not know yet");
        hear(&mut seen, 5, (1, 11), two, 0);
        hear(&mut seen, 6, (1, 11), again, flags::LEADING);
        hear(&mut seen, 7, (1, 11), again, flags::LEADING);
        assert_eq!((seen.leading(), seen.campaigned(), seen.changes()), (Some(again), 6, 3));
    }

    #[test]
    fn a_proposer_counts_as_heard_with_its_last_heartbeat() {
        let mut seen = Seen::default();
        hear(&mut seen, 5, (1, 10), Ballot::ZERO, 0);
        hear(&mut seen, 7, (2, 20), Ballot::ZERO, 0);
        hear(&mut seen, 8, (2, 20), Ballot::ZERO, 0);
        assert_eq!([5, 6, 8, 9].map(|since| seen.heard_since(since)), [2, 1, 1, 0]);
    }
}
