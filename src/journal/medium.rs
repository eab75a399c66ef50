//! What the journal asks of a disk.

use std::io;

/// Segments to read. All that looking at a log takes, so that what only looks cannot write.
pub trait Source {
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
}

/// A directory of segments. The engine's is made of files; the simulator's forgets what was not synced, tears
/// writes and flips bits.
pub trait Medium: Source {
    /// Bytes of each segment that is made from now on: a multiple of [`super::SECTOR`].
    fn segment_len(&self) -> u64;

    /// Whether [`Medium::create`] of this segment will succeed, at once. If not, begins to see to it without
    /// making anybody wait. Cheap: asked in every turn.
    fn prepare(&mut self, segment: u64) -> bool;

    /// Makes a segment, unless it is there already; its name and length are durable when this returns, also of
    /// one that was there and shorter. Its bytes may be anything but what a segment of the same number held: zeros, or what an earlier use under
    /// another number left. `false`: there is no space for it now.
    ///
    /// # Errors
    /// When the disk fails in another way.
    fn create(&mut self, segment: u64) -> io::Result<bool>;

    /// Whether a segment that was made, and never written to, is all zeros: durably, so that whatever is not
    /// zero was written since.
    fn is_zeroed(&self, segment: u64) -> bool;

    /// Writes to a segment.
    ///
    /// # Errors
    /// When the disk fails. It is not tried again.
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was written to a segment, by this process or an earlier one.
    ///
    /// # Errors
    /// When the disk fails. It is never tried again: what the kernel failed to write it may have forgotten.
    fn sync(&mut self, segment: u64) -> io::Result<()>;

    /// Puts all segments below this number out of the way, for a person to look at or to remove: none of
    /// them is there afterwards, and that is durable. The first go first, so that half of it leaves nothing
    /// that looks whole.
    ///
    /// # Errors
    /// When the directory cannot be changed.
    fn set_aside(&mut self, below: u64) -> io::Result<()>;
}

impl<M: Source> Source for &mut M {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        (**self).segments()
    }

    fn read(&mut self, segment: u64) -> io::Result<Vec<u8>> {
        (**self).read(segment)
    }
}

impl<M: Medium> Medium for &mut M {
    fn segment_len(&self) -> u64 {
        (**self).segment_len()
    }

    fn prepare(&mut self, segment: u64) -> bool {
        (**self).prepare(segment)
    }

    fn create(&mut self, segment: u64) -> io::Result<bool> {
        (**self).create(segment)
    }

    fn is_zeroed(&self, segment: u64) -> bool {
        (**self).is_zeroed(segment)
    }

    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write(segment, offset, bytes)
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        (**self).sync(segment)
    }

    fn set_aside(&mut self, below: u64) -> io::Result<()> {
        (**self).set_aside(below)
    }
}
