//! What the tests share: small logs of frames of all kinds and sizes, and a memory that knows what it heard.

mod damage;
mod faults;
mod segments;
mod torn;

use super::memory_disk::MemoryDisk;
use super::*;
use twox_hash::XxHash3_64;
use wire::{Ballot, Batch, EntryHeader};
use zerocopy::IntoBytes;

const OWNER: Owner = Owner { cluster: 0xc1a5_7e50, acceptor: 2 };
/// Room for seven sectors of frames behind the header.
const SEGMENT: u64 = 4096;

/// What was recalled: a line for each record, with a hash of its body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Memory {
    records: Vec<String>,
    forgot: bool,
}

impl Recall for Memory {
    fn recall(&mut self, record: Record<'_>) {
        self.records.push(line(&record));
    }

    fn forget(&mut self) {
        self.records.clear();
        self.forgot = true;
    }
}

fn line(record: &Record<'_>) -> String {
    match record {
        Record::Accepted { batch, .. } => format!("{record} {:x}", XxHash3_64::oneshot(batch.as_bytes())),
        _ => record.to_string(),
    }
}

/// The line of an accepted record, if its body were damaged.
fn damaged(line: &str) -> Option<String> {
    let (head, rest) = line.split_once(": ")?;
    let known = if rest.contains("(decided)") { " (decided)" } else { "" };
    head.starts_with("accepted").then(|| format!("{head}: DAMAGED{known}"))
}

fn ballot(round: u64) -> Ballot {
    Ballot::new(round, 1, 0x1234_5678_9abc)
}

/// A batch of one entry of so many bytes, no two alike.
fn batch(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = EntryHeader::new(7, 99, number, length).as_bytes().to_vec();
    bytes.extend((0..length).map(|at| (at as u64 * 31 + number * 7 + 1) as u8));
    bytes
}

fn standing() -> Standing {
    Standing { life: 77, log: 5, blind_until: 3, lives: [1, 77, 2].into_iter().collect() }
}

/// Frame `number` of the logs of these tests, from 1: all kinds of records, one to four sectors.
fn frame(number: u64) -> Frame {
    let mut frame = Frame::with_capacity(0);
    match number % 8 {
        1 => {
            frame.standing(&standing());
            frame.promised(ballot(number));
        }
        2 => frame.accepted(number, ballot(number), false, Batch::parse(&batch(number, 37)).unwrap()),
        3 | 7 => frame.mark(),
        4 => {
            frame.accepted(number, ballot(number), true, Batch::NOOP);
            frame.accepted(number + 50, ballot(number), true, Batch::parse(&batch(number, 701)).unwrap());
            frame.decided(number + 2);
        }
        5 => frame.accepted(number, ballot(number), false, Batch::parse(&batch(number, 1400)).unwrap()),
        6 => frame.promised(ballot(number)),
        _ => frame.accepted(number, ballot(number), true, Batch::parse(&batch(number, 900)).unwrap()),
    }
    frame
}

/// The lines of the records of a frame.
fn lines(frame: &Frame) -> Vec<String> {
    let mut copy = frame.clone();
    let (bytes, _) = copy.seal(1, 1, 0);
    let mut lines = Vec::new();
    let header = frame::FrameHeader::find(bytes, 1).expect("sealed");
    header.records(bytes, |_, record| lines.push(line(&record))).expect("sealed");
    lines
}

fn lines_of(frames: impl IntoIterator<Item = u64>) -> Vec<String> {
    frames.into_iter().flat_map(|number| lines(&frame(number))).collect()
}

/// Opens, and expects that to succeed.
#[track_caller]
fn open(disk: &mut MemoryDisk, fresh_epoch: u64) -> (Journal<&mut MemoryDisk>, Report, Memory) {
    let mut memory = Memory::default();
    match Journal::open(disk, OWNER, fresh_epoch, &mut memory) {
        Ok((journal, report)) => (journal, report, memory),
        Err(error) => panic!("{error}"),
    }
}

/// A disk with a log of `frames` frames, in epoch 0xe1.
fn written(mut disk: MemoryDisk, frames: u64) -> MemoryDisk {
    let (mut journal, report, _) = open(&mut disk, 0xe1);
    assert!(report.is_new());
    for number in 1..=frames {
        journal.commit(&mut frame(number)).expect("it fails not");
    }
    disk
}
