//! Every byte of a log, damaged.

use super::*;

/// The place and length of every frame of a log.
fn frames_of(disk: &MemoryDisk) -> Vec<(Place, u64)> {
    let mut frames = Vec::new();
    for segment in 1..=9 {
        let Some(bytes) = disk.bytes(segment) else { continue };
        for offset in (0..bytes.len()).step_by(SECTOR) {
            if let Some(header) = frame::FrameHeader::find(&bytes[offset..], 0xe1) {
                frames.push((Place { segment, offset: offset as u64 }, header.length.get().into()));
            }
        }
    }
    frames
}

/// What may come of a log with these records and damage at `place`. Within `torn`, a place and a length, it may
/// pass for what a power cut has left of a frame.
fn judge(place: Place, disk: &mut MemoryDisk, all: &[String], torn: Option<(Place, u64)>) {
    let kept = {
        let (mut journal, report, memory) = open(disk, 0xe2);
        let text = || format!("{place}: {report:?}");
        assert!(!report.is_clean(), "{}", text());
        let in_torn = torn.is_some_and(|(first, length)| {
            place.segment == first.segment && (first.offset..first.offset + length).contains(&place.offset)
        });
        if report.lost() {
            assert!(memory.forgot && memory.records.is_empty(), "{}", text());
            assert_eq!(journal.epoch(), 0xe2, "{}", text());
        } else if memory.records != all {
            let different: Vec<usize> =
                (0..all.len()).filter(|at| memory.records.get(*at) != Some(&all[*at])).collect();
            let has = |which: fn(&Fault) -> bool| report.findings.iter().any(|found| which(&found.what));
            if has(|what| matches!(what, Fault::Body { repaired: false, .. })) {
                assert_eq!((different.len(), memory.records.len()), (1, all.len()), "{}", text());
                let at = different[0];
                assert_eq!(Some(&memory.records[at]), damaged(&all[at]).as_ref(), "{}", text());
            } else {
                assert!(in_torn && has(|what| matches!(what, Fault::TornTail { .. })), "{}", text());
                assert!(
                    all.starts_with(&memory.records) && memory.records.len() + 3 >= all.len(),
                    "{}",
                    text()
                );
            }
        } else {
            let harmless =
                |what: &Fault| matches!(what, Fault::Padding | Fault::Unused { .. } | Fault::TornTail { .. });
            assert!(report.findings.iter().all(|finding| harmless(&finding.what)), "{}", text());
        }
        journal.commit(&mut frame(101)).expect("it goes on");
        [memory.records, lines_of([101])].concat()
    };
    let (_, report, memory) = open(disk, 0xe3);
    assert_eq!(memory.records, kept, "{place}: what was recovered is recovered again, and what followed");
    let torn = report.findings.iter().any(|finding| matches!(finding.what, Fault::TornTail { .. }));
    assert!(!torn && !report.lost() && report.epoch != 0xe3, "{place}: {report:?}");
}

/// Damages every byte of the segments from `first` on: bits of it turn over, or it becomes zero.
fn every_byte(disk: &MemoryDisk, first: u64, all: &[String]) {
    for segment in disk.clone().segments().expect("they are in memory").into_iter().filter(|at| *at >= first)
    {
        let bytes = disk.bytes(segment).expect("it is there").to_vec();
        for (offset, byte) in bytes.into_iter().enumerate() {
            for mask in [0xff, 1, byte].into_iter().filter(|mask| *mask != 0) {
                let (mut disk, offset) = (disk.clone(), offset as u64);
                disk.flip(segment, offset, mask);
                judge(Place { segment, offset }, &mut disk, all, None);
            }
        }
    }
}

#[test]
fn any_damaged_byte_of_a_log_is_found_and_costs_at_most_its_record_or_says_lost() {
    every_byte(&written(MemoryDisk::new(SEGMENT), 11), 1, &lines_of(1..=11));
}

#[test]
fn any_damaged_byte_is_found_whatever_the_last_frame_is_and_though_nothing_stands_behind_it() {
    for frames in 1..=10 {
        let disk = written(MemoryDisk::new(SEGMENT), frames);
        let last = disk.clone().segments().expect("they are in memory").len() as u64;
        every_byte(&disk, last, &lines_of(1..=frames));
    }
}

#[test]
fn any_damaged_byte_is_found_of_a_last_frame_whose_sectors_hold_zeros_or_a_single_byte() {
    let mut body = EntryHeader::new(7, 99, 1, 2000).as_bytes().to_vec();
    body.resize(body.len() + 2000, 0);
    body[1000] = 1;
    let mut frame = Frame::with_capacity(0);
    frame.accepted(2, ballot(2), false, Batch::parse(&body).expect("a batch of one entry"));
    let mut disk = written(MemoryDisk::new(SEGMENT), 1);
    open(&mut disk, 0xe2).0.commit(&mut frame.clone()).expect("it fails not");
    every_byte(&disk, 1, &[lines_of([1]), lines(&frame)].concat());
}

