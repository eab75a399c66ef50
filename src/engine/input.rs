//! Stdin to chunks of whole lines, at a bounded rate.
//!
//! A thread of its own reads. It blocks when the client cannot take more, so back-pressure reaches whatever feeds the
//! pipe. A line over the limit is refused before a byte of it is submitted.
//!
//! While little comes the thread sleeps and the reactor reads the pipe itself: one wake-up less on a value's way, and
//! who has nothing to parse does not need two threads. As soon as much comes, or more than can be taken, the thread
//! has it again.

use crate::limits::VALUE_MAX;
use core::ops::{Deref, Range};
use polling::{Event, PollMode, Poller};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
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
/// A read that brings so much is much: the thread is to read.
const MUCH: usize = READ / 4;
/// When nothing came for so long the reactor is to read.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// The type of the file system that has the pipes without a name: `PIPEFS_MAGIC` of linux/magic.h.
const PIPES: rustix::fs::FsWord = 0x5049_5045;
/// How long to wait when reads that should wait do not.
const BUSY: Duration = Duration::from_millis(1);
/// The poller's key of stdin.
pub const KEY: usize = 1002;

/// What was read.
#[derive(Debug)]
pub enum Input {
    /// Whole lines, each with its newline.
    Lines(Chunk),
    /// The line after all those is longer than a value may be; it was left out.
    TooLong,
    /// The end, or an error that is one.
    End(io::Result<()>),
}

/// Whole lines, in memory that goes back to the reader.
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

/// Where lines come from.
pub enum Source {
    /// Whose reads wait.
    Waiting(Box<dyn Read + Send>),
    /// A pipe whose reads do not.
    Pipe(File),
}

impl Source {
    /// Our stdin. If it is a pipe without a name, it is opened once more, so that our reads of it do not wait and those of others who
    /// have it as well still do; where that is not allowed, and of all else, reads wait.
    pub fn stdin() -> Source {
        again(io::stdin()).map_or_else(|| Source::Waiting(Box::new(io::stdin())), Source::Pipe)
    }

    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Waiting(source) => source.read(to),
            Source::Pipe(pipe) => pipe.read(to),
        }
    }

    /// Waits, for so long at most if that is said, until a read brings something. Returns whether it does.
    fn wait(&self, most: Option<&Timespec>) -> bool {
        match self {
            Source::Waiting(_) => true,
            // When it is interrupted, or fails, the read tells.
            Source::Pipe(pipe) => poll(&mut [PollFd::new(pipe, PollFlags::IN)], most) != Ok(0),
        }
    }
}

/// A pipe, opened once more. Not one that has a name: once its last writer has left, who opens it then is told of no end.
fn again(pipe: impl AsFd) -> Option<File> {
    if rustix::fs::fstatfs(&pipe).ok()?.f_type != PIPES {
        return None;
    }
    let path = format!("/proc/self/fd/{}", pipe.as_fd().as_raw_fd());
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().read(true).custom_flags(no_wait).open(path).ok()
}

/// The reactor's end.
pub struct Lines {
    passed: Receiver<Passed>,
    used: Sender<Vec<u8>>,
    poller: Arc<Poller>,
    thread: Sender<Box<Reader>>,
    /// There while the reactor is to read.
    reader: Option<Box<Reader>>,
    /// It has, in this turn.
    read: bool,
}

/// What comes from the reader.
enum Passed {
    Input(Input),
    /// Nothing comes: the reactor is to read.
    Reader(Box<Reader>),
}

impl Lines {
    /// A turn of the reactor begins. It reads once in a turn: whoever feeds us might go on for ever.
    pub fn turn(&mut self) {
        self.read = false;
    }

    /// The next input, when there is one.
    pub fn take(&mut self) -> Option<Input> {
        loop {
            match self.passed.try_recv() {
                Ok(Passed::Input(input)) => return Some(input),
                Ok(Passed::Reader(reader)) => self.come(reader),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if self.read => return None,
                Err(TryRecvError::Empty) => {
                    self.read = true;
                    // All that one read passes has room, so that it does not wait for us.
                    match self.reader.as_mut()?.read() {
                        Came::Nothing => return None,
                        Came::Some(length) if length >= MUCH => self.go(),
                        Came::Some(_) => {}
                        Came::End => drop(self.without_reader()),
                    }
                }
            }
        }
    }

    /// No more can be taken now: the thread may read ahead, then whatever feeds us has to wait.
    pub fn full(&mut self) {
        self.go();
    }

    /// Gives a chunk back to be filled again.
    pub fn give_back(&self, chunk: Chunk) {
        let _ = self.used.send(chunk.bytes); // the reader may be gone
    }

