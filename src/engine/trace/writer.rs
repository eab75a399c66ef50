//! The thread that writes a trace: blocks of whole records to a file, and to a new one when it is long enough.
//!
//! Blocks with much in them go straight to the disk (O_DIRECT). The page cache would copy them into memory that it
//! takes for that, which costs more than all else that a trace does, and it would lose other files to do it. What
//! goes straight must be whole sectors, so it ends with a filler. Small blocks, which show those who follow what
//! happened a moment ago, go through the page cache, as do all when the disk falls behind or knows no other way.

use super::Options;
use super::block::{Block, gap};
use crate::limits::{TRACE_BLOCK, TRACE_BLOCK_MIN, TRACE_MEMORY};
use rustix::fs::{FlockOperation, OFlags, fcntl_getfl, fcntl_setfl, flock};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use wire::capture::write;

/// Bytes from which on a block goes straight to the disk: its filler is a few percent of it then, or less.
const MUCH: usize = 64 << 10;

/// The blocks on their way between the process and its writer.
pub struct Blocks {
    queues: Mutex<Queues>,
    changed: Condvar,
    /// Nothing is written any more.
    over: AtomicBool,
}

struct Queues {
    /// Written and empty. The one that came last goes first, for it is in the cache.
    free: Vec<Block>,
    full: VecDeque<Block>,
    writing: bool,
    ended: bool,
}

impl Blocks {
    /// Blocks of so many bytes each.
    fn new(room: usize) -> Blocks {
        // Memory that is not touched is not taken: one or two blocks are enough for a disk that keeps up.
        let free: Vec<_> = (0..TRACE_MEMORY / room).map(|_| Block::new(room)).collect();
        let full = VecDeque::with_capacity(free.len());
        let queues = Mutex::new(Queues { free, full, writing: false, ended: false });
        Blocks { queues, changed: Condvar::new(), over: AtomicBool::new(false) }
    }

    /// An empty block, if there is one and the trace is not over.
    pub fn take(&self) -> Option<Block> {
        if self.over() { None } else { self.lock().free.pop() }
    }

    /// Whether nothing is written any more, because writing failed.
    pub fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A block to be written.
    pub fn give(&self, block: Block) {
        let mut queues = self.lock();
        if block.is_empty() {
            queues.free.push(block);
            return;
        }
        queues.full.push_back(block);
        drop(queues);
        self.changed.notify_all();
    }

