//! The network: from a sender to all who listen.

use super::World;
use super::turn::Origin;
use crate::protocol::To;
use crate::sim::check::Speaker;
use crate::sim::check::durable::Shadow;
use crate::sim::failure::{Failure, hold};
use crate::sim::network::{Hop, damage};
use crate::sim::node::{self, listens_to};
use crate::sim::packets::PacketId;
use crate::sim::queue::What;
use wire::{Body, Kind, Layout, PACKET_MAX, Packet, Phase2a, Role, Stamp};

/// How far ahead nobody honest proposes.
const FAR: u64 = 1 << 33;
/// Packets of the past that may come back.
const PAST: usize = 512;

/// A packet of the past, and how it went out.
#[derive(Clone, Copy)]
pub(super) struct Old {
    origin: Origin,
    to: To,
    kind: Kind,
    packet: PacketId,
}

impl World {
    /// A process sends. `durable`: what its disk holds, if it keeps one.
    pub(super) fn send(
        &mut self,
        origin: Origin,
        to: To,
        bytes: &[u8],
        durable: Option<&Shadow>,
    ) -> Result<(), Failure> {
        let me = origin.me;
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(refusal) => {
                hold!(false, Bytes, "{me} sends what nobody reads: {refusal}");
                return Ok(());
            }
        };
        self.counts.sent[packet.kind as usize] += 1;
        let tag = u64::from_le_bytes(packet.header.tag);
        self.digest = (self.digest ^ tag ^ self.now).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        let speaker = Speaker { start: origin.start, life: origin.life, durable };
        if let Some(trace) = &mut self.trace {
            trace.packet(self.now, node::address(origin.start), to, bytes);
        }
        let checked = self.checker.sent(self.now, &packet, speaker, &self.streams);
        self.found(checked)?;
        let id = self.packets.put(bytes);
        let sent = Old { origin, to, kind: packet.kind, packet: id };
        let told = self.story.is_told().then(|| format!("{packet} →"));
        self.carry(&sent, told);
        self.remember(sent);
        if self.chance.percent(self.network.weather.replayed) {
            let at = self.chance.below(self.past.len() as u64) as usize;
            let old = self.past[at];
            let told = self.story.is_told().then(|| "    an old packet comes again:".to_owned());
            if let Some(trace) = &mut self.trace {
                let bytes = self.packets.bytes(old.packet);
                trace.packet(self.now, node::address(old.origin.start), old.to, bytes);
            }
            self.carry(&old, told);
        }
        Ok(())
    }

    /// Lets the acceptors hear, in the name of whoever led last, of an instance that lies far ahead of all.
    pub(in crate::sim) fn propose_far_ahead(&mut self) {
        let Some(mut old) = self.past.iter().rev().find(|old| old.kind == Kind::Phase2a).copied() else {
            return;
        };
        let Ok(Packet { header, sender, body: Body::Phase2a(body, batch), .. }) =
            Packet::parse(self.packets.bytes(old.packet))
        else {
            return;
        };
        let far = Phase2a { instance: (body.instance.get() + FAR).into(), ..*body };
        let layout = Layout { packet: PACKET_MAX, cluster: header.cluster.get(), trailer: 0 };
        let stamp = Stamp { sequence: header.sequence(), log: header.log.get(), flags: 0 };
        let mut bytes = [0; PACKET_MAX];
        let length = wire::seal(&mut bytes, layout, sender, stamp, &far, &[batch.as_bytes()]);
        old.packet = self.packets.put(&bytes[..length]);
        for start in 0..self.nodes.len() {
            if self.nodes[start].as_ref().is_some_and(|node| node.me.role == Role::Acceptor) {
                self.carry(&Old { to: To::Peer(node::address(start)), ..old }, None);
            }
        }
        self.packets.release(old.packet);
    }

    /// Keeps some packets of the past. Takes over the hold of the packet.
    fn remember(&mut self, sent: Old) {
        if self.past.len() < PAST {
            self.past.push(sent);
        } else if self.chance.once_in(16) {
            let at = self.chance.below(PAST as u64) as usize;
            let forgotten = core::mem::replace(&mut self.past[at], sent);
            self.packets.release(forgotten.packet);
        } else {
            self.packets.release(sent.packet);
        }
    }

    /// Carries a packet to all who listen. `told`: the beginning of a line of the story.
    fn carry(&mut self, sent: &Old, mut told: Option<String>) {
        match sent.to {
            To::Peer(address) => {
                let start = node::start_at(address);
                if let Some(Some(node)) = self.nodes.get(start) {
                    let socket = listens_to(node.me.role).len();
                    self.carry_to(sent, start, socket, None, told.as_mut());
                }
            }
            To::Group(group) => {
                for at in 0..self.listeners[group as usize - 1].len() {
                    let (start, socket) = self.listeners[group as usize - 1][at];
                    self.carry_to(sent, start.into(), socket.into(), Some(group), told.as_mut());
                }
            }
        }
        if let Some(line) = told {
            self.tell(format_args!("{line}"));
        }
    }

    fn carry_to(
        &mut self,
        sent: &Old,
        start: usize,
        socket: usize,
        group: Option<Role>,
        told: Option<&mut String>,
    ) {
        let Some(node) = &self.nodes[start] else { return };
        if start == sent.origin.start {
            return;
        }
        let link = (sent.origin.place, node.place);
        let hop = Hop { from: sent.origin.me, to: node.me, kind: sent.kind, group, link };
        let passes = self.network.passes(&hop);
        let held = passes && self.network.holds(&hop);
        let fate = if passes { self.network.fate(&mut self.chance, link) } else { Default::default() };
        if let Some(told) = told {
            use core::fmt::Write;
            let copies = fate.copies.iter().flatten().count();
            let how = match copies {
                _ if !passes => " (cut)",
                _ if held => " (held)",
                0 => " (lost)",
                _ if fate.damaged => " (damaged)",
                2 => " (twice)",
                _ => "",
            };
            // Writing to a string cannot fail.
            let _ = write!(told, " {}{how}", node.me);
        }
        let from = sent.origin.start as u16;
        for (copy, delay) in fate.copies.into_iter().flatten().enumerate() {
            let packet = if fate.damaged && copy == 0 { self.damaged(sent.packet) } else { sent.packet };
            if packet == sent.packet {
                self.packets.hold(packet);
            }
            let arrives = What::Arrive { packet, from, socket: socket as u8 };
            if held {
                self.held.push((start, arrives));
            } else {
                self.queue.push(self.now + delay, start, arrives);
            }
        }
    }

    /// What was held arrives now.
    pub(in crate::sim) fn release(&mut self) {
        self.network.holds.clear();
        for (start, arrives) in core::mem::take(&mut self.held) {
            self.queue.push(self.now, start, arrives);
        }
    }

    /// A damaged copy of a packet.
    fn damaged(&mut self, packet: PacketId) -> PacketId {
        self.scratch.clear();
        self.scratch.extend_from_slice(self.packets.bytes(packet));
        damage(&mut self.chance, &mut self.scratch);
        self.packets.put_damaged(&self.scratch)
    }
}
