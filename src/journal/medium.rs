//! What the journal asks of a disk.

use std::io;

/// A directory of segments, each of the same length. The engine's is made of files; the simulator's forgets
/// what was not synced, tears writes and flips bits.
pub trait Medium {
    /// The numbers of the segments there are, ascending.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn segments(&mut self) -> io::Result<Vec<u64>>;

    /// All bytes of a segment.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&mut self, segment: u64) -> io::Result<Vec<u8>>;

    /// Makes a segment; its name and length are durable when this returns. Its bytes may be anything: zeros,
    /// or what an earlier use left. `false`: there is no space for it now.
    ///
    /// # Errors
    /// When the disk fails in another way.
    fn create(&mut self, segment: u64) -> io::Result<bool>;

    /// Writes to a segment.
    ///
    /// # Errors
    /// When the disk fails. It is not tried again.
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was written to a segment.
    ///
    /// # Errors
    /// When the disk fails. It is never tried again: what the kernel failed to write it may have forgotten.
    fn sync(&mut self, segment: u64) -> io::Result<()>;

    /// Puts all segments out of the way, for a person to look at or to remove: none is there afterwards.
    ///
    /// # Errors
    /// When the directory cannot be changed.
    fn set_aside(&mut self) -> io::Result<()>;

    /// Whether the next [`Medium::create`] will find space.
    fn spare(&mut self) -> bool;
}
