//! The thread that makes the next segment while the present one is being filled.
//!
//! A segment is a file that is full of zeros and durable before it gets its name. Zeros that were written,
//! unlike space that was only reserved, need no change of the file system's own records when they are written
//! over: 64 KiB and an `fdatasync` take 100 µs instead of 170.

use super::uncached::Uncached;
use crate::journal::aligned::Aligned;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long after an attempt that failed the next one begins, unless somebody waits for it.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes per write: few, so that the acceptor's own writes do not wait long for a share of the disk.
const CHUNK: usize = 256 << 10;
/// Bytes per sync, for the same reason where the page cache collects them.
const SYNC_EVERY: u64 = 4 << 20;

/// The file of a segment.
pub(super) fn path(directory: &Path, segment: u64) -> PathBuf {
    directory.join(format!("{segment:08}.log"))
}

/// The reactor's end.
#[derive(Debug)]
pub struct Spare {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The segment to make.
    wanted: Option<u64>,
    /// The one that was made last.
    made: Option<u64>,
    /// Attempts that failed, and how the last one did.
    failed: u64,
    error: Option<io::Error>,
    /// Somebody waits for the next attempt.
    urgent: bool,
    stop: bool,
}

impl Shared {
    /// No code panics while it holds the lock, so what it protects is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spare {
    /// Starts the thread. It makes segments of `length` bytes in `directory`.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub fn start(directory: &Path, length: u64) -> io::Result<Spare> {
        let shared = Arc::new(Shared::default());
        let worker = Worker { directory: directory.into(), length, shared: Arc::clone(&shared), told: None };
        let thread = std::thread::Builder::new().name("segments".into()).spawn(move || worker.run())?;
        Ok(Spare { shared, thread: Some(thread) })
    }

    /// Whether the segment is made; if not, asks for it.
    pub fn want(&self, segment: u64) -> bool {
        let mut state = self.shared.lock();
        if state.made == Some(segment) {
            return true;
        }
        if state.wanted != Some(segment) {
            state.wanted = Some(segment);
            self.shared.changed.notify_all();
        }
        false
    }

    /// Waits until the segment is made, or an attempt to do so has failed.
    ///
    /// # Errors
    /// That of the attempt.
    pub fn wait(&self, segment: u64) -> io::Result<()> {
        let mut state = self.shared.lock();
        let failed = state.failed;
        loop {
            if state.made == Some(segment) {
                return Ok(());
            }
            if state.failed > failed {
                return Err(state.error.take().unwrap_or(ErrorKind::Other.into()));
            }
            (state.wanted, state.urgent) = (Some(segment), true);
            self.shared.changed.notify_all();
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it panicked, and there is nobody left to whom that matters
        }
    }
}

struct Worker {
    directory: PathBuf,
    length: u64,
    shared: Arc<Shared>,
    /// The kind of trouble that a person was told of.
    told: Option<ErrorKind>,
}

impl Worker {
    fn run(mut self) {
        while let Some(segment) = self.next() {
            let result = make(&self.directory, segment, self.length, &|| self.shared.lock().stop);
            self.tell(result.as_ref().err());
            let mut state = self.shared.lock();
            state.urgent = false;
            match result {
                Ok(()) => {
                    state.made = Some(segment);
                    state.wanted = state.wanted.filter(|wanted| *wanted != segment);
                    self.shared.changed.notify_all();
                }
                Err(error) => {
                    state.failed += 1;
                    state.error = Some(error);
                    self.shared.changed.notify_all();
                    let idle = |state: &mut State| !state.urgent && !state.stop;
                    drop(self.shared.changed.wait_timeout_while(state, AGAIN, idle));
                }
            }
        }
    }

    /// The segment to make next; `None` when no more is wanted.
    fn next(&self) -> Option<u64> {
        let state = self.shared.lock();
        let idle = |state: &mut State| state.wanted.is_none() && !state.stop;
        let state = self.shared.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.stop { None } else { state.wanted }
    }

