//! A disk, a journal on it, and what the two must agree about.

use super::super::input::Input;
use super::history::{Entry, History, Memory};
use paxos::journal::memory_disk::MemoryDisk;
use paxos::journal::{Journal, OpenError, Owner, SECTOR, Source, Standing};
use wire::{Ballot, Batch, EntryHeader};
use zerocopy::IntoBytes;

/// Bytes of a segment: the header and seven sectors of frames.
pub const SEGMENT: u64 = 4096;
const OWNER: Owner = Owner { cluster: 0xc1a5_7e50, acceptor: 2 };

pub struct Rig {
    pub disk: MemoryDisk,
    history: History,
    opened: u64,
    epoch: u64,
    number: u64,
}

impl Rig {
    /// Bit 0 of `choice`: shorter segments.
    pub fn new(choice: u8) -> Rig {
        let segment = if choice & 1 == 0 { SEGMENT } else { SEGMENT / 2 };
        Rig { disk: MemoryDisk::new(segment), history: History::new(), opened: 0, epoch: 0, number: 0 }
    }

    /// Of the log that was opened last.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Anything may be on the disk.
    pub fn forget_history(&mut self) {
        self.history.forget();
    }

    /// Opens, and compares what is told with what was written.
    pub fn open(&mut self) {
        self.write_with(|_, _| ());
    }

    /// What is written after all that, and damage no more, is read again.
    pub fn goes_on(&mut self) {
        (self.disk.full, self.disk.fails_after) = (false, None);
        for _ in 0..2 {
            let mut entry = Entry::new();
            entry.promised(Ballot::new(self.next(), 1, 7));
            self.write_with(|journal, history| {
                journal.commit(&mut entry.frame).expect("nothing is wrong with this disk");
                history.wrote(&entry.lines, true);
            });
        }
        self.open();
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Opens, and does something with what was opened, if that succeeded.
    fn write_with(&mut self, write: impl FnOnce(&mut Journal<&mut MemoryDisk>, &mut History)) {
        self.opened += 1;
        let mut memory = Memory::default();
        let limits = self.disk.full || self.disk.fails_after.is_some();
        match Journal::open(&mut self.disk, OWNER, self.opened << 32 | 0xe1, &mut memory) {
            Ok((mut journal, report)) => {
                report.findings.iter().for_each(|finding| assert!(finding.to_string().len() < 300));
                let lost = report.lost();
                self.epoch = journal.epoch();
                self.history.recalled(memory, lost);
                write(&mut journal, &mut self.history);
            }
            // It failed half way, perhaps when it had set all aside already.
            Err(OpenError::Io(_) | OpenError::NoSpace) if limits => self.history.damaged = true,
            Err(error @ (OpenError::Io(_) | OpenError::NoSpace)) => panic!("{error}"),
            Err(error) => {
                assert!(error.to_string().len() < 300 && self.history.damaged);
                // A person moves it out of the way.
                for segment in self.numbers() {
                    self.disk.remove(segment);
                }
                self.history.damaged = true;
            }
        }
    }

    fn numbers(&mut self) -> Vec<u64> {
        self.disk.segments().expect("they are in memory")
    }

    /// One thing that happens to a log.
    pub fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 16 {
            0..=6 => self.write(input),
            7 => self.fail(input),
            8 => self.disk.full = input.byte() & 1 == 1,
            9 => self.open(),
            _ => self.damage(input),
        }
    }

    /// Commits up to four frames.
    fn write(&mut self, input: &mut Input<'_>) {
        let entries: Vec<Entry> = (0..=input.byte() % 4).map(|_| self.entry(input)).collect();
        self.write_with(|journal, history| {
            for mut entry in entries {
                let length = entry.frame.length() as u64;
                let room = journal.room();
                if entry.accepts && length > room || length > SEGMENT / 2 - SECTOR as u64 {
                    continue;
                }
                let committed = journal.commit(&mut entry.frame).is_ok();
                assert!(committed || !entry.accepts, "there was said to be room");
                history.wrote(&entry.lines, committed);
                if !committed {
                    break; // the process ends
                }
            }
        });
    }

