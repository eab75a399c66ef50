//! Which log a process follows.
//!
//! Acceptors that all lost their memory begin a new log, under a new random number that stands in the header
//! of every packet. Whoever has delivered something of the former one must stop rather than mix two orders;
//! whoever has not goes over to the new one. What a single packet says is never enough for either: it may be
//! old. The word of a majority of the acceptors, each in its latest start, is.

use super::quorum::Acceptors;
use crate::limits::ACCEPTORS_MAX;
use wire::{Kind, Packet, Role};

/// What a packet's log means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// It is of our log, or of no log at all.
    Here,
    /// It is of another log: it is as if it had not come.
    Elsewhere,
    /// A majority of the acceptors follows another log.
    Moved(u32),
}

#[derive(Clone, Debug)]
pub struct Lineage {
    log: u32,
    acceptors: Acceptors,
    /// By acceptor: its latest packet that was heard, by start and number, and the log that it follows.
    heard: [((u64, u64), u32); ACCEPTORS_MAX],
}

impl Lineage {
    pub fn new(acceptors: &Acceptors) -> Lineage {
        Lineage { log: 0, acceptors: acceptors.clone(), heard: [((0, 0), 0); ACCEPTORS_MAX] }
    }

    /// The log that this process follows; 0 while it knows of none.
    pub fn log(&self) -> u32 {
        self.log
    }

    /// Follows this log from now on.
    pub fn follow(&mut self, log: u32) {
        self.log = log;
    }

    /// Looks at the log in a packet's header.
    pub fn judge(&mut self, packet: &Packet<'_>) -> Belongs {
        let log = packet.header.log.get();
        if log == 0 {
            return if bound(packet.kind) { Belongs::Elsewhere } else { Belongs::Here };
        }
        // One start may have left a log that came to nothing for another: its packets tell in which order.
        let stamp = (packet.sender.incarnation, packet.header.sequence());
        if packet.sender.role == Role::Acceptor
            && let Some(at) = self.acceptors.index(packet.sender.id)
            && stamp >= self.heard[at].0
        {
            self.heard[at] = (stamp, log);
        }
        if self.log == 0 && (packet.sender.role == Role::Acceptor || bound(packet.kind)) {
            self.log = log;
        }
        if log == self.log || self.log == 0 {
            return Belongs::Here;
        }
        let followers = self.heard.iter().filter(|(_, other)| *other == log).count();
        if followers >= self.acceptors.majority() { Belongs::Moved(log) } else { Belongs::Elsewhere }
    }
}

/// Whether a packet of this kind says something about a log, so that it must name it.
pub fn bound(kind: Kind) -> bool {
    match kind {
        Kind::Phase1b | Kind::Phase2a | Kind::Phase2b | Kind::Nack | Kind::Watermark => true,
        Kind::Fetch | Kind::Value | Kind::Report | Kind::Helped | Kind::Found | Kind::Over => true,
        Kind::Hello | Kind::Submit | Kind::Ack | Kind::Phase1a | Kind::Heartbeat | Kind::CatchUp => false,
        Kind::Join | Kind::ProcessStatus => false,
        Kind::Probe | Kind::Tally => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{FixedBody, Hello, Layout, Nack, PACKET_MAX, Sender, Stamp};

    fn hears<B: FixedBody>(lineage: &mut Lineage, sender: (Role, u16, u64), log: u32, body: &B) -> Belongs {
        hears_number(lineage, sender, (0, log), body)
    }

    fn hears_number<B: FixedBody>(
        lineage: &mut Lineage,
        (role, id, incarnation): (Role, u16, u64),
        (sequence, log): (u64, u32),
        body: &B,
    ) -> Belongs {
        let mut buffer = [0; PACKET_MAX];
        let layout = Layout { packet: 1472, cluster: 5, trailer: 0 };
        let stamp = Stamp { sequence, log, flags: 0 };
        let length = wire::seal(&mut buffer, layout, Sender { role, id, incarnation }, stamp, body, &[]);
        lineage.judge(&Packet::parse(&buffer[..length]).expect("it was just made"))
    }

    fn nack() -> Nack {
        Nack { refused: wire::Ballot::ZERO.into(), promised: wire::Ballot::new(1, 1, 1).into() }
    }

    fn acceptor(lineage: &mut Lineage, id: u16, incarnation: u64, log: u32) -> Belongs {
        hears(lineage, (Role::Acceptor, id, incarnation), log, &nack())
    }

    fn lineage() -> Lineage {
        Lineage::new(&Acceptors::new(&[1, 2, 3]))
    }

    #[test]
    fn the_first_log_that_is_heard_of_is_followed() {
        let mut lineage = lineage();
        assert_eq!(acceptor(&mut lineage, 1, 1, 0), Belongs::Elsewhere, "a claim about no log");
        let hello = Hello { answered: 0.into() };
        assert_eq!(hears(&mut lineage, (Role::Learner, 1, 1), 0, &hello), Belongs::Here);
        assert_eq!((acceptor(&mut lineage, 1, 1, 7), lineage.log()), (Belongs::Here, 7));
        assert_eq!(acceptor(&mut lineage, 2, 1, 8), Belongs::Elsewhere);
        assert_eq!(lineage.log(), 7);
    }

    #[test]
    fn a_majority_in_another_log_has_moved_and_one_acceptor_has_not() {
        let mut lineage = lineage();
        for id in [1, 2, 3] {
            acceptor(&mut lineage, id, 1, 7);
        }
        assert_eq!(acceptor(&mut lineage, 1, 2, 8), Belongs::Elsewhere);
        assert_eq!(acceptor(&mut lineage, 1, 2, 8), Belongs::Elsewhere, "however often it says so");
        assert_eq!(acceptor(&mut lineage, 2, 2, 8), Belongs::Moved(8));
    }

    #[test]
    fn old_packets_of_a_former_log_move_nobody() {
        let mut lineage = lineage();
        for id in [1, 2, 3] {
            acceptor(&mut lineage, id, 9, 7);
        }
        for id in [1, 2, 3] {
            assert_eq!(acceptor(&mut lineage, id, 5, 6), Belongs::Elsewhere);
        }
    }

    #[test]
    fn old_packets_of_a_log_that_the_same_starts_left_move_nobody() {
        let mut lineage = lineage();
        for id in [1, 2, 3] {
            hears_number(&mut lineage, (Role::Acceptor, id, 9), (20, 7), &nack());
        }
        for id in [1, 2, 3] {
            let belongs = hears_number(&mut lineage, (Role::Acceptor, id, 9), (19, 6), &nack());
            assert_eq!(belongs, Belongs::Elsewhere);
        }
    }
}
