//! A capture that another process is still writing.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wire::capture::{Capture, Error, Tally};
use wire::dump::{Step, Stream};

/// The file at a path, as it grows; then the one that takes its place. It ends when it is told to.
///
/// It is looked at again and again and not watched with inotify, which tells nothing of what other hosts write
/// to a file system on the network.
pub struct Followed {
    path: PathBuf,
    capture: Option<Capture<Growing>>,
    /// Of the files that came before.
    tally: Tally,
    ended: Arc<AtomicBool>,
}

impl Followed {
    pub fn new(path: PathBuf, ended: Arc<AtomicBool>) -> Followed {
        Followed { path, capture: None, tally: Tally::default(), ended }
    }
}

impl Stream for Followed {
    fn next(&mut self, spare: &mut Vec<u8>) -> Step {
        while !self.ended.load(Ordering::Relaxed) {
            let Some(capture) = &mut self.capture else {
                match File::open(&self.path) {
                    Ok(file) => self.capture = Some(Capture::new(Growing::new(file))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Step::Pending,
                    Err(error) => {
                        self.ended = Arc::new(true.into());
                        return Step::Failed(Error::Io(error));
                    }
                }
                continue;
            };
            match capture.next_with(spare) {
                Some(Ok(datagram)) => return Step::Datagram(datagram),
                // Also what a replaced file ends with: told once, then comes the next file.
                Some(Err(error)) if !error.is_pending() => return Step::Failed(error),
                _ if capture.reader().replaced => {
                    self.tally = self.tally + capture.tally();
                    self.capture = None;
                }
                // All that was written before the file was replaced is read once more, to its very end.
                _ if capture.reader().is_replaced_at(&self.path) => {}
                _ => return Step::Pending,
            }
        }
        Step::End
    }

    fn tally(&self) -> Tally {
        self.capture.as_ref().map_or(self.tally, |capture| self.tally + capture.tally())
    }
}

/// A file whose end is not the end, until another file is in its place.
struct Growing {
    file: File,
    /// How much was read, bytes.
    position: u64,
    replaced: bool,
}

impl Growing {
    fn new(file: File) -> Growing {
        Growing { file, position: 0, replaced: false }
    }

    /// Whether the path leads to another file by now, or this one was begun anew. Where the path leads nowhere,
    /// the file may still grow.
    fn is_replaced_at(&mut self, path: &PathBuf) -> bool {
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        if let (Ok(ours), Ok(there)) = (self.file.metadata(), fs::metadata(path)) {
            self.replaced = identity(&ours) != identity(&there) || ours.len() < self.position;
        }
        self.replaced
    }
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position += count as u64;
        if count == 0 && !self.replaced { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests;
