//! Nothing grows without bound, whatever comes (invariant 8).

use super::Checked;
use crate::limits::{AHEAD_MAX, MS};
use crate::protocol::Nanos;
use crate::sim::failure::hold;
use wire::{Packet, Phase2a, Sender};

/// A leader proposes no further beyond its watermark than an acceptor accepts.
///
/// # Errors
/// When it does.
pub fn proposal(packet: &Packet<'_>, body: &Phase2a) -> Checked {
    let ahead = body.instance.get().saturating_sub(body.decided_until.get());
    hold!(ahead < AHEAD_MAX, Bounds, "{packet}: {ahead} instances beyond its watermark");
    Ok(())
}

/// How often something is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    second: u32,
    /// In that second.
    sends: u32,
}

/// A leader that has nothing to wait for sends an instance again after a round trip of some 0.1 ms at the
/// soonest, and that only when it hears that it was missed. More than this in a second is a storm.
const SENDS_MAX: u32 = 1000;

impl Pace {
    /// It is sent once more.
    ///
    /// # Errors
    /// When that is a storm.
    pub fn send(&mut self, now: Nanos, packet: &Packet<'_>) -> Checked {
        let second = (now / (1000 * MS)) as u32;
        if second != self.second {
            (self.second, self.sends) = (second, 0);
        }
        self.sends += 1;
        hold!(self.sends <= SENDS_MAX, Bounds, "{packet}: sent {SENDS_MAX} times in a second");
        Ok(())
    }
}

/// An acceptor stores nothing far beyond what is chosen. `top`: one past the highest instance stored.
///
/// # Errors
/// When it does.
pub fn store(who: Sender, top: u64, frontier: u64) -> Checked {
    let most = frontier.saturating_add(AHEAD_MAX);
    hold!(top <= most, Bounds, "{who} stores instance {}, and only {frontier} are chosen", top - 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::forge::{self, acceptor, broken, proposer, seen};
    use super::*;
    use crate::sim::failure::Rule;
    use wire::Body;

    #[test]
    fn a_packet_that_is_sent_again_and_again_is_a_violation() {
        let mut pace = Pace::default();
        let mut sends =
            |now| seen(&forge::proposal(proposer(1), 1, 0, 0, "x"), |packet| pace.send(now, packet));
        (0..SENDS_MAX).for_each(|_| sends(5000 * MS).unwrap());
        sends(6000 * MS).unwrap();
        (1..SENDS_MAX).for_each(|_| sends(6999 * MS).unwrap());
        assert_eq!(broken(sends(6999 * MS)), Rule::Bounds);
    }

    #[test]
    fn what_lies_too_far_ahead_is_a_violation_when_proposed_and_when_stored() {
        let proposes = |instance| {
            seen(&forge::proposal(proposer(1), 1, instance, 10, "x"), |packet| {
                let Body::Phase2a(body, _) = packet.body else { unreachable!() };
                proposal(packet, body)
            })
        };
        proposes(9 + AHEAD_MAX).unwrap();
        assert_eq!(broken(proposes(10 + AHEAD_MAX)), Rule::Bounds);
        store(acceptor(1), 10 + AHEAD_MAX, 10).unwrap();
        assert_eq!(broken(store(acceptor(1), 11 + AHEAD_MAX, 10)), Rule::Bounds);
    }
}