    /// Tells a person when trouble comes and goes, not each time it is met.
    fn tell(&mut self, error: Option<&io::Error>) {
        let directory = self.directory.display();
        let trouble = error.map(io::Error::kind).filter(|kind| *kind != ErrorKind::Interrupted);
        if trouble == self.told {
            return;
        }
        match error {
            Some(error) => log::warn!(
                target: "paxos",
                "{directory}: no next {} MiB for the log: {error}; when what is left is used up new values are \
                 refused; looking again every second",
                self.length >> 20
            ),
            None => log::info!(target: "paxos", "{directory}: there is space for the log again"),
        }
        self.told = trouble;
    }
}

/// Makes a segment: all its zeros are durable before it has its name, and its name when this returns. One
/// that is there is kept, unless it has another length: then a program with other limits made it, and it was
/// never used, for the journal asks for it. It gives way.
fn make(directory: &Path, segment: u64, length: u64, stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let (draft, path) = (directory.join("next"), path(directory, segment));
    match fs::metadata(&path) {
        Ok(found) if found.len() == length => return Ok(()),
        Ok(_) => fs::rename(&path, path.with_extension("unused"))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let result = fill(&draft, length, stopped)
        .and_then(|()| fs::rename(&draft, path))
        .and_then(|()| File::open(directory)?.sync_all());
    if result.is_err() {
        let _ = fs::remove_file(&draft); // the error that matters is the first
    }
    result
}

fn fill(path: &Path, length: u64, stopped: &dyn Fn() -> bool) -> io::Result<()> {
    let file = File::create(path)?;
    // Reserved first: a full disk says so before a byte is written, and the file lies in one piece.
    match fallocate(&file, FallocateFlags::empty(), 0, length) {
        Err(Errno::OPNOTSUPP) => {} // then the writes find out
        result => result?,
    }
    let mut uncached = Uncached::new(file);
    let mut zeros = Aligned::default();
    zeros.resize(CHUNK, 0);
    let mut at = 0;
    while at < length {
        if stopped() {
            return Err(ErrorKind::Interrupted.into());
        }
        let count = (length - at).min(CHUNK as u64);
        uncached.write_all_at(&zeros[..count as usize], at)?;
        at += count;
        if at.is_multiple_of(SYNC_EVERY) {
            uncached.sync_data()?;
        }
    }
    uncached.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scratch::Scratch;

    #[test]
    fn a_segment_is_full_of_zeros_and_there_once_it_was_waited_for() {
        let scratch = Scratch::new();
        let spare = Spare::start(&scratch.0, 3 << 20).unwrap();
        spare.wait(7).unwrap();
        assert_eq!(fs::read(path(&scratch.0, 7)).unwrap(), vec![0; 3 << 20]);
        assert!(spare.want(7) && !spare.want(8));
        spare.wait(8).unwrap();
        assert!(spare.want(8));
    }

    #[test]
    fn a_segment_that_is_there_is_not_made_again() {
        let scratch = Scratch::new();
        fs::write(path(&scratch.0, 3), vec![b'x'; 4096]).unwrap();
        fs::write(path(&scratch.0, 4), "too short").unwrap();
        let spare = Spare::start(&scratch.0, 4096).unwrap();
        spare.wait(3).unwrap();
        assert_eq!(fs::read(path(&scratch.0, 3)).unwrap(), vec![b'x'; 4096]);
        spare.wait(4).unwrap();
        assert_eq!(fs::read(path(&scratch.0, 4)).unwrap(), vec![0; 4096]);
        assert_eq!(fs::read(scratch.0.join("00000004.unused")).unwrap(), b"too short");
    }

    #[test]
    fn an_attempt_that_fails_is_told_to_who_waits_and_made_again() {
        let scratch = Scratch::new();
        let directory = scratch.0.join("later");
        let spare = Spare::start(&directory, 4096).unwrap();
        assert_eq!(spare.wait(1).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!spare.want(1));
        fs::create_dir(&directory).unwrap();
        spare.wait(1).unwrap();
        assert!(path(&directory, 1).exists() && !directory.join("next").exists());
    }
}
