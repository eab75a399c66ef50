//! Who is let in where packets are sealed: those who have a key, each packet once.
//!
//! Of a packet only the header is looked at before a key has proven it. What proves it is made of the key and of who
//! sends; it is remembered with the windows of that sender, in a table that only proven packets enter. So nobody
//! without a key can fill it, and a packet that pretends to come from a stranger costs no more than its proof and
//! the making of a subkey, 0.2 µs, a fraction of what the kernel took to bring it.
//!
//! A packet is accepted once. It is sealed for the address that it was sent to, so it cannot be played to another
//! socket, and each socket has a window of its own for each sender: a sender numbers its packets over all
//! destinations, sockets are read one after the other, and what waits in one must not be too old because another
//! was read before it. Within a socket the network may disorder 4,032 packets of a sender.
//!
//! Of an earlier start than one that was heard nothing new is accepted: it is over, or its packets are a capture. A
//! start that was heard *before* the later one goes on to be: where two processes have one id the later one ends,
//! and the first must not be shut out for that.

mod window;

use super::senders::places;
use crate::limits::SENDERS;
use std::net::SocketAddrV4;
use window::Window;
use wire::sealing::{Seal, Subkey};
use wire::{Keys, Packet, Refusal, Sender};

/// Sockets of a process at most: three groups, and its own.
pub const SOCKETS: usize = 4;

/// Opens what comes in.
pub struct Guard {
    keys: Keys,
    /// See [`places`].
    known: Box<[Option<Known>]>,
    /// Of each place, one for each socket. They are memory from when they are used on.
    windows: Box<[[Window; SOCKETS]]>,
    /// Where the sender of the last packet is: the next one is often of the same.
    last: usize,
    /// Counts accepted packets: who was heard at the least number was silent for longest.
    accepted: u64,
}

/// A start of a process of which a packet was accepted.
struct Known {
    sender: Sender,
    cluster: u32,
    heard: u64,
    /// With the id of the key that it is made of; none until it is needed again.
    subkey: Option<(u8, Subkey)>,
}

impl Known {
    fn is(&self, seal: &Seal) -> bool {
        (self.sender, self.cluster) == (seal.sender, seal.cluster)
    }

    /// Whether it is the same process, in whichever start.
    fn is_named(&self, seal: &Seal) -> bool {
        (self.sender.role, self.sender.id, self.cluster) == (seal.sender.role, seal.sender.id, seal.cluster)
    }
}

impl Guard {
    /// Allocates all it will ever use.
    pub fn new(keys: Keys) -> Guard {
        Guard {
            keys,
            known: (0..SENDERS).map(|_| None).collect(),
            windows: window::zeroed(SENDERS),
            last: 0,
            accepted: 0,
        }
    }

    /// Goes over to other keys. Who was heard is not forgotten.
    pub fn replace(&mut self, keys: Keys) {
        self.keys = keys;
        self.known.iter_mut().flatten().for_each(|known| known.subkey = None);
    }

    /// Opens, where it lies, a packet that came to this socket, which has this address.
    ///
    /// # Errors
    /// Why it is not accepted. The bytes may be spoilt then.
    pub fn open<'a>(
        &mut self,
        (socket, address): (usize, SocketAddrV4),
        bytes: &'a mut [u8],
    ) -> Result<Packet<'a>, Refusal> {
        let seal = Seal::of(bytes)?;
        if seal.to != address {
            return Err(Refusal::Misdirected { to: seal.to });
        }
        let Some(key) = self.keys.get(seal.key) else { return Err(Refusal::Sealed { key: seal.key }) };
        let make = || Subkey::new(key, seal.cluster, seal.sender);
        let (at, packet) = match self.find(&seal)? {
            Some(at) => {
                if !self.windows[at][socket].is_new(seal.sequence) {
                    return Err(Refusal::Replayed { sequence: seal.sequence });
                }
                let known = self.known[at].as_mut().expect("it was found there");
                let packet = match &known.subkey {
                    Some((made_of, subkey)) if *made_of == seal.key => subkey.open(&seal, bytes)?,
                    _ => {
                        let subkey = make();
                        let packet = subkey.open(&seal, bytes)?;
                        known.subkey = Some((seal.key, subkey));
                        packet
                    }
                };
                (at, packet)
            }
            None => {
                let subkey = make();
                let packet = subkey.open(&seal, bytes)?;
                (self.enter(&seal, subkey), packet)
            }
        };
        self.accepted += 1;
        self.known[at].as_mut().expect("it was found or made there").heard = self.accepted;
        self.windows[at][socket].mark(seal.sequence);
        self.last = at;
        Ok(packet)
    }

    /// Where a sender is known.
    fn find(&self, seal: &Seal) -> Result<Option<usize>, Refusal> {
        if self.known[self.last].as_ref().is_some_and(|known| known.is(seal)) {
            return Ok(Some(self.last));
        }
        let mut later = false;
        for at in places(seal.sender.role, seal.sender.id) {
            match &self.known[at] {
                Some(known) if known.is(seal) => return Ok(Some(at)),
                Some(known) => {
                    later |= known.is_named(seal) && known.sender.incarnation > seal.sender.incarnation;
                }
                None => {}
            }
        }
        if later { Err(Refusal::Outdated) } else { Ok(None) }
    }

    /// Makes a place for a sender of which a packet was proven: that of who was silent for longest.
    fn enter(&mut self, seal: &Seal, subkey: Subkey) -> usize {
        let heard = |at: &usize| self.known[*at].as_ref().map_or(0, |known| known.heard);
        let at = places(seal.sender.role, seal.sender.id).min_by_key(heard).expect("a set has places");
        self.known[at] = Some(Known {
            sender: seal.sender,
            cluster: seal.cluster,
            heard: 0,
            subkey: Some((seal.key, subkey)),
        });
        self.windows[at].iter_mut().for_each(Window::clear);
        at
    }
}

#[cfg(test)]
mod tests;
