//! A disk that does what real ones do at their worst.

use super::chance::Chance;
use crate::journal::{Frame, Medium, Owner, SECTOR, Source};
use crate::protocol::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use wire::Ballot;

/// How much of an older log there is.
const STALE_SECTORS: u64 = 400;

/// What a write that was not synced has overwritten.
#[derive(Clone, Copy, Debug)]
struct Overwritten {
    segment: u64,
    at: usize,
    length: usize,
    /// Where in [`Disk::before`] the bytes are.
    before: usize,
    /// A sync of it failed: the kernel has forgotten that it was to be written, whatever a later sync says
    /// (Rebello et al., *Can applications recover from fsync failures?*, 2020).
    forgotten: bool,
}

/// Bytes that were made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synced {
    pub segment: u64,
    pub at: u64,
    pub length: u64,
}

impl Synced {
    fn covers(self, segment: u64, at: u64) -> bool {
        self.segment == segment && (self.at..self.at + self.length).contains(&at)
    }
}

/// An acceptor's disk. It outlives the processes that write to it.
#[derive(Clone, Debug)]
pub struct Disk {
    segment_len: u64,
    /// As they are read, whether synced or not.
    segments: BTreeMap<u64, Vec<u8>>,
    unsynced: Vec<Overwritten>,
    /// What stood where something was written and not synced.
    before: Vec<u8>,
    /// What segments that are not needed any more held, with their numbers: others are made of their space.
    stale: Vec<(u64, Vec<u8>)>,
    /// Segments made of such space.
    used: BTreeSet<u64>,
    /// What was made durable since this was last asked.
    synced: Vec<Synced>,
    /// What was synced last and is not zeros: those cut off what was torn.
    newest: Option<Synced>,
    /// There is no space for another segment.
    pub full: bool,
    /// Writes and syncs that succeed before one fails, once; `None`: all.
    pub fails_after: Option<u64>,
    /// The process dies before its next sync.
    pub dies_before_sync: bool,
    /// What a sync takes.
    pub slow: Nanos,
    /// What the syncs took since this was last asked.
    took: Nanos,
}

impl Disk {
    /// An empty one, with segments of so many bytes.
    pub fn new(segment_len: u64) -> Disk {
        assert!(segment_len.is_multiple_of(SECTOR as u64));
        Disk {
            segment_len,
            segments: BTreeMap::new(),
            unsynced: Vec::new(),
            before: Vec::new(),
            stale: Vec::new(),
            used: BTreeSet::new(),
            synced: Vec::new(),
            newest: None,
            full: false,
            fails_after: None,
            dies_before_sync: false,
            slow: 0,
            took: 0,
        }
    }

    /// One whose space was used before: what is left of that are frames of an older log of the same acceptor,
    /// one in each sector, and each says something else than the acceptor remembers.
    pub fn used(segment_len: u64, owner: Owner, chance: &mut Chance) -> Disk {
        let mut disk = Disk::new(segment_len);
        let sectors = (segment_len / SECTOR as u64).min(STALE_SECTORS);
        let mut stale = vec![0; SECTOR];
        let (epoch, mut chain) = (chance.draw(), 0);
        for number in 1..sectors {
            let mut frame = Frame::with_capacity(SECTOR);
            frame.promised(Ballot::new(1_000_000 + number, owner.acceptor, number));
            let (bytes, next) = frame.seal(epoch, number, chain);
            stale.extend_from_slice(bytes);
            chain = next;
        }
        disk.stale.push((0, stale));
        disk
    }

    /// Whether nothing was ever written to it.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// What was made durable, or may have been, since this was last asked: where, and the bytes.
    pub fn take_synced(&mut self, mut each: impl FnMut(Synced, &[u8])) {
        for synced in self.synced.drain(..) {
            if let Some(bytes) = self.segments.get(&synced.segment) {
                each(synced, &bytes[synced.at as usize..][..synced.length as usize]);
            }
        }
    }

    /// The time that syncs took since this was last asked.
    pub fn take_time(&mut self) -> Nanos {
        core::mem::take(&mut self.took)
    }