    /// The reactor reads from now on, if it can wait for it.
    fn come(&mut self, mut reader: Box<Reader>) {
        let Source::Pipe(pipe) = &reader.source else { unreachable!("only pipes become quiet") };
        // SAFETY: the pipe is the reader's, which is ours as long as the poller knows it: it leaves us in
        // `without_reader` only.
        match unsafe { self.poller.add_with_mode(pipe, Event::readable(KEY), PollMode::Level) } {
            Ok(()) => {
                reader.near = true;
                self.reader = Some(reader);
            }
            Err(error) => {
                log::warn!(target: "paxos", "stdin: {error}; a thread waits for it");
                reader.hands_over = false;
                let _ = self.thread.send(reader);
            }
        }
    }

    /// The thread reads from now on.
    fn go(&mut self) {
        if let Some(mut reader) = self.without_reader() {
            reader.near = false;
            let _ = self.thread.send(reader); // it lives as long as we do
        }
    }

    fn without_reader(&mut self) -> Option<Box<Reader>> {
        let reader = self.reader.take()?;
        if let Source::Pipe(pipe) = &reader.source {
            let _ = self.poller.delete(pipe);
        }
        Some(reader)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.without_reader();
    }
}

/// Starts the thread. It wakes `poller` for every input. `rate` bounds the values per second.
pub fn start(source: Source, rate: Option<u32>, poller: Arc<Poller>) -> Lines {
    let (sender, passed) = sync_channel(CHUNKS);
    let (used, back) = channel();
    let (thread, work) = channel::<Box<Reader>>();
    let reader = Reader {
        hands_over: rate.is_none() && matches!(source, Source::Pipe(_)),
        near: false,
        source,
        sender,
        back,
        poller: Arc::clone(&poller),
        pace: rate.map(Pace::new),
        chunk: Vec::new(),
        begun: 0,
        skipping: false,
    };
    let _ = thread.send(Box::new(reader));
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || work.into_iter().for_each(Reader::run))
        .expect("the system starts one thread");
    Lines { passed, used, poller, thread, reader: None, read: false }
}

struct Reader {
    source: Source,
    /// Whether the reactor may read where nothing comes for a while.
    hands_over: bool,
    /// The reactor reads.
    near: bool,
    sender: SyncSender<Passed>,
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

/// What one read brought.
enum Came {
    /// So many bytes, and maybe not yet a line.
    Some(usize),
    Nothing,
    /// No more will come, or nobody wants more.
    End,
}

impl Reader {
    /// Reads until the end, or until the reactor is to read.
    fn run(mut self: Box<Self>) {
        let mut full = false;
        loop {
            // What filled a read has left more behind.
            if !full && !self.source.wait(self.hands_over.then_some(&QUIET)) {
                let (sender, poller) = (self.sender.clone(), Arc::clone(&self.poller));
                if sender.send(Passed::Reader(self)).is_ok() {
                    let _ = poller.notify();
                }
                return;
            }
            match self.read() {
                Came::Some(length) => full = length == READ,
                Came::Nothing => {
                    full = false;
                    if let Source::Waiting(_) = self.source {
                        std::thread::sleep(BUSY); // somebody has made it one that does not wait
                    }
                }
                Came::End => return,
            }
        }
    }

    fn read(&mut self) -> Came {
        if self.chunk.len() < self.begun + READ {
            self.chunk.resize(self.begun + READ, 0);
        }
        // Not more than a block, though longer lines may have left more room: see `block`.
        let room = self.begun..self.begun + READ;
        let passed = match self.source.read(&mut self.chunk[room]) {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                return Came::Nothing;
            }
            Err(error) => self.end(Err(error)),
            Ok(0) => self.end(Ok(())),
            Ok(length) => match self.block(self.begun + length) {
                Ok(()) => return Came::Some(length),
                gone => gone,
            },
        };
        let _ = passed; // at the end either way
        Came::End
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
        self.sender.send(Passed::Input(input)).map_err(|_| Gone)?;
        if !self.near {
            let _ = self.poller.notify(); // it can fail only when the reactor is gone, which the next send finds
        }
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
    use crate::bench::temporary::Temporary;
    use polling::Events;
    use std::io::Write;

    fn read_all(source: &'static [u8], rate: Option<u32>) -> (Vec<u8>, Vec<u64>) {
        let mut taken = Taken::of(Source::Waiting(Box::new(source)), rate);
        taken.until(|taken| taken.ended);
        (taken.bytes, taken.refused)
    }

    /// What a reactor has taken.
    struct Taken {
        lines: Lines,
        bytes: Vec<u8>,
        refused: Vec<u64>,
        ended: bool,
    }

    impl Taken {
        fn of(source: Source, rate: Option<u32>) -> Taken {
            let lines = start(source, rate, Arc::new(Poller::new().unwrap()));
            Taken { lines, bytes: Vec::new(), refused: Vec::new(), ended: false }
        }

