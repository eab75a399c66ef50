//! The power goes in the middle of a write, and any of its sectors survive.

use super::*;

/// Calls `each` with a copy of the disk for every set of unsynced sectors that may survive a power cut.
fn every_power_cut(disk: &MemoryDisk, mut each: impl FnMut(MemoryDisk, &str)) {
    let sectors = disk.pending();
    assert!(sectors <= 8, "{sectors} sectors have too many subsets");
    for set in 0..1_u32 << sectors {
        let mut disk = disk.clone();
        disk.lose_power(|sector| set >> sector & 1 == 1);
        each(disk, &format!("of {sectors} sectors {set:b} survive"));
    }
}

/// A log of `before` frames is on the disk, and perhaps all of the next one: nothing else may come back, and
/// the log goes on.
fn recovers(mut disk: MemoryDisk, before: u64, text: &str) {
    let (committed, whole) = (lines_of(1..=before), lines_of(1..=before + 1));
    let kept = {
        let (mut journal, report, memory) = open(&mut disk, 0xe2);
        assert!(!report.lost() && journal.epoch() == 0xe1, "{text}: {report:?}");
        assert!(memory.records == committed || memory.records == whole, "{text}: {:?}", memory.records);
        journal.commit(&mut frame(102)).expect("it goes on");
        memory.records
    };
    let zeros = disk.recycled.is_empty();
    let (_, report, memory) = open(&mut disk, 0xe2);
    assert_eq!(memory.records, [kept, lines_of([102])].concat(), "{text}");
    assert!(!report.lost() && (!zeros || report.is_clean()), "{text}: {report:?}");
}

/// Goes on with a log of `begun` frames, frame by frame, and lets the power go at every operation on the way,
/// also at those of the recovery that follows.
fn every_crash(mut disk: MemoryDisk, begun: u64) {
    for before in begun..=10 {
        for allowed in 0.. {
            let mut crashing = disk.clone();
            let (mut journal, _, _) = open(&mut crashing, 0xe2);
            journal.medium.fails_after = Some(allowed);
            if journal.commit(&mut frame(before + 1)).is_ok() {
                crashing.lose_power(|_| false);
                recovers(crashing, before + 1, "all was synced");
                break;
            }
            every_power_cut(&crashing, |disk, text| {
                let text = format!("frame {}, operation {allowed}, {text}", before + 1);
                recovers(disk.clone(), before, &text);
                every_crash_of_recovery(&disk, before, &text);
            });
        }
        let (mut journal, _, _) = open(&mut disk, 0xe2);
        journal.commit(&mut frame(before + 1)).expect("it fails not");
    }
}

fn every_crash_of_recovery(disk: &MemoryDisk, before: u64, text: &str) {
    for allowed in 0.. {
        let mut crashing = disk.clone();
        crashing.fails_after = Some(allowed);
        if Journal::open(&mut crashing, OWNER, 0xe2, &mut Memory::default()).is_ok() {
            break;
        }
        every_power_cut(&crashing, |disk, again| {
            recovers(disk, before, &format!("{text}; recovery, operation {allowed}, {again}"));
        });
    }
}

#[test]
fn a_frame_is_all_there_or_not_at_all_whichever_sectors_survive_and_whenever_the_power_goes() {
    every_crash(written(MemoryDisk::new(SEGMENT), 0), 0);
}

#[test]
fn a_frame_is_all_there_or_not_at_all_in_space_full_of_frames_of_an_earlier_epoch() {
    let mut old = MemoryDisk::new(SEGMENT);
    let (mut journal, _, _) = open(&mut old, 0xd0);
    for number in 1..=20 {
        journal.commit(&mut frame(number)).expect("it fails not");
    }
    let mut disk = MemoryDisk::new(SEGMENT);
    disk.recycled = [5, 4, 3, 2].into_iter().filter_map(|segment| old.remove(segment)).collect();
    assert_eq!(disk.recycled.len(), 4);
    every_crash(written(disk, 0), 0);
}

#[test]
fn a_frame_is_all_there_or_not_at_all_in_space_full_of_earlier_frames_of_the_same_epoch() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 4);
    disk.recycled = vec![disk.bytes(1).expect("it is there").to_vec(); 3];
    every_crash(disk, 4);
}

#[test]
fn what_a_longer_frame_left_behind_a_shorter_one_neither_comes_back_nor_looks_like_damage() {
    let before = written(MemoryDisk::new(SEGMENT), 2);
    // Frame 3 is torn: all but its first sector survive.
    let mut disk = before.clone();
    let mut long = Frame::with_capacity(0);
    for number in 0..5 {
        long.accepted(number, ballot(3), false, Batch::parse(&batch(number, 430)).unwrap());
    }
    let (mut journal, _, _) = open(&mut disk, 0xe2);
    journal.medium.fails_after = Some(1);
    journal.commit(&mut long).expect_err("the sync fails");
    assert_eq!(disk.pending(), 5);
    disk.lose_power(|sector| sector > 0);
    // A frame of the same number and one sector takes its place.
    let (mut journal, report, _) = open(&mut disk, 0xe2);
    let end = 3 * SECTOR as u64;
    assert_eq!(report.findings[0].place, Place { segment: 1, offset: end });
    assert!(matches!(report.findings[..], [Finding { what: Fault::TornTail { .. }, .. }]), "{report:?}");
    journal.commit(&mut frame(3)).expect("it goes on");
    let (_, report, memory) = open(&mut disk, 0xe2);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((memory.records, report.frames), (lines_of(1..=3), 3));
}

/// A sector with one byte in it that is not zero, or a damaged one with none: the padding tells them apart.
#[test]
fn a_torn_frame_is_no_damage_though_next_to_nothing_of_it_is_missing() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 2);
    let mut frame = Frame::with_capacity(0);
    frame.accepted(9, ballot(3), false, Batch::parse(&batch(9, 352)).unwrap());
    frame.decided(1); // its number alone lies in the second sector
    let (mut journal, _, _) = open(&mut disk, 0xe2);
    journal.medium.fails_after = Some(1);
    journal.commit(&mut frame).expect_err("the sync fails");
    assert_eq!(disk.pending(), 2);
    disk.lose_power(|sector| sector == 0);
    let (_, report, memory) = open(&mut disk, 0xe2);
    assert!(matches!(report.findings[..], [Finding { what: Fault::TornTail { .. }, .. }]), "{report:?}");
    assert_eq!(memory.records, lines_of(1..=2));
}

#[test]
fn what_a_killed_process_wrote_and_did_not_sync_is_durable_once_it_was_recovered() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 3);
    let (mut journal, _, _) = open(&mut disk, 0xe2);
    journal.medium.fails_after = Some(1);
    journal.commit(&mut frame(4)).expect_err("killed before the sync");
    disk.fails_after = None;
    assert_eq!(open(&mut disk, 0xe2).2.records, lines_of(1..=4));
    disk.lose_power(|_| false);
    assert_eq!(open(&mut disk, 0xe2).2.records, lines_of(1..=4));
}
