//! When each value was submitted.
//!
//! At a fixed rate a value counts from when it was *due*, whether or not the bench, or a full pipe, let it
//! leave then: else a stall would hide the waiting of all that it held up (coordinated omission). Without a
//! rate a value counts from when the piece that holds it was handed to the pipe, one time for each piece.

use crate::protocol::Nanos;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pieces of a client whose time is kept. In flight are at most the pipe (1 MiB), what the client has read,
/// and how far a learner is behind; a piece is 64 KiB.
const PIECES: usize = 1 << 14;

pub struct Times {
    clients: u64,
    /// Values in a piece.
    per_piece: u64,
    rate: Option<u64>,
    /// When value 1 of the first client is due.
    start: AtomicU64,
    /// Of each client the times of its last pieces.
    pieces: Vec<Box<[AtomicU64]>>,
}

impl Times {
    pub fn new(clients: u16, per_piece: u64, rate: Option<u64>) -> Times {
        let kept = if rate.is_some() { 0 } else { PIECES };
        let ring = |_| (0..kept).map(|_| AtomicU64::new(0)).collect();
        Times {
            clients: clients.into(),
            per_piece,
            rate,
            start: AtomicU64::new(0),
            pieces: (0..clients).map(ring).collect(),
        }
    }

    pub fn start_at(&self, start: Nanos) {
        self.start.store(start, Ordering::Relaxed);
    }

    pub fn rate(&self) -> Option<u64> {
        self.rate
    }

    pub fn per_piece(&self) -> u64 {
        self.per_piece
    }

    /// When a value is due at this rate; value 0 opened the session before.
    pub fn due(&self, client: usize, number: u64, rate: u64) -> Nanos {
        let before = (number - 1) * self.clients + client as u64;
        self.start.load(Ordering::Relaxed) + (u128::from(before) * 1_000_000_000 / u128::from(rate)) as u64
    }

    /// Values of all clients that are due by now, opening ones included; without a rate no others are ever due.
    pub fn due_by(&self, now: Nanos) -> u64 {
        let since = now.saturating_sub(self.start.load(Ordering::Relaxed));
        let due = self.rate.map_or(0, |rate| u128::from(since) * u128::from(rate) / 1_000_000_000 + 1);
        self.clients + due as u64
    }

    /// The piece that begins with this value is handed over.
    pub fn handed_over(&self, client: usize, first: u64, now: Nanos) {
        let piece = (first - 1) / self.per_piece;
        // Whoever prints the value has had it from the pipe, so an order between threads is given.
        self.pieces[client][piece as usize % PIECES].store(now, Ordering::Release);
    }

    /// Tells when each of these values was submitted, and how many were then.
    pub fn submitted(&self, client: usize, first: u64, count: u64, mut tell: impl FnMut(Nanos, u64)) {
        let (mut number, end) = (first.max(1), first + count);
        if let Some(rate) = self.rate {
            (number..end).for_each(|number| tell(self.due(client, number, rate), 1));
            return;
        }
        while number < end {
            let piece = (number - 1) / self.per_piece;
            let next = ((piece + 1) * self.per_piece + 1).min(end);
            tell(self.pieces[client][piece as usize % PIECES].load(Ordering::Acquire), next - number);
            number = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a_rate_the_clients_take_turns() {
        let times = Times::new(2, 10, Some(1000));
        times.start_at(5_000_000);
        let due = [(0, 1), (1, 1), (0, 2), (1, 2)].map(|(client, number)| times.due(client, number, 1000));
        assert_eq!(due, [5_000_000, 6_000_000, 7_000_000, 8_000_000]);
        let due_by = [5_000_000, 5_999_999, 6_000_000, 8_000_000].map(|now| times.due_by(now));
        assert_eq!(due_by, [3, 3, 4, 6], "the opening ones are due at once");
        let mut told = Vec::new();
        times.submitted(1, 0, 3, |at, count| told.push((at, count)));
        assert_eq!(told, [(6_000_000, 1), (8_000_000, 1)], "value 0 is not measured");
    }

    #[test]
    fn without_a_rate_values_have_the_time_of_their_piece() {
        let times = Times::new(1, 10, None);
        times.handed_over(0, 1, 100);
        times.handed_over(0, 11, 200);
        times.handed_over(0, 21, 300);
        let mut told = Vec::new();
        times.submitted(0, 0, 1, |at, count| told.push((at, count)));
        times.submitted(0, 8, 15, |at, count| told.push((at, count)));
        assert_eq!(told, [(100, 3), (200, 10), (300, 2)]);
    }
}
