//! A thread that writes a client's values to its stdin.

use super::lines::Lines;
use super::pace;
use super::times::Times;
use crate::engine::clock::Clock;
use crate::protocol::Nanos;
use std::io::Write;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of a piece: what a client reads at once, and one system call of ours.
const PIECE: usize = 64 << 10;
/// Pipes are made this long, bytes; a user may do that without asking (fs.pipe-max-size).
pub const PIPE: usize = 1 << 20;
/// The shortest time between two writes at a rate: more than 10,000 a second would take a processor from the
/// cluster. What is due in the meantime waits, and its latency counts from when it was due.
const PAUSE: Nanos = 100_000;

/// Values of this size in a piece.
pub fn per_piece(size: usize) -> u64 {
    (PIECE / (size + 1)).max(1) as u64
}

/// The bench's end of a feeder.
pub struct Feeder {
    /// Its message lets the values go; its end lets the client's stdin end.
    go: Option<Sender<()>>,
    submitted: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// No values are left to be submitted: so many were, the opening one included.
const UNKNOWN: u64 = u64::MAX;

impl Feeder {
    /// Starts the thread, which submits value 0 and then waits.
    pub fn start(
        client: usize,
        (size, limit): (usize, Option<u64>),
        pipe: ChildStdin,
        clock: Clock,
        (times, stop): (&Arc<Times>, &Arc<AtomicBool>),
    ) -> Result<Feeder, String> {
        // A short pipe costs speed, nothing else.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
        let (go, start) = channel();
        let submitted = Arc::new(AtomicU64::new(UNKNOWN));
        let feed = Feed {
            client,
            lines: Lines::new(client as u16 + 1, size),
            limit: limit.unwrap_or(UNKNOWN - 1),
            pipe,
            clock,
            times: Arc::clone(times),
            stop: Arc::clone(stop),
            piece: Vec::with_capacity(PIECE + size),
        };
        let told = Arc::clone(&submitted);
        let thread = std::thread::Builder::new()
            .name(format!("feeder {client}"))
            .spawn(move || feed.run(&start, &told))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Feeder { go: Some(go), submitted, thread })
    }

    pub fn go(&self) {
        if let Some(go) = &self.go {
            let _ = go.send(()); // its client may have died, which is found out elsewhere
        }
    }

    /// How many values it has submitted in all, once it submits no more.
    pub fn submitted(&self) -> Option<u64> {
        Some(self.submitted.load(Ordering::Acquire)).filter(|submitted| *submitted != UNKNOWN)
    }

    /// Lets the client's stdin end.
    pub fn close(&mut self) {
        self.go = None;
    }

    pub fn join(mut self) {
        self.close();
        let _ = self.thread.join(); // it does not panic
    }
}

struct Feed {
    client: usize,
    lines: Lines,
    /// Values to submit beside the opening one.
    limit: u64,
    pipe: ChildStdin,
    clock: Clock,
    times: Arc<Times>,
    stop: Arc<AtomicBool>,
    piece: Vec<u8>,
}

impl Feed {
    fn run(mut self, start: &Receiver<()>, told: &AtomicU64) {
        pace::be_punctual();
        // Whoever cannot write has a client that died, which is found out elsewhere.
        if self.write(1).is_none() || start.recv().is_err() {
            return;
        }
        let fed = match self.times.rate() {
            None => self.as_fast_as_possible(),
            Some(rate) => self.at(rate),
        };
        if fed.is_some() {
            told.store(self.lines.next(), Ordering::Release);
            let _ = start.recv(); // the client's stdin stays open until it is told to end
        }
    }

    fn stopped(&self) -> bool {
        self.lines.next() > self.limit || self.stop.load(Ordering::Relaxed)
    }

    fn as_fast_as_possible(&mut self) -> Option<()> {
        let per_piece = self.times.per_piece();
        while !self.stopped() {
            let first = self.lines.next();
            self.times.handed_over(self.client, first, self.clock.now());
            self.write(per_piece.min(self.limit + 1 - first))?;
        }
        Some(())
    }

    fn at(&mut self, rate: u64) -> Option<()> {
        let mut earliest = 0;
        while !self.stopped() {
            let first = self.lines.next();
            let (now, due) = (self.clock.now(), |number| self.times.due(self.client, number, rate));
            let next = due(first).max(earliest);
            if next > now {
                pace::wait(Duration::from_nanos(next - now));
                continue;
            }
            earliest = now + PAUSE;
            let most = self.times.per_piece().min(self.limit + 1 - first);
            let count = due_by(now, first, most, due);
            self.write(count)?;
        }
        Some(())
    }

    fn write(&mut self, count: u64) -> Option<()> {
        self.piece.clear();
        self.lines.append(count, &mut self.piece);
        self.pipe.write_all(&self.piece).ok()
    }
}

/// How many values from `first` on, which is due, are due by now; `most` at most.
fn due_by(now: Nanos, first: u64, most: u64, due: impl Fn(u64) -> Nanos) -> u64 {
    let (mut due_at_least, mut not_due) = (1, most + 1);
    while due_at_least + 1 < not_due {
        let middle = (due_at_least + not_due) / 2;
        if due(first + middle - 1) <= now { due_at_least = middle } else { not_due = middle }
    }
    due_at_least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_written_as_are_due() {
        let due = |number: u64| number * 10;
        assert_eq!(due_by(10, 1, 100, due), 1);
        assert_eq!(due_by(39, 1, 100, due), 3);
        assert_eq!(due_by(40, 1, 100, due), 4);
        assert_eq!(due_by(5000, 1, 100, due), 100);
        assert_eq!(due_by(5000, 1, 1, due), 1);
    }
}