        /// Turns of a reactor until something holds.
        fn until(&mut self, holds: impl Fn(&Taken) -> bool) {
            let begun = Instant::now();
            let mut events = Events::new();
            loop {
                self.lines.turn();
                while let Some(input) = self.lines.take() {
                    self.take(input);
                }
                if holds(self) {
                    return;
                }
                assert!(begun.elapsed() < Duration::from_secs(60), "it does not come");
                events.clear();
                self.lines.poller.wait(&mut events, Some(Duration::from_secs(1))).unwrap();
            }
        }

        fn take(&mut self, input: Input) {
            match input {
                Input::Lines(chunk) => {
                    assert_eq!(chunk.last(), Some(&b'\n'), "only whole lines");
                    self.bytes.extend_from_slice(&chunk);
                    self.lines.give_back(chunk);
                }
                Input::TooLong => {
                    let lines = memchr::memchr_iter(b'\n', &self.bytes).count() + self.refused.len();
                    self.refused.push(lines as u64 + 1);
                }
                Input::End(end) => {
                    end.unwrap();
                    self.ended = true;
                }
            }
        }

        /// The reactor reads.
        fn is_near(&self) -> bool {
            self.lines.reader.is_some()
        }
    }

    /// A pipe as stdin would be.
    fn pipe() -> (Source, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (Source::Pipe(again(reader).expect("it is a pipe")), writer)
    }

    #[test]
    fn of_a_pipe_that_is_quiet_the_reactor_reads_lines_by_itself() {
        let (source, mut writer) = pipe();
        let mut taken = Taken::of(source, None);
        taken.until(Taken::is_near);
        for line in 0..100 {
            writer.write_all(b"line ").unwrap();
            writer.write_all(format!("{line}\nand ").as_bytes()).unwrap();
            let end = format!("{line}\n").into_bytes();
            taken.until(|taken| taken.bytes.ends_with(&end));
            assert!(taken.is_near());
        }
        drop(writer);
        taken.until(|taken| taken.ended);
        assert!(taken.bytes.ends_with(b"and line 99\nand \n"));
        assert!(!taken.is_near());
    }

    #[test]
    fn what_comes_now_in_plenty_and_now_in_bits_comes_in_order() {
        let (source, mut writer) = pipe();
        let mut taken = Taken::of(source, None);
        let mut all = Vec::new();
        for length in [1, READ, 100, 10 * READ, VALUE_MAX, VALUE_MAX + 1, 3, MUCH, MUCH - 1, 2 * VALUE_MAX, 0]
        {
            taken.until(Taken::is_near);
            let text = [&vec![b'0' + (length % 10) as u8; length][..], b"\nnext\n"].concat();
            let scope = std::thread::scope(|scope| {
                let written = scope.spawn(|| writer.write_all(&text));
                taken.until(|taken| taken.bytes.ends_with(b"\nnext\n") && written.is_finished());
                written.join().unwrap()
            });
            scope.unwrap();
            all.extend_from_slice(if length > VALUE_MAX { b"next\n" } else { &text });
        }
        drop(writer);
        taken.until(|taken| taken.ended);
        assert_eq!(taken.refused, [11, 19]);
        assert!(taken.bytes == all);
    }

    #[test]
    fn while_no_more_can_be_taken_the_thread_has_the_pipe() {
        let (source, mut writer) = pipe();
        let mut taken = Taken::of(source, None);
        taken.until(Taken::is_near);
        taken.lines.full();
        assert!(!taken.is_near());
        writer.write_all(b"a line\n").unwrap();
        taken.until(|taken| taken.bytes == b"a line\n");
    }

    #[test]
    fn with_a_rate_and_of_what_is_no_pipe_the_thread_reads() {
        let (source, writer) = pipe();
        let mut taken = Taken::of(source, Some(1000));
        std::thread::sleep(Duration::from_millis(20));
        taken.until(|_| true);
        assert!(!taken.is_near());
        drop(writer);
        taken.until(|taken| taken.ended);
        assert!(again(File::open("/dev/null").unwrap()).is_none());
        let directory = Temporary::below(&std::env::temp_dir()).unwrap();
        let path = directory.path().join("named");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let named = File::options().read(true).write(true).open(path).unwrap();
        assert!(again(named).is_none());
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
    fn a_longer_line_is_refused_wherever_it_lies_in_what_is_read_at_once() {
        let longest = [&vec![b'x'; VALUE_MAX][..], b"\n"].concat();
        let source = [longest.repeat(6), [b"a\n", &longest[..VALUE_MAX], b"y\n"].concat().repeat(6)].concat();
        let (bytes, refused) = read_all(source.leak(), None);
        assert_eq!(refused, [8, 10, 12, 14, 16, 18]);
        assert!(bytes == [longest.repeat(6), b"a\n".repeat(6)].concat());
    }

    #[test]
    fn a_rate_bounds_the_values_per_second() {
        let source = b"v\n".repeat(300).leak();
        let begun = Instant::now();
        assert_eq!(read_all(source, Some(1000)).0.len(), 600);
        assert!(begun.elapsed() >= Duration::from_millis(180), "300 values took {:?}", begun.elapsed());
    }
}
