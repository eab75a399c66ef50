//! Which sockets wake the process.
//!
//! A wake-up costs more than what a lone packet brings, and where cores are few it delays those that are waited
//! for. So while little comes, a socket whose packets may wait wakes nobody: whoever wakes for something else
//! reads it too, and when nobody does it is looked at in time.

use crate::protocol::Nanos;

/// What packets that came in a while cost a receive buffer when they are no longer few, and the while: what comes fast must
/// not lie, or it holds the leader back. 80,000 bytes are 8 of the longest packets and some 90 of the shortest, and three
/// fifths of what flow control lets lie in the smallest default receive buffer, 212,992 bytes × 5/8.
const MANY: u64 = 80_000;
const WHILE: Nanos = 2_000_000;
/// When so many looks in a row have found nothing, the next packet wakes the process: who idles sleeps.
const LOOKS_IN_VAIN: u32 = 4;

/// Of one socket: whether it wakes the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attention {
    /// When to look at it at the latest, while it wakes nobody.
    look: Option<Nanos>,
    in_vain: u32,
    /// Since when packets are counted, and what they cost.
    counted: (Nanos, u64),
    /// In this while, or the one before it, many came: all packets wake the process.
    eager: bool,
}

impl Attention {
    /// When the process must look at the socket; `None` when the socket wakes it.
    pub fn look(&self) -> Option<Nanos> {
        self.look
    }

    /// A turn ends in which packets were read that cost the socket's buffer so much, 0 when none came. What comes next
    /// may wait for `patience`. Returns whether it has become another question if the socket wakes the process.
    pub fn turn(&mut self, now: Nanos, cost: u64, patience: Nanos) -> bool {
        let before = self.look;
        let due = before.is_some_and(|look| now >= look);
        if cost > 0 {
            self.in_vain = 0;
        } else {
            self.in_vain += u32::from(due);
        }
        let (since, sum) = &mut self.counted;
        if now - *since >= WHILE {
            self.eager = *sum >= MANY && now - *since < 2 * WHILE;
            (*since, *sum) = (now, 0);
        }
        *sum += cost;
        self.eager |= *sum >= MANY;
        self.look = if patience == 0 || self.eager || self.in_vain >= LOOKS_IN_VAIN {
            self.in_vain = 0;
            None
        } else if cost > 0 || due || before.is_none() {
            Some(now + patience)
        } else {
            before
        };
        before.is_some() != self.look.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_packets_are_looked_at_when_their_time_comes() {
        let mut socket = Attention::default();
        assert!(socket.turn(100, 1, 50));
        assert_eq!(socket.look(), Some(150));
        assert!(!socket.turn(120, 0, 50), "a turn that found nothing puts nothing off");
        assert_eq!(socket.look(), Some(150));
        assert!(!socket.turn(150, 2, 50));
        assert_eq!(socket.look(), Some(200));
        assert!(socket.turn(160, 0, 0), "who cannot wait any more is woken");
        assert_eq!(socket.look(), None);
    }

    #[test]
    fn while_much_comes_every_packet_wakes_the_process() {
        let mut socket = Attention::default();
        socket.turn(1, 1, 50);
        assert!(socket.turn(2, MANY, 50));
        let mut now = 2;
        for _ in 0..80 {
            now += WHILE / 8 - 1;
            assert!(!socket.turn(now, MANY / 8, 50));
        }
        let silence = now + 2 * WHILE;
        assert!(socket.turn(silence, 1, 50));
        assert_eq!(socket.look(), Some(silence + 50));
    }

    #[test]
    fn nobody_looks_for_ever_at_a_silent_socket() {
        let mut socket = Attention::default();
        socket.turn(0, 1, 50);
        let looks = core::iter::from_fn(|| {
            let look = socket.look()?;
            socket.turn(look, 0, 50);
            Some(look)
        });
        assert_eq!(looks.take(100).count(), LOOKS_IN_VAIN as usize);
    }
}