    /// Waits until nothing waits to be written, or the time has come.
    pub fn wait_until_written(&self, deadline: Instant) {
        let mut queues = self.lock();
        while (!queues.full.is_empty() || queues.writing) && !self.over() {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return;
            };
            queues = self.changed.wait_timeout(queues, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets the writer end when all is written.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// The next block to be written, and whether more wait than the process has left.
    fn next(&self) -> Option<(Block, bool)> {
        let mut queues = self.lock();
        loop {
            if let Some(block) = queues.full.pop_front() {
                queues.writing = true;
                return Some((block, queues.full.len() > queues.free.len()));
            }
            if queues.ended {
                return None;
            }
            queues = self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn written(&self, mut block: Block) {
        block.clear();
        let mut queues = self.lock();
        queues.free.push(block);
        queues.writing = false;
        if queues.full.is_empty() {
            drop(queues);
            self.changed.notify_all();
        }
    }

    fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.lock().writing = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Nothing under the lock can panic half way.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the blocks go.
pub struct Writer {
    path: PathBuf,
    file: File,
    /// Bytes of whole blocks in `file`.
    length: usize,
    /// Bytes after which a new file begins.
    length_max: usize,
    /// A pipe or a device cannot be renamed, and has no end to be cut.
    regular: bool,
    /// Whether the file takes what goes past the page cache.
    direct: bool,
    /// What every file begins with.
    header: Vec<u8>,
}

impl Writer {
    /// # Errors
    /// A sentence when the file cannot be made.
    pub fn open(options: &Options, header: Vec<u8>) -> Result<Writer, String> {
        let path = options.path.clone();
        let refused = |error: io::Error| format!("--trace {}: {error}", path.display());
        let (file, regular) = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(format!("--trace {}: a directory; name a file in it", path.display()));
            }
            Ok(metadata) if !metadata.is_file() => {
                (File::options().write(true).open(&path).map_err(refused)?, false)
            }
            Ok(metadata) => {
                let former = File::open(&path).map_err(refused)?;
                if flock(&former, FlockOperation::NonBlockingLockExclusive).is_err() {
                    return Err(format!(
                        "--trace {}: another process writes it; give each process a file of its own",
                        path.display()
                    ));
                }
                if metadata.len() > 0 {
                    fs::rename(&path, former_path(&path)).map_err(refused)?;
                }
                (begin(&path).map_err(refused)?, true)
            }
            Err(_) => (begin(&path).map_err(refused)?, true),
        };
        Ok(Writer {
            path,
            file,
            length: 0,
            length_max: options.bytes_max / 2,
            regular,
            direct: regular,
            header,
        })
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// A sentence when the system has no thread left.
    pub fn start(self) -> Result<Arc<Blocks>, String> {
        // Files of a few blocks at least.
        let room = (self.length_max / 4).clamp(TRACE_BLOCK_MIN, TRACE_BLOCK);
        let blocks = Arc::new(Blocks::new(room));
        let shared = Arc::clone(&blocks);
        let thread = std::thread::Builder::new().name("trace".into()).spawn(move || self.run(&shared));
        thread.map_err(|error| format!("cannot start a thread for the trace: {error}"))?;
        Ok(blocks)
    }

    fn run(mut self, blocks: &Blocks) {
        yield_to_others();
        let mut result = self.write_header();
        while result.is_ok()
            && let Some((mut block, hurry)) = blocks.next()
        {
            result = self.write(&mut block, hurry);
            if result.is_ok() {
                blocks.written(block);
            }
        }
        if let Err(error) = result {
            // What was written of the last block would be a damaged record to a reader.
            if self.regular {
                let _ = self.file.set_len(self.length as u64);
            }
            log::warn!(target: "paxos", "{}: {error}: the trace ends here, the process goes on", self.path.display());
            blocks.stop();
        }
    }

    fn write(&mut self, block: &mut Block, hurry: bool) -> io::Result<()> {
        if !self.regular {
            return self.file.write_all(block.bytes());
        }
        let direct = self.direct && !hurry && block.len() >= MUCH;
        if direct {
            block.fill();
        }
        let before = if direct { gap(self.length) } else { 0 };
        if self.length + before + block.len() > self.length_max && self.length > self.header.len() {
            fs::rename(&self.path, former_path(&self.path))?;
            self.file = begin(&self.path)?;
            self.length = 0;
            self.write_header()?;
        }
        if direct { self.append_directly(block.bytes()) } else { self.append(block.bytes()) }
    }

    fn write_header(&mut self) -> io::Result<()> {
        if self.regular {
            let header = std::mem::take(&mut self.header);
            let result = self.append(&header);
            self.header = header;
            result
        } else {
            self.file.write_all(&self.header)
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.length as u64)?;
        self.length += bytes.len();
        Ok(())
    }

    /// Past the page cache, if the file can do that. What came before is made whole sectors first.
    fn append_directly(&mut self, sectors: &[u8]) -> io::Result<()> {
        let gap = gap(self.length);
        if gap > 0 {
            let mut filler = Vec::with_capacity(gap);
            write::filler(&mut filler, gap);
            self.append(&filler)?;
        }
        let written = set_direct(&self.file, true)
            .and_then(|()| self.file.write_all_at(sectors, self.length as u64))
            .and_then(|()| set_direct(&self.file, false));
        match written {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.direct = false;
                set_direct(&self.file, false)?;
                self.append(sectors)
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.length += sectors.len();
                Ok(())
            }
        }
    }
}

/// # Errors
/// EINVAL where the file system does not know it.
fn set_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

/// Waking up, this thread does not interrupt who runs: a turn that is cut in two costs more than a block that waits.
fn yield_to_others() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads the parameters, which live until after the call; 0 is the calling thread. If it
    // refuses, the thread runs as others do.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) };
}

/// A new file, which says by a lock that it is being written.
fn begin(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// `FILE.1`
fn former_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    name.into()
}
