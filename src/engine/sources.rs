//! Where packets are not sealed: each start of a process is heard from one address, and no two acceptors from one.
//!
//! Nothing keeps a liar out who forges addresses too. But whoever can only send from his own does not speak in the name
//! of a start that is heard, and a majority takes as many sockets as acceptors. An address that was silent for the
//! suspicion time is given up: a host may get another one.

use super::senders::places;
use crate::limits::SENDERS;
use crate::protocol::Nanos;
use std::net::SocketAddrV4;
use wire::{Refusal, Role, Sender};

/// A start of a process, and where it speaks.
#[derive(Clone, Copy, Debug)]
struct Source {
    sender: Sender,
    cluster: u32,
    from: SocketAddrV4,
    heard: Nanos,
}

pub struct Sources {
    known: Box<[Option<Source>]>,
    /// Where the sender of the last packet is: the next one is often of the same.
    last: usize,
    acceptors: Box<[u16]>,
    silence: Nanos,
}

impl Sources {
    /// Allocates all it will ever use. Who was silent for `silence` may speak from elsewhere.
    pub fn new(acceptors: &[u16], silence: Nanos) -> Sources {
        Sources {
            known: vec![None; SENDERS].into_boxed_slice(),
            last: 0,
            acceptors: acceptors.into(),
            silence,
        }
    }

    /// A packet came.
    ///
    /// # Errors
    /// [`Refusal::Source`] when its sender is heard from another address, or another acceptor from this one.
    pub fn check(
        &mut self,
        now: Nanos,
        from: SocketAddrV4,
        sender: Sender,
        cluster: u32,
    ) -> Result<(), Refusal> {
        if sender.role == Role::Observer {
            return Ok(()); // it concerns nobody
        }
        let found = self.find(sender, cluster);
        if let Some(at) = found {
            let known = self.known[at].as_mut().expect("it was found there");
            if known.from == from {
                (known.heard, self.last) = (now, at);
                return Ok(());
            }
        }
        let live = |known: &Source| now.saturating_sub(known.heard) < self.silence;
        if let Some(known) = found.and_then(|at| self.known[at]).filter(live) {
            return Err(Refusal::Source { heard: known.from });
        }
        let speaks_here = |known: &Source, id: u16| {
            (known.sender.role, known.sender.id) == (Role::Acceptor, id)
                && (known.from, known.cluster) == (from, cluster)
                && live(known)
        };
        let here = |id: u16| {
            self.known[places(Role::Acceptor, id)].iter().flatten().any(|known| speaks_here(known, id))
        };
        if sender.role == Role::Acceptor && self.acceptors.iter().any(|id| *id != sender.id && here(*id)) {
            return Err(Refusal::Source { heard: from });
        }
        // Of those who are heard none makes room, so that no crowd of invented names takes away an address.
        let free = |at: &usize| self.known[*at].as_ref().is_none_or(|known| !live(known));
        if let Some(at) = found.or_else(|| places(sender.role, sender.id).find(free)) {
            self.known[at] = Some(Source { sender, cluster, from, heard: now });
            self.last = at;
        }
        Ok(())
    }

    /// Where a start is known.
    fn find(&self, sender: Sender, cluster: u32) -> Option<usize> {
        let is = |at: &usize| {
            self.known[*at].is_some_and(|known| (known.sender, known.cluster) == (sender, cluster))
        };
        Some(self.last).filter(is).or_else(|| places(sender.role, sender.id).find(is))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SILENCE: Nanos = 100;

    fn sources() -> Sources {
        Sources::new(&[1, 2, 3], SILENCE)
    }

    fn acceptor(id: u16) -> Sender {
        Sender { role: Role::Acceptor, id, incarnation: 9 }
    }

    fn at(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    #[test]
    fn a_start_that_is_heard_does_not_speak_from_elsewhere() {
        let mut sources = sources();
        assert_eq!(sources.check(0, at(1), acceptor(1), 5), Ok(()));
        assert_eq!(sources.check(50, at(1), acceptor(1), 5), Ok(()));
        let refused = Err(Refusal::Source { heard: at(1) });
        assert_eq!(sources.check(149, at(2), acceptor(1), 5), refused, "and what is refused is not heard");
        assert_eq!(
            sources.check(150, at(2), acceptor(1), 5),
            Ok(()),
            "its host may have got another address"
        );
        assert_eq!(sources.check(151, at(1), acceptor(1), 5), Err(Refusal::Source { heard: at(2) }));
    }

    #[test]
    fn a_later_start_has_an_address_of_its_own() {
        let mut sources = sources();
        assert_eq!(sources.check(0, at(1), acceptor(1), 5), Ok(()));
        let later = Sender { incarnation: 10, ..acceptor(1) };
        assert_eq!(sources.check(1, at(2), later, 5), Ok(()));
        assert_eq!(sources.check(2, at(1), acceptor(1), 5), Ok(()));
    }

    #[test]
    fn two_acceptors_do_not_speak_from_one_address() {
        let mut sources = sources();
        assert_eq!(sources.check(0, at(1), acceptor(1), 5), Ok(()));
        assert_eq!(sources.check(1, at(1), acceptor(2), 5), Err(Refusal::Source { heard: at(1) }));
        assert_eq!(sources.check(1, at(1), acceptor(2), 6), Ok(()), "in another cluster it may");
        assert_eq!(sources.check(99, at(2), acceptor(2), 5), Ok(()));
        assert_eq!(sources.check(100, at(1), acceptor(3), 5), Ok(()), "the first one stopped");
        let restarted = Sender { incarnation: 10, ..acceptor(2) };
        assert_eq!(sources.check(101, at(2), restarted, 5), Ok(()), "an id may come back where it was");
    }

    #[test]
    fn a_crowd_of_invented_starts_takes_nobody_s_address() {
        let mut sources = sources();
        assert_eq!(sources.check(0, at(1), acceptor(1), 5), Ok(()));
        for incarnation in 10..1000 {
            let invented = Sender { incarnation, ..acceptor(1) };
            assert_eq!(sources.check(1, at(2), invented, 5), Ok(()));
        }
        assert_eq!(sources.check(2, at(2), acceptor(1), 5), Err(Refusal::Source { heard: at(1) }));
    }
}
