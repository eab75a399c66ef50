//! The reader thread: stdin to chunks of whole lines, at a bounded rate.
//!
//! It blocks when the client cannot take more, so back-pressure reaches whatever feeds the pipe. A line over
//! the limit is refused before a byte of it is submitted.

use crate::limits::VALUE_MAX;
use core::ops::{Deref, Range};
use polling::Poller;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::time::{Duration, Instant};

/// Bytes per read of stdin.
const READ: usize = 64 << 10;
/// Chunks between the threads: with the one in the making and the one being taken, 6 × 64 KiB, or up to 1 MiB
/// each when lines are that long.
const CHUNKS: usize = 4;
/// With a rate, lines are let go this often.
const PACE: Duration = Duration::from_millis(5);

/// What comes from the reader thread.
#[derive(Debug)]
pub enum Input {
    /// Whole lines, each with its newline.
    Lines(Chunk),
    /// The line after all those is longer than a value may be; it was left out.
    TooLong,
    /// The end, or an error that is one.
    End(io::Result<()>),
}

/// Whole lines, in memory that goes back to the reader thread.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    whole: Range<usize>,
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.whole.clone()]
    }
}

/// The reactor's end.
pub struct Lines {
    inputs: Receiver<Input>,
    used: Sender<Vec<u8>>,
}

impl Lines {
    /// The next input, when there is one.
    pub fn take(&self) -> Option<Input> {
        match self.inputs.try_recv() {
            Ok(input) => Some(input),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => None,
        }
    }

    /// Gives a chunk back to be filled again.
    pub fn give_back(&self, chunk: Chunk) {
        let _ = self.used.send(chunk.bytes); // the thread may be gone
    }
}

/// Starts the thread. It wakes `poller` for every input. `rate` bounds the values per second.
pub fn start(source: impl Read + Send + 'static, rate: Option<u32>, poller: Arc<Poller>) -> Lines {
    let (sender, inputs) = sync_channel(CHUNKS);
    let (used, back) = channel();
    let reader = Reader {
        sender,
        back,
        poller,
        pace: rate.map(Pace::new),
        chunk: Vec::new(),
        begun: 0,
        skipping: false,
    };
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || reader.run(source))
        .expect("the system starts one thread");
    Lines { inputs, used }
}

struct Reader {
    sender: SyncSender<Input>,
    back: Receiver<Vec<u8>>,
    poller: Arc<Poller>,
    pace: Option<Pace>,
    /// What is being read: the beginning of a line whose end was not read yet, so many bytes, and room.
    chunk: Vec<u8>,
    begun: usize,
    /// The line being read is too long, and was refused.
    skipping: bool,
}

/// The reactor is gone: nobody wants more.
struct Gone;

impl Reader {
    fn run(mut self, mut source: impl Read) {
        loop {
            if self.chunk.len() < self.begun + READ {
                self.chunk.resize(self.begun + READ, 0);
            }
            let result = match source.read(&mut self.chunk[self.begun..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => self.end(Err(error)),
                Ok(0) => self.end(Ok(())),
                Ok(length) => {
                    if self.block(self.begun + length).is_ok() {
                        continue;
                    }
                    Err(Gone)
                }
            };
            let _ = result; // at the end either way
            return;
        }
    }

    fn end(&mut self, how: io::Result<()>) -> Result<(), Gone> {
        if how.is_ok() && self.begun > 0 {
            self.chunk[self.begun] = b'\n'; // the last line lacked its newline; there is room, for nothing more came
            self.block(self.begun + 1)?;
        }
        self.send(Input::End(how))
    }

    /// The chunk is filled up to `end`: hands on the whole lines in it.
    fn block(&mut self, end: usize) -> Result<(), Gone> {
        let new = &self.chunk[self.begun..end];
        let Some(last) = memchr::memrchr(b'\n', new) else {
            self.begun = if self.skipping { 0 } else { end };
            return self.refuse_if_long();
        };
        let last = self.begun + last + 1;
        // The first line end closes what was begun before; the lines after it are shorter than a block.
        let first = self.begun + memchr::memchr(b'\n', new).map_or(last, |first| first + 1);
        self.begun = first - 1;
        self.refuse_if_long()?;
        let whole = if core::mem::take(&mut self.skipping) { first } else { 0 }..last;
        let mut next = self.another();
        self.begun = end - last;
        next.resize(next.len().max(self.begun + READ), 0);
        next[..self.begun].copy_from_slice(&self.chunk[last..end]);
        let chunk = core::mem::replace(&mut self.chunk, next);
        self.paced(Chunk { bytes: chunk, whole })
    }

    /// Refuses the line that was begun, when it is too long and was not refused yet.
    fn refuse_if_long(&mut self) -> Result<(), Gone> {
        if self.begun <= VALUE_MAX || self.skipping {
            return Ok(());
        }
        (self.skipping, self.begun) = (true, 0);
        self.send(Input::TooLong)
    }

    fn paced(&mut self, chunk: Chunk) -> Result<(), Gone> {
        if chunk.is_empty() {
            return Ok(());
        }
        let Some(mut pace) = self.pace.take() else {
            return self.send(Input::Lines(chunk));
        };
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let lines = pace.wait();
            let end = memchr::memchr_iter(b'\n', rest).take(lines).last().map_or(rest.len(), |at| at + 1);
            pace.used(memchr::memchr_iter(b'\n', &rest[..end]).count());
            let mut part = self.another();
            part.resize(part.len().max(end), 0);
            part[..end].copy_from_slice(&rest[..end]);
            self.send(Input::Lines(Chunk { bytes: part, whole: 0..end }))?;
            rest = &rest[end..];
        }
        self.pace = Some(pace);
        Ok(())
    }

