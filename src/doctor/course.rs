//! The course of an examination: what to send when, and what was heard of whom. No sockets, no clocks.

use super::plan;
use super::source::Source;
use super::strangers::Strangers;
use crate::limits::{DOCTOR_OTHERS, DOCTOR_ROUNDS};
use crate::protocol::{Nanos, Outbox, To};
use std::net::SocketAddrV4;
use wire::{Body, Heard, Packet, Probe, Purpose, Refusal, Role, Sender, Tally, Way};
use zerocopy::IntoBytes;

/// What packets are filled with.
static ZEROS: [u8; wire::PACKET_MAX] = [0; wire::PACKET_MAX];
/// What comes before a probe's filling in an IP packet, bytes: headers of IP, UDP and ours, and the body.
const BEFORE_FILLING: usize = 28 + wire::HEADER_LEN + size_of::<Probe>();
/// Another start of an observer takes the place of one that was silent for so long.
const GONE: Nanos = 2_000_000_000;

/// What the course is told at its start.
#[derive(Clone, Debug)]
pub struct Setup {
    pub me: Sender,
    /// Where we send from.
    pub address: SocketAddrV4,
    pub cluster: u32,
    /// All hosts of the network, where there is a way to them.
    pub broadcast: Option<SocketAddrV4>,
    /// What does not change of our tallies.
    pub tally: Tally,
}

/// What an observer knows, and what it sends.
#[derive(Debug)]
pub struct Course {
    setup: Setup,
    /// Rounds begun.
    rounds: u32,
    next_round: Nanos,
    next_tally: Nanos,
    /// What came back of our own.
    own: Source,
    others: Vec<Source>,
    /// Observers that there was no room for.
    pub turned_away: u64,
    pub strangers: Strangers,
    /// When an observer was heard for the first time, the latest one.
    pub last_new: Nanos,
}

impl Course {
    pub fn new(setup: Setup, now: Nanos) -> Course {
        Course {
            rounds: 0,
            next_round: now,
            next_tally: now,
            own: Source::new(setup.me, setup.address, setup.cluster),
            others: Vec::with_capacity(DOCTOR_OTHERS),
            turned_away: 0,
            strangers: Strangers::default(),
            last_new: now,
            setup,
        }
    }

    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What came back of our own.
    pub fn own(&self) -> &Source {
        &self.own
    }

    /// The other observers that were heard.
    pub fn others(&self) -> &[Source] {
        &self.others
    }

    /// A checked packet came; `clock`: what the host's clock shows, nanoseconds since 1970.
    pub fn packet(&mut self, now: Nanos, clock: u64, from: SocketAddrV4, packet: &Packet<'_>) {
        let length = packet.header.length.get().saturating_add(28);
        let Some(source) = self.source(now, from, packet) else { return };
        source.heard_at = now;
        match packet.body {
            Body::Probe(probe, _) => source.probe(probe, length),
            Body::Tally(tally, heard) => {
                let me = self.setup.me;
                if packet.sender != me
                    && let Some(source) = self.others.iter_mut().find(|other| other.sender == packet.sender)
                {
                    source.tally(now, clock, me, tally, heard);
                }
            }
            _ => {}
        }
    }

    /// Something came that is no packet of ours.
    pub fn refused(&mut self, from: SocketAddrV4, refusal: Refusal) {
        self.strangers.refused(from, refusal);
    }

    /// Sends what is due. Returns when to be called again.
    pub fn turn(&mut self, now: Nanos, clock: u64, out: &mut Outbox) -> Nanos {
        // Whoever slept does not make up for all of it: that would be a burst of another kind.
        self.next_round = self.next_round.max(now.saturating_sub(4 * plan::ROUND));
        while self.next_round <= now && self.rounds < DOCTOR_ROUNDS {
            self.next_round += plan::ROUND;
            self.round(out);
        }
        if self.next_tally <= now {
            self.next_tally = now + plan::TALLY;
            self.tally(now, clock, out);
        }
        self.next_round.min(self.next_tally)
    }