    /// The process that wrote to it ends. The next one looks at the disk and not at what the system still
    /// remembers of it, as the engine does: what failed to be written is not there.
    pub fn forget_failed(&mut self) {
        self.dies_before_sync = false;
        if self.unsynced.iter().any(|overwritten| overwritten.forgotten) {
            self.undo(|_| false);
        }
    }

    /// The power goes: of what was written and not synced, each sector is as it was, or as it was to be.
    pub fn lose_power(&mut self, chance: &mut Chance) {
        // All, none, or any mixture.
        let survives = chance.pick(&[0, 20, 50, 80, 100]);
        self.undo(|forgotten| !forgotten && chance.percent(survives));
    }

    /// Takes back what was written and not synced, but for the sectors that survive, and are durable then.
    fn undo(&mut self, mut survives: impl FnMut(bool) -> bool) {
        for overwritten in self.unsynced.drain(..).rev() {
            let Overwritten { segment, at, length, before, forgotten } = overwritten;
            let Some(bytes) = self.segments.get_mut(&segment) else { continue };
            for sector in (at..at + length).step_by(SECTOR) {
                if !survives(forgotten) {
                    let end = (sector + SECTOR).min(at + length);
                    let old = before + sector - at..before + end - at;
                    bytes[sector..end].copy_from_slice(&self.before[old]);
                }
            }
            self.synced.push(Synced { segment, at: at as u64, length: length as u64 });
        }
        self.before.clear();
        (self.fails_after, self.dies_before_sync) = (None, false);
    }

    /// Bits of sectors that were written turn over; but in space that was used before not of those that were
    /// synced last: when nothing stands behind them, no reader can tell that from a write that the power has
    /// cut short.
    pub fn rot(&mut self, bits: u64, chance: &mut Chance) {
        let numbers: Vec<u64> = self.segments.keys().copied().collect();
        for _ in 0..bits {
            if numbers.is_empty() {
                return;
            }
            // One in four lies where it hurts most.
            let newest = self.newest.filter(|newest| numbers.contains(&newest.segment));
            let (segment, at) = match newest.filter(|_| chance.percent(25)) {
                Some(newest) => (newest.segment, newest.at + chance.below(newest.length)),
                None => {
                    let segment = chance.pick(&numbers);
                    let used = self.segments[&segment].iter().rposition(|byte| *byte != 0);
                    (segment, chance.below(used.map_or(1, |last| last as u64 + 1)))
                }
            };
            let spared =
                self.used.contains(&segment) && newest.is_some_and(|newest| newest.covers(segment, at));
            if let Some(bytes) = self.segments.get_mut(&segment).filter(|_| !spared) {
                bytes[at as usize] ^= 1 << chance.below(8);
            }
        }
    }

    /// An empty disk in its place, of the same space.
    pub fn replaced(&self) -> Disk {
        let stale = self.segments.iter().map(|(number, bytes)| (*number, bytes.clone())).collect();
        Disk { slow: self.slow, stale, ..Disk::new(self.segment_len) }
    }

