//! Election: who should lead. It only suggests; ballots decide.
//!
//! The proposer that is fit, knows all that is decided, and has the lowest id among the live ones should
//! lead. Being wrong costs time, never an order.

use super::Nanos;
use super::outbox::{Notice, Outbox};
use crate::limits::PEERS_MAX;
use wire::{Packet, flags};

#[derive(Clone, Copy, Debug)]
struct Peer {
    id: u16,
    heard: Nanos,
    unfit: bool,
    ready: bool,
}

pub struct Election {
    id: u16,
    suspect: Nanos,
    peers: heapless::Vec<Peer, PEERS_MAX>,
    looked: Nanos,
}

impl Election {
    pub fn new(id: u16, suspect: Nanos) -> Election {
        Election { id, suspect, peers: heapless::Vec::new(), looked: 0 }
    }

    /// A heartbeat came from another proposer, which says how fit it is.
    pub fn heartbeat(&mut self, now: Nanos, packet: &Packet<'_>, out: &mut Outbox) {
        self.alive(now, packet.sender.id, out);
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == packet.sender.id) {
            (peer.unfit, peer.ready) = (packet.has(flags::UNFIT), packet.has(flags::READY));
        }
    }

    /// Anything from a proposer shows that it lives. One that was not known is taken for fit until its
    /// heartbeat says how it is: what it sent, it sent because it leads or wants to. Returns whether it was
    /// known.
    pub fn alive(&mut self, now: Nanos, id: u16, out: &mut Outbox) -> bool {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id) {
            peer.heard = now;
            return true;
        }
        if self.peers.push(Peer { id, heard: now, unfit: false, ready: true }).is_ok() {
            out.notice(Notice::Returned { proposer: id });
        }
        false
    }

    /// A proposer asks for promises, or leads: it would not if it did not know all that is decided.
    pub fn leading(&mut self, id: u16) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == id) {
            peer.ready = true;
        }
    }

    /// Drops who was silent for the suspicion time. Returns whether somebody should be asked for a sign of
    /// life.
    pub fn look(&mut self, now: Nanos, out: &mut Outbox) -> bool {
        let slept = now.saturating_sub(self.looked);
        if slept > self.suspect / 2 {
            // We were not there to hear: that says nothing about the others.
            for peer in &mut self.peers {
                peer.heard += slept;
            }
        }
        self.looked = now;
        for peer in &self.peers {
            if now.saturating_sub(peer.heard) >= self.suspect {
                out.notice(Notice::Suspected { proposer: peer.id });
            }
        }
        self.peers.retain(|peer| now.saturating_sub(peer.heard) < self.suspect);
        self.alone() || self.peers.iter().any(|peer| now.saturating_sub(peer.heard) >= self.suspect / 2)
    }

    /// How often [`Election::look`] wants to be called.
    pub fn period(&self) -> Nanos {
        self.suspect / 10
    }

    /// Whether this proposer should lead, given how it stands itself.
    pub fn should_lead(&self, unfit: bool, ready: bool) -> bool {
        let own = (unfit, !ready, self.id);
        self.peers.iter().all(|peer| own < (peer.unfit, !peer.ready, peer.id))
    }

    /// Whether no other proposer is known to live.
    pub fn alone(&self) -> bool {
        self.peers.is_empty()
    }
}

#[cfg(test)]
mod tests;