#[test]
fn a_sector_that_was_lost_or_took_the_place_of_another_is_found_as_a_damaged_byte_is() {
    let whole = written(MemoryDisk::new(SEGMENT), 11);
    let last = *frames_of(&whole).last().expect("frames");
    let all = lines_of(1..=11);
    let segments = whole.clone().segments().expect("they are in memory");
    let bytes: Vec<&[u8]> = segments.iter().filter_map(|segment| whole.bytes(*segment)).collect();
    let sectors: Vec<&[u8]> = bytes.iter().flat_map(|bytes| bytes.chunks(SECTOR)).collect();
    for (at, right) in sectors.iter().enumerate() {
        let per_segment = SEGMENT as usize / SECTOR;
        let (index, offset) = (at / per_segment, at % per_segment * SECTOR);
        let place = Place { segment: segments[index], offset: offset as u64 };
        for wrong in sectors.iter().filter(|wrong| *wrong != right) {
            if place == last.0 && *wrong == [0; SECTOR] {
                // A last frame of one sector that is gone cannot be told from one that never was: that is
                // why it is a mark.
                continue;
            }
            let mut damaged = bytes[index].to_vec();
            damaged[offset..offset + SECTOR].copy_from_slice(wrong);
            let mut disk = whole.clone();
            disk.put(segments[index], damaged);
            judge(place, &mut disk, &all, Some(last));
        }
    }
}

#[test]
fn any_damaged_byte_is_found_when_the_last_segment_has_a_header_and_no_frame() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 4);
    disk.fails_after = Some(3); // recovery's sync; the header's write and sync
    let (mut journal, _, _) = open(&mut disk, 0xe2);
    journal.commit(&mut frame(5)).expect_err("the write of the frame fails");
    disk.lose_power(|_| false);
    assert!(
        disk.bytes(2).is_some_and(|bytes| bytes[0] != 0 && bytes[SECTOR..].iter().all(|byte| *byte == 0))
    );
    let (_, report, memory) = open(&mut disk, 0xe2);
    assert!(report.is_clean() && memory.records == lines_of(1..=4), "{report:?}");
    // Now the last frame has something behind it that proves it.
    let all = lines_of(1..=4);
    for segment in [1, 2] {
        for offset in 0..SEGMENT {
            let mut disk = disk.clone();
            disk.flip(segment, offset, 0xff);
            judge(Place { segment, offset }, &mut disk, &all, None);
        }
    }
}

#[test]
fn a_damaged_body_is_told_with_its_place_and_as_repaired_when_the_instance_comes_again() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 3);
    let mut again = Frame::with_capacity(0);
    again.accepted(2, ballot(9), true, Batch::parse(&batch(5, 20)).unwrap());
    open(&mut disk, 0xe2).0.commit(&mut again).expect("room");
    open(&mut disk, 0xe2).0.commit(&mut frame(3)).expect("room");
    let (place, _) = frames_of(&disk)[1];
    let record = place.offset + frame::FRAME_LEN as u64;
    disk.flip(1, record + record::RECORD_LEN as u64 + 5, 1);
    let (_, report, memory) = open(&mut disk, 0xe2);
    let what = Fault::Body { instance: 2, ballot: ballot(2), decided: false, repaired: true };
    assert_eq!(report.findings, [Finding { place: Place { offset: record, ..place }, what }]);
    assert_eq!(
        report.findings[0].to_string(),
        format!(
            "segment 1, byte {record}: damaged: what was accepted for instance 2 in ballot 2.P1 cannot be \
             read; a later record repairs it"
        )
    );
    assert_eq!(memory.records[2], "accepted i2 of 2.P1: DAMAGED");
}

#[test]
fn a_look_at_a_log_goes_on_behind_a_loss() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 11);
    let (place, _) = frames_of(&disk)[3];
    disk.flip(place.segment, place.offset + 9, 1);
    let mut seen = Vec::new();
    let mut each = |_: Place, record: Record<'_>| {
        seen.push(line(&record));
        Ok(())
    };
    let (report, end) = scan(&mut disk, None, &mut each).expect("readable");
    assert_eq!(seen, [lines_of(1..=3), lines_of(5..=11)].concat());
    let what = Fault::Lost(Loss::Frame { number: 4 });
    assert_eq!(report.findings, [Finding { place, what }]);
    assert_eq!(end.map(|end| end.number), Some(12));
}

#[test]
fn a_damaged_body_that_only_a_torn_frame_proved_stays_proved_when_that_is_cut_off() {
    let mut disk = written(MemoryDisk::new(SEGMENT), 2);
    let (place, _) = frames_of(&disk)[1];
    disk.fails_after = Some(1); // after the sync of opening
    let (mut journal, _, _) = open(&mut disk, 0xe2);
    journal.commit(&mut frame(5)).expect_err("the disk fails");
    disk.lose_power(|_| true);
    disk.flip(place.segment, place.offset + frame::FRAME_LEN as u64 + 60, 1);
    let (_, _, first) = open(&mut disk, 0xe3);
    for _ in 0..3 {
        let (_, report, memory) = open(&mut disk, 0xe3);
        assert_eq!(memory, first, "{report:?}");
    }
}
