//! A file that is written past the kernel's page cache (`O_DIRECT`), where its file system allows that.
//!
//! What an acceptor logs is read again only after another start. In the cache it would cost a page of memory and a
//! copy for every 4 KiB, twice with the zeros of a new segment, and a frame that ends within a page would have that
//! whole page written again with the next one: past the cache, no durable byte is.

use crate::journal::aligned::{ALIGNMENT, Aligned};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

#[derive(Debug)]
pub struct Uncached {
    file: File,
    /// Whether the file system takes part.
    direct: bool,
}

impl Uncached {
    /// Of a file that is open for writing.
    pub fn new(file: File) -> Uncached {
        let direct = set_direct(&file, true).is_ok(); // else by way of the cache, as ever
        Uncached { file, direct }
    }

    /// Writes whole sectors. Those that do not lie in memory as the disk wants them are copied first.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if !self.direct {
            return self.file.write_all_at(bytes, offset);
        }
        let mut copy = Aligned::default();
        let aligned = if bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            bytes
        } else {
            copy.extend_from_slice(bytes);
            &copy
        };
        match self.file.write_all_at(aligned, offset) {
            // It wants larger sectors than ours. It says so before it writes anything.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                set_direct(&self.file, false)?;
                self.direct = false;
                self.file.write_all_at(bytes, offset)
            }
            result => result,
        }
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// When the disk fails: what was written may be lost then.
    pub fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Makes durable what was written, and all that is noted of the file.
    ///
    /// # Errors
    /// As [`Uncached::sync_data`].
    pub fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn set_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scratch::Scratch;
    use std::fs;

    #[test]
    fn sectors_from_anywhere_in_memory_come_to_where_they_belong() {
        let scratch = Scratch::new();
        let path = scratch.0.join("file");
        let mut uncached = Uncached::new(File::create(&path).unwrap());
        let frame: Vec<u8> = (0..5 * 512).map(|at| (at % 251) as u8).collect();
        let mut aligned = Aligned::default();
        aligned.extend_from_slice(&[3; 8192]);
        let pieces = [&[1; 1024][..], &frame, &[2; 512], &aligned];
        let mut offset = 0;
        for piece in pieces {
            uncached.write_all_at(piece, offset).unwrap();
            offset += piece.len() as u64;
        }
        uncached.sync_data().unwrap();
        assert_eq!(fs::read(&path).unwrap(), pieces.concat());
    }

    #[test]
    fn what_is_no_whole_sector_for_the_disk_goes_by_way_of_the_cache_from_then_on() {
        let scratch = Scratch::new();
        let path = scratch.0.join("file");
        let mut uncached = Uncached::new(File::create(&path).unwrap());
        uncached.write_all_at(b"odd", 0).unwrap();
        uncached.write_all_at(b" and even", 3).unwrap();
        uncached.sync_data().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"odd and even");
    }

    #[test]
    fn a_disk_that_is_full_says_so() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = Uncached::new(full).write_all_at(&[0; 512], 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