    /// The observer that a packet is of; `None` when it is of something else, or there is no room.
    fn source(&mut self, now: Nanos, from: SocketAddrV4, packet: &Packet<'_>) -> Option<&mut Source> {
        let (sender, cluster) = (packet.sender, packet.header.cluster.get());
        if sender.role != Role::Observer {
            self.strangers.heard(now, from, packet);
            return None;
        }
        if sender == self.setup.me {
            return Some(&mut self.own);
        }
        let known = self.others.iter().position(|other| other.sender == sender);
        let at = known.or_else(|| {
            let new = Source::new(sender, from, cluster);
            let former = self.others.iter().position(|other| {
                other.sender.id == sender.id && other.address.ip() == from.ip() && now > other.heard_at + GONE
            });
            match former {
                Some(at) => self.others[at] = new,
                None if self.others.len() < DOCTOR_OTHERS => self.others.push(new),
                None => {
                    self.turned_away += 1;
                    return None;
                }
            }
            self.last_new = now;
            former.or(Some(self.others.len() - 1))
        })?;
        self.others.get_mut(at)
    }

    fn round(&mut self, out: &mut Outbox) {
        let round = self.rounds;
        self.rounds += 1;
        self.own.begun(round);
        for role in Role::GROUPS {
            let probe = Probe::new(Way::Group(role), Purpose::Count, round, 0);
            out.send(To::Group(role), &probe, &[&ZEROS[..plan::FILLING]]);
        }
        for other in &self.others {
            let probe = Probe::new(Way::Direct, Purpose::Count, round, 0);
            out.send(To::Peer(other.address), &probe, &[&ZEROS[..plan::FILLING]]);
        }
        // Both as payloads go: to the acceptors' group.
        let group = (To::Group(Role::Acceptor), Way::Group(Role::Acceptor));
        let mtu = self.setup.tally.mtu.get();
        if plan::is_burst(round) {
            for index in 0..plan::BURST {
                send(out, group, Purpose::Burst, (round, index as u16), mtu.min(plan::BURST_LENGTH_MAX));
            }
        }
        if plan::is_sizes(round) {
            self.sizes(round, group, out);
        }
    }

    /// Lengths up to the configuration's `mtu` by multicast; processes would complain of longer ones, which go to other
    /// observers only.
    fn sizes(&self, round: u32, group: (To, Way), out: &mut Outbox) {
        let tally = &self.setup.tally;
        let mtu = tally.mtu.get();
        let longest = tally.link_mtu.get().clamp(mtu, wire::PACKET_MAX as u16 + 28);
        for (index, size) in plan::sizes(mtu, longest).into_iter().enumerate() {
            let place = (round, index as u16);
            if size <= mtu {
                send(out, group, Purpose::Size, place, size);
            }
            for other in &self.others {
                send(out, (To::Peer(other.address), Way::Direct), Purpose::Size, place, size);
            }
        }
    }

    fn tally(&mut self, now: Nanos, clock: u64, out: &mut Outbox) {
        let mut tally = self.setup.tally;
        tally.sent_at = now.into();
        tally.clock = clock.into();
        tally.rounds = self.rounds.into();
        let all = std::iter::once(&self.own).chain(&self.others);
        let heard: heapless::Vec<Heard, { DOCTOR_OTHERS + 1 }> =
            all.map(|source| source.heard(now)).collect();
        let groups = Role::GROUPS.into_iter().map(To::Group);
        let others = self.others.iter().map(|other| To::Peer(other.address));
        for to in groups.chain(self.setup.broadcast.map(To::Peer)).chain(others) {
            out.send(to, &tally, &[heard.as_bytes()]);
        }
    }

    /// What the receive buffers have dropped so far, for our tallies.
    pub fn dropped(&mut self, drops: u32) {
        self.setup.tally.drops = drops.into();
    }
}

/// One probe of this length, IP and UDP headers included.
fn send(out: &mut Outbox, (to, way): (To, Way), purpose: Purpose, (round, index): (u32, u16), length: u16) {
    let filling = usize::from(length)
        .saturating_sub(BEFORE_FILLING + out.layout().trailer)
        .clamp(1, ZEROS.len() - BEFORE_FILLING - wire::TRAILER_LEN);
    out.send(to, &Probe::new(way, purpose, round, index), &[&ZEROS[..filling]]);
}

const _: () = assert!(DOCTOR_OTHERS + 1 == wire::HEARD_MAX);