    /// A chunk that was given back, or a new one.
    fn another(&self) -> Vec<u8> {
        self.back.try_recv().unwrap_or_default()
    }

    fn send(&self, input: Input) -> Result<(), Gone> {
        self.sender.send(input).map_err(|_| Gone)?;
        let _ = self.poller.notify(); // it can fail only when the reactor is gone, which the next send finds
        Ok(())
    }
}

/// So many lines a second, evenly.
struct Pace {
    per_second: f64,
    begun: Instant,
    passed: f64,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        Pace { per_second: rate.into(), begun: Instant::now(), passed: 0.0 }
    }

    /// Waits until at least one line may pass, and says how many may.
    fn wait(&mut self) -> usize {
        loop {
            let allowed = self.begun.elapsed().as_secs_f64() * self.per_second + 1.0 - self.passed;
            if allowed >= 1.0 {
                // What was not used for long is not saved up: at most a tenth of a second's worth.
                let most = (self.per_second / 10.0).max(1.0);
                if allowed > most {
                    self.passed += allowed - most;
                }
                return allowed.min(most) as usize;
            }
            let missing = Duration::from_secs_f64((1.0 - allowed) / self.per_second);
            std::thread::sleep(missing.max(PACE));
        }
    }

    fn used(&mut self, lines: usize) {
        self.passed += lines as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(source: &'static [u8], rate: Option<u32>) -> (Vec<u8>, Vec<u64>) {
        let poller = Arc::new(Poller::new().unwrap());
        let lines = start(source, rate, poller);
        let (mut bytes, mut refused) = (Vec::new(), Vec::new());
        loop {
            match lines.inputs.recv().unwrap() {
                Input::Lines(chunk) => {
                    assert_eq!(chunk.last(), Some(&b'\n'), "only whole lines");
                    bytes.extend_from_slice(&chunk);
                    lines.give_back(chunk);
                }
                Input::TooLong => {
                    let lines = memchr::memchr_iter(b'\n', &bytes).count() + refused.len();
                    refused.push(lines as u64 + 1);
                }
                Input::End(end) => {
                    end.unwrap();
                    return (bytes, refused);
                }
            }
        }
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        assert_eq!(read_all(b"a\n\nb", None).0, b"a\n\nb\n");
        assert_eq!(read_all(b"", None).0, b"");
        assert_eq!(read_all(b"\n", None).0, b"\n");
    }

    #[test]
    fn a_line_of_the_longest_length_passes_and_a_longer_one_is_refused_by_number() {
        let longest = vec![b'x'; VALUE_MAX];
        let source = [b"one\n", &longest[..], b"\n", &longest, b"y\nfour\n", &longest, b"z"].concat();
        let (bytes, refused) = read_all(source.leak(), None);
        assert_eq!(refused, [3, 5]);
        assert_eq!(bytes, [b"one\n", &longest[..], b"\nfour\n"].concat());
    }

    #[test]
    fn a_rate_bounds_the_values_per_second() {
        let source = b"v\n".repeat(300).leak();
        let begun = Instant::now();
        assert_eq!(read_all(source, Some(1000)).0.len(), 600);
        assert!(begun.elapsed() >= Duration::from_millis(180), "300 values took {:?}", begun.elapsed());
    }
}