    /// Counts an operation, or fails it.
    fn operate(&mut self) -> io::Result<()> {
        match &mut self.fails_after {
            Some(0) => {
                self.fails_after = None;
                return Err(io::Error::other("the disk fails"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }
}

impl Source for Disk {
    fn segments(&mut self) -> io::Result<Vec<u64>> {
        Ok(self.segments.keys().copied().collect())
    }

    fn read(&mut self, segment: u64) -> io::Result<Vec<u8>> {
        self.segments.get(&segment).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Medium for Disk {
    fn segment_len(&self) -> u64 {
        self.segment_len
    }

    fn prepare(&mut self, segment: u64) -> bool {
        self.segments.contains_key(&segment) || !self.full
    }

    fn create(&mut self, segment: u64) -> io::Result<bool> {
        if self.segments.contains_key(&segment) {
            return Ok(true);
        }
        if self.full {
            return Ok(false);
        }
        // Never what a segment of this number held.
        let at = self.stale.iter().position(|(number, _)| *number != segment);
        let mut bytes = at.map(|at| self.stale.swap_remove(at).1).unwrap_or_default();
        if bytes.iter().any(|byte| *byte != 0) {
            self.used.insert(segment);
        }
        bytes.resize(self.segment_len as usize, 0);
        self.segments.insert(segment, bytes);
        Ok(true)
    }

    fn is_zeroed(&self, segment: u64) -> bool {
        self.segments.contains_key(&segment) && !self.used.contains(&segment)
    }

    /// A write that fails leaves the first half of its sectors.
    fn write(&mut self, segment: u64, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let result = self.operate();
        let at = offset as usize;
        let length = if result.is_ok() { bytes.len() } else { bytes.len() / 2 / SECTOR * SECTOR };
        let Some(there) = self.segments.get_mut(&segment) else { return Err(io::ErrorKind::NotFound.into()) };
        self.unsynced.push(Overwritten { segment, at, length, before: self.before.len(), forgotten: false });
        self.before.extend_from_slice(&there[at..at + length]);
        there[at..at + length].copy_from_slice(&bytes[..length]);
        result
    }

    fn sync(&mut self, segment: u64) -> io::Result<()> {
        if self.dies_before_sync {
            return Err(io::Error::other("nobody is there any more"));
        }
        let result = self.operate();
        self.took += self.slow;
        if result.is_err() {
            self.unsynced.iter_mut().for_each(|overwritten| overwritten.forgotten = true);
            return result;
        }
        let (synced, newest, segments) = (&mut self.synced, &mut self.newest, &self.segments);
        self.unsynced.retain(|overwritten| {
            let done = overwritten.segment == segment && !overwritten.forgotten;
            if done {
                let (at, length) = (overwritten.at as u64, overwritten.length as u64);
                synced.push(Synced { segment, at, length });
                let bytes = &segments[&segment][overwritten.at..][..overwritten.length];
                if bytes.iter().any(|byte| *byte != 0) {
                    *newest = synced.last().copied();
                }
            }
            !done
        });
        if self.unsynced.is_empty() {
            self.before.clear();
        }
        Ok(())
    }

    fn set_aside(&mut self, below: u64) -> io::Result<()> {
        self.operate()?;
        let kept = self.segments.split_off(&below);
        self.stale.extend(core::mem::replace(&mut self.segments, kept));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::frame::FrameHeader;
    use zerocopy::FromBytes;

    /// A disk with one segment of eight sectors, the first of which holds ones, durably.
    fn disk() -> Disk {
        let mut disk = Disk::new(8 * SECTOR as u64);
        assert!(disk.create(1).unwrap());
        disk.write(1, 0, &[1; SECTOR]).unwrap();
        disk.sync(1).unwrap();
        disk
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_is_torn_by_the_sector() {
        let mut seen = [0; 5];
        for seed in 0..200 {
            let (mut disk, mut chance) = (disk(), Chance::new(seed));
            disk.write(1, SECTOR as u64, &[2; 4 * SECTOR]).unwrap();
            assert_eq!(disk.read(1).unwrap()[SECTOR], 2, "a read sees what was written");
            disk.lose_power(&mut chance);
            let bytes = disk.read(1).unwrap();
            assert!(bytes[..SECTOR].iter().all(|byte| *byte == 1));
            let mut survived = 0;
            for sector in bytes[SECTOR..5 * SECTOR].chunks(SECTOR) {
                assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is written whole");
                survived += usize::from(sector[0] == 2);
            }
            seen[survived] += 1;
        }
        assert!(seen.iter().all(|times| *times > 5), "{seen:?}");
    }

    #[test]
    fn a_process_that_dies_before_it_syncs_loses_nothing_of_what_it_wrote() {
        let mut disk = disk();
        disk.write(1, SECTOR as u64, &[2; SECTOR]).unwrap();
        disk.dies_before_sync = true;
        assert!(disk.sync(1).is_err());
        disk.forget_failed();
        assert!(disk.sync(1).is_ok());
        disk.lose_power(&mut Chance::new(1));
        assert_eq!(disk.read(1).unwrap()[SECTOR], 2);
    }

    #[test]
    fn a_write_that_fails_is_half_there() {
        let mut disk = disk();
        disk.fails_after = Some(0);
        assert!(disk.write(1, SECTOR as u64, &[2; 4 * SECTOR]).is_err());
        let bytes = disk.read(1).unwrap();
        assert_eq!((bytes[3 * SECTOR - 1], bytes[3 * SECTOR]), (2, 0));
    }

    #[test]
    fn what_a_sync_failed_to_write_no_later_sync_writes() {
        let mut disk = disk();
        disk.take_synced(|_, _| ());
        disk.write(1, SECTOR as u64, &[2; SECTOR]).unwrap();
        disk.fails_after = Some(0);
        assert!(disk.sync(1).is_err() && disk.sync(1).is_ok());
        disk.take_synced(|synced, _| panic!("{synced:?}"));
        disk.forget_failed();
        disk.take_synced(|_, bytes| assert_eq!(bytes, [0; SECTOR]));
        assert_eq!(disk.read(1).unwrap()[SECTOR], 0);
    }

    #[test]
    fn what_is_durable_is_told_once() {
        let mut disk = disk();
        let mut told = Vec::new();
        disk.take_synced(|synced, bytes| told.push((synced, bytes.len())));
        disk.take_synced(|synced, bytes| told.push((synced, bytes.len())));
        let length = SECTOR as u64;
        assert_eq!(told, [(Synced { segment: 1, at: 0, length }, SECTOR)]);
    }

    #[test]
    fn whatever_was_written_may_rot_but_what_was_synced_last_into_used_space() {
        for used in [false, true] {
            let mut disk = disk();
            if used {
                disk.set_aside(2).unwrap();
                assert!(disk.create(2).unwrap());
            }
            let segment = if used { 2 } else { 1 };
            disk.write(segment, SECTOR as u64, &[2; SECTOR]).unwrap();
            disk.sync(segment).unwrap();
            disk.rot(100, &mut Chance::new(1));
            let bytes = disk.read(segment).unwrap();
            assert!(bytes[..SECTOR].iter().any(|byte| *byte != 1));
            assert_eq!(bytes[SECTOR..2 * SECTOR].iter().all(|byte| *byte == 2), used);
        }
    }

    #[test]
    fn a_full_disk_makes_no_segment_and_a_used_one_makes_them_of_what_was_there() {
        let mut disk = disk();
        disk.full = true;
        assert!(!disk.prepare(2) && !disk.create(2).unwrap() && disk.create(1).unwrap());
        disk.full = false;
        disk.set_aside(2).unwrap();
        assert!(disk.is_empty() && disk.create(1).unwrap() && disk.create(2).unwrap());
        assert_eq!((disk.read(1).unwrap()[0], disk.read(2).unwrap()[0]), (0, 1), "never its own past");
        assert_eq!(disk.replaced().stale.len(), 2);
    }

    #[test]
    fn used_space_holds_whole_frames_that_are_not_of_this_log() {
        let owner = Owner { cluster: 5, acceptor: 1 };
        let mut disk = Disk::used(8 * SECTOR as u64, owner, &mut Chance::new(1));
        assert!(disk.create(1).unwrap());
        let bytes = disk.read(1).unwrap();
        let epoch = FrameHeader::ref_from_prefix(&bytes[SECTOR..]).unwrap().0.epoch.get();
        for at in 1..8 {
            assert!(FrameHeader::find(&bytes[at * SECTOR..], epoch).is_some(), "sector {at}");
        }
    }

    #[test]
    fn a_slow_disk_says_what_its_syncs_took() {
        let mut disk = disk();
        disk.slow = 7;
        disk.sync(1).unwrap();
        disk.sync(1).unwrap();
        assert_eq!((disk.take_time(), disk.take_time()), (14, 0));
    }
}
