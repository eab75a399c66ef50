//! A thread that reads what a learner prints, checks it and measures it.

use super::check::{Checker, Sum};
use super::feeder::PIPE;
use super::latency::Latency;
use super::times::Times;
use crate::engine::clock::Clock;
use crate::protocol::Nanos;
use std::io::Read;
use std::process::ChildStdout;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Bytes of one read.
const READ: usize = 256 << 10;

/// What all readers share with the bench.
pub struct Shared {
    pub clock: Clock,
    pub times: Arc<Times>,
    wrong: Mutex<Option<String>>,
}

/// Latency is measured of values submitted from one moment on to another; of none before that is set.
#[derive(Default)]
struct Window {
    from: AtomicU64,
    until: AtomicU64,
}

impl Window {
    fn set(&self, from: Nanos, until: Nanos) {
        self.from.store(from, Ordering::Relaxed);
        self.until.store(until, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.until.load(Ordering::Relaxed) > 0
    }

    fn contains(&self, at: Nanos) -> bool {
        (self.from.load(Ordering::Relaxed)..self.until.load(Ordering::Relaxed)).contains(&at)
    }
}

impl Shared {
    pub fn new(clock: Clock, times: Arc<Times>) -> Shared {
        Shared { clock, times, wrong: Mutex::new(None) }
    }

    /// # Errors
    /// A sentence about an output that is not right.
    pub fn check(&self) -> Result<(), String> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.clone().map_or(Ok(()), Err)
    }
}

/// The bench's end of a reader.
pub struct Reader {
    progress: Arc<Progress>,
    thread: JoinHandle<Sum>,
}

#[derive(Default)]
struct Progress {
    values: AtomicU64,
    at: AtomicU64,
    /// The longest time between two outputs since somebody asked.
    gap: AtomicU64,
    window: Window,
    /// Measured since somebody took it.
    latency: Mutex<Latency>,
}

impl Progress {
    fn latency(&self) -> MutexGuard<'_, Latency> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    pub fn start(
        learner: u16,
        mut checker: Checker,
        pipe: ChildStdout,
        shared: &Arc<Shared>,
    ) -> Result<Reader, String> {
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE); // a short pipe costs speed, nothing else
        let progress = Arc::new(Progress::default());
        let (told, shared) = (Arc::clone(&progress), Arc::clone(shared));
        let thread = std::thread::Builder::new()
            .name(format!("reader {learner}"))
            .spawn(move || {
                if let Err(sentence) = read(pipe, &mut checker, &told, &shared) {
                    let mut wrong = shared.wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.get_or_insert(format!("learner {learner}: {sentence}"));
                }
                checker.sum()
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Reader { progress, thread })
    }

    /// Values printed so far, opening ones included.
    pub fn values(&self) -> u64 {
        self.progress.values.load(Ordering::Acquire)
    }

    /// When the last of them came.
    pub fn at(&self) -> Nanos {
        self.progress.at.load(Ordering::Acquire)
    }

    /// The longest time between two outputs, of those times that ended since this was asked last.
    pub fn take_gap(&self) -> Nanos {
        self.progress.gap.swap(0, Ordering::AcqRel)
    }

    /// From now on latency is measured of the values submitted in this time.
    pub fn measure_latency(&self, from: Nanos, until: Nanos) {
        self.progress.window.set(from, until);
    }

    /// The latency of what was printed since this was asked last.
    pub fn take_latency(&self) -> Latency {
        std::mem::take(&mut self.progress.latency())
    }

    /// Waits for the end of the output, which comes when the learner ends. The latency is what was not taken.
    pub fn join(self) -> Result<(Sum, Latency), String> {
        let failed = |_| "a thread that reads a learner's output has failed";
        let sum = self.thread.join().map_err(failed)?;
        Ok((sum, std::mem::take(&mut self.progress.latency())))
    }
}

fn read(
    mut pipe: ChildStdout,
    checker: &mut Checker,
    progress: &Progress,
    shared: &Shared,
) -> Result<(), String> {
    let mut buffer = vec![0; READ];
    loop {
        let length = match pipe.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("its output cannot be read: {error}")),
        };
        let now = shared.clock.now();
        let timed = progress.window.is_set();
        let mut latency = progress.latency();
        let mut values = 0;
        let checked = checker.take(&buffer[..length], |stretch| {
            values += stretch.count;
            if !timed {
                return;
            }
            shared.times.submitted(stretch.client, stretch.first, stretch.count, |at, count| {
                if progress.window.contains(at) {
                    latency.record(now.saturating_sub(at), count);
                }
            });
        });
        drop(latency);
        checked.map_err(|wrong| wrong.to_string())?;
        let before = progress.at.swap(now, Ordering::AcqRel);
        progress.gap.fetch_max(now - before, Ordering::AcqRel);
        progress.values.fetch_add(values, Ordering::Release);
    }
}