    /// Commits while the disk fails, and the power goes.
    fn fail(&mut self, input: &mut Input<'_>) {
        let (after, survive) = (u64::from(input.byte() % 8), input.byte());
        let mut entry = self.entry(input);
        let mut begun = false;
        self.write_with(|_, _| begun = true);
        if !begun || entry.frame.length() as u64 > SEGMENT / 2 - SECTOR as u64 {
            return;
        }
        self.disk.fails_after = Some(after);
        self.write_with(|journal, history| {
            if entry.frame.length() as u64 <= journal.room() {
                let committed = journal.commit(&mut entry.frame).is_ok();
                history.wrote(&entry.lines, committed);
                assert!(committed || journal.commit(&mut Entry::new().frame).is_err(), "a failure is final");
            }
        });
        self.disk.lose_power(|sector| survive >> (sector % 8) & 1 == 1);
    }

    /// A frame of up to four records.
    fn entry(&mut self, input: &mut Input<'_>) -> Entry {
        let mut entry = Entry::new();
        for _ in 0..input.byte() % 5 {
            let number = self.next();
            let ballot = Ballot::new(number, 1, 7);
            let choice = input.byte();
            match choice % 6 {
                0 => entry.promised(ballot),
                1 => entry.decided(number),
                2 => entry.standing(Standing {
                    life: number,
                    log: 5,
                    blind_until: choice.into(),
                    lives: (0..u64::from(choice) % 16).collect(),
                }),
                3 => entry.accepted(number, ballot, choice & 8 == 0, Batch::NOOP),
                _ => {
                    let length = usize::from(choice) * 4 + 1;
                    let mut bytes = EntryHeader::new(7, 99, number, length).as_bytes().to_vec();
                    bytes.resize(bytes.len() + length, choice);
                    let batch = Batch::parse(&bytes).expect("it was made of an entry");
                    entry.accepted(number / 2, ballot, choice & 8 == 0, batch);
                }
            }
        }
        entry.frame.mark();
        entry
    }

    /// Something that disks do, and people.
    fn damage(&mut self, input: &mut Input<'_>) {
        let numbers = self.numbers();
        if numbers.is_empty() {
            return;
        }
        let segment = input.one_of(&numbers);
        let mut bytes = self.disk.bytes(segment).expect("it was listed").to_vec();
        let choice = input.byte() % 8;
        let sectors = (bytes.len() / SECTOR).max(1);
        let sector = |input: &mut Input<'_>| usize::from(input.byte()) % sectors * SECTOR;
        match choice {
            _ if bytes.len() < SECTOR => {}
            0 | 1 => {
                let at = usize::from(input.u16()) % bytes.len();
                bytes[at] ^= input.byte();
            }
            2 => bytes.truncate(usize::from(input.u16()) % bytes.len()),
            3 => {
                let (one, other) = (sector(input), sector(input));
                for at in 0..SECTOR {
                    bytes.swap(one + at, other + at);
                }
            }
            4 => {
                let (from, to) = (sector(input), sector(input));
                bytes.copy_within(from..from + SECTOR, to);
            }
            5 => {
                let at = sector(input);
                bytes[at..at + SECTOR].fill(0);
            }
            6 => {
                // One segment in the place of another, or none in its place.
                let other = (segment + u64::from(input.byte() % 4)).saturating_sub(1);
                let removed = self.disk.remove(segment);
                if let (Some(removed), true) = (removed, other != segment) {
                    self.disk.put(other, removed);
                }
                self.history.damaged = true;
                return;
            }
            _ => {
                let Some(aside) = self.disk.aside.pop() else { return };
                for (number, bytes) in aside {
                    self.disk.put(number, bytes);
                }
                (self.history.damaged, self.history.mixed) = (true, true);
                return;
            }
        }
        self.history.damaged |= self.disk.bytes(segment) != Some(&bytes);
        self.disk.put(segment, bytes);
    }
}
