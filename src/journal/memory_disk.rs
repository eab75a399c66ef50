//! A disk in memory that does what real ones do at their worst, for tests.

use super::SECTOR;
use super::medium::{Medium, Source};
use std::collections::BTreeMap;
use std::io;

/// A [`Medium`] in memory: it forgets what was not synced, tears writes between sectors, flips bits, fails
/// when it is told to, fills up, and hands out used space.
#[derive(Clone, Debug)]
pub struct MemoryDisk {
    segment_len: u64,
    segments: BTreeMap<u64, Cells>,
    /// What was set aside, each time.
    pub aside: Vec<Vec<(u64, Vec<u8>)>>,
    /// Contents for the next segments that are made; zeros when there are none.
    pub recycled: Vec<Vec<u8>>,
    /// Whether there is no space for another segment.
    pub full: bool,
    /// Writes and syncs that succeed before one fails; `None`: all.
    pub fails_after: Option<u64>,
    /// Writes and syncs so far.
    pub operations: u64,
}

#[derive(Clone, Debug)]
struct Cells {
    /// What a power cut leaves.
    durable: Vec<u8>,
    /// What a read returns.
    cached: Vec<u8>,
    /// Sectors that were written and not synced.
    pending: Vec<usize>,
}

impl MemoryDisk {
    /// An empty one, with segments of so many bytes.
    pub fn new(segment_len: u64) -> MemoryDisk {
        assert!(segment_len.is_multiple_of(SECTOR as u64));
        MemoryDisk {
            segment_len,
            segments: BTreeMap::new(),
            aside: Vec::new(),
            recycled: Vec::new(),
            full: false,
            fails_after: None,
            operations: 0,
        }
    }

    /// Sectors that were written and not synced.
    pub fn pending(&self) -> usize {
        self.segments.values().map(|cells| cells.pending.len()).sum()
    }

    /// Cuts the power: of the sectors that were not synced, counted in their order, those survive that
    /// `survives` says. The disk works again afterwards.
    pub fn lose_power(&mut self, mut survives: impl FnMut(usize) -> bool) {
        let mut count = 0;
        for cells in self.segments.values_mut() {
            for sector in core::mem::take(&mut cells.pending) {
                if survives(count) {
                    cells.keep(sector);
                }
                count += 1;
            }
            cells.cached.copy_from_slice(&cells.durable);
        }
        self.fails_after = None;
    }

    /// Changes a byte for ever: the bits of `mask` turn over.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn flip(&mut self, segment: u64, offset: u64, mask: u8) {
        let cells = self.segments.get_mut(&segment).expect("a segment that exists");
        for bytes in [&mut cells.durable, &mut cells.cached] {
            bytes[offset as usize] ^= mask;
        }
    }

    /// What a segment holds, durable or not.
    pub fn bytes(&self, segment: u64) -> Option<&[u8]> {
        self.segments.get(&segment).map(|cells| &cells.cached[..])
    }

    /// Puts a segment there, durably.
    pub fn put(&mut self, segment: u64, bytes: Vec<u8>) {
        self.segments.insert(segment, Cells { cached: bytes.clone(), durable: bytes, pending: Vec::new() });
    }

    /// Takes a segment away.
    pub fn remove(&mut self, segment: u64) -> Option<Vec<u8>> {
        self.segments.remove(&segment).map(|cells| cells.cached)
    }

    /// Whether a segment is there, in its full length.
    fn is_whole(&self, segment: u64) -> bool {
        self.bytes(segment).is_some_and(|bytes| bytes.len() as u64 >= self.segment_len)
    }

    /// Counts an operation, or fails it.
    fn operate(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.fails_after {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the disk fails"))?;
        }
        self.operations += 1;
        Ok(())
    }

    fn cells(&mut self, segment: u64) -> io::Result<&mut Cells> {
        self.segments.get_mut(&segment).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Cells {
    fn keep(&mut self, sector: usize) {
        let bytes = sector * SECTOR..((sector + 1) * SECTOR).min(self.cached.len());
        self.durable[bytes.clone()].copy_from_slice(&self.cached[bytes]);
    }
}

impl Source for MemoryDisk {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.segments.keys().copied().collect())
    }

    fn read(&mut self, segment: u64) -> io::Result<Vec<u8>> {
        Ok(self.cells(segment)?.cached.clone())
    }
}

impl Medium for MemoryDisk {
    fn segment_len(&self) -> u64 {
        self.segment_len
    }

    fn prepare(&mut self, segment: u64) -> bool {
        self.is_whole(segment) || !self.full
    }

    fn create(&mut self, segment: u64) -> io::Result<bool> {
        if self.is_whole(segment) {
            return Ok(true);
        }
        if self.full {
            return Ok(false);
        }
        // One that was cut, or never got its length, is made whole.
        let mut bytes = self.remove(segment).or_else(|| self.recycled.pop()).unwrap_or_default();
        bytes.resize(self.segment_len as usize, 0);
        self.put(segment, bytes);
        Ok(true)
    }

    fn is_zeroed(&self, segment: u64) -> bool {
        self.segments.get(&segment).is_some_and(|cells| cells.durable.iter().all(|byte| *byte == 0))
    }

    /// A write that fails leaves the first half of its sectors.
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let result = self.operate();
        let written = if result.is_ok() { bytes.len() } else { bytes.len() / 2 / SECTOR * SECTOR };
        let cells = self.cells(segment)?;
        let at = offset as usize;
        cells.cached[at..at + written].copy_from_slice(&bytes[..written]);
        for sector in at / SECTOR..(at + written).div_ceil(SECTOR) {
            if !cells.pending.contains(&sector) {
                cells.pending.push(sector);
            }
        }
        result
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        self.operate()?;
        let cells = self.cells(segment)?;
        for sector in core::mem::take(&mut cells.pending) {
            cells.keep(sector);
        }
        Ok(())
    }

    fn set_aside(&mut self, below: u64) -> io::Result<()> {
        self.operate()?;
        let kept = self.segments.split_off(&below);
        let segments = core::mem::replace(&mut self.segments, kept);
        self.aside.push(segments.into_iter().map(|(number, cells)| (number, cells.cached)).collect());
        Ok(())
    }
}
