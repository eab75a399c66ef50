//! Disks that fail, and disks that are full.

use super::*;
use std::io::ErrorKind;

#[test]
fn the_first_error_is_final() {
    for allowed in 0..2 {
        let mut disk = written(MemoryDisk::new(SEGMENT), 1);
        let (mut journal, _, _) = open(&mut disk, 0xe2);
        journal.medium.fails_after = Some(allowed);
        let first = journal.commit(&mut frame(2)).expect_err("the disk fails");
        journal.medium.fails_after = None;
        let operations = journal.medium.operations;
        let second = journal.commit(&mut frame(2)).expect_err("it is not tried again");
        assert_eq!((first.kind(), first.to_string()), (second.kind(), second.to_string()));
        assert_eq!((journal.room(), journal.medium.operations), (0, operations));
    }
}

#[test]
fn an_opening_that_fails_says_so_and_the_next_one_finds_everything() {
    let whole = written(MemoryDisk::new(SEGMENT), 9);
    let mut disk = whole.clone();
    disk.fails_after = Some(0);
    let error = Journal::open(&mut disk, OWNER, 0xe2, &mut Memory::default()).map(|_| ()).expect_err("no");
    assert_eq!(error.to_string(), "the disk fails");
    disk.fails_after = None;
    assert_eq!(open(&mut disk, 0xe2).2.records, lines_of(1..=9));
}

#[test]
fn a_disk_without_space_for_a_log_is_refused() {
    let mut disk = MemoryDisk::new(SEGMENT);
    disk.full = true;
    let error = Journal::open(&mut disk, OWNER, 0xe2, &mut Memory::default()).map(|_| ()).expect_err("no");
    assert!(error.to_string().starts_with("no space for a log"), "{error}");
}

#[test]
fn a_lost_log_stays_where_it_is_until_there_is_space_for_a_new_one() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 9);
    disk.remove(1);
    let before = disk.segments().unwrap();
    disk.full = true;
    let error = Journal::open(&mut disk, OWNER, 0xe2, &mut Memory::default()).map(|_| ()).expect_err("no");
    assert!(error.to_string().starts_with("no space for a log"), "{error}");
    assert_eq!((disk.segments().unwrap(), disk.aside.len()), (before, 0));
    disk.full = false;
    assert!(open(&mut disk, 0xe3).2.forgot);
}

#[test]
fn on_a_full_disk_accepts_end_before_promises_do_and_space_brings_them_back() {
    let mut disk = MemoryDisk::new(64 * SEGMENT);
    let (mut journal, _, _) = open(&mut disk, 0xe1);
    assert_eq!(journal.room(), 60 * SEGMENT - SECTOR as u64);
    journal.medium.full = true;
    let accepts = |journal: &mut Journal<&mut MemoryDisk>| {
        let batch = batch(1, 1400);
        let mut count = 0;
        loop {
            let room = journal.room();
            let mut frame = Frame::with_capacity(0);
            if !frame.fits(batch.len(), room) {
                return count;
            }
            frame.accepted(1, ballot(1), false, Batch::parse(&batch).unwrap());
            assert!(frame.length() as u64 <= room);
            journal.commit(&mut frame).expect("the room was told");
            count += 1;
        }
    };
    let length = frame(5).length() as u64;
    assert_eq!(accepts(&mut journal), (60 * SEGMENT - SECTOR as u64) / length);
    journal.medium.full = false;
    assert_eq!(journal.room(), 60 * SEGMENT - SECTOR as u64, "space brings them back");
    journal.medium.full = true;
    let mut promises = 0;
    let error = loop {
        match journal.commit(&mut frame(6)) {
            Ok(()) => promises += 1,
            Err(error) => break error,
        }
    };
    assert!(promises >= 4 * SEGMENT / SECTOR as u64, "the reserve was theirs alone");
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    disk.full = false;
    let (mut journal, report, _) = open(&mut disk, 0xe2);
    assert!(report.is_clean(), "{report:?}");
    journal.commit(&mut frame(5)).expect("there is space again");
}
