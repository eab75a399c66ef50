//! Election: who should lead. It only suggests; ballots decide.
//!
//! The proposer that is fit, knows all that is decided, and has the lowest id among the live ones should lead. Being wrong
//! costs time, never an order.

use super::outbox::{Notice, Outbox};
use super::Nanos;
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

    /// A heartbeat came from another proposer. Returns whether it was unknown, or taken for dead.
    pub fn heartbeat(&mut self, now: Nanos, packet: &Packet<'_>, out: &mut Outbox) -> bool {
        let (unfit, ready) = (packet.has(flags::UNFIT), packet.has(flags::READY));
        let new = !self.alive(now, packet.sender.id);
        if new {
            let peer = Peer { id: packet.sender.id, heard: now, unfit, ready };
            if self.peers.push(peer).is_ok() {
                out.notice(Notice::Returned { proposer: peer.id });
            }
        } else if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == packet.sender.id) {
            (peer.unfit, peer.ready) = (unfit, ready);
        }
        new
    }

    /// Anything from a known proposer shows that it lives. Returns whether it is known.
    pub fn alive(&mut self, now: Nanos, id: u16) -> bool {
        let peer = self.peers.iter_mut().find(|peer| peer.id == id);
        peer.map(|peer| peer.heard = now).is_some()
    }

    /// Drops who was silent for the suspicion time. Returns whether somebody should be asked for a sign of life.
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
        self.peers.iter().any(|peer| now.saturating_sub(peer.heard) >= self.suspect / 2)
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
