//! The disks of the acceptors: between two starts they are here.

use super::World;
use crate::journal::{Journal, Owner};
use crate::protocol::Nanos;
use crate::protocol::memory::Memory;
use crate::sim::check::durable::Shadow;
use crate::sim::disk::Disk;
use crate::sim::failure::{Failure, hold};
use crate::sim::network::Who;
use crate::sim::script::{DiskFate, DiskTrouble};
use std::collections::BTreeMap;
use wire::Sender;

/// All disks.
pub(in crate::sim) struct Storage {
    /// Whether acceptors keep logs on disks.
    pub durable: bool,
    pub segment_len: u64,
    /// Whether disks must be remembered as they were.
    pub remembers: bool,
    /// By acceptor: those of acceptors that do not run.
    disks: BTreeMap<u16, Disk>,
    /// By acceptor: its disk at its last start.
    older: BTreeMap<u16, Disk>,
    /// By acceptor: what its disk holds for good.
    pub shadows: BTreeMap<u16, Shadow>,
    slow: Vec<(Who, Nanos)>,
}

impl Default for Storage {
    fn default() -> Storage {
        Storage {
            durable: false,
            segment_len: 1 << 20,
            remembers: false,
            disks: BTreeMap::new(),
            older: BTreeMap::new(),
            shadows: BTreeMap::new(),
            slow: Vec::new(),
        }
    }
}

impl World {
    /// Opens an acceptor's log, as its process does when it starts.
    pub(super) fn open(&mut self, me: Sender, cluster: u32) -> Result<(Journal<Disk>, Memory), Failure> {
        let owner = Owner { cluster, acceptor: me.id };
        let storage = &mut self.storage;
        let mut disk = match storage.disks.remove(&me.id) {
            Some(disk) => disk,
            None if self.chance.percent(30) => Disk::used(storage.segment_len, owner, &mut self.chance),
            None => Disk::new(storage.segment_len),
        };
        // Whoever starts it has looked after its disk.
        (disk.full, disk.fails_after) = (false, None);
        disk.slow = storage.slow.iter().rev().find(|(who, _)| who.is(me)).map_or(0, |(_, time)| *time);
        let mut memory = Memory::default();
        let (mut journal, report) = match Journal::open(disk, owner, self.chance.draw(), &mut memory) {
            Ok(opened) => opened,
            Err(error) => {
                hold!(false, Memory, "{me} cannot open its own log: {error}");
                unreachable!("the claim above does not hold");
            }
        };
        let storage = &mut self.storage;
        let shadow = storage.shadows.entry(me.id).or_default();
        shadow.open(journal.epoch());
        journal.medium_mut().take_synced(|_, bytes| shadow.synced(bytes));
        if storage.remembers {
            storage.older.insert(me.id, journal.medium().clone());
        }
        for finding in &report.findings {
            self.story.tell(self.now, format_args!("    {me}: {finding}"));
        }
        Ok((journal, memory))
    }

    /// Takes back the disk of an acceptor that ended.
    pub(super) fn shelve(&mut self, me: Sender, mut disk: Disk, power_lost: bool) {
        disk.forget_failed();
        if power_lost {
            disk.lose_power(&mut self.chance);
        }
        self.storage.disks.insert(me.id, disk);
    }

    /// What becomes of the disk of an acceptor that does not run.
    pub(super) fn fate(&mut self, me: Sender, fate: DiskFate) -> Result<(), Failure> {
        let storage = &mut self.storage;
        let Some(disk) = storage.disks.get_mut(&me.id) else {
            return Err(Failure::Script(format!("{me} has no disk, or it runs")));
        };
        match fate {
            DiskFate::Same => return Ok(()),
            DiskFate::Empty => {
                *disk = disk.replaced();
                storage.shadows.remove(&me.id);
                let at = self.acceptor_at(me).expect("who has a disk is one of the acceptors");
                self.budget.set(at, true)?;
            }
            DiskFate::Rotten(bits) => disk.rot(bits, &mut self.chance),
            DiskFate::Older => {
                if let Some(older) = storage.older.get(&me.id) {
                    *disk = older.clone();
                }
                // It cannot know that it has forgotten something, and nobody can tell it.
                self.checker.suspend();
                self.budget.exceed();
            }
        }
        self.tell(format_args!("--- the disk of {me}: {fate:?}"));
        Ok(())
    }

    pub(in crate::sim) fn trouble(&mut self, who: Who, trouble: DiskTrouble) {
        if let DiskTrouble::Slow(time) = trouble {
            self.storage.slow.push((who, time));
        }
        for node in self.nodes.iter_mut().flatten().filter(|node| who.is(node.me)) {
            let Some(journal) = &mut node.journal else { continue };
            let disk = journal.medium_mut();
            match trouble {
                DiskTrouble::Fails => disk.fails_after = Some(self.chance.below(2)),
                DiskTrouble::Full(full) => disk.full = full,
                DiskTrouble::Slow(time) => disk.slow = time,
            }
        }
    }

    /// No disk does anything bad any more.
    pub(in crate::sim) fn mend_disks(&mut self) {
        self.storage.slow.clear();
        for node in self.nodes.iter_mut().flatten() {
            if let Some(journal) = &mut node.journal {
                let disk = journal.medium_mut();
                (disk.fails_after, disk.full, disk.slow) = (None, false, 0);
            }
        }
    }
}
