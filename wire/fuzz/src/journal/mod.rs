//! Any bytes as an acceptor's log, and any damage to one.
//!
//! Whatever a disk holds, opening it must not panic, and writing to what was opened must work. Of a log that
//! was written and then damaged, recovery may cut the end, say that a body is damaged, or say that all is
//! lost; but it must never tell a record that was not written, nor leave one out in the middle.

mod history;
mod rig;

use super::input::Input;
use paxos::journal::frame::{FRAME_LEN, FRAME_MAGIC, FrameHeader};
use paxos::journal::record::{RECORD_LEN, RecordHeader};
use paxos::journal::{SECTOR, Source};
use rig::{Rig, SEGMENT};
use twox_hash::XxHash3_64;
use zerocopy::{FromBytes, IntoBytes};

/// The first byte says what the others are: the bytes of segments as they stand; the records of one frame,
/// whose checks are made right; or a script of what is written and what is damaged.
pub fn journal(bytes: &[u8]) {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    match mode % 8 {
        0 => segments(bytes),
        1 => records(bytes),
        _ => script(mode, bytes),
    }
}

/// Any bytes where segments should be. The first says how many.
fn segments(bytes: &[u8]) {
    let Some((&count, bytes)) = bytes.split_first() else { return };
    let mut rig = Rig::new(0);
    let count = usize::from(count % 4) + 1;
    for (at, segment) in bytes.chunks(bytes.len().div_ceil(count).max(1)).enumerate() {
        rig.disk.put(at as u64 + 1, segment.to_vec());
    }
    rig.forget_history();
    rig.open();
    rig.goes_on();
}

/// Any records in a frame that is right otherwise, as the only one of a log, and with an honest one behind.
fn records(bytes: &[u8]) {
    let Some((&count, bytes)) = bytes.split_first() else { return };
    for behind in [false, true] {
        let mut rig = Rig::new(0);
        rig.open(); // writes the header of the first segment
        let first = rig.disk.segments().expect("they are in memory")[0];
        let mut segment = rig.disk.bytes(first).expect("it was listed").to_vec();
        let room = SEGMENT as usize - 2 * SECTOR - FRAME_LEN;
        let (frame, chain) = frame(rig.epoch(), count, &bytes[..bytes.len().min(room)]);
        segment[SECTOR..SECTOR + frame.len()].copy_from_slice(&frame);
        if behind {
            let (next, _) = seal(rig.epoch(), 2, chain, 0, &mut []);
            segment[SECTOR + frame.len()..][..next.len()].copy_from_slice(&next);
        }
        rig.disk.put(first, segment);
        rig.forget_history();
        rig.open();
        rig.goes_on();
    }
}

/// A frame of these bytes as records, each with the checks that it would have been written with.
fn frame(epoch: u64, count: u8, bytes: &[u8]) -> (Vec<u8>, u64) {
    seal(epoch, 1, 0, count.into(), &mut bytes.to_vec())
}

fn seal(epoch: u64, number: u64, chain: u64, count: u32, records: &mut [u8]) -> (Vec<u8>, u64) {
    let length = (FRAME_LEN + records.len()).next_multiple_of(SECTOR);
    let mut header = FrameHeader {
        magic: FRAME_MAGIC,
        length: (length as u32).into(),
        epoch: epoch.into(),
        number: number.into(),
        chain: chain.into(),
        used: (records.len() as u32).into(),
        records: count.into(),
        ..FrameHeader::default()
    };
    header.check = XxHash3_64::oneshot_with_seed(epoch, &header.as_bytes()[..FRAME_LEN - 8]).into();
    let mut chain = header.check.get();
    let mut rest = &mut *records;
    while let Ok((record, body)) = RecordHeader::mut_from_prefix(rest) {
        let length = usize::from(record.length.get()).min(body.len());
        // One body in a few stays damaged.
        if record.reserved.get() & 3 != 3 {
            record.body_check = XxHash3_64::oneshot_with_seed(epoch, &body[..length]).into();
        }
        chain = XxHash3_64::oneshot_with_seed(chain, &record.as_bytes()[8..]);
        record.check = chain.into();
        rest = rest.get_mut(RECORD_LEN + length.next_multiple_of(8)..).unwrap_or_default();
    }
    let mut frame = header.as_bytes().to_vec();
    frame.extend_from_slice(records);
    frame.resize(length, 0);
    (frame, chain)
}

/// Bytes of a script that are read: every step reads the whole log, which grows.
const SCRIPT_MAX: usize = 1024;

/// Writes, damages, opens again, as the bytes say.
fn script(mode: u8, bytes: &[u8]) {
    let mut input = Input::new(&bytes[..bytes.len().min(SCRIPT_MAX)]);
    let mut rig = Rig::new(mode >> 3);
    rig.open();
    while !input.is_empty() {
        rig.step(&mut input);
    }
    rig.open();
    rig.goes_on();
}
