//! From one segment to the next; whose log it is; which life of it.

use super::*;

fn refused(disk: &mut MemoryDisk, owner: Owner) -> String {
    let before = disk.clone();
    let mut memory = Memory::default();
    let error = Journal::open(&mut *disk, owner, 0xe9, &mut memory).map(|_| ()).expect_err("not ours");
    assert_eq!((disk.operations, disk.aside.len()), (before.operations, 0), "it was not touched");
    for segment in 1..9 {
        assert_eq!(disk.bytes(segment), before.bytes(segment));
    }
    error.to_string()
}

#[test]
fn records_come_back_in_order_over_many_segments_and_openings() {
    let mut disk = MemoryDisk::new(SEGMENT);
    for number in 1..=40 {
        let (mut journal, report, memory) = open(&mut disk, 0xe0 + number);
        assert_eq!(memory.records, lines_of(1..number));
        assert!(report.is_clean() && !memory.forgot, "{report:?}");
        assert_eq!((journal.epoch(), report.frames), (0xe1, number - 1));
        journal.commit(&mut frame(number)).expect("room");
        disk.lose_power(|_| false);
    }
    let (_, report, memory) = open(&mut disk, 0xff);
    assert_eq!(report.records, memory.records.len() as u64);
    assert!(report.segments >= 8 && report.owner == Some(OWNER));
}

#[test]
fn a_frame_that_fills_a_segment_to_its_last_byte_fits() {
    let mut disk = MemoryDisk::new(SEGMENT);
    let (mut journal, _, _) = open(&mut disk, 0xe1);
    let mut whole = Frame::with_capacity(0);
    let body = 2 * SECTOR - frame::FRAME_LEN - 2 * record::RECORD_LEN - 16;
    for number in 0..2 {
        whole.accepted(number, ballot(1), false, Batch::parse(&batch(number, (body - 36) / 2)).unwrap());
    }
    while whole.length() < SEGMENT as usize - SECTOR {
        whole.accepted(9, ballot(1), false, Batch::parse(&batch(9, 446)).unwrap());
    }
    assert_eq!(whole.length(), SEGMENT as usize - SECTOR);
    journal.commit(&mut whole.clone()).expect("it fits");
    journal.commit(&mut whole.clone()).expect("it fits the next one");
    let (_, report, memory) = open(&mut disk, 0xe2);
    assert_eq!((report.frames, report.segments), (2, 2));
    assert_eq!(memory.records, [lines(&whole), lines(&whole)].concat());
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_log_of_another_acceptor_or_cluster_is_refused_and_not_touched() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 9);
    assert_eq!(
        refused(&mut disk, Owner { acceptor: 3, ..OWNER }),
        "this is the memory of acceptor 2, not of acceptor 3; give each acceptor a directory of its own (`%i` \
         in its name stands for the id)"
    );
    assert_eq!(
        refused(&mut disk, Owner { cluster: 1, ..OWNER }),
        "this is the memory of acceptor 2 of cluster c1a57e50, and this is acceptor 2 of cluster 00000001; \
         name another directory, or go back to the groups, acceptors and mtu that it was written with"
    );
}

#[test]
fn a_log_of_another_format_is_refused_and_not_touched() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 2);
    let mut bytes = disk.remove(1).expect("it is there");
    bytes[7] = 3;
    let check = twox_hash::XxHash3_64::oneshot(&bytes[..SECTOR - 8]);
    bytes[SECTOR - 8..SECTOR].copy_from_slice(&check.to_be_bytes());
    disk.put(1, bytes);
    let text = refused(&mut disk, OWNER);
    assert!(text.starts_with("this is a log of format 3, and this program knows format 2"), "{text}");
}

#[test]
fn a_missing_segment_is_a_loss_and_what_is_left_is_set_aside() {
    let whole = written(MemoryDisk::new(SEGMENT), 20);
    let count = whole.clone().segments().unwrap().len() as u64;
    assert!(count >= 4);
    for missing in 1..count {
        let mut disk = whole.clone();
        disk.remove(missing);
        let (mut journal, report, memory) = open(&mut disk, 0xe2);
        let place = Place { segment: missing + 1, offset: 0 };
        assert_eq!(report.findings, [Finding { place, what: Fault::Lost(Loss::Missing) }]);
        assert!(memory.forgot && memory.records.is_empty());
        journal.commit(&mut frame(1)).expect("a new life");
        assert_eq!(disk.aside[0].len() as u64, count - 1);
        let (journal, report, memory) = open(&mut disk, 0xe3);
        assert!(report.is_clean() && journal.epoch() == 0xe2);
        assert_eq!(memory.records, lines_of([1]));
        assert_eq!(disk.segments().unwrap(), [count + 1], "no number is used twice");
    }
}

#[test]
fn a_segment_that_lost_its_end_is_a_loss() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 4);
    let mut bytes = disk.remove(1).expect("it is there");
    bytes.truncate(1000);
    disk.put(1, bytes);
    let (_, report, memory) = open(&mut disk, 0xe2);
    let place = Place { segment: 1, offset: 1000 };
    assert_eq!(report.findings[0], Finding { place, what: Fault::Lost(Loss::Shorter { length: SEGMENT }) });
    assert!(memory.forgot);
}

#[test]
fn a_segment_of_another_life_is_a_loss() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 9);
    let mut other = MemoryDisk::new(SEGMENT);
    let (mut journal, _, _) = open(&mut other, 0xd0);
    for number in 1..=9 {
        journal.commit(&mut frame(number)).expect("room");
    }
    disk.put(2, other.remove(2).expect("it is there"));
    disk.remove(3);
    let (_, report, memory) = open(&mut disk, 0xe2);
    let place = Place { segment: 2, offset: 0 };
    assert!(memory.forgot);
    assert!(report.findings.contains(&Finding { place, what: Fault::Lost(Loss::OtherEpoch) }), "{report:?}");
}

#[test]
fn a_new_life_has_no_record_of_the_old_one_though_it_gets_its_space() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 20);
    disk.remove(1);
    let (journal, _, _) = open(&mut disk, 0xe2);
    drop(journal);
    disk.recycled = disk.aside[0].iter().map(|(_, bytes)| bytes.clone()).collect();
    for number in 1..=20 {
        let (mut journal, report, memory) = open(&mut disk, 0xe3);
        assert!(!report.lost() && journal.epoch() == 0xe2, "{report:?}");
        assert_eq!(memory.records, lines_of(1..number));
        journal.commit(&mut frame(number)).expect("room");
    }
    assert!(disk.recycled.is_empty());
}

#[test]
fn a_segment_that_was_made_and_never_used_is_used() {
    let mut disk = MemoryDisk::new(SEGMENT);
    assert!(disk.create(4).unwrap() && disk.create(5).unwrap());
    let (_, report, _) = open(&mut disk, 0xe1);
    assert!(report.is_new() && report.is_clean(), "{report:?}");
    assert_eq!(disk.segments().unwrap(), [4, 5]);
    let (mut journal, report, _) = open(&mut disk, 0xe2);
    assert!(!report.is_new() && report.is_clean() && journal.epoch() == 0xe1);
    for number in 1..=6 {
        journal.commit(&mut frame(number)).expect("room");
    }
    assert_eq!(disk.segments().unwrap(), [4, 5]);
    assert_eq!(open(&mut disk, 0xe2).2.records, lines_of(1..=6));
}
