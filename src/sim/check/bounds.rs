//! Nothing grows without bound, whatever comes (invariant 8).

use super::Checked;
use crate::limits::AHEAD_MAX;
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
